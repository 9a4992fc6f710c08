//! What a consumer reads: every record that the four topics hold, no more and no less.

use std::collections::BTreeMap;

use hookgate::event::Family;
use hookgate::publish::{Received, Settings, Tail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PATIENCE;

/// One record, opened.
pub(crate) struct Record {
    pub(crate) received: Received,
    pub(crate) event: Value,
    pub(crate) sequence: u64,
}

impl Record {
    pub(crate) fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }
}

/// Everything from the beginning of every partition to its end as it is now.
pub(crate) async fn read(settings: &Settings) -> Vec<Record> {
    let settings = settings.clone();
    let opened = spawn_blocking(move || (held(&settings), Tail::open(&settings).unwrap()));
    let (held, tail) = opened.await.unwrap();
    let mut records = Vec::new();
    for number in 0..held {
        let next = timeout(PATIENCE, tail.next()).await;
        let next = next.unwrap_or_else(|_| panic!("only {number} of {held} records came"));
        records.push(opened_up(next.unwrap()));
    }
    records
}

fn opened_up(received: Received) -> Record {
    let event = serde_json::from_slice(&received.value).unwrap();
    let sequence = received.header("hookgate-sequence").unwrap().parse().unwrap();
    assert_eq!(received.header("hookgate-instance"), Some("gate-proof"));
    Record { received, event, sequence }
}

/// How many records the topics hold.
fn held(settings: &Settings) -> i64 {
    let mut config = ClientConfig::new();
    let config = config.set("bootstrap.servers", &settings.brokers).set("group.id", "proof");
    let consumer: BaseConsumer = config.create().unwrap();
    let count = |topic: &str, partition: i32| {
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE).unwrap();
        high - low
    };
    let of_topic = |family| {
        let topic = settings.topic(family);
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let partitions = metadata.topics().iter().flat_map(|found| found.partitions());
        partitions.map(|partition| count(&topic, partition.id())).sum::<i64>()
    };
    Family::ALL.into_iter().map(of_topic).sum()
}

/// The first record of every event, in the order in which they were read.
pub(crate) fn firsts(records: &[Record]) -> BTreeMap<&str, &Record> {
    let mut firsts = BTreeMap::new();
    for record in records {
        firsts.entry(record.id()).or_insert(record);
    }
    firsts
}

/// Under each key of a topic sequences rise, where an event counts at its first record; and a key
/// has one partition in all topics, so that consumers can join them.
pub(crate) fn assert_in_order(records: &[Record]) {
    let mut seen = BTreeMap::new();
    let mut last = BTreeMap::new();
    let mut partitions = BTreeMap::new();
    for record in records {
        let (key, partition) = (&record.received.key, record.received.partition);
        assert_eq!(*partitions.entry(key).or_insert(partition), partition);
        if let Some(sequence) = seen.insert(record.id(), record.sequence) {
            assert_eq!(sequence, record.sequence, "one event under two sequences");
            continue;
        }
        let before = last.insert((record.received.family, key), record.sequence);
        assert!(before < Some(record.sequence), "{before:?} then {}", record.sequence);
    }
}
