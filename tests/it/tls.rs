//! TLS on both listeners: who is let in, and how another certificate comes into force.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookgate::clock::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, SupportedProtocolVersion};

use crate::gateway::{Client, DAILY, Gate, OPERATOR, Plan, event};

use authority::{Authority, certified};

pub(crate) mod authority;
mod clients;
#[cfg(feature = "tls")]
mod command;
mod files;
mod h2;

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const PATIENCE: Duration = Duration::from_secs(30);

/// A plan with TLS on both listeners, whose files lie in `public` and `admin` below its folder and
/// are looked at all the time.
fn plan(authority: &Authority) -> Plan {
    let mut plan = Plan::new().limits(|limits| limits.tls_look = Duration::from_millis(5));
    for listener in ["public", "admin"] {
        let folder = plan.folder().join(listener);
        std::fs::create_dir(&folder).unwrap();
        authority.server(2040).write(&folder);
    }
    plan.config.server.tls = Some(certified(&plan.folder().join("public")));
    plan.config.admin.tls = Some(certified(&plan.folder().join("admin")));
    plan
}

/// Shakes hands over a stream.
async fn greet_over(
    stream: TcpStream,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Connects and shakes hands.
async fn greet(to: std::net::SocketAddr, config: ClientConfig) -> TlsStream<TcpStream> {
    greet_over(TcpStream::connect(to).await.unwrap(), config).await.unwrap()
}

/// A connection under TLS, as most clients make it.
async fn connect(to: std::net::SocketAddr, authority: &Authority) -> Client {
    Client::over(greet(to, authority.trusted_by(BOTH, None, &["http/1.1"])).await)
}

/// Asks the admin listener.
async fn ask(gate: &Gate, authority: &Authority, path: &str) -> crate::gateway::Answer {
    let mut client = connect(gate.app.admin(), authority).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
    client.answer().await
}

/// What `status` says of the certificate of a listener.
async fn certificate(gate: &Gate, listener: &str) -> serde_json::Value {
    let status = serde_json::to_value(gate.app.desk().status().await.unwrap()).unwrap();
    let all = status["certificates"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["listener"] == listener).unwrap()
}

/// Waits until `status` says of a certificate what is looked for.
async fn until(gate: &Gate, listener: &str, is: impl Fn(&serde_json::Value) -> bool) {
    let waiting = async {
        while !is(&certificate(gate, listener).await) {
            tokio::task::yield_now().await;
        }
    };
    let waited = timeout(PATIENCE, waiting).await;
    if waited.is_err() {
        panic!("still {}", certificate(gate, listener).await);
    }
}

#[tokio::test]
async fn a_delivery_comes_under_tls_1_2_and_1_3_and_is_answered() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    for (version, number) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = authority.trusted_by(&[version], None, &[]);
        let stream = greet(gate.app.public(), config).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(number));
        let mut client = Client::over(stream);
        for id in ["one", "two"] {
            let body = event(DAILY, &format!("{id}-{number:?}"));
            client.send(&gate.signed(DAILY, &body)).await;
            client.answer().await.is(200, "accepted");
        }
    }
}

/// A hello of TLS 1.1, as OpenSSL 1.1 sends it.
fn old_hello() -> Vec<u8> {
    let suites = [0xc0, 0x14, 0xc0, 0x13, 0x00, 0x39, 0x00, 0x35, 0x00, 0x2f];
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.extend([0, 0, suites.len() as u8]);
    body.extend(suites);
    body.extend([1, 0]);
    let mut hello = vec![1, 0, 0, body.len() as u8];
    hello.extend(body);
    let mut record = vec![0x16, 3, 1, 0, hello.len() as u8];
    record.extend(hello);
    record
}

#[tokio::test]
async fn tls_1_1_and_plain_http_are_turned_away_and_counted() {
    const REFUSED: &str = r#"hookgate_deliveries_total{source="unknown",outcome="bad_request"}"#;
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let plain = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    for (place, first) in [old_hello(), plain].into_iter().enumerate() {
        let mut stream = TcpStream::connect(gate.app.public()).await.unwrap();
        stream.write_all(&first).await.unwrap();
        let mut said = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap().unwrap();
        // An alert record, fatal, and nothing behind it.
        assert_eq!((said.len(), said[0], said[5]), (7, 21, 2), "{said:?}");
        let (handshake_failure, protocol_version) = (40, 70);
        let old = [handshake_failure, protocol_version].contains(&said[6]);
        assert!(place == 1 || old, "{said:?}");
        let metrics = ask(&gate, &authority, "/metrics").await.body;
        assert!(metrics.contains(&format!("{REFUSED} {}", place + 1)), "{metrics}");
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_given_up() {
    const SLOW: &str = r#"hookgate_deliveries_total{source="unknown",outcome="timeout"} 1"#;
    let authority = Authority::new();
    let second = Duration::from_secs(1);
    let gate = plan(&authority).limits(|limits| limits.tls_handshake = second).start().await;
    let mut stream = TcpStream::connect(gate.app.public()).await.unwrap();
    stream.write_all(&old_hello()[..9]).await.unwrap();
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    assert!(said.is_empty());
    let metrics = ask(&gate, &authority, "/metrics").await.body;
    assert!(metrics.contains(SLOW), "{metrics}");
}

#[tokio::test]
async fn a_trusted_proxy_says_whom_it_speaks_for_before_the_handshake() {
    let authority = Authority::new();
    let mut plan = plan(&authority);
    plan.config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let gate = plan.start().await;
    for preface in [&b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 443\r\n"[..], b""] {
        let mut stream = TcpStream::connect(gate.app.public()).await.unwrap();
        stream.write_all(preface).await.unwrap();
        let config = authority.trusted_by(BOTH, None, &[]);
        let mut client = Client::over(greet_over(stream, config).await.unwrap());
        let body = event(DAILY, &format!("of-{}", preface.len()));
        client.send(&gate.signed(DAILY, &body)).await;
        client.answer().await.is(200, "accepted");
    }
    // Behind the handshake it is no HTTP.
    let mut client = connect(gate.app.public(), &authority).await;
    client.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 443\r\n\r\n").await;
    client.answer().await.is(400, "bad_request");
}

#[tokio::test]
async fn idle_connections_that_shake_no_hands_keep_nobody_out() {
    let authority = Authority::new();
    let gate = plan(&authority).limits(|limits| limits.unproven_connections = 4).start().await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        idle.push(TcpStream::connect(gate.app.public()).await.unwrap());
    }
    let mut client = connect(gate.app.public(), &authority).await;
    client.send(&gate.signed(DAILY, &event(DAILY, "in-a-crowd"))).await;
    client.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn handshakes_that_break_off_or_are_noise_keep_nobody_out() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let hello = authority.hello().await;
    let noise: Vec<u8> = (0..=255).map(|byte: u8| byte.wrapping_mul(167)).collect();
    let (half, cut) = (&hello[..hello.len() / 2], [&hello[..9], &noise].concat());
    // Whole and never gone on with; half; broken; no TLS at all. Many more than there are turns.
    let kinds = [&hello[..], half, &cut, &noise];
    let mut open = Vec::new();
    for number in 0..20 {
        for kind in kinds {
            for to in [gate.app.public(), gate.app.admin()] {
                let mut stream = TcpStream::connect(to).await.unwrap();
                stream.write_all(kind).await.unwrap();
                open.push(stream);
            }
        }
        let mut client = connect(gate.app.public(), &authority).await;
        client.send(&gate.signed(DAILY, &event(DAILY, &format!("among-{number}")))).await;
        client.answer().await.is(200, "accepted");
        assert_eq!(ask(&gate, &authority, "/livez").await.status, 200);
    }
}

#[tokio::test]
async fn what_has_shaken_hands_is_answered_when_the_gateway_stops() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let mut client = connect(gate.app.public(), &authority).await;
    let post = gate.signed(DAILY, &event(DAILY, "at-the-end"));
    client.send(&post[..post.len() - 1]).await;
    let Gate { app, folder, .. } = gate;
    let admin = app.admin();
    let stopping = tokio::spawn(async move { app.drain().await });
    let closed = async {
        // The public listener is closed once it is no longer open.
        let mut asked = connect(admin, &authority).await;
        loop {
            asked.send(b"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n").await;
            let drain = &asked.answer().await.json()["checks"]["drain"]["reason"];
            if drain == "stopping: finishing what has come" {
                break;
            }
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
    client.send(&post[post.len() - 1..]).await;
    let answer = client.answer().await;
    answer.is(200, "accepted");
    answer.closes();
    client.ended().await;
    stopping.await.unwrap();
    drop(folder);
}

/// The moment that a year begins.
fn year(year: i32) -> Timestamp {
    Timestamp::parse(&format!("{year}-01-01T00:00:00Z")).unwrap()
}

/// Reads a file's text.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The token of an operator, as a header line.
fn operator() -> String {
    format!("Authorization: Bearer {OPERATOR}\r\n")
}
