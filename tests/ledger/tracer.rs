//! Faults between the gateway and its disk, put there by strace.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::proof::PATIENCE;

/// A tracer, as long as this lives.
pub(crate) struct Tracer(Child);

impl Tracer {
    /// Lets every fsync of a process fail from now on.
    pub(crate) async fn fail_fsync(id: u32) -> Result<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-p", &id.to_string()]);
        strace.args(["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"]);
        strace.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = strace.spawn().context("strace is needed: apt-get install strace")?;
        let mut lines = BufReader::new(child.stderr.take().context("its words")?).lines();
        let mut said = String::new();
        while !said.contains(" attached") {
            let line = timeout(PATIENCE, lines.next_line()).await.context("strace is silent")??;
            let Some(line) = line else {
                bail!("strace cannot attach; ptrace must be allowed here. It said: {said}");
            };
            said += &line;
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self(child))
    }

    /// Waits until it ends with the process that it traced.
    pub(crate) async fn ended(mut self) -> Result<()> {
        timeout(PATIENCE, self.0.wait()).await.context("strace does not end")??;
        Ok(())
    }
}
