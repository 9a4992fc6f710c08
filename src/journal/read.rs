//! Reading: connections of their own, read-only, and every row checked.
//!
//! A page is one short statement; no reader holds a view of the database longer, or the log could
//! not start again. A row that fails its checksum is named by its sequence and never handed out.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::fault::Code;
use super::schema::{self, Row};
use super::{ReadError, Stored};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind, SourceName};

/// At most [`bounds::JOURNAL_READERS`] connections, made when first needed.
pub(super) struct Readers {
    database: PathBuf,
    places: Mutex<Places>,
    freed: Condvar,
}

struct Places {
    idle: Vec<Connection>,
    free: usize,
}

impl Readers {
    /// Readers of this database.
    pub(super) fn of(database: PathBuf) -> Self {
        Self {
            database,
            places: Mutex::new(Places { idle: Vec::new(), free: bounds::JOURNAL_READERS }),
            freed: Condvar::new(),
        }
    }

    /// Reads with a connection that nobody else has meanwhile.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let mut place = self.place();
        if place.connection.is_none() {
            place.connection = Some(schema::open_reading(&self.database)?);
        }
        match &place.connection {
            Some(connection) => read(connection),
            None => Err(ReadError::Sqlite(Code::CORRUPT)),
        }
    }

    fn place(&self) -> Place<'_> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = self
            .freed
            .wait_while(places, |places| places.free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        places.free -= 1;
        Place { readers: self, connection: places.idle.pop() }
    }
}

/// A place among the readers; given back when dropped, whatever happened.
struct Place<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.readers.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.free += 1;
        places.idle.extend(self.connection.take());
        drop(places);
        self.readers.freed.notify_one();
    }
}

/// Rows that go out together: bounded, but always one if there is one.
#[derive(Debug, Default)]
pub(super) struct Page {
    rows: Vec<Stored>,
    bytes: usize,
}

impl Page {
    /// Whether one more row of this size belongs to it.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.rows.is_empty()
            || (self.rows.len() < bounds::JOURNAL_READ_EVENTS
                && self.bytes + bytes <= bounds::JOURNAL_READ_BYTES)
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Stored) {
        self.bytes += row.bytes();
        self.rows.push(row);
    }

    /// The rows.
    pub(super) fn into_rows(self) -> Vec<Stored> {
        self.rows
    }
}

/// A page of rows after a sequence. A damaged row ends the page; it is an error when it is the
/// first, so that what stands before it is not held up.
pub(super) fn after(connection: &Connection, sequence: u64) -> Result<Vec<Stored>, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT e.sequence, e.id, e.source, e.kind, e.received, e.key, e.value, e.crc, s.name
         FROM event e LEFT JOIN source s ON s.number = e.source
         WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2",
    )?;
    let limit = i64::try_from(bounds::JOURNAL_READ_EVENTS).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![sequence.cast_signed(), limit])?;
    let mut page = Page::default();
    loop {
        let stored = match rows.next() {
            Ok(None) => break,
            Ok(Some(row)) => decode(row),
            Err(error) => Err(error.into()),
        };
        match stored {
            Ok(stored) if page.fits(stored.bytes()) => page.push(stored),
            Err(error) if page.rows.is_empty() => return Err(error),
            Ok(_) | Err(_) => break,
        }
    }
    Ok(page.into_rows())
}

fn decode(row: &rusqlite::Row<'_>) -> Result<Stored, ReadError> {
    let sequence = row.get::<_, i64>(0)?.cast_unsigned();
    let damaged = ReadError::Damaged { sequence };
    let Some((fields, crc, name)) = fields(row, sequence) else {
        return Err(damaged);
    };
    if schema::checksum(&fields) != crc {
        return Err(damaged);
    }
    let kind = Kind::parse(fields.kind).ok_or(ReadError::UnknownKind { sequence })?;
    Ok(Stored {
        sequence,
        id: EventId(Digest128(fields.id)),
        source: SourceName::new(name),
        kind,
        received: Timestamp::from_millis(fields.received),
        key: Bytes::copy_from_slice(fields.key),
        value: Bytes::copy_from_slice(fields.value),
    })
}

/// The columns, if each is of its type.
fn fields<'r>(row: &'r rusqlite::Row<'_>, sequence: u64) -> Option<(Row<'r>, u32, &'r str)> {
    let blob = |column: usize| row.get_ref(column).ok()?.as_blob().ok();
    let text = |column: usize| row.get_ref(column).ok()?.as_str().ok();
    let fields = Row {
        sequence,
        id: row.get(1).ok()?,
        source: row.get(2).ok()?,
        kind: text(3)?,
        received: row.get(4).ok()?,
        key: blob(5)?,
        value: blob(6)?,
    };
    Some((fields, row.get(7).ok()?, text(8)?))
}
