//! One client's socket as the server sees it: only heads that were judged, one request at a time.
//!
//! The server above reads through this wrapper. Bytes of a head are held back until [`Framing`] has
//! passed it, so an ambiguous, oversized or unreadable head never reaches the server; the
//! connection then ends with our own answer. Timers run only while nothing comes: idle, and from
//! the first byte of a head to its last, which a drip of bytes does not prolong. A client that does
//! not read its answer is given up as well.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

use crate::bounds::{HELD_BYTES_MAX, PARTING_BYTES_MAX};
use crate::clock::Clock;
use crate::outcome::Outcome;

use super::Limits;
use super::framing::{Framing, Step};
use super::line::{Leave, Line};
use super::stalls::Stalls;
use super::tls::Wire;

/// Why nothing more is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The client ended, was idle for too long, or was asked to leave.
    Gone,
    /// A head took too long.
    Slow,
    /// A head is answered with this.
    Refused(Outcome),
    /// A body's framing broke.
    Broken,
}

/// The wrapper.
pub(super) struct Socket {
    stream: Wire,
    line: Arc<Line>,
    limits: Limits,
    clock: Clock,
    framing: Framing,
    /// Called once, when a proxy has said whom it speaks for.
    on_spoken_for: Option<Box<dyn FnOnce(IpAddr) + Send>>,
    /// What has come and not gone on yet.
    held: BytesMut,
    /// So many bytes at the front of `held` may go on.
    passed: usize,
    over: Option<Over>,
    /// Whether others had their turn since the last request was handed on.
    others_had_turn: bool,
    waiting: Option<Waiting>,
    /// Whether a request has come.
    used: bool,
    /// When the last request began, by the steady clock.
    last_used: Duration,
    stalls: Stalls,
}

struct Waiting {
    limit: Duration,
    until: Pin<Box<Sleep>>,
}

impl Socket {
    /// Wraps a fresh connection.
    pub(super) fn new(stream: Wire, line: Arc<Line>, limits: Limits, clock: Clock) -> Self {
        Self {
            stream,
            line,
            limits,
            used: false,
            last_used: clock.steady(),
            clock,
            framing: Framing::default(),
            on_spoken_for: None,
            held: BytesMut::new(),
            passed: 0,
            over: None,
            others_had_turn: true,
            waiting: None,
            stalls: Stalls::default(),
        }
    }

    /// The same for a trusted proxy, which may say first whom it speaks for; then `told` is called.
    pub(super) fn of_proxy(self, told: impl FnOnce(IpAddr) + Send + 'static) -> Self {
        Self { framing: Framing::of_proxy(), on_spoken_for: Some(Box::new(told)), ..self }
    }

    /// Why nothing more is read, once that is so.
    pub(super) fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    /// Says the last words, if any, and ends the connection so that they arrive: a reset, which
    /// unread bytes would cause, could overtake them. Whoever is asked to leave at once is not
    /// waited for.
    pub(super) async fn part(mut self, last_words: Option<Vec<u8>>) {
        let line = self.line.clone();
        // Nothing is answered any more: whoever needs the place may have it.
        line.rest();
        tokio::select! {
            () = self.say_farewell(last_words) => {}
            () = line.told_now() => {}
        }
    }

    async fn say_farewell(&mut self, last_words: Option<Vec<u8>>) {
        let said = timeout(self.limits.answer_write, async {
            if let Some(words) = last_words {
                self.stream.write_all(&words).await?;
            }
            self.stream.shutdown().await
        });
        if matches!(said.await, Ok(Ok(()))) && self.leaves_unread() {
            // Whether they read it to the end or not: the connection ends here.
            let _ = timeout(self.limits.parting, waste(&mut self.stream)).await;
        }
    }

    /// Whether the client has said, or will say, what nobody reads.
    fn leaves_unread(&mut self) -> bool {
        let refused = matches!(self.over, Some(Over::Refused(_) | Over::Broken));
        refused || self.line.unread() || self.stream.more_came()
    }

    /// Judges what is held. `false`: more bytes are needed.
    fn judge(&mut self) -> bool {
        let began = self.framing.awaits_head();
        match self.framing.judge(&self.held) {
            Step::Pass(some) => {
                self.passed = some;
                if began {
                    self.begin();
                }
            }
            Step::Skip(some) => {
                self.held.advance(some);
                if let Some(address) = self.framing.spoken_for()
                    && let Some(told) = self.on_spoken_for.take()
                {
                    self.line.speak_for(address);
                    told(address);
                }
            }
            Step::More => return false,
            Step::Refuse(outcome) => self.over = Some(Over::Refused(outcome)),
            Step::Broken => self.over = Some(Over::Broken),
        }
        true
    }

    /// Hands on what may go.
    fn give(&mut self, out: &mut ReadBuf<'_>) {
        let some = self.passed.min(out.remaining()).min(self.held.len());
        out.put_slice(&self.held.split_to(some));
        self.passed -= some;
        if self.held.is_empty() {
            // An idle connection holds no buffer.
            self.held = BytesMut::new();
        }
    }

    /// Reads from the client, through `out`. What may go on at once stays there.
    fn poll_client(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(self.poll_some(cx, out))?;
        let fresh = out.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            self.over = Some(Over::Gone);
            return Poll::Ready(Ok(()));
        }
        let mut going = 0;
        if self.held.is_empty() && !self.framing.awaits_preface() {
            let began = self.framing.awaits_head();
            if let Step::Pass(some) = self.framing.judge(fresh) {
                going = some;
                if began {
                    self.begin();
                }
            }
        }
        hold(&mut self.held, fresh.get(going..).unwrap_or_default());
        out.set_filled(before + going);
        Poll::Ready(Ok(()))
    }

    /// Reads no more than a head may have, so that what is held stays bounded.
    fn poll_some(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = HELD_BYTES_MAX.saturating_sub(self.held.len()).max(1);
        if out.remaining() <= most {
            return Pin::new(&mut self.stream).poll_read(cx, out);
        }
        let mut some = ReadBuf::new(out.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut some))?;
        let came = some.filled().len();
        out.advance(came);
        Poll::Ready(Ok(()))
    }

    /// A head has passed.
    fn begin(&mut self) {
        self.used = true;
        self.last_used = self.clock.steady();
        self.others_had_turn = false;
        self.line.begin(self.framing.awaits_head());
    }

    /// Nothing has come: is that all right? Within a body the reader keeps the time.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        if !self.framing.awaits_head() {
            return Poll::Pending;
        }
        let for_head = !self.held.is_empty();
        let asked = self.line.asked();
        let limit = match (for_head, asked) {
            (_, Leave::Now) => return Poll::Ready(Over::Gone),
            (true, Leave::Stay | Leave::Finish) => self.limits.head_read,
            (false, Leave::Stay) => self.limits.connection_idle,
            (false, Leave::Finish) if self.used => return Poll::Ready(Over::Gone),
            // Who has just connected is about to post.
            (false, Leave::Finish) => self.limits.first_head,
        };
        self.line.rest();
        let waiting =
            self.waiting.get_or_insert_with(|| Waiting { limit, until: Box::pin(sleep(limit)) });
        if waiting.limit != limit {
            waiting.limit = limit;
            waiting.until.set(sleep(limit));
        }
        while waiting.until.as_mut().poll(cx).is_ready() {
            if for_head {
                return Poll::Ready(Over::Slow);
            }
            if asked == Leave::Finish {
                return Poll::Ready(Over::Gone);
            }
            // The timer was set when the connection first fell idle, not after each request.
            let idle = self.clock.steady().saturating_sub(self.last_used);
            if idle >= limit {
                return Poll::Ready(Over::Gone);
            }
            waiting.until.set(sleep(limit - idle));
        }
        Poll::Pending
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.over.is_none() && out.remaining() > 0 {
            if this.passed > 0 {
                this.give(out);
                return Poll::Ready(Ok(()));
            }
            if !this.held.is_empty() && this.framing.awaits_head() && !this.others_had_turn {
                // Requests on top of each other: one a turn, or they would hold up everyone else.
                this.others_had_turn = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !this.held.is_empty() && this.judge() {
                continue;
            }
            let before = out.filled().len();
            if this.poll_client(cx, out)?.is_pending() {
                this.over = Some(ready!(this.poll_patience(cx)));
            } else if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.stalls.keep(cx, (&this.line, this.limits.answer_write), written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.stalls.keep(cx, (&this.line, this.limits.answer_write), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Under TLS what was written may wait here.
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.stalls.keep(cx, (&this.line, this.limits.answer_write), flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Holds more, in no more memory than the most that is ever held.
fn hold(held: &mut BytesMut, more: &[u8]) {
    let needed = held.len() + more.len();
    if held.capacity() < needed {
        let roomy = (2 * held.len()).min(HELD_BYTES_MAX).max(needed);
        let before = std::mem::replace(held, BytesMut::with_capacity(roomy));
        held.extend_from_slice(&before);
    }
    held.extend_from_slice(more);
}

/// Reads and throws away what still comes, up to a limit.
async fn waste(stream: &mut Wire) {
    let mut waste = [0; 4096];
    let mut left = PARTING_BYTES_MAX;
    while let Ok(some) = stream.read(&mut waste).await {
        if some == 0 || some >= left {
            break;
        }
        left -= some;
    }
}
