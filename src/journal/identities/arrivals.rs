//! The identities of a generation that is not sealed: on disk in the order in which they came, in
//! memory as a set.
//!
//! A tree of random identities dirties a page for each event; a table in the order of arrival
//! dirties one for two hundred. The set is exactly what is on disk and in the transaction under
//! way, and one thread alone writes, so what it knows decides as a unique key would.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use rusqlite::Connection;

use super::Id;

/// See the header.
pub(super) struct Arrivals {
    /// Of this generation.
    pub(super) number: i64,
    known: BTreeSet<Id>,
    /// Written by the transaction under way.
    fresh: BTreeSet<Id>,
    insert: String,
}

impl Arrivals {
    /// Makes the table of a generation, within the caller's transaction.
    pub(super) fn begin(connection: &Connection, number: i64) -> rusqlite::Result<Self> {
        connection.execute_batch(&format!(
            "CREATE TABLE arrival_{number}(number INTEGER PRIMARY KEY, id BLOB NOT NULL)"
        ))?;
        Ok(Self::new(number, BTreeSet::new()))
    }

    /// Reads what has come.
    pub(super) fn load(connection: &Connection, number: i64) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare(&format!("SELECT id FROM arrival_{number}"))?;
        let known = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Self::new(number, known))
    }

    fn new(number: i64, known: BTreeSet<Id>) -> Self {
        let insert = format!("INSERT INTO arrival_{number}(id) VALUES (?1)");
        Self { number, known, fresh: BTreeSet::new(), insert }
    }

    /// A transaction begins. What an earlier one wrote and did not commit never was.
    pub(super) fn begin_transaction(&mut self) {
        self.fresh.clear();
    }

    /// The transaction under way is on disk.
    pub(super) fn committed(&mut self) {
        // Not `append`, which walks through all that is known.
        self.known.extend(std::mem::take(&mut self.fresh));
    }

    /// Whether an identity has come.
    pub(super) fn know(&self, id: &Id) -> bool {
        self.known.contains(id) || self.fresh.contains(id)
    }

    /// Writes one that has not.
    pub(super) fn insert(&mut self, connection: &Connection, id: &Id) -> rusqlite::Result<()> {
        connection.prepare_cached(&self.insert)?.execute([&id[..]])?;
        self.fresh.insert(*id);
        Ok(())
    }

    /// How many are on disk.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Those on disk that come after one, in their own order.
    pub(super) fn after(&self, id: Option<Id>) -> impl Iterator<Item = &Id> {
        self.known.range((id.map_or(Unbounded, Excluded), Unbounded))
    }

    /// Deletes the table, within the caller's transaction.
    pub(super) fn delete(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch(&format!("DROP TABLE arrival_{}", self.number))
    }
}
