//! Onto Kafka, with a receipt.
//!
//! [`Publisher`] hands records to the client and never waits; what became of each comes back
//! through a channel as a [`Fate`]. A [`Published`] is made only from a broker's acknowledgement,
//! and the brokers acknowledge only what all in-sync replicas have: `acks=all` and idempotence are
//! set over whatever the configuration says, read back before the client is made, and logged.
//!
//! Order: librdkafka retries within a partition in order, with one request under way to a broker:
//! the brokers accept any first sequence from a client that is new to a partition, so that with
//! several a second request can overtake a first one that was refused for a while, and the client
//! would call both delivered. An acknowledgement without an offset is such a conclusion, and no
//! receipt. While records flow in batches, a record that cannot be sent ends the whole client (its
//! gapless guarantee); the owner then sends again what was not acknowledged.
//!
//! Where a [`registry`] of schemas is configured, every record says of which schema its value is,
//! and none goes out before that is known.
//!
//! Never: a record that expires in a queue (`message.timeout.ms=0`), a second word for who may
//! retry (the client within a session, the courier beyond it), a property's value in a message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::event::{EventId, Family, InstanceName, ReplayId};
use crate::secret::Secret;

mod kafka;
mod mark;
pub mod registry;

pub use kafka::{
    Ailments, Answer, Answers, Arrived, Batch, Embedded, EmbeddedError, Injected, Inspector,
    Publisher, Received, Reports, Tail, TailError, Transactor, check, read_mark, write_mark,
};
pub use mark::{Found, Mark};
pub use registry::{Framing, Registrar, Registration, Registry};

/// The media type of every value, for the header of that name.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The names of record headers.
pub mod header {
    /// The media type of the value.
    pub const CONTENT_TYPE: &str = "content-type";
    /// Its place in the journal.
    pub const SEQUENCE: &str = "hookgate-sequence";
    /// The gateway it comes from.
    pub const INSTANCE: &str = "hookgate-instance";
    /// The replay it belongs to.
    pub const REPLAY_ID: &str = "hookgate-replay-id";
    /// The W3C trace context of the delivery.
    pub const TRACE_PARENT: &str = "traceparent";
}

/// The brokers and how to speak to them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port,host:port`.
    pub brokers: String,
    /// The first part of every topic's name.
    pub topic_prefix: String,
    /// What is promised of each event.
    pub delivery: Delivery,
    /// Make missing topics; `None`: name them and wait.
    pub create_topics: Option<Creation>,
    /// librdkafka's name of the compression.
    pub compression: String,
    /// Further client properties, checked by the configuration; values never print.
    pub properties: Vec<(String, Secret)>,
    /// This gateway, for the `hookgate-instance` header and the client id.
    pub instance: InstanceName,
    /// What marks the records where they are a replay's.
    pub again: Option<Again>,
    /// Where schemas are registered; `None`: nowhere.
    pub registry: Option<Registry>,
}

/// A replay's records: the same events, marked, maybe to other topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Its name, for the `hookgate-replay-id` header.
    pub id: ReplayId,
    /// The first part of the topics' names. Cursors stay where they are.
    pub topic_prefix: String,
}

/// What the first part of a topic's name must be, for messages.
pub const TOPIC_PREFIX: &str =
    "must be 1 to 200 letters, digits, dots, hyphens or underscores, and no dot first";

/// Whether a text can be the first part of a topic's name.
pub fn is_topic_prefix(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=200).contains(&text.len()) && text.chars().all(fine) && !text.starts_with('.')
}

/// How often an event stands on Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Once, and again after some crashes.
    AtLeastOnce,
    /// Once, for consumers that read what is committed: records and cursor share a transaction.
    ExactlyOnce,
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
        let again = self.again.as_ref().map(|again| &again.topic_prefix);
        format!("{}.{}", again.unwrap_or(&self.topic_prefix), family.as_str())
    }

    /// The topic of the cursors: compacted, one partition.
    pub fn cursor_topic(&self) -> String {
        format!("{}.hookgate-cursor", self.topic_prefix)
    }

    /// What the brokers know a lane's producer by, and fence its elders by.
    pub fn transactional_id(&self, lane: &str) -> String {
        format!("{}.hookgate.{}.{lane}", self.topic_prefix, self.instance)
    }
}

/// Properties that carry the promise or have a key of their own, with their aliases. A
/// configuration may not set them; where one comes through all the same, ours wins.
pub const RESERVED: &[&str] = &[
    "acks",
    "bootstrap.servers",
    "compression.codec",
    "compression.type",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queuing.strategy",
    "request.required.acks",
    "retries",
    "test.mock.num.brokers",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Why the client cannot be made. No text holds a property's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// librdkafka has no such property.
    #[error("kafka.properties: \"{0}\" is not a property of librdkafka")]
    UnknownProperty(String),
    /// librdkafka does not take this value, or was built without what the value needs.
    #[error("kafka.properties: librdkafka refuses the value of \"{0}\"")]
    BadValue(String),
    /// The properties do not go together.
    #[error("the Kafka client cannot be made: {0}")]
    Contradiction(String),
    /// What carries the promise reads back otherwise than it was set: a defect.
    #[error("the Kafka client's {property} reads back as \"{found}\" instead of \"{promised}\"")]
    Promise {
        /// The property.
        property: &'static str,
        /// What was set.
        promised: String,
        /// What the client says.
        found: String,
    },
    /// The registry of schemas has not answered for a topic: a defect, for that is waited for.
    #[error("the schema of topic {0} is not registered")]
    Unregistered(String),
}

/// One record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event, for the `traceparent` header.
    pub id: EventId,
    /// Whose topic.
    pub family: Family,
    /// The record key.
    pub key: Bytes,
    /// The CloudEvents JSON.
    pub value: Bytes,
    /// Its place in the journal, for the header.
    pub sequence: u64,
}

/// The receipt: the brokers have the record. Made only from an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    family: Family,
    partition: i32,
    offset: i64,
}

impl Published {
    /// Whose topic.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The partition of that topic.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Its offset in that partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}

/// What stands between a record and its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The topic is not there, until a human makes it.
    UnknownTopic,
    /// The brokers do not let this client write, until a human allows it.
    Unauthorized,
    /// The brokers do not believe this client, or it does not believe them.
    Authentication,
    /// The batch that held the record is over the topic's limit.
    TooLarge,
    /// The client can no longer keep its promise and must be made anew.
    Fatal,
    /// Another producer has this one's name: a second process, or our own successor.
    Fenced,
    /// The cursor in Kafka is not this journal's, until a human decides.
    Cursor,
    /// The registry of schemas does not take ours, until a human mends that.
    Registry,
    /// No broker answers.
    Unreachable,
    /// The brokers refuse the record for another reason.
    Refused,
}

impl Trouble {
    /// Every reason, for metrics that exist at 0 from the start.
    pub const REASONS: [&'static str; 10] = [
        Self::UnknownTopic.as_str(),
        Self::Unauthorized.as_str(),
        Self::Authentication.as_str(),
        Self::TooLarge.as_str(),
        Self::Fatal.as_str(),
        Self::Fenced.as_str(),
        Self::Cursor.as_str(),
        Self::Registry.as_str(),
        Self::Unreachable.as_str(),
        Self::Refused.as_str(),
    ];

    /// The reason as the log and `hookgate_publish_failures_total` name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTopic => "unknown_topic",
            Self::Unauthorized => "unauthorized",
            Self::Authentication => "authentication",
            Self::TooLarge => "too_large",
            Self::Fatal => "fatal",
            Self::Fenced => "fenced",
            Self::Cursor => "cursor",
            Self::Registry => "registry",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

/// A failure with the client's own words for it, which are fixed texts and names of brokers and
/// topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// The client's words.
    pub detail: String,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The brokers have it.
    Acknowledged(Published),
    /// They do not, and will not take it as it was sent.
    Failed(Failure),
    /// It was taken out of the client's queue, and may or may not have arrived.
    Withdrawn,
}

/// One record's fate, under the slot it was sent with. Every record sent gets exactly one.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the sender called it.
    pub slot: usize,
    /// What became of it.
    pub fate: Fate,
}

/// A record that the client did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Its queue is full; reports will make room.
    QueueFull,
    /// It will not take it. No report follows.
    Failed(Failure),
}

/// How records are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// Many to a batch of at most so many bytes.
    Together {
        /// `batch.size`.
        bytes: usize,
    },
    /// Each in a batch of its own, so that what is refused is refused alone.
    Alone,
}

/// What the brokers were found to be, as far as they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whether a broker answered; why not otherwise.
    pub unreachable: Option<Failure>,
    /// Topics that are not there or not to be written, each with its words for a human.
    pub blocked: Vec<(Family, Failure)>,
    /// Why cursors cannot be kept, where they are to be.
    pub cursor: Option<Failure>,
    /// What is weaker or other than it should be, in words for a human.
    pub warnings: Arc<[String]>,
    /// The smallest `max.message.bytes` of the topics, in bytes; `None` while it is not known.
    pub limit: Option<usize>,
}

/// How a client is, by its own count, over all brokers. What is counted is counted since it was
/// opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Records handed over and not acknowledged: queued or on the wire.
    pub queue_records: u64,
    /// Their bytes.
    pub queue_bytes: u64,
    /// Requests on the wire that brokers have not answered.
    pub requests_in_flight: u64,
    /// Requests that could not be transmitted.
    pub request_errors: u64,
    /// Requests that were sent again.
    pub request_retries: u64,
    /// Requests that no broker answered in time.
    pub request_timeouts: u64,
    /// Connections that were tried, made or not.
    pub connects: u64,
    /// Connections that ended.
    pub disconnects: u64,
    /// The longest that a broker made the client wait, of late.
    pub throttle: Duration,
    /// The 99th percentile of the round trip to the slowest broker, of late.
    pub round_trip_p99: Duration,
}

/// Who is told now and then how a client is, on a thread of the client's. Must not block.
pub type Heard = Box<dyn Fn(Vitals) + Send + Sync>;
