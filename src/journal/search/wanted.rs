//! What is asked for, and what is found.

use std::collections::BTreeSet;

use super::super::Stored;
use super::state::State;
use super::words::{Term, Words};
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, QuarantineReason};

/// Which events are meant. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Received at or after this.
    pub since: Option<Timestamp>,
    /// Received before this.
    pub until: Option<Timestamp>,
    /// From this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<Kind>>,
    /// In quarantine for this reason.
    pub reason: Option<QuarantineReason>,
    /// Standing so.
    pub state: Option<State>,
    /// With one of each of these.
    pub terms: Vec<Vec<Term>>,
}

/// An event, as far as the search file knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the journal's order.
    pub sequence: u64,
    /// Its only name.
    pub id: EventId,
    /// The source it came from.
    pub source: String,
    /// Whose event it is.
    pub tenant: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// The room as it may be seen.
    pub room: Option<String>,
    /// When its first delivery came.
    pub received: Timestamp,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// Why it is in quarantine, if it is.
    pub reason: Option<QuarantineReason>,
    /// Kafka found it too large.
    pub oversized: bool,
    /// Its content is gone.
    pub erased: bool,
}

/// A page of rows, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether there are older ones.
    pub more: bool,
    /// The highest sequence that was searched.
    pub through: u64,
}

/// Between which sequences events lie that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// None is below.
    pub first: u64,
    /// None is above, among those that the file knows.
    pub last: u64,
    /// The highest sequence that the file knows.
    pub through: u64,
}

impl Wanted {
    /// Whether an event is meant, its terms known: for events as they come.
    pub fn accepts(&self, row: &Row, terms: &BTreeSet<Term>) -> bool {
        let has = |any: &Vec<Term>| any.iter().any(|term| terms.contains(term));
        self.fits_class(&row.source, row.tenant.as_deref(), row.kind)
            && self.fits_rest(row)
            && self.terms.iter().all(has)
    }

    pub(super) fn fits_class(&self, source: &str, tenant: Option<&str>, kind: Kind) -> bool {
        self.source.as_ref().is_none_or(|wanted| wanted == source)
            && self.tenant.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == tenant)
            && self.kinds.as_ref().is_none_or(|wanted| wanted.contains(&kind))
    }

    pub(super) fn fits_rest(&self, row: &Row) -> bool {
        self.since.is_none_or(|since| row.received >= since)
            && self.until.is_none_or(|until| row.received < until)
            && self.reason.is_none_or(|reason| row.reason == Some(reason))
    }
}

impl Row {
    /// Of an event of the journal, and what it can be found by.
    pub fn of(event: &Stored) -> (Self, BTreeSet<Term>) {
        let words = Words::of(event);
        let row = Self {
            sequence: event.sequence,
            id: event.id,
            source: event.source.origin().to_owned(),
            tenant: words.tenant,
            kind: event.kind,
            room: words.room,
            received: event.received,
            time: words.time,
            reason: words.reason,
            oversized: false,
            erased: false,
        };
        (row, words.terms)
    }
}
