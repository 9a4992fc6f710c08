//! A connection that speaks HTTP/2: many requests at a time, each on a stream of its own.
//!
//! Only under TLS, where both sides agreed on it (ALPN). A request goes the same way as over
//! HTTP/1.1, with the same limits: what one connection may hold beyond that (streams, windows,
//! resets) has its number in [`bounds`]. Frames delimit bodies here, so nothing can hide in
//! another request; a length that disagrees with its frames ends the stream.
//!
//! Promises: a refused request costs its stream and no other; a connection without a request under
//! way ends when it was idle for too long, whatever else it says; who does not read is given up,
//! also where a window stays shut (then with the whole connection); leaving is said (GOAWAY) before
//! it is done. A head that is too large for the library (431) is answered by it and not counted;
//! one with too many lines is ours.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{sleep, timeout};

use crate::bounds;
use crate::clock::Clock;
use crate::outcome::Outcome;

use super::Limits;
use super::line::{Leave, Line, Turn};
use super::stalls::Stalls;
use super::tls::Wire;

/// Serves one connection until it is over, with so many requests at a time. `refuse` answers a head
/// that is not as it must be.
pub(super) async fn converse<S, B>(
    wire: Wire,
    line: Arc<Line>,
    (limits, clock, requests): (&Limits, &Clock, u32),
    service: S,
    refuse: impl Fn(&Outcome) -> Response<B>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    line.share();
    let session =
        Session { wire, line: line.clone(), limit: limits.answer_write, stalls: Stalls::default() };
    let service = service_fn(|asked: Request<Incoming>| {
        let (turn, clock) = (Turn::of(line.clone()), clock.clone());
        let answered = match refused(&asked) {
            Some(outcome) => Err(refuse(&outcome)),
            None => Ok(service.call(asked)),
        };
        async move {
            let answer = match answered {
                Ok(answered) => answered.await?,
                Err(refusal) => refusal,
            };
            Ok::<_, Infallible>(turn.carry(answer, clock))
        }
    });
    let conversation = builder(requests).serve_connection(TokioIo::new(session), service);
    let mut conversation = pin!(conversation);
    let mut used = clock.steady();
    loop {
        let limit = match line.asked() {
            Leave::Stay => limits.connection_idle,
            // Who has just connected is about to post.
            Leave::Finish => limits.first_head,
            Leave::Now => Duration::ZERO,
        };
        let idle = clock.steady().saturating_sub(used);
        let patience = match line.asked() {
            // Where nothing is lost with it.
            Leave::Now if line.may_be_sent_away() => Duration::ZERO,
            Leave::Stay | Leave::Finish | Leave::Now => limits.answer_write,
        };
        let left = |since| patience.saturating_sub(clock.steady().saturating_sub(since));
        let unsent = line.unsent_since().map(left);
        tokio::select! {
            biased;
            // Whatever the error, the connection is over and its requests have had their endings.
            _ = conversation.as_mut() => return,
            () = line.told() => used = clock.steady(),
            () = sleep(limit.saturating_sub(idle)), if !line.is_busy() => match line.asked() {
                Leave::Stay => line.leave(Leave::Finish),
                Leave::Finish | Leave::Now => break,
            },
            () = patient(unsent) => {
                // A piece may have gone meanwhile.
                if line.unsent_since().is_some_and(|since| left(since).is_zero()) {
                    line.stall(true);
                    break;
                }
            }
        }
        if line.asked() != Leave::Stay {
            conversation.as_mut().graceful_shutdown();
        }
    }
    // What has been answered goes out, as far as it can without waiting.
    let _ = timeout(Duration::ZERO, conversation).await;
}

/// Waits so long; `None`: for ever.
async fn patient(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

fn builder(requests: u32) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(requests)
        .initial_stream_window_size(bounds::H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW_BYTES)
        .max_frame_size(bounds::H2_FRAME_BYTES_MAX)
        .header_table_size(bounds::H2_HEADER_TABLE_BYTES)
        .max_header_list_size(bounds::H2_HEAD_BYTES_MAX)
        .max_send_buf_size(bounds::H2_SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(bounds::H2_RESETS_PENDING_MAX)
        .max_local_error_reset_streams(bounds::H2_LOCAL_RESETS_MAX);
    builder
}

/// What a head is refused for that the library lets pass and HTTP/1.1 does not.
fn refused(asked: &Request<Incoming>) -> Option<Outcome> {
    let headers = asked.headers();
    if headers.len() > bounds::HEADER_LINES_MAX {
        return Some(Outcome::HeadersTooLarge);
    }
    (headers.get_all(CONTENT_LENGTH).iter().count() > 1).then_some(Outcome::BadRequest)
}

impl Turn {
    /// The answer, with the turn in its body: it ends when the body has gone.
    fn carry<B>(self, answer: Response<B>, clock: Clock) -> Response<Carried<B>> {
        let (mut parts, body) = answer.into_parts();
        // Over HTTP/1.1 the connection would end with this answer; here it is told to.
        if parts.headers.remove(CONNECTION).is_some() {
            self.line().leave(Leave::Finish);
        }
        // The head goes in any case; what the body waits for is the client's window.
        self.offer(clock.steady());
        Response::from_parts(parts, Carried { body, turn: self, clock })
    }
}

/// The body of an answer that is still on its way.
struct Carried<B> {
    body: B,
    turn: Turn,
    clock: Clock,
}

impl<B: Body + Unpin> Body for Carried<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        // Asked for only when there is room for it.
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(_)) => self.turn.offer(self.clock.steady()),
            Poll::Ready(None) | Poll::Pending => self.turn.owe(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The bytes of the connection; whoever does not read them is given up.
struct Session {
    wire: Wire,
    line: Arc<Line>,
    limit: Duration,
    stalls: Stalls,
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, out)
    }
}

impl AsyncWrite for Session {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.wire).poll_write(cx, bytes);
        this.stalls.keep(cx, (&this.line, this.limit), written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.wire).poll_flush(cx);
        this.stalls.keep(cx, (&this.line, this.limit), flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let ended = Pin::new(&mut this.wire).poll_shutdown(cx);
        this.stalls.keep(cx, (&this.line, this.limit), ended)
    }
}
