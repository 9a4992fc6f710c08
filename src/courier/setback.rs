//! Notices that the wall clock was set back.
//!
//! librdkafka's threads wait until moments of the wall clock. Whoever of them waits while it is set
//! back by hours may do so for hours: a client that just connects, or looks for a leader, then
//! publishes nothing until the clock has caught up. A new client knows only the new time.

use std::time::Duration;

use crate::bounds;
use crate::clock::Clock;

/// How the two hands of a clock stood to each other.
#[derive(Debug)]
pub(super) struct Setback {
    /// The wall clock's milliseconds where the steady one was at zero.
    origin: i64,
}

impl Setback {
    /// As it is now.
    pub(super) fn new(clock: &Clock) -> Self {
        Self { origin: origin(clock) }
    }

    /// By how much the wall clock was set back since the last look, if it matters.
    pub(super) fn look(&mut self, clock: &Clock) -> Option<Duration> {
        let before = std::mem::replace(&mut self.origin, origin(clock));
        let back = u64::try_from(before.saturating_sub(self.origin)).unwrap_or(0);
        let back = Duration::from_millis(back);
        (back >= bounds::CLOCK_SETBACK).then_some(back)
    }
}

fn origin(clock: &Clock) -> i64 {
    let steady = i64::try_from(clock.steady().as_millis()).unwrap_or(i64::MAX);
    clock.now().millis().saturating_sub(steady)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn only_a_wall_clock_that_was_set_back_is_noticed_and_once() {
        let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
        let mut setback = Setback::new(&clock);
        clock.advance(Duration::from_secs(5));
        assert_eq!(setback.look(&clock), None);
        clock.set(clock.now().plus(Duration::from_secs(7_200)));
        assert_eq!(setback.look(&clock), None);
        clock.set(Timestamp::from_millis(clock.now().millis() - 3_600_000));
        assert_eq!(setback.look(&clock), Some(Duration::from_secs(3_600)));
        assert_eq!(setback.look(&clock), None);
        clock.set(Timestamp::from_millis(clock.now().millis() - 100));
        assert_eq!(setback.look(&clock), None);
    }
}
