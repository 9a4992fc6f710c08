//! Who reads the journal, and what is noted of it: the courier, who publishes what it is given, and
//! those who only look on.

use super::read::{self, Met};
use super::{Journal, Lane, ReadError, Slice, Stored};

impl Journal {
    /// Events after a sequence, in order, at most [`crate::bounds::JOURNAL_READ_EVENTS`] and
    /// [`crate::bounds::JOURNAL_READ_BYTES`] (but always one if there is one). Blocks.
    ///
    /// For the courier of this lane alone: what is erased of what is its own is passed over, and
    /// counts as erased before it was published when the cursor passes it. Others look with
    /// [`Self::slice`].
    ///
    /// Damaged ones are not among them: each is said to be lost, once, and counts as erased before
    /// it was published when the cursor passes it. An error is what has to be waited out: a disk
    /// that cannot be read, or more than [`crate::bounds::JOURNAL_DAMAGED_RUN`] damaged rows in a
    /// row with no whole one behind them.
    pub fn read_after(&self, lane: &Lane, sequence: u64) -> Result<Vec<Stored>, ReadError> {
        let shared = &self.inner.shared;
        if let Some(rows) = shared.tail().after(sequence) {
            return Ok(rows);
        }
        let head = *shared.head.borrow();
        let readers = &self.inner.readers;
        let found = readers.with(|connection| read::after(connection, sequence, head));
        let passes = |error: &ReadError| *error == ReadError::Busy;
        shared.set_readable(sequence, found.as_ref().err().copied().filter(|e| !passes(e)));
        let found = found?;
        shared.damaged(found.damaged);
        shared.erased(lane, &found.erased);
        Ok(found.rows)
    }

    /// The same for who only looks on: what is damaged is left out, and nothing is noted. Blocks.
    pub fn look_after(&self, sequence: u64) -> Result<Vec<Stored>, ReadError> {
        let shared = &self.inner.shared;
        if let Some(rows) = shared.tail().after(sequence) {
            return Ok(rows);
        }
        let head = *shared.head.borrow();
        let readers = &self.inner.readers;
        Ok(readers.with(|connection| read::after(connection, sequence, head))?.rows)
    }

    /// One event; `None` if it is not there, erased or damaged. Blocks.
    pub fn event(&self, sequence: u64) -> Result<Option<Stored>, ReadError> {
        let met = self.inner.readers.with(|connection| read::single(connection, sequence))?;
        Ok(met.and_then(|met| match met {
            Met::Whole(event) => Some(event),
            Met::Erased(_) | Met::Damaged(_) | Met::Newer(_) => None,
        }))
    }

    /// Looks at rows after a sequence and up to another, for who searches all of the journal: at
    /// most a page, without those that are erased. Blocks.
    pub fn slice(&self, after: u64, through: u64) -> Result<Slice, ReadError> {
        self.inner.readers.with(|connection| read::slice(connection, after, through))
    }
}
