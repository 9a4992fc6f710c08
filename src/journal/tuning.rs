//! The sizes and paces a journal runs by, and the seam at which tests break its disk.
//!
//! The product runs on the bounds and on a disk that is left alone; only tests say otherwise.

use std::time::Duration;

use rusqlite::{Connection, Transaction};

use crate::bounds;

/// The thin seam to the disk, broken on purpose in tests.
pub(super) trait Disk: Send {
    /// Before a transaction.
    fn before(&self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// The commit with its fsync.
    fn commit(&self, transaction: Transaction<'_>) -> rusqlite::Result<()> {
        transaction.commit()
    }
}

/// A disk that is left alone.
struct Plain;

impl Disk for Plain {}

/// Sizes and paces that tests make small. The product runs on the bounds.
pub(super) struct Tuning {
    pub(super) queue_events: usize,
    pub(super) batch_events: usize,
    pub(super) batch_bytes: usize,
    pub(super) generation_events: usize,
    /// Identities settled with each commit.
    pub(super) settled: usize,
    pub(super) tail_events: usize,
    pub(super) tail_bytes: usize,
    pub(super) cursor_within: Duration,
    pub(super) checkpoint_every: Duration,
    pub(super) log_pages: u32,
    pub(super) probe_every: Duration,
    pub(super) sweep: Pace,
    pub(super) patrol_pause: Duration,
    pub(super) disk: Box<dyn Disk>,
}

/// How much one step of retention does, and how often there is one.
pub(super) struct Pace {
    pub(super) rows: usize,
    pub(super) bytes: u64,
    pub(super) pages: u64,
    pub(super) identities: usize,
    pub(super) time: Duration,
    pub(super) pause: Duration,
    /// The pause is at least so many times as long as the step.
    pub(super) pause_steps: u32,
    pub(super) look: Duration,
    pub(super) spare_pages: u64,
    /// Bytes of `retention_max` that the write-ahead log may take.
    pub(super) log_bytes: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rows: bounds::RETENTION_STEP_ROWS,
            bytes: bounds::RETENTION_STEP_BYTES,
            pages: bounds::RETENTION_STEP_PAGES,
            identities: bounds::RETENTION_STEP_IDENTITIES,
            time: bounds::RETENTION_STEP,
            pause: bounds::RETENTION_PAUSE,
            pause_steps: bounds::RETENTION_PAUSE_STEPS,
            look: bounds::RETENTION_LOOK,
            spare_pages: bounds::RETENTION_SPARE_PAGES,
            log_bytes: bounds::WAL_FILE_BYTES_KEPT.unsigned_abs(),
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            queue_events: bounds::JOURNAL_QUEUE_EVENTS,
            batch_events: bounds::JOURNAL_BATCH_EVENTS,
            batch_bytes: bounds::JOURNAL_BATCH_BYTES,
            generation_events: bounds::IDENTITY_GENERATION_EVENTS,
            settled: bounds::IDENTITIES_SETTLED_PER_COMMIT,
            tail_events: bounds::JOURNAL_TAIL_EVENTS,
            tail_bytes: bounds::JOURNAL_TAIL_BYTES,
            cursor_within: bounds::CURSOR_COMMIT_WITHIN,
            checkpoint_every: bounds::CHECKPOINT_EVERY,
            log_pages: bounds::WAL_PAGES_MAX,
            probe_every: bounds::DISK_PROBE,
            sweep: Pace::default(),
            patrol_pause: bounds::PATROL_PAUSE,
            disk: Box::new(Plain),
        }
    }
}
