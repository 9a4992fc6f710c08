//! Erasing a participant or a room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Actor, Desk, Reason, Refusal};

/// Whom or what to forget: exactly one of `participant` and `room`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetAsk {
    /// The tenant in whose events.
    pub tenant: String,
    /// A person: `p1_…`, or the provider's id of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// A room: as it may be seen, or as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgetStatus {
    /// Gone from the journal's file, its free pages and its log.
    Erased,
    /// Gone from what is read; the log could not be truncated yet, which is tried again.
    Pending,
}

/// What was found and what cannot be erased here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// How far it has come.
    pub status: ForgetStatus,
    /// Events whose content is gone.
    pub events: u64,
    /// Events of theirs that were erased before.
    pub already: u64,
    /// Events that were not on Kafka yet, and never will be.
    pub unpublished: u64,
    /// Sessions of the person that were found and followed.
    pub sessions: u64,
    /// The pseudonyms or room names, as they may be seen, that were looked for.
    pub refs: Vec<String>,
    /// The erasure event for consumers; absent where nothing was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure_event_id: Option<String>,
    /// What a human must still do: topics, backups, consumers.
    pub not_erased_here: Vec<String>,
}

impl Desk {
    /// Erases a participant or a room from the journal.
    pub async fn forget(&self, _by: &Actor, _ask: ForgetAsk) -> Result<Forgotten, Refusal> {
        Err(Refusal::NotYet("forget"))
    }
}
