//! When events were handed to the client, for the spans that tell of their publishing. While
//! tracing is off nothing is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::run::Run;
use crate::clock::Clock;
use crate::event::Family;
use crate::trace::{Attribute, Role, Span, Tracing, nanos};

/// What is under way, by slot: no more than the window holds.
#[derive(Default)]
pub(super) struct Trail(Option<(Arc<Tracing>, BTreeMap<usize, Duration>)>);

impl Trail {
    pub(super) fn new(tracing: Option<Arc<Tracing>>) -> Self {
        Self(tracing.map(|tracing| (tracing, BTreeMap::new())))
    }

    /// An event was handed over. Before `front` nothing is under way, whatever was heard of it.
    pub(super) fn sent(&mut self, slot: usize, front: usize, clock: &Clock) {
        if let Some((_, under_way)) = &mut self.0 {
            while under_way.first_entry().is_some_and(|first| *first.key() < front) {
                under_way.pop_first();
            }
            under_way.insert(slot, clock.steady());
        }
    }

    fn back(&mut self, slot: usize) -> Option<(Arc<Tracing>, Duration)> {
        let (tracing, under_way) = self.0.as_mut()?;
        Some((Arc::clone(tracing), under_way.remove(&slot)?))
    }
}

impl Run<'_> {
    /// The brokers have an event: tells of it. To be called before it is acknowledged.
    pub(super) fn tell_published(&mut self, slot: usize, family: Family, at: (i32, i64)) {
        let Some((tracing, sent)) = self.trail.back(slot) else {
            return;
        };
        let Some(event) = self.window.event(slot).filter(|event| tracing.is_chosen(event.id))
        else {
            return;
        };
        let clock = &self.parts.clock;
        let again = self.parts.settings.again.as_ref().map(|again| &again.id);
        let (moment, took) = (clock.now(), clock.steady().saturating_sub(sent));
        let attributes = [
            Some(Attribute::Source(event.source.clone())),
            Some(Attribute::Kind(event.kind)),
            Some(Attribute::Sequence(event.sequence)),
            Some(Attribute::Family(family)),
            Some(Attribute::Partition(at.0)),
            Some(Attribute::Offset(at.1)),
            again.cloned().map(Attribute::Replay),
        ];
        tracing.tell(vec![Span {
            name: "publish",
            role: Role::Producer,
            event: event.id,
            id: tracing.publishing(event.sequence, again),
            parent: Some(tracing.delivery(Some(event.sequence))),
            from_nanos: nanos(moment, took),
            until_nanos: nanos(moment, Duration::ZERO),
            attributes: attributes.into_iter().flatten().collect(),
            failed: false,
        }]);
    }
}
