//! The file that is searched: its tables, and whether a file that is there is the right one.
//!
//! Everything in it can be made again from the journal (but for receipts and repeated deliveries,
//! which are then unknown), so its commits do not wait for their fsync, and a file that is missing,
//! damaged, of another version or of another journal is thrown away and begun anew. Deleted content
//! is overwritten, as in the journal.
//!
//! How it stays small and quick at ten million events: what few values share (source, tenant, kind,
//! reason of quarantine) is one number, a *class*, with an index whose ends alone grow. What many
//! values have (rooms, persons, sessions, ids) stands as keyed hashes of eight bytes in `term`,
//! parted into *segments* of sequences: an event's terms go among those of its own segment, so that
//! adding one costs the same in a large file as in a small one, and a question looks into each
//! segment once. Moments are not indexed: of each *stretch* of sequences the earliest and the
//! latest are known.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::super::fault::Code;
use super::super::{disk, schema};
use crate::bounds;
use crate::event::Digest128;

/// The version of these tables. A file of another one is begun anew. Not raised for the pseudonym
/// before (`previous_ref`): no event carried one as long as it was not looked for here.
const VERSION: i64 = 1;

/// Marks the file as ours, in SQLite's header: `hgsr`.
const APPLICATION: i64 = 0x6867_7372;

const TABLES: &str = "
    CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE class(
        number INTEGER PRIMARY KEY, source TEXT NOT NULL, tenant TEXT, kind TEXT NOT NULL,
        reason TEXT, events INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE row(
        sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, class INTEGER NOT NULL,
        received INTEGER NOT NULL, later INTEGER, room TEXT);
    CREATE INDEX by_class ON row(class);
    CREATE TABLE term(
        segment INTEGER NOT NULL, hash INTEGER NOT NULL, class INTEGER NOT NULL,
        sequence INTEGER NOT NULL, PRIMARY KEY(segment, hash, class, sequence)) WITHOUT ROWID;
    CREATE TABLE recent(
        sequence INTEGER PRIMARY KEY, class INTEGER NOT NULL, hashes BLOB NOT NULL);
    CREATE TABLE stretch(
        number INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL);
    CREATE TABLE mark(
        what INTEGER NOT NULL, sequence INTEGER NOT NULL,
        PRIMARY KEY(what, sequence)) WITHOUT ROWID;
    CREATE TABLE receipt(
        sequence INTEGER PRIMARY KEY, family INTEGER NOT NULL, partition INTEGER NOT NULL,
        place INTEGER NOT NULL);
    CREATE TABLE again(sequence INTEGER PRIMARY KEY, times INTEGER NOT NULL);
";

/// Of which journal a file is, and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The journal's epoch.
    pub(super) epoch: Digest128,
    /// The highest sequence that it knows.
    pub(super) through: u64,
    /// The id of that event.
    pub(super) last: Option<Digest128>,
    /// Whether it was closed: nothing that was noted was lost.
    pub(super) closed: bool,
}

/// Where it lies.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("search.db")
}

/// Opens the file that is there; `None` if there is none of ours and of this version.
pub(super) fn open(path: &Path) -> rusqlite::Result<Option<(Connection, Origin)>> {
    if !path.is_file() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let ours = schema::pragma(&connection, "application_id")? == APPLICATION
        && schema::meta::<i64>(&connection, "version")? == VERSION;
    if !ours {
        return Ok(None);
    }
    configure(&connection)?;
    let number = |name| schema::meta::<i64>(&connection, name).map(i64::cast_unsigned);
    let origin = Origin {
        epoch: Digest128(schema::meta(&connection, "epoch")?),
        through: number("through")?,
        last: schema::meta::<Option<[u8; 16]>>(&connection, "last").ok().flatten().map(Digest128),
        closed: number("closed")? == 1,
    };
    Ok(Some((connection, origin)))
}

/// Makes an empty one, in the place of whatever is there. Repeated deliveries are known of events
/// behind `counted_after`.
pub(super) fn make(
    path: &Path,
    epoch: Digest128,
    counted_after: u64,
) -> Result<Connection, Trouble> {
    remove(path).map_err(Trouble::File)?;
    drop(disk::make_file(path).map_err(Trouble::File)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    let meta = |name: &str, value: &dyn rusqlite::ToSql| set(&transaction, name, value);
    meta("version", &VERSION)?;
    meta("epoch", &epoch.0)?;
    meta("salt", &rand::random::<[u8; 16]>())?;
    meta("through", &0_i64)?;
    meta("counted_after", &counted_after.cast_signed())?;
    meta("closed", &0_i64)?;
    transaction.commit()?;
    Ok(connection)
}

/// Sets what the file knows about itself.
pub(super) fn set(
    connection: &Connection,
    name: &str,
    value: &dyn rusqlite::ToSql,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)")?
        .execute(rusqlite::params![name, value])
        .map(|_| ())
}

/// Why the file cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The folder does not let us.
    #[error("{0}")]
    File(io::Error),
    /// SQLite does not.
    #[error("{0}")]
    Sqlite(Code),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Code::of(&error))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match std::fs::remove_file(PathBuf::from(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(bounds::JOURNAL_BUSY)?;
    connection.set_prepared_statement_cache_capacity(bounds::JOURNAL_STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Before the first table; without effect on a file that has some.
    connection.pragma_update(None, "page_size", bounds::JOURNAL_PAGE_BYTES)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut costs the newest commits, which come again from the journal.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", bounds::SEARCH_LOG_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", bounds::WAL_FILE_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -bounds::SEARCH_CACHE_KIB)
}
