//! What left the journal leaves the search file, too: by age in small steps, by forgetting at once.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::schema;
use super::fill::{is_marked, mark};
use super::query::ERASED;
use super::words::Term;
use crate::bounds;
use crate::event::{Digest128, EventId};

/// One step after retention: rows below the oldest that the journal has, then what stands of
/// segments that have no rows any more, then pages. Whether there was anything to do.
pub(super) fn step(connection: &mut Connection, oldest: u64) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let done = rows(&transaction, oldest)? || terms(&transaction, oldest)?;
    transaction.commit()?;
    if !done {
        return give_back(connection);
    }
    Ok(done)
}

fn rows(connection: &Connection, oldest: u64) -> rusqlite::Result<bool> {
    let limit = i64::try_from(bounds::SEARCH_STEP_ROWS).unwrap_or(i64::MAX);
    let through: Option<i64> = connection
        .prepare_cached(
            "SELECT max(sequence) FROM
                 (SELECT sequence FROM row WHERE sequence < ?1 ORDER BY sequence LIMIT ?2)",
        )?
        .query_row([oldest.cast_signed(), limit], |row| row.get(0))?;
    let Some(through) = through else { return Ok(false) };
    connection
        .prepare_cached(
            "UPDATE class SET events = events - gone.count FROM
                 (SELECT class, count(*) AS count FROM row WHERE sequence <= ?1 AND NOT EXISTS(
                     SELECT 1 FROM mark WHERE what = ?2 AND mark.sequence = row.sequence)
                  GROUP BY class) AS gone
             WHERE number = gone.class",
        )?
        .execute([through, ERASED])?;
    for table in ["row", "recent", "receipt", "again"] {
        connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE sequence <= ?1"))?
            .execute([through])?;
    }
    connection
        .prepare_cached("DELETE FROM mark WHERE what IN (1, 2) AND sequence <= ?1")?
        .execute([through])?;
    connection
        .prepare_cached("DELETE FROM stretch WHERE number < ?1")?
        .execute([(through + 1) >> bounds::SEARCH_STRETCH_BITS])?;
    Ok(true)
}

fn terms(connection: &Connection, oldest: u64) -> rusqlite::Result<bool> {
    let segment = (oldest >> bounds::SEARCH_SEGMENT_BITS).cast_signed();
    let limit = i64::try_from(bounds::SEARCH_STEP_TERMS).unwrap_or(i64::MAX);
    let found: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT segment, hash FROM term WHERE segment < ?1 ORDER BY segment, hash LIMIT 1",
        )?
        .query_row([segment], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((segment, _)) = found else { return Ok(false) };
    // Up to the one that stands so far behind, or to the segment's end.
    let last: Option<i64> = connection
        .prepare_cached("SELECT hash FROM term WHERE segment = ?1 ORDER BY hash LIMIT 1 OFFSET ?2")?
        .query_row([segment, limit], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached("DELETE FROM term WHERE segment = ?1 AND hash <= ?2")?
        .execute([segment, last.unwrap_or(i64::MAX)])?;
    Ok(true)
}

fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free = schema::pragma(connection, "freelist_count")?.unsigned_abs();
    let pages = free.saturating_sub(bounds::RETENTION_SPARE_PAGES);
    let pages = pages.min(bounds::RETENTION_STEP_PAGES);
    if pages == 0 {
        return Ok(false);
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}

/// Takes room, persons, sessions and artifacts of events out, also of those that come yet. Their
/// ids, classes and moments of receipt stay.
pub(super) fn forget(connection: &mut Connection, sequences: &[u64]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let salt: [u8; 16] = schema::meta(&transaction, "salt")?;
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS gone(sequence INTEGER PRIMARY KEY);
         DELETE FROM temp.gone;",
    )?;
    for sequence in sequences {
        if is_marked(&transaction, ERASED, *sequence)? {
            continue;
        }
        let sequence = sequence.cast_signed();
        mark(&transaction, ERASED, sequence)?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO temp.gone(sequence) VALUES (?1)")?
            .execute([sequence])?;
    }
    // A segment at a time: the terms of an event are only known from its side.
    let segments: Vec<i64> = transaction
        .prepare_cached("SELECT DISTINCT sequence >> ?1 FROM temp.gone ORDER BY 1")?
        .query_map([bounds::SEARCH_SEGMENT_BITS], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for segment in segments {
        transaction
            .prepare_cached(
                "DELETE FROM term WHERE segment = ?1
                     AND sequence IN (SELECT sequence FROM temp.gone)",
            )?
            .execute([segment])?;
    }
    transaction.execute_batch(
        "UPDATE class SET events = events - lost.count FROM
             (SELECT class, count(*) AS count FROM row
              WHERE sequence IN (SELECT sequence FROM temp.gone) GROUP BY class) AS lost
         WHERE number = lost.class;
         UPDATE row SET room = NULL, later = NULL
         WHERE sequence IN (SELECT sequence FROM temp.gone);",
    )?;
    keep_ids(&transaction, &salt)?;
    transaction.execute_batch("DELETE FROM temp.gone;")?;
    transaction.commit()
}

/// By its id an erased event is still found.
fn keep_ids(connection: &Connection, salt: &[u8; 16]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT r.sequence, r.class, r.id, n.sequence IS NOT NULL
         FROM temp.gone g JOIN row r ON r.sequence = g.sequence
         LEFT JOIN recent n ON n.sequence = g.sequence",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sequence, class): (i64, i64) = (row.get(0)?, row.get(1)?);
        let hash = Term::Id(EventId(Digest128(row.get(2)?))).hash(salt);
        if row.get(3)? {
            connection
                .prepare_cached("UPDATE recent SET hashes = ?2 WHERE sequence = ?1")?
                .execute(params![sequence, hash.to_le_bytes()])?;
        } else {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO term(segment, hash, class, sequence)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute([sequence >> bounds::SEARCH_SEGMENT_BITS, hash, class, sequence])?;
        }
    }
    Ok(())
}
