//! The journal's tables, and what every connection is told.
//!
//! The hot transaction writes a row by its sequence and an identity of 16 bytes; nothing is indexed
//! for search here. `auto_vacuum` and `secure_delete` must be set before the first table (set later
//! they have no effect, and the file never shrinks), so they are set then and verified ever after.
//! Sequences come from a meta row inside the transaction: neither AUTOINCREMENT (burns numbers) nor
//! a bare rowid (gives the highest one again after its row is deleted) keeps the promise.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::fault::Code;
use super::open::Obstacle;
use super::{holds, replays};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::InstanceName;

/// The version of the tables that this program writes.
pub(super) const VERSION: i64 = 2;

/// Marks a database as ours, in SQLite's header: `hgat`.
const APPLICATION: i64 = 0x6867_6174;

/// The number of `synchronous = FULL`; see <https://sqlite.org/pragma.html#pragma_synchronous>.
const SYNCHRONOUS_FULL: i64 = 2;

const TABLES: &str = "
    CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE source(
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        accepted INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0,
        published INTEGER NOT NULL DEFAULT 0, pending INTEGER NOT NULL DEFAULT 0,
        held INTEGER NOT NULL DEFAULT 0, erased_unpublished INTEGER NOT NULL DEFAULT 0,
        last_received INTEGER);
    CREATE TABLE event(
        sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, source INTEGER NOT NULL,
        kind TEXT NOT NULL, received INTEGER NOT NULL,
        key BLOB NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL);
    CREATE TABLE cursor(
        instance TEXT NOT NULL, lane TEXT NOT NULL, through INTEGER NOT NULL,
        PRIMARY KEY(instance, lane)) WITHOUT ROWID;
    CREATE TABLE digest(sequence INTEGER PRIMARY KEY, digest BLOB NOT NULL);
    CREATE TABLE generation(
        number INTEGER PRIMARY KEY, sealed_at INTEGER, filter BLOB, crc INTEGER);
    CREATE TABLE arrival_1(number INTEGER PRIMARY KEY, id BLOB NOT NULL);
    INSERT INTO generation(number) VALUES (1);
    CREATE TABLE probe(number INTEGER PRIMARY KEY, filler BLOB NOT NULL);
";

/// What may be published once it is released, and what was.
const RELEASED: &str = "
    CREATE TABLE IF NOT EXISTS release(
        sequence INTEGER PRIMARY KEY, released INTEGER NOT NULL, at INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS masked(
        sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL,
        key BLOB NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL);
";

/// How far retention by age has come.
const SWEPT: &str = "
    CREATE TABLE IF NOT EXISTS swept(
        age INTEGER PRIMARY KEY, sources INTEGER NOT NULL, through INTEGER NOT NULL,
        last INTEGER NOT NULL);
";

/// What was added to the tables since version 1: each statement may be run on what has it already.
const ADDED: &[&str] = &[SWEPT, RELEASED, replays::TABLE, holds::TABLE];

/// Opens a connection that may write: the writer's, and the checkpointer's.
pub(super) fn open_writing(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Settles how a connection writes. Of a database that has tables it must be known that it is
/// ours: this changes its journal.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Before the first table; on a database that has some, neither has an effect.
    connection.pragma_update(None, "page_size", bounds::JOURNAL_PAGE_BYTES)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain fsync does not reach the disk; no effect elsewhere.
    connection.pragma_update(None, "fullfsync", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", bounds::WAL_FILE_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -bounds::JOURNAL_CACHE_KIB)
}

/// Whether a commit waits for its fsync. Only for a connection that is in no transaction.
pub(super) fn await_fsync(connection: &Connection, wait: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", if wait { "FULL" } else { "NORMAL" })?;
    if wait && pragma(connection, "synchronous")? != SYNCHRONOUS_FULL {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    Ok(())
}

/// Opens a connection that only reads.
pub(super) fn open_reading(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

/// What holds for every connection. None checkpoints when it closes: after a failed fsync that
/// would copy what is not on disk into the database.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(bounds::JOURNAL_BUSY)?;
    connection.set_prepared_statement_cache_capacity(bounds::JOURNAL_STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Whether the database holds nothing yet.
pub(super) fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(objects == 0 && pragma(connection, "application_id")? == 0)
}

/// Whose journal it is, if it is one of hookgate's that this version can read.
pub(super) fn recognize(connection: &Connection) -> Result<String, Obstacle> {
    if pragma(connection, "application_id")? != APPLICATION {
        return Err(Obstacle::NotAJournal);
    }
    let found: i64 = meta(connection, "schema")?;
    if !(1..=VERSION).contains(&found) {
        return Err(Obstacle::Newer { found, known: VERSION });
    }
    Ok(meta(connection, "instance")?)
}

/// The same of a journal that must be this instance's.
pub(super) fn recognize_as(connection: &Connection, of: &InstanceName) -> Result<(), Obstacle> {
    let owner = recognize(connection)?;
    if owner == of.as_str() {
        return Ok(());
    }
    Err(Obstacle::OtherInstance { owner, configured: of.as_str().to_owned() })
}

/// Makes the tables, all or none of them.
pub(super) fn create(
    connection: &mut Connection,
    instance: &InstanceName,
    now: Timestamp,
    filter_seed: i64,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    ADDED.iter().try_for_each(|added| transaction.execute_batch(added))?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    let meta = |name: &str, value: &dyn rusqlite::ToSql| {
        transaction.execute("INSERT INTO meta(name, value) VALUES (?1, ?2)", params![name, value])
    };
    meta("schema", &VERSION)?;
    meta("instance", &instance.as_str())?;
    meta("created", &now.millis())?;
    meta("filter_seed", &filter_seed)?;
    meta("epoch", &rand::random::<[u8; 16]>())?;
    meta("head", &0_i64)?;
    meta("closed_at", &0_i64)?;
    transaction.commit()
}

/// Adds what an older version's journal lacks. One of this version is left alone.
pub(super) fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    if meta::<i64>(connection, "schema")? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ADDED.iter().try_for_each(|added| transaction.execute_batch(added))?;
    transaction.execute("UPDATE meta SET value = ?1 WHERE name = 'schema'", [VERSION])?;
    transaction.commit()
}

/// Refuses a journal that lacks the settings that its promises rest on, or could give a number
/// twice.
pub(super) fn check(connection: &Connection) -> Result<(), Obstacle> {
    for (setting, expected) in
        [("synchronous", SYNCHRONOUS_FULL), ("auto_vacuum", 2), ("secure_delete", 1)]
    {
        if pragma(connection, setting)? != expected {
            return Err(Obstacle::Setting(setting));
        }
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Obstacle::Setting("journal_mode"));
    }
    check_order(connection)
}

/// No row and no cursor lies beyond the head; if one does, numbers would be given twice.
fn check_order(connection: &Connection) -> Result<(), Obstacle> {
    let head: i64 = meta(connection, "head")?;
    let highest: i64 = connection.query_row(
        "SELECT max((SELECT ifnull(max(sequence), 0) FROM event),
                    (SELECT ifnull(max(through), 0) FROM cursor))",
        [],
        |row| row.get(0),
    )?;
    if head < highest {
        return Err(Obstacle::Damaged(Code::CORRUPT));
    }
    Ok(())
}

/// A number or text that the journal keeps about itself.
pub(super) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<T> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
}

/// Sets the highest sequence ever given.
pub(super) fn set_head(connection: &Connection, head: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'head'")?
        .execute([head.cast_signed()])?;
    Ok(())
}

/// Whether the journal was closed at this head and every row of it is accounted for. One that a
/// version without this note wrote was not, as far as is known.
pub(super) fn was_closed(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS(SELECT 1 FROM meta closed JOIN meta head ON closed.value = head.value
             WHERE closed.name = 'closed_at' AND head.name = 'head')",
        [],
        |row| row.get(0),
    )
}

/// Notes that the journal is closed at its head, if all of it is known to be `whole`. The next
/// event makes the note untrue.
pub(super) fn set_closed(connection: &Connection, whole: bool) -> rusqlite::Result<()> {
    if !whole {
        return Ok(());
    }
    connection.execute(
        "INSERT OR REPLACE INTO meta(name, value)
         SELECT 'closed_at', value FROM meta WHERE name = 'head'",
        [],
    )?;
    Ok(())
}

/// Whether content was erased that may still stand in the log.
pub(super) fn is_unscoured(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS(SELECT 1 FROM meta WHERE name = 'unscoured')", [], |row| {
        row.get(0)
    })
}

/// Notes that, or that it is gone from there.
pub(super) fn set_unscoured(connection: &Connection, is: bool) -> rusqlite::Result<()> {
    let statement = match is {
        true => "INSERT OR REPLACE INTO meta(name, value) VALUES ('unscoured', 1)",
        false => "DELETE FROM meta WHERE name = 'unscoured'",
    };
    connection.prepare_cached(statement)?.execute([]).map(|_| ())
}

pub(super) fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// The checksum of a row: whatever of it is read is covered.
pub(super) fn checksum(row: &Row<'_>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&row.sequence.to_le_bytes());
    crc.update(&row.id);
    crc.update(&row.source.to_le_bytes());
    crc.update(&row.received.to_le_bytes());
    for part in [row.kind.as_bytes(), row.key, row.value] {
        crc.update(&(part.len() as u64).to_le_bytes());
        crc.update(part);
    }
    crc.finalize()
}

/// A row of the table `event`.
pub(super) struct Row<'a> {
    pub(super) sequence: u64,
    pub(super) id: [u8; 16],
    pub(super) source: i64,
    pub(super) kind: &'a str,
    pub(super) received: i64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Row<'_> {
    /// Whether its content was erased. No event is without key and value.
    pub(super) fn is_tombstone(&self) -> bool {
        self.key.is_empty() && self.value.is_empty()
    }

    /// Writes it, with its checksum.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO event(sequence, id, source, kind, received, key, value, crc)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                self.sequence.cast_signed(),
                self.id,
                self.source,
                self.kind,
                self.received,
                self.key,
                self.value,
                checksum(self),
            ])?;
        Ok(())
    }
}
