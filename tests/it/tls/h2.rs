//! HTTP/2 under TLS: the same answers and limits as HTTP/1.1, many requests on one connection.

use std::time::Duration;

use ::h2::SendStream;
use ::h2::client::{self, SendRequest};
use bytes::Bytes;
use hookgate::bounds::{ADMIN_CONNECTIONS_MAX, ADMIN_H2_STREAMS_MAX, H2_STREAMS_MAX};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::authority::Authority;
use super::{BOTH, PATIENCE, ask, greet, plan};
use crate::gateway::{DAILY, Gate, LIVEKIT, event};

/// A connection, and the task that drives it; its result is how the connection ended.
struct H2 {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), ::h2::Error>>,
}

/// One answer: status, and the outcome in its body.
#[derive(Debug, PartialEq, Eq)]
struct Told(u16, String);

impl H2 {
    async fn connect(to: std::net::SocketAddr, authority: &Authority) -> Self {
        Self::connect_with(to, authority, &client::Builder::new()).await
    }

    async fn connect_with(
        to: std::net::SocketAddr,
        authority: &Authority,
        settings: &client::Builder,
    ) -> Self {
        let stream = greet(to, authority.trusted_by(BOTH, None, &["h2", "http/1.1"])).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = settings.handshake(stream).await.unwrap();
        Self { requests, driver: tokio::spawn(connection) }
    }

    /// A connection whose window is shut, and the head of an answer on it.
    async fn shut(
        to: std::net::SocketAddr,
        authority: &Authority,
        path: &str,
    ) -> (Self, Response<::h2::RecvStream>) {
        let mut settings = client::Builder::new();
        settings.initial_window_size(0);
        let h2 = Self::connect_with(to, authority, &settings).await;
        let head = Request::get(format!("https://localhost{path}")).body(()).unwrap();
        let (answer, _) = h2.begin(head, true).await;
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        (h2, answer)
    }

    /// Sends a head, and its body from the stream that is given back unless it is whole.
    async fn begin(
        &self,
        head: Request<()>,
        whole: bool,
    ) -> (client::ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone().ready().await.unwrap();
        requests.send_request(head, whole).unwrap()
    }

    async fn post(&self, head: Request<()>, body: &str) -> Told {
        let (answer, mut sends) = self.begin(head, false).await;
        sends.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        told(answer).await
    }
}

async fn told(answer: client::ResponseFuture) -> Told {
    let answer: Response<::h2::RecvStream> = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert!(!answer.headers().contains_key("connection"));
    let (status, mut body) = (answer.status().as_u16(), answer.into_body());
    let mut text = Vec::new();
    while let Some(piece) = timeout(PATIENCE, body.data()).await.unwrap() {
        text.extend_from_slice(&piece.unwrap());
    }
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    Told(status, json["outcome"].as_str().unwrap_or_default().to_owned())
}

fn is(status: u16, outcome: &str) -> Told {
    Told(status, outcome.to_owned())
}

/// A signed head for a body.
fn head(gate: &Gate, route: &str, body: &str) -> http::request::Builder {
    let text = gate.head(route, body);
    let mut head = Request::post(format!("https://localhost{route}"));
    for line in text.lines().skip(2) {
        let (name, value) = line.split_once(": ").unwrap();
        head = head.header(name, value);
    }
    head
}

fn signed(gate: &Gate, route: &str, body: &str) -> Request<()> {
    head(gate, route, body).body(()).unwrap()
}

#[tokio::test]
async fn both_protocols_are_offered_and_the_client_chooses() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    for to in [gate.app.public(), gate.app.admin()] {
        for (wants, gets) in [
            (&["http/1.1"][..], Some(&b"http/1.1"[..])),
            (&["h2"], Some(b"h2")),
            (&["http/1.1", "h2"], Some(b"h2")),
            (&[], None),
        ] {
            let stream = greet(to, authority.trusted_by(BOTH, None, wants)).await;
            assert_eq!(stream.get_ref().1.alpn_protocol(), gets);
        }
    }
    let gate = plan(&authority).limits(|limits| limits.h2_connections = 1).start().await;
    let _one = H2::connect(gate.app.public(), &authority).await;
    let stream = greet(gate.app.public(), authority.trusted_by(BOTH, None, &["h2", "http/1.1"]));
    assert_eq!(stream.await.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn many_deliveries_at_a_time_come_on_one_connection() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let mut open = Vec::new();
    for number in 0..60 {
        let route = if number % 2 == 0 { DAILY } else { LIVEKIT };
        let body = event(route, &format!("{number}"));
        let (answer, sends) = h2.begin(signed(&gate, route, &body), false).await;
        open.push((answer, sends, body));
    }
    for (_, sends, body) in &mut open {
        sends.send_data(body.clone().into_bytes().into(), true).unwrap();
    }
    for (answer, _, _) in open {
        assert_eq!(told(answer).await, is(200, "accepted"));
    }
    let body = event(DAILY, "0");
    assert_eq!(h2.post(signed(&gate, DAILY, &body), &body).await, is(200, "duplicate"));
}

#[tokio::test]
async fn a_refused_request_ends_its_stream_and_no_other() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let body = event(DAILY, "waits");
    let (waits, mut sends) = h2.begin(signed(&gate, DAILY, &body), false).await;
    let large = "x".repeat(256 * 1024 + 1);
    let length = head(&gate, DAILY, &large).header("content-length", large.len());
    let forged = Request::post(format!("https://localhost{DAILY}")).body(()).unwrap();
    let doubled = head(&gate, DAILY, &body).header("content-length", body.len());
    let doubled = doubled.header("content-length", body.len());
    let lines =
        (0..65).fold(head(&gate, DAILY, &body), |head, at| head.header(format!("x{at}"), "a"));
    let encoded = head(&gate, DAILY, &body).header("content-encoding", "gzip");
    let nowhere = Request::post("https://localhost/nowhere").body(()).unwrap();
    let get = Request::get(format!("https://localhost{DAILY}")).body(()).unwrap();
    // None of these has its body read: the answer comes all the same.
    for (head, says) in [
        (length.body(()).unwrap(), is(413, "too_large")),
        (forged, is(401, "bad_signature")),
        (doubled.body(()).unwrap(), is(400, "bad_request")),
        (lines.body(()).unwrap(), is(431, "headers_too_large")),
        (encoded.body(()).unwrap(), is(415, "unsupported_encoding")),
        (nowhere, is(404, "unknown_source")),
        (get, is(405, "method_not_allowed")),
    ] {
        let (answer, _sends) = h2.begin(head, false).await;
        assert_eq!(told(answer).await, says);
    }
    // A length is not needed for a body to be too large.
    let (answer, mut more) = h2.begin(signed(&gate, DAILY, &large), false).await;
    let _ = more.send_data(large.into_bytes().into(), true);
    assert_eq!(told(answer).await, is(413, "too_large"));
    let fields = (0..30).fold(head(&gate, DAILY, &body), |head, at| {
        head.header(format!("x{at}"), "a".repeat(1_000))
    });
    assert_eq!(h2.post(fields.body(()).unwrap(), &body).await.0, 431);
    sends.send_data(body.into_bytes().into(), true).unwrap();
    assert_eq!(told(waits).await, is(200, "accepted"));
}

#[tokio::test]
async fn a_slow_body_and_an_idle_connection_have_their_time() {
    let authority = Authority::new();
    let gate = plan(&authority).limits(|limits| {
        limits.body_read = Duration::from_millis(100);
        limits.connection_idle = Duration::from_millis(500);
        limits.first_head = Duration::from_millis(100);
    });
    let gate = gate.start().await;
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let body = event(DAILY, "slow");
    let (answer, mut sends) = h2.begin(signed(&gate, DAILY, &body), false).await;
    sends.send_data(Bytes::from_static(b"{"), false).unwrap();
    assert_eq!(told(answer).await, is(408, "timeout"));
    // Nothing is under way, and its end comes by itself.
    let _ = timeout(PATIENCE, h2.driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_whose_window_stays_shut_ends_its_connection() {
    let authority = Authority::new();
    let gate = plan(&authority).limits(|limits| {
        limits.answer_write = Duration::from_millis(200);
        limits.h2_connections = 1;
    });
    let gate = gate.start().await;
    for (to, path, status) in
        [(gate.app.public(), "/nowhere", 404), (gate.app.admin(), "/livez", 200)]
    {
        let (h2, answer) = H2::shut(to, &authority, path).await;
        assert_eq!(answer.status(), status);
        let _ = timeout(PATIENCE, h2.driver).await.unwrap().unwrap();
    }
    // Its place is free for another.
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let body = event(DAILY, "behind");
    assert_eq!(h2.post(signed(&gate, DAILY, &body), &body).await, is(200, "accepted"));
}

#[tokio::test]
async fn those_whose_windows_stay_shut_make_room_for_who_comes() {
    let authority = Authority::new();
    let gate = plan(&authority).limits(|limits| limits.answer_write = PATIENCE * 100);
    let gate = gate.start().await;
    let mut shut = Vec::new();
    for _ in 0..ADMIN_CONNECTIONS_MAX {
        shut.push(H2::shut(gate.app.admin(), &authority, "/livez").await);
    }
    let (first, _unread) = shut.remove(0);
    let asks = ask(&gate, &authority, "/livez");
    assert_eq!(timeout(PATIENCE, asks).await.unwrap().status, 200);
    let _ = timeout(PATIENCE, first.driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn each_listener_says_how_many_requests_it_takes_at_a_time() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    for (to, path, most) in [
        (gate.app.public(), "/nowhere", H2_STREAMS_MAX),
        (gate.app.admin(), "/livez", ADMIN_H2_STREAMS_MAX),
    ] {
        // The settings come before the first answer.
        let (h2, _unread) = H2::shut(to, &authority, path).await;
        assert_eq!(h2.requests.current_max_send_streams(), most as usize);
    }
}

/// A frame: its kind, flags, stream and content.
fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

#[tokio::test]
async fn requests_that_are_taken_back_by_the_hundred_end_their_connection() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let config = authority.trusted_by(BOTH, None, &["h2"]);
    let mut stream = greet(gate.app.public(), config).await;
    // POST https / of the authority h, from the static table; then the stream is cancelled.
    let (head, cancel) = ([0x83, 0x87, 0x84, 0x41, 1, b'h'], [0, 0, 0, 8]);
    let mut flood =
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat();
    for number in (1..=1_001).step_by(2) {
        flood.extend(frame(HEADERS, 4, number, &head));
        flood.extend(frame(RESET, 0, number, &cancel));
    }
    stream.write_all(&flood).await.unwrap();
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap();
    let mut rest = &said[..];
    let mut reasons = Vec::new();
    while let [a, b, c, kind, _flags, _, _, _, _, content @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == GOAWAY {
            reasons.push(content[7]);
        }
        rest = &content[length..];
    }
    let enhance_your_calm = 11;
    assert_eq!(reasons.last(), Some(&enhance_your_calm), "{reasons:?}");
    let body = event(DAILY, "behind");
    assert_eq!(h2.post(signed(&gate, DAILY, &body), &body).await, is(200, "accepted"));
}

#[tokio::test]
async fn what_is_under_way_is_answered_when_the_gateway_stops() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let h2 = H2::connect(gate.app.public(), &authority).await;
    let idle = H2::connect(gate.app.public(), &authority).await;
    let body = event(DAILY, "at-the-end");
    let (answer, mut sends) = h2.begin(signed(&gate, DAILY, &body), false).await;
    // It has come when something behind it is answered.
    let nowhere = Request::post("https://localhost/nowhere").body(()).unwrap();
    assert_eq!(h2.post(nowhere, "").await.0, 404);
    let Gate { app, folder, .. } = gate;
    let stopping = tokio::spawn(async move { app.drain().await });
    timeout(PATIENCE, idle.driver).await.unwrap().unwrap().unwrap();
    sends.send_data(body.into_bytes().into(), true).unwrap();
    assert_eq!(told(answer).await, is(200, "accepted"));
    timeout(PATIENCE, h2.driver).await.unwrap().unwrap().unwrap();
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
    drop(folder);
}

#[tokio::test]
async fn the_admin_listener_answers_over_it_as_well() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let h2 = H2::connect(gate.app.admin(), &authority).await;
    let get = |path: &str| Request::get(format!("https://localhost{path}"));
    let ready = get("/readyz").body(()).unwrap();
    let (answer, _) = h2.begin(ready, true).await;
    assert_eq!(told(answer).await.0, 200);
    let bearer = format!("Bearer {}", crate::gateway::OPERATOR);
    for (token, status) in [(&*bearer, 200), ("Bearer guess", 401)] {
        let asks = get("/admin/v1/status").header("authorization", token).body(()).unwrap();
        let (answer, _) = h2.begin(asks, true).await;
        assert_eq!(told(answer).await.0, status);
    }
}
