//! Which sources are on hold, and from which sequence to which.
//!
//! The configuration's mode is the wish; what stands here is the state, on disk, so that a restart
//! in the midst of anything does the right thing with whatever mode it finds.
//!
//! - Held since S: events of the source after S are not live traffic's. Live traffic publishes what
//!   it had of it up to S, and passes over the rest.
//! - On its way out, the source has a lane of its own from S on. New events are still held.
//! - Almost out, it is held until T, the head at that moment: what comes after T is live traffic's
//!   again, which waits at the first such event until the lane has come to T, so that order holds.
//!   Should that take long, T is taken back, and live traffic goes on.
//!
//! Each change is one transaction of the writer, between two batches: of every event that is
//! appended it is certain on which side it stands, and the ledger counts it there at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tokio::sync::watch;

use super::replays::Change as Noted;
use super::{AppendError, Journal, Lane, ledger, schema};
use crate::event::{InstanceName, SourceName};

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS hold(
        source TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER) WITHOUT ROWID;
";

/// One source on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Events after this sequence are held.
    pub since: u64,
    /// Up to this one, where that is settled.
    pub until: Option<u64>,
}

/// All sources on hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds(BTreeMap<SourceName, Hold>);

/// A change of them.
pub(super) enum Change {
    /// These are on hold, also those that were almost out.
    Hold(Vec<SourceName>),
    /// What comes from now on is live traffic's again.
    Settle(SourceName),
    /// It is out.
    Release(SourceName),
}

impl Holds {
    /// Whether this event is not live traffic's to publish.
    pub fn keep(&self, source: &SourceName, sequence: u64) -> bool {
        // Most gateways have none on hold, always.
        !self.0.is_empty()
            && self.0.get(source).is_some_and(|hold| {
                sequence > hold.since && hold.until.is_none_or(|until| sequence <= until)
            })
    }

    /// Whether live traffic must wait at this event, until those held before it are out.
    pub fn bar(&self, source: &SourceName, sequence: u64) -> bool {
        !self.0.is_empty()
            && self
                .0
                .get(source)
                .is_some_and(|hold| hold.until.is_some_and(|until| sequence > until))
    }

    /// The hold of a source, if it is on hold.
    pub fn of(&self, source: &SourceName) -> Option<Hold> {
        self.0.get(source).copied()
    }

    /// Each, by name.
    pub fn each(&self) -> impl Iterator<Item = (&SourceName, Hold)> {
        self.0.iter().map(|(source, hold)| (source, *hold))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hold {
    /// The lane of its events.
    pub fn lane(&self, source: &SourceName) -> Lane {
        Lane::Source { source: source.clone(), since: self.since }
    }
}

impl Journal {
    /// The sources on hold, as they change.
    pub fn holds(&self) -> watch::Receiver<Arc<Holds>> {
        self.inner.shared.holds.subscribe()
    }

    /// Whether an event is held: not live traffic's to publish.
    pub fn is_held(&self, source: &SourceName, sequence: u64) -> bool {
        self.inner.shared.holds.borrow().keep(source, sequence)
    }

    /// Puts sources on hold: what is appended from now on is kept and not published. Of one that is
    /// on hold already, a settled end is taken back. All of them, or none.
    pub async fn hold(&self, sources: Vec<SourceName>) -> Result<(), AppendError> {
        self.note(Noted::Hold(Change::Hold(sources))).await
    }

    /// What is appended from now on is live traffic's again, which waits for what is held.
    pub async fn settle(&self, source: &SourceName) -> Result<(), AppendError> {
        self.note(Noted::Hold(Change::Settle(source.clone()))).await
    }

    /// Ends a hold that is settled, once both its lane and live traffic have come to its end.
    pub async fn lift(&self, source: &SourceName) -> Result<(), AppendError> {
        self.note(Noted::Hold(Change::Release(source.clone()))).await
    }
}

impl Change {
    /// Writes it, within the caller's transaction.
    pub(super) fn write(&self, connection: &Connection, of: &InstanceName) -> rusqlite::Result<()> {
        let holds = load(connection)?;
        let head = schema::meta::<i64>(connection, "head")?;
        match self {
            Self::Hold(sources) => {
                for source in sources {
                    begin(connection, of, source, holds.of(source), head)?;
                }
            }
            Self::Settle(source) => {
                let sql = "UPDATE hold SET until = ?2 WHERE source = ?1 AND until IS NULL";
                connection.execute(sql, params![source.as_str(), head])?;
            }
            Self::Release(source) => {
                let Some(hold) = holds.of(source).filter(|hold| hold.until.is_some()) else {
                    return Ok(());
                };
                let sql = "DELETE FROM hold WHERE source = ?1";
                connection.execute(sql, [source.as_str()])?;
                let sql = "DELETE FROM cursor WHERE instance = ?1 AND lane = ?2";
                connection.execute(sql, params![of.as_str(), hold.lane(source).name()])?;
            }
        }
        Ok(())
    }
}

fn begin(
    connection: &Connection,
    of: &InstanceName,
    source: &SourceName,
    hold: Option<Hold>,
    head: i64,
) -> rusqlite::Result<()> {
    let Some(hold) = hold else {
        let sql = "INSERT INTO hold(source, since) VALUES (?1, ?2)";
        connection.execute(sql, params![source.as_str(), head])?;
        let lane = Hold { since: head.cast_unsigned(), until: None }.lane(source);
        let sql = "INSERT OR REPLACE INTO cursor(instance, lane, through) VALUES (?1, ?2, ?3)";
        connection.execute(sql, params![of.as_str(), lane.name(), head])?;
        return Ok(());
    };
    if let Some(until) = hold.until {
        ledger::hold_after(connection, source, until)?;
        let sql = "UPDATE hold SET until = NULL WHERE source = ?1";
        connection.execute(sql, [source.as_str()])?;
    }
    Ok(())
}

/// Those on disk.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Holds> {
    let mut statement = connection.prepare_cached("SELECT source, since, until FROM hold")?;
    let rows = statement.query_map([], |row| {
        let since = row.get::<_, i64>(1)?.cast_unsigned();
        let until = row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
        Ok((SourceName::new(row.get_ref(0)?.as_str()?), Hold { since, until }))
    })?;
    Ok(Holds(rows.collect::<Result<_, _>>()?))
}
