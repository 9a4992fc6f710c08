//! What the handle, the writer and the checkpointer share.
//!
//! Health only ever goes one way once poisoned; nothing here waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{broadcast, watch};

use super::cursors::Cursors;
use super::fault::Code;
use super::holds::Holds;
use super::read::Damaged;
use super::retention::Ages;
use super::tail::Tail;
use super::{AppendError, Health, Lane, ReadError};
use crate::bounds;
use crate::event::SourceName;

/// What the parts of one journal share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) head: watch::Sender<u64>,
    health: watch::Sender<Health>,
    closed: AtomicBool,
    /// The sources on hold, as they are on disk.
    pub(super) holds: watch::Sender<Arc<Holds>>,
    cursors: Mutex<Cursors>,
    tail: Mutex<Tail>,
    damage: Mutex<Damage>,
    /// Erased rows that the courier has come across.
    erased: Mutex<Damage>,
    /// What is being erased, for couriers that have it in their hands.
    pub(super) erasures: broadcast::Sender<Arc<[u64]>>,
    /// Erased content may still stand in the log.
    unscoured: AtomicBool,
    /// Whether every row that an unclean end left behind has been looked at.
    pub(super) looked_through: watch::Sender<bool>,
    sweeping: AtomicBool,
    /// Sources that are kept for a time of their own.
    ages: Mutex<Arc<Ages>>,
    /// Why the courier's last reading failed, if it did.
    unreadable: Mutex<Option<ReadError>>,
}

/// Damaged rows that were met since the start.
#[derive(Debug, Default)]
struct Damage {
    count: u64,
    /// Each stretch by its first sequence, with its last. None touch.
    known: BTreeMap<u64, u64>,
}

impl Damage {
    /// Those of them that are new; known from now on.
    fn learn(&mut self, met: &Damaged) -> Vec<Damaged> {
        let (mut first, mut last) = (met.first, met.last);
        let overlaps = |(_, end): &(&u64, &u64)| **end + 1 >= met.first;
        let near: Vec<(u64, u64)> = self
            .known
            .range(..=met.last + 1)
            .rev()
            .take_while(overlaps)
            .map(|(&first, &last)| (first, last))
            .collect();
        let mut new = Vec::new();
        let mut next = met.first;
        for (begin, end) in near.into_iter().rev() {
            if next < begin && next <= met.last {
                let source = met.source.clone();
                new.push(Damaged { first: next, last: met.last.min(begin - 1), source });
            }
            next = next.max(end + 1);
            (first, last) = (first.min(begin), last.max(end));
            self.known.remove(&begin);
        }
        if next <= met.last {
            new.push(Damaged { first: next, last: met.last, source: met.source.clone() });
        }
        self.known.insert(first, last);
        if self.known.len() > bounds::JOURNAL_DAMAGED_KEPT {
            self.known.pop_first();
        }
        self.count += new.iter().map(Damaged::count).sum::<u64>();
        new
    }
}

impl Shared {
    /// A healthy, open journal with this head.
    pub(super) fn new(head: u64, cursors: Cursors, tail: Tail) -> Self {
        Self {
            head: watch::Sender::new(head),
            health: watch::Sender::new(Health::Ok),
            closed: AtomicBool::new(false),
            holds: watch::Sender::default(),
            cursors: Mutex::new(cursors),
            tail: Mutex::new(tail),
            damage: Mutex::default(),
            erased: Mutex::default(),
            erasures: broadcast::Sender::new(bounds::ERASURES_TOLD),
            unscoured: AtomicBool::new(false),
            looked_through: watch::Sender::new(false),
            sweeping: AtomicBool::new(true),
            ages: Mutex::default(),
            unreadable: Mutex::default(),
        }
    }

    /// Whether an event may be queued now.
    pub(super) fn admits(&self) -> Result<(), AppendError> {
        match *self.health.borrow() {
            Health::Poisoned => Err(AppendError::Poisoned),
            _ if self.closed.load(Ordering::Acquire) => Err(AppendError::Closed),
            Health::DiskFull => Err(AppendError::DiskFull),
            Health::Ok => Ok(()),
        }
    }

    /// Why an event that was queued was never answered: its writer has ended.
    pub(super) fn ended(&self) -> AppendError {
        if self.is_poisoned() { AppendError::Poisoned } else { AppendError::Closed }
    }

    /// Takes no more events. `false` if it was closed before.
    pub(super) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Health, to be watched.
    pub(super) fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Health now.
    pub(super) fn health(&self) -> Health {
        *self.health.borrow()
    }

    /// Whether the journal has ended for good.
    pub(super) fn is_poisoned(&self) -> bool {
        self.health() == Health::Poisoned
    }

    /// Ends the journal for good, and says why once.
    pub(super) fn poison(&self, code: Code, what: &'static str) {
        if self.set_health(Health::Poisoned) {
            tracing::error!(%code, "{what}: the journal takes nothing more until a restart");
        }
    }

    /// The disk is full, or has room again. `false` if that was known, or it is too late.
    pub(super) fn set_full(&self, full: bool) -> bool {
        self.set_health(if full { Health::DiskFull } else { Health::Ok })
    }

    fn set_health(&self, to: Health) -> bool {
        self.health.send_if_modified(|health| {
            let changes = *health != to && *health != Health::Poisoned;
            if changes {
                *health = to;
            }
            changes
        })
    }

    /// The cursors.
    pub(super) fn cursors(&self) -> MutexGuard<'_, Cursors> {
        lock(&self.cursors)
    }

    /// Notes rows that are lost, and says so once of each stretch of them.
    pub(super) fn damaged(&self, met: Vec<Damaged>) {
        let mut new: Vec<Damaged> = Vec::new();
        {
            let mut damage = lock(&self.damage);
            met.iter().for_each(|met| new.extend(damage.learn(met)));
        }
        for stretch in new.chunk_by(|one, next| one.last + 1 == next.first) {
            let (Some(one), Some(other)) = (stretch.first(), stretch.last()) else { continue };
            let source = one.source.as_ref().filter(|_| stretch.len() == 1);
            tracing::error!(
                first_event = one.first,
                last_event = other.last,
                events = other.last - one.first + 1,
                source = source.map(SourceName::as_str),
                "the journal is damaged from the first to the last of these events: what was not \
                 published yet of them is lost; run hookgate journal check"
            );
        }
        let mut cursors = self.cursors();
        new.into_iter().for_each(|damaged| self.lose(&mut cursors, damaged));
    }

    fn lose(&self, cursors: &mut Cursors, lost: Damaged) {
        let held = |source: &SourceName| self.holds.borrow().keep(source, lost.first);
        let is_held = lost.source.as_ref().is_some_and(held);
        cursors.lose(lost, is_held);
    }

    /// How many rows were found damaged since the start.
    pub(super) fn damage(&self) -> u64 {
        lock(&self.damage).count
    }

    /// Notes erased rows that the courier of a lane will not publish: once its cursor has passed
    /// them they count as erased. Those that are not the lane's are another courier's, who may have
    /// them in hand; a replay's count nowhere.
    pub(super) fn erased(&self, lane: &Lane, met: &[Damaged]) {
        let mut new: Vec<Damaged> = Vec::new();
        {
            let holds = self.holds.borrow();
            let is_held =
                |met: &Damaged| met.source.as_ref().is_some_and(|of| holds.keep(of, met.first));
            let is_its = |met: &&Damaged| match lane {
                Lane::Live => !is_held(met),
                Lane::Source { source, .. } => met.source.as_ref() == Some(source) && is_held(met),
                Lane::Replay(_) => false,
            };
            let mut known = lock(&self.erased);
            met.iter().filter(is_its).for_each(|met| new.extend(known.learn(met)));
        }
        let mut cursors = self.cursors();
        new.into_iter().for_each(|erased| self.lose(&mut cursors, erased));
    }

    /// Whether erased content may still stand in the log.
    pub(super) fn set_unscoured(&self, is: bool) {
        self.unscoured.store(is, Ordering::Release);
    }

    /// What was said last.
    pub(super) fn is_unscoured(&self) -> bool {
        self.unscoured.load(Ordering::Acquire)
    }

    /// From now on these sources are kept for a time of their own.
    pub(super) fn set_ages(&self, ages: Ages) {
        *lock(&self.ages) = Arc::new(ages);
    }

    /// What was said last.
    pub(super) fn ages(&self) -> Arc<Ages> {
        Arc::clone(&lock(&self.ages))
    }

    /// Whether retention can do its work, or has stopped at a damaged page.
    pub(super) fn set_sweeping(&self, can: bool) {
        self.sweeping.store(can, Ordering::Relaxed);
    }

    /// What was said last.
    pub(super) fn is_sweeping(&self) -> bool {
        self.sweeping.load(Ordering::Relaxed)
    }

    /// Notes whether rows could be read, and says so when it changes.
    pub(super) fn set_readable(&self, after: u64, why_not: Option<ReadError>) {
        let before = std::mem::replace(&mut *lock(&self.unreadable), why_not);
        match (before == why_not, why_not) {
            (true, _) => {}
            (false, Some(error)) => tracing::error!(
                %error, after, "a human is needed: events wait in the journal and cannot be read; \
                 run hookgate journal check"
            ),
            (false, None) => tracing::info!("the journal can be read again"),
        }
    }

    /// Why rows cannot be read, if they cannot.
    pub(super) fn unreadable(&self) -> Option<ReadError> {
        *lock(&self.unreadable)
    }

    /// The newest rows.
    pub(super) fn tail(&self) -> MutexGuard<'_, Tail> {
        lock(&self.tail)
    }
}

/// A writer that ends by a defect must not look alive.
pub(super) struct Alarm(pub(super) Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.poison(Code::DEFECT, "the journal's writer ended by a defect");
        }
    }
}

/// A lock whose holder panicked guards data that each step leaves whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
