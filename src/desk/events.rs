//! Which events there are, and everything known of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tokio::sync::mpsc;

use super::{Desk, Refusal};
use crate::clock::Timestamp;

/// Which events are meant. All that is given must hold; nothing given means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Received at or after this moment: RFC 3339, or a duration back from now such as `2h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Received before this moment, in the same forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The source's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The tenant's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The kind, such as `recording.ready`; `recording.*` for all that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The family: `recording`, `participant`, `lifecycle` or `quarantine`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The room as it may be seen (`r1_…`, `k1_…`, a name that may leave); in a body also as the
    /// provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The person as `p1_…`; in a body also the provider's id of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The event's id, `ev1_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// How it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EventState>,
    /// Why it is in quarantine: `unknown_kind`, `malformed`, `pii_violation`,
    /// `too_large_for_kafka`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Events of one page, at most [`crate::bounds::EVENTS_PAGE_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// On disk, on its way to Kafka.
    Pending,
    /// Kept back: its source is on hold.
    Held,
    /// On Kafka.
    Published,
    /// What could not pass; its record is in the quarantine topic or on its way there.
    Quarantined,
    /// Its content is gone: forgotten.
    Erased,
}

/// One event, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventRow {
    /// Its place in the journal's order.
    pub sequence: u64,
    /// Its only name.
    pub event_id: String,
    /// The source it came from.
    pub source: String,
    /// Whose event it is; absent where its source has left the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What happened.
    pub kind: String,
    /// The room as it may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// When its first delivery came.
    pub received: Timestamp,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// How it stands.
    pub state: EventState,
    /// Why it is in quarantine, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where it stands on Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Everything known of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Detail {
    /// What a list shows of it.
    #[serde(flatten)]
    pub row: EventRow,
    /// The record key; absent once it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The topic it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How often it was delivered again and answered `duplicate`; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeliveries: Option<u64>,
    /// The answer that its first delivery was given: `accepted` or `quarantined`.
    pub answered: String,
    /// Where it stands on Kafka; absent: not there, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Places in the provider's body that did not pass.
    #[serde(default)]
    pub removed: Vec<String>,
    /// The CloudEvents JSON as consumers read it; absent once it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<serde_json::Value>,
}

/// A page of events, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventRow>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The highest sequence that searching knows: what is newer is not among these.
    pub searched_through: u64,
}

impl Desk {
    /// A page of events. `bare`: the filter came in a body, where a room's own name and a
    /// provider's id may stand.
    pub async fn events(&self, _filter: Filter, _bare: bool) -> Result<EventPage, Refusal> {
        Err(Refusal::NotYet("events"))
    }

    /// Everything known of one event.
    pub async fn event(&self, _sequence: u64) -> Result<Detail, Refusal> {
        Err(Refusal::NotYet("events"))
    }

    /// Events as they come, those after a sequence first; from now on if none is given. Ends when
    /// whoever listens is too slow, or the gateway stops.
    pub async fn tail(
        &self,
        _filter: Filter,
        _after: Option<u64>,
    ) -> Result<mpsc::Receiver<EventRow>, Refusal> {
        Err(Refusal::NotYet("events"))
    }
}
