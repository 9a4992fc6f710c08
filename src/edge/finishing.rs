//! Work that is finished, whoever stops waiting for it.
//!
//! It runs where it is awaited, without the cost of a task of its own. When the one who waits goes
//! away (a client hangs up), the rest of it becomes a task. After a panic nothing of it is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// See the header.
pub(super) struct Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    rest: Option<Pin<Box<F>>>,
}

impl<F> Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Work that begins when it is awaited, or when it is left.
    pub(super) fn of(work: F) -> Self {
        Self { rest: Some(Box::pin(work)) }
    }
}

impl<F> Future for Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// `None` after a panic.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out meanwhile, so that what panics is not polled again by a task.
        let Some(mut rest) = self.rest.take() else {
            return Poll::Pending;
        };
        // Whatever it was at is dropped with it, and was its own.
        match catch_unwind(AssertUnwindSafe(|| rest.as_mut().poll(cx))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
            Ok(Poll::Pending) => {
                self.rest = Some(rest);
                Poll::Pending
            }
            Err(_panicked) => Poll::Ready(None),
        }
    }
}

impl<F> Drop for Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime everything ends, this work too.
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), Handle::try_current()) {
            drop(runtime.spawn(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_left_halfway_is_finished() {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut work = Box::pin(Finishing::of(async {
            let _ = gone.await;
            let _ = tell.send("done");
        }));
        let waker = std::task::Waker::noop();
        assert!(work.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(told.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_panicked_is_not_begun_again() {
        let mut work = Box::pin(Finishing::of(async { panic!("once") }));
        assert_eq!(work.as_mut().await, None::<()>);
        assert!(work.rest.is_none());
    }
}
