//! Reading: connections of their own, read-only, and every row checked.
//!
//! A page is one short statement; no reader holds a view of the database longer, or the log could
//! not start again. A row that fails its checksum, or lies on a page that cannot be read, is named
//! by its sequence, never handed out, and holds up none behind it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::fault::Code;
use super::schema::{self, Row};
use super::{ReadError, Stored};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind, SourceName};

/// A few connections, made when first needed.
pub(super) struct Readers {
    database: PathBuf,
    places: Mutex<Places>,
    freed: Condvar,
    patience: Duration,
}

struct Places {
    idle: Vec<Connection>,
    free: usize,
}

impl Readers {
    /// So many readers of this database; who finds no place among them waits for so long.
    pub(super) fn of(database: PathBuf, count: usize, patience: Duration) -> Self {
        let places = Mutex::new(Places { idle: Vec::new(), free: count });
        Self { database, places, freed: Condvar::new(), patience }
    }

    /// Reads with a connection that nobody else has meanwhile.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let mut place = self.place()?;
        if place.connection.is_none() {
            place.connection = Some(schema::open_reading(&self.database)?);
        }
        match &mut place.connection {
            Some(connection) => read(connection),
            None => Err(ReadError::Sqlite(Code::CORRUPT)),
        }
    }

    fn place(&self) -> Result<Place<'_>, ReadError> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let none = |places: &mut Places| places.free == 0;
        let (mut places, waited) = self
            .freed
            .wait_timeout_while(places, self.patience, none)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(ReadError::Busy);
        }
        places.free -= 1;
        Ok(Place { readers: self, connection: places.idle.pop() })
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

/// What one reading found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whole rows, in order.
    pub(super) rows: Vec<Stored>,
    /// Rows among and before them that are lost.
    pub(super) damaged: Vec<Damaged>,
    /// Rows among and before them whose content was erased.
    pub(super) erased: Vec<Damaged>,
}

/// A stretch of the journal, as who looks for something sees it.
#[derive(Debug, Default)]
pub struct Slice {
    /// Its whole rows, in order.
    pub rows: Vec<Stored>,
    /// Rows that are damaged, or were written by a newer version.
    pub illegible: u64,
    /// The stretch ends with this sequence.
    pub through: u64,
}

/// Rows in a row that are not what was written, of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Where they came from, as far as the rest of them tells.
    pub(super) source: Option<SourceName>,
}

impl Damaged {
    /// How many events they were.
    pub(super) fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    pub(super) fn row(sequence: u64, source: Option<SourceName>) -> Self {
        Self { first: sequence, last: sequence, source }
    }

    /// Adds them to those met before: a hole of any length takes little memory. Of too many pieces
    /// the sources are not told any more.
    pub(super) fn note(mut self, met: &mut Vec<Self>) {
        if met.len() >= bounds::JOURNAL_DAMAGED_KEPT {
            self.source = None;
        }
        match met.last_mut() {
            Some(last) if last.last + 1 == self.first && last.source == self.source => {
                last.last = self.last;
            }
            _ => met.push(self),
        }
    }
}

/// When the first row was received: one step down the tree of sequences.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement =
        connection.prepare_cached("SELECT received FROM event ORDER BY sequence LIMIT 1")?;
    let first = statement.query_map([], |row| row.get(0).map(Timestamp::from_millis))?.next();
    first.transpose()
}

/// One row, as it is met.
pub(super) enum Met {
    Whole(Stored),
    /// A tombstone: key and value were erased, the rest stands.
    Erased(Stored),
    Damaged(Damaged),
    /// Whole, but of a kind that this version does not know.
    Newer(u64),
}

/// A page of whole rows after a sequence, and the damaged ones up to its end. A row of a newer
/// version ends the page; it is an error when it is the first, and so is damage in more than
/// [`bounds::JOURNAL_DAMAGED_RUN`] rows in a row behind which no whole one comes up to the head.
pub(super) fn after(connection: &Connection, sequence: u64, head: u64) -> Result<Found, ReadError> {
    let mut page = Page::default();
    let (mut damaged, mut erased) = (Vec::new(), Vec::new());
    let mut why = None;
    let mut run = 0;
    let ended = scan(connection, sequence, head, |met| match met {
        Met::Whole(stored) if page.fits(stored.bytes()) => {
            page.push(stored);
            run = 0;
            ControlFlow::Continue(())
        }
        Met::Whole(_) => {
            run = 0;
            ControlFlow::Break(())
        }
        Met::Erased(stored) => {
            Damaged::row(stored.sequence, Some(stored.source)).note(&mut erased);
            run = 0;
            ControlFlow::Continue(())
        }
        Met::Damaged(row) => {
            row.note(&mut damaged);
            run += 1;
            // A long hole is the next page's: what is in hand need not wait for its end.
            let later = run > bounds::JOURNAL_DAMAGED_RUN && !page.rows.is_empty();
            if later { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        Met::Newer(sequence) => {
            run = 0;
            why = Some(ReadError::UnknownKind { sequence });
            ControlFlow::Break(())
        }
    });
    let long = run > bounds::JOURNAL_DAMAGED_RUN;
    let rows = page.into_rows();
    match ended.err().or(why).or(long.then_some(ReadError::Sqlite(Code::CORRUPT))) {
        Some(error) if rows.is_empty() => Err(error),
        Some(_) => {
            let last = rows.last().map_or(0, |row| row.sequence);
            damaged.retain(|row| row.last < last);
            Ok(Found { rows, damaged, erased })
        }
        None => Ok(Found { rows, damaged, erased }),
    }
}

/// Whole rows after a sequence and up to another, for who looks for something: at most a page.
pub(super) fn slice(
    connection: &Connection,
    sequence: u64,
    through: u64,
) -> Result<Slice, ReadError> {
    let mut page = Page::default();
    let mut slice = Slice { through, ..Slice::default() };
    let mut last = sequence;
    scan(connection, sequence, through, |met| {
        let seen = match met {
            Met::Whole(stored) if page.fits(stored.bytes()) => {
                let sequence = stored.sequence;
                page.push(stored);
                sequence
            }
            Met::Whole(_) => {
                slice.through = last;
                return ControlFlow::Break(());
            }
            Met::Erased(stored) => stored.sequence,
            Met::Damaged(row) => {
                slice.illegible += row.count();
                row.last
            }
            Met::Newer(sequence) => {
                slice.illegible += 1;
                sequence
            }
        };
        last = seen;
        ControlFlow::Continue(())
    })?;
    slice.rows = page.into_rows();
    Ok(slice)
}

/// Meets every row after a sequence, in order, until the visitor has enough or the head is reached.
/// Rows on a page that SQLite cannot read are asked for one by one, through holes of any length:
/// steps that grow would pass over whole rows between two holes.
pub(super) fn scan(
    connection: &Connection,
    after: u64,
    head: u64,
    mut visit: impl FnMut(Met) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut last = after;
    let mut in_hole = false;
    while last < head {
        if !in_hole {
            match walk(connection, &mut last, head, &mut visit) {
                Ok(_) => return Ok(()),
                Err(ReadError::Sqlite(code)) if code.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        last += 1;
        let met = match single(connection, last) {
            Ok(met) => {
                in_hole = false;
                met
            }
            Err(ReadError::Sqlite(code)) if code.is_damage() => {
                in_hole = true;
                Some(Met::Damaged(Damaged::row(last, None)))
            }
            Err(error) => return Err(error),
        };
        if met.is_some_and(|met| visit(met).is_break()) {
            return Ok(());
        }
    }
    Ok(())
}

const COLUMNS: &str = "
    SELECT e.sequence, e.id, e.source, e.kind, e.received, e.key, e.value, e.crc, s.name
    FROM event e LEFT JOIN source s ON s.number = e.source";

/// Row after row, as far as SQLite can read.
fn walk(
    connection: &Connection,
    last: &mut u64,
    head: u64,
    visit: &mut impl FnMut(Met) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ReadError> {
    let sql = format!("{COLUMNS} WHERE e.sequence > ?1 AND e.sequence <= ?2 ORDER BY e.sequence");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![last.cast_signed(), head.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let met = decode(row)?;
        *last = row.get::<_, i64>(0)?.cast_unsigned().max(*last);
        if visit(met).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// One row, if it is there.
pub(super) fn single(connection: &Connection, sequence: u64) -> Result<Option<Met>, ReadError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE e.sequence = ?1"))?;
    let mut rows = statement.query([sequence.cast_signed()])?;
    rows.next()?.map(decode).transpose()
}

/// One row and its source's name, if it is there, whole and not erased.
pub(super) fn row<T>(
    connection: &Connection,
    sequence: u64,
    read: impl FnOnce(&Row<'_>, &str) -> T,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE e.sequence = ?1"))?;
    let mut rows = statement.query([sequence.cast_signed()])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let whole = fields(found, sequence)
        .filter(|(row, crc, _)| schema::checksum(row) == *crc && !row.is_tombstone());
    Ok(whole.map(|(row, _, source)| read(&row, source)))
}

fn decode(row: &rusqlite::Row<'_>) -> Result<Met, ReadError> {
    let sequence = row.get::<_, i64>(0)?.cast_unsigned();
    let source = row.get_ref(8)?.as_str().ok().map(SourceName::new);
    let damaged = Damaged::row(sequence, source);
    let Some((fields, crc, name)) = fields(row, sequence) else {
        return Ok(Met::Damaged(damaged));
    };
    if schema::checksum(&fields) != crc {
        return Ok(Met::Damaged(damaged));
    }
    let Some(kind) = Kind::parse(fields.kind) else {
        return Ok(Met::Newer(sequence));
    };
    let is_tombstone = fields.is_tombstone();
    let stored = Stored {
        sequence,
        id: EventId(Digest128(fields.id)),
        source: SourceName::new(name),
        kind,
        received: Timestamp::from_millis(fields.received),
        key: Bytes::copy_from_slice(fields.key),
        value: Bytes::copy_from_slice(fields.value),
    };
    Ok(if is_tombstone { Met::Erased(stored) } else { Met::Whole(stored) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_place_to_read_is_told_so_in_the_end() {
        let readers = Readers::of(PathBuf::from("none"), 3, Duration::from_millis(1));
        let held: Vec<_> = (0..3).map(|_| readers.place().unwrap()).collect();
        assert_eq!(readers.with(|_| Ok(())), Err(ReadError::Busy));
        drop(held);
        assert!(readers.place().is_ok());
    }
}
