//! Journal to Kafka (skeleton: to be written).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::Journal;
use crate::publish::Settings;
use crate::telemetry::Telemetry;

/// Reasons of `hookgate_publish_failures_total`.
pub const FAILURES: &[&str] = &["fatal"];

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
    /// It will not without a human.
    Waiting {
        /// What must be done.
        reason: String,
    },
}

/// How the courier is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How Kafka takes events.
    pub kafka: Kafka,
    /// What is weaker than it should be.
    pub warnings: Arc<[String]>,
    /// Every event up to and including this sequence is acknowledged.
    pub cursor: u64,
    /// Events handed to the client and not acknowledged.
    pub in_flight: usize,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Whether everything in the journal is acknowledged.
    pub complete: bool,
    /// The cursor it left behind.
    pub cursor: u64,
}

/// The courier of one gateway.
pub struct Courier {
    status: watch::Sender<Status>,
}

impl Courier {
    /// Starts after the journal's cursor. Waits for nothing.
    pub fn start(_: Journal, _: Settings, _: Clock, _: Arc<Telemetry>) -> Self {
        let status = Status {
            kafka: Kafka::Down {
                reason: "no broker has answered yet".to_owned(),
            },
            warnings: Arc::default(),
            cursor: 0,
            in_flight: 0,
        };
        Self {
            status: watch::channel(status).0,
        }
    }

    /// How it is, as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Publishes the rest.
    pub async fn drain(self, _deadline: Duration) -> Drained {
        Drained {
            complete: false,
            cursor: 0,
        }
    }
}
