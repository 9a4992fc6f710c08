//! The one writer: a thread, a queue, a group commit.
//!
//! It takes whoever queued during the last fsync into one transaction, and answers only after that
//! transaction's fsync. Cursors ride along; when no event comes they are written alone after
//! [`bounds::CURSOR_COMMIT_WITHIN`].
//!
//! What is kept in memory (identities, tail, head) follows a commit and never goes before it, so a
//! rolled back batch leaves no trace.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::checkpoint::{self, Checkpointer};
use super::cursors::Moves;
use super::fault::{Code, Fault};
use super::holds::Holds;
use super::identities::Identities;
use super::ledger::{self, Credits};
use super::patrol::Patrol;
use super::release;
use super::replays::Note;
use super::retention::Sweeper;
use super::schema::{self, Row};
use super::shared::{Alarm, Shared};
use super::tuning::Tuning;
use super::{AppendError, Commit, Health, Journaled, Stored};
use crate::clock::Clock;
use crate::event::{Digest128, EventId, InstanceName};
use crate::scrub::Clean;

mod aside;
mod ending;
mod erasing;
mod keying;
mod noting;
mod probing;
mod releasing;

pub(super) use aside::Aside;
pub(super) use erasing::Scouring;

/// What the writer is asked for.
pub(super) enum Order {
    /// An event, and where its answer goes.
    Append(Clean, oneshot::Sender<Answer>),
    /// What has a transaction of its own.
    Aside(Aside),
    /// Something to be noted of a replay.
    Note(Note),
    /// A cursor waits.
    Nudge,
    /// Finish and end.
    Close,
}

/// What became of an event.
pub(super) type Answer = Result<Journaled, AppendError>;

/// The writer, before its thread runs.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) identities: Identities,
    pub(super) orders: Receiver<Order>,
    pub(super) shared: Arc<Shared>,
    pub(super) instance: InstanceName,
    pub(super) on_commit: Arc<dyn Fn(Commit) + Send + Sync>,
    pub(super) clock: Clock,
    /// The runtime of those who append, if they have one.
    pub(super) callers: Option<Handle>,
    pub(super) tuning: Tuning,
    /// Pages in the write-ahead log after the last commit.
    pub(super) log_pages: Arc<AtomicU32>,
    pub(super) checkpointer: Checkpointer,
    pub(super) sweeper: Sweeper,
    /// When the log is emptied of what was erased, if there is something.
    pub(super) scouring: Scouring,
    pub(super) patrol: Option<Patrol>,
    pub(super) lock: File,
}

/// Events that share a commit.
#[derive(Default)]
struct Batch {
    events: Vec<Clean>,
    replies: Vec<oneshot::Sender<Answer>>,
    bytes: usize,
    aside: Option<Aside>,
    notes: Vec<Note>,
    closing: bool,
}

impl Writer {
    /// Writes until it is closed, or poisoned.
    pub(super) fn run(mut self) {
        let _alarm = Alarm(Arc::clone(&self.shared));
        self.watch_log();
        loop {
            let mut batch = Batch::default();
            match self.orders.recv_timeout(self.patience()) {
                Ok(Order::Nudge) => continue,
                Ok(first) => self.gather(first, &mut batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => batch.closing = true,
            }
            let closing = batch.closing;
            let aside = batch.aside.take();
            let notes = std::mem::take(&mut batch.notes);
            match self.shared.health() {
                Health::Ok if batch.events.is_empty() && !self.shared.cursors().are_waiting() => {
                    self.tend();
                }
                Health::Ok => self.take(batch),
                Health::DiskFull if batch.events.is_empty() => self.probe(),
                Health::DiskFull => refuse(batch, AppendError::DiskFull),
                Health::Poisoned => refuse(batch, AppendError::Poisoned),
            }
            aside.into_iter().for_each(|order| self.aside(order));
            notes.into_iter().for_each(|note| self.note(note));
            if self.shared.is_poisoned() {
                return self.abandon(closing);
            }
            if closing {
                return self.finish();
            }
        }
    }

    /// How long to wait for an order before something else is due.
    fn patience(&self) -> Duration {
        match self.shared.health() {
            Health::DiskFull => self.tuning.probe_every,
            Health::Ok | Health::Poisoned if self.shared.cursors().are_waiting() => {
                self.tuning.cursor_within
            }
            Health::Ok | Health::Poisoned => {
                self.sweeper.due_in().min(self.scouring.due_in(&self.clock))
            }
        }
    }

    /// The order in hand and whatever queued meanwhile, up to a batch.
    fn gather(&self, first: Order, batch: &mut Batch) {
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Append(event, reply) => {
                    batch.bytes += event.key().len() + event.value().len();
                    batch.events.push(event);
                    batch.replies.push(reply);
                }
                Order::Aside(aside) => batch.aside = Some(aside),
                Order::Note(note) => batch.notes.push(note),
                Order::Nudge => {}
                Order::Close => batch.closing = true,
            }
            let full = batch.aside.is_some()
                || batch.events.len() >= self.tuning.batch_events
                || batch.bytes >= self.tuning.batch_bytes;
            next = if full { None } else { self.orders.try_recv().ok() };
        }
    }

    /// Writes a batch with the cursors that wait, and answers it.
    fn take(&mut self, batch: Batch) {
        let started = self.clock.steady();
        let moves = self.shared.cursors().take();
        match self.write(&batch.events, &moves) {
            Ok(answers) => {
                let took = self.clock.steady().saturating_sub(started);
                self.publish(batch, answers, took);
                self.tend();
            }
            Err(error) => {
                self.shared.cursors().restore(moves);
                let why = self.fail(&error, "a commit failed");
                refuse(batch, why);
            }
        }
    }

    /// One transaction. Nothing is committed, and no fsync spent, when nothing is new.
    fn write(&mut self, events: &[Clean], moves: &Moves) -> rusqlite::Result<Vec<Journaled>> {
        self.tuning.disk.before(&self.connection)?;
        self.identities.begin_transaction();
        let holds = self.shared.holds.borrow().clone();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers = insert(&mut self.identities, &transaction, events, &holds)?;
        let fresh = |answer: &Journaled| matches!(answer, Journaled::Fresh { .. });
        if moves.is_empty() && !answers.iter().any(fresh) {
            return Ok(answers);
        }
        moves.write(&transaction, &self.instance)?;
        ledger::publish(&transaction, &moves.published)?;
        ledger::lose(&transaction, &moves.lost)?;
        ledger::release(&transaction, &moves.released)?;
        ledger::lose_held(&transaction, &moves.lost_held)?;
        self.identities.settle(&transaction, self.tuning.settled, self.clock.now())?;
        self.tuning.disk.commit(transaction)?;
        self.identities.committed();
        Ok(answers)
    }

    /// Lets everybody know what is on disk now.
    fn publish(&mut self, batch: Batch, answers: Vec<Journaled>, took: Duration) {
        let count = batch.events.len();
        let head = self.show(&batch.events, &answers);
        self.answer(batch.replies, answers);
        if head.is_some() {
            let events = count;
            (self.on_commit)(Commit { events, took });
        }
    }

    /// Lets readers see what is new; the head, if it moved.
    fn show(&self, events: &[Clean], answers: &[Journaled]) -> Option<u64> {
        let mut head = None;
        {
            let mut tail = self.shared.tail();
            for (event, answer) in events.iter().zip(answers) {
                if let Journaled::Fresh { sequence } = *answer {
                    tail.push(stored(sequence, event));
                    head = Some(sequence);
                }
            }
        }
        if let Some(head) = head {
            self.shared.head.send_replace(head);
        }
        head
    }

    /// Answers all who waited. Waking each of them from here, outside of their runtime, would cost
    /// the writer more than writing their events; so one task inside of it does that.
    fn answer(&self, replies: Vec<oneshot::Sender<Answer>>, answers: Vec<Journaled>) {
        let several = replies.len() > 1;
        let tell = move || {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // The caller may have gone away; its event is on disk all the same.
                let _ = reply.send(Ok(answer));
            }
        };
        match &self.callers {
            Some(runtime) if several => drop(runtime.spawn(async { tell() })),
            Some(_) | None => tell(),
        }
    }

    /// What is due between two batches: a new generation, a step of retention, the rest of a
    /// checkpoint.
    fn tend(&mut self) {
        if self.identities.is_due()
            && let Err(error) = self.turn_generation()
        {
            self.fail(&error, "beginning a generation of identities failed");
        }
        self.sweep();
        self.scour_when_due();
        if self.log_pages.load(Ordering::Relaxed) > self.tuning.log_pages
            && let Err(error) = checkpoint::passive(&self.connection)
        {
            self.fail(&error, "copying the log into the database failed");
        }
    }

    fn sweep(&mut self) {
        let Self { sweeper, connection, identities, shared, tuning, .. } = self;
        if let Err(error) = sweeper.step(connection, identities, shared, tuning.disk.as_ref()) {
            self.fail(&error, "deleting what retention lets go failed");
        }
    }

    fn turn_generation(&mut self) -> rusqlite::Result<()> {
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next = self.identities.begin_next(&transaction)?;
        self.tuning.disk.commit(transaction)?;
        self.identities.turn(next);
        Ok(())
    }

    /// Decides what an error means, says so once, and gives the answer for those who waited.
    fn fail(&self, error: &rusqlite::Error, what: &'static str) -> AppendError {
        match Fault::of(error) {
            Fault::Full => {
                if self.shared.set_full(true) {
                    let every = self.tuning.probe_every;
                    tracing::error!(?every, "the journal's disk is full: events are refused");
                }
                AppendError::DiskFull
            }
            Fault::Busy => {
                tracing::warn!("another program holds the journal's lock: a batch was refused");
                AppendError::QueueFull
            }
            Fault::Broken => {
                self.shared.poison(Code::of(error), what);
                AppendError::Poisoned
            }
        }
    }

    /// Keeps count of the log's pages. The hook takes the place of SQLite's own checkpoint.
    fn watch_log(&mut self) {
        let pages = Arc::clone(&self.log_pages);
        let hook = move |_: &mut Wal, now: i32| {
            pages.store(now.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        if let Err(error) = self.connection.wal_hook(Some(hook)) {
            self.fail(&error, "watching the log failed");
        }
    }
}

/// Writes the rows of events that are new, their identities, the ledger's totals and the head.
fn insert(
    identities: &mut Identities,
    transaction: &Connection,
    events: &[Clean],
    holds: &Holds,
) -> rusqlite::Result<Vec<Journaled>> {
    let before = schema::meta::<i64>(transaction, "head")?.cast_unsigned();
    let mut head = before;
    let mut credits = Credits::default();
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        let former = event.former_id();
        let former = former.as_ref().map(|id| &id.0.0);
        if let Some(known) = identities.insert(transaction, &event.id().0.0, former)? {
            answers.push(Journaled::Duplicate { id: EventId(Digest128(known)) });
            continue;
        }
        head += 1;
        let (source, received) = (event.source(), event.received());
        let is_held = holds.keep(source, head);
        let row = Row {
            sequence: head,
            id: event.id().0.0,
            source: credits.add(transaction, source, event.kind(), received, is_held)?,
            kind: event.kind().as_str(),
            received: received.millis(),
            key: event.key(),
            value: event.value(),
        };
        row.insert(transaction)?;
        if let Some(masked) = event.masked() {
            release::keep_masked(transaction, &row, masked)?;
        }
        answers.push(Journaled::Fresh { sequence: head });
    }
    if head != before {
        credits.write(transaction)?;
        schema::set_head(transaction, head)?;
    }
    Ok(answers)
}

fn refuse(batch: Batch, why: AppendError) {
    for reply in batch.replies {
        let _ = reply.send(Err(why));
    }
}

fn stored(sequence: u64, event: &Clean) -> Stored {
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
