//! `hookgate serve` as a process, on ports that stay the same over its lives, with a clock that can
//! be stepped (faketime; the monotonic one is left alone).

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hookgate::clock::Clock;
use hookgate::config;
use hookgate::providers::Providers;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use crate::disk::run;
use crate::plan::Plan;
use crate::proof::road::Road;
use crate::proof::wire::Client;
use crate::proof::{LOOK, PATIENCE};

const TEXT: &str = r#"
[server]
instance = "gate-ledger"
listen = "PUBLIC"
drain_grace = "500ms"
drain_deadline = "20s"
[admin]
listen = "ADMIN"
[journal]
dir = "DIR"
[kafka]
brokers = "BROKERS"
topic_prefix = "PREFIX"
DELIVERY
MORE
properties = { "socket.timeout.ms" = 5000 }
[keys]
identity = { env = "IDENTITY_KEY" }
pseudonym = { env = "PSEUDONYM_KEY" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-ledger"
secrets = [ { env = "DAILY_SECRET" } ]
rate = { per_second = 20000, burst = 20000 }
role_labels = ["Patient"]
room_name = "^consult-[0-9a-f]{8}$"
[[source]]
name = "livekit"
provider = "livekit"
tenant = "tenant-ledger"
keys = [ { api_key = "APIfixture", secret = { env = "LIVEKIT_SECRET" } } ]
rate = { per_second = 20000, burst = 20000 }
role_labels = ["Patient"]
room_name = "^consult-[0-9a-f]{8}$"
"#;

const ENVIRONMENT: [(&str, &str); 4] = [
    ("IDENTITY_KEY", "ERERERERERERERERERERERERERERERERERERERERERE="),
    ("PSEUDONYM_KEY", "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI="),
    ("DAILY_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ("LIVEKIT_SECRET", "fixture-secret-of-at-least-32-characters"),
];

/// Longer than the longest backlog takes.
const BACKLOG: Duration = Duration::from_secs(300);

/// Lets the broker's topics be made by the gateway.
pub(crate) const CREATE: &str = "create_topics = true\npartitions = 4\nreplication_factor = 1";

/// Everything that a gateway needs and that outlives it.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) folder: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) prefix: String,
    pub(crate) brokers: String,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    program: PathBuf,
    text: String,
    stepped: bool,
}

impl House {
    /// Writes the configuration. `more` are further lines of `[kafka]`; `stepped` puts the gateway
    /// under a clock of its own.
    pub(crate) fn build(
        plan: &Plan,
        folder: &Path,
        journal: &Path,
        (brokers, prefix): (&str, &str),
        more: &str,
        stepped: bool,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (public, admin) = (free_port()?, free_port()?);
        let text = TEXT
            .replace("PUBLIC", &public.to_string())
            .replace("ADMIN", &admin.to_string())
            .replace("DIR", journal.to_str().context("a path in UTF-8")?)
            .replace("BROKERS", brokers)
            .replace("PREFIX", prefix)
            .replace("MORE", more);
        let house = Self {
            folder: folder.to_owned(),
            journal: journal.to_owned(),
            prefix: prefix.to_owned(),
            brokers: brokers.to_owned(),
            public,
            admin,
            program: plan.program(),
            text: text.clone(),
            stepped,
        };
        let delivery = format!("delivery = \"{}\"", plan.delivery);
        std::fs::write(house.file(), text.replace("DELIVERY", &delivery))?;
        if stepped {
            house.step(0)?;
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/waits.c");
            let mut cc = std::process::Command::new("cc");
            cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(house.waits()).arg(source);
            run(&mut cc)?;
        }
        Ok(house)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("hookgate.toml")
    }

    /// waits.c, compiled.
    fn waits(&self) -> PathBuf {
        self.folder.join("waits.so")
    }

    fn sky(&self) -> PathBuf {
        self.folder.join("clock")
    }

    /// Sets the gateway's clock so many seconds from ours.
    pub(crate) fn step(&self, seconds: i64) -> Result<()> {
        let part = self.folder.join("clock.part");
        std::fs::write(&part, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(part, self.sky())?)
    }

    /// The rules that say what must come out.
    pub(crate) fn roads(&self) -> Vec<Road> {
        let text = self.text.replace("DELIVERY", "");
        let env = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let now = Clock::system().now();
        let parsed = config::parse(&text, Path::new("."), &env, &Providers::standard(), now);
        Road::all(parsed.unwrap_or_else(|mistakes| panic!("{mistakes}")))
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.envs(ENVIRONMENT).env_remove("RUST_LOG").kill_on_drop(true);
        command.args(["--log-format", "json", "serve", "--config"]).arg(self.file());
        if self.stepped {
            let mut preload = self.waits().into_os_string();
            preload.push(":");
            preload.push(faketime()?);
            command.env("LD_PRELOAD", preload);
            command.env("FAKETIME_TIMESTAMP_FILE", self.sky());
            command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        Ok(command)
    }
}

/// The library that Debian's package brings.
fn faketime() -> Result<PathBuf> {
    let place = |arch: &str| format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketimeMT.so.1");
    let places = ["x86_64", "aarch64"].map(place).map(PathBuf::from);
    let found = places.into_iter().find(|place| place.exists());
    found.context("libfaketime is needed here: apt-get install faketime")
}

/// A port below those that the kernel lends to clients.
pub(crate) fn free_port() -> Result<SocketAddr> {
    for _ in 0..200 {
        let port = rand::random_range(20_000..32_000);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port between 20000 and 32000")
}

/// A running `hookgate serve`.
pub(crate) struct Gate {
    child: Child,
    said: watch::Receiver<Vec<Value>>,
    admin: SocketAddr,
}

impl Gate {
    /// Starts it; returns at once. `more` overrides configuration as variables do.
    pub(crate) fn spawn(house: &House, more: &[(&str, String)]) -> Result<Self> {
        let mut command = house.command()?;
        for (name, value) in more {
            command.env(name, value);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().context("the program cannot run")?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let (say, said) = watch::channel(Vec::new());
        let mut file =
            OpenOptions::new().create(true).append(true).open(house.folder.join("gate.log"))?;
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = writeln!(file, "{line}");
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                say.send_modify(|said| said.push(line));
            }
        });
        let admin = more.iter().find(|(name, _)| *name == "HOOKGATE__ADMIN__LISTEN");
        let admin = admin.map_or(Ok(house.admin), |(_, value)| value.parse())?;
        Ok(Self { child, said, admin })
    }

    /// Waits until deliveries are taken; `false` if it ended instead.
    pub(crate) async fn opens(&self) -> bool {
        let mut said = self.said.clone();
        let opened = said.wait_for(|said| says(said, "running until a signal comes"));
        matches!(timeout(PATIENCE, opened).await, Ok(Ok(_)))
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("it has ended")
    }

    /// What it has logged.
    pub(crate) fn said(&self) -> Vec<Value> {
        self.said.borrow().clone()
    }

    /// The same in one piece.
    pub(crate) fn words(&self) -> String {
        let said = self.said.borrow();
        let words = said.iter().map(|line| line.as_str().map_or(line.to_string(), str::to_owned));
        words.collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal by name.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        signal(name, self.id()?).await
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("it does not end")??;
        // The log's last lines.
        while self.said.changed().await.is_ok() {}
        Ok(status)
    }

    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.start_kill()?;
        self.ended().await.map(drop)
    }

    /// Drains it; its ledger, a line a source.
    pub(crate) async fn stop(&mut self) -> Result<Vec<Value>> {
        self.signal("TERM").await?;
        let status = self.ended().await?;
        ensure!(status.code() == Some(0), "drained, it ended with {status}");
        let said = self.said();
        ensure!(says(&said, "stopped"), "it never said that it stopped");
        let ledger = said.into_iter().filter(|line| line["message"] == "ledger");
        Ok(ledger.collect())
    }

    async fn look(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut client = Client::default();
        let asked = timeout(Duration::from_secs(5), client.ask(self.admin, request.as_bytes()));
        let answer = asked.await.ok()??;
        Some((answer.status(), answer.body))
    }

    /// What `/readyz` says, while there is somebody to say it.
    pub(crate) async fn readyz(&self) -> Option<(u16, Value)> {
        let (status, body) = self.look("/readyz").await?;
        Some((status, serde_json::from_slice(&body).ok()?))
    }

    /// Waits until `/readyz` says what is wanted.
    pub(crate) async fn until_readyz(
        &self,
        what: &str,
        wanted: impl Fn(u16, &Value) -> bool,
    ) -> Result<Value> {
        let mut looks = interval(LOOK);
        let looking = async {
            loop {
                looks.tick().await;
                if let Some((status, said)) = self.readyz().await
                    && wanted(status, &said)
                {
                    return said;
                }
            }
        };
        timeout(PATIENCE, looking).await.with_context(|| format!("/readyz never said: {what}"))
    }

    /// The value of one series.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let (_, body) = self.look("/metrics").await?;
        let text = String::from_utf8(body).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value?.parse().ok()
    }

    /// Waits until a series has a value that is wanted.
    pub(crate) async fn until_metric(
        &self,
        series: &str,
        wanted: impl Fn(f64) -> bool,
    ) -> Result<()> {
        let mut looks = interval(LOOK);
        let looking = async {
            while !self.metric(series).await.is_some_and(&wanted) {
                looks.tick().await;
            }
        };
        timeout(BACKLOG, looking).await.with_context(|| format!("{series} is never as wanted"))
    }

    /// Waits until Kafka has acknowledged all of the journal.
    pub(crate) async fn until_published(&self) -> Result<()> {
        let pending = "hookgate_journal_unpublished{state=\"pending\"}";
        let published = self.until_metric(pending, |count| count == 0.0).await;
        published.context("the backlog is never published")
    }
}

impl Drop for Gate {
    /// Its disk and its ports are free when this returns.
    fn drop(&mut self) {
        if self.child.start_kill().is_ok() {
            while let Ok(None) = self.child.try_wait() {
                std::thread::yield_now();
            }
        }
    }
}

/// Whether one of these lines is that message.
pub(crate) fn says(said: &[Value], message: &str) -> bool {
    said.iter().any(|line| line["message"] == message)
}

/// Sends a signal to one process.
pub(crate) async fn signal(name: &str, id: u32) -> Result<()> {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await?;
    ensure!(sent.success(), "kill -{name} {id} failed");
    Ok(())
}
