//! Writing events into the search file.
//!
//! Postings of a few events are gathered in `recent` and go to their places in `term` together,
//! sorted: a page is then written once for many. A large batch goes there at once.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::Stored;
use super::super::schema;
use super::file;
use super::query::{ERASED, OVERSIZED};
use super::words::Words;
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Digest128, Family, Kind, QuarantineReason};

/// An event as it goes into the file: as much as the file keeps of it.
pub(super) struct Entry {
    sequence: u64,
    id: Digest128,
    class: Class,
    received: Timestamp,
    words: Words,
    erased: bool,
}

/// What few values share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Class {
    source: String,
    tenant: Option<String>,
    kind: Kind,
    reason: Option<QuarantineReason>,
}

impl Entry {
    /// Of an event of the journal.
    pub(super) fn of(event: &Stored) -> Self {
        let mut words = Words::of(event);
        let class = Class {
            source: event.source.as_str().to_owned(),
            tenant: words.tenant.take(),
            kind: event.kind,
            reason: words.reason,
        };
        let Stored { sequence, received, .. } = *event;
        Self { sequence, id: event.id.0, class, received, words, erased: false }
    }

    /// Of an event whose content is gone.
    pub(super) fn erased(event: &Stored) -> Self {
        Self { erased: true, ..Self::of(event) }
    }
}

/// What the one that writes keeps in memory of the file.
pub(super) struct Filler {
    salt: [u8; 16],
    classes: HashMap<Class, i64>,
    recent: usize,
}

/// One entry of the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Posting {
    segment: i64,
    hash: i64,
    class: i64,
    sequence: i64,
}

impl Filler {
    /// Of a file that was opened or made.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut classes = HashMap::new();
        let mut statement =
            connection.prepare("SELECT number, source, tenant, kind, reason FROM class")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kind = Kind::parse(row.get_ref(3)?.as_str()?);
            let class = Class {
                source: row.get(1)?,
                tenant: row.get(2)?,
                // Of a kind that this version does not know there is no event either.
                kind: kind.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
                reason: row.get_ref(4)?.as_str_or_null()?.and_then(QuarantineReason::parse),
            };
            classes.insert(class, row.get(0)?);
        }
        let recent: i64 =
            connection.query_row("SELECT count(*) FROM recent", [], |row| row.get(0))?;
        let salt = schema::meta(connection, "salt")?;
        Ok(Self { salt, classes, recent: usize::try_from(recent).unwrap_or_default() })
    }

    /// Adds events, and that everything through this sequence is known now. In the caller's
    /// transaction; if that fails, this must be loaded anew.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        entries: Vec<Entry>,
        through: u64,
    ) -> rusqlite::Result<()> {
        let directly = entries.len() >= bounds::SEARCH_RECENT_EVENTS / 2;
        let mut postings = Vec::new();
        let mut counts = HashMap::<i64, i64>::new();
        let mut stretches = BTreeMap::<u64, (i64, i64)>::new();
        let last = entries.last().map(|entry| (entry.sequence, entry.id));
        for entry in entries {
            let class = self.class(connection, &entry.class)?;
            if entry.erased {
                mark(connection, ERASED, entry.sequence.cast_signed())?;
            }
            let erased = entry.erased || is_marked(connection, ERASED, entry.sequence)?;
            if !erased {
                *counts.entry(class).or_default() += 1;
            }
            let received = entry.received.millis();
            let stretch = stretches.entry(entry.sequence >> bounds::SEARCH_STRETCH_BITS);
            let (earliest, latest) = stretch.or_insert((received, received));
            (*earliest, *latest) = (received.min(*earliest), received.max(*latest));
            insert(connection, &entry, class, erased)?;
            self.post(connection, &entry, class, erased, directly.then_some(&mut postings))?;
        }
        place(connection, &mut postings)?;
        if self.recent >= bounds::SEARCH_RECENT_EVENTS {
            self.settle(connection)?;
        }
        for (class, count) in counts {
            connection
                .prepare_cached("UPDATE class SET events = events + ?2 WHERE number = ?1")?
                .execute([class, count])?;
        }
        for (number, (earliest, latest)) in stretches {
            connection
                .prepare_cached(
                    "INSERT INTO stretch(number, earliest, latest) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET earliest = min(earliest, excluded.earliest),
                         latest = max(latest, excluded.latest)",
                )?
                .execute([number.cast_signed(), earliest, latest])?;
        }
        file::set(connection, "through", &through.cast_signed())?;
        let last = last.filter(|(sequence, _)| *sequence == through).map(|(_, id)| id.0);
        file::set(connection, "last", &last)
    }

    fn class(&mut self, connection: &Connection, class: &Class) -> rusqlite::Result<i64> {
        if let Some(number) = self.classes.get(class) {
            return Ok(*number);
        }
        connection
            .prepare_cached(
                "INSERT INTO class(source, tenant, kind, reason) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                class.source,
                class.tenant,
                class.kind.as_str(),
                class.reason.map(QuarantineReason::as_str)
            ])?;
        let number = connection.last_insert_rowid();
        self.classes.insert(class.clone(), number);
        Ok(number)
    }

    /// An event's terms: of what is erased the id alone.
    fn post(
        &mut self,
        connection: &Connection,
        entry: &Entry,
        class: i64,
        erased: bool,
        directly: Option<&mut Vec<Posting>>,
    ) -> rusqlite::Result<()> {
        let id = super::Term::Id(crate::event::EventId(entry.id));
        let hash = |term: &super::Term| term.hash(&self.salt);
        let hashes: Vec<i64> = match erased {
            true => vec![hash(&id)],
            false => entry.words.terms.iter().map(hash).collect(),
        };
        if let Some(postings) = directly {
            let post = |hash| Posting::new(hash, class, entry.sequence.cast_signed());
            postings.extend(hashes.into_iter().map(post));
            return Ok(());
        }
        let hashes: Vec<u8> = hashes.into_iter().flat_map(i64::to_le_bytes).collect();
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO recent(sequence, class, hashes) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![entry.sequence.cast_signed(), class, hashes])?;
        self.recent += 1;
        Ok(())
    }

    /// Puts what was gathered into its places; of how many events.
    pub(super) fn settle(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        let mut postings = Vec::new();
        let mut statement =
            connection.prepare_cached("SELECT sequence, class, hashes FROM recent")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (sequence, class) = (row.get(0)?, row.get(1)?);
            let found = hashes(row.get_ref(2)?.as_blob()?);
            postings.extend(found.map(|hash| Posting::new(hash, class, sequence)));
        }
        drop(rows);
        place(connection, &mut postings)?;
        connection.execute("DELETE FROM recent", [])?;
        Ok(std::mem::take(&mut self.recent))
    }
}

impl Posting {
    fn new(hash: i64, class: i64, sequence: i64) -> Self {
        Self { segment: sequence >> bounds::SEARCH_SEGMENT_BITS, hash, class, sequence }
    }
}

/// The hashes of one event among those that were gathered.
pub(super) fn hashes(blob: &[u8]) -> impl Iterator<Item = i64> {
    blob.as_chunks().0.iter().map(|eight| i64::from_le_bytes(*eight))
}

fn place(connection: &Connection, postings: &mut [Posting]) -> rusqlite::Result<()> {
    postings.sort_unstable();
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO term(segment, hash, class, sequence) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for Posting { segment, hash, class, sequence } in postings {
        statement.execute([*segment, *hash, *class, *sequence])?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    entry: &Entry,
    class: i64,
    erased: bool,
) -> rusqlite::Result<()> {
    let received = entry.received.millis();
    let later = entry.words.time.map(|time| time.millis().saturating_sub(received));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO row(sequence, id, class, received, later, room)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            entry.sequence.cast_signed(),
            entry.id.0,
            class,
            received,
            later.filter(|_| !erased),
            entry.words.room.as_ref().filter(|_| !erased),
        ])?;
    Ok(())
}

/// Notes that an event stands on Kafka.
pub(super) fn receipt(
    connection: &Connection,
    sequence: u64,
    family: Family,
    partition: i32,
    offset: i64,
) -> rusqlite::Result<()> {
    let sequence = sequence.cast_signed();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO receipt(sequence, family, partition, place)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![sequence, family as i64, partition, offset])?;
    if family != Family::Quarantine {
        return Ok(());
    }
    // In quarantine by our own judgement, or because Kafka found it too large?
    let kind: Option<String> = connection
        .prepare_cached(
            "SELECT c.kind FROM row r JOIN class c ON c.number = r.class WHERE r.sequence = ?1",
        )?
        .query_row([sequence], |row| row.get(0))
        .optional()?;
    if kind.is_none_or(|kind| kind == Kind::Quarantined.as_str()) {
        return Ok(());
    }
    mark(connection, OVERSIZED, sequence)
}

/// Marks an event.
pub(super) fn mark(connection: &Connection, what: i64, sequence: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO mark(what, sequence) VALUES (?1, ?2)")?
        .execute([what, sequence])
        .map(|_| ())
}

/// Whether an event is marked.
pub(super) fn is_marked(
    connection: &Connection,
    what: i64,
    sequence: u64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM mark WHERE what = ?1 AND sequence = ?2")?
        .exists([what, sequence.cast_signed()])
}
