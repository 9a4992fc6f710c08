//! The steps of one delivery, timed, for the spans that tell of it.
//!
//! While tracing is off a step costs a look at an option: no clock is read and nothing is kept.

use std::time::Duration;

use super::Caller;
use crate::clock::Clock;
use crate::event::{EventId, Kind, SourceName};
use crate::outcome::Outcome;
use crate::trace::{Attribute, Role, Span, Tracing, nanos};

/// The steps in their order.
const STEPS: [&str; 6] = ["read", "verify", "admit", "normalize", "scrub", "append"];

/// One delivery on its way.
pub(super) struct Trail<'a> {
    on: Option<(&'a Tracing, &'a Clock)>,
    /// When it began, and when each step ended, by the steady clock.
    ends: [Duration; STEPS.len() + 1],
    done: usize,
}

/// What is told of it in the end.
pub(super) struct Told<'a> {
    pub(super) source: &'a SourceName,
    pub(super) id: EventId,
    pub(super) kind: Kind,
    pub(super) sequence: Option<u64>,
    pub(super) outcome: &'a Outcome,
}

impl<'a> Trail<'a> {
    /// From the end of the head on; the body has been read.
    pub(super) fn new(tracing: Option<&'a Tracing>, clock: &'a Clock, since: Duration) -> Self {
        let on = tracing.map(|tracing| (tracing, clock));
        let mut trail = Self { on, ends: [since; STEPS.len() + 1], done: 0 };
        trail.step();
        trail
    }

    /// The next step has ended.
    pub(super) fn step(&mut self) {
        if let Some((_, clock)) = self.on {
            self.done += 1;
            if let Some(end) = self.ends.get_mut(self.done) {
                *end = clock.steady();
            }
        }
    }

    /// It has ended: tells of it, if it is one of those that are told.
    pub(super) fn end(&self, told: &Told<'_>, caller: &Caller) {
        if let Some((tracing, clock)) = self.on
            && tracing.is_chosen(told.id)
        {
            tracing.tell(self.spans(tracing, clock, told, caller));
        }
    }

    fn spans(
        &self,
        tracing: &Tracing,
        clock: &Clock,
        told: &Told<'_>,
        caller: &Caller,
    ) -> Vec<Span> {
        let (moment, now) = (clock.now(), clock.steady());
        let at = |steady: Duration| nanos(moment, now.saturating_sub(steady));
        let root = tracing.delivery(told.sequence);
        let [first, ..] = self.ends;
        let attributes = [
            Some(Attribute::Source(told.source.clone())),
            Some(Attribute::Outcome(told.outcome.label())),
            Some(Attribute::Kind(told.kind)),
            Some(Attribute::Request(caller.request_id.clone())),
            told.sequence.map(Attribute::Sequence),
        ];
        let delivery = Span {
            name: "delivery",
            role: Role::Server,
            event: told.id,
            id: root,
            parent: None,
            from_nanos: at(first),
            until_nanos: at(now),
            attributes: attributes.into_iter().flatten().collect(),
            // An ending that names no event kept none.
            failed: told.outcome.event_id().is_none(),
        };
        let steps = self.ends.windows(2).zip(STEPS).take(self.done).filter_map(|(ends, name)| {
            let &[from, until] = ends else { return None };
            Some(Span {
                name,
                role: Role::Internal,
                event: told.id,
                id: Tracing::step(root, name),
                parent: Some(root),
                from_nanos: at(from),
                until_nanos: at(until),
                attributes: Vec::new(),
                failed: false,
            })
        });
        std::iter::once(delivery).chain(steps).collect()
    }
}
