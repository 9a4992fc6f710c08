//! Erasing what was kept: rows become tombstones.
//!
//! A tombstone keeps its sequence, its identity (so that a late retry is answered `duplicate`), its
//! digest (so that a cursor outside still recognizes it), source, kind and time; key and value are
//! gone. Every reader passes over it. In the ledger it counts as what became of it: an event that
//! was published stays published; one that a client has already goes out, before the event that
//! tells of the erasure; what waits for one is given up (`erasures.rs`), and it and all others
//! count as erased when the cursor passes them.
//!
//! Gone means gone from the bytes of the file: SQLite writes zeros over what it frees
//! (`secure_delete`), and the write-ahead log, where the content stood when it came, is truncated.
//! That needs a moment without another reader's view of the database; until it was had the content
//! counts as not yet erased, also over a restart, and it is tried again
//! ([`bounds::SCOUR_EVERY`]).

use std::sync::mpsc::TrySendError;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::schema::{self, Row};
use super::writer::{Aside, Order};
use super::{AppendError, Journal, LedgerRow, ReadError, digests, ledger, read, release};
#[cfg(doc)]
use crate::bounds;
use crate::event::SourceName;
use crate::scrub::Clean;

/// What became tombstones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entombed {
    /// Rows whose content is gone.
    pub events: u64,
    /// Those among them that were not known to be published.
    pub unpublished: u64,
}

/// A piece of erasing for the writer.
pub(super) enum Erasing {
    /// These rows, and the events that tell of it, in one transaction.
    Rows(Vec<u64>, Vec<Clean>, oneshot::Sender<Result<Entombed, AppendError>>),
    /// The log; whether nothing erased stands in it any more.
    Log(oneshot::Sender<Result<bool, AppendError>>),
}

impl Erasing {
    /// Answers that it is not done.
    pub(super) fn refuse(self, why: AppendError) {
        // Whoever asked may have gone away.
        match self {
            Self::Rows(_, _, reply) => drop(reply.send(Err(why))),
            Self::Log(reply) => drop(reply.send(Err(why))),
        }
    }
}

impl Journal {
    /// Makes tombstones of rows and appends the events that tell of it, all or nothing; at most
    /// [`crate::bounds::ERASURE_STEP_ROWS`] at one time, since deliveries wait meanwhile. Rows that
    /// are gone or tombstones already are passed over.
    pub async fn erase(
        &self,
        sequences: Vec<u64>,
        telling: Vec<Clean>,
    ) -> Result<Entombed, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.order(Erasing::Rows(sequences, telling, reply))?;
        answer.await.unwrap_or_else(|_| Err(self.inner.shared.ended()))
    }

    /// Empties the log of what was erased. Whether that is done; else it is tried again by itself.
    pub async fn scour(&self) -> Result<bool, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.order(Erasing::Log(reply))?;
        answer.await.unwrap_or_else(|_| Err(self.inner.shared.ended()))
    }

    fn order(&self, erasing: Erasing) -> Result<(), AppendError> {
        let shared = &self.inner.shared;
        shared.admits()?;
        match self.inner.queue.try_send(Order::Aside(Aside::Erase(erasing))) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(AppendError::QueueFull),
            Err(TrySendError::Disconnected(_)) => Err(shared.ended()),
        }
    }

    /// Whether erased content may still stand in the log: somebody's view of the database was in
    /// the way.
    pub fn is_erasure_pending(&self) -> bool {
        self.inner.shared.is_unscoured()
    }

    /// The totals of our own events, which stand beside the ledger; `None` before the first.
    /// Blocks.
    pub fn own_events(&self) -> Result<Option<LedgerRow>, ReadError> {
        self.inner.readers.with(|connection| Ok(ledger::of_ours(connection)?))
    }
}

/// Takes key and value out of a row, within the caller's transaction, and says whose it was; `None`
/// where there is nothing to take.
pub(super) fn entomb(
    connection: &Connection,
    sequence: u64,
) -> rusqlite::Result<Option<SourceName>> {
    let head = read::row(connection, sequence, |row, source| {
        let empty = Row { key: &[], value: &[], sequence, ..*row };
        (schema::checksum(&empty), SourceName::new(source))
    })?;
    let Some((crc, source)) = head else { return Ok(None) };
    digests::keep(connection, sequence)?;
    release::drop_masked(connection, sequence)?;
    connection
        .prepare_cached("UPDATE event SET key = x'', value = x'', crc = ?2 WHERE sequence = ?1")?
        .execute(params![sequence.cast_signed(), crc])?;
    Ok(Some(source))
}
