//! How far it is: the cursor, what is said of it, and when it is over.

use super::exact::Exact;
use super::pause::{Backoff, Deadline};
use super::run::Run;
use super::{End, Settled};
use crate::bounds;
use crate::event::Family;
use crate::journal::{Advance, Lane};

impl Run<'_> {
    /// Moves the cursor, and says how things are.
    pub(super) fn tell(&mut self) {
        self.release(|_| false);
        if self.holds.forget(&self.window) {
            // Others of the family may have failed after the one that is through now.
            self.window.rewind();
            self.outlook.hold(self.holds.reasons());
        }
        if self.stuck.is_some_and(|slot| self.window.is_settled(slot)) {
            self.stuck = None;
            self.backoff = Backoff::default();
            self.outlook.resumed();
        }
        self.move_cursor();
        if self.parts.route.lane == Lane::Live {
            let gauges = &self.parts.telemetry.gateway;
            let age = self.window.oldest().map(|oldest| self.parts.clock.now().since(oldest));
            gauges.lag(age.unwrap_or_default());
            gauges.kafka_up.set(f64::from(u8::from(self.outlook.takes_any())));
        }
        let waits = self.parts.route.waits(*self.head.borrow());
        let now = (self.cursor, self.window.outstanding(), self.settled, waits);
        self.parts.status.send_if_modified(|status| {
            let changed = self.outlook.tell(status);
            let before = (status.cursor, status.in_flight, status.settled, status.waits);
            (status.cursor, status.in_flight, status.settled, status.waits) = now;
            changed || before != now
        });
    }

    fn move_cursor(&mut self) {
        // Where Kafka keeps the cursor, ours follows it.
        let limit = self.exact.as_ref().map_or(u64::MAX, |exact| exact.committed);
        let lane = &self.parts.route.lane;
        if let Some(prefix) = self.window.advance(self.counted, limit) {
            let published: u64 = prefix.published.iter().map(|(_, count)| count).sum();
            self.settled += Settled { published, passed_over: prefix.passed };
            self.cursor = prefix.through;
            if let (Lane::Replay(id), 1..) = (lane, prefix.passed) {
                self.parts.journal.pass_over(id, prefix.passed);
            }
            self.parts.journal.advance(Advance {
                lane: lane.clone(),
                through: prefix.through,
                published: prefix.published,
            });
        }
        // Behind the last event of ours there may be others'.
        let through = self.read.min(limit);
        if self.window.len() == 0 && self.cursor < through {
            self.cursor = through;
            self.parts.journal.advance(Advance {
                lane: lane.clone(),
                through,
                published: Vec::new(),
            });
        }
    }

    /// Moves Kafka's cursor over events that nobody wants here, now and again.
    pub(super) fn pass(&mut self) -> bool {
        let settled = match self.window.len() {
            0 => Some(self.read),
            _ => self.window.settled_through(),
        };
        let awaited = self.is_awaited();
        let Some(exact) = &mut self.exact else { return false };
        let Some(to) = settled.filter(|settled| *settled > exact.committed) else { return false };
        if !awaited && exact.passes.is_some_and(|until| !until.is_past()) {
            return false;
        }
        exact.passes = Some(Deadline::after(bounds::CURSOR_PASSES_EVERY));
        let Ok(digest) = self.parts.journal.digest(to) else { return false };
        self.publish(Vec::new(), Vec::new(), to, digest);
        true
    }

    /// Whether a hold ends as soon as the cursor has come as far as there is something.
    fn is_awaited(&self) -> bool {
        let on_hold = self.on_hold.borrow();
        match &self.parts.route.lane {
            Lane::Live => on_hold.each().any(|(_, hold)| hold.until.is_some()),
            Lane::Source { source, .. } => on_hold.of(source).is_some(),
            Lane::Replay(_) => false,
        }
    }

    /// Counts records that the brokers have.
    pub(super) fn count(&self, family: Family) {
        let gauges = &self.parts.telemetry.gateway;
        if self.parts.route.lane.is_in_ledger() {
            gauges.published(family, 1);
        } else {
            gauges.replayed(family, 1);
        }
    }

    /// How many events may go now.
    pub(super) fn allowance(&mut self) -> usize {
        if self.parts.route.waits(*self.head.borrow()).is_some() {
            return 0;
        }
        self.pace.allowance(self.parts.clock.steady())
    }

    /// When the next may go, where it is the pace that holds them up.
    pub(super) fn paced(&self) -> Option<Deadline> {
        let wait = self.pace.wait(self.parts.clock.steady())?;
        (self.window.len() > 0).then(|| Deadline::after(wait))
    }

    /// Whether it only waits for what is under way: a route that has an end is not hurried to it.
    pub(super) fn is_winding_up(&self) -> bool {
        self.drain.is_some() && self.parts.route.through.is_some()
    }

    pub(super) fn is_drained(&self) -> bool {
        let empty = match self.parts.route.through {
            Some(_) => self.window.outstanding() == 0,
            None => self.is_empty(),
        };
        let over = |(deadline, _): &(Deadline, _)| deadline.is_past() || empty;
        let in_vain = self.exact.as_ref().is_some_and(Exact::is_stopped);
        self.drain.as_ref().is_some_and(|drain| over(drain) || in_vain)
    }

    /// Whether everything there is on the route is done with.
    pub(super) fn is_empty(&self) -> bool {
        let end = self.parts.route.through.unwrap_or(u64::MAX);
        self.window.len() == 0 && self.read >= end.min(*self.head.borrow())
    }

    /// How a route that has an end came to it.
    pub(super) fn ended_as(&self) -> Option<End> {
        let through = self.parts.route.through?;
        if self.exact.as_ref().is_some_and(Exact::is_stopped) {
            return Some(End::Stopped);
        }
        (self.window.len() == 0 && self.read >= through).then_some(End::Through)
    }
}
