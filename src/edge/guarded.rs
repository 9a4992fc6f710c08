//! A panic on the way to an answer is that request's 500 and nothing else.
//!
//! What the panic said is not looked at: it may quote what a sender sent.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer to come, whatever happens.
pub(super) struct Guarded<A, D> {
    answer: Pin<Box<dyn Future<Output = A> + Send>>,
    on_defect: D,
}

/// Guards an answer; `on_defect` answers instead.
pub(super) fn guarded<A, D: Fn() -> A + Unpin>(
    answer: impl Future<Output = A> + Send + 'static,
    on_defect: D,
) -> Guarded<A, D> {
    Guarded { answer: Box::pin(answer), on_defect }
}

impl<A, D: Fn() -> A + Unpin> Future for Guarded<A, D> {
    type Output = Result<A, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = catch_unwind(AssertUnwindSafe(|| this.answer.as_mut().poll(cx)));
        polled.unwrap_or_else(|_panicked| Poll::Ready((this.on_defect)())).map(Ok)
    }
}
