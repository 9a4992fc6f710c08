//! What could not pass, and letting go what can.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{not_begun, not_found_out};
use super::filter::cursor;
use super::{Actor, Desk, EventRow, EventState, Filter, Reason, Refusal};

/// A page of quarantined events, the newest first, with the counts of all that the filter means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantinePage {
    /// The events.
    pub events: Vec<EventRow>,
    /// How many there are, by reason.
    pub counts: BTreeMap<String, u64>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Lets quarantined events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseAsk {
    /// Why.
    pub reason: Reason,
    /// Which, where it is not one by its sequence; `reason` in it is the reason of quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// Let go: on their way to Kafka, outside of the ledger.
    pub released: u64,
    /// Were let go before.
    pub already: u64,
    /// Cannot be let go, by why.
    pub kept: BTreeMap<String, u64>,
}

impl Desk {
    /// A page of what could not pass, with counts by reason.
    ///
    /// # Errors
    /// As [`Desk::events`]; and `Invalid` for a state, which is given here.
    pub async fn quarantine(&self, mut filter: Filter) -> Result<QuarantinePage, Refusal> {
        if filter.state.is_some() {
            let rule = "is given here: only what is in quarantine is listed; leave it out";
            return Err(Refusal::Invalid { field: "state", rule: rule.to_owned() });
        }
        filter.state = Some(EventState::Quarantined);
        let meant = self.meant(&filter, false)?;
        let counted = meant.wanted.clone();
        let (page, at) = self.page(meant).await?;
        let counts = self
            .look(move |journal| {
                let search = journal.search().ok_or_else(not_begun)?;
                search.reasons(&counted, &journal.positions()).map_err(not_found_out)
            })
            .await?;
        let last = page.rows.last().map(|row| row.sequence);
        Ok(QuarantinePage {
            next_cursor: last.filter(|_| page.more).map(cursor),
            events: page.rows.into_iter().map(|row| EventRow::new(row, &at)).collect(),
            counts: counts.into_iter().map(|(why, n)| (why.as_str().to_owned(), n)).collect(),
        })
    }

    /// Lets one event go by its sequence, or those that the filter means.
    pub async fn release(
        &self,
        _by: &Actor,
        _sequence: Option<u64>,
        _ask: ReleaseAsk,
    ) -> Result<Released, Refusal> {
        Err(Refusal::NotYet("quarantine"))
    }
}
