//! Publishing a part of the journal again: counted first, then run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Actor, ChangeAsk, Desk, Filter, Reason, Refusal};
use crate::clock::Timestamp;

/// What to publish again, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayAsk {
    /// Which events; `limit` and `cursor` mean nothing here.
    #[serde(default)]
    pub filter: Filter,
    /// The highest sequence that is meant: what a plan has seen. Absent: the journal's head now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// Events a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Another first part of the topics' names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_prefix: Option<String>,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
    /// Why; not needed to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// One event's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Its sequence.
    pub sequence: u64,
    /// When it was received.
    pub received: Timestamp,
}

/// What a replay would publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The filter, with its times made absolute: a run means what its plan meant.
    pub filter: Filter,
    /// The highest sequence that was looked at.
    pub through: u64,
    /// Events a second, at most.
    pub rate: u32,
    /// The first part of the topics' names.
    pub to_prefix: String,
    /// How many events.
    pub events: u64,
    /// How many for each topic.
    pub topics: BTreeMap<String, u64>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Place>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Place>,
    /// How long it would take at that rate, in seconds.
    pub seconds: f64,
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// It publishes.
    Running,
    /// It waits: for live traffic, for Kafka, or for its turn.
    Waiting,
    /// All of it is on Kafka.
    Done,
    /// An operator ended it.
    Cancelled,
    /// It cannot go on without a human.
    Failed,
}

/// One replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayReport {
    /// Its name, which stands in each record's `hookgate-replay-id`.
    pub id: String,
    /// How it stands.
    pub state: ReplayState,
    /// Why it waits or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who began it, by the name of the token.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Which events.
    pub filter: Filter,
    /// The highest sequence that it goes to.
    pub through: u64,
    /// Events a second, at most.
    pub rate: u32,
    /// The first part of the topics' names.
    pub to_prefix: String,
    /// How many it was to publish.
    pub total: u64,
    /// How many Kafka has acknowledged.
    pub published: u64,
    /// How many were gone by the time it came to them: erased, or let go by retention.
    pub gone: u64,
    /// Every event up to here is dealt with.
    pub position: u64,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// All replays that are kept, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayPage {
    /// The replays.
    pub replays: Vec<ReplayReport>,
}

/// The answer to a question for a replay: a plan for a dry run, else the replay that began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReplayAnswer {
    /// What it would do.
    Plan(Plan),
    /// What has begun.
    Begun(ReplayReport),
}

impl Desk {
    /// Counts what a replay would publish, or begins it.
    pub async fn replay(&self, _by: &Actor, _ask: ReplayAsk) -> Result<ReplayAnswer, Refusal> {
        Err(Refusal::NotYet("replays"))
    }

    /// All replays that are kept.
    pub async fn replays(&self) -> Result<ReplayPage, Refusal> {
        Err(Refusal::NotYet("replays"))
    }

    /// One of them.
    pub async fn replay_report(&self, _id: &str) -> Result<ReplayReport, Refusal> {
        Err(Refusal::NotYet("replays"))
    }

    /// Ends one; what is on Kafka stays there.
    pub async fn cancel_replay(
        &self,
        _by: &Actor,
        _id: &str,
        _ask: ChangeAsk,
    ) -> Result<ReplayReport, Refusal> {
        Err(Refusal::NotYet("replays"))
    }
}
