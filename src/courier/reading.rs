//! From the journal into the window: what belongs to the lane, as far as it may read now.

use super::pause::{Backoff, Deadline};
use super::run::{Parts, Run};
use crate::journal::{Heard, Lane, Stored};

impl Run<'_> {
    /// Reads once if there is something to read and room for it. Whether there was.
    pub(super) fn read(&mut self) -> bool {
        let head = *self.head.borrow_and_update();
        let end = self.parts.route.reaches(head);
        let early = self.unreadable.is_some_and(|(until, _)| !until.is_past());
        if self.read >= end || !self.window.has_room() || early {
            return false;
        }
        match self.parts.journal.read_after(&self.parts.route.lane, self.read) {
            Ok(events) => {
                self.unreadable = None;
                self.take_in(events, end)
            }
            // The journal says it.
            Err(_) => {
                let mut backoff =
                    self.unreadable.map_or_else(Backoff::default, |(_, backoff)| backoff);
                self.unreadable = Some((Deadline::after(backoff.next()), backoff));
                false
            }
        }
    }

    /// Lets go of what was erased while it waited here: it is not published any more. Whether that
    /// is known; else nothing may be sent.
    pub(super) fn let_go_of_erased(&mut self) -> bool {
        let journal = &self.parts.journal;
        let erased = match self.erasures.heard() {
            Heard::These(these) => these,
            Heard::TooMany => match journal.tombstones(&self.window.open()) {
                Ok(these) => {
                    self.erasures.known();
                    these
                }
                Err(_) => return false,
            },
        };
        self.window.erase(&erased);
        let given_up = self.window.give_up_erased();
        if !given_up.is_empty() {
            journal.given_up(&self.parts.route.lane, &given_up);
        }
        true
    }

    /// Takes in what was read, up to an end. Whether it came further by that.
    fn take_in(&mut self, events: Vec<Stored>, end: u64) -> bool {
        // Looked at after reading: whatever is appended under a hold is appended after it.
        let on_hold = self.on_hold.borrow_and_update().clone();
        let Parts { route, .. } = self.parts;
        // A held lane waits there as well: the end of its hold may be taken back.
        let bars = |event: &&Stored| match &route.lane {
            Lane::Live => on_hold.bar(&event.source, event.sequence),
            Lane::Source { source, .. } => {
                event.source == *source && on_hold.bar(source, event.sequence)
            }
            Lane::Replay(_) => false,
        };
        let bar = events.iter().find(bars).map(|event| event.sequence);
        let end = bar.map_or(end, |bar| end.min(bar - 1));
        let last = events.last().map(|last| last.sequence);
        // Nothing up to the end: what stood there was erased.
        let read = last.map_or(end, |last| last.min(end));
        let belongs = |event: &Stored| event.sequence <= end;
        for event in events.into_iter().take_while(belongs) {
            let is_held = || on_hold.keep(&event.source, event.sequence);
            let ours = match &route.lane {
                Lane::Live => !is_held(),
                Lane::Source { source, .. } => event.source == *source && is_held(),
                Lane::Replay(_) => (route.wanted)(&event),
            };
            if ours {
                self.window.push(event);
            }
        }
        std::mem::replace(&mut self.read, read) != read
    }
}
