//! The keys behind every name that leaves, and what they were before.
//!
//! `identity` is behind event ids and record keys, a key of pseudonyms behind persons and rooms;
//! each may have had a former one. While pseudonyms change, events carry the former name beside the
//! new one until a moment, so that consumers can join. A former identity key is for looking up
//! alone: an event that is known under it is known.

use crate::clock::Timestamp;
use crate::secret::Secret;

/// The gateway's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Event ids and record keys; the same on every instance.
    pub identity: Secret,
    /// The one before: events that are known under it are known.
    pub former_identity: Option<Secret>,
    /// Persons, and rooms whose names may not leave: the root that tenants' keys are derived from.
    pub pseudonym: PseudonymKey,
}

/// A key of pseudonyms: the root, or a tenant's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudonymKey {
    /// The key.
    pub key: Secret,
    /// The version that its pseudonyms show, from 1: `p1_…`, `r1_…`.
    pub version: u8,
    /// What it replaces.
    pub former: Option<FormerKey>,
}

/// A key of pseudonyms that another one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerKey {
    /// The key.
    pub key: Secret,
    /// The version that its pseudonyms show.
    pub version: u8,
    /// Events received before this carry its pseudonyms beside the new ones.
    pub until: Timestamp,
}

impl Keys {
    /// Keys that were never changed.
    pub fn new(identity: Secret, pseudonym: Secret) -> Self {
        Self { identity, former_identity: None, pseudonym: PseudonymKey::first(pseudonym) }
    }
}

impl PseudonymKey {
    /// The first one.
    pub fn first(key: Secret) -> Self {
        Self { key, version: 1, former: None }
    }
}
