//! What a client of transactions says, on its own thread: the fate of each record, and how it is.

use std::sync::mpsc as line;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;

use super::ailments::Complaints;
use super::{client, vitals};
use crate::publish::{Failure, Heard};

/// What became of one record of a transaction, before its commit.
pub(super) enum Fate {
    Arrived { partition: i32, offset: i64 },
    Failed(Failure),
    Withdrawn,
}

/// Takes the client's callbacks, on its own thread.
pub(super) struct Receipts {
    pub(super) receipts: line::SyncSender<(usize, Fate)>,
    pub(super) complaints: Complaints,
    pub(super) heard: Heard,
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(failure) = client::ailment(&error, reason) {
            self.complaints.tell(failure);
        }
    }

    fn stats(&self, statistics: Statistics) {
        (self.heard)(vitals::of(&statistics));
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: usize) {
        let fate = match result {
            Ok(message) => {
                Fate::Arrived { partition: message.partition(), offset: message.offset() }
            }
            Err((error, _)) => client::failure(error).map_or(Fate::Withdrawn, Fate::Failed),
        };
        if self.receipts.try_send((slot, fate)).is_err() {
            // Closed: its owner is gone. Full: impossible, as the queue of the client is the bound.
            tracing::debug!("a record's fate had no reader");
        }
    }
}
