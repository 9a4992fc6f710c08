//! The four consumers: how each is started, and how it ends.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// One of them.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    /// What SIGTERM gives: 0, but a JVM says 143 even where it ended well.
    pub(crate) code: i32,
    /// Where a broken one's source is, as long as it is used.
    _folder: Option<tempfile::TempDir>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn made(path: &str) -> PathBuf {
    let path = root().join("target/consumers").join(path);
    assert!(path.exists(), "{} is not there: run tests/consumers/tools", path.display());
    path
}

/// What was made is of the source that stands in `deploy/`.
fn assert_made_of(source: &str) {
    let ours = std::fs::read(root().join("deploy/consumers").join(source)).unwrap();
    let theirs = std::fs::read(made(source)).unwrap();
    assert!(ours == theirs, "{source} was changed since: run tests/consumers/tools");
}

impl Language {
    fn of(name: &'static str, source: &str, program: PathBuf, arguments: Vec<String>) -> Self {
        assert_made_of(source);
        Self { name, program, arguments, code: 0, _folder: None }
    }

    pub(crate) fn python() -> Self {
        let source = "python/consumer.py";
        let arguments = vec![made(source).display().to_string()];
        Self::of("python", source, made("python/venv/bin/python"), arguments)
    }

    pub(crate) fn java() -> Self {
        let target = made("java/target").display().to_string();
        let path = format!("{target}/consumer.jar:{target}/lib/*");
        let arguments = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &path];
        let mut arguments = arguments.map(str::to_owned).to_vec();
        arguments.push("Consumer".to_owned());
        let java =
            Self::of("java", "java/src/main/java/Consumer.java", PathBuf::from("java"), arguments);
        Self { code: 143, ..java }
    }

    pub(crate) fn typescript() -> Self {
        let source = "typescript/consumer.ts";
        let arguments = vec![made(source).display().to_string()];
        Self::of("typescript", source, made("typescript/node"), arguments)
    }

    pub(crate) fn rust() -> Self {
        Self::of("rust", "rust/src/main.rs", made("rust-target/debug/consumer"), Vec::new())
    }

    /// The Python one with a change.
    pub(crate) fn broken(from: &str, to: &str) -> Self {
        let whole = Self::python();
        let text = std::fs::read_to_string(made("python/consumer.py")).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consumer.py");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let arguments = vec![path.display().to_string()];
        Self { name: "broken", arguments, _folder: Some(folder), ..whole }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}
