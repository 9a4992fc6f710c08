//! HTTP and nothing but HTTP.
//!
//! The public door takes posts to the routes of the sources and answers as the table in `answer`
//! says; the admin door shows health and numbers. What happens to a delivery is the intake's
//! affair.
//!
//! Promises: every wait, buffer, head, body and crowd has a number; a head whose framing is
//! ambiguous reaches nothing; what cannot be authentic by its head costs no body; once a body is
//! read its delivery finishes, whether the client stays or not; a panic is one request's 500; each
//! source keeps a share of connections, bodies and bytes that no other can take; an address that
//! fails too often is narrowed, never refused; where there is no room what only waits makes some,
//! the largest crowd first; stopping takes what has come. All of it holds under TLS and over HTTP/2
//! as well.
//!
//! Never here: a path, a body or a header value in a log, a label or an answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::bounds;
use crate::clock::Clock;
use crate::intake::{Intake, Source};
use crate::telemetry::Telemetry;
use crate::throttle::Peers;

mod admin;
mod answer;
mod arrival;
mod body;
mod chunks;
mod connection;
mod crowd;
mod door;
mod finishing;
mod framing;
mod guarded;
mod line;
mod listen;
mod lobby;
mod peer;
mod preface;
mod readers;
mod request;
mod routes;
mod shares;
mod socket;
mod stalls;
mod streams;
mod tls;

pub use admin::{
    Admin, AdminSettings, Board, Check, Clients, Keyring, ProblemDetails, Readiness, Standing,
    TokenMistake, Tokens,
};
pub use framing::{Framing, Step};
pub use listen::{Inherited, InheritedError};
pub use tls::{Certified, Found, Tls, TlsFiles, TlsMistake};

use door::Door;
use listen::Listener;

/// How long anything may take on a connection. The defaults are those of [`bounds`]; tests shorten
/// them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// See [`bounds::CONNECTION_IDLE`].
    pub connection_idle: Duration,
    /// See [`bounds::FIRST_HEAD`].
    pub first_head: Duration,
    /// See [`bounds::HEAD_READ`].
    pub head_read: Duration,
    /// See [`bounds::TLS_HANDSHAKE`].
    pub tls_handshake: Duration,
    /// See [`bounds::TLS_LOOK`].
    pub tls_look: Duration,
    /// See [`bounds::BODY_READ`].
    pub body_read: Duration,
    /// See [`bounds::BODY_RATE_GRACE`].
    pub body_rate_grace: Duration,
    /// See [`bounds::NARROWED_BODY_READ`].
    pub narrowed_body_read: Duration,
    /// See [`bounds::NARROWED_WAIT`].
    pub narrowed_wait: Duration,
    /// See [`bounds::ANSWER_WRITE`].
    pub answer_write: Duration,
    /// See [`bounds::PARTING`].
    pub parting: Duration,
    /// See [`bounds::DRAIN_LAST_WORDS`].
    pub last_words: Duration,
    /// See [`bounds::UNPROVEN_CONNECTIONS_MAX`].
    pub unproven_connections: usize,
    /// Open connections that have: the rest of [`bounds::CONNECTIONS_MAX`].
    pub proven_connections: usize,
    /// See [`bounds::H2_CONNECTIONS_MAX`].
    pub h2_connections: usize,
    /// See [`bounds::BODIES_IN_FLIGHT_MAX`].
    pub bodies: usize,
    /// See [`bounds::BODIES_RESERVED_PER_SOURCE`].
    pub bodies_reserved: usize,
    /// See [`bounds::BODY_BYTES_IN_FLIGHT_MAX`].
    pub body_bytes: usize,
    /// See [`bounds::BODY_BYTES_RESERVED_PER_SOURCE`].
    pub body_bytes_reserved: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connection_idle: bounds::CONNECTION_IDLE,
            first_head: bounds::FIRST_HEAD,
            head_read: bounds::HEAD_READ,
            tls_handshake: bounds::TLS_HANDSHAKE,
            tls_look: bounds::TLS_LOOK,
            body_read: bounds::BODY_READ,
            body_rate_grace: bounds::BODY_RATE_GRACE,
            narrowed_body_read: bounds::NARROWED_BODY_READ,
            narrowed_wait: bounds::NARROWED_WAIT,
            answer_write: bounds::ANSWER_WRITE,
            parting: bounds::PARTING,
            last_words: bounds::DRAIN_LAST_WORDS,
            unproven_connections: bounds::UNPROVEN_CONNECTIONS_MAX,
            proven_connections: bounds::CONNECTIONS_MAX - bounds::UNPROVEN_CONNECTIONS_MAX,
            h2_connections: bounds::H2_CONNECTIONS_MAX,
            bodies: bounds::BODIES_IN_FLIGHT_MAX,
            bodies_reserved: bounds::BODIES_RESERVED_PER_SOURCE,
            body_bytes: bounds::BODY_BYTES_IN_FLIGHT_MAX,
            body_bytes_reserved: bounds::BODY_BYTES_RESERVED_PER_SOURCE,
        }
    }
}

/// What the public door is told.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The socket that listens there already.
    pub passed: Option<std::net::TcpListener>,
    /// What it greets with; `None`: requests come bare.
    pub tls: Option<Tls>,
    /// Bytes of the largest body.
    pub body_max: usize,
    /// Networks that may say whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// Its limits.
    pub limits: Limits,
}

/// A source and where it is posted to.
pub struct Routed {
    /// The source.
    pub source: Arc<Source>,
    /// Its paths.
    pub paths: Vec<String>,
}

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Deliveries are taken.
    Open,
    /// What has come is still answered; every answer ends its connection.
    Closing,
    /// What comes now is answered `draining`.
    Over,
}

/// The running public door.
pub struct Edge {
    address: SocketAddr,
    inherited: bool,
    door: Arc<Door>,
    phase: watch::Sender<Phase>,
    accepting: JoinHandle<()>,
    /// Held as long as new connections may come.
    sign_on: Option<mpsc::Sender<()>>,
    /// Ends when the last connection and the last delivery have ended.
    crew: mpsc::Receiver<()>,
}

/// Changes where requests go, while they come.
#[derive(Clone)]
pub struct Signpost(Arc<Door>);

impl Signpost {
    /// From now on requests go to these sources, and these proxies are trusted. What is under way
    /// goes on with the source it began with; connections stay.
    pub fn replace(&self, sources: Vec<Routed>, trusted_proxies: Vec<IpNet>) {
        self.0.replace(sources, trusted_proxies);
    }
}

/// What the public door works with.
pub struct Behind {
    /// Where deliveries go.
    pub intake: Arc<Intake>,
    /// The sources with their paths.
    pub sources: Vec<Routed>,
    /// Who fails too often.
    pub peers: Arc<Peers>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
}

impl Edge {
    /// Opens the public listener and begins to take deliveries.
    pub fn start(mut settings: Settings, behind: Behind) -> io::Result<Self> {
        let listener = Listener::open(settings.listen, settings.passed.take())?;
        let (address, inherited) = (listener.address()?, listener.is_inherited());
        let (phase, phase_seen) = watch::channel(Phase::Open);
        let (sign_on, crew) = mpsc::channel(1);
        let door = Arc::new(Door::new(settings, behind, phase_seen.clone(), &sign_on));
        let accepting = tokio::spawn(connection::accept(listener, door.clone(), phase_seen));
        Ok(Self { address, inherited, door, phase, accepting, sign_on: Some(sign_on), crew })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether its socket goes on without this process: what comes after the closing waits there.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Bytes of bodies that can be in memory at one time.
    pub fn body_bytes_ceiling(&self) -> usize {
        self.door.body_bytes_ceiling()
    }

    /// What changes its routes while it runs.
    pub fn signpost(&self) -> Signpost {
        Signpost(self.door.clone())
    }

    /// Closes the listener and every idle connection; one that has carried nothing yet is waited
    /// for a little. What has come is still answered, and every answer ends its connection. May be
    /// given up for [`over`](Self::over).
    pub async fn close(&mut self) {
        self.phase.send_replace(Phase::Closing);
        // It still takes what has come: no more than waits in the kernel, yet that takes time.
        let _ = (&mut self.accepting).await;
        self.door.close();
    }

    /// From now on no connection is taken, and a delivery whose head comes is answered `draining`.
    pub fn over(&self) {
        self.accepting.abort();
        self.door.close();
        self.phase.send_replace(Phase::Over);
    }

    /// Waits until the last connection and the last delivery have ended.
    pub async fn ended(&mut self) {
        self.sign_on = None;
        while self.crew.recv().await.is_some() {}
    }
}
