//! What is being erased, told to couriers: they may have some of it in their hands.
//!
//! A courier listens from before its first reading, so that a row is either read as a tombstone or
//! told of here. Who falls behind is told so, and asks the journal instead.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::read::{Damaged, Met, single};
use super::{Journal, Lane, ReadError};
use crate::event::SourceName;

/// What one courier has not heard of yet.
#[derive(Debug)]
pub struct Erasures {
    told: Receiver<Arc<[u64]>>,
    missed: bool,
}

/// What was erased since the last time.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// These, or nothing.
    These(Vec<u64>),
    /// More than is told: to be asked for with [`Journal::tombstones`], and then said to be
    /// [`Erasures::known`].
    TooMany,
}

impl Erasures {
    /// Never waits.
    pub fn heard(&mut self) -> Heard {
        let mut these = Vec::new();
        loop {
            match self.told.try_recv() {
                Ok(some) => these.extend_from_slice(&some),
                Err(TryRecvError::Lagged(_)) => self.missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if self.missed { Heard::TooMany } else { Heard::These(these) }
    }

    /// What was missed has been found out.
    pub fn known(&mut self) {
        self.missed = false;
    }
}

impl Journal {
    /// What is erased from now on.
    pub fn erasures(&self) -> Erasures {
        Erasures { told: self.inner.shared.erasures.subscribe(), missed: false }
    }

    /// Those of these rows that are tombstones. Blocks.
    pub fn tombstones(&self, among: &[u64]) -> Result<Vec<u64>, ReadError> {
        self.inner.readers.with(|connection| {
            let mut found = Vec::new();
            for &sequence in among {
                if let Some(Met::Erased(_)) = single(connection, sequence)? {
                    found.push(sequence);
                }
            }
            Ok(found)
        })
    }

    /// A courier gave up events that were erased while it had them: they count as erased when the
    /// cursor passes them. Of a replay nothing is counted.
    pub fn given_up(&self, lane: &Lane, events: &[(u64, SourceName)]) {
        let row =
            |(sequence, source): &(u64, SourceName)| Damaged::row(*sequence, Some(source.clone()));
        let rows: Vec<_> = events.iter().map(row).collect();
        self.inner.shared.erased(lane, &rows);
    }
}
