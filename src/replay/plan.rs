//! How many events a choice means, before any of them goes.
//!
//! Looks at the journal page by page and holds nothing between two. Blocks; for a time that has a
//! bound.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Choice;
use crate::clock::{Clock, Timestamp};
use crate::event::Family;
use crate::journal::{Journal, ReadError};

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many events.
    pub events: u64,
    /// How many of each family.
    pub families: BTreeMap<Family, u64>,
    /// The first, with when it was received.
    pub first: Option<(u64, Timestamp)>,
    /// The last.
    pub last: Option<(u64, Timestamp)>,
}

/// Why it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// It took too long.
    #[error("counting takes too long")]
    TooSlow,
    /// The journal cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

impl Counted {
    /// Counts what a choice means up to a sequence. Blocks.
    pub fn of(
        choice: &Choice,
        journal: &Journal,
        through: u64,
        clock: &Clock,
        within: Duration,
    ) -> Result<Self, CountError> {
        let end = clock.steady().saturating_add(within);
        let mut counted = Self::default();
        let mut read = 0;
        while read < through {
            if clock.steady() >= end {
                return Err(CountError::TooSlow);
            }
            read = match choice.needs_content() {
                true => counted.page(choice, journal, read, through)?,
                false => counted.heads(choice, journal, read, through)?,
            };
        }
        Ok(counted)
    }

    fn page(
        &mut self,
        choice: &Choice,
        journal: &Journal,
        read: u64,
        through: u64,
    ) -> Result<u64, ReadError> {
        let events = journal.read_after(read)?;
        let last = events.last().map_or(through, |last| last.sequence);
        for event in events.iter().filter(|event| event.sequence <= through) {
            if choice.holds(event) && !journal.is_held(&event.source, event.sequence) {
                self.count(event.sequence, event.received, event.kind.family());
            }
        }
        Ok(last)
    }

    fn heads(
        &mut self,
        choice: &Choice,
        journal: &Journal,
        read: u64,
        through: u64,
    ) -> Result<u64, ReadError> {
        let Ok((heads, last)) = journal.heads_after(read, through) else {
            // Reading whole events finds its way around damage.
            return self.page(choice, journal, read, through);
        };
        for head in heads.iter().filter(|head| choice.holds_of(head)) {
            if !journal.is_held(&head.source, head.sequence) {
                self.count(head.sequence, head.received, head.kind.family());
            }
        }
        Ok(last)
    }

    fn count(&mut self, sequence: u64, received: Timestamp, family: Family) {
        self.events += 1;
        *self.families.entry(family).or_default() += 1;
        self.first.get_or_insert((sequence, received));
        self.last = Some((sequence, received));
    }
}
