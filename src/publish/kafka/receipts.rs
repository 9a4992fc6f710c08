//! The fates of a transaction's records, before its commit.

use std::sync::mpsc as line;

use rdkafka::message::{DeliveryResult, Message as _};

use super::callbacks::Fates;
use super::client;
use crate::publish::Failure;

/// What became of one record of a transaction, before its commit.
pub(super) enum Fate {
    Arrived { partition: i32, offset: i64 },
    Failed(Failure),
    Withdrawn,
}

/// Where they arrive.
pub(super) struct Receipts(pub(super) line::SyncSender<(usize, Fate)>);

impl Fates for Receipts {
    fn told(&self, result: &DeliveryResult<'_>, slot: usize) -> bool {
        let fate = match result {
            Ok(message) => {
                Fate::Arrived { partition: message.partition(), offset: message.offset() }
            }
            Err((error, _)) => client::failure(error).map_or(Fate::Withdrawn, Fate::Failed),
        };
        self.0.try_send((slot, fate)).is_ok()
    }
}
