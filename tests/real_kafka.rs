//! What only a real Apache Kafka can show: limits, missing topics, warnings, a broker that dies.
//!
//! `HOOKGATE_TEST_KAFKA=host:port` names one (`tests/kafka/broker start DIR`); tests that harm a
//! broker start one of their own. Neither is optional here: without Kafka these tests fail.

#![cfg(test)]

use std::collections::BTreeSet;

use hookgate::courier::Kafka;
use hookgate::event::Family;
use hookgate::publish::{Creation, Delivery, Received, Settings};
use hookgate::secret::Secret;

#[path = "it/brokers.rs"]
mod brokers;
#[path = "it/depot.rs"]
mod depot;

use brokers::{ALL, Own, admin, given, make, patient, set};
use depot::{
    Depot, PATIENCE, assert_in_order, assert_once_and_in_order, read, sequences, until, waits_for,
};

fn quarantined(records: &[Received]) -> Vec<u64> {
    let found = records.iter().filter(|record| record.family == Family::Quarantine);
    let found: Vec<_> = found.cloned().collect();
    sequences(&found)
}

#[tokio::test(flavor = "multi_thread")]
async fn small_records_survive_a_topic_limit_that_their_batch_does_not() {
    let mut settings = given();
    settings.compression = "none".to_owned();
    make(&settings, &ALL, 2, &[("max.message.bytes", "5000")]).await;
    let depot = Depot::new(settings);
    depot.keep(100).await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 100).await;
    assert_once_and_in_order(&records, 100);
    assert_eq!(quarantined(&records), Vec::<u64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_record_that_is_too_large_alone_goes_to_quarantine() {
    let mut settings = given();
    settings.compression = "none".to_owned();
    make(&settings, &ALL, 2, &[("max.message.bytes", "5000")]).await;
    let depot = Depot::new(settings);
    depot.keep(50).await;
    depot.keep_large(3).await;
    depot.keep(50).await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 101).await;
    assert_once_and_in_order(&records, 101);
    assert_eq!(quarantined(&records), [51]);
    let found = records.iter().find(|record| record.family == Family::Quarantine);
    assert_eq!(found.unwrap().key, b"tenant-depot/room-3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_lowered_while_records_flow_costs_only_what_is_over_it() {
    let mut settings = given();
    settings.compression = "none".to_owned();
    make(&settings, &ALL, 2, &[]).await;
    let depot = Depot::new(settings);
    depot.keep(20).await;
    depot.keep_large(1).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 21).await;
    lower_limits(&depot.settings).await;
    depot.keep(60).await;
    depot.keep_large(2).await;
    depot.keep(60).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 142).await;
    assert_in_order(&records);
    assert_eq!(quarantined(&records), [82]);
    let refused = r#"hookgate_publish_failures_total{reason="too_large"}"#;
    assert!(depot.metric(refused) >= 1.0);
}

async fn lower_limits(settings: &Settings) {
    use rdkafka::admin::{AlterConfig, ResourceSpecifier};
    for family in ALL {
        let name = format!("{}.{family}", settings.topic_prefix);
        let topic = ResourceSpecifier::Topic(&name);
        let change = AlterConfig::new(topic).set("max.message.bytes", "5000");
        let changed = admin(settings).alter_configs([&change], &patient()).await;
        changed.unwrap().remove(0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_delays_no_other_and_is_found_when_made() {
    let settings = given();
    make(&settings, &["recording", "participant", "quarantine"], 2, &[]).await;
    let depot = Depot::new(settings);
    depot.keep(90).await;
    let courier = depot.courier();
    let missing = format!("topic {}.lifecycle is missing", depot.settings.topic_prefix);
    until(&courier, |status| waits_for(status, &missing)).await;
    let others = read(&depot.settings, 60).await;
    assert_in_order(&others);
    make(&depot.settings, &["lifecycle"], 2, &[]).await;
    until(&courier, |status| status.cursor == 90 && status.kafka == Kafka::Up).await;
    depot.drain(courier).await;
    assert_once_and_in_order(&read(&depot.settings, 90).await, 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_removed_while_records_flow_is_waited_for() {
    let settings = given();
    make(&settings, &ALL, 2, &[]).await;
    let depot = Depot::new(settings);
    depot.keep(30).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 30).await;
    let name = format!("{}.lifecycle", depot.settings.topic_prefix);
    let removed = admin(&depot.settings).delete_topics(&[&name], &patient()).await;
    removed.unwrap().remove(0).unwrap();
    depot.keep(60).await;
    let missing = format!("topic {name} is missing");
    until(&courier, |status| waits_for(status, &missing)).await;
    make(&depot.settings, &["lifecycle"], 2, &[]).await;
    depot.drain(courier).await;
    // The removed topic took ten events with it; every later one is there.
    let records = read(&depot.settings, 80).await;
    let seen: BTreeSet<_> = sequences(&records).into_iter().collect();
    assert!((31..=90).all(|sequence| seen.contains(&sequence)));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_made_where_the_configuration_says_so() {
    let mut settings = given();
    settings.create_topics = Some(Creation { partitions: 3, replication_factor: 1 });
    let depot = Depot::new(settings);
    depot.keep(30).await;
    depot.drain(depot.courier()).await;
    assert_once_and_in_order(&read(&depot.settings, 30).await, 30);
    for family in Family::ALL {
        let topic = depot.settings.topic(family);
        let admin = admin(&depot.settings);
        let metadata = admin.inner().fetch_metadata(Some(&topic), PATIENCE).unwrap();
        assert_eq!(metadata.topics()[0].partitions().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_cannot_be_made_is_named_with_the_reason() {
    let mut settings = given();
    settings.create_topics = Some(Creation { partitions: 3, replication_factor: 3 });
    let depot = Depot::new(settings);
    let courier = depot.courier();
    let status = until(&courier, |status| waits_for(status, "is missing and not made")).await;
    assert!(waits_for(&status, "replication factor"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_replicas_and_unequal_partitions_are_warned_about() {
    let settings = given();
    make(&settings, &["recording", "lifecycle", "quarantine"], 2, &[]).await;
    make(&settings, &["participant"], 3, &[]).await;
    let depot = Depot::new(settings);
    let courier = depot.courier();
    let status = until(&courier, |status| !status.warnings.is_empty()).await;
    let says = |words: &str| status.warnings.iter().any(|warning| warning.contains(words));
    let topic = depot.settings.topic(Family::Recording);
    assert!(says(&format!("topic {topic} has min.insync.replicas = 1")), "{status:?}");
    assert!(says("unequal partition counts"), "{status:?}");
    // Warnings are not a trouble.
    until(&courier, |status| status.kafka == Kafka::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_and_started_again_loses_nothing() {
    let (broker, settings) = Own::start();
    let depot = Depot::new(settings);
    depot.keep(200).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor > 0).await;
    depot.keep(200).await;
    broker.script("kill");
    depot.keep(400).await;
    until(&courier, |status| matches!(status.kafka, Kafka::Down { .. })).await;
    broker.script("restart");
    depot.keep(200).await;
    until(&courier, |status| status.cursor == 1_000).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 1_000).await;
    let seen: BTreeSet<_> = sequences(&records).into_iter().collect();
    assert_eq!(seen.len(), 1_000);
    // The broker may have lost nothing that it acknowledged; retries within a client keep order.
    assert_in_order(&records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_is_noticed_and_waited_for() {
    let (broker, settings) = Own::start();
    let depot = Depot::new(settings);
    depot.keep(50).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 50).await;
    broker.script("freeze");
    depot.keep(50).await;
    until(&courier, |status| matches!(status.kafka, Kafka::Down { .. })).await;
    broker.script("thaw");
    until(&courier, |status| status.cursor == 100 && status.kafka == Kafka::Up).await;
    depot.drain(courier).await;
    assert_once_and_in_order(&read(&depot.settings, 100).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_over_sasl_ssl_with_scram_in_both_modes() {
    let (_broker, settings) = Own::secure();
    let depot = Depot::new(settings.clone());
    depot.keep(100).await;
    depot.drain(depot.courier()).await;
    assert_once_and_in_order(&read(&depot.settings, 100).await, 100);

    let mut exact = settings;
    exact.delivery = Delivery::ExactlyOnce;
    exact.topic_prefix = "exact".to_owned();
    let depot = Depot::new(exact);
    depot.keep(100).await;
    depot.drain(depot.courier()).await;
    assert_once_and_in_order(&read(&depot.settings, 100).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_do_not_believe_us_or_we_them_are_told_with_what_to_do() {
    let (broker, settings) = Own::secure();
    let other = broker.file("other-ca.crt");
    let pair = rcgen::generate_simple_self_signed(["another authority".to_owned()]).unwrap();
    std::fs::write(&other, pair.cert.pem()).unwrap();
    for (name, value, says) in [
        ("sasl.password", "canary", "set sasl.username, sasl.password and sasl.mechanism"),
        ("ssl.ca.location", other.to_str().unwrap(), "set ssl.ca.location in kafka.properties"),
    ] {
        let mut wrong = settings.clone();
        set(&mut wrong, name, value);
        let depot = Depot::new(wrong);
        let courier = depot.courier();
        let status = until(&courier, |status| waits_for(status, says)).await;
        assert!(!format!("{status:?}").contains("canary"), "{status:?}");
        // The road goes on as far as the disk.
        depot.keep(10).await;
        assert_eq!((depot.head(), status.cursor), (10, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_seen_in_what_the_client_counts() {
    let (broker, mut settings) = Own::start();
    let often = Secret::new(b"100".to_vec());
    settings.properties.push(("statistics.interval.ms".to_owned(), often));
    // A frozen broker is known by requests that it does not answer.
    let soon = Secret::new(b"2000".to_vec());
    settings.properties.push(("socket.timeout.ms".to_owned(), soon));
    let depot = Depot::new(settings);
    depot.keep(50).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 50).await;
    depot.until_shown("hookgate_kafka_round_trip_p99_seconds", |p99| p99 > 0.0).await;
    broker.script("freeze");
    depot.keep(10).await;
    depot.until_shown("hookgate_kafka_requests_in_flight", |requests| requests > 0.0).await;
    depot.until_shown("hookgate_kafka_request_timeouts_total", |count| count > 0.0).await;
    broker.script("thaw");
    until(&courier, |status| status.cursor == 60).await;
    let [lost, tried] = ["disconnects", "connects"]
        .map(|what| depot.metric(&format!("hookgate_kafka_{what}_total ")));
    broker.script("kill");
    depot.keep(10).await;
    depot.until_shown("hookgate_kafka_disconnects_total", |count| count > lost).await;
    depot.until_shown("hookgate_kafka_connects_total", |count| count > tried + 3.0).await;
    depot.until_shown("hookgate_kafka_queue_records", |records| records == 10.0).await;
    broker.script("restart");
    until(&courier, |status| status.cursor == 70).await;
    depot.until_shown("hookgate_kafka_queue_records", |records| records == 0.0).await;
    depot.drain(courier).await;
}
