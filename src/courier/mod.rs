//! Journal to Kafka, for ever, in order.
//!
//! Promises
//! - Events are handed to the client in the journal's order, many in flight. The cursor is the
//!   contiguous acknowledged prefix: it moves on acknowledgements alone, never on a time-out.
//! - A broker that is absent at start or goes away for days costs nothing but waiting. A client
//!   that ends (a fatal error) is made anew and sends what was not acknowledged; what was
//!   acknowledged beyond a gap is not sent again.
//! - A missing topic, or one that may not be written, is waited for, loudly, and delays no other
//!   family while there is room in the window.
//! - A batch that the brokers refuse for its size is taken apart: what was in flight is sent again,
//!   each record alone, and only what is refused alone goes to quarantine, under its own key. It
//!   counts as published when its quarantine record is acknowledged.
//!
//! Never: a delivery that waits for Kafka; an event that is skipped.
//!
//! What is said here of acknowledgements is [`Delivery::AtLeastOnce`]; with
//! [`Delivery::ExactlyOnce`] the same window goes out in transactions, each with the cursor, and
//! Kafka's cursor counts, not the journal's (`exact.rs`, `takeover.rs`, `judge.rs`).
//!
//! What it carries is a [`Route`]: live traffic for ever, or a part of the journal to an end, at a
//! pace and behind live traffic. Events that are not of its route are passed; in Kafka its cursor
//! moves over them once a second. On a replay what is too large even alone is passed over.
//!
//! It has a thread of its own, because reading the journal and closing a client block.

use std::ops::AddAssign;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::bounds;
use crate::clock::Clock;
use crate::journal::Journal;
#[cfg(doc)]
use crate::publish::Delivery;
use crate::publish::{Settings, Trouble};
use crate::telemetry::Telemetry;

mod exact;
mod fates;
mod holds;
pub mod judge;
mod line;
mod outlook;
mod pace;
mod pause;
mod progress;
mod reading;
mod route;
mod run;
mod setback;
mod takeover;
mod trail;
mod vitals;
mod window;

pub use route::{Route, Wanted};

/// Reasons of `hookgate_publish_failures_total`.
pub const FAILURES: &[&str] = &Trouble::REASONS;

/// How Kafka takes events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kafka {
    /// It does.
    Up,
    /// No broker answers; it will go on by itself.
    Down {
        /// Why, as far as it is known.
        reason: String,
    },
    /// It will not without a human: a missing topic, a refused client or record.
    Waiting {
        /// What must be done, in words such as "topic video.lifecycle is missing".
        reason: String,
    },
}

/// How the courier is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How Kafka takes events.
    pub kafka: Kafka,
    /// What is weaker than it should be: too few replicas, unequal partitions.
    pub warnings: Arc<[String]>,
    /// Every event up to and including this sequence is acknowledged.
    pub cursor: u64,
    /// Events handed to the client and not acknowledged.
    pub in_flight: usize,
    /// What became of its events since it began, as far as the cursor has moved over them.
    pub settled: Settled,
    /// Why it waits for who comes first, if it does.
    pub waits: Option<&'static str>,
    /// How it ended, where its route has an end.
    pub end: Option<End>,
}

/// What became of events that the cursor has moved over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The brokers have them.
    pub published: u64,
    /// They were given up: too large for Kafka even alone, on a replay.
    pub passed_over: u64,
}

impl AddAssign for Settled {
    fn add_assign(&mut self, more: Self) {
        self.published += more.published;
        self.passed_over += more.passed_over;
    }
}

/// How a courier ended whose route has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It came to it.
    Through,
    /// It cannot go on: its cursor in Kafka is not this journal's, or somebody else publishes under
    /// its name. [`Status::kafka`] says which.
    Stopped,
}

impl Status {
    fn new(cursor: u64) -> Self {
        Self {
            kafka: Kafka::Down { reason: outlook::NO_ANSWER_YET.to_owned() },
            warnings: Arc::default(),
            cursor,
            in_flight: 0,
            settled: Settled::default(),
            waits: None,
            end: None,
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Whether everything in the journal is acknowledged.
    pub complete: bool,
    /// The cursor it left behind.
    pub cursor: u64,
}

/// The courier of one gateway. Dropped without a drain, it stops at once; the cursor stands where
/// the last acknowledgement put it.
pub struct Courier {
    orders: mpsc::Sender<Drain>,
    status: watch::Receiver<Status>,
}

struct Drain {
    deadline: Duration,
    done: oneshot::Sender<Drained>,
}

impl Courier {
    /// Starts live traffic after the journal's cursor. Waits for nothing.
    pub fn start(
        journal: Journal,
        settings: Settings,
        clock: Clock,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self::along(Route::live(), journal, settings, clock, telemetry)
    }

    /// Starts along a route, which may have an end: there the courier stops by itself. Waits for
    /// nothing.
    pub fn along(
        route: Route,
        journal: Journal,
        settings: Settings,
        clock: Clock,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let (orders, taken) = mpsc::channel(1);
        let (status_in, status) = watch::channel(Status::new(0));
        let name = format!("courier {}", route.lane.name());
        let parts = run::Parts { journal, settings, clock, telemetry, route, status: status_in };
        let thread = thread::Builder::new().name(name);
        if let Err(error) = thread.spawn(move || run::for_ever(&parts, taken)) {
            tracing::error!(
                "the courier's thread cannot be started, nothing is published: {error}"
            );
        }
        Self { orders, status }
    }

    /// How it is, as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Publishes what the journal holds until all of it is acknowledged or the deadline has passed,
    /// moves the cursor and stops. To be called when nothing is appended any more. A route that has
    /// an end is not hurried to it: only what is under way is waited for.
    pub async fn drain(self, deadline: Duration) -> Drained {
        let (done, drained) = oneshot::channel();
        let order = Drain { deadline, done };
        let ended = || Drained { complete: false, cursor: self.status.borrow().cursor };
        if self.orders.send(order).await.is_err() {
            return ended();
        }
        match timeout(deadline.saturating_add(bounds::STOP_SLACK), drained).await {
            Ok(Ok(drained)) => drained,
            Ok(Err(_)) => ended(),
            Err(_) => {
                tracing::error!("the courier did not end in time and is given up");
                ended()
            }
        }
    }
}
