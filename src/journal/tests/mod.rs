//! The journal as its callers see it, on real files, with a disk that fails when told to.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rusqlite::{Connection, Transaction, ffi};
use tempfile::TempDir;

use super::tuning::{Disk, Tuning};
use super::*;
use crate::bounds;
use crate::event::QuarantineReason;

mod ages;
mod append;
mod copies;
mod cursor;
mod cut;
mod damage;
mod digest;
mod erasing;
mod faults;
mod identity;
mod keys;
mod opening;
mod reading;
mod releasing;
mod replays;
mod retention;
mod sweeping;

/// An event that is told from others by its number.
pub(in crate::journal) fn event(number: u64) -> Clean {
    event_from(number, "a", Kind::RoomStarted, 100)
}

/// An event of a source and kind, with so many bytes.
pub(in crate::journal) fn event_from(number: u64, source: &str, kind: Kind, bytes: usize) -> Clean {
    let reason = (kind == Kind::Quarantined).then_some(QuarantineReason::UnknownKind);
    Clean::for_test(
        id(number),
        SourceName::new(source),
        kind,
        reason,
        Timestamp::from_millis(1_000 + number.cast_signed()),
        Bytes::from(format!("tenant/{number}")),
        Bytes::from(vec![b'v'; bytes]),
    )
}

pub(in crate::journal) fn id(number: u64) -> EventId {
    // Spread over all bytes, as a keyed digest is.
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    EventId(Digest128(spread.to_be_bytes()))
}

/// A row as it would be read.
pub(in crate::journal) fn stored(sequence: u64, bytes: usize) -> Stored {
    let event = event_from(sequence, "a", Kind::RoomStarted, bytes);
    Stored {
        sequence,
        id: event.id(),
        source: event.source().clone(),
        kind: event.kind(),
        received: event.received(),
        key: event.key().clone(),
        value: event.value().clone(),
    }
}

/// Nothing goes.
const FOR_EVER: Retention = Retention { age: Duration::MAX, bytes_max: u64::MAX };

pub(in crate::journal) fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.to_owned(),
        instance: InstanceName::new("gate-1"),
        retention: FOR_EVER,
        on_commit: Arc::new(|_| {}),
    }
}

pub(in crate::journal) fn open(dir: &Path, tuning: Tuning) -> Journal {
    open::open(settings(dir), Clock::system(), tuning).unwrap()
}

pub(in crate::journal) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(in crate::journal) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(in crate::journal) fn append(
    journal: &Journal,
    event: Clean,
) -> Result<Journaled, AppendError> {
    wait(journal.append(event))
}

fn fresh(sequence: u64) -> Result<Journaled, AppendError> {
    Ok(Journaled::Fresh { sequence })
}

/// It is on disk under its own name.
fn known(number: u64) -> Result<Journaled, AppendError> {
    Ok(Journaled::Duplicate { id: id(number) })
}

/// Appends without waiting; the event is queued when this returns.
fn queue<'j>(
    journal: &'j Journal,
    event: Clean,
) -> std::pin::Pin<Box<impl Future<Output = Result<Journaled, AppendError>> + use<'j>>> {
    let mut appending = Box::pin(journal.append(event));
    assert!(!is_ready(&mut appending));
    appending
}

fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context).is_ready()
}

/// Somebody else's look at the database.
pub(in crate::journal) fn inspect(dir: &Path) -> Connection {
    let connection = Connection::open(dir.join("journal.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection
}

fn count(dir: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    inspect(dir).query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// A disk whose commits can be held back, counted and failed, and which can be full.
#[derive(Clone, Default)]
struct Handles(Arc<Levers>);

#[derive(Default)]
struct Levers {
    fail_next: Mutex<Option<i32>>,
    pages_max: AtomicI64,
    commits: AtomicU64,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    waiting: bool,
    passed: u64,
}

impl Handles {
    fn tuning(&self) -> Tuning {
        Tuning { disk: Box::new(self.clone()), ..Tuning::default() }
    }

    /// The next commit fails with this code.
    fn fail_next(&self, code: i32) {
        *self.0.fail_next.lock().unwrap() = Some(code);
    }

    /// The database may have no more pages than it has.
    fn fill(&self) {
        self.0.pages_max.store(1, Ordering::SeqCst);
    }

    fn make_room(&self) {
        self.0.pages_max.store(1 << 30, Ordering::SeqCst);
    }

    fn close_gate(&self) {
        self.0.gate.lock().unwrap().closed = true;
    }

    fn open_gate(&self) {
        self.0.gate.lock().unwrap().closed = false;
        self.0.moved.notify_all();
    }

    /// Until a commit stands before the closed gate.
    fn wait_at_gate(&self) {
        let gate = self.0.gate.lock().unwrap();
        drop(self.0.moved.wait_while(gate, |gate| !gate.waiting).unwrap());
    }

    /// Until this is so, looked at after each commit.
    fn wait_until(&self, is_so: impl Fn() -> bool) {
        loop {
            let seen = self.0.gate.lock().unwrap().passed;
            if is_so() {
                return;
            }
            self.wait_for_commits(seen + 1);
        }
    }

    /// Until so many commits are on disk.
    fn wait_for_commits(&self, commits: u64) {
        let gate = self.0.gate.lock().unwrap();
        let enough = |gate: &mut Gate| gate.passed < commits;
        drop(self.0.moved.wait_while(gate, enough).unwrap());
    }

    fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::SeqCst)
    }
}

impl Disk for Handles {
    fn before(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self.0.pages_max.load(Ordering::SeqCst) {
            0 => Ok(()),
            pages => connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())),
        }
    }

    fn commit(&self, transaction: Transaction<'_>) -> rusqlite::Result<()> {
        if let Some(code) = self.0.fail_next.lock().unwrap().take() {
            drop(transaction);
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        }
        let mut gate = self.0.gate.lock().unwrap();
        gate.waiting = gate.closed;
        self.0.moved.notify_all();
        let mut gate = self.0.moved.wait_while(gate, |gate| gate.closed).unwrap();
        gate.waiting = false;
        drop(gate);
        transaction.commit()?;
        self.0.commits.fetch_add(1, Ordering::SeqCst);
        self.0.gate.lock().unwrap().passed += 1;
        self.0.moved.notify_all();
        Ok(())
    }
}
