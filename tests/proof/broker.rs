//! A real Apache Kafka in a folder of its own, for a test that harms it.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

/// The broker: ended, and its folder deleted, with this.
pub(crate) struct Broker(PathBuf);

impl Broker {
    /// Starts one; where it answers.
    pub(crate) async fn start(whose: &str) -> (Self, String) {
        let name = format!("{whose}-{:016x}", rand::random::<u64>());
        let broker = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kafka").join(name));
        let address = broker.order("start").await;
        (broker, address.trim().to_owned())
    }

    /// What `tests/kafka/broker` knows: `kill`, `restart`, …
    pub(crate) async fn order(&self, verb: &'static str) -> String {
        let dir = self.0.clone();
        spawn_blocking(move || script(&dir, verb)).await.unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.0.join("pid").exists() {
            script(&self.0, "kill");
        }
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

fn script(dir: &Path, verb: &str) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker");
    let output = std::process::Command::new(script).arg(verb).arg(dir).output();
    let output = output.expect("tests/kafka/broker runs");
    assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
