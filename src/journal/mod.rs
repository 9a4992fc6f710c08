//! On disk once, or not at all (skeleton: to be written).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::event::{EventId, InstanceName, Kind, SourceName};
use crate::scrub::Clean;

/// Where the journal lies and whose it is.
#[derive(Clone)]
pub struct Settings {
    /// The folder, made if it is missing.
    pub dir: PathBuf,
    /// Whose cursors these are.
    pub instance: InstanceName,
    /// Told of every group commit, for metrics; must not block.
    pub on_commit: Arc<dyn Fn(Commit) + Send + Sync>,
}

/// One group commit.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Deliveries in it, duplicates too.
    pub events: usize,
    /// From its first statement to the end of its fsync.
    pub took: Duration,
}

/// Why a journal cannot be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// To be written.
    #[error("todo")]
    Todo,
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The writer's queue is full.
    #[error("the journal's queue is full")]
    QueueFull,
    /// The disk is full; tried again every second.
    #[error("the disk is full")]
    DiskFull,
    /// A write or fsync failed: this journal trusts its disk no more.
    #[error("the journal no longer trusts its disk")]
    Poisoned,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Proof that an event is on disk. Made only after the fsync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journaled {
    /// Committed under this sequence.
    Fresh {
        /// Its sequence.
        sequence: u64,
    },
    /// The same event was on disk already.
    Duplicate,
}

/// An event as the journal keeps it.
#[derive(Clone, Debug)]
pub struct Stored {
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
    /// The record key.
    pub key: Bytes,
    /// The CloudEvents JSON.
    pub value: Bytes,
}

/// A reader's place: one for live traffic; later one per held source and per replay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Live traffic.
    Live,
}

/// How far a lane has come.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The lane.
    pub lane: Lane,
    /// Every event up to and including this sequence is acknowledged.
    pub through: u64,
    /// How many events of each source that adds, for the ledger.
    pub published: Vec<(SourceName, u64)>,
}

/// The totals of one source. accepted + quarantined = published + pending + held +
/// erased_unpublished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The source.
    pub source: SourceName,
    /// Taken as events.
    pub accepted: u64,
    /// Taken into quarantine.
    pub quarantined: u64,
    /// The lane's cursor has moved past it.
    pub published: u64,
    /// Not yet published.
    pub pending: u64,
    /// Kept back until its source is live again.
    pub held: u64,
    /// Erased before it was published.
    pub erased_unpublished: u64,
    /// When its last event was received.
    pub last_received: Option<Timestamp>,
}

/// Whether the journal takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ok,
    /// The disk is full; it tries again every second.
    DiskFull,
    /// A write or fsync failed: it never will again in this process.
    Poisoned,
}

/// A read failed.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be read: {0}")]
pub struct ReadError(String);

/// The journal of one process. Cheap to clone.
#[derive(Clone)]
pub struct Journal {}

impl Journal {
    /// Opens or makes the journal, locks it against a second process, and starts its writer.
    pub fn open(_settings: Settings, _clock: Clock) -> Result<Self, OpenError> {
        todo!()
    }

    /// Appends an event and waits for the disk. When the caller goes away it is written all the same.
    pub async fn append(&self, _event: Clean) -> Result<Journaled, AppendError> {
        todo!()
    }

    /// Moves a lane's cursor; on disk with the next group commit, at the latest after
    /// [`crate::bounds::CURSOR_COMMIT_WITHIN`]. Never waits.
    pub fn advance(&self, _to: Advance) {
        todo!()
    }

    /// The committed cursor of a lane; 0 before its first event.
    pub fn cursor(&self, _lane: &Lane) -> Result<u64, ReadError> {
        todo!()
    }

    /// Events after a sequence, in order, at most [`crate::bounds::JOURNAL_READ_EVENTS`] and
    /// [`crate::bounds::JOURNAL_READ_BYTES`] (but always one if there is one). Blocks.
    pub fn read_after(&self, _sequence: u64) -> Result<Vec<Stored>, ReadError> {
        todo!()
    }

    /// The highest committed sequence, as it changes.
    pub fn head(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Whether it takes events, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        todo!()
    }

    /// The totals of every source ever seen, read in one transaction. Blocks.
    pub fn ledger(&self) -> Result<Vec<LedgerRow>, ReadError> {
        todo!()
    }

    /// Bytes on disk: database and write-ahead log.
    pub fn bytes(&self) -> u64 {
        todo!()
    }

    /// Bytes free on its file system, for this process.
    pub fn disk_free(&self) -> Option<u64> {
        todo!()
    }

    /// Writes what is queued, then the cursors, and closes. Later appends are answered
    /// [`AppendError::Closed`]. Blocks.
    pub fn close(&self) {
        todo!()
    }
}
