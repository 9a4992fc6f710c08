//! Onto Kafka, with a receipt (skeleton: to be written).

use crate::event::{Family, InstanceName};
use crate::secret::Secret;

/// The brokers and how to speak to them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port,host:port`.
    pub brokers: String,
    /// The first part of every topic's name.
    pub topic_prefix: String,
    /// Make missing topics; `None`: name them and wait.
    pub create_topics: Option<Creation>,
    /// librdkafka's name of the compression.
    pub compression: String,
    /// Further client properties, checked by the configuration; values never print.
    pub properties: Vec<(String, Secret)>,
    /// This gateway, for the `hookgate-instance` header and the client id.
    pub instance: InstanceName,
}

/// How missing topics are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Partitions of each topic.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication_factor: i32,
}

impl Settings {
    /// The topic of a family.
    pub fn topic(&self, family: Family) -> String {
        format!("{}.{}", self.topic_prefix, family.as_str())
    }
}
