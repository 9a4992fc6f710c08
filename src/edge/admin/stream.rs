//! Answers that go on: each thing is sent when it comes, and in between a sign of life, by which
//! both ends learn that the other is gone.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::bounds::ADMIN_STREAM_BEAT;
use crate::desk::{CapturedDelivery, EventRow};

/// How things are written on a stream.
pub(super) trait Line: Send + Unpin + 'static {
    /// Its media type.
    const KIND: &'static str;

    /// What says that the stream is alive; whoever reads passes it over.
    const BEAT: &'static [u8];

    /// One thing.
    fn line(&self) -> Vec<u8>;
}

/// Server-sent events, whose ids are sequences.
impl Line for EventRow {
    const KIND: &'static str = "text/event-stream";
    const BEAT: &'static [u8] = b":\n\n";

    fn line(&self) -> Vec<u8> {
        // One line of JSON: no line break stands within it.
        let data = serde_json::to_string(self).unwrap_or_default();
        format!("id: {}\nevent: event\ndata: {data}\n\n", self.sequence).into_bytes()
    }
}

/// Lines of JSON. An empty line is the sign of life.
impl Line for CapturedDelivery {
    const KIND: &'static str = "application/x-ndjson";
    const BEAT: &'static [u8] = b"\n";

    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The body of such an answer. Dropping it ends what it draws from.
pub(super) struct Stream<T> {
    from: mpsc::Receiver<T>,
    beat: Interval,
    _place: OwnedSemaphorePermit,
}

impl<T> Stream<T> {
    /// Draws from this, holding one of the places there are.
    pub(super) fn new(from: mpsc::Receiver<T>, place: OwnedSemaphorePermit) -> Self {
        let mut beat = interval(ADMIN_STREAM_BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { from, beat, _place: place }
    }
}

impl<T: Line> Body for Stream<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Poll::Ready(thing) = this.from.poll_recv(cx) {
            return Poll::Ready(thing.map(|thing| Ok(Frame::data(thing.line().into()))));
        }
        // The first beat is at once: it carries the head of the answer to the client.
        ready!(this.beat.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(T::BEAT)))))
    }
}
