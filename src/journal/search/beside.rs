//! What the journal gives to who looks on: events, positions, the search file and its notes. None
//! of it has a say in what is published.

use std::sync::{Arc, PoisonError};

use super::super::read::{self, Met};
use super::super::{Journal, Lane, ReadError, Stored};
use super::{Followed, Notes, Positions, Search};

impl Journal {
    /// Events after a sequence as [`Self::read_after`] gives them, for who only looks on: what is
    /// damaged is left out, and nothing is noted. Blocks.
    pub fn look_after(&self, sequence: u64) -> Result<Vec<Stored>, ReadError> {
        let shared = &self.inner.shared;
        if let Some(rows) = shared.tail().after(sequence) {
            return Ok(rows);
        }
        let head = *shared.head.borrow();
        let readers = &self.inner.readers;
        Ok(readers.with(|connection| read::after(connection, sequence, head))?.rows)
    }

    /// One event; `None` if it is not there, or damaged. Blocks.
    pub fn event(&self, sequence: u64) -> Result<Option<Stored>, ReadError> {
        let met = self.inner.readers.with(|connection| read::single(connection, sequence))?;
        Ok(met.and_then(|met| match met {
            Met::Whole(event) => Some(event),
            Met::Erased(_) | Met::Damaged(_) | Met::Newer(_) => None,
        }))
    }

    /// Begins to fill the search file, beside the traffic. Once; waits for nothing.
    pub fn start_search(&self) {
        let inner = &self.inner;
        let noted = inner.noted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(noted) = noted else { return };
        let followed = Followed {
            dir: inner.files.dir.clone(),
            database: inner.files.database.clone(),
            epoch: inner.epoch,
            shared: Arc::clone(&inner.shared),
            noted,
        };
        inner.search.get_or_init(|| Search::start(followed, inner.clock.clone()));
    }

    /// Where events are searched; `None` where it was not begun.
    pub fn search(&self) -> Option<&Search> {
        self.inner.search.get()
    }

    /// Takes notes of events beside the road, for who searches them.
    pub fn notes(&self) -> &Notes {
        &self.inner.notes
    }

    /// Where the lanes are: what an event's state is told from.
    pub fn positions(&self) -> Positions {
        let mut at = Positions::default();
        for (lane, through) in self.inner.shared.cursors().lanes() {
            match lane {
                Lane::Live => at.live = through,
                Lane::Source(source) => drop(at.held.insert(source.as_str().to_owned(), through)),
                Lane::Replay(_) => {}
            }
        }
        at
    }
}
