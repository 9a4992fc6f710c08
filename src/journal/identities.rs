//! Which events were ever taken: the identity index, in generations.
//!
//! One tree of random 16-byte identities dirties a page for each event and slows with its size. So
//! identities live in generations of a bounded number. New ones are written in the order in which
//! they come and known in memory (`arrivals.rs`). A full generation is settled: its identities are
//! put into a tree of their own in *their* order, a slice with each commit, so that no commit
//! stands out (`settling.rs`); then it is sealed, behind a filter that says "never seen" without a
//! look at the disk (`sealed.rs`). A stranger costs a few probes in memory, whatever the age of the
//! journal.
//!
//! When the key of ids is replaced (`keys.rs`), the open generation ends: so identities under the
//! key before go with their generations as if it had been full, and an event's former id is looked
//! for in those alone, in none once they are gone.
//!
//! Identities outlive their rows: a sender's late retry is known after retention took the event.
//! A generation goes whole, the oldest first, when its sealing lies further back than retention
//! and [`crate::bounds::IDENTITIES_KEPT`] and none of its rows is left. Until then it costs 200,000
//! bytes of memory, its filter, for 100,000 events: 173 MB for each day of a thousand events a
//! second.

use rusqlite::Connection;

use super::{KeyNote, schema};
use crate::clock::Timestamp;

mod arrivals;
mod filter;
mod sealed;
mod settling;

pub(super) use sealed::Expired;

use arrivals::Arrivals;
use sealed::Sealed;
use settling::Settling;

type Id = [u8; 16];

/// All identities of a journal.
pub(super) struct Identities {
    seed: u64,
    /// Identities after which the open generation is due to be settled.
    size: usize,
    open: Arrivals,
    settling: Option<Settling>,
    sealed: Vec<Sealed>,
    /// The last generation with identities under the key before; `i64::MAX`: nobody knows.
    former_through: i64,
    /// The last generation that takes no more, however few it has.
    full_through: i64,
}

/// A generation that waits for the commit of its table.
pub(super) struct Next(Arrivals);

impl Identities {
    /// Loads the filters and builds those that are missing or wrong.
    pub(super) fn load(connection: &Connection, size: usize) -> rusqlite::Result<Self> {
        let seed = schema::meta::<i64>(connection, "filter_seed")?.cast_unsigned();
        let sealed = numbers(connection, "sealed_at IS NOT NULL")?.into_iter();
        let sealed = sealed.map(|number| Sealed::load(connection, number, seed));
        let mut unsealed = numbers(connection, "sealed_at IS NULL")?;
        // The first is made with the other tables.
        let open = unsealed.pop().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let settling = unsealed.pop().map(|number| Settling::load(connection, number, seed));
        Ok(Self {
            seed,
            size,
            open: Arrivals::load(connection, open)?,
            settling: settling.transpose()?,
            sealed: sealed.collect::<Result<_, _>>()?,
            former_through: i64::MAX,
            full_through: 0,
        })
    }

    /// A transaction begins: what an earlier one wrote and did not commit never was.
    pub(super) fn begin_transaction(&mut self) {
        self.open.begin_transaction();
        if let Some(settling) = &mut self.settling {
            settling.begin_transaction();
        }
    }

    /// Writes an identity, unless it or the one that its event had under the key before is there:
    /// that one is given back then. Within the caller's transaction, to be followed by
    /// [`Self::committed`].
    pub(super) fn insert(
        &mut self,
        connection: &Connection,
        id: &Id,
        former: Option<&Id>,
    ) -> rusqlite::Result<Option<Id>> {
        if self.know(connection, id, i64::MAX)? {
            return Ok(Some(*id));
        }
        if let Some(former) = former
            && self.know(connection, former, self.former_through)?
        {
            return Ok(Some(*former));
        }
        self.open.insert(connection, id)?;
        Ok(None)
    }

    /// Whether an identity is one of the generations up to this one.
    fn know(&self, connection: &Connection, id: &Id, through: i64) -> rusqlite::Result<bool> {
        if self.open.number <= through && self.open.know(id) {
            return Ok(true);
        }
        let settling = self.settling.as_ref().filter(|full| full.number() <= through);
        if settling.is_some_and(|full| full.knows(id)) {
            return Ok(true);
        }
        let hash = filter::hash(self.seed, id);
        let sealed = self.sealed.iter().rev().skip_while(|sealed| sealed.number > through);
        for generation in sealed {
            if generation.knows(connection, id, hash)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Settles a slice of the generation that is full, if there is one, within a transaction that
    /// is committed anyway.
    pub(super) fn settle(
        &mut self,
        connection: &Connection,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        match &mut self.settling {
            Some(full) => full.step(connection, limit, now),
            None => Ok(()),
        }
    }

    /// The transaction under way is on disk.
    pub(super) fn committed(&mut self) {
        self.open.committed();
        if self.settling.as_mut().is_some_and(Settling::committed)
            && let Some(full) = self.settling.take()
        {
            self.sealed.push(full.into_sealed());
        }
    }

    /// Whether the open generation is full and the one before it is sealed.
    pub(super) fn is_due(&self) -> bool {
        let is_full = self.open.count() >= self.size || self.open.number <= self.full_through;
        is_full && self.settling.is_none()
    }

    /// The newest generation that has an identity; 0 where none has.
    pub(super) fn last(&self) -> i64 {
        if self.open.count() > 0 { self.open.number } else { self.open.number - 1 }
    }

    /// Where identities under earlier keys lie, as far as it is noted.
    pub(super) fn follow(&mut self, keys: Option<&KeyNote>) {
        self.former_through = keys.and_then(KeyNote::former_through).unwrap_or(i64::MAX);
        self.full_through = keys.map_or(0, KeyNote::full_through);
    }

    /// Begins the next generation, within the caller's transaction. To be followed by
    /// [`Self::turn`] after its commit.
    pub(super) fn begin_next(&self, connection: &Connection) -> rusqlite::Result<Next> {
        Settling::begin(connection, self.open.number)?;
        let number = self.open.number + 1;
        connection.execute("INSERT INTO generation(number) VALUES (?1)", [number])?;
        Arrivals::begin(connection, number).map(Next)
    }

    /// Takes the next generation, whose table is on disk.
    pub(super) fn turn(&mut self, next: Next) {
        let full = std::mem::replace(&mut self.open, next.0);
        self.settling = Some(Settling::of(full, self.seed));
    }

    /// Deletes so many identities of the oldest generation, if it was sealed before this moment and
    /// none of its rows is left; within the caller's transaction. Rows and generations have the
    /// same order, so the oldest row tells.
    pub(super) fn expire(
        &self,
        connection: &Connection,
        before: Timestamp,
        limit: usize,
    ) -> rusqlite::Result<Expired> {
        match self.sealed.first() {
            Some(oldest) => oldest.expire(connection, before, limit),
            None => Ok(Expired::Nothing),
        }
    }

    /// Takes the filter of a generation out of memory.
    pub(super) fn forget(&mut self, number: i64) {
        self.sealed.retain(|generation| generation.number != number);
    }
}

fn numbers(connection: &Connection, which: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection
        .prepare(&format!("SELECT number FROM generation WHERE {which} ORDER BY number"))?;
    let numbers = statement.query_map([], |row| row.get(0))?;
    numbers.collect()
}
