//! How many events a choice means, before any of them goes.
//!
//! Looks at the journal page by page and holds nothing between two, and passes over what the search
//! file knows to be something else. Blocks; for a time that has a bound.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Choice;
use super::lookup::Places;
use crate::clock::{Clock, Timestamp};
use crate::event::Family;
use crate::journal::{Journal, ReadError, Stored};

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

/// What is counted, and until when.
struct Counting<'a> {
    choice: &'a Choice,
    journal: &'a Journal,
    clock: &'a Clock,
    end: Duration,
}

impl Counting<'_> {
    fn in_time(&self) -> Result<(), CountError> {
        match self.clock.steady() < self.end {
            true => Ok(()),
            false => Err(CountError::TooSlow),
        }
    }
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
        let counting =
            Counting { choice, journal, clock, end: clock.steady().saturating_add(within) };
        let mut counted = Self::default();
        let known = match Places::of(choice, journal) {
            None => 0,
            Some(Places::Listed(listed, known)) => {
                for sequence in listed.into_iter().take_while(|sequence| *sequence <= through) {
                    counting.in_time()?;
                    let event = journal.event(sequence)?;
                    event.iter().for_each(|event| counted.look(choice, journal, event));
                }
                known
            }
            Some(Places::Between(span)) => {
                let last = span.last.min(through);
                counted.read(&counting, span.first.saturating_sub(1), last)?;
                span.through
            }
        };
        counted.read(&counting, known, through)?;
        Ok(counted)
    }

    /// Counts between two sequences.
    fn read(&mut self, of: &Counting<'_>, after: u64, through: u64) -> Result<(), CountError> {
        let mut read = after;
        while read < through {
            of.in_time()?;
            read = match of.choice.needs_content() {
                true => self.page(of.choice, of.journal, read, through)?,
                false => self.heads(of.choice, of.journal, read, through)?,
            };
        }
        Ok(())
    }

    fn page(
        &mut self,
        choice: &Choice,
        journal: &Journal,
        read: u64,
        through: u64,
    ) -> Result<u64, ReadError> {
        let slice = journal.slice(read, through)?;
        for event in &slice.rows {
            self.look(choice, journal, event);
        }
        Ok(slice.through)
    }

    fn look(&mut self, choice: &Choice, journal: &Journal, event: &Stored) {
        if choice.holds(event) && !journal.is_held(&event.source, event.sequence) {
            self.count(event.sequence, event.received, event.kind.family());
        }
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
