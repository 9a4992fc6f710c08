//! A full generation on its way to being sealed.
//!
//! Its identities go from the table of arrivals into a tree, in the tree's order, so that each page
//! is written once. A slice rides with each commit; with the last one the filter is stored and the
//! arrivals go, in the same transaction. Cut off at any point it goes on after the highest identity
//! of the tree.

use rusqlite::Connection;

use super::Id;
use super::arrivals::Arrivals;
use super::filter::Filter;
use super::sealed::Sealed;
use crate::clock::Timestamp;

/// See the header.
pub(super) struct Settling {
    arrivals: Arrivals,
    filter: Filter,
    insert: String,
    /// The last one in the tree, on disk.
    through: Option<Id>,
    /// What the transaction under way makes of it.
    under_way: Option<Step>,
}

struct Step {
    through: Option<Id>,
    is_last: bool,
}

impl Settling {
    /// Makes the tree of a generation, within the caller's transaction.
    pub(super) fn begin(connection: &Connection, number: i64) -> rusqlite::Result<()> {
        connection.execute_batch(&format!(
            "CREATE TABLE identity_{number}(id BLOB PRIMARY KEY) WITHOUT ROWID"
        ))
    }

    /// A generation whose tree is still empty.
    pub(super) fn of(arrivals: Arrivals, seed: u64) -> Self {
        let filter = Filter::with_room(arrivals.count(), seed);
        let insert = format!("INSERT INTO identity_{}(id) VALUES (?1)", arrivals.number);
        Self { arrivals, filter, insert, through: None, under_way: None }
    }

    /// One that an earlier process began to settle.
    pub(super) fn load(connection: &Connection, number: i64, seed: u64) -> rusqlite::Result<Self> {
        let mut settling = Self::of(Arrivals::load(connection, number)?, seed);
        let query = format!("SELECT max(id) FROM identity_{number}");
        settling.through = connection.query_row(&query, [], |row| row.get(0))?;
        let settled = |id: &&Id| settling.through.is_some_and(|through| **id <= through);
        for id in settling.arrivals.after(None).take_while(settled) {
            settling.filter.add(id);
        }
        Ok(settling)
    }

    /// Of this generation.
    pub(super) fn number(&self) -> i64 {
        self.arrivals.number
    }

    /// Whether an identity is one of these.
    pub(super) fn knows(&self, id: &Id) -> bool {
        self.arrivals.know(id)
    }

    /// A transaction begins: a step of one that was not committed never was.
    pub(super) fn begin_transaction(&mut self) {
        self.under_way = None;
    }

    /// Settles so many more, within the caller's transaction.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let mut through = self.through;
        let mut count = 0;
        let mut statement = connection.prepare_cached(&self.insert)?;
        for id in self.arrivals.after(self.through).take(limit) {
            statement.execute([&id[..]])?;
            // Should the transaction fail, the filter knows a few too early: that costs a look.
            self.filter.add(id);
            through = Some(*id);
            count += 1;
        }
        let is_last = count < limit;
        if is_last {
            Sealed::store(connection, self.arrivals.number, &self.filter, now)?;
            self.arrivals.delete(connection)?;
        }
        self.under_way = Some(Step { through, is_last });
        Ok(())
    }

    /// The transaction under way is on disk. `true` when nothing is left to settle.
    pub(super) fn committed(&mut self) -> bool {
        let Some(step) = self.under_way.take() else {
            return false;
        };
        self.through = step.through;
        step.is_last
    }

    /// The generation, all of it on disk.
    pub(super) fn into_sealed(self) -> Sealed {
        Sealed::new(self.arrivals.number, self.filter)
    }
}
