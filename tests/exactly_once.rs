//! `delivery = "exactly_once"` on a real Apache Kafka: what consumers of committed records read.
//!
//! `HOOKGATE_TEST_KAFKA=host:port` names a broker (`tests/kafka/broker start DIR`); tests that harm
//! a broker start one of their own. Without Kafka these tests fail.

#![cfg(test)]

use std::collections::BTreeSet;

use hookgate::courier::Kafka;
use hookgate::event::Family;
use hookgate::publish::{Creation, Delivery, Received, Settings, read_mark};
use tokio::task::spawn_blocking;

#[path = "it/brokers.rs"]
mod brokers;
#[path = "it/depot.rs"]
mod depot;

use brokers::{ALL, Own, given, make};
use depot::{Depot, assert_in_order, assert_once_and_in_order, read, sequences, until, waits_for};

const FOUR: Creation = Creation { partitions: 4, replication_factor: 1 };

/// Topics of our own on the broker that the environment names, made when needed.
fn exactly() -> Settings {
    Settings { delivery: Delivery::ExactlyOnce, create_topics: Some(FOUR), ..given() }
}

/// Where Kafka's cursor stands.
async fn marked(settings: &Settings) -> u64 {
    let settings = settings.clone();
    let found = spawn_blocking(move || read_mark(&settings, "live").unwrap()).await.unwrap();
    found.unwrap().mark.unwrap().sequence
}

fn quarantined(records: &[Received]) -> Vec<u64> {
    let found = records.iter().filter(|record| record.family == Family::Quarantine);
    sequences(&found.cloned().collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_committed_once_with_its_cursor() {
    let depot = Depot::new(exactly());
    depot.keep(500).await;
    let courier = depot.courier();
    depot.keep(500).await;
    until(&courier, |status| status.cursor == 1_000 && status.kafka == Kafka::Up).await;
    depot.keep(3).await;
    depot.drain(courier).await;
    assert_once_and_in_order(&read(&depot.settings, 1_003).await, 1_003);
    assert_eq!(marked(&depot.settings).await, 1_003);
}
