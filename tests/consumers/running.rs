//! One run of a consumer as a process, and its end: by SIGTERM, or killed.

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::judge::Told;
use crate::proof::PATIENCE;

/// It runs, and what it says is read only when it is asked for.
pub(crate) struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    code: i32,
    log: std::path::PathBuf,
}

impl Running {
    /// Starts it; `code` is what SIGTERM must give, `log` where its complaints go.
    pub(crate) fn start(mut command: Command, code: i32, log: &Path) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said, code, log: log.to_owned() }
    }

    /// What it says of the next records, so many.
    pub(crate) async fn told(&mut self, count: usize) -> Result<Vec<Told>, String> {
        let mut told = Vec::new();
        while told.len() < count {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.said.read_line(&mut line)).await;
            match read {
                Ok(Ok(0)) => return Err(self.complaint("it ended by itself")),
                Ok(Ok(_)) => told.push(Told::read(line.trim_end())?),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => {
                    let short = format!("only {} of {count} records are told of", told.len());
                    return Err(self.complaint(&short));
                }
            }
        }
        Ok(told)
    }

    /// The same of one record.
    pub(crate) async fn next(&mut self) -> Result<Told, String> {
        Ok(self.told(1).await?.remove(0))
    }

    /// With the end of its log.
    pub(crate) fn complaint(&self, what: &str) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(30).collect();
        format!("{what}; its log ends:\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let id = self.child.id().ok_or_else(|| self.complaint("it ended by itself"))?;
        let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        kill_process(id, signal).map_err(|error| error.to_string())
    }

    /// Kills it at once; what it had said by then.
    pub(crate) async fn killed(mut self) -> Result<Vec<Told>, String> {
        self.child.kill().await.unwrap();
        self.rest().await
    }

    /// Asks it to end, and it must end well; what it said until then.
    pub(crate) async fn ended(mut self) -> Result<Vec<Told>, String> {
        self.signal(Signal::TERM)?;
        let rest = timeout(PATIENCE, self.rest()).await;
        let rest = rest.map_err(|_| self.complaint("SIGTERM does not end it"))??;
        let status = self.child.wait().await.unwrap();
        if status.code() == Some(self.code) {
            return Ok(rest);
        }
        Err(self.complaint(&format!("it ended with {status}, not {}", self.code)))
    }

    /// The same, where it has nothing more to say.
    pub(crate) async fn stopped(self) -> Result<(), String> {
        let rest = self.ended().await?;
        if rest.is_empty() { Ok(()) } else { Err(format!("it spoke of more than came: {rest:?}")) }
    }

    async fn rest(&mut self) -> Result<Vec<Told>, String> {
        let mut rest = Vec::new();
        self.said.read_to_end(&mut rest).await.unwrap();
        let rest = String::from_utf8(rest).unwrap();
        // A line without its end was under way when it was killed.
        let whole = rest.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| Told::read(line.trim_end())).collect()
    }
}
