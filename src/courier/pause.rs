//! Waiting, by the runtime's timers: a moment that comes, and pauses that grow.

use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::bounds;

/// A moment in the time of the runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// So long from here.
    pub(super) fn after(pause: Duration) -> Self {
        Self(sleep(pause).deadline())
    }

    /// Whether it has come.
    pub(super) fn is_past(self) -> bool {
        !self.0.elapsed().is_zero()
    }

    /// Waits for it.
    pub(super) fn wait(self) -> Sleep {
        sleep_until(self.0)
    }

    /// The earlier of two.
    pub(super) fn earlier(self, other: Option<Self>) -> Self {
        Self(other.map_or(self.0, |other| other.0.min(self.0)))
    }
}

/// Pauses between attempts: doubled each time, with jitter, up to a limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Whether there was no attempt yet.
    pub(super) fn is_fresh(self) -> bool {
        self.attempts == 0
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = bounds::BACKOFF_MIN.saturating_mul(1 << self.attempts.min(16));
        self.attempts += 1;
        doubled.min(bounds::BACKOFF_MAX).mul_f64(rand::random_range(0.75..1.25))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_no_further() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= bounds::BACKOFF_MIN.mul_f64(1.25));
        assert!(pauses[4] > pauses[0]);
        assert!(pauses[39] >= bounds::BACKOFF_MAX.mul_f64(0.75));
        assert!(pauses.iter().all(|pause| *pause <= bounds::BACKOFF_MAX.mul_f64(1.25)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_past_once_it_was_waited_for() {
        let deadline = Deadline::after(Duration::from_secs(1));
        assert!(!deadline.is_past());
        deadline.wait().await;
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(deadline.is_past());
    }
}
