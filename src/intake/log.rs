//! One line for each delivery, with its ending and never with content.
//!
//! Which source, which request, how it ended and why; the network it came from only when it was
//! turned away. A flood of refusals is summed up: so many lines each second, and the next line says
//! how many were left out.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::display;

use super::Caller;
use super::session::Session;
use crate::bounds::{REFUSAL_LINES_BURST, REFUSAL_LINES_PER_SECOND};
use crate::clock::Clock;
use crate::event::{EventId, Kind, QuarantineReason, SourceName};
use crate::normalize::Unreadable;
use crate::outcome::{Level, Outcome};
use crate::scrub::{Clean, Seen};
use crate::share::Share;
use crate::telemetry::UNKNOWN_SOURCE;
use crate::throttle::SourceRate;

/// The log of deliveries.
pub(super) struct Log {
    clock: Clock,
    lines: SourceRate,
    unsaid: AtomicU64,
    /// Of which events a line is written where all went well.
    accepted: AtomicU64,
}

/// What is known of a delivery that is on disk.
pub(super) struct Taken {
    pub(super) kind: Kind,
    pub(super) reason: Option<QuarantineReason>,
    /// Why its body could not be read, and where: category and place, never content.
    pub(super) unreadable: Option<Unreadable>,
    pub(super) sequence: Option<u64>,
    /// The session of its room, from what left or would have.
    pub(super) session: Option<Session>,
    /// What looked personal in it, by place and length, and what must be acted on.
    pub(super) seen: Seen,
}

impl Log {
    pub(super) fn new(clock: Clock) -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let (per_second, burst) = (number(REFUSAL_LINES_PER_SECOND), number(REFUSAL_LINES_BURST));
        Self {
            lines: SourceRate::new(per_second, burst, clock.clone()),
            unsaid: AtomicU64::new(0),
            accepted: AtomicU64::new(Share::ALL.to_bits()),
            clock,
        }
    }

    /// From now on lines of these events are written where all went well.
    pub(super) fn sample(&self, share: Share) {
        self.accepted.store(share.to_bits(), Ordering::Relaxed);
    }

    fn chooses(&self, id: EventId) -> bool {
        Share::from_bits(self.accepted.load(Ordering::Relaxed)).holds(id)
    }

    /// The session of an event's room, where a line about the event is going to be written.
    pub(super) fn session(&self, clean: &Clean) -> Option<Session> {
        let written = self.chooses(clean.id()) || !went_well(clean.reason(), clean.seen());
        let heard = written && tracing::enabled!(tracing::Level::WARN);
        heard.then(|| Session::of(clean.value())).flatten()
    }

    /// A delivery was turned away, and why.
    pub(super) fn turned_away(
        &self,
        source: Option<&SourceName>,
        outcome: &Outcome,
        reason: Option<&'static str>,
        caller: &Caller,
    ) {
        if self.lines.admit().is_err() {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let unsaid = self.unsaid.swap(0, Ordering::Relaxed);
        let unsaid = (unsaid > 0).then_some(unsaid);
        let source = source.map_or(UNKNOWN_SOURCE, SourceName::as_str);
        let (label, request_id, peer) = (outcome.label(), &caller.request_id, caller.peer);
        match outcome.level() {
            Level::Info | Level::Warn => tracing::warn!(
                outcome = label, reason, source, %request_id, %peer, unsaid,
                "a delivery was turned away",
            ),
            Level::Error => tracing::error!(
                outcome = label, reason, source, %request_id, %peer, unsaid,
                "a delivery could not be taken",
            ),
        }
    }

    /// A sender tested its URL.
    pub(super) fn ping(&self, source: &SourceName, caller: &Caller) {
        let request_id = &caller.request_id;
        tracing::info!(outcome = "ping", %source, %request_id, "a sender tested its URL");
    }

    /// A delivery is on disk, or was looked at in shadow.
    pub(super) fn taken(
        &self,
        source: &SourceName,
        outcome: &Outcome,
        taken: &Taken,
        caller: &Caller,
    ) {
        if taken.seen.recording_forbidden {
            let (label, event_id) = (outcome.label(), outcome.event_id().map(display));
            let (request_id, kind) = (&caller.request_id, taken.kind.as_str());
            tracing::error!(
                outcome = label, %source, %request_id, kind, event_id,
                finding = "recording_forbidden",
                "a recording where the tenant forbids it: look who records, and end it",
            );
        }
        let chosen = outcome.event_id().is_none_or(|id| self.chooses(id));
        if went_well(taken.reason, &taken.seen) && !chosen {
            return;
        }
        let took = self.clock.steady().saturating_sub(caller.since);
        let (label, event_id) = (outcome.label(), outcome.event_id().map(display));
        let (request_id, kind) = (&caller.request_id, taken.kind.as_str());
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let (sequence, ms) = (taken.sequence, f64::from(micros) / 1e3);
        let (category, line, column) = match taken.unreadable {
            Some(Unreadable { category, line, column }) => {
                (Some(category), Some(line as u64), Some(column as u64))
            }
            None => (None, None, None),
        };
        let violations = &taken.seen.violations;
        let violations = (!violations.is_empty()).then(|| display(violations));
        let session_id = taken.session.as_ref().map(Session::as_str);
        match taken.reason {
            reason if matches!(outcome, Outcome::Shadowed(_)) => tracing::info!(
                outcome = label, %source, %request_id, kind, event_id, session_id, ms,
                reason = reason.map(QuarantineReason::as_str), category, line, column, violations,
                "a delivery came in shadow: counted, not kept",
            ),
            None if violations.is_some() => tracing::warn!(
                outcome = label, %source, %request_id, kind, event_id, session_id, sequence, ms,
                violations,
                "a delivery was taken, with what looked personal in it masked",
            ),
            None => tracing::info!(
                outcome = label, %source, %request_id, kind, event_id, session_id, sequence, ms,
                "a delivery was taken",
            ),
            Some(reason) => tracing::warn!(
                outcome = label, %source, %request_id, kind, event_id, session_id, sequence, ms,
                reason = reason.as_str(), category, line, column, violations,
                "a delivery was taken into quarantine",
            ),
        }
    }
}

/// Whether an event is one of those of which a share is enough.
fn went_well(reason: Option<QuarantineReason>, seen: &Seen) -> bool {
    reason.is_none() && seen.violations.is_empty()
}
