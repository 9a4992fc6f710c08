//! The ledger: totals per source that account for every event ever taken.
//!
//! accepted + quarantined = published + pending + held + erased_unpublished. Each change rides in
//! the transaction of the rows or cursors it speaks of, so the sum cannot be caught half-done;
//! retention removes rows, never totals. Beside it stand totals of the same form, under names that
//! no source can have: of our own events, which tell what was forgotten, and of those that were
//! released from quarantine. A caller that publishes what was never taken makes the sum wrong and
//! thereby visible: nothing is clamped on the way to the disk.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::LedgerRow;
use crate::clock::Timestamp;
use crate::event::{Kind, SourceName};

/// What one group commit adds to the totals.
#[derive(Debug, Default)]
pub(super) struct Credits(HashMap<SourceName, Credit>);

#[derive(Debug)]
struct Credit {
    source: i64,
    accepted: i64,
    quarantined: i64,
    held: i64,
    last_received: i64,
}

impl Credits {
    /// Counts one fresh event; gives its source's number in this journal.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        source: &SourceName,
        kind: Kind,
        received: Timestamp,
        is_held: bool,
    ) -> rusqlite::Result<i64> {
        if !self.0.contains_key(source) {
            let credit = Credit {
                source: number(connection, source)?,
                accepted: 0,
                quarantined: 0,
                held: 0,
                last_received: i64::MIN,
            };
            self.0.insert(source.clone(), credit);
        }
        let Some(credit) = self.0.get_mut(source) else {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        };
        if kind == Kind::Quarantined {
            credit.quarantined += 1;
        } else {
            credit.accepted += 1;
        }
        credit.held += i64::from(is_held);
        credit.last_received = credit.last_received.max(received.millis());
        Ok(credit.source)
    }

    /// Writes the totals: one update a source.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "UPDATE source SET accepted = accepted + ?2, quarantined = quarantined + ?3,
                 pending = pending + ?2 + ?3 - ?5, held = held + ?5,
                 last_received = max(ifnull(last_received, ?4), ?4)
             WHERE number = ?1",
        )?;
        for credit in self.0.values() {
            statement.execute(params![
                credit.source,
                credit.accepted,
                credit.quarantined,
                credit.last_received,
                credit.held
            ])?;
        }
        Ok(())
    }
}

/// A source's number, given with its first event.
fn number(connection: &Connection, source: &SourceName) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO source(name) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([source.as_str()])?;
    connection
        .prepare_cached("SELECT number FROM source WHERE name = ?1")?
        .query_row([source.as_str()], |row| row.get(0))
}

/// Moves events from pending to published.
pub(super) fn publish(
    connection: &Connection,
    counts: &HashMap<SourceName, u64>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO source(name, published, pending) VALUES (?1, ?2, -?2)
         ON CONFLICT(name) DO UPDATE SET published = published + ?2, pending = pending - ?2",
    )?;
    for (source, count) in counts {
        statement.execute(params![source.as_str(), count.cast_signed()])?;
    }
    Ok(())
}

/// Moves events that were lost to damage from pending to erased.
pub(super) fn lose(
    connection: &Connection,
    counts: &HashMap<SourceName, u64>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE source SET erased_unpublished = erased_unpublished + ?2, pending = pending - ?2
         WHERE name = ?1",
    )?;
    for (source, count) in counts {
        statement.execute(params![source.as_str(), count.cast_signed()])?;
    }
    Ok(())
}

/// Moves held events to published.
pub(super) fn release(
    connection: &Connection,
    counts: &HashMap<SourceName, u64>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE source SET published = published + ?2, held = held - ?2 WHERE name = ?1",
    )?;
    for (source, count) in counts {
        statement.execute(params![source.as_str(), count.cast_signed()])?;
    }
    Ok(())
}

/// Moves held events that were lost or erased from held to erased.
pub(super) fn lose_held(
    connection: &Connection,
    counts: &HashMap<SourceName, u64>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE source SET erased_unpublished = erased_unpublished + ?2, held = held - ?2
         WHERE name = ?1",
    )?;
    for (source, count) in counts {
        statement.execute(params![source.as_str(), count.cast_signed()])?;
    }
    Ok(())
}

/// Moves what came after a sequence from pending to held.
pub(super) fn hold_after(
    connection: &Connection,
    source: &SourceName,
    sequence: u64,
) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE source SET held = held + moved, pending = pending - moved
         FROM (SELECT count(*) AS moved FROM event
               WHERE sequence > ?2 AND source = (SELECT number FROM source WHERE name = ?1))
         WHERE name = ?1",
        params![source.as_str(), sequence.cast_signed()],
    )?;
    Ok(())
}

/// All totals, in one read transaction, in the order of their names. What stands beside the ledger
/// is not among them.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<LedgerRow>> {
    totals(connection, "name NOT LIKE '/%'")
}

/// The totals of events that were released from quarantine, in the order of their sources.
pub(super) fn released(connection: &Connection) -> rusqlite::Result<Vec<LedgerRow>> {
    let mut rows = totals(connection, "name LIKE '/released/%'")?;
    for row in &mut rows {
        row.source = SourceName::new(row.source.origin());
    }
    Ok(rows)
}

/// The totals of our own events; `None` before the first.
pub(super) fn of_ours(connection: &Connection) -> rusqlite::Result<Option<LedgerRow>> {
    let ours = format!("name = '{}'", SourceName::OURS);
    Ok(totals(connection, &ours)?.pop())
}

fn totals(connection: &Connection, which: &str) -> rusqlite::Result<Vec<LedgerRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT name, accepted, quarantined, published, pending, held, erased_unpublished,
             last_received
         FROM source WHERE {which} ORDER BY name"
    ))?;
    let rows = statement.query_map([], |row| {
        let total = |column: usize| {
            // Below zero only by a defect of a caller; the sum then shows it.
            row.get::<_, i64>(column).map(|total| u64::try_from(total).unwrap_or(0))
        };
        Ok(LedgerRow {
            source: SourceName::new(row.get_ref(0)?.as_str()?),
            accepted: total(1)?,
            quarantined: total(2)?,
            published: total(3)?,
            pending: total(4)?,
            held: total(5)?,
            erased_unpublished: total(6)?,
            last_received: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
        })
    })?;
    rows.collect()
}
