//! `hookgate serve`, started from its configuration, watched through its log and its admin port.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use hookgate::clock::Clock;
use hookgate::config::{self, Config};
use hookgate::providers::Providers;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use super::wire::Client;
use super::{LOOK, PATIENCE};

const TEXT: &str = r#"
[server]
instance = "gate-proof"
listen = "127.0.0.1:0"
drain_grace = "GRACE"
drain_deadline = "DEADLINE"
[admin]
listen = "127.0.0.1:0"
[journal]
dir = "DIR"
[kafka]
brokers = "BROKERS"
topic_prefix = "PREFIX"
MORE
[keys]
identity = { env = "IDENTITY_KEY" }
pseudonym = { env = "PSEUDONYM_KEY" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-fixtures"
secrets = [ { env = "DAILY_SECRET" } ]
rate = { per_second = 20000, burst = 20000 }
role_labels = ["Doctor", "Patient", "Companion"]
room_name = "^(demo-room|consult-[0-9a-f]{8})$"
[[source]]
name = "livekit"
provider = "livekit"
tenant = "tenant-fixtures"
keys = [ { api_key = "APIfixture", secret = { env = "LIVEKIT_SECRET" } } ]
rate = { per_second = 20000, burst = 20000 }
role_labels = ["Doctor", "Patient", "Companion"]
room_name = "^(demo-room|consult-[0-9a-f]{8})$"
"#;

const ENVIRONMENT: [(&str, &str); 4] = [
    ("IDENTITY_KEY", "ERERERERERERERERERERERERERERERERERERERERERE="),
    ("PSEUDONYM_KEY", "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI="),
    ("DAILY_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ("LIVEKIT_SECRET", "fixture-secret-of-at-least-32-characters"),
];

/// A folder with a configuration and, once a gateway ran, its journal.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// `more` are further lines of `[kafka]`.
    pub(crate) fn new(brokers: &str, prefix: &str, grace: &str, more: &str) -> Self {
        Self::of(brokers, prefix, grace, more, "60s")
    }

    /// The same with another `drain_deadline`.
    pub(crate) fn of(brokers: &str, prefix: &str, grace: &str, more: &str, deadline: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let text = TEXT
            .replace("DIR", journal.to_str().unwrap())
            .replace("BROKERS", brokers)
            .replace("PREFIX", prefix)
            .replace("GRACE", grace)
            .replace("DEADLINE", deadline)
            .replace("MORE", more);
        std::fs::write(folder.path().join("hookgate.toml"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("hookgate.toml")
    }

    pub(crate) fn journal(&self, name: &str) -> PathBuf {
        self.folder.path().join("journal").join(name)
    }

    /// The configuration as the gateway reads it.
    pub(crate) fn config(&self) -> Config {
        let text = std::fs::read_to_string(self.file()).unwrap();
        let env: BTreeMap<_, _> =
            ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let now = Clock::system().now();
        let parsed = config::parse(&text, Path::new("."), &env, &Providers::standard(), now);
        parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// `serve` on this configuration.
    pub(crate) fn serve(&self) -> Command {
        self.serving(self.program())
    }

    /// The product's own program, with what its configuration needs.
    pub(crate) fn program(&self) -> Command {
        prepared(Command::new(env!("CARGO_BIN_EXE_hookgate")))
    }

    /// The same with so many file descriptors at most.
    pub(crate) fn serve_with_descriptors(&self, most: usize) -> Command {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_hookgate")]);
        self.serving(prepared(shell))
    }

    /// The same, with a listening socket passed on as systemd does: as file 3, to this process.
    pub(crate) fn serve_on(&self, socket: &TcpListener, name: &str) -> Command {
        let serve = self.serve();
        let mut shell = Command::new("sh");
        shell.args(["-c", "export LISTEN_PID=$$; exec \"$@\" 3<&0 </dev/null", "sh"]);
        shell.arg(serve.as_std().get_program()).args(serve.as_std().get_args());
        let set = serve.as_std().get_envs();
        shell.envs(set.filter_map(|(name, value)| Some((name, value?)))).env_remove("RUST_LOG");
        shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name).kill_on_drop(true);
        shell.stdin(OwnedFd::from(socket.try_clone().unwrap()));
        shell
    }

    fn serving(&self, mut program: Command) -> Command {
        program.args(["--log-format", "json", "serve", "--config"]).arg(self.file());
        program
    }
}

fn prepared(mut program: Command) -> Command {
    program.envs(ENVIRONMENT).env_remove("RUST_LOG").kill_on_drop(true);
    program
}

/// A running `hookgate serve`.
pub(crate) struct Gate {
    child: Child,
    said: watch::Receiver<Vec<String>>,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Gate {
    /// Starts it; returns when deliveries are taken.
    pub(crate) async fn start(place: &Place) -> Self {
        Self::started(place.serve()).await
    }

    /// The same of a program that is `serve` in the end.
    pub(crate) async fn started(mut program: Command) -> Self {
        let mut child = program.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (say, said) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                say.send_modify(|said| said.push(line));
            }
        });
        let taken = says(&said, "deliveries are taken").await;
        let taken: Value = serde_json::from_str(&taken).unwrap();
        let address = |name: &str| taken[name].as_str().unwrap().parse().unwrap();
        let (public, admin) = (address("public"), address("admin"));
        says(&said, "running until a signal comes").await;
        Self { child, said, public, admin }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// What it has logged.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    async fn look(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = Client::default().ask(self.admin, request.as_bytes()).await?;
        Some((answer.status(), answer.body))
    }

    /// What `/readyz` says, while there is somebody to say it.
    pub(crate) async fn readyz(&self) -> Option<(u16, Value)> {
        let (status, body) = self.look("/readyz").await?;
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    /// Waits until `/readyz` has a status; what it says then.
    pub(crate) async fn until_readyz(&self, wanted: u16) -> Value {
        let mut looks = interval(LOOK);
        let looking = async {
            loop {
                looks.tick().await;
                match self.readyz().await {
                    Some((status, said)) if status == wanted => return said,
                    Some(_) => {}
                    None => panic!("/readyz never was {wanted}: nobody answers"),
                }
            }
        };
        let found = timeout(PATIENCE, looking).await;
        found.unwrap_or_else(|_| panic!("/readyz never was {wanted}"))
    }

    /// The value of one series.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let (_, body) = self.look("/metrics").await.expect("the admin port answers");
        let text = String::from_utf8(body).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{series} is not in:\n{text}")).parse().unwrap()
    }

    /// Fails unless there are series of a name.
    pub(crate) async fn shows(&self, name: &str) {
        let (_, body) = self.look("/metrics").await.expect("the admin port answers");
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(&format!("\n# TYPE {name} ")), "{name} is not in:\n{text}");
    }

    /// Waits until Kafka has acknowledged all of the journal.
    pub(crate) async fn until_published(&self) {
        let mut looks = interval(LOOK);
        let looking = async {
            let pending = "hookgate_journal_unpublished{state=\"pending\"}";
            while self.metric(pending).await > 0.0 {
                looks.tick().await;
            }
        };
        timeout(PATIENCE, looking).await.expect("the backlog is published");
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for an end that nobody asked for.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends by itself").unwrap()
    }

    /// Asks it to stop.
    pub(crate) async fn terminate(&self) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }

    /// Waits until it has said these words; the line.
    pub(crate) async fn until_said(&self, words: &str) -> String {
        says(&self.said, words).await
    }

    /// Drains it; its ledger, a line a source.
    pub(crate) async fn stop(mut self) -> Vec<Value> {
        self.terminate().await;
        let status = self.ended().await;
        says(&self.said, "\"stopped\"").await;
        let said = self.said();
        assert_eq!(status.code(), Some(0), "{said:#?}");
        let ledger = said.iter().filter(|line| line.contains("\"message\":\"ledger\""));
        ledger.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn says(said: &watch::Receiver<Vec<String>>, words: &str) -> String {
    let mut said = said.clone();
    let holds = |line: &&String| line.contains(words);
    let heard = timeout(PATIENCE, said.wait_for(|lines| lines.iter().any(|l| holds(&l)))).await;
    let found = match &heard {
        Ok(Ok(lines)) => lines.iter().find(holds).cloned(),
        Ok(Err(_)) | Err(_) => None,
    };
    drop(heard);
    found.unwrap_or_else(|| panic!("it never said {words}, but {:#?}", said.borrow()))
}
