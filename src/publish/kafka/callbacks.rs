//! What a client that produces says, on its own thread: how it is, and the fate of each record.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;

use super::ailments::Complaints;
use super::{client, vitals};
use crate::publish::Heard;

/// Who is told of the fates of records.
pub(super) trait Fates: Send + Sync {
    /// What became of the record of a slot. `false` where nobody could be told: its owner is gone,
    /// for the queue of the client bounds what waits.
    fn told(&self, result: &DeliveryResult<'_>, slot: usize) -> bool;
}

/// Takes a client's callbacks.
pub(super) struct Callbacks<F> {
    pub(super) fates: F,
    pub(super) complaints: Complaints,
    pub(super) heard: Heard,
}

impl<F: Fates> ClientContext for Callbacks<F> {
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

impl<F: Fates> ProducerContext for Callbacks<F> {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: usize) {
        if !self.fates.told(result, slot) {
            tracing::debug!("a record's fate had no reader");
        }
    }
}
