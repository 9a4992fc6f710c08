//! Families whose topic takes nothing at present: unknown, or not to be written.
//!
//! A held family delays no other: the rest flows past it while there is room in the window. It is
//! tried again after pauses that grow, and forgotten once the event it failed on is through.

use std::collections::BTreeMap;

use super::pause::{Backoff, Deadline};
use super::window::Window;
use crate::event::Family;
use crate::publish::{Failure, Trouble};

/// See the header.
#[derive(Default)]
pub(super) struct Holds(BTreeMap<Family, Hold>);

struct Hold {
    /// The event it failed on.
    slot: usize,
    failure: Failure,
    backoff: Backoff,
    /// Until then nothing is sent; `None` while it is tried again.
    pause: Option<Deadline>,
}

impl Holds {
    /// Whether nothing is to be sent to this family now.
    pub(super) fn is_held(&self, family: Family) -> bool {
        self.0.get(&family).is_some_and(|hold| hold.pause.is_some())
    }

    /// Notes that an event could not be sent to its family.
    pub(super) fn hold(&mut self, family: Family, slot: usize, failure: Failure) {
        let hold = self.0.entry(family).or_insert_with(|| Hold {
            slot,
            failure: failure.clone(),
            backoff: Backoff::default(),
            pause: None,
        });
        hold.failure = failure;
        hold.slot = hold.slot.min(slot);
        if hold.pause.is_none() {
            hold.pause = Some(Deadline::after(hold.backoff.next()));
        }
    }

    /// Ends the pauses that are over, and those of missing topics that are there now. Whether any
    /// ended: what waits must then be found again.
    pub(super) fn release(&mut self, appeared: impl Fn(Family) -> bool) -> bool {
        let mut released = false;
        for (family, hold) in &mut self.0 {
            let missing = hold.failure.trouble == Trouble::UnknownTopic;
            let over = hold.pause.is_some_and(Deadline::is_past);
            if hold.pause.is_some() && (over || missing && appeared(*family)) {
                hold.pause = None;
                released = true;
            }
        }
        released
    }

    /// Forgets what is past. Whether anything was: what waits must then be found again.
    pub(super) fn forget(&mut self, window: &Window) -> bool {
        let before = self.0.len();
        self.0.retain(|_, hold| !window.is_settled(hold.slot));
        self.0.len() != before
    }

    /// The first end of a pause.
    pub(super) fn next(&self) -> Option<Deadline> {
        let pauses = self.0.values().filter_map(|hold| hold.pause);
        pauses.reduce(|first, other| first.earlier(Some(other)))
    }

    /// Why which families are held.
    pub(super) fn reasons(&self) -> Vec<(Family, Failure)> {
        let reason = |(family, hold): (&Family, &Hold)| (*family, hold.failure.clone());
        self.0.iter().map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::stored;
    use super::*;
    use crate::bounds;
    use crate::event::Kind;
    use crate::journal::Lane;

    fn missing() -> Failure {
        Failure { trouble: Trouble::UnknownTopic, detail: "missing".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_family_is_tried_again_after_a_pause_and_holds_no_other() {
        let mut holds = Holds::default();
        holds.hold(Family::Lifecycle, 3, missing());
        assert!(holds.is_held(Family::Lifecycle) && !holds.is_held(Family::Recording));
        assert!(!holds.release(|_| false));
        tokio::time::advance(bounds::BACKOFF_MIN * 2).await;
        assert!(holds.release(|_| false) && !holds.is_held(Family::Lifecycle));
        assert_eq!(holds.reasons(), [(Family::Lifecycle, missing())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_appears_ends_the_pause_and_one_that_is_forbidden_waits() {
        let mut holds = Holds::default();
        holds.hold(Family::Lifecycle, 3, missing());
        let forbidden = Failure { trouble: Trouble::Unauthorized, detail: "forbidden".to_owned() };
        holds.hold(Family::Recording, 4, forbidden);
        assert!(holds.release(|_| true));
        assert!(!holds.is_held(Family::Lifecycle) && holds.is_held(Family::Recording));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_ends_when_the_event_it_failed_on_is_through() {
        let mut holds = Holds::default();
        let mut window = Window::of(&Lane::Live);
        holds.hold(Family::Lifecycle, 0, missing());
        window.push(stored(1, Kind::RoomStarted));
        assert!(!holds.forget(&window) && holds.next().is_some());
        let (slot, _) = window.next_to_send(None, |_| false).unwrap();
        window.sent(slot);
        window.acknowledged(slot);
        assert!(holds.forget(&window) && holds.next().is_none());
    }
}
