//! A generation that takes no more: a tree on disk behind a filter in memory.

use rusqlite::{Connection, params};

use super::Id;
use super::filter::{self, Filter};
use crate::bounds;
use crate::clock::Timestamp;
use crate::journal::fault::Fault;

/// See the header.
pub(super) struct Sealed {
    pub(super) number: i64,
    filter: Filter,
    lookup: String,
}

/// What [`Sealed::expire`] deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Expired {
    /// None is old enough, or rows of it are left.
    Nothing,
    /// A part of the oldest generation.
    Part,
    /// The rest of the oldest generation, which has this number: to be forgotten after the commit.
    Whole(i64),
}

impl Sealed {
    /// One whose tree is on disk.
    pub(super) fn new(number: i64, filter: Filter) -> Self {
        Self { number, filter, lookup: format!("SELECT 1 FROM identity_{number} WHERE id = ?1") }
    }

    /// Loads its filter, or builds and stores it if what is stored cannot be believed.
    pub(super) fn load(connection: &Connection, number: i64, seed: u64) -> rusqlite::Result<Self> {
        let stored = connection.query_row(
            "SELECT filter, crc FROM generation WHERE number = ?1",
            [number],
            |row| {
                let blob = row.get_ref(0)?.as_blob_or_null()?;
                Ok(Filter::stored(blob, row.get(1)?, seed, number))
            },
        )?;
        if let Some(filter) = stored
            && knows_sample(connection, number, &filter, seed)?
        {
            return Ok(Self::new(number, filter));
        }
        let filter = build(connection, number, seed)?;
        let (blob, crc) = filter.bytes(number);
        let kept = connection.execute(
            "UPDATE generation SET filter = ?2, crc = ?3 WHERE number = ?1",
            params![number, blob, crc],
        );
        match kept {
            Err(error) if Fault::of(&error) != Fault::Full => Err(error),
            // On a full disk it is built again next time.
            Ok(_) | Err(_) => Ok(Self::new(number, filter)),
        }
    }

    /// Seals a generation with its filter, within the caller's transaction.
    pub(super) fn store(
        connection: &Connection,
        number: i64,
        filter: &Filter,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let (blob, crc) = filter.bytes(number);
        connection.execute(
            "UPDATE generation SET filter = ?2, crc = ?3, sealed_at = ?4 WHERE number = ?1",
            params![number, blob, crc, now.millis()],
        )?;
        Ok(())
    }

    /// Whether an identity, which has this hash, is one of these.
    pub(super) fn knows(
        &self,
        connection: &Connection,
        id: &Id,
        hash: u64,
    ) -> rusqlite::Result<bool> {
        Ok(self.filter.may_know(hash)
            && connection.prepare_cached(&self.lookup)?.exists([&id[..]])?)
    }

    /// Deletes so many of its identities if it was sealed before this moment and none of its rows
    /// is left.
    pub(super) fn expire(
        &self,
        connection: &Connection,
        before: Timestamp,
        limit: usize,
    ) -> rusqlite::Result<Expired> {
        let sealed: i64 = connection
            .prepare_cached("SELECT sealed_at FROM generation WHERE number = ?1")?
            .query_row([self.number], |row| row.get(0))?;
        if sealed >= before.millis() || self.has_rows(connection)? {
            return Ok(Expired::Nothing);
        }
        self.delete(connection, limit)
    }

    /// Whether the oldest row is one of this generation's.
    fn has_rows(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement =
            connection.prepare_cached("SELECT id FROM event ORDER BY sequence LIMIT 1")?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            None => Ok(false),
            Some(row) => match row.get::<_, Id>(0) {
                Ok(id) => connection.prepare_cached(&self.lookup)?.exists([&id[..]]),
                // A damaged row: nobody knows whose it was.
                Err(_) => Ok(true),
            },
        }
    }

    fn delete(&self, connection: &Connection, limit: usize) -> rusqlite::Result<Expired> {
        let table = format!("identity_{}", self.number);
        let deleted = connection.execute(
            &format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?1)"
            ),
            [i64::try_from(limit).unwrap_or(i64::MAX)],
        )?;
        if deleted >= limit {
            return Ok(Expired::Part);
        }
        connection.execute_batch(&format!("DROP TABLE {table}"))?;
        connection.execute("DELETE FROM generation WHERE number = ?1", [self.number])?;
        Ok(Expired::Whole(self.number))
    }
}

fn build(connection: &Connection, number: i64, seed: u64) -> rusqlite::Result<Filter> {
    let query = format!("SELECT count(*) FROM identity_{number}");
    let count: i64 = connection.query_row(&query, [], |row| row.get(0))?;
    let mut filter = Filter::with_room(usize::try_from(count).unwrap_or(0), seed);
    let mut statement = connection.prepare(&format!("SELECT id FROM identity_{number}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        filter.add(&row.get(0)?);
    }
    Ok(filter)
}

/// Whether a filter knows a sample of its table: another version of its crate may not.
fn knows_sample(
    connection: &Connection,
    number: i64,
    filter: &Filter,
    seed: u64,
) -> rusqlite::Result<bool> {
    let sample = bounds::IDENTITY_FILTER_SAMPLE;
    let mut statement =
        connection.prepare(&format!("SELECT id FROM identity_{number} LIMIT {sample}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !filter.may_know(filter::hash(seed, &row.get(0)?)) {
            return Ok(false);
        }
    }
    Ok(true)
}
