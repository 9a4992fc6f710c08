//! On disk once, or not at all.
//!
//! Promises
//! - [`Journaled`] means committed and fsynced. Identity and event are one transaction, so a failed
//!   write burns no identity, and of the same event on many tasks exactly one is fresh.
//! - An event is known by the id it had under the identity key before as well, as long as an
//!   identity under that key is there (`keys.rs`).
//! - Sequences have no gaps when given and are never given again, whatever is deleted.
//! - What was queued is written, also when its caller goes away. The queue is bounded; the wait in
//!   it is the caller's.
//! - A failed write or fsync ends the journal for good ([`Health::Poisoned`]): SQLite's next commit
//!   would return OK over a hole. A full disk does not: it sheds at once, tries every
//!   [`crate::bounds::DISK_PROBE`] and recovers by itself.
//! - Published events go by age and by bytes, in small steps between commits, and their space is
//!   given back (`retention.rs`); what is not published stays.
//! - What is erased leaves a tombstone (sequence, digest, identity), is read as nothing by all who
//!   read, and counts in the ledger as what became of it (`erase.rs`).
//! - The ledger's totals change in the transactions of the rows and cursors they speak of.
//! - After an unclean end every row's checksum is looked at beside the traffic (`patrol.rs`).
//! - A damaged row is never handed out and holds up none behind it: it is an error in the log with
//!   its sequence, is counted, and becomes `erased_unpublished` in the ledger if the cursor had not
//!   passed it. Where its source cannot be told any more, it stays `pending` there.
//!
//! Never
//! - two processes on one journal, or a journal on a network file system: both are refused;
//! - content in an error: those carry SQLite's code and sequences;
//! - an SQLite word outside this room: fleets may keep the same journal elsewhere.
//!
//! How: one writer thread takes whoever queued during the last fsync into one transaction
//! (`writer.rs`); a thread beside it copies the log into the database (`checkpoint.rs`); readers
//! have connections of their own (`read.rs`), and the newest rows never left memory (`tail.rs`).

use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::clock::{Clock, Timestamp};
use crate::event::{Digest128, EventId, InstanceName, Kind, SourceName};
use crate::scrub::Clean;

mod backup;
mod check;
mod checkpoint;
mod cursors;
mod digests;
mod disk;
mod erase;
mod erasures;
mod fault;
mod glance;
mod heads;
mod holds;
mod identities;
mod keys;
mod lane;
mod ledger;
mod log;
mod open;
mod patrol;
mod read;
mod reading;
mod release;
mod replays;
mod retention;
mod schema;
pub mod search;
mod shared;
mod tail;
mod terms;
mod tuning;
mod writer;

pub use backup::{BackupError, Copied, Copy, backup, restore};
pub use check::{Finding, Part, Progress, check};
pub use cursors::Marked;
pub use erase::Entombed;
pub use erasures::{Erasures, Heard};
pub use fault::Code;
pub use glance::Glance;
pub use heads::Head;
pub use holds::{Hold, Holds};
pub use keys::{KeyBefore, KeyNote};
pub use lane::Lane;
pub use open::{Obstacle, OpenError};
pub use read::Slice;
pub use release::{LetGo, Release};
pub use replays::{Ending, How, Replay};
pub use terms::{LedgerRow, Retention, Settings};

use cursors::Ignored;
use disk::Files;
use read::Readers;
use search::{Noted, Notes, Search};
use shared::Shared;
use tuning::Tuning;
use writer::Order;

/// One group commit.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Deliveries in it, duplicates too.
    pub events: usize,
    /// From its first statement to the end of its fsync.
    pub took: Duration,
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The writer's queue is full, or another program held the database's lock for too long.
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
    Duplicate {
        /// The name under which it is known: that of the identity key it came under.
        id: EventId,
    },
}

/// An event as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Stored {
    /// The digest of all that is published of it, and its place.
    pub fn digest(&self) -> Digest128 {
        digests::of_stored(self)
    }

    /// Bytes it takes in memory.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.len()
    }
}

/// How far a lane has come.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The lane.
    pub lane: Lane,
    /// Every event up to and including this sequence is acknowledged.
    pub through: u64,
    /// How many events of each source that adds: for the ledger, or for a replay's own total.
    pub published: Vec<(SourceName, u64)>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A row is whole, but of a kind that this version does not know.
    #[error("the journal's event {sequence} was written by a newer version of hookgate")]
    UnknownKind {
        /// Its sequence.
        sequence: u64,
    },
    /// All who may read at one time do, for [`crate::bounds::JOURNAL_READER_WAIT`].
    #[error("the journal is being read by as many as may")]
    Busy,
    /// The database could not be read.
    #[error("the journal cannot be read: {0}")]
    Sqlite(Code),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Code::of(&error))
    }
}

/// The journal of one process. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    instance: InstanceName,
    epoch: Digest128,
    files: Files,
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
    notes: Notes,
    noted: Mutex<Option<Noted>>,
    search: OnceLock<Search>,
}

impl Journal {
    /// Opens or makes the journal, locks it against a second process, and starts its writer.
    /// Blocks. Every error says what is wrong and what to do.
    pub fn open(settings: Settings, clock: Clock) -> Result<Self, OpenError> {
        open::open(settings, clock, Tuning::default())
    }

    /// Appends an event and waits for the disk. If the caller goes away it is written all the same.
    pub async fn append(&self, event: Clean) -> Result<Journaled, AppendError> {
        let shared = &self.inner.shared;
        shared.admits()?;
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.try_send(Order::Append(event, reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(shared.ended())),
            Err(TrySendError::Full(_)) => Err(AppendError::QueueFull),
            Err(TrySendError::Disconnected(_)) => Err(shared.ended()),
        }
    }

    /// Moves a lane's cursor; on disk with the next group commit, at the latest after
    /// [`crate::bounds::CURSOR_COMMIT_WITHIN`]. Never waits, never moves backwards or past the
    /// head.
    pub fn advance(&self, to: Advance) {
        let head = *self.inner.shared.head.borrow();
        let through = to.through;
        match self.inner.shared.cursors().advance(to, head) {
            // A full queue wakes the writer as well; a closed one needs no cursor any more.
            Ok(true) => drop(self.inner.queue.try_send(Order::Nudge)),
            Ok(false) | Err(Ignored::Behind) => {}
            Err(Ignored::BeyondHead) => {
                tracing::error!(through, head, "a cursor beyond the journal's head was ignored");
            }
        }
    }

    /// Says where a lane really begins, when that may be before its cursor: no row after this
    /// sequence is deleted until an advance has come to the cursor, or this says otherwise.
    pub fn hold_back(&self, lane: &Lane, through: u64) {
        self.inner.shared.cursors().hold_back(lane, through);
    }

    /// How far a lane has come, with what is not on disk yet: who starts again from here counts
    /// nothing twice. 0 before its first event. Blocks.
    pub fn cursor(&self, lane: &Lane) -> Result<u64, ReadError> {
        let of = &self.inner.instance;
        let readers = &self.inner.readers;
        let on_disk = readers.with(|connection| Ok(cursors::read(connection, of, lane)?))?;
        Ok(on_disk.max(self.inner.shared.cursors().through(lane)))
    }

    /// Damaged events that were met since the start, by reading or by the look at every row that
    /// follows an unclean end.
    pub fn damaged_events(&self) -> u64 {
        self.inner.shared.damage()
    }

    /// Why the last [`Self::read_after`] failed, if it did.
    pub fn unreadable(&self) -> Option<ReadError> {
        self.inner.shared.unreadable()
    }

    /// Whether retention stopped at a damaged page: nothing is deleted until a human has looked.
    pub fn is_retention_stopped(&self) -> bool {
        !self.inner.shared.is_sweeping()
    }

    /// From now on published events of these sources are kept for times of their own, instead of
    /// [`Retention::age`]. To be said before the first [`crate::bounds::RETENTION_LOOK`] is over.
    pub fn keep_apart(&self, ages: impl IntoIterator<Item = (SourceName, Duration)>) {
        self.inner.shared.set_ages(ages.into_iter().collect());
    }

    /// Whose journal it is.
    pub fn instance(&self) -> &InstanceName {
        &self.inner.instance
    }

    /// What tells this journal from every other: random, made with it, kept by its copies.
    pub fn epoch(&self) -> Digest128 {
        self.inner.epoch
    }

    /// The digest of an event, also of one that is gone or damaged if it was kept. Blocks.
    pub fn digest(&self, sequence: u64) -> Result<Option<Digest128>, ReadError> {
        let readers = &self.inner.readers;
        readers.with(|connection| Ok(digests::of(connection, sequence)?))
    }

    /// The highest committed sequence, as it changes.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.inner.shared.head.subscribe()
    }

    /// Whether it takes events, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.inner.shared.watch_health()
    }

    /// The totals of every source ever seen, read in one transaction. Blocks.
    pub fn ledger(&self) -> Result<Vec<LedgerRow>, ReadError> {
        let readers = &self.inner.readers;
        readers.with(|connection| Ok(ledger::read(connection)?))
    }

    /// When the oldest event that is still there was received. Blocks.
    pub fn oldest(&self) -> Result<Option<Timestamp>, ReadError> {
        self.inner.readers.with(|connection| Ok(read::oldest(connection)?))
    }

    /// Bytes on disk: database and write-ahead log.
    pub fn bytes(&self) -> u64 {
        self.inner.files.bytes()
    }

    /// Bytes free on its file system, for this process.
    pub fn disk_free(&self) -> Option<u64> {
        disk::free(&self.inner.files.dir)
    }

    /// Writes what is queued, then the cursors, and closes: the lock is free afterwards. Later
    /// appends are answered [`AppendError::Closed`]; reading still works. Blocks. Dropping the last
    /// handle does the same without waiting for it.
    pub fn close(&self) {
        self.inner.shared.close();
        if let Some(search) = self.inner.search.get() {
            search.stop();
        }
        let writer = self.inner.writer.lock();
        let Some(writer) = writer.unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        // Refused only by a writer that has ended already.
        drop(self.inner.queue.send(Order::Close));
        if writer.join().is_err() {
            tracing::error!("the journal's writer had ended by a defect");
        }
    }
}

#[cfg(test)]
mod tests;
