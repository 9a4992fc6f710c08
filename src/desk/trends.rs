//! How things change: deliveries a second over the last minute, and what the journal grew by in the
//! last hour.
//!
//! Both are differences of what is counted anyway, noted every few seconds by the roof: nothing is
//! added to the road.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bounds::{GROWTH_EVERY, GROWTH_LEAST, GROWTH_OVER, RATE_OVER};
use crate::clock::Clock;
use crate::event::SourceName;

/// What was noted.
pub struct Trends {
    clock: Clock,
    kept: Mutex<Kept>,
}

/// The oldest first, by the steady clock.
#[derive(Debug, Default)]
struct Kept {
    deliveries: VecDeque<(Duration, HashMap<SourceName, u64>)>,
    bytes: VecDeque<(Duration, u64)>,
}

impl Trends {
    /// Nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// Notes how many deliveries each source has had, and how large the journal is.
    pub fn note(&self, deliveries: HashMap<SourceName, u64>, journal_bytes: u64) {
        let now = self.clock.steady();
        let mut kept = self.kept();
        kept.deliveries.push_back((now, deliveries));
        forget(&mut kept.deliveries, now, RATE_OVER);
        let last = kept.bytes.back().map(|(at, _)| *at);
        if last.is_none_or(|last| now.saturating_sub(last) >= GROWTH_EVERY) {
            kept.bytes.push_back((now, journal_bytes));
            forget(&mut kept.bytes, now, GROWTH_OVER);
        }
    }

    /// Deliveries of a source a second, over the last minute or since there was something to see,
    /// if it has had this many by now.
    pub fn per_second(&self, source: &SourceName, total: u64) -> f64 {
        let now = self.clock.steady();
        let kept = self.kept();
        let Some((at, before)) = kept.deliveries.front() else { return 0.0 };
        let seconds = now.saturating_sub(*at).as_secs_f64();
        let before = before.get(source).copied().unwrap_or(0);
        if seconds > 0.0 { total.saturating_sub(before) as f64 / seconds } else { 0.0 }
    }

    /// Bytes a second that the journal grows by if it is this large now, over the last hour or
    /// since the start; `None` before it can be told, and where it does not grow.
    pub fn growth(&self, journal_bytes: u64) -> Option<f64> {
        let now = self.clock.steady();
        let (at, before) = *self.kept().bytes.front()?;
        let time = now.saturating_sub(at);
        let grown = journal_bytes.checked_sub(before).filter(|grown| *grown > 0)?;
        (time >= GROWTH_LEAST).then(|| grown as f64 / time.as_secs_f64())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what lies within this time, and of what lies before it the newest.
fn forget<T>(noted: &mut VecDeque<(Duration, T)>, now: Duration, within: Duration) {
    while noted.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= within) {
        noted.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn trends() -> (Clock, Trends, SourceName) {
        let clock = Clock::manual(Timestamp::from_millis(0));
        (clock.clone(), Trends::new(clock), SourceName::new("a"))
    }

    fn note(trends: &Trends, source: &SourceName, deliveries: u64, bytes: u64) {
        trends.note(HashMap::from([(source.clone(), deliveries)]), bytes);
    }

    #[test]
    fn a_rate_is_that_of_the_last_minute() {
        let (clock, trends, source) = trends();
        assert_eq!(trends.per_second(&source, 9), 0.0, "nothing was noted");
        note(&trends, &source, 1_000, 0);
        assert_eq!(trends.per_second(&source, 9_000), 0.0, "no time has passed");
        for second in 1..=20 {
            clock.advance(Duration::from_secs(5));
            note(&trends, &source, 1_000 + second * 10, 0);
        }
        clock.advance(Duration::from_secs(5));
        // 65 s are looked at: the newest note that is a minute old or more is where they begin.
        assert_eq!(trends.per_second(&source, 1_200), 120.0 / 65.0);
        assert_eq!(trends.per_second(&SourceName::new("new"), 65), 1.0);
        assert!(trends.kept().deliveries.len() <= 14);
    }

    #[test]
    fn growth_is_that_of_the_last_hour_and_told_when_it_can_be() {
        let (clock, trends, source) = trends();
        assert_eq!(trends.growth(9), None);
        note(&trends, &source, 0, 1_000);
        clock.advance(Duration::from_secs(60));
        assert_eq!(trends.growth(7_000), None, "too soon");
        clock.advance(Duration::from_secs(540));
        assert_eq!(trends.growth(7_000), Some(10.0));
        assert_eq!(trends.growth(1_000), None, "it does not grow");
        for _ in 0..200 {
            note(&trends, &source, 0, 7_000);
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(trends.growth(7_000), None);
        assert!(trends.kept().bytes.len() <= 62);
    }
}
