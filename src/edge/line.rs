//! What a connection's socket, its service and its owner tell each other.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

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
    busy: AtomicBool,
    stalled: AtomicBool,
    whole: AtomicBool,
    unread: AtomicBool,
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
        !self.busy.load(Ordering::SeqCst) || self.stalled.load(Ordering::SeqCst)
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

    /// The request at hand is answered without being read to its end.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::SeqCst);
    }

    /// Whether that happened.
    pub(super) fn unread(&self) -> bool {
        self.unread.load(Ordering::SeqCst)
    }
}
