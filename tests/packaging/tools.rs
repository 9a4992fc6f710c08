//! The tools, and what they say.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program that is deployed.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hookgate");

/// A file of the project.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a file of the project holds.
#[track_caller]
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A tool that `tests/packaging/tools` fetches.
#[track_caller]
pub(crate) fn fetched(name: &str) -> Command {
    let path = file("target/tools/bin").join(name);
    assert!(path.exists(), "{name} is not there: run tests/packaging/tools");
    Command::new(path)
}

/// Its output, good or not.
#[track_caller]
pub(crate) fn ran(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What it prints; it must be content.
#[track_caller]
pub(crate) fn good(command: &mut Command) -> String {
    let output = ran(command);
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}\n{printed}\n{said}");
    printed.into_owned()
}

/// What it complains of; it must.
#[track_caller]
pub(crate) fn bad(command: &mut Command) -> String {
    let output = ran(command);
    assert!(!output.status.success(), "{command:?} finds nothing wrong");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The documents of a YAML file, read as strictly as its readers can.
#[track_caller]
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let printed = good(fetched("strict").arg("json").arg(path));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `check-config` on a text whose secrets lie below `from`: each file that it names is made.
pub(crate) struct Checked {
    folder: tempfile::TempDir,
}

impl Checked {
    /// Writes the text and a secret for each `file` in it.
    pub(crate) fn new(text: &str, from: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_str().unwrap();
        for name in named_below(text, from) {
            let path = folder.path().join(&name);
            std::fs::write(&path, secret(&name)).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        }
        let text = certified(text, folder.path());
        let text = text.replace(from, &format!("{here}/"));
        std::fs::write(folder.path().join("hookgate.toml"), text).unwrap();
        Self { folder }
    }

    /// Where the text is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("hookgate.toml")
    }

    /// The command.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().arg("check-config").arg("--config").arg(self.path());
        command
    }
}

/// The text with a certificate of its own for each listener that the chart gives one.
fn certified(text: &str, folder: &Path) -> String {
    for listener in ["server", "admin"] {
        let here = folder.join("tls").join(listener);
        std::fs::create_dir_all(&here).unwrap();
        let pair = rcgen::generate_simple_self_signed(["gate.example.invalid".to_owned()]).unwrap();
        let (cert, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        for (file, text) in [("tls.crt", &cert), ("ca.crt", &cert), ("tls.key", &key)] {
            std::fs::write(here.join(file), text).unwrap();
            std::fs::set_permissions(here.join(file), Permissions::from_mode(0o400)).unwrap();
        }
    }
    text.replace("/run/tls/", &format!("{}/tls/", folder.to_str().unwrap()))
}

/// The files that a text names below a folder.
pub(crate) fn named_below(text: &str, folder: &str) -> Vec<String> {
    let ends = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.');
    let names = text.split(folder).skip(1).map(|rest| rest.split(ends).next().unwrap().to_owned());
    let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    names
}

/// A secret that fits its name.
fn secret(name: &str) -> String {
    match name {
        "pseudonym" => "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=".to_owned(),
        "admin-tokens" => format!("alice:operator:{}\n", "0a".repeat(32)),
        "daily" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        _ => "ERERERERERERERERERERERERERERERERERERERERERE=".to_owned(),
    }
}
