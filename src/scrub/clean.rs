//! An event as it may leave: the ticket that the journal asks for.

use bytes::Bytes;

use super::detect::Detector;
use super::violation::Violations;
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, QuarantineReason, SourceName};

/// An event as it may leave, encoded once and for all. Made only by
/// [`super::Boundary::scrub`].
#[derive(Clone, Debug)]
pub struct Clean {
    pub(super) id: EventId,
    pub(super) former: Option<EventId>,
    pub(super) source: SourceName,
    pub(super) kind: Kind,
    pub(super) reason: Option<QuarantineReason>,
    pub(super) received: Timestamp,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) masked: Option<Masked>,
    pub(super) removed: Vec<(&'static str, u64)>,
    pub(super) seen: Seen,
}

/// What looked personal, and what must be acted on: for logs and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often each detector saw something that was about to leave.
    pub detected: Vec<(Detector, u64)>,
    /// What was seen where, as the event tells it.
    pub violations: Violations,
    /// Whether it tells of a recording at a tenant that forbids it.
    pub recording_forbidden: bool,
}

/// The event behind a record of quarantine by [`QuarantineReason::PiiViolation`]: what leaves if an
/// operator releases it. It crossed the boundary with what looked personal masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// What happened.
    pub kind: Kind,
    /// The record key.
    pub key: Bytes,
    /// The CloudEvents JSON, with the id of the record of quarantine.
    pub value: Bytes,
}

impl Clean {
    /// An event that never saw a boundary, for tests of later rooms.
    #[cfg(test)]
    pub(crate) fn for_test(
        id: EventId,
        source: SourceName,
        kind: Kind,
        reason: Option<QuarantineReason>,
        received: Timestamp,
        key: Bytes,
        value: Bytes,
    ) -> Self {
        let (former, masked, removed, seen) = (None, None, Vec::new(), Seen::default());
        Self { id, former, source, kind, reason, received, key, value, masked, removed, seen }
    }

    /// The event's only name.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The name that it would have had under the identity key before: an event that is known by it
    /// is known.
    pub fn former_id(&self) -> Option<EventId> {
        self.former
    }

    /// The source it came from.
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// What happened.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Why it goes to quarantine, if it does.
    pub fn reason(&self) -> Option<QuarantineReason> {
        self.reason
    }

    /// When the delivery came.
    pub fn received(&self) -> Timestamp {
        self.received
    }

    /// The record key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The CloudEvents JSON.
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// The event that is kept behind this record of quarantine, to be released.
    pub fn masked(&self) -> Option<&Masked> {
        self.masked.as_ref()
    }

    /// The same with the event that is to be kept behind it.
    #[cfg(test)]
    pub(crate) fn with_masked(self, masked: Masked) -> Self {
        Self { masked: Some(masked), ..self }
    }

    /// How many values each rule removed; rules that removed nothing are left out.
    pub fn removed(&self) -> &[(&'static str, u64)] {
        &self.removed
    }

    /// What looked personal, and what must be acted on.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}
