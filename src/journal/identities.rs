//! Which events were ever taken: the identity index, in generations.
//!
//! One tree of random 16-byte identities dirties a leaf for each event and slows with its size. So
//! identities live in tables of a bounded number, newest first: new ones go to the open one; full
//! ones are sealed, each behind a filter that says "never seen" without a look at the disk. A
//! stranger costs a few probes in memory, whatever the age of the journal.
//!
//! Identities outlive their rows: a sender's late retry is known after retention took the event.
//! A generation goes whole, the oldest first, when its sealing lies further back than retention
//! and [`bounds::IDENTITIES_KEPT`] and none of its rows is left. Until then it costs 202,048 bytes
//! of memory, its filter, for 100,000 events: 175 MB for each day of a thousand events a second.
//!
//! A filter that wrongly says "never seen" would let a duplicate through, so a stored one is
//! believed only if its checksum holds and it knows a sample of its table (another version of the
//! filter's crate may place bits elsewhere); if not it is built again from the table.

use fastbloom::BloomFilter;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::schema;
use crate::bounds;
use crate::clock::Timestamp;

type Id = [u8; 16];

/// All identities of a journal.
pub(super) struct Identities {
    seed: u64,
    /// Identities after which the open generation is due to be sealed.
    size: u64,
    open: Generation,
    count: u64,
    sealed: Vec<Generation>,
}

struct Generation {
    number: i64,
    filter: BloomFilter,
    insert: String,
    lookup: String,
}

impl Identities {
    /// Loads the filters and builds those that are missing or wrong.
    pub(super) fn load(connection: &Connection, size: u64) -> rusqlite::Result<Self> {
        let seed = schema::meta::<i64>(connection, "filter_seed")?.cast_unsigned();
        let mut generations = Vec::new();
        for number in numbers(connection)? {
            generations.push(Generation::load(connection, number, seed, size)?);
        }
        // The first is made with the other tables.
        let open = generations.pop().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let count: i64 = connection.query_row(
            &format!("SELECT count(*) FROM identity_{}", open.number),
            [],
            |row| row.get(0),
        )?;
        Ok(Self { seed, size, open, count: count.cast_unsigned(), sealed: generations })
    }

    /// Writes an identity; `false` if it was there. Within the caller's transaction, and
    /// remembered by [`Self::remember`] only after its commit.
    pub(super) fn insert(&self, connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
        let hash = hash(self.seed, id);
        for generation in self.sealed.iter().rev() {
            if generation.filter.contains_hash(hash)
                && connection.prepare_cached(&generation.lookup)?.exists([&id[..]])?
            {
                return Ok(false);
            }
        }
        let written = connection.prepare_cached(&self.open.insert)?.execute([&id[..]])?;
        Ok(written == 1)
    }

    /// Notes an identity whose commit is on disk.
    pub(super) fn remember(&mut self, id: &Id) {
        self.open.filter.insert_hash(hash(self.seed, id));
        self.count += 1;
    }

    /// Whether the open generation is full.
    pub(super) fn is_due(&self) -> bool {
        self.count >= self.size
    }

    /// Seals the open generation and begins the next, within the caller's transaction. To be
    /// followed by [`Self::turn`] after its commit.
    pub(super) fn seal(&self, connection: &Connection, now: Timestamp) -> rusqlite::Result<Next> {
        self.open.store(connection, self.seed)?;
        connection.execute(
            "UPDATE generation SET sealed_at = ?2 WHERE number = ?1",
            params![self.open.number, now.millis()],
        )?;
        begin(connection, self.open.number + 1, self.size).map(Next)
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
        let Some(oldest) = self.sealed.first() else {
            return Ok(Expired::Nothing);
        };
        let sealed: i64 = connection
            .prepare_cached("SELECT sealed_at FROM generation WHERE number = ?1")?
            .query_row([oldest.number], |row| row.get(0))?;
        if sealed >= before.millis() || oldest.has_rows(connection)? {
            return Ok(Expired::Nothing);
        }
        oldest.delete(connection, limit)
    }

    /// Takes the filter of a generation out of memory.
    pub(super) fn forget(&mut self, number: i64) {
        self.sealed.retain(|generation| generation.number != number);
    }

    /// Takes the next generation, whose table is on disk.
    pub(super) fn turn(&mut self, next: Next) {
        let full = std::mem::replace(&mut self.open, next.0);
        self.sealed.push(full);
        self.count = 0;
    }
}

/// What [`Identities::expire`] deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// None is old enough, or rows of it are left.
    Nothing,
    /// A part of the oldest generation.
    Part,
    /// The rest of the oldest generation, which has this number: to be followed by
    /// [`Identities::forget`] after the commit.
    Whole(i64),
}

/// A generation that waits for its commit.
pub(super) struct Next(Generation);

impl Generation {
    fn new(number: i64, filter: BloomFilter) -> Self {
        Self {
            number,
            filter,
            insert: format!("INSERT INTO identity_{number}(id) VALUES (?1) ON CONFLICT DO NOTHING"),
            lookup: format!("SELECT 1 FROM identity_{number} WHERE id = ?1"),
        }
    }

    fn load(connection: &Connection, number: i64, seed: u64, size: u64) -> rusqlite::Result<Self> {
        let (sealed, stored) = connection.query_row(
            "SELECT sealed_at IS NOT NULL, filter, crc FROM generation WHERE number = ?1",
            [number],
            |row| {
                let blob = row.get_ref(1)?.as_blob_or_null()?;
                let crc: Option<u32> = row.get(2)?;
                Ok((row.get::<_, bool>(0)?, decode(blob, crc, seed, number)))
            },
        )?;
        if let Some(filter) = stored
            && knows_sample(connection, number, &filter, seed)?
        {
            return Ok(Self::new(number, filter));
        }
        let built = Self::new(number, build(connection, number, seed, size)?);
        if sealed {
            match built.store(connection, seed) {
                Err(error) if Fault::of(&error) != Fault::Full => return Err(error),
                // On a full disk it is built again next time.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(built)
    }

    /// Whether the oldest row is one of this generation's.
    fn has_rows(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement =
            connection.prepare_cached("SELECT id FROM event ORDER BY sequence LIMIT 1")?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            None => Ok(false),
            Some(row) => match row.get::<_, Id>(0) {
                Ok(id) => connection.prepare_cached(&self.lookup)?.exists([&id[..]]),
                // A damaged row: nobody knows whose it was.
                Err(_) => Ok(true),
            },
        }
    }

    fn delete(&self, connection: &Connection, limit: usize) -> rusqlite::Result<Expired> {
        let table = format!("identity_{}", self.number);
        let deleted = connection.execute(
            &format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?1)"
            ),
            [i64::try_from(limit).unwrap_or(i64::MAX)],
        )?;
        if deleted >= limit {
            return Ok(Expired::Part);
        }
        connection.execute_batch(&format!("DROP TABLE {table}"))?;
        connection.execute("DELETE FROM generation WHERE number = ?1", [self.number])?;
        Ok(Expired::Whole(self.number))
    }

    fn store(&self, connection: &Connection, seed: u64) -> rusqlite::Result<()> {
        let blob: Vec<u8> = self.filter.iter().flat_map(u64::to_le_bytes).collect();
        let crc = checksum(&blob, seed, self.number);
        connection.execute(
            "UPDATE generation SET filter = ?2, crc = ?3 WHERE number = ?1",
            params![self.number, blob, crc],
        )?;
        Ok(())
    }
}

fn numbers(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare("SELECT number FROM generation ORDER BY number")?;
    let numbers = statement.query_map([], |row| row.get(0))?;
    numbers.collect()
}

fn begin(connection: &Connection, number: i64, size: u64) -> rusqlite::Result<Generation> {
    connection.execute_batch(&format!(
        "CREATE TABLE identity_{number}(id BLOB PRIMARY KEY) WITHOUT ROWID"
    ))?;
    connection.execute("INSERT INTO generation(number) VALUES (?1)", [number])?;
    Ok(Generation::new(number, empty(size)))
}

/// Bits that an identity sets: the best number for [`bounds::IDENTITY_FILTER_BITS`].
const PROBES: u32 = 11;

/// A filter with room for a generation and the batch that overfills it. Its hashes are ours, so
/// its crate's seed does not matter.
fn empty(size: u64) -> BloomFilter {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let bits = size
        .saturating_add(bounds::JOURNAL_BATCH_EVENTS)
        .saturating_mul(bounds::IDENTITY_FILTER_BITS);
    BloomFilter::with_num_bits(bits).seed(&0).hashes(PROBES)
}

fn build(
    connection: &Connection,
    number: i64,
    seed: u64,
    size: u64,
) -> rusqlite::Result<BloomFilter> {
    let mut filter = empty(size);
    let mut statement = connection.prepare(&format!("SELECT id FROM identity_{number}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        filter.insert_hash(hash(seed, &row.get(0)?));
    }
    Ok(filter)
}

fn knows_sample(
    connection: &Connection,
    number: i64,
    filter: &BloomFilter,
    seed: u64,
) -> rusqlite::Result<bool> {
    let sample = bounds::IDENTITY_FILTER_SAMPLE;
    let mut statement =
        connection.prepare(&format!("SELECT id FROM identity_{number} LIMIT {sample}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !filter.contains_hash(hash(seed, &row.get(0)?)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn decode(blob: Option<&[u8]>, crc: Option<u32>, seed: u64, number: i64) -> Option<BloomFilter> {
    let blob = blob?;
    if blob.is_empty() || Some(checksum(blob, seed, number)) != crc {
        return None;
    }
    let (words, rest) = blob.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    Some(BloomFilter::from_vec(words).seed(&0).hashes(PROBES))
}

fn checksum(blob: &[u8], seed: u64, number: i64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seed.to_le_bytes());
    crc.update(&number.to_le_bytes());
    crc.update(blob);
    crc.finalize()
}

/// An identity is a keyed digest already; the seed only keeps two journals' filters apart.
fn hash(seed: u64, id: &Id) -> u64 {
    let bits = u128::from_le_bytes(*id);
    let folded = (bits as u64) ^ ((bits >> 64) as u64).rotate_left(29) ^ seed;
    let mixed = (folded ^ (folded >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_generation_costs_the_memory_that_the_header_says() {
        let filter = empty(bounds::IDENTITY_GENERATION_EVENTS);
        assert_eq!(filter.num_bits() / 8, 202_048);
    }
}
