//! What a consumer reads: every committed record that the four topics hold, with read_committed,
//! each partition to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hookgate::event::Family;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::judge;
use crate::proof::PATIENCE;

/// One record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) family: Family,
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) sequence: u64,
    pub(crate) digest: u64,
    /// Of a quarantined one.
    pub(crate) reason: Option<String>,
}

/// Makes the four topics, with settings of their own, and the one for cursors.
pub(crate) async fn make(brokers: &str, prefix: &str, settings: &[(&str, &str)]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let names = Family::ALL.map(|family| format!("{prefix}.{}", family.as_str()));
    let topics = names.iter().map(|name| {
        let topic = NewTopic::new(name, 4, TopicReplication::Fixed(1));
        settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
    });
    let mut topics: Vec<_> = topics.collect();
    // For exactly-once delivery; otherwise it stays empty.
    let cursor = format!("{prefix}.hookgate-cursor");
    let cursors = NewTopic::new(&cursor, 1, TopicReplication::Fixed(1));
    topics.push(cursors.set("cleanup.policy", "compact"));
    for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
        made.map_err(|(topic, code)| anyhow::anyhow!("{topic} cannot be made: {code}"))?;
    }
    Ok(())
}

/// All of it; partitions one after the other, each in its order.
pub(crate) async fn read(brokers: &str, prefix: &str) -> Result<Vec<Record>> {
    let (brokers, prefix) = (brokers.to_owned(), prefix.to_owned());
    spawn_blocking(move || read_all(&brokers, &prefix)).await?
}

fn read_all(brokers: &str, prefix: &str) -> Result<Vec<Record>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "ledger")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut open = TopicPartitionList::new();
    let topics = Family::ALL.map(|family| (format!("{prefix}.{}", family.as_str()), family));
    for (topic, _) in &topics {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
            open.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
    }
    consumer.assign(&open)?;
    let mut left = open.count();
    let mut read: BTreeMap<(String, i32), Vec<Record>> = BTreeMap::new();
    while left > 0 {
        let polled = consumer.poll(Duration::from_secs(60)).context("the topics do not end")?;
        let message = match polled {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => {
                left -= 1;
                continue;
            }
            Err(error) => bail!("the topics cannot be read: {error}"),
        };
        let family = topics.iter().find(|(topic, _)| topic == message.topic());
        let family = family.context("a topic that was asked for")?.1;
        let place = (message.topic().to_owned(), message.partition());
        read.entry(place).or_default().push(opened(&message, family)?);
    }
    Ok(read.into_values().flatten().collect())
}

fn opened(message: &impl Message, family: Family) -> Result<Record> {
    let value = message.payload().context("a record has a value")?;
    let event: Value = serde_json::from_slice(value).context("a record is JSON")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let headers = message.headers().context("a record has headers")?;
    let sequence = headers.iter().find(|header| header.key == "hookgate-sequence");
    let sequence = sequence.and_then(|header| header.value).context("a record has a sequence")?;
    Ok(Record {
        family,
        partition: message.partition(),
        key: message.key().unwrap_or_default().to_vec(),
        id: text(&event["id"]).context("a record has an id")?,
        source: text(&event["source"]).context("a record has a source")?,
        sequence: std::str::from_utf8(sequence)?.parse()?,
        digest: judge::digest(value),
        reason: text(&event["data"]["reason"]),
    })
}
