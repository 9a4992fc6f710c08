//! A gateway of its own for one test, and a client that speaks HTTP byte by byte.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hookgate::app::{App, Parts};
use hookgate::clock::{Clock, Timestamp};
use hookgate::config::{self, Config};
use hookgate::edge::Tokens;
use hookgate::providers::Providers;
use hookgate::secret::Secret;
use hookgate::verify::{ApiKey, Credentials, Scheme, SigningSecret};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::echo;

pub(crate) const DAILY: &str = "/v1/webhooks/daily";
pub(crate) const LIVEKIT: &str = "/v1/webhooks/livekit";
pub(crate) const ECHO: &str = "/v1/webhooks/echo";
pub(crate) const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LIVEKIT_SECRET: &str = "fixture-secret-of-at-least-32-characters";
const KEY: &str = "ERERERERERERERERERERERERERERERERERERERERERE=";
const OTHER_KEY: &str = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";
/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(30);

const TEXT: &str = r#"
[server]
instance = "gate-test"
listen = "127.0.0.1:18080"
body_max = "256KiB"
drain_grace = "1ms"
drain_deadline = "20s"
[admin]
listen = "127.0.0.1:19080"
[journal]
dir = "DIR"
[kafka]
brokers = "127.0.0.1:1"
[keys]
identity = { env = "KEY" }
pseudonym = { env = "OTHER_KEY" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-fixtures"
aliases = ["/v1/daily_webhook"]
secrets = [ { env = "DAILY" } ]
[[source]]
name = "livekit"
provider = "livekit"
tenant = "tenant-fixtures"
keys = [ { api_key = "APIfixture", secret = { env = "LIVEKIT" } } ]
[[source]]
name = "echo"
provider = "echo"
tenant = "tenant-fixtures"
secrets = [ { env = "LIVEKIT" } ]
"#;

/// A running gateway with its journal in a folder that goes with it.
pub(crate) struct Gate {
    pub app: App,
    pub clock: Clock,
    pub folder: tempfile::TempDir,
}

/// What a test changes before the start.
pub(crate) struct Plan {
    pub config: Config,
    pub parts: Parts,
    folder: tempfile::TempDir,
}

impl Plan {
    /// Three sources, a free port, no courier, the machine's clock.
    pub(crate) fn new() -> Self {
        Self::of(TEXT)
    }

    /// The same with a line of the text replaced.
    pub(crate) fn with(from: &str, to: &str) -> Self {
        assert!(TEXT.contains(from), "{from}");
        Self::of(&TEXT.replace(from, to))
    }

    fn of(text: &str) -> Self {
        Self::in_folder(text, tempfile::tempdir().unwrap())
    }

    /// The text of its configuration and the environment that goes with it.
    pub(crate) fn text(folder: &Path) -> (String, BTreeMap<String, String>) {
        let text = TEXT.replace("DIR", folder.join("journal").to_str().unwrap());
        (text, environment())
    }

    /// Where its journal lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its folder alone.
    pub(crate) fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    pub(crate) fn in_folder(text: &str, folder: tempfile::TempDir) -> Self {
        let text = text.replace("DIR", folder.path().join("journal").to_str().unwrap());
        let env = environment();
        let now = Clock::system().now();
        let parsed = config::parse(&text, Path::new("."), &env, &providers(), now);
        let mut config = parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.server.listen = any_port();
        config.admin.listen = any_port();
        config.admin.tokens = Some(tokens());
        let parts = Parts { publish: false, ..Parts::default() };
        Self { config, parts, folder }
    }

    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.parts.clock = clock;
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut hookgate::edge::Limits)) -> Self {
        change(&mut self.parts.limits);
        self
    }

    pub(crate) async fn start(self) -> Gate {
        let clock = self.parts.clock.clone();
        let app = App::start(self.config, self.parts).await;
        Gate { app: app.unwrap_or_else(|error| panic!("{error}")), clock, folder: self.folder }
    }
}

impl Gate {
    pub(crate) async fn start() -> Self {
        Plan::new().start().await
    }

    /// Stops it, and starts another on the same journal.
    pub(crate) async fn again(self) -> Self {
        self.again_with(|_| {}).await
    }

    /// The same with something changed.
    pub(crate) async fn again_with(self, change: impl FnOnce(&mut Plan)) -> Self {
        let Self { app, folder, clock } = self;
        app.drain().await;
        let mut plan = Plan::in_folder(TEXT, folder).clock(clock);
        change(&mut plan);
        plan.start().await
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.app.public()).await
    }

    /// The same from another address of loopback.
    pub(crate) async fn connect_from(&self, from: IpAddr) -> Client {
        Client::connect_from(from, self.app.public()).await
    }

    /// Posts on a connection of its own.
    pub(crate) async fn post(&self, request: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }

    /// Asks the admin door.
    pub(crate) async fn ask(&self, path: &str) -> Answer {
        ask(self.app.admin(), path).await
    }

    /// Calls the admin API with a token; an empty body is none.
    pub(crate) async fn call(&self, token: &str, call: &str, body: &str) -> Answer {
        let mut client = Client::connect(self.app.admin()).await;
        client.call(token, call, body).await
    }

    /// The value of one series.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.ask("/metrics").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in:\n{text}")).parse().unwrap()
    }

    /// Waits until a series has a value.
    pub(crate) async fn until(&self, series: &str, value: f64) {
        let waiting = async {
            while self.metric(series).await != value {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{series} never was {value}"));
    }

    /// A request signed by a source's scheme.
    pub(crate) fn signed(&self, route: &str, body: &str) -> Vec<u8> {
        self.signed_with(route, body, "")
    }

    /// The same with further header lines, each ended by CR LF.
    pub(crate) fn signed_with(&self, route: &str, body: &str, lines: &str) -> Vec<u8> {
        let mut head = self.head(route, body) + lines;
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body.as_bytes()].concat()
    }

    /// A signed head without length and end.
    pub(crate) fn head(&self, route: &str, body: &str) -> String {
        head(route, body, self.clock.now())
    }
}

/// Asks an admin door.
pub(crate) async fn ask(admin: SocketAddr, path: &str) -> Answer {
    let mut client = Client::connect(admin).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
    client.answer().await
}

/// Waits until an admin door says how far stopping has come.
pub(crate) async fn until_stopping(admin: SocketAddr, reason: &str) {
    let waiting = async {
        while ask(admin, "/readyz").await.json()["checks"]["drain"]["reason"] != reason {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never said {reason}"));
}

/// A body of each provider about one room.
pub(crate) fn event(route: &str, id: &str) -> String {
    match route {
        DAILY => format!(
            r#"{{"version":"1.0.0","type":"meeting.started","id":"{id}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-c36a29140ad1","room":"consult-0a1b2c3d"}},"event_ts":1795168800.6}}"#
        ),
        LIVEKIT => format!(
            r#"{{"event":"room_started","room":{{"sid":"RM_wjY5hazbpMRz","name":"consult-0a1b2c3d"}},"id":"{id}","createdAt":"1795168800"}}"#
        ),
        _ => format!(r#"{{"said":"opened","id":"{id}","room":"consult-0a1b2c3d"}}"#),
    }
}

/// A request signed at a time.
pub(crate) fn signed(route: &str, body: &str, now: Timestamp) -> Vec<u8> {
    let head = head(route, body, now);
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A head signed at a time, without length and end.
pub(crate) fn head(route: &str, body: &str, now: Timestamp) -> String {
    let mut head = format!("POST {route} HTTP/1.1\r\nHost: h\r\n");
    for (name, value) in scheme(route).sign(body.as_bytes(), now) {
        head += &format!("{name}: {value}\r\n");
    }
    head
}

fn environment() -> BTreeMap<String, String> {
    let variables = [
        ("KEY", KEY),
        ("OTHER_KEY", OTHER_KEY),
        ("DAILY", DAILY_SECRET),
        ("LIVEKIT", LIVEKIT_SECRET),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub(crate) fn providers() -> Providers {
    Providers::standard().with(echo::PROVIDER)
}

fn scheme(route: &str) -> Box<dyn Scheme> {
    let secret = |text: &str| SigningSecret {
        label: "test".to_owned(),
        secret: Secret::new(text.as_bytes().to_vec()),
        not_after: None,
    };
    let (provider, credentials) = match route {
        LIVEKIT => {
            let signing = secret(LIVEKIT_SECRET);
            let keys = vec![ApiKey { api_key: "APIfixture".to_owned(), signing }];
            ("livekit", Credentials { keys, ..Credentials::default() })
        }
        ECHO => {
            let secrets = vec![secret(LIVEKIT_SECRET)];
            ("echo", Credentials { secrets, ..Credentials::default() })
        }
        _ => {
            let secrets = vec![secret(DAILY_SECRET)];
            ("daily", Credentials { secrets, ..Credentials::default() })
        }
    };
    let build = providers().get(provider).unwrap().build;
    let ready = build(credentials, Timestamp::from_millis(0));
    ready.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).scheme
}

/// The tokens of a test gateway.
pub(crate) const OPERATOR: &str = "operators-token-of-the-tests";
pub(crate) const VIEWER: &str = "viewers-token-of-the-tests";

fn tokens() -> Tokens {
    let hex = |token: &str| bytes::Bytes::copy_from_slice(&Sha256::digest(token));
    let line = |name, role, token| format!("{name}:{role}:{:x}\n", hex(token));
    let text = line("olga", "operator", OPERATOR) + &line("vera", "viewer", VIEWER);
    Tokens::parse(&text).unwrap()
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn outcome(&self) -> String {
        self.json()["outcome"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Status and outcome together, as the table of the contract has them.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, outcome: &str) {
        assert_eq!((self.status, self.outcome().as_str()), (status, outcome), "{self:?}");
        let retries = matches!(status, 429 | 503);
        assert_eq!(self.header("retry-after"), retries.then_some("2"), "{self:?}");
        assert_eq!(self.header("allow"), (status == 405).then_some("POST"), "{self:?}");
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn closes(&self) {
        assert_eq!(self.header("connection"), Some("close"), "{self:?}");
    }
}

/// What a connection's bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    pub(crate) async fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4().unwrap(),
            SocketAddr::V6(_) => TcpSocket::new_v6().unwrap(),
        };
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let stream = socket.connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Sends the same again and again and reads nothing, until the other end ends it.
    pub(crate) fn send_for_ever(mut self, bytes: &'static [u8]) -> JoinHandle<()> {
        tokio::spawn(async move { while self.stream.write_all(bytes).await.is_ok() {} })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Calls the admin API (`METHOD path`) with a token; an empty body is none.
    pub(crate) async fn call(&mut self, token: &str, call: &str, body: &str) -> Answer {
        let mut request =
            format!("{call} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n");
        if !body.is_empty() {
            request +=
                &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        self.send(format!("{request}\r\n{body}").as_bytes()).await;
        self.answer().await
    }

    /// Reads an answer that goes on until it has said this; all that it has said so far.
    pub(crate) async fn until_said(&mut self, words: &str) -> String {
        let said = timeout(PATIENCE, async {
            while !String::from_utf8_lossy(&self.read).contains(words) {
                assert!(self.more().await, "the answer ended before it said {words}");
            }
        });
        said.await.unwrap_or_else(|_| panic!("it never said {words}"));
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Ends our half of the connection.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer; interim ones too.
    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer")
    }

    /// The next answer; `None` if the connection ends without a byte of one.
    pub(crate) async fn answer_if_any(&mut self) -> Option<Answer> {
        let some = timeout(PATIENCE, self.more()).await.expect("an answer or an end");
        if some { Some(self.answer().await) } else { None }
    }

    /// The next answer to `HEAD`, which has no body.
    pub(crate) async fn head_answer(&mut self) -> Answer {
        let (status, headers) = timeout(PATIENCE, self.read_head()).await.expect("an answer");
        Answer { status, headers, body: String::new() }
    }

    /// Waits until the gateway has ended the connection, saying nothing more.
    pub(crate) async fn ended(&mut self) {
        let rest = timeout(PATIENCE, async {
            // A reset ends it as well.
            while self.more().await {}
        });
        rest.await.expect("the end of the connection");
        assert!(self.read.is_empty(), "{}", String::from_utf8_lossy(&self.read));
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        let some = self.stream.read(&mut piece).await.unwrap_or(0);
        self.read.extend_from_slice(&piece[..some]);
        some > 0
    }

    async fn read_head(&mut self) -> (u16, BTreeMap<String, String>) {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "the connection ended before an answer");
        };
        let head: Vec<_> = self.read.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        (status, headers.collect())
    }

    async fn read_answer(&mut self) -> Answer {
        let (status, headers) = self.read_head().await;
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await, "the connection ended within an answer");
        }
        let body: Vec<_> = self.read.drain(..length).collect();
        let body = String::from_utf8(body).unwrap();
        Answer { status, headers, body }
    }
}
