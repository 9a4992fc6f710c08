//! What consumers read, from the beginning: for `dev` and tests.
//!
//! Belongs to no group, commits nothing, and reads only what is committed.

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::client::{self, Quiet};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::Family;
use crate::publish::{Settings, SettingsError};

/// The topics cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The client cannot be made.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The brokers do not answer, or not as they should.
    #[error("the topics cannot be read: {0}")]
    Brokers(String),
}

impl From<KafkaError> for TailError {
    fn from(error: KafkaError) -> Self {
        Self::Brokers(error.to_string())
    }
}

/// One record as a consumer gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose topic it stood in.
    pub family: Family,
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The record key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The record's time.
    pub time: Option<Timestamp>,
}

impl Received {
    /// The first header of a name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// A reader of the four topics.
pub struct Tail {
    consumer: StreamConsumer<Quiet>,
    topics: [(Family, String); 4],
}

impl Tail {
    /// Opens every partition of those of the four topics that are there. Blocks until the brokers
    /// have named them, at most [`bounds::BROKER_REQUEST`] for each topic.
    pub fn open(settings: &Settings) -> Result<Self, TailError> {
        let consumer: StreamConsumer<Quiet> = client::base(settings)
            .set("group.id", "hookgate-tail")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .create_with_context(Quiet)
            .map_err(client::refused)?;
        let topics = Family::ALL.map(|family| (family, settings.topic(family)));
        let mut partitions = TopicPartitionList::new();
        for (_, topic) in &topics {
            let metadata = consumer.fetch_metadata(Some(topic), bounds::BROKER_REQUEST)?;
            let found = metadata.topics().iter().flat_map(|topic| topic.partitions());
            for partition in found {
                partitions.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            }
        }
        consumer.assign(&partitions)?;
        Ok(Self { consumer, topics })
    }

    /// Waits for the next record. Records of one partition come in its order.
    pub async fn next(&self) -> Result<Received, TailError> {
        loop {
            let message = match self.consumer.recv().await {
                Ok(message) => message,
                // The client goes on by itself; what it says meanwhile is no record.
                Err(KafkaError::MessageConsumption(code)) => {
                    tracing::debug!("kafka tail: {code}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let topic = self.topics.iter().find(|(_, topic)| topic == message.topic());
            let Some((family, _)) = topic else { continue };
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            return Ok(Received {
                family: *family,
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().unwrap_or_default().to_vec(),
                headers: headers
                    .map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()))
                    .collect(),
                time: message.timestamp().to_millis().map(Timestamp::from_millis),
            });
        }
    }
}
