//! The time that a write may wait for its client to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::line::{Leave, Line};

/// The write at hand.
#[derive(Default)]
pub(super) struct Stalls {
    until: Option<Pin<Box<Sleep>>>,
}

impl Stalls {
    /// Keeps the time of a write, with `limit` for it; whoever is asked to leave now gets none.
    pub(super) fn keep<T>(
        &mut self,
        cx: &mut Context<'_>,
        (line, limit): (&Line, Duration),
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(done) => {
                if self.until.take().is_some() {
                    line.stall(false);
                }
                Poll::Ready(done)
            }
            Poll::Pending if line.asked() == Leave::Now => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
            Poll::Pending => {
                line.stall(true);
                let until = self.until.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(until.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}
