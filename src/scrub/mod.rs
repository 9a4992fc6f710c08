//! What is not on the list does not leave (skeleton: to be written).

use bytes::Bytes;
use regex::Regex;

use crate::clock::Timestamp;
use crate::event::{EventId, Kind, ProviderName, QuarantineReason, SourceName, TenantName};
use crate::normalize::Normalized;
use crate::secret::Secret;

/// The gateway's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Event ids and record keys; the same on every instance.
    pub identity: Secret,
    /// Persons, and rooms whose names may not leave.
    pub pseudonym: Secret,
}

/// What may leave from one source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source.
    pub source: SourceName,
    /// Whose events these are.
    pub tenant: TenantName,
    /// Who sends them.
    pub provider: ProviderName,
    /// Labels that may stand as a role, letter for letter.
    pub role_labels: Vec<String>,
    /// Room names that may leave as they are; `None`: every room leaves as a pseudonym.
    pub room_name: Option<Regex>,
    /// Storage keys that may leave.
    pub artifact_key: Option<Regex>,
}

/// The boundary of one source.
pub struct Boundary {}

impl Boundary {
    /// A boundary by these settings and keys.
    pub fn new(_settings: Settings, _keys: &Keys) -> Self {
        todo!()
    }

    /// Takes an event across: what is on the list passes, the rest is removed and listed.
    pub fn scrub(&self, _event: Normalized<'_>) -> Clean {
        todo!()
    }
}

/// An event as it may leave, encoded once and for all. Made only by [`Boundary::scrub`].
#[derive(Clone, Debug)]
pub struct Clean {
    id: EventId,
    source: SourceName,
    kind: Kind,
    reason: Option<QuarantineReason>,
    received: Timestamp,
    key: Bytes,
    value: Bytes,
    removed: Vec<(&'static str, u64)>,
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
        Self {
            id,
            source,
            kind,
            reason,
            received,
            key,
            value,
            removed: Vec::new(),
        }
    }

    /// The event's only name.
    pub fn id(&self) -> EventId {
        self.id
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

    /// How many values each rule removed.
    pub fn removed(&self) -> &[(&'static str, u64)] {
        &self.removed
    }
}

/// The quarantine record (CloudEvents JSON) of an event that Kafka refused for its size, made from
/// its journaled value: the same id, reason `too_large_for_kafka`, nothing of its `data`. `None` if
/// the value is not one of ours.
pub fn oversized(_value: &[u8]) -> Option<Bytes> {
    todo!()
}
