//! Apache Kafka as a process: started once for a run, broken by the chapters, ended with the run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::task::spawn_blocking;

/// A broker in a folder of its own.
pub(crate) struct Broker {
    dir: PathBuf,
    pub(crate) address: String,
}

impl Broker {
    pub(crate) async fn start(dir: PathBuf) -> Result<Self> {
        let mut broker = Self { dir, address: String::new() };
        broker.address = broker.order("start").await?;
        Ok(broker)
    }

    /// Whatever a chapter left behind: a broker that answers.
    pub(crate) async fn heal(&self) -> Result<()> {
        let verb = if self.dir.join("pid").exists() { "thaw" } else { "restart" };
        self.order(verb).await.map(drop)
    }

    /// One verb of tests/kafka/broker; what it printed.
    pub(crate) async fn order(&self, verb: &'static str) -> Result<String> {
        let dir = self.dir.clone();
        spawn_blocking(move || script(&dir, verb)).await?
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.dir.join("pid").exists() {
            // Also one that stands still.
            let _ = script(&self.dir, "stop");
        }
    }
}

fn script(dir: &Path, verb: &str) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker");
    let output = Command::new(script).arg(verb).arg(dir).output();
    let output = output.context("tests/kafka/broker cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tests/kafka/broker {verb}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
