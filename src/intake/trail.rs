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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::clock::Timestamp;
    use crate::delivery::{Peer, RequestId};
    use crate::event::{Digest128, InstanceName};
    use crate::share::Share;

    const ID: EventId = EventId(Digest128([7; 16]));

    fn caller() -> Caller {
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        Caller { request_id: RequestId::fresh(1), peer, since: Duration::ZERO }
    }

    fn walk(tracing: Option<&Tracing>, clock: &Clock, caller: &Caller, outcome: &Outcome) {
        let mut trail = Trail::new(tracing, clock, caller.since);
        for _ in 1..STEPS.len() {
            clock.advance(Duration::from_millis(1));
            trail.step();
        }
        let source = SourceName::new("a");
        let (kind, sequence) = (Kind::RoomStarted, Some(1));
        trail.end(&Told { source: &source, id: ID, kind, sequence, outcome }, caller);
    }

    #[test]
    fn a_trail_allocates_nothing_while_tracing_is_off() {
        let (caller, source) = (caller(), SourceName::new("a"));
        let (clock, outcome) = (Clock::system(), Outcome::Accepted(ID));
        let counted = allocation_counter::measure(|| {
            let mut trail = Trail::new(None, &clock, caller.since);
            for _ in 1..STEPS.len() {
                trail.step();
            }
            let (kind, sequence) = (Kind::RoomStarted, Some(1));
            trail
                .end(&Told { source: &source, id: ID, kind, sequence, outcome: &outcome }, &caller);
        });
        assert_eq!(counted.count_total, 0);
    }

    #[test]
    fn each_step_is_told_with_its_time_and_what_was_not_kept_has_failed() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = told.clone();
        let sink = Box::new(move |spans| kept.lock().unwrap().push(spans));
        let tracing = Tracing::new(InstanceName::new("g"), Share::ALL, sink);
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        walk(Some(&tracing), &clock, &caller(), &Outcome::Accepted(ID));
        walk(Some(&tracing), &clock, &caller(), &Outcome::Overloaded);
        let told = told.lock().unwrap();
        let [kept, shed] = told.as_slice() else { panic!("{told:?}") };
        assert!(!kept[0].failed && shed[0].failed);
        let names: Vec<_> = kept.iter().map(|span| span.name).collect();
        assert_eq!(names[0], "delivery");
        assert_eq!(names[1..], STEPS);
        for step in &kept[2..] {
            assert_eq!(step.until_nanos - step.from_nanos, 1_000_000, "{}", step.name);
            assert_eq!(step.parent, Some(kept[0].id));
        }
    }
}
