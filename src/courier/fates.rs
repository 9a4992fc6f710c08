//! What the brokers said, and what is made of it.

use super::run::Run;
use crate::bounds;
use crate::event::Family;
use crate::journal::Lane;
use crate::publish::{Batching, Failure, Fate, Inspection, Report, Trouble};
use crate::scrub;

impl Run<'_> {
    pub(super) fn settle_all(&mut self, heard: &mut Vec<Report>) {
        let acknowledged = |report: &Report| matches!(report.fate, Fate::Acknowledged(_));
        if heard.iter().any(acknowledged) {
            self.outlook.answered();
        }
        for report in heard.drain(..) {
            self.settle(report);
        }
    }

    pub(super) fn settle(&mut self, Report { slot, fate }: Report) {
        match fate {
            Fate::Acknowledged(published) => {
                let (partition, offset) = (published.partition(), published.offset());
                self.note(slot, published.family(), partition, offset);
                self.tell_published(slot, published.family(), (partition, offset));
                self.window.acknowledged(slot);
                self.outlook.answered();
                self.count(published.family());
            }
            Fate::Withdrawn => self.window.waits_again(slot),
            Fate::Failed(failure) => {
                self.window.waits_again(slot);
                let alone = self.line.as_ref().is_some_and(|l| l.batching == Batching::Alone);
                self.failed(slot, failure, alone);
            }
        }
    }

    /// Notes where an event stands, for who searches it; not where it stands again. To be called
    /// before it is acknowledged.
    pub(super) fn note(&mut self, slot: usize, family: Family, partition: i32, offset: i64) {
        if matches!(self.parts.route.lane, Lane::Replay(_)) {
            return;
        }
        if let Some(event) = self.window.event(slot) {
            let sequence = event.sequence;
            self.parts.journal.notes().published(sequence, family, partition, offset);
        }
    }

    /// An event could not be sent, or not with what was around it.
    pub(super) fn failed(&mut self, slot: usize, failure: Failure, alone: bool) {
        self.parts.telemetry.gateway.publish_failed(failure.trouble.as_str());
        match failure.trouble {
            Trouble::UnknownTopic | Trouble::Unauthorized => self.hold(slot, failure),
            Trouble::TooLarge if alone && !self.window.is_oversized(slot) => self.quarantine(slot),
            Trouble::TooLarge if alone => self.end(
                Failure {
                    trouble: Trouble::Refused,
                    detail: format!("even a quarantine record is too large: {}", failure.detail),
                },
                slot,
            ),
            Trouble::TooLarge => {
                self.alone_through = self.alone_through.max(self.window.last_tried());
                self.shrink_batches();
                self.end(failure, slot);
            }
            Trouble::Fatal
            | Trouble::Fenced
            | Trouble::Cursor
            | Trouble::Registry
            | Trouble::Refused
            | Trouble::Authentication
            | Trouble::Unreachable => self.end(failure, slot),
        }
    }

    /// A batch was over the topics' limit: learns it anew, and is careful until it is known.
    pub(super) fn shrink_batches(&mut self) {
        if !self.limit_known {
            self.batch_bytes = (self.batch_bytes / 2).max(bounds::BATCH_BYTES_MIN);
        }
        if let Some((inspector, _)) = &self.inspector {
            inspector.again();
        }
    }

    pub(super) fn hold(&mut self, slot: usize, failure: Failure) {
        let Some(family) = self.window.family(slot) else {
            return;
        };
        let topic = self.parts.settings.topic(family);
        let detail = if failure.trouble == Trouble::UnknownTopic {
            format!("topic {topic} is missing")
        } else {
            format!("topic {topic} may not be written: {}", failure.detail)
        };
        self.holds.hold(family, slot, Failure { detail, ..failure });
        self.outlook.hold(self.holds.reasons());
    }

    pub(super) fn quarantine(&mut self, slot: usize) {
        let Some(event) = self.window.event(slot) else {
            return;
        };
        let (id, bytes) = (event.id, event.value.len());
        if !self.parts.route.lane.is_in_ledger() {
            // Its quarantine record went out with live traffic.
            tracing::warn!(%id, bytes, "too large even alone: the replay passes it over");
            return self.window.pass_over(slot);
        }
        let Some(record) = scrub::oversized(&event.value) else {
            return self.end(
                Failure {
                    trouble: Trouble::Refused,
                    detail: format!("event {id} is too large and cannot be put into quarantine"),
                },
                slot,
            );
        };
        tracing::warn!(%id, bytes, "too large even alone: a quarantine record goes instead");
        self.window.stand_in(slot, record);
        self.window.rewind_to(slot);
    }

    /// The client as a whole has something to say.
    pub(super) fn ails(&mut self, failure: Failure) {
        let reason = failure.trouble.as_str();
        match failure.trouble {
            Trouble::Unreachable | Trouble::Authentication => self.away(failure),
            // Of a transaction the step in hand tells it, too.
            Trouble::Fatal | Trouble::Fenced if self.exact.is_some() => {}
            Trouble::Fatal | Trouble::Fenced => {
                self.parts.telemetry.gateway.publish_failed(reason);
                self.end(failure, self.window.front());
            }
            Trouble::UnknownTopic
            | Trouble::Unauthorized
            | Trouble::TooLarge
            | Trouble::Cursor
            | Trouble::Registry
            | Trouble::Refused => tracing::debug!(reason, "kafka client: {}", failure.detail),
        }
    }

    /// No broker answers: counted once, whether the client or the look at the brokers told first.
    fn away(&mut self, failure: Failure) {
        let reason = failure.trouble.as_str();
        if self.outlook.away(failure) {
            self.parts.telemetry.gateway.publish_failed(reason);
        }
    }

    pub(super) fn inspected(&mut self, found: &Inspection) {
        self.inspected_exact(found);
        match &found.unreachable {
            Some(failure) if self.outlook.is_stale() => self.away(failure.clone()),
            Some(_) => {}
            None => {
                self.outlook.answered();
                self.outlook.seen(found);
                let blocked = |family| found.blocked.iter().any(|(other, _)| *other == family);
                self.release(|family: Family| !blocked(family));
            }
        }
        if let Some(limit) = found.limit {
            self.limit_known = true;
            // Room for what the brokers count and the client does not.
            let bytes = (limit - limit / 8).clamp(1, bounds::BATCH_BYTES_DEFAULT);
            self.batch_bytes = bytes;
        }
    }

    pub(super) fn release(&mut self, appeared: impl Fn(Family) -> bool) {
        if self.holds.release(appeared) {
            self.window.rewind();
        }
    }
}
