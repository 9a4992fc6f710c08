//! Digests of events, by which a cursor outside recognizes the journal it speaks of.
//!
//! A cursor in Kafka carries a sequence and the digest of that event. A journal that was restored
//! from a copy gives the same sequences to other events; the digest tells. So a digest must outlive
//! its row: whoever deletes rows calls [`keep`] in the same transaction, retention for the last row
//! of each range that it removes (no cursor of ours stands below it), erasure for every row. And it
//! must outlive damage: those of the events where Kafka's cursors were last seen are in `meta`.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Code, Stored, cursors, read};
use crate::event::Digest128;

/// The digest of an event in hand, the same as [`of`] its row.
pub(super) fn of_stored(event: &Stored) -> Digest128 {
    digest([
        &event.sequence.to_le_bytes(),
        &event.id.0.0,
        event.source.as_str().as_bytes(),
        event.kind.as_str().as_bytes(),
        &event.received.millis().to_le_bytes(),
        &event.key,
        &event.value,
    ])
}

/// The digest of an event: from its row or, where the row is gone or damaged, from what was kept of
/// it. `None` for an event that never was, or whose digest was not kept.
pub(super) fn of(connection: &Connection, sequence: u64) -> rusqlite::Result<Option<Digest128>> {
    if let Some(digest) = of_row(connection, sequence)? {
        return Ok(Some(digest));
    }
    if let Some(digest) = legible(kept(connection, sequence))? {
        return Ok(Some(digest));
    }
    let marks = legible(cursors::marks(connection).map(Some))?;
    let mut digests = marks.into_iter().flatten();
    Ok(digests.find_map(|(_, mark)| mark.digest.filter(|_| mark.sequence == sequence)))
}

/// Keeps the digest of a row that is about to be deleted. Without such a row, or where it is
/// damaged, nothing changes.
pub(super) fn keep(connection: &Connection, sequence: u64) -> rusqlite::Result<()> {
    let Some(digest) = of_row(connection, sequence)? else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO digest(sequence, digest) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET digest = excluded.digest",
        )?
        .execute(params![sequence.cast_signed(), digest.0])?;
    Ok(())
}

fn kept(connection: &Connection, sequence: u64) -> rusqlite::Result<Option<Digest128>> {
    connection
        .prepare_cached("SELECT digest FROM digest WHERE sequence = ?1")?
        .query_row([sequence.cast_signed()], |row| row.get(0).map(Digest128))
        .optional()
}

/// What its checksum does not vouch for has no digest: a rotten row is no other event.
fn of_row(connection: &Connection, sequence: u64) -> rusqlite::Result<Option<Digest128>> {
    let digest = read::row(connection, sequence, |row, source| {
        digest([
            &row.sequence.to_le_bytes(),
            &row.id,
            source.as_bytes(),
            row.kind.as_bytes(),
            &row.received.to_le_bytes(),
            row.key,
            row.value,
        ])
    });
    legible(digest)
}

/// What lies on a page that cannot be read is not there.
fn legible<T>(read: rusqlite::Result<Option<T>>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error) if Code::of(&error).is_unreadable() => Ok(None),
        read => read,
    }
}

/// The first half of SHA-256 over the parts, each behind its length.
fn digest(parts: [&[u8]; 7]) -> Digest128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    Digest128(half)
}
