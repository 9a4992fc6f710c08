//! Prometheus and Alertmanager as processes of a test: on loopback, asked over HTTP, and ended by
//! their own id with the test.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::tools::tool;

const LOOK: Duration = Duration::from_millis(50);
const START: Duration = Duration::from_secs(60);

/// A running tool. Its log is in its folder.
pub(crate) struct Served {
    child: Child,
    port: u16,
    http: reqwest::Client,
    log: PathBuf,
}

impl Served {
    /// Starts it in a folder; returns when it says that it is ready.
    pub(crate) async fn start(name: &str, arguments: &[&str], folder: &Path, port: u16) -> Self {
        let said = folder.join(format!("{name}.log"));
        let log = std::fs::File::create(&said).unwrap();
        let child = Command::new(tool(name))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let served = Self { child, port, http, log: said };
        let mut looks = interval(LOOK);
        let ready = async {
            while served.get("/-/ready").await.is_none() {
                looks.tick().await;
            }
        };
        let ready = timeout(START, ready).await;
        assert!(ready.is_ok(), "{name} was never ready:\n{}", served.log());
        served
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn get(&self, path: &str) -> Option<String> {
        let answer = self.http.get(self.url(path)).send().await.ok()?;
        let good = answer.status().is_success();
        answer.text().await.ok().filter(|_| good)
    }

    /// What it answers, as JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error:?}\n{}", self.log()));
        let text = answer.text().await.expect("all of it");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
    }

    /// Gives it something; it must take it.
    pub(crate) async fn post(&self, path: &str, body: &Value) {
        let request = self.http.post(self.url(path)).header("Content-Type", "application/json");
        let answer = request.body(body.to_string()).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{path}: {:?}", answer.text().await);
    }

    /// Asks until the answer is so; the answer.
    pub(crate) async fn until(
        &self,
        path: &str,
        patience: Duration,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut looks = interval(LOOK);
        let mut last = Value::Null;
        let looking = async {
            loop {
                looks.tick().await;
                last = self.json(path).await;
                if is(&last) {
                    return;
                }
            }
        };
        let found = timeout(patience, looking).await;
        assert!(found.is_ok(), "{path} never said so, but: {last:#}");
        last
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now, below those that the kernel lends to clients, and given to nobody else
/// here.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    loop {
        let port = 12_000 + rand::random::<u16>() % 7_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}
