//! Journal to Kafka again: a chosen part, on request.
//!
//! Promises
//! - A replay publishes the same events, under the same ids, keys and sequences, in the journal's
//!   order, each marked with its name. Of what was erased or has gone by age nothing is left to
//!   publish: a replay holds nothing back from retention, and counts what was gone when it came.
//! - It is never ahead of live traffic and waits while that has enough to do, or Kafka takes none.
//!   It goes no faster than it was told; [`bounds::REPLAYS_AT_ONCE`] run, the others wait for their
//!   turn.
//! - It goes on where it was after any end of the process: after its lane's cursor in the journal,
//!   and in exactly_once after the record in Kafka that stands in the transaction of its events.
//! - It stands outside the ledger. Its totals ride with its cursor.
//!
//! How: each is a courier along a route of its own, with the courier's care for order, size and
//! topics. What is too large for Kafka is passed over: its quarantine record went out with live
//! traffic.
//!
//! [`bounds::REPLAYS_AT_ONCE`]: crate::bounds::REPLAYS_AT_ONCE

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};

use crate::bounds;
use crate::clock::Clock;
use crate::courier;
use crate::event::ReplayId;
use crate::journal::{AppendError, Ending, How, Journal, ReadError, Replay};
use crate::publish::Settings;
use crate::telemetry::Telemetry;

mod choice;
mod lookup;
mod plan;
mod turn;

pub use choice::{Choice, families, is_a_kind};
pub use plan::{CountError, Counted};

use turn::{Order, Turn};

/// What replays work with.
pub struct Parts {
    /// Where the events are.
    pub journal: Journal,
    /// Where they go.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// How live traffic is, which comes first.
    pub live: watch::Receiver<courier::Status>,
}

/// What a replay was asked. Kept in the journal as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Which events.
    pub choice: Choice,
    /// Events a second, at most.
    pub rate: u32,
    /// The first part of the topics' names.
    pub to_prefix: String,
    /// Who began it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How a replay stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is kept of it, with the totals of now.
    pub replay: Replay,
    /// What was asked.
    pub asked: Asked,
    /// Every event up to here is dealt with.
    pub position: u64,
    /// Why it waits, if it does.
    pub waits: Option<String>,
}

/// Why a replay does not begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There is no such replay.
    #[error("there is no such replay")]
    Unknown,
    /// It has ended.
    #[error("this replay has ended already")]
    Over,
    /// Too many are open.
    #[error("{} replays have not ended: cancel one, or wait for one", bounds::REPLAYS_OPEN)]
    TooMany,
    /// The gateway stops.
    #[error("the gateway stops")]
    Stopping,
    /// The journal does not take it.
    #[error(transparent)]
    NotKept(#[from] AppendError),
    /// The journal cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// A defect of ours.
    #[error("a defect of the gateway's own")]
    Defect,
}

/// All replays of a gateway. Cheap to clone.
#[derive(Clone)]
pub struct Replays {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Arc<Parts>,
    open: Mutex<BTreeMap<ReplayId, Open>>,
    turns: Arc<Semaphore>,
    tasks: Mutex<JoinSet<()>>,
    /// One begins or ends at a time.
    door: tokio::sync::Mutex<()>,
}

/// A replay that has not ended.
struct Open {
    kept: Replay,
    asked: Asked,
    orders: watch::Sender<Order>,
    turns: Arc<Semaphore>,
    /// `None` until its courier runs.
    status: watch::Receiver<Option<courier::Status>>,
}

impl Replays {
    /// Takes up those that have not ended. Needs a runtime.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub async fn start(parts: Parts) -> Result<Self, ReadError> {
        let inner = Inner {
            parts: Arc::new(parts),
            open: Mutex::default(),
            turns: Arc::new(Semaphore::new(bounds::REPLAYS_AT_ONCE)),
            tasks: Mutex::default(),
            door: tokio::sync::Mutex::default(),
        };
        let replays = Self { inner: Arc::new(inner) };
        let kept = replays.kept().await?;
        for replay in kept.into_iter().rev().filter(|replay| replay.ending.is_none()) {
            match serde_json::from_str(&replay.asked) {
                Ok(asked) => {
                    tracing::info!(id = %replay.id, "a replay goes on");
                    replays.open(replay, asked);
                }
                Err(_) => tracing::error!(
                    id = %replay.id, "a replay that a newer hookgate began is left alone"
                ),
            }
        }
        Ok(replays)
    }

    /// The first part of the topics' names where nothing else is asked.
    pub fn topic_prefix(&self) -> &str {
        &self.inner.parts.settings.topic_prefix
    }

    /// Begins one: kept in the journal when this returns.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn begin(&self, asked: Asked, counted: &Counted) -> Result<Standing, ReplayError> {
        let _door = self.inner.door.lock().await;
        if self.all_open().len() >= bounds::REPLAYS_OPEN {
            return Err(ReplayError::TooMany);
        }
        if self.inner.turns.is_closed() {
            return Err(ReplayError::Stopping);
        }
        let first = counted.first.map_or(1, |(first, _)| first);
        let replay = Replay {
            id: ReplayId::fresh(),
            asked: serde_json::to_string(&asked).map_err(|_| ReplayError::Defect)?,
            after: first.saturating_sub(1),
            through: counted.last.map_or(0, |(last, _)| last),
            total: counted.events,
            started: self.inner.parts.clock.now(),
            published: 0,
            passed_over: 0,
            ending: None,
        };
        self.inner.parts.journal.begin_replay(replay.clone()).await?;
        let id = replay.id.clone();
        tracing::info!(%id, events = replay.total, rate = asked.rate, "a replay begins");
        self.open(replay, asked);
        self.all_open().get(&id).map(Open::standing).ok_or(ReplayError::Defect)
    }

    /// Ends one; what is on Kafka stays there. Returns when nothing more of it comes.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn cancel(&self, id: &ReplayId) -> Result<Standing, ReplayError> {
        let ended = {
            let open = self.all_open();
            let found = open.get(id).map(|open| open.orders.clone());
            found.inspect(|orders| {
                orders.send_replace(Order::Cancel);
            })
        };
        let Some(ended) = ended else {
            let kept = self.report(id).await?;
            return kept.map_or(Err(ReplayError::Unknown), |_| Err(ReplayError::Over));
        };
        // Whoever carries it out lets go of the other end.
        ended.closed().await;
        self.report(id).await?.ok_or(ReplayError::Unknown)
    }

    /// All that are kept, the newest first.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub async fn list(&self) -> Result<Vec<Standing>, ReadError> {
        let kept = self.kept().await?;
        let open = self.all_open();
        let standing = |replay: Replay| match open.get(&replay.id) {
            Some(open) => Some(open.standing()),
            None => settled(replay),
        };
        Ok(kept.into_iter().filter_map(standing).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub async fn report(&self, id: &ReplayId) -> Result<Option<Standing>, ReadError> {
        if let Some(open) = self.all_open().get(id) {
            return Ok(Some(open.standing()));
        }
        Ok(self.kept().await?.into_iter().find(|kept| kept.id == *id).and_then(settled))
    }

    /// Lets all of them rest where they are, for at most so long: the next start goes on.
    pub async fn stop(&self, within: Duration) {
        self.inner.turns.close();
        for open in self.all_open().values() {
            open.orders.send_replace(Order::Rest(within.min(bounds::REPLAY_WIND_UP)));
        }
        let mut tasks = std::mem::take(&mut *lock(&self.inner.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within.saturating_add(bounds::STOP_SLACK), all).await.is_err() {
            tracing::warn!("replays did not come to rest in time and are given up");
        }
    }

    async fn kept(&self) -> Result<Vec<Replay>, ReadError> {
        let journal = self.inner.parts.journal.clone();
        let kept = spawn_blocking(move || journal.replays()).await;
        kept.unwrap_or(Err(ReadError::Busy))
    }

    fn open(&self, kept: Replay, asked: Asked) {
        let (orders, taken) = watch::channel(Order::Go);
        let (told, status) = watch::channel(None);
        let id = kept.id.clone();
        let turns = Arc::clone(&self.inner.turns);
        let turn = Turn {
            parts: Arc::clone(&self.inner.parts),
            turns: Arc::clone(&turns),
            kept: kept.clone(),
            asked: asked.clone(),
            told,
        };
        self.all_open().insert(id.clone(), Open { kept, asked, orders, turns, status });
        let replays = self.clone();
        let mut tasks = lock(&self.inner.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let mut taken = taken;
            turn.take(&mut taken).await;
            replays.all_open().remove(&id);
        });
    }

    fn all_open(&self) -> MutexGuard<'_, BTreeMap<ReplayId, Open>> {
        lock(&self.inner.open)
    }
}

impl Open {
    fn standing(&self) -> Standing {
        let mut replay = self.kept.clone();
        let status = self.status.borrow();
        let Some(status) = status.as_ref() else {
            let (asked, position) = (self.asked.clone(), replay.after);
            // One that has only just begun has its turn in a moment.
            let is_full = self.turns.available_permits() == 0;
            let waits = is_full.then(|| "its turn comes when another one has ended".to_owned());
            return Standing { replay, asked, position, waits };
        };
        replay.published += status.settled.published;
        replay.passed_over += status.settled.passed_over;
        Standing {
            replay,
            asked: self.asked.clone(),
            position: status.cursor,
            waits: waits(status),
        }
    }
}

/// Why a replay that has its turn does not publish.
fn waits(status: &courier::Status) -> Option<String> {
    match (&status.kafka, status.waits) {
        (_, Some(why)) => Some(why.to_owned()),
        (courier::Kafka::Up, None) => None,
        (courier::Kafka::Down { reason } | courier::Kafka::Waiting { reason }, None) => {
            Some(reason.clone())
        }
    }
}

/// One that has ended, as it is kept.
fn settled(replay: Replay) -> Option<Standing> {
    let asked = serde_json::from_str(&replay.asked).ok()?;
    let position = replay.ending.as_ref().map_or(replay.after, |ending| ending.position);
    Some(Standing { replay, asked, position, waits: None })
}

impl Standing {
    /// How many events were gone by the time the replay came to them. Known when it is done.
    pub fn gone(&self) -> u64 {
        let done = matches!(&self.replay.ending, Some(Ending { how: How::Done, .. }));
        let dealt = self.replay.published + self.replay.passed_over;
        if done { self.replay.total.saturating_sub(dealt) } else { 0 }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
