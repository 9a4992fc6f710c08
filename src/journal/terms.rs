//! What a journal is opened with, and the totals it gives an account by.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Commit;
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{InstanceName, SourceName};

/// Where the journal lies and whose it is.
#[derive(Clone)]
pub struct Settings {
    /// The folder, made if it is missing.
    pub dir: PathBuf,
    /// Whose cursors these are.
    pub instance: InstanceName,
    /// How long published events stay.
    pub retention: Retention,
    /// Told of every group commit that kept an event, for metrics; must not block.
    pub on_commit: Arc<dyn Fn(Commit) + Send + Sync>,
}

/// What published events are kept for. What is not published is never deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Older ones go, by the time they were received.
    pub age: Duration,
    /// Bytes of the journal on disk, beyond which the oldest go.
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: bounds::RETENTION_DEFAULT, bytes_max: bounds::RETENTION_BYTES_DEFAULT }
    }
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
