//! The operator's door: open paths for probes and scrapers, and the admin API behind tokens.
//!
//! `/livez`, `/readyz` and `/metrics` are open and cheap. Everything under `/admin/` needs a bearer
//! token: whoever has none learns nothing, not even which paths there are. What may be asked is
//! one table ([`routes`]), from which both the router and the OpenAPI document are made.
//!
//! Promises: every body, wait and crowd has a number; a question is given up when its client goes,
//! a change is finished; every error is a problem detail (RFC 9457) that names the field and never
//! the value. Never here: what the answers say. That is the desk's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::bounds::{
    ADMIN_CONNECTIONS_MAX, ADMIN_H2_STREAMS_MAX, REFUSAL_LINES_BURST, REFUSAL_LINES_PER_SECOND,
};
use crate::clock::Clock;
use crate::delivery::{Peer, RequestId};
use crate::desk::Desk;
use crate::outcome::Outcome;
use crate::throttle::Bucket;

use super::Limits;
use super::answer::last_words;
use super::arrival::arrive;
use super::connection;
use super::guarded::guarded;
use super::line::Line;
use super::listen::Listener;
use super::lobby::{Guest, Lobby};
use super::socket::{Over, Socket};
use super::streams;
use super::tls::{Failed, Tls, Wire};

mod api;
mod asked;
mod board;
mod call;
mod clients;
mod openapi;
mod problem;
mod reply;
mod routes;
mod stream;
mod tokens;

pub use board::{Board, Check, Readiness, Standing};
pub use clients::Clients;
pub use problem::ProblemDetails;
pub use tokens::{TokenMistake, Tokens};

use api::Api;
use problem::{Kind, Problem};
use reply::{Answer, text};
use tokens::Doorkeeper;

/// What the admin door works with.
pub struct AdminSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The socket that listens there already.
    pub passed: Option<std::net::TcpListener>,
    /// What it greets with; `None`: requests come bare.
    pub tls: Option<Tls>,
    /// How long anything may take on a connection.
    pub limits: Limits,
    /// Who may ask; `None`: nobody.
    pub tokens: Option<Tokens>,
    /// Whose certificates may as well.
    pub clients: Clients,
    /// The time.
    pub clock: Clock,
}

/// The running admin door; closed when dropped.
pub struct Admin {
    address: SocketAddr,
    door: Arc<Door>,
    accepting: JoinHandle<()>,
}

/// Changes who may ask, while they ask.
#[derive(Clone)]
pub struct Keyring(Arc<Doorkeeper>);

impl Keyring {
    /// From now on these may ask, and nobody else; `None`: none by token.
    pub fn replace(&self, tokens: Option<Tokens>, clients: Clients) {
        self.0.replace(tokens);
        self.0.list(clients);
    }
}

/// What every connection of it shares.
struct Door {
    board: Arc<dyn Board>,
    api: Api,
    tls: Option<Tls>,
    /// How often it is told of connections that came to nothing.
    told: Bucket,
}

impl Admin {
    /// Opens the admin listener, or takes the one that was passed.
    ///
    /// # Errors
    /// What the system says about the port.
    pub fn start(settings: AdminSettings, board: Arc<dyn Board>, desk: Desk) -> io::Result<Self> {
        let AdminSettings { listen, passed, tls, limits, tokens, clients, clock } = settings;
        let listener = Listener::open(listen, passed)?;
        let address = listener.address()?;
        let api = Api::new(desk, tokens, clock.clone());
        api.tokens().list(clients);
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let (often, burst) = (number(REFUSAL_LINES_PER_SECOND), number(REFUSAL_LINES_BURST));
        let told = Bucket::new(often, burst, clock.clone());
        let door = Arc::new(Door { board, api, tls, told });
        let accepting = tokio::spawn(accept(listener, limits, clock, door.clone()));
        Ok(Self { address, door, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What changes who may ask while it runs.
    pub fn keyring(&self) -> Keyring {
        Keyring(self.door.api.tokens().clone())
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: Listener, limits: Limits, clock: Clock, door: Arc<Door>) {
    // Nobody proves anything here: all are guests, and the idlest makes room.
    let lobby = Arc::new(Lobby::new(ADMIN_CONNECTIONS_MAX));
    let crowded = || {
        lobby.make_room();
    };
    loop {
        let (stream, from) = listener.accept(crowded).await;
        let Some(guest) = lobby.enter(Peer::new(from.ip())).map(Arc::new) else {
            continue;
        };
        let line = guest.line().clone();
        let (limits, clock, door) = (limits.clone(), clock.clone(), door.clone());
        tokio::spawn(async move {
            let Some(wire) = greeted(stream, &door, &line, &limits).await else {
                return;
            };
            let client: Option<Arc<str>> = wire.client().map(Into::into);
            let service = service_fn(|asked| {
                guest.used();
                let (door, knows, guest) = (door.clone(), door.clone(), guest.clone());
                let client = client.clone();
                let answered = async move { answer(asked, &door, &guest, client.as_deref()).await };
                guarded(answered, move || {
                    knows.board.defect();
                    Problem::defect().answer()
                })
            });
            if wire.is_h2() {
                let refuse = |_: &Outcome| {
                    let detail = "the head has too many lines, or more than one length";
                    Problem::new(Kind::Malformed, detail).answer()
                };
                let bounds = (&limits, &clock, ADMIN_H2_STREAMS_MAX);
                streams::converse(wire, line, bounds, service, refuse).await;
                return;
            }
            let socket = Socket::new(wire, line.clone(), limits, clock);
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

/// Shakes hands, where that is asked for; `None`: it came to nothing.
async fn greeted(stream: TcpStream, door: &Door, line: &Line, limits: &Limits) -> Option<Wire> {
    let Some(tls) = &door.tls else {
        return Some(Wire::Plain(stream));
    };
    match arrive(stream, (tls, true), line, limits, None::<fn(IpAddr)>).await {
        Ok(wire) => Some(wire),
        Err(failed) => {
            // A flood of them is told in part.
            if failed != Failed::Gone && door.told.take().is_ok() {
                let reason = failed.as_str();
                tracing::warn!(reason, "a connection to the admin listener came to nothing");
            }
            None
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    door: &Arc<Door>,
    guest: &Guest,
    client: Option<&str>,
) -> Answer {
    let path = request.uri().path();
    if path.starts_with("/admin/") {
        return door.api.answer(request, guest, client).await;
    }
    if !matches!(path, "/livez" | "/readyz" | "/metrics") {
        return Problem::no_such_path().answer();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = Problem::method_not_allowed().answer();
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/metrics" => {
            let metrics = door.board.metrics().await;
            text(StatusCode::OK, "text/plain; version=0.0.4", metrics)
        }
        "/readyz" => {
            let readiness = door.board.readiness();
            let code = match readiness.status() {
                Standing::Ok | Standing::Degraded => StatusCode::OK,
                Standing::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            };
            text(code, "application/json", readiness.json())
        }
        _ => text(StatusCode::OK, "text/plain", "alive\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

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
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let desk = crate::desk::tests::desk(folder.path());
        let settings = AdminSettings {
            listen: at,
            passed: None,
            tls: None,
            limits: Limits::default(),
            tokens: None,
            clients: Clients::default(),
            clock,
        };
        let admin = Admin::start(settings, board.clone(), desk).unwrap();
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
