//! Finding events among millions, beside the road.
//!
//! Promises
//! - Searching never slows a delivery: the search file is another database with connections of its
//!   own, filled by a thread of its own from what is committed (`follower.rs`). How far it is
//!   behind is said ([`Search::standing`]).
//! - Losing it loses nothing: a file that is missing, damaged, of another version or of another
//!   journal is thrown away and filled anew, the oldest events first. Only receipts and counts of
//!   repeated deliveries are then unknown.
//! - A page costs what it gives and not what there is (`query.rs`, `runs.rs`): at ten million
//!   events a filtered page takes a few milliseconds. Every question has a time limit, and only so
//!   many are answered at one time.
//! - What left the journal leaves the search file: by age in small steps, by forgetting at once,
//!   overwritten, and out of its log (`gone.rs`).
//!
//! Never: a value that the boundary did not let out. How an event stands is not kept but told from
//! where the lanes are (`state.rs`).

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use super::ReadError;
use super::fault::Code;
use super::shared::Shared;
use crate::bounds;
use crate::clock::Clock;
use crate::event::{Digest128, Family, QuarantineReason};

mod beside;
mod file;
mod fill;
mod follower;
mod gone;
mod notes;
mod place;
mod query;
mod runs;
mod state;
mod wanted;
mod words;

pub use notes::Notes;
pub use state::{Held, Positions, State, state_of};
pub use wanted::{Page, Row, Span, Wanted};
pub use words::{Term, Words};

pub(super) use notes::{Noted, notes};

use follower::{Follower, Order};
use place::Place;
use query::Question;

/// Why a question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// As many as may are asking.
    #[error("as many questions as may be asked at one time are being answered")]
    Busy,
    /// It took longer than it may.
    #[error("the question takes too long")]
    TooSlow,
    /// The file is being made, or cannot be.
    #[error("the search file is not there yet")]
    NotYet,
    /// More than [`bounds::SEARCH_FORGET_EVENTS`] at one time.
    #[error("too many events at one time")]
    TooMany,
    /// The file cannot be read or written now; it will be filled anew, or tried again.
    #[error("the search file cannot be used now: {0}")]
    Unusable(Code),
    /// The journal was closed.
    #[error("searching has ended")]
    Ended,
}

/// How far the search file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The highest sequence that it knows.
    pub through: u64,
    /// It is being filled anew: what it does not know yet is not found.
    pub rebuilding: bool,
}

/// What was noted of an event beside the road.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Where it stands on Kafka: the topic's family, partition, offset. `None`: not there, or
    /// unknown.
    pub receipt: Option<(Family, i32, i64)>,
    /// How often it was delivered again. `None`: unknown.
    pub redeliveries: Option<u64>,
}

/// The search file of one journal, while it is open.
pub struct Search {
    orders: SyncSender<Order>,
    standing: watch::Receiver<Standing>,
    place: Place,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a search file follows.
pub(super) struct Followed {
    /// The journal's folder.
    pub(super) dir: PathBuf,
    /// Its database.
    pub(super) database: PathBuf,
    /// What tells it from every other.
    pub(super) epoch: Digest128,
    /// Its head and newest rows.
    pub(super) shared: Arc<Shared>,
    /// What is noted beside the road.
    pub(super) noted: Noted,
}

impl Search {
    /// Begins to follow. Waits for nothing.
    pub(super) fn start(of: Followed, clock: Clock) -> Self {
        let (orders, taken) = sync_channel(bounds::SEARCH_QUESTIONS);
        let (tell, standing) = watch::channel(Standing::default());
        let place = Place::default();
        let follower = Follower::new(of, tell, place.clone(), clock.clone());
        let thread = Builder::new()
            .name("journal-search".into())
            .spawn(move || follower.run(&taken))
            .inspect_err(|error| tracing::error!(%error, "searching cannot be started"));
        Self { orders, standing, place, clock, thread: Mutex::new(thread.ok()) }
    }

    /// How far it is, as it changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// At most `limit` events below a sequence that are meant, the newest first. Blocks.
    pub fn page(
        &self,
        wanted: &Wanted,
        at: &Positions,
        before: u64,
        limit: usize,
    ) -> Result<Page, SearchError> {
        self.ask(|connection, in_time| {
            Question::new(connection, wanted, at, before)?.page(limit, in_time)
        })
    }

    /// Between which sequences events can lie that are meant, by when they were received. Blocks.
    pub fn span(&self, wanted: &Wanted) -> Result<Span, SearchError> {
        let at = Positions::default();
        self.ask(|connection, _| Ok(Some(Question::new(connection, wanted, &at, u64::MAX)?.span())))
    }

    /// How many events there are that are meant, by reason of quarantine. Blocks.
    pub fn reasons(
        &self,
        wanted: &Wanted,
        at: &Positions,
    ) -> Result<std::collections::BTreeMap<QuarantineReason, u64>, SearchError> {
        self.ask(|connection, in_time| {
            Question::new(connection, wanted, at, u64::MAX)?.reasons(in_time)
        })
    }

    /// What is known of one event, and what was noted of it beside the road. Blocks.
    pub fn event(&self, sequence: u64) -> Result<(Option<Row>, Facts), SearchError> {
        let (wanted, at) = (Wanted::default(), Positions::default());
        self.ask(|connection, _| {
            let row = Question::new(connection, &wanted, &at, u64::MAX)?.row(sequence)?;
            Ok(Some((row, facts(connection, sequence)?)))
        })
    }

    /// Takes everything out that events could be found by, besides their ids, also of those that
    /// the file does not know yet. `true` when nothing of it is left in the file and its log;
    /// `false` when a reader kept the log from being emptied: ask again, with no sequences, too.
    /// At most [`bounds::SEARCH_FORGET_EVENTS`]. Blocks.
    pub fn forget(&self, sequences: Vec<u64>) -> Result<bool, SearchError> {
        if sequences.len() > bounds::SEARCH_FORGET_EVENTS {
            return Err(SearchError::TooMany);
        }
        let (reply, answer) = sync_channel(1);
        self.orders.send(Order::Forget(sequences, reply)).map_err(|_| SearchError::Ended)?;
        match answer.recv_timeout(bounds::SEARCH_FORGET_WAIT) {
            Ok(done) => done,
            Err(RecvTimeoutError::Timeout) => Err(SearchError::Busy),
            Err(RecvTimeoutError::Disconnected) => Err(SearchError::Ended),
        }
    }

    /// Takes in what is committed and noted, and ends. Blocks.
    pub(super) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        drop(self.orders.send(Order::Stop));
        if thread.join().is_err() {
            tracing::error!("the thread that follows the journal had ended by a defect");
        }
    }

    /// Asks with a connection that nobody else has, in one view of the file, for a bounded time.
    fn ask<T>(
        &self,
        read: impl Fn(&Connection, &dyn Fn() -> bool) -> rusqlite::Result<Option<T>>,
    ) -> Result<T, SearchError> {
        let Some(readers) = self.place.readers(bounds::SEARCH_TURN) else {
            return Err(SearchError::NotYet);
        };
        let end = self.clock.steady().saturating_add(bounds::SEARCH_TIME);
        let found = readers.with(|connection| {
            let clock = self.clock.clone();
            let late = move || clock.steady() >= end;
            connection.progress_handler(bounds::SEARCH_LOOK_EVERY, Some(late))?;
            let found = connection
                .unchecked_transaction()
                .and_then(|_view| read(connection, &|| self.clock.steady() < end));
            connection.progress_handler(0, None::<fn() -> bool>)?;
            Ok(found?)
        });
        match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(SearchError::TooSlow),
            Err(ReadError::Busy) => Err(SearchError::Busy),
            Err(ReadError::Sqlite(code)) if code.is_interrupt() => Err(SearchError::TooSlow),
            Err(ReadError::Sqlite(code)) => {
                if code.is_unreadable() {
                    drop(self.orders.try_send(Order::Anew));
                }
                Err(SearchError::Unusable(code))
            }
            Err(ReadError::UnknownKind { .. }) => Err(SearchError::Unusable(Code::DEFECT)),
        }
    }
}

fn facts(connection: &Connection, sequence: u64) -> rusqlite::Result<Facts> {
    let counted_after: i64 = super::schema::meta(connection, "counted_after")?;
    let sequence = sequence.cast_signed();
    let receipt = connection
        .prepare_cached("SELECT family, partition, place FROM receipt WHERE sequence = ?1")?
        .query_row([sequence], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let family = |number| Family::ALL.into_iter().find(|family| *family as i64 == number);
    let receipt = receipt.and_then(|(number, partition, offset)| {
        family(number).map(|family| (family, partition, offset))
    });
    let times: Option<i64> = connection
        .prepare_cached("SELECT times FROM again WHERE sequence = ?1")?
        .query_row([sequence], |row| row.get(0))
        .optional()?;
    let counted = sequence > counted_after;
    let redeliveries = counted.then_some(times.unwrap_or_default().unsigned_abs());
    Ok(Facts { receipt, redeliveries })
}

#[cfg(test)]
mod tests;
