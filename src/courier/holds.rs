//! Families whose topic takes nothing for now: unknown, or not to be written.
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

    /// Forgets what is past. Whether anything was.
    pub(super) fn forget(&mut self, window: &mut Window) -> bool {
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
