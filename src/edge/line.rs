//! What a connection's socket, its service and its owner tell each other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How a connection is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Leave {
    /// Not at all.
    Stay = 0,
    /// As soon as what has come is answered.
    Finish = 1,
    /// Now, unless a request is being answered: a head that is not complete is given up.
    Now = 2,
}

/// The state of one connection, shared.
#[derive(Debug, Default)]
pub(super) struct Line {
    leave: AtomicU8,
    /// Whether a request is under way that has the connection for itself.
    busy: AtomicBool,
    stalled: AtomicBool,
    whole: AtomicBool,
    unread: AtomicBool,
    /// Whether it carries many requests at a time.
    shared: AtomicBool,
    /// Those under way, where it does.
    turns: AtomicUsize,
    /// How many have begun.
    begun: AtomicU64,
    /// Those with a piece of an answer that nobody has come for, and since when by the
    /// steady clock.
    unsent: Mutex<HashMap<u64, Duration>>,
    spoken_for: OnceLock<IpAddr>,
    told: Notify,
}

impl Line {
    /// Asks the connection to end; never takes back what was asked before.
    pub(super) fn leave(&self, how: Leave) {
        self.leave.fetch_max(how as u8, Ordering::SeqCst);
        self.told.notify_one();
    }

    /// How it was asked to end.
    pub(super) fn asked(&self) -> Leave {
        match self.leave.load(Ordering::SeqCst) {
            0 => Leave::Stay,
            1 => Leave::Finish,
            _ => Leave::Now,
        }
    }

    /// Waits until it is asked to end.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// A trusted proxy has said whom it speaks for.
    pub(super) fn speak_for(&self, address: IpAddr) {
        self.spoken_for.get_or_init(|| address);
    }

    /// Whose connection it is: the one spoken for, else the one at the other end.
    pub(super) fn origin(&self, socket: IpAddr) -> IpAddr {
        self.spoken_for.get().copied().unwrap_or(socket)
    }

    /// A head has come; `whole`: with all of its body.
    pub(super) fn begin(&self, whole: bool) {
        self.busy.store(true, Ordering::SeqCst);
        self.whole.store(whole, Ordering::SeqCst);
    }

    /// The next head is awaited.
    pub(super) fn rest(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    /// The client does not read its answer, or reads on.
    pub(super) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }

    /// Whether nothing is lost with it: no request is being answered, or the answer is not read.
    pub(super) fn may_be_sent_away(&self) -> bool {
        let is_read = || {
            let turns = self.turns.load(Ordering::SeqCst);
            turns == 0 || self.unsent().len() < turns
        };
        !self.is_busy() || self.stalled.load(Ordering::SeqCst) || !is_read()
    }

    /// Since when the client has left the oldest answer unread that waits for it, among many.
    pub(super) fn unsent_since(&self) -> Option<Duration> {
        self.unsent().values().min().copied()
    }

    fn unsent(&self) -> MutexGuard<'_, HashMap<u64, Duration>> {
        // Nothing panics while it is held.
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is asked to end at once.
    pub(super) async fn told_now(&self) {
        while self.asked() != Leave::Now {
            self.told().await;
        }
    }

    /// Whether the body of the request at hand came along with its head.
    pub(super) fn whole(&self) -> bool {
        self.whole.load(Ordering::SeqCst)
    }

    /// The request at hand is answered without being read to its end; whether the connection ends
    /// with it.
    pub(super) fn leave_unread(&self) -> bool {
        let ends = !self.shared.load(Ordering::SeqCst);
        if ends {
            self.unread.store(true, Ordering::SeqCst);
        }
        ends
    }

    /// It carries many requests at a time: none of them is the one at hand.
    pub(super) fn share(&self) {
        self.shared.store(true, Ordering::SeqCst);
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) || self.turns.load(Ordering::SeqCst) > 0
    }

    /// Whether that happened.
    pub(super) fn unread(&self) -> bool {
        self.unread.load(Ordering::SeqCst)
    }
}

/// One request of many on a connection, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Turn {
    line: Arc<Line>,
    id: u64,
}

impl Turn {
    /// One more.
    pub(super) fn of(line: Arc<Line>) -> Self {
        line.turns.fetch_add(1, Ordering::SeqCst);
        let id = line.begun.fetch_add(1, Ordering::SeqCst);
        Self { line, id }
    }

    /// The next piece of its answer waits until the client makes room for it: from now on the
    /// client has its time, as the steady clock says.
    pub(super) fn offer(&self, now: Duration) {
        let is_new = self.line.unsent().insert(self.id, now).is_none();
        if is_new {
            self.line.told.notify_one();
        }
    }

    /// The client waits for us.
    pub(super) fn owe(&self) {
        self.line.unsent().remove(&self.id);
    }

    /// On which connection.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.owe();
        self.line.turns.fetch_sub(1, Ordering::SeqCst);
        self.line.told.notify_one();
    }
}
