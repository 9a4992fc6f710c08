//! The tools that judge, as `tests/deploy/tools` brings them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let output = Command::new(root().join("tests/deploy/tools")).output();
    let output = output.expect("tests/deploy/tools can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the tools are missing: {said}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
});

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What stands in a file of the project.
pub(crate) fn text(file: &str) -> String {
    let path = root().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// One of the tools.
pub(crate) fn tool(name: &str) -> PathBuf {
    FOLDER.join(name)
}

/// A tool that must agree; what it says.
#[track_caller]
pub(crate) fn agrees(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(tool(name)).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name} {}\n{out}\n{err}", arguments.join(" "));
    out
}
