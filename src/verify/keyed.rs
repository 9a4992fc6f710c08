//! One secret, ready to compute with: its HMAC state, the name it goes by, and when it ends.
//!
//! The key schedule is done once; each request clones the state. Digests are compared in constant
//! time and the secret itself is not kept.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::SigningSecret;
use crate::clock::Timestamp;

/// HMAC-SHA256 under one secret.
pub(super) struct Keyed {
    label: String,
    not_after: Option<Timestamp>,
    state: Hmac<Sha256>,
}

impl Keyed {
    /// Keys the HMAC with `key`, which is what the scheme makes of the secret's text.
    pub(super) fn new(signing: SigningSecret, key: &[u8]) -> Option<Self> {
        Some(Self {
            label: signing.label,
            not_after: signing.not_after,
            state: Hmac::new_from_slice(key).ok()?,
        })
    }

    /// The name of the secret.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// When the secret ends.
    pub(super) fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// Whether the secret still verifies what came at this time.
    pub(super) fn valid_at(&self, received: Timestamp) -> bool {
        self.not_after.is_none_or(|end| received <= end)
    }

    /// Whether `digest` is the HMAC of `prefix` and `body`, one after the other.
    pub(super) fn signed(&self, prefix: &[u8], body: &[u8], digest: &[u8; 32]) -> bool {
        let state = self.state.clone().chain_update(prefix).chain_update(body);
        state.verify_slice(digest).is_ok()
    }

    /// The HMAC of `prefix` and `body`.
    pub(super) fn sign(&self, prefix: &[u8], body: &[u8]) -> [u8; 32] {
        let state = self.state.clone().chain_update(prefix).chain_update(body);
        state.finalize().into_bytes().into()
    }
}
