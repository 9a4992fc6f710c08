//! The operator's door: `/livez`, `/readyz` and `/metrics`.
//!
//! Ready means that deliveries can be accepted. So Kafka being away is shown as `degraded` and
//! stays 200, while a journal that takes nothing, or a gateway that is stopping, is 503.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::bounds::ADMIN_CONNECTIONS_MAX;
use crate::clock::Clock;
use crate::delivery::{Peer, RequestId};

use super::Limits;
use super::answer::{Answer, last_words};
use super::connection;
use super::guarded::guarded;
use super::listen::Listener;
use super::lobby::Lobby;
use super::socket::{Over, Socket};

/// How a dependency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// Deliveries are taken; something else waits.
    Degraded,
    /// Deliveries cannot be taken.
    Unavailable,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it stands.
    pub status: Standing,
    /// Why, where it is not as it should be; never an address or a name of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The dependencies by name, in the order they are shown.
    pub checks: Vec<(&'static str, Check)>,
}

/// What the admin door shows; the roof knows where from.
pub trait Board: Send + Sync + 'static {
    /// How everything stands now. Must not block.
    fn readiness(&self) -> Readiness;

    /// All series, read anew.
    fn metrics(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>>;

    /// A request met a defect of ours.
    fn defect(&self);
}

/// The running admin door; closed when dropped.
pub struct Admin {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Check {
    /// All is well.
    pub const fn ok() -> Self {
        Self { status: Standing::Ok, reason: None }
    }

    /// Something is not.
    pub fn not(status: Standing, reason: impl Into<String>) -> Self {
        Self { status, reason: Some(reason.into()) }
    }
}

impl Readiness {
    /// The worst of all.
    pub fn status(&self) -> Standing {
        let all = self.checks.iter().map(|(_, check)| check.status);
        all.max().unwrap_or(Standing::Ok)
    }

    fn json(&self) -> String {
        let checks = self.checks.iter();
        let checks: serde_json::Map<_, _> = checks
            .filter_map(|(name, check)| {
                Some(((*name).to_owned(), serde_json::to_value(check).ok()?))
            })
            .collect();
        let status = self.status();
        serde_json::json!({
            "ready": status != Standing::Unavailable,
            "status": status,
            "checks": checks,
        })
        .to_string()
    }
}

impl Admin {
    /// Opens the admin listener, or takes the one that was passed.
    pub fn start(
        listen: SocketAddr,
        passed: Option<std::net::TcpListener>,
        limits: Limits,
        clock: Clock,
        board: Arc<dyn Board>,
    ) -> io::Result<Self> {
        let listener = Listener::open(listen, passed)?;
        let address = listener.address()?;
        let accepting = tokio::spawn(accept(listener, limits, clock, board));
        Ok(Self { address, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: Listener, limits: Limits, clock: Clock, board: Arc<dyn Board>) {
    // Nobody proves anything here: all are guests, and the idlest makes room.
    let lobby = Arc::new(Lobby::new(ADMIN_CONNECTIONS_MAX));
    let crowded = || {
        lobby.make_room();
    };
    loop {
        let (stream, from) = listener.accept(crowded).await;
        let Some(guest) = lobby.enter(Peer::new(from.ip())) else {
            continue;
        };
        let line = guest.line().clone();
        let socket = Socket::new(stream, line.clone(), limits.clone(), clock.clone());
        let board = board.clone();
        tokio::spawn(async move {
            let service = service_fn(|asked| {
                guest.used();
                let (board, knows) = (board.clone(), board.clone());
                guarded(async move { answer(asked, &*board).await }, move || {
                    knows.defect();
                    problem(StatusCode::INTERNAL_SERVER_ERROR)
                })
            });
            let socket = connection::converse(socket, &line, service).await;
            let words = match socket.over() {
                Some(Over::Refused(outcome)) => {
                    Some(last_words(outcome, &RequestId::fresh(rand::random())))
                }
                Some(Over::Gone | Over::Slow | Over::Broken) | None => None,
            };
            socket.part(words).await;
        });
    }
}

async fn answer(request: Request<Incoming>, board: &dyn Board) -> Answer {
    let path = request.uri().path();
    if !matches!(path, "/livez" | "/readyz" | "/metrics") {
        return problem(StatusCode::NOT_FOUND);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4", board.metrics().await),
        "/readyz" => {
            let readiness = board.readiness();
            let code = match readiness.status() {
                Standing::Ok | Standing::Degraded => StatusCode::OK,
                Standing::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            };
            text(code, "application/json", readiness.json())
        }
        _ => text(StatusCode::OK, "text/plain", "alive\n".to_owned()),
    }
}

/// RFC 9457.
fn problem(status: StatusCode) -> Answer {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
    });
    text(status, "application/problem+json", body.to_string())
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn the_worst_dependency_decides_and_only_the_unavailable_make_unready() {
        let readiness = |kafka, journal| Readiness {
            checks: vec![
                ("journal", Check { status: journal, reason: None }),
                ("kafka", Check::not(kafka, "away")),
            ],
        };
        let json = |kafka, journal| -> serde_json::Value {
            serde_json::from_str(&readiness(kafka, journal).json()).unwrap()
        };
        let degraded = json(Standing::Degraded, Standing::Ok);
        assert_eq!(degraded["ready"], true);
        assert_eq!(degraded["status"], "degraded");
        assert_eq!(degraded["checks"]["kafka"]["reason"], "away");
        assert_eq!(degraded["checks"]["journal"], serde_json::json!({"status": "ok"}));
        let unavailable = json(Standing::Degraded, Standing::Unavailable);
        assert_eq!(unavailable["ready"], false);
        assert_eq!(unavailable["status"], "unavailable");
    }

    /// Panics where it is asked how everything stands.
    struct Broken(AtomicU64);

    impl Board for Broken {
        fn readiness(&self) -> Readiness {
            panic!("nobody knows")
        }

        fn metrics(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
            Box::pin(async { panic!("nothing is counted") })
        }

        fn defect(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_panic_is_one_500_that_is_counted_and_the_connection_goes_on() {
        let board = Arc::new(Broken(AtomicU64::new(0)));
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let admin =
            Admin::start(at, None, Limits::default(), Clock::system(), board.clone()).unwrap();
        let mut client = TcpStream::connect(admin.address()).await.unwrap();
        for (path, code) in [("/readyz", 500), ("/metrics", 500), ("/livez", 200)] {
            let request = format!("GET {path} HTTP/1.1\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"}") && !answer.ends_with(b"alive\n") {
                assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "{path}");
            }
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        }
        assert_eq!(board.0.load(Ordering::Relaxed), 2);
    }
}
