//! How fast events go, where a route says so: so many in each short step, none made up for later.
//!
//! Pure: the time is the steady clock's, handed in. Steps, not single events, so that a transaction
//! has more than one of them.

use std::time::Duration;

use crate::bounds;

/// See the header.
#[derive(Debug)]
pub(super) struct Pace {
    limit: Option<Limit>,
}

#[derive(Debug)]
struct Limit {
    /// Events of one step.
    events: usize,
    step: Duration,
    /// Events that the step in hand still has.
    left: usize,
    /// When it ends.
    until: Duration,
}

impl Pace {
    /// So many events a second.
    pub(super) fn new(rate: Option<u32>) -> Self {
        let limit = rate.map(|rate| {
            let rate = rate.max(1);
            let events = (rate / bounds::REPLAY_STEPS_A_SECOND).max(1);
            let step = Duration::from_secs(events.into()) / rate;
            let events = usize::try_from(events).unwrap_or(usize::MAX);
            Limit { events, step, left: 0, until: Duration::ZERO }
        });
        Self { limit }
    }

    /// How many events may go now.
    pub(super) fn allowance(&mut self, now: Duration) -> usize {
        let Some(limit) = &mut self.limit else { return usize::MAX };
        if now >= limit.until {
            let late = now - limit.until;
            let from = if late < limit.step { limit.until } else { now };
            (limit.left, limit.until) = (limit.events, from + limit.step);
        }
        limit.left
    }

    /// Notes that so many go.
    pub(super) fn went(&mut self, count: usize) {
        if let Some(limit) = &mut self.limit {
            limit.left = limit.left.saturating_sub(count);
        }
    }

    /// How long until the next may go, where none may now.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        let limit = self.limit.as_ref().filter(|limit| limit.left == 0)?;
        Some(limit.until.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many go in so many milliseconds, looked at each of them.
    fn gone(pace: &mut Pace, from: u64, millis: u64) -> usize {
        let mut count = 0;
        for now in (from..from + millis).map(Duration::from_millis) {
            let allowed = pace.allowance(now);
            assert_eq!(pace.wait(now).is_some(), allowed == 0);
            pace.went(allowed);
            count += allowed;
        }
        count
    }

    #[test]
    fn so_many_go_in_a_second_and_no_more_after_a_pause() {
        for rate in [1, 3, 15, 500, 4_000] {
            let mut pace = Pace::new(Some(rate));
            let (rate, step) = (rate as usize, (rate as usize / 10).max(1));
            let first = gone(&mut pace, 1_000, 10_000);
            assert!((10 * rate..=10 * rate + step).contains(&first), "{rate}: {first}");
            let later = gone(&mut pace, 90_000, 1_000);
            assert!((rate..=rate + step).contains(&later), "{rate}: {later}");
        }
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut pace = Pace::new(None);
        pace.went(1_000_000);
        assert_eq!((pace.allowance(Duration::ZERO), pace.wait(Duration::ZERO)), (usize::MAX, None));
    }
}
