//! Letting the events of sources on hold go out, each source in a lane of its own.
//!
//! Promises: held events go out before the source's newer ones, in order; no other source waits for
//! it but for the moment of the last step; whatever the configuration's modes become meanwhile, and
//! wherever the process ends, what is held stays so until it is out. A source that has left the
//! configuration keeps its events held.
//!
//! How: see `journal/holds.rs` for the states. One task looks after all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::bounds;
use crate::clock::Clock;
use crate::courier::{Courier, Route, Status};
use crate::event::{Mode, SourceName};
use crate::journal::{Hold, Holds, Journal};
use crate::publish::Settings;
use crate::telemetry::Telemetry;

/// What the configuration wishes of each source.
pub type Wishes = BTreeMap<SourceName, Mode>;

/// What it works with.
pub struct Parts {
    /// Where the holds are.
    pub journal: Journal,
    /// The brokers.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// How live traffic is.
    pub live: watch::Receiver<Status>,
}

/// Looks after the sources on hold, until it is stopped or dropped.
pub struct Keeper {
    wishes: watch::Sender<Wishes>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Begins. Needs a runtime.
    pub fn start(parts: Parts, wishes: Wishes) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (wishes, wished) = watch::channel(wishes);
        let work = Work { parts, lanes: BTreeMap::new() };
        let task = tokio::spawn(work.go_on(wished, stopped));
        Self { wishes, stop, task: Mutex::new(Some(task)) }
    }

    /// What the configuration wishes from now on.
    pub fn wish(&self, wishes: Wishes) {
        self.wishes.send_replace(wishes);
    }

    /// Lets what is under way end, and no more. The next start goes on from there.
    pub async fn stop(&self, within: Duration) {
        self.stop.send_replace(true);
        let Some(mut task) = self.task().take() else { return };
        if timeout(within, &mut task).await.is_err() {
            task.abort();
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }
}

struct Work {
    parts: Parts,
    lanes: BTreeMap<SourceName, Lane>,
}

/// A source on its way out.
struct Lane {
    courier: Courier,
    status: watch::Receiver<Status>,
    /// Since when live traffic may wait for it, by the steady clock.
    settled: Option<Duration>,
    /// The last step is not tried before.
    not_before: Duration,
}

impl Work {
    async fn go_on(
        mut self,
        mut wished: watch::Receiver<Wishes>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut changed = self.parts.journal.holds();
        loop {
            let holds = changed.borrow_and_update().clone();
            let wishes = wished.borrow_and_update().clone();
            for (source, hold) in holds.each() {
                let goes = wishes.get(source) == Some(&Mode::Live);
                self.step(source, hold, goes).await;
            }
            let idle = holds.each().all(|(source, hold)| {
                hold.until.is_none() && wishes.get(source) != Some(&Mode::Live)
            });
            let look = async {
                match idle {
                    true => std::future::pending().await,
                    false => sleep(bounds::HOLD_LOOK).await,
                }
            };
            tokio::select! {
                Ok(()) = changed.changed() => {}
                Ok(()) = wished.changed() => {}
                () = look => {}
                // An error means that nobody is there any more.
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        for (_, lane) in std::mem::take(&mut self.lanes) {
            lane.courier.drain(bounds::HOLD_WIND_UP).await;
        }
    }

    async fn step(&mut self, source: &SourceName, hold: Hold, goes: bool) {
        match (hold.until, goes) {
            (None, false) => self.wind_up(source).await,
            (Some(_), false) => self.take_back(source).await,
            (None, true) => self.let_out(source, hold).await,
            (Some(until), true) => self.finish(source, hold, until).await,
        }
    }

    /// Its events go out; once the lane is near the head, the last step is tried.
    async fn let_out(&mut self, source: &SourceName, hold: Hold) {
        let Some(lane) = self.lane(source, hold) else { return };
        let through = lane.status.borrow().cursor;
        let early = lane.not_before;
        let now = self.parts.clock.steady();
        let head = *self.parts.journal.head().borrow();
        let live = self.parts.live.borrow().cursor;
        let near = head.saturating_sub(through.min(live)) <= bounds::HOLD_NEAR_EVENTS;
        if near && now >= early && self.parts.journal.settle(source).await.is_ok() {
            self.timed(source, Some(now), Duration::ZERO);
        }
    }

    /// Waits until all that is held is out, and for no longer than live traffic can.
    async fn finish(&mut self, source: &SourceName, hold: Hold, until: u64) {
        let now = self.parts.clock.steady();
        let Some(lane) = self.lane(source, hold) else { return };
        let since = *lane.settled.get_or_insert(now);
        let through = lane.status.borrow().cursor;
        if through >= until && self.parts.live.borrow().cursor >= until {
            self.wind_up(source).await;
            if self.parts.journal.lift(source).await.is_ok() {
                tracing::info!(%source, through, "live again: what was held is out");
            }
        } else if now.saturating_sub(since) > bounds::HOLD_PATIENCE {
            self.take_back(source).await;
        }
    }

    /// Back to where everything of the source is held.
    async fn take_back(&mut self, source: &SourceName) {
        let again = self.parts.clock.steady().saturating_add(bounds::HOLD_AGAIN);
        // Where it cannot be written now, it is tried again with the next look.
        if self.parts.journal.hold(vec![source.clone()]).await.is_ok() {
            self.timed(source, None, again);
        }
    }

    fn timed(&mut self, source: &SourceName, settled: Option<Duration>, not_before: Duration) {
        if let Some(lane) = self.lanes.get_mut(source) {
            (lane.settled, lane.not_before) = (settled, not_before);
        }
    }

    /// The source's lane; begun where live traffic has published what came before the hold.
    fn lane(&mut self, source: &SourceName, hold: Hold) -> Option<&mut Lane> {
        let Parts { journal, settings, clock, telemetry, live } = &self.parts;
        if !self.lanes.contains_key(source) {
            if live.borrow().cursor < hold.since {
                return None;
            }
            let route = Route::held(hold.lane(source), hold.since);
            tracing::info!(%source, since = hold.since, "what is held goes out");
            let courier = Courier::along(
                route,
                journal.clone(),
                settings.clone(),
                clock.clone(),
                telemetry.clone(),
            );
            let status = courier.status();
            let lane = Lane { courier, status, settled: None, not_before: Duration::ZERO };
            self.lanes.insert(source.clone(), lane);
        }
        self.lanes.get_mut(source)
    }

    /// Ends the lane with what is under way.
    async fn wind_up(&mut self, source: &SourceName) {
        if let Some(lane) = self.lanes.remove(source) {
            lane.courier.drain(bounds::HOLD_WIND_UP).await;
        }
    }
}

/// The sources that are to be put on hold, or back: those that are to be held and are not.
pub fn due(wishes: &Wishes, holds: &Holds) -> Vec<SourceName> {
    let is_due = |source: &SourceName| holds.of(source).is_none_or(|hold| hold.until.is_some());
    let held = wishes.iter().filter(|(_, mode)| **mode == Mode::Hold).map(|(source, _)| source);
    held.filter(|source| is_due(source)).cloned().collect()
}
