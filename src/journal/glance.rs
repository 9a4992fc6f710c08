//! What a journal says of itself to somebody who does not run it: beside a running gateway, or on a
//! stopped one. Only reads, and takes no lock that a gateway needs.

use std::path::Path;

use rusqlite::Connection;

use super::disk::Files;
use super::open::{Obstacle, OpenError};
use super::{Lane, Marked, ReadError, cursors, digests, schema};
use crate::event::{Digest128, InstanceName};

/// A look at a journal.
pub struct Glance {
    connection: Connection,
    /// Whose journal it is.
    pub instance: InstanceName,
    /// What tells it from every other.
    pub epoch: Digest128,
    /// Its last sequence.
    pub head: u64,
    /// The cursor of live traffic.
    pub cursor: u64,
    /// Where Kafka was last known to have that cursor.
    pub marked: Option<Marked>,
}

impl Glance {
    /// Looks at the journal in a folder. Blocks.
    ///
    /// # Errors
    /// Where there is none that this version can read.
    pub fn at(dir: &Path, instance: &InstanceName) -> Result<Self, OpenError> {
        look(dir, instance).map_err(|why| OpenError::new(dir, why))
    }

    /// How many events after a sequence and up to the head are still there. Blocks.
    pub fn events_after(&self, sequence: u64) -> Result<u64, ReadError> {
        let sql = "SELECT count(*) FROM event WHERE sequence > ?1 AND sequence <= ?2";
        let bounds = [sequence.cast_signed(), self.head.cast_signed()];
        let count: i64 = self.connection.query_row(sql, bounds, |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// The digest of an event. Blocks.
    pub fn digest(&self, sequence: u64) -> Result<Option<Digest128>, ReadError> {
        Ok(digests::of(&self.connection, sequence)?)
    }
}

fn look(dir: &Path, instance: &InstanceName) -> Result<Glance, Obstacle> {
    let files = Files::within(dir);
    std::fs::metadata(&files.database).map_err(Obstacle::File)?;
    let connection = schema::open_reading(&files.database)?;
    schema::recognize_as(&connection, instance)?;
    Ok(Glance {
        instance: instance.clone(),
        epoch: Digest128(schema::meta(&connection, "epoch")?),
        head: schema::meta::<i64>(&connection, "head")?.cast_unsigned(),
        cursor: cursors::read(&connection, instance, &Lane::Live)?,
        marked: cursors::marks(&connection)?.remove(&Lane::Live),
        connection,
    })
}
