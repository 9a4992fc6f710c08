//! What a journal says of itself to somebody who does not run it: beside a running gateway, or on a
//! stopped one. Only reads, and takes no lock that a gateway needs.

use std::path::Path;

use rusqlite::Connection;

use super::disk::Files;
use super::open::{Obstacle, OpenError};
use super::{Lane, ReadError, cursors, digests, schema};
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
}

impl Glance {
    /// Looks at the journal in a folder. Blocks.
    ///
    /// # Errors
    /// Where there is none that this version can read.
    pub fn at(dir: &Path, instance: &InstanceName) -> Result<Self, OpenError> {
        look(dir, instance).map_err(|why| OpenError::new(dir, why))
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
        connection,
    })
}
