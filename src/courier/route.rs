//! What a courier carries: whose cursor it moves, which events, how far, how fast, behind whom.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Kafka, Status};
use crate::bounds;
use crate::journal::{Lane, Stored};

/// Whether an event belongs to a route. Asked on the courier's own thread.
pub type Wanted = Arc<dyn Fn(&Stored) -> bool + Send + Sync>;

/// See the header.
#[derive(Clone)]
pub struct Route {
    /// Whose cursor moves.
    pub lane: Lane,
    /// It begins after this sequence, or after its cursor if that is further.
    pub after: u64,
    /// The last sequence that belongs to it; `None`: it goes on for ever.
    pub through: Option<u64>,
    /// Which events belong to a replay; the others are passed. Of live traffic and of a source on
    /// hold the journal's holds say it.
    pub wanted: Wanted,
    /// Events a second, at most.
    pub rate: Option<u32>,
    /// The courier that comes first: never ahead of it, and not while it has enough to do.
    pub behind: Option<watch::Receiver<Status>>,
}

impl Route {
    /// Of live traffic: all of it, for ever, as fast as it goes.
    pub fn live() -> Self {
        Self {
            lane: Lane::Live,
            after: 0,
            through: None,
            wanted: Arc::new(|_| true),
            rate: None,
            behind: None,
        }
    }

    /// Of one source on hold: what is held of it, for as long as it is let.
    pub fn held(lane: Lane, since: u64) -> Self {
        Self { lane, after: since, through: Some(u64::MAX), ..Self::live() }
    }

    /// Up to where it may read now, of a journal with this head.
    pub(super) fn reaches(&self, head: u64) -> u64 {
        let ahead = self.behind.as_ref().map_or(u64::MAX, |first| first.borrow().cursor);
        head.min(self.through.unwrap_or(u64::MAX)).min(ahead)
    }

    /// Why it must wait for the one that comes first, if it must.
    pub(super) fn waits(&self, head: u64) -> Option<&'static str> {
        let first = self.behind.as_ref()?.borrow();
        if first.kafka != Kafka::Up {
            return Some("Kafka does not take live traffic");
        }
        let backlog = head.saturating_sub(first.cursor);
        (backlog > bounds::REPLAY_BACKLOG_MAX).then_some("live traffic comes first")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_goes_no_further_than_the_first_and_waits_while_that_is_busy() {
        let (first, behind) = watch::channel(Status::new(5));
        let route = Route { through: Some(7), behind: Some(behind), ..Route::live() };
        assert_eq!((Route::live().reaches(9), Route::live().waits(9)), (9, None));
        assert_eq!(route.reaches(9), 5);
        assert!(route.waits(9).is_some_and(|why| why.contains("Kafka")));
        first.send_modify(|status| (status.kafka, status.cursor) = (Kafka::Up, 8));
        assert_eq!((route.reaches(9), route.reaches(6), route.waits(9)), (7, 6, None));
        assert!(route.waits(9 + bounds::REPLAY_BACKLOG_MAX).is_some());
    }
}
