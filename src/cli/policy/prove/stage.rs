//! The private gateway: the very program that proves, run as `serve` on loopback by the rewritten
//! configuration, with a journal, a broker and a folder of its own.
//!
//! Nothing of the surroundings reaches it: no variable of the environment, no secret, no file but
//! its own and those of policies. It logs everything it can (`RUST_LOG=trace`), and all of it goes
//! into files of the folder. The folder is its owner's alone and is gone at the end.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::private::{Place, fresh_secret, rewritten, write};
use crate::bounds;
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{self, Config, Environment};
use crate::providers::Providers;
use crate::publish::Embedded;

/// Everything that runs, and where.
pub(super) struct Stage {
    /// Its own configuration, as it reads it.
    pub(super) config: Config,
    /// Where all of it lies.
    pub(super) place: Place,
    /// Plain tokens of operators.
    pub(super) tokens: Vec<String>,
    /// Where deliveries come in.
    pub(super) public: SocketAddr,
    /// Where operators ask.
    pub(super) admin: SocketAddr,
    gateway: Gateway,
    /// Dropped last, after what uses it.
    _broker: Embedded,
    _folder: TempDir,
}

/// The process; ended when it is dropped.
struct Gateway {
    child: Child,
    hearing: Option<JoinHandle<std::io::Result<()>>>,
}

/// Partitions of each embedded topic.
const PARTITIONS: i32 = 4;

/// What the gateway says when it takes deliveries.
#[derive(Deserialize)]
struct Ready {
    message: String,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Stage {
    /// Sets it up from a configuration file, and starts the gateway.
    ///
    /// # Errors
    /// 78 for a configuration with mistakes, 1 for what keeps the private gateway from starting.
    pub(super) fn set(path: &Path, program: &Path) -> Result<Self, Failure> {
        let wrong = |mistakes| Failure::Configuration(path.to_owned(), mistakes);
        let variables = Environment::new(std::env::vars_os());
        let tables = config::tables(path, &variables).map_err(wrong)?;
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let place = Place { root: folder.path().to_owned() };
        let broker = Embedded::start("video", PARTITIONS).context("there is nothing to read")?;
        let beside = std::path::absolute(path).context("the configuration's folder")?;
        let beside = beside.parent().unwrap_or(Path::new("/"));
        let tokens = written(&place, |place| rewritten(tables, beside, place, broker.brokers()))
            .context("the private folder cannot be written")?;
        let (none, now) = (Environment::default(), Clock::system().now());
        let config =
            config::load(&place.config(), &none, &Providers::standard(), now).map_err(wrong)?;
        let (gateway, ready) = Gateway::start(program, &place)?;
        Ok(Self {
            config,
            place,
            tokens,
            public: ready.public,
            admin: ready.admin,
            gateway,
            _broker: broker,
            _folder: folder,
        })
    }

    /// Tells the gateway to stop, and waits until it has said its last word.
    pub(super) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.gateway.stop()
    }
}

/// Writes the private folder; the plain tokens.
fn written(
    place: &Place,
    table: impl FnOnce(&Place) -> std::io::Result<toml::Table>,
) -> std::io::Result<Vec<String>> {
    place.work().iter().try_for_each(std::fs::create_dir)?;
    let tokens: Vec<_> = (0..bounds::PROOF_TOKENS).map(|_| fresh_secret()).collect();
    let lines = (0..).zip(&tokens).map(|(number, token)| {
        let digest =
            Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("proof-{number}:operator:{digest}\n")
    });
    write(&place.root.join("tokens"), lines.collect::<String>().as_bytes())?;
    let table = table(place)?;
    write(&place.config(), table.to_string().as_bytes())?;
    Ok(tokens)
}

impl Gateway {
    fn start(program: &Path, place: &Place) -> anyhow::Result<(Self, Ready)> {
        let [work, tmp] = place.work();
        let [stdout, stderr] = place.said();
        let mut child = Command::new(program)
            .args(["--log-format", "json", "serve", "--config"])
            .arg(place.config())
            .env_clear()
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("TMPDIR", tmp)
            .env("HOME", &work)
            .current_dir(work)
            .stdin(Stdio::null())
            .stdout(File::create(stdout)?)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let said = child.stderr.take().context("its log cannot be read")?;
        let log = File::create(&stderr)?;
        let (tell, told) = mpsc::sync_channel(1);
        let hearing = std::thread::Builder::new()
            .name("proof-log".to_owned())
            .spawn(move || hear(said, log, &tell))?;
        let gateway = Self { child, hearing: Some(hearing) };
        match told.recv_timeout(bounds::PROOF_START) {
            Ok(ready) => Ok((gateway, ready)),
            Err(_) => {
                drop(gateway);
                let said = std::fs::read(&stderr).unwrap_or_default();
                let from = said.len().saturating_sub(bounds::PROOF_LAST_WORDS);
                let last = String::from_utf8_lossy(said.get(from..).unwrap_or_default());
                bail!("the private gateway does not start; it said last:\n{last}")
            }
        }
    }

    fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let id = id.context("the private gateway has no id")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let (tell, told) = mpsc::sync_channel(1);
        let hearing = self.hearing.take();
        // Its log ends when it does.
        std::thread::Builder::new().name("proof-end".to_owned()).spawn(move || {
            let _ = tell.send(hearing.map(JoinHandle::join));
        })?;
        match told.recv_timeout(bounds::PROOF_START) {
            Ok(Some(Ok(heard))) => heard.context("its log could not be kept")?,
            Ok(_) => bail!("its log could not be kept"),
            Err(_) => {
                self.child.kill()?;
                return Err(anyhow!("the private gateway does not stop"));
            }
        }
        Ok(self.child.wait()?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(hearing) = self.hearing.take() {
            let _ = hearing.join();
        }
    }
}

/// Keeps what is said, and tells when it says that it takes deliveries.
fn hear(said: ChildStderr, mut log: File, tell: &mpsc::SyncSender<Ready>) -> std::io::Result<()> {
    let mut said = BufReader::with_capacity(64 * 1024, said);
    let mut line = Vec::new();
    let mut is_ready = false;
    while said.read_until(b'\n', &mut line)? > 0 {
        log.write_all(&line)?;
        if !is_ready && let Ok(ready) = serde_json::from_slice::<Ready>(&line) {
            is_ready = ready.message == "deliveries are taken";
            if is_ready {
                let _ = tell.send(ready);
            }
        }
        line.clear();
    }
    log.flush()
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn digest(program: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(program)?;
    std::io::copy(&mut file, &mut Writes(&mut hash))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Writes<'h>(&'h mut Sha256);

impl Write for Writes<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
