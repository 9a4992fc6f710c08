//! One connection from its first byte to its last words.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use crate::bounds::{CONNECTION_BUFFER_BYTES_MAX, H2_STREAMS_MAX, LISTEN_BACKLOG};
use crate::delivery::{Peer, RequestId};
use crate::intake::Caller;
use crate::outcome::Outcome;

use super::Phase;
use super::answer::{STRANGER, answer, last_words};
use super::arrival::arrive;
use super::door::Door;
use super::line::Line;
use super::listen::Listener;
use super::lobby::Guest;
use super::request;
use super::socket::{Over, Socket};
use super::streams;
use super::tls::{Failed, Wire};

/// Takes connections in until the door closes, then those that have come already, and lets the
/// listener go. What waits on a passed one is the next process's.
pub(super) async fn accept(listener: Listener, door: Arc<Door>, mut phase: watch::Receiver<Phase>) {
    let crowded = || {
        door.lobby().make_room();
    };
    loop {
        let closing = phase.wait_for(|phase| *phase != Phase::Open);
        tokio::select! {
            biased;
            _ = closing => break,
            (stream, from) = listener.accept(crowded) => welcome(stream, from, &door),
        }
    }
    if listener.is_inherited() {
        return;
    }
    // What the kernel has accepted for us would be reset with the listener. More than it keeps
    // waiting has come since.
    for _ in 0..LISTEN_BACKLOG {
        let Ok((stream, from)) = timeout(Duration::ZERO, listener.accept(crowded)).await else {
            break;
        };
        welcome(stream, from, &door);
    }
}

/// Gives a connection a place and a task of its own.
fn welcome(stream: TcpStream, from: SocketAddr, door: &Arc<Door>) {
    let from = from.ip();
    let Some(guest) = door.lobby().enter(Peer::new(from)).map(Arc::new) else {
        unserved(door, from, &Outcome::Overloaded, None);
        return;
    };
    let (door, line) = (door.clone(), guest.line().clone());
    // Signed on here, or the gateway could end before this task has run.
    let on_duty = door.on_duty();
    tokio::spawn(async move {
        let _on_duty = on_duty;
        let (wire, told, h2) = match brought_in(stream, from, &door, &guest).await {
            Some(brought) => brought,
            None => return,
        };
        let service = service_fn(|asked| {
            request::answer(door.clone(), guest.clone(), line.origin(from), asked)
        });
        let (limits, clock) = (door.limits(), door.clock());
        if wire.is_h2() {
            let refuse = |outcome: &Outcome| {
                let request_id = unserved(&door, line.origin(from), outcome, None);
                answer(outcome, STRANGER, &request_id, false)
            };
            let bounds = (limits, clock, H2_STREAMS_MAX);
            streams::converse(wire, line.clone(), bounds, service, refuse).await;
            return;
        }
        drop(h2);
        let mut socket = Socket::new(wire, line.clone(), limits.clone(), clock.clone());
        if let Some(told) = told {
            socket = socket.of_proxy(told);
        }
        let socket = converse(socket, &line, service).await;
        part(socket, &door, line.origin(from)).await;
    });
}

/// A connection that has been brought in: its bytes; what a proxy's words are told to, where they
/// are still to come; its place among those that speak HTTP/2.
type Brought<T> = (Wire, Option<T>, Option<OwnedSemaphorePermit>);

/// Brings a connection as far as its first request; `None`: it came to nothing, which is told.
async fn brought_in(
    stream: TcpStream,
    from: IpAddr,
    door: &Arc<Door>,
    guest: &Arc<Guest>,
) -> Option<Brought<impl FnOnce(IpAddr) + Send + 'static>> {
    let line = guest.line();
    let moves = guest.clone();
    let spoken_for = move |address| moves.stands_with(Peer::new(address));
    let told = door.proxies().trusts(from).then_some(spoken_for);
    let Some(tls) = door.tls() else {
        return Some((Wire::Plain(stream), told, None));
    };
    let h2 = door.h2_place();
    match arrive(stream, (tls, h2.is_some()), line, door.limits(), told).await {
        Ok(wire) => Some((wire, None, h2)),
        Err(failed) => {
            let outcome = match failed {
                // As a connection that ends before a request without TLS.
                Failed::Gone => return None,
                Failed::Slow => Outcome::Timeout,
                Failed::NotTls
                | Failed::NothingInCommon
                | Failed::CertificateRefused
                | Failed::ClientCertificate
                | Failed::ProxyHeader
                | Failed::Broken => Outcome::BadRequest,
            };
            unserved(door, line.origin(from), &outcome, Some(failed.as_str()));
            None
        }
    }
}

/// Serves one connection until it is over, and gives the socket back.
pub(super) async fn converse<S, B>(socket: Socket, line: &Line, service: S) -> Socket
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Unpin,
    S::Future: Unpin,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let mut conversation = http1::Builder::new()
        // A client that has said all it wants to say still gets its answer.
        .half_close(true)
        // The socket below keeps the time.
        .header_read_timeout(None)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    loop {
        tokio::select! {
            // Whatever the error, the connection is over and its requests have had their endings.
            _ = std::future::poll_fn(|cx| conversation.poll_without_shutdown(cx)) => break,
            () = line.told() => {}
        }
    }
    conversation.into_parts().io.into_inner()
}

/// Ends a connection; a head that the server never saw gets its answer here.
async fn part(socket: Socket, door: &Door, from: IpAddr) {
    let outcome = match socket.over() {
        Some(Over::Refused(outcome)) => outcome.clone(),
        // Closed without an answer, after which every sender tries again.
        Some(Over::Slow) => Outcome::Timeout,
        Some(Over::Gone | Over::Broken) | None => return socket.part(None).await,
    };
    let request_id = unserved(door, from, &outcome, None);
    let refused = outcome != Outcome::Timeout;
    let words = refused.then(|| last_words(&outcome, &request_id));
    socket.part(words).await;
}

/// Counts and logs what ended before it was a request.
fn unserved(
    door: &Door,
    from: IpAddr,
    outcome: &Outcome,
    reason: Option<&'static str>,
) -> RequestId {
    let caller = Caller {
        request_id: RequestId::fresh(rand::random()),
        peer: Peer::new(from),
        since: door.clock().steady(),
    };
    door.meters_of_unknown().ended(outcome);
    door.intake.unserved(outcome, reason, &caller);
    caller.request_id
}
