//! Events without their content, for who counts: many at a time, and nothing of a value is read.
//!
//! A head is not covered by its row's checksum: it serves to count and to look, never to publish.

use rusqlite::{Connection, Row, params};

use super::{Journal, ReadError};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind, SourceName};

/// An event without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place in the journal's order.
    pub sequence: u64,
    /// The event's only name.
    pub id: EventId,
    /// The source it came from.
    pub source: SourceName,
    /// What happened.
    pub kind: Kind,
    /// When the delivery came.
    pub received: Timestamp,
    /// Whether its content is there, and was not erased.
    pub is_there: bool,
}

impl Journal {
    /// Heads after a sequence and up to another, in order, of at most [`bounds::JOURNAL_HEADS`]
    /// rows, and the last sequence that was looked at. Rows that cannot be understood are not among
    /// them. Blocks.
    pub fn heads_after(&self, sequence: u64, through: u64) -> Result<(Vec<Head>, u64), ReadError> {
        self.inner.readers.with(|connection| Ok(after(connection, sequence, through)?))
    }
}

fn after(
    connection: &Connection,
    sequence: u64,
    through: u64,
) -> rusqlite::Result<(Vec<Head>, u64)> {
    let mut statement = connection.prepare_cached(
        "SELECT e.sequence, e.id, s.name, e.kind, e.received, length(e.value)
         FROM event e LEFT JOIN source s ON s.number = e.source
         WHERE e.sequence > ?1 AND e.sequence <= ?2 ORDER BY e.sequence LIMIT ?3",
    )?;
    let mut rows = statement.query(params![
        sequence.cast_signed(),
        through.cast_signed(),
        bounds::JOURNAL_HEADS
    ])?;
    let (mut heads, mut last, mut count) = (Vec::new(), sequence, 0);
    while let Some(row) = rows.next()? {
        last = row.get::<_, i64>(0)?.cast_unsigned();
        count += 1;
        heads.extend(decode(row));
    }
    Ok((heads, if count < bounds::JOURNAL_HEADS { through } else { last }))
}

fn decode(row: &Row<'_>) -> Option<Head> {
    Some(Head {
        sequence: row.get::<_, i64>(0).ok()?.cast_unsigned(),
        id: EventId(Digest128(row.get(1).ok()?)),
        source: SourceName::new(row.get_ref(2).ok()?.as_str().ok()?),
        kind: Kind::parse(row.get_ref(3).ok()?.as_str().ok()?)?,
        received: Timestamp::from_millis(row.get(4).ok()?),
        is_there: row.get::<_, i64>(5).ok()? > 0,
    })
}
