//! What one source's boundary is made by.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::keys::PseudonymKey;
use super::policy::Policy;
use crate::event::{ProviderName, SourceName, TenantName};

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
    /// What else stands for a role, letter for letter, and for which label.
    pub role_map: BTreeMap<String, String>,
    /// Room names that may leave as they are; `None`: every room leaves as a pseudonym.
    pub room_name: Option<Regex>,
    /// Storage keys that may leave.
    pub artifact_key: Option<Regex>,
    /// What becomes of an event in which something looks personal.
    pub on_violation: OnViolation,
    /// Whether its rooms may be recorded.
    pub recording: Recording,
    /// What national ids of its tenant look like.
    pub national_ids: Vec<Regex>,
    /// What may leave with which kind.
    pub policy: Arc<Policy>,
    /// Its tenant's own key of pseudonyms; `None`: derived from the root.
    pub pseudonym_key: Option<PseudonymKey>,
}

/// What becomes of an event in which something looks personal that would leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnViolation {
    /// That is masked, and the event passes.
    #[default]
    Mask,
    /// The event stops in quarantine, and its masked form is kept to be released.
    Quarantine,
}

/// Whether rooms may be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// They may.
    #[default]
    Allowed,
    /// They may not: an event that tells of a recording or transcript is a finding. It reaches
    /// consumers without what was recorded.
    Forbidden,
}

impl Settings {
    /// A source whose settings say nothing: all rooms leave as pseudonyms, everybody is a
    /// participant, the standard policy holds.
    pub fn new(source: SourceName, tenant: TenantName, provider: ProviderName) -> Self {
        Self {
            source,
            tenant,
            provider,
            role_labels: Vec::new(),
            role_map: BTreeMap::new(),
            room_name: None,
            artifact_key: None,
            on_violation: OnViolation::default(),
            recording: Recording::default(),
            national_ids: Vec::new(),
            policy: Policy::standard(),
            pseudonym_key: None,
        }
    }
}

impl Settings {
    /// The label that a text stands for, letter for letter; `None`: it stands for none.
    pub(super) fn role_of(&self, text: &str) -> Option<&str> {
        let listed = self.role_labels.iter().find(|label| *label == text);
        listed.or_else(|| self.role_map.get(text)).map(String::as_str)
    }
}

impl OnViolation {
    /// As the configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Quarantine => "quarantine",
        }
    }
}

impl Recording {
    /// As the configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Forbidden => "forbidden",
        }
    }
}
