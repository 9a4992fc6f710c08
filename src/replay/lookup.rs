//! Where in the journal the events of a choice can lie, as far as the search file knows.
//!
//! Only a hint, so that a plan need not read the whole journal for one room or one hour: whether
//! an event is meant is told from itself. Whatever the search file cannot answer now is read.

use crate::bounds;
use crate::event::{EventId, Kind};
use crate::journal::Journal;
use crate::journal::search::{Positions, Search, SearchError, Span, Term, Wanted};

use super::Choice;
use super::choice::is_of;

/// See the header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// At these sequences, in order, and maybe behind the second.
    Listed(Vec<u64>, u64),
    /// Between these, and maybe behind what the file knows.
    Between(Span),
}

impl Places {
    /// Of a choice. Blocks; `None` where the search file cannot tell.
    pub(super) fn of(choice: &Choice, journal: &Journal) -> Option<Self> {
        let (search, wanted) = (journal.search()?, wanted(choice)?);
        if is_narrow(choice)
            && let Some((listed, known)) = listed(search, &wanted).ok()?
        {
            return Some(Self::Listed(listed, known));
        }
        search.span(&wanted).ok().map(Self::Between)
    }
}

/// All of them with the sequence up to which the file knows, if they are few.
fn listed(search: &Search, wanted: &Wanted) -> Result<Option<(Vec<u64>, u64)>, SearchError> {
    let (mut listed, mut before, mut known) = (Vec::new(), u64::MAX, u64::MAX);
    loop {
        let limit = bounds::EVENTS_PAGE_MAX;
        let page = search.page(wanted, &Positions::default(), before, limit)?;
        // What came to the file between two pages is newer than the first of them.
        known = known.min(page.through);
        listed.extend(page.rows.iter().map(|row| row.sequence));
        match listed.last() {
            Some(last) if page.more => before = *last,
            _ => break,
        }
        if listed.len() >= bounds::REPLAY_PLAN_LISTED {
            return Ok(None);
        }
    }
    listed.reverse();
    Ok(Some((listed, known)))
}

/// Whether more is asked for than what most events have.
fn is_narrow(choice: &Choice) -> bool {
    choice.kind.is_some()
        || choice.family.is_some()
        || !choice.rooms.is_empty()
        || !choice.participants.is_empty()
        || choice.event_id.is_some()
        || choice.quarantined == Some(true)
        || choice.reason.is_some()
}

/// A question to the file that finds every event of a choice, and maybe others. The reason of
/// quarantine is not among it: what Kafka found too large has another one there.
fn wanted(choice: &Choice) -> Option<Wanted> {
    let is_quarantined = choice.quarantined.or(choice.reason.map(|_| true));
    let fits = |kind: &&Kind| {
        choice.kind.as_deref().is_none_or(|wanted| is_of(**kind, wanted))
            && choice.family.as_deref().is_none_or(|wanted| wanted == kind.family().as_str())
            && is_quarantined.is_none_or(|wanted| wanted == (**kind == Kind::Quarantined))
    };
    let kinds: Vec<Kind> = Kind::ALL.iter().filter(fits).copied().collect();
    let rooms = choice.rooms.iter().cloned().map(Term::Room).collect();
    let persons = choice.participants.iter().cloned().map(Term::Person).collect();
    let id = match &choice.event_id {
        Some(text) => vec![Term::Id(EventId::parse(text)?)],
        None => Vec::new(),
    };
    let terms: [Vec<Term>; 3] = [rooms, persons, id];
    Some(Wanted {
        since: choice.since,
        until: choice.until,
        source: choice.source.clone(),
        tenant: choice.tenant.clone(),
        kinds: (kinds.len() < Kind::ALL.len()).then_some(kinds),
        terms: terms.into_iter().filter(|any| !any.is_empty()).collect(),
        ..Wanted::default()
    })
}
