//! What is deployed, in a bare Debian root: the image's lines, and the Debian package.

use std::process::Command;
use std::sync::Mutex;

use crate::tools::{PROGRAM, file, good, text};

/// One root at a time.
static TURN: Mutex<()> = Mutex::new(());

fn bare_root(verb: &str) -> String {
    let _turn = TURN.lock();
    good(Command::new(file("tests/packaging/bare-root")).args([verb, PROGRAM]))
}

#[test]
fn the_image_serves_by_its_own_user_on_a_read_only_root() {
    let said = bare_root("image");
    assert!(said.contains("as user 10001 on a read-only root: /usr/bin/hookgate serve"), "{said}");
    assert!(said.contains("its health check tells: /usr/bin/hookgate status --quiet"), "{said}");
    assert!(said.contains("empty sources satisfy the manifests"), "{said}");
}

#[test]
fn the_debian_package_is_installed_upgraded_removed_and_purged() {
    let said = bare_root("package");
    assert!(said.contains(concat!("hookgate_", env!("CARGO_PKG_VERSION"), "-1_")), "{said}");
    assert!(said.contains("upgraded, removed and purged"), "{said}");
}

#[test]
fn the_debian_package_says_its_licence_and_holds_what_an_operator_is_sent_to() {
    let _turn = TURN.lock();
    let built = good(Command::new(file("deploy/debian/build")).arg(PROGRAM));
    let package = file(built.trim());
    let folder = tempfile::tempdir().unwrap();
    good(Command::new("dpkg-deb").arg("-x").arg(&package).arg(folder.path()));
    let held = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let copyright = held("usr/share/doc/hookgate/copyright");
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let licence = manifest["package"]["license"].as_str().unwrap();
    for line in ["Files: *".to_owned(), format!("License: {licence}")] {
        assert!(copyright.lines().any(|said| said == line), "{line}: {copyright}");
    }
    assert!(copyright.contains(&format!("/usr/share/common-licenses/{licence}")));
    assert_eq!(held("usr/share/doc/hookgate/runbook.md"), text("deploy/runbook.md"));
    assert_eq!(held("usr/lib/hookgate/with-credentials"), text("deploy/with-credentials"));
}

#[test]
fn what_the_image_copies_is_in_its_context_and_nothing_else_is() {
    let ignored = text("deploy/Dockerfile.dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "first of all nothing");
    let mut let_in: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    let image = text("deploy/Dockerfile");
    let copies = image.lines().filter_map(|line| line.strip_prefix("COPY "));
    let from_here = copies.filter(|copy| !copy.starts_with("--from"));
    let mut copied: Vec<&str> =
        from_here.flat_map(|copy| copy.rsplit_once(' ').unwrap().0.split(' ')).collect();
    let_in.sort_unstable();
    copied.sort_unstable();
    assert_eq!(let_in, copied);
    assert!(copied.iter().all(|path| file(path).exists()));
}
