//! Letting events go out of quarantine.
//!
//! A released event is a row of its own under a new sequence, so that it goes out on the lane of
//! live traffic: in order, and as surely as any other. It keeps its id, which is its only name; so
//! the identities, which know it, are not asked. That it was let go is kept beside the row that it
//! came from, in the same transaction: it goes once, whoever asks how often.
//!
//! Its totals stand beside the ledger (`ledger.rs`), which counted it when it came. What was masked
//! is kept in a table of its own, beside the record of quarantine that was published in its place;
//! both tables lose their rows with the row that they belong to.

use std::sync::mpsc::TrySendError;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::ledger::{self, Credits};
use super::schema::{self, Row};
use super::writer::{Aside, Order};
use super::{AppendError, Journal, LedgerRow, ReadError, Stored};
use crate::clock::Timestamp;
use crate::event::Kind;
use crate::scrub::{Clean, Masked};

/// An event to be let go.
#[derive(Clone, Debug)]
pub struct Release {
    /// The sequence under which it stands in quarantine.
    pub of: u64,
    /// The event, made by [`crate::scrub::release`].
    pub event: Clean,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// It is on disk under this sequence, and on its way.
    Now {
        /// Its new sequence.
        sequence: u64,
    },
    /// It was let go before.
    Before,
}

/// What the writer answers.
pub(super) type Answer = Result<Vec<LetGo>, AppendError>;

/// Releases for the writer.
pub(super) struct Releasing {
    pub(super) releases: Vec<Release>,
    pub(super) reply: oneshot::Sender<Answer>,
}

impl Journal {
    /// Lets events go, all or none, and waits for the disk: at most
    /// [`crate::bounds::RELEASE_STEP`] at one time, since deliveries wait meanwhile. The answers
    /// are in their order.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn release(&self, releases: Vec<Release>) -> Answer {
        let shared = &self.inner.shared;
        shared.admits()?;
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.try_send(Order::Aside(Aside::Release(Releasing { releases, reply })))
        {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(shared.ended())),
            Err(TrySendError::Full(_)) => Err(AppendError::QueueFull),
            Err(TrySendError::Disconnected(_)) => Err(shared.ended()),
        }
    }

    /// Whether the event of this sequence was let go. Blocks.
    pub fn is_released(&self, sequence: u64) -> Result<bool, ReadError> {
        self.inner.readers.with(|connection| Ok(is_released(connection, sequence)?))
    }

    /// What is kept behind a record of quarantine; `None` where nothing is, or it is damaged.
    /// Blocks.
    pub fn masked(&self, record: &Stored) -> Result<Option<Masked>, ReadError> {
        self.inner.readers.with(|connection| Ok(masked(connection, record)?))
    }

    /// The totals of released events, by their source. Blocks.
    pub fn released(&self) -> Result<Vec<LedgerRow>, ReadError> {
        self.inner.readers.with(|connection| Ok(ledger::released(connection)?))
    }
}

/// Writes the rows of what was not let go before, within the caller's transaction.
pub(super) fn write(
    connection: &Connection,
    releases: &[Release],
    now: Timestamp,
) -> rusqlite::Result<Vec<LetGo>> {
    let before = schema::meta::<i64>(connection, "head")?.cast_unsigned();
    let mut head = before;
    let mut credits = Credits::default();
    let mut answers = Vec::with_capacity(releases.len());
    for Release { of, event } in releases {
        if is_released(connection, *of)? {
            answers.push(LetGo::Before);
            continue;
        }
        head += 1;
        let received = event.received();
        let row = Row {
            sequence: head,
            id: event.id().0.0,
            source: credits.add(connection, event.source(), event.kind(), received, false)?,
            kind: event.kind().as_str(),
            received: received.millis(),
            key: event.key(),
            value: event.value(),
        };
        row.insert(connection)?;
        connection
            .prepare_cached("INSERT INTO release(sequence, released, at) VALUES (?1, ?2, ?3)")?
            .execute(params![of.cast_signed(), head.cast_signed(), now.millis()])?;
        answers.push(LetGo::Now { sequence: head });
    }
    if head != before {
        credits.write(connection)?;
        schema::set_head(connection, head)?;
    }
    Ok(answers)
}

fn is_released(connection: &Connection, sequence: u64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM release WHERE sequence = ?1)")?
        .query_row([sequence.cast_signed()], |row| row.get(0))
}

/// Keeps what stands behind a record of quarantine.
pub(super) fn keep_masked(
    connection: &Connection,
    record: &Row<'_>,
    masked: &Masked,
) -> rusqlite::Result<()> {
    let kept =
        Row { kind: masked.kind.as_str(), key: &masked.key, value: &masked.value, ..*record };
    connection
        .prepare_cached(
            "INSERT INTO masked(sequence, kind, key, value, crc) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            kept.sequence.cast_signed(),
            kept.kind,
            kept.key,
            kept.value,
            schema::checksum(&kept)
        ])
        .map(drop)
}

fn masked(connection: &Connection, record: &Stored) -> rusqlite::Result<Option<Masked>> {
    let mut statement = connection.prepare_cached(
        "SELECT m.kind, m.key, m.value, m.crc, e.source
         FROM masked m JOIN event e ON e.sequence = m.sequence WHERE m.sequence = ?1",
    )?;
    let found = statement.query_row([record.sequence.cast_signed()], |row| {
        let (kind, key, value) = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?);
        let kept = Row {
            sequence: record.sequence,
            id: record.id.0.0,
            source: row.get(4)?,
            kind: kind.as_str()?,
            received: record.received.millis(),
            key: key.as_blob()?,
            value: value.as_blob()?,
        };
        let is_whole = schema::checksum(&kept) == row.get::<_, u32>(3)?;
        Ok(Kind::parse(kept.kind).filter(|_| is_whole).map(|kind| Masked {
            kind,
            key: Bytes::copy_from_slice(kept.key),
            value: Bytes::copy_from_slice(kept.value),
        }))
    });
    Ok(found.optional()?.flatten())
}

/// Deletes what stands behind a record that is erased.
pub(super) fn drop_masked(connection: &Connection, sequence: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM masked WHERE sequence = ?1")?
        .execute([sequence.cast_signed()])
        .map(drop)
}

/// Deletes what belongs to rows from one sequence to another, which are deleted.
pub(super) fn drop_between(connection: &Connection, first: u64, last: u64) -> rusqlite::Result<()> {
    for statement in [
        "DELETE FROM release WHERE sequence BETWEEN ?1 AND ?2",
        "DELETE FROM masked WHERE sequence BETWEEN ?1 AND ?2",
    ] {
        let range = [first.cast_signed(), last.cast_signed()];
        connection.prepare_cached(statement)?.execute(range)?;
    }
    Ok(())
}
