//! Which events there are, and everything known of one.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::filter::{Meant, cursor};
use super::{Desk, Refusal};
use crate::bounds::SEARCH_TURN;
use crate::clock::Timestamp;
use crate::event::{Family, Kind, QuarantineReason};
use crate::journal::search::{Facts, Page, Positions, Row, SearchError, State, state_of};
use crate::journal::{Journal, ReadError, Stored};
use crate::scrub::Violation;

/// Which events are meant. All that is given must hold; nothing given means all.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The person as `p1_…`, of any version; in a body also the provider's id of them.
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
    /// Events of one page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = crate::bounds::EVENTS_PAGE_MAX))]
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
    /// What looked personal and was about to leave: where, by which detector and rule, how long.
    #[serde(default)]
    pub violations: Vec<Violation>,
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

/// Shows which fields are given, and nothing of those in which a person may be named.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[personal]");
        f.debug_struct("Filter")
            .field("since", &self.since)
            .field("until", &self.until)
            .field("state", &self.state)
            .field("room", &hidden(&self.room))
            .field("participant", &hidden(&self.participant))
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// A page of events. `bare`: the filter came in a body, where a room's own name and a
    /// provider's id may stand.
    ///
    /// # Errors
    /// `Invalid` where a field of the filter is not as it must be, `TooSlow` where the answer takes
    /// longer than it may, `Unavailable` where searching cannot answer now.
    pub async fn events(&self, filter: Filter, bare: bool) -> Result<EventPage, Refusal> {
        let meant = self.meant(&filter, bare)?;
        let (page, at) = self.page(meant).await?;
        let last = page.rows.last().map(|row| row.sequence);
        Ok(EventPage {
            next_cursor: last.filter(|_| page.more).map(cursor),
            searched_through: page.through,
            events: page.rows.into_iter().map(|row| EventRow::new(row, &at)).collect(),
        })
    }

    /// Everything known of one event.
    ///
    /// # Errors
    /// `NotFound` where it never was, or retention has deleted it.
    pub async fn event(&self, sequence: u64) -> Result<Detail, Refusal> {
        let (found, at) = self
            .look(move |journal| {
                let at = journal.positions();
                let event = journal.event(sequence).map_err(unreadable)?;
                let (row, facts) = match journal.search() {
                    Some(search) => search.event(sequence).map_err(not_found_out)?,
                    None => (None, Facts::default()),
                };
                Ok(((event, row, facts), at))
            })
            .await?;
        let detail = match found {
            (_, Some(row), facts) if row.erased => Detail::bare(row, facts, &at),
            (Some(event), searched, facts) => {
                let (mut row, _) = Row::of(&event);
                if searched.is_some_and(|row| row.oversized) {
                    row.oversized = true;
                    row.reason = Some(QuarantineReason::TooLargeForKafka);
                }
                Detail::whole(row, &event, facts, &at)
            }
            // Damaged, or deleted a moment ago.
            (None, Some(row), facts) => Detail::bare(row, facts, &at),
            (None, None, _) => {
                let known = "there is no such event: it never was, or retention has deleted it";
                return Err(Refusal::NotFound(known.to_owned()));
            }
        };
        Ok(self.named(detail))
    }

    /// A page of rows, and the positions by which they were judged.
    pub(super) async fn page(&self, meant: Meant) -> Result<(Page, Positions), Refusal> {
        self.look(move |journal| {
            let at = journal.positions();
            let search = journal.search().ok_or_else(not_begun)?;
            let Meant { wanted, before, limit } = meant;
            let page = search.page(&wanted, &at, before, limit).map_err(not_found_out)?;
            Ok((page, at))
        })
        .await
    }

    /// Looks into the journal and its search file, aside: both block.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Journal) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _turn = timeout(SEARCH_TURN, self.turns.acquire())
            .await
            .map_err(|_| not_found_out(SearchError::Busy))?;
        let journal = self.inner.journal.clone();
        spawn_blocking(move || look(&journal)).await.unwrap_or(Err(Refusal::Defect))
    }

    /// A detail with the names of its topics.
    fn named(&self, detail: Unnamed) -> Detail {
        let (mut detail, family, receipt) = detail;
        let topic = |of: Family| {
            let found = self.inner.contract.topics.iter().find(|(family, _)| *family == of);
            found.map(|(_, topic)| topic.clone())
        };
        detail.topic = family.and_then(topic);
        detail.receipt = receipt.and_then(|(family, partition, offset)| {
            topic(family).map(|topic| Receipt { topic, partition, offset })
        });
        detail
    }
}

impl EventRow {
    /// A row as it may be shown.
    pub(super) fn new(row: Row, at: &Positions) -> Self {
        let state = state_of(&row, at);
        Self {
            sequence: row.sequence,
            event_id: row.id.to_string(),
            source: row.source,
            tenant: row.tenant,
            kind: row.kind.as_str().to_owned(),
            room: row.room,
            received: row.received,
            time: row.time,
            state: state.into(),
            reason: row.reason.map(|reason| reason.as_str().to_owned()),
        }
    }
}

/// A detail without the names of its topics: its family, and where it stands.
type Unnamed = (Detail, Option<Family>, Option<(Family, i32, i64)>);

impl Detail {
    /// Of what only the search file knows.
    fn bare(row: Row, facts: Facts, at: &Positions) -> Unnamed {
        let answered = if row.kind == Kind::Quarantined { "quarantined" } else { "accepted" };
        let detail = Self {
            row: EventRow::new(row, at),
            key: None,
            topic: None,
            redeliveries: facts.redeliveries,
            answered: answered.to_owned(),
            receipt: None,
            removed: Vec::new(),
            violations: Vec::new(),
            event: None,
        };
        (detail, None, facts.receipt)
    }

    fn whole(row: Row, event: &Stored, facts: Facts, at: &Positions) -> Unnamed {
        let family = match row.oversized {
            true => Family::Quarantine,
            false => row.kind.family(),
        };
        let (mut detail, _, receipt) = Self::bare(row, facts, at);
        detail.key = std::str::from_utf8(&event.key).ok().map(str::to_owned);
        detail.event = serde_json::from_slice(&event.value).ok();
        let removed = detail.event.as_ref().and_then(|event| event.pointer("/data/removed"));
        let removed = removed.and_then(serde_json::Value::as_array).into_iter().flatten();
        detail.removed = removed.filter_map(|path| path.as_str().map(str::to_owned)).collect();
        let seen = detail.event.as_ref().and_then(|event| event.pointer("/data/violations"));
        let seen = seen.and_then(|seen| serde_json::from_value(seen.clone()).ok());
        detail.violations = seen.unwrap_or_default();
        (detail, Some(family), receipt)
    }
}

impl From<State> for EventState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Held => Self::Held,
            State::Published => Self::Published,
            State::Quarantined => Self::Quarantined,
            State::Erased => Self::Erased,
        }
    }
}

impl From<EventState> for State {
    fn from(state: EventState) -> Self {
        match state {
            EventState::Pending => Self::Pending,
            EventState::Held => Self::Held,
            EventState::Published => Self::Published,
            EventState::Quarantined => Self::Quarantined,
            EventState::Erased => Self::Erased,
        }
    }
}

/// Why searching does not answer, in the desk's words.
pub(super) fn not_found_out(error: SearchError) -> Refusal {
    match error {
        SearchError::TooSlow => Refusal::TooSlow,
        SearchError::Busy => Refusal::Unavailable(
            "as many questions as may be asked at one time are being answered; ask again".into(),
        ),
        SearchError::NotYet
        | SearchError::TooMany
        | SearchError::Unusable(_)
        | SearchError::Ended => Refusal::Unavailable(format!("{error}; ask again in a while")),
    }
}

/// Why the journal does not answer.
pub(super) fn unreadable(error: ReadError) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

/// Nobody fills the search file.
pub(super) fn not_begun() -> Refusal {
    Refusal::Unavailable("searching was not begun in this process".into())
}
