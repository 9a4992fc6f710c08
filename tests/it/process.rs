//! `hookgate serve` as a process: it starts, takes, and stops as it is told.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hookgate::clock::Clock;
use hookgate::publish::Embedded;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::gateway::{Client, DAILY, Plan, event, head};

const PATIENCE: Duration = Duration::from_secs(60);

/// The program, on a broker of its own.
pub(crate) struct Served {
    _broker: Embedded,
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    pub(crate) public: std::net::SocketAddr,
}

impl Served {
    async fn start(folder: &Path, grace: &str) -> Self {
        Self::start_with(folder, grace, "").await
    }

    /// The same with more of a configuration.
    pub(crate) async fn start_with(folder: &Path, grace: &str, more: &str) -> Self {
        let (text, environment) = Plan::text(folder);
        // The third provider exists in these tests only.
        let text = text.split("[[source]]\nname = \"echo\"").next().unwrap();
        let broker = Embedded::start("video", 1).unwrap();
        let text = text.replace("127.0.0.1:1\"", &format!("{}\"", broker.brokers()));
        let text = text.replace("127.0.0.1:18080", "127.0.0.1:0");
        let text = text.replace("127.0.0.1:19080", "127.0.0.1:0");
        let text = text.replace("\"1ms\"", grace).replace("\"20s\"", "\"200s\"");
        std::fs::write(folder.join("hookgate.toml"), format!("{text}{more}")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hookgate"))
            .args(["--log-format", "json", "serve", "--config"])
            .arg(folder.join("hookgate.toml"))
            .envs(environment)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let taken = until(&mut lines, "deliveries are taken").await;
        let taken: serde_json::Value = serde_json::from_str(&taken).unwrap();
        let public = taken.pointer("/fields/public").or(taken.get("public")).unwrap();
        let public = public.as_str().unwrap().parse().unwrap();
        until(&mut lines, "running until a signal comes").await;
        Self { _broker: broker, child, lines, public }
    }

    /// The next line of its log; `None` at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line()).await.expect("a line or its end").unwrap()
    }

    pub(crate) fn signal(&self) {
        self.send("-TERM");
    }

    fn send(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let status = std::process::Command::new("kill").args([signal, &id]).status();
        assert!(status.unwrap().success());
    }

    async fn post(&self, id: &str) {
        let body = event(DAILY, id);
        let head = head(DAILY, &body, Clock::system().now());
        let mut client = Client::connect(self.public).await;
        let length = body.len();
        client.send(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await;
        client.answer().await.is(200, "accepted");
    }

    async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("its end").unwrap()
    }
}

/// The first line that holds the words.
async fn until(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) -> String {
    let reading = async {
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended without saying: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    };
    timeout(PATIENCE, reading).await.expect(words)
}

#[tokio::test]
async fn a_signal_finishes_says_the_ledger_and_exits_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path(), "\"1ms\"").await;
    served.post("a").await;
    served.signal();
    let ledger = until(&mut served.lines, "\"ledger\"").await;
    assert!(ledger.contains("\"accepted\":1,\"quarantined\":0,\"published\":1"), "{ledger}");
    until(&mut served.lines, "stopped").await;
    assert_eq!(served.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_grace() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path(), "\"190s\"").await;
    served.signal();
    until(&mut served.lines, "still taking").await;
    served.post("a").await;
    served.signal();
    until(&mut served.lines, "ends the grace").await;
    assert_eq!(served.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_hangup_has_the_file_read_again_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path(), "\"1ms\"").await;
    let path = folder.path().join("hookgate.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("name = \"daily\"", "name = \"Daily\"")).unwrap();
    served.send("-HUP");
    let said = until(&mut served.lines, "a mistake in the new configuration").await;
    assert!(said.contains("source[0].name = \\\"Daily\\\": must be 1 to 64"), "{said}");
    until(&mut served.lines, "nothing was changed").await;
    served.post("a").await;
    let other =
        text.split("[[source]]").nth(1).unwrap().replace("\"daily\"\nprovider", "\"b\"\nprovider");
    let other = other.replace("/v1/daily_webhook", "/b");
    std::fs::write(&path, format!("{text}\n[[source]]{other}")).unwrap();
    served.send("-HUP");
    let said = until(&mut served.lines, "changed by the reload").await;
    assert!(said.contains("source.b added"), "{said}");
    let said = until(&mut served.lines, "the configuration was reloaded").await;
    assert!(said.contains("\"fingerprint\":\"cf1_"), "{said}");
    served.post("b").await;
    served.signal();
    until(&mut served.lines, "stopped").await;
    assert_eq!(served.ended().await.code(), Some(0));
}
