//! From the journal to Kafka: order, cursor, and what a broker may do to them.
//!
//! On the embedded broker, or on the real one that the environment names where nothing is injected.

#![cfg(test)]

use std::time::Duration;

use hookgate::courier::{Drained, Kafka};
use hookgate::event::Family;
use hookgate::publish::{Embedded, Injected, Received};
use hookgate::secret::Secret;

use crate::depot::{
    Broker, Depot, assert_in_order, assert_once_and_in_order, read, settings, until, waits_for,
};

fn embedded() -> (Embedded, Depot) {
    let broker = Embedded::start("video", 4).unwrap();
    let depot = Depot::new(settings(broker.brokers()));
    (broker, depot)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_published_once_in_order_and_the_cursor_reaches_the_head() {
    let broker = Broker::any();
    let depot = Depot::new(broker.settings());
    depot.keep(150).await;
    let courier = depot.courier();
    depot.keep(150).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 300).await;
    assert_once_and_in_order(&records, 300);
    for family in ["recording", "participant", "lifecycle"] {
        let topic = format!("{}.{family}", depot.settings.topic_prefix);
        let series = format!("hookgate_published_total{{topic=\"{topic}\"}}");
        assert_eq!(depot.metric(&series), 100.0);
    }
    assert_eq!(depot.metric("hookgate_publish_lag_seconds"), 0.0);
    assert_eq!(depot.metric("hookgate_kafka_up"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_carries_key_time_and_headers_as_consumers_are_told() {
    let broker = Broker::any();
    let depot = Depot::new(broker.settings());
    depot.keep(1).await;
    depot.keep_unknown().await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 2).await;
    let of = |family| records.iter().find(|record| record.family == family);
    let joined = of(Family::Participant).unwrap();
    assert_eq!(joined.key, b"tenant-depot/room-1");
    let headers = ["content-type", "hookgate-instance", "hookgate-sequence"];
    assert_eq!(
        headers.map(|name| joined.header(name)),
        ["application/cloudevents+json", "gate-1", "1"].map(Some)
    );
    assert_eq!(joined.headers.len(), 3);
    let value: serde_json::Value = serde_json::from_slice(&joined.value).unwrap();
    assert_eq!(value["type"], "video.participant.joined");
    assert!(joined.time.is_some());
    assert!(of(Family::Quarantine).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lies_in_the_partition_where_java_clients_put_it() {
    // From the tests of Apache Kafka's clients.
    for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("abc", 479_470_107)] {
        assert_eq!(murmur2(key.as_bytes()), hash);
    }
    let broker = Broker::any();
    let depot = Depot::new(broker.settings());
    depot.keep(42).await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 42).await;
    for Received { key, partition, .. } in &records {
        assert_eq!(*partition, (murmur2(key) & 0x7fff_ffff) % 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_continues_after_the_cursor() {
    let broker = Broker::any();
    let mut depot = Depot::new(broker.settings());
    depot.keep(60).await;
    depot.drain(depot.courier()).await;
    depot.reopen();
    depot.keep(60).await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 120).await;
    assert_once_and_in_order(&records, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_that_is_dropped_loses_nothing() {
    let broker = Broker::any();
    let mut depot = Depot::new(broker.settings());
    depot.keep(60).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor > 0).await;
    drop(courier);
    depot.reopen();
    depot.keep(60).await;
    depot.drain(depot.courier()).await;
    // What was on the wire when it was dropped may come twice.
    read(&depot.settings, 120).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_holds_while_brokers_refuse_for_a_while() {
    let (broker, depot) = embedded();
    let refusals =
        [Injected::NotLeader, Injected::TimedOut, Injected::NotEnoughReplicas, Injected::NotLeader];
    broker.inject(&refusals);
    depot.keep(100).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor >= 50).await;
    broker.inject(&refusals);
    depot.keep(200).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 300).await;
    assert_once_and_in_order(&records, 300);
}

/// The brokers take any first sequence of a new client. A request that is refused for a while and
/// overtaken by the next one would look delivered to the client, and be lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_brokers_refuse_first_of_a_new_client_is_neither_lost_nor_overtaken() {
    for refusal in [Injected::NotLeader, Injected::TimedOut, Injected::NotEnoughReplicas] {
        let broker = Embedded::start("video", 1).unwrap();
        let mut settings = settings(broker.brokers());
        // A request for each record: many to a partition wait to be sent.
        settings.properties = vec![("batch.num.messages".to_owned(), Secret::new(b"1".to_vec()))];
        let depot = Depot::new(settings);
        depot.keep(60).await;
        broker.inject(&[refusal]);
        depot.drain(depot.courier()).await;
        assert_once_and_in_order(&read(&depot.settings, 60).await, 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_absent_at_start_is_waited_for() {
    let (broker, depot) = embedded();
    broker.down();
    let courier = depot.courier();
    depot.keep(20).await;
    let heard = |status: &hookgate::courier::Status| matches!(&status.kafka, Kafka::Down { reason } if !reason.contains("yet"));
    let status = until(&courier, heard).await;
    assert_eq!(status.cursor, 0);
    assert_eq!(depot.metric("hookgate_kafka_up"), 0.0);
    let failures = depot.metric(r#"hookgate_publish_failures_total{reason="unreachable"}"#);
    assert!(failures >= 1.0);
    broker.up();
    depot.drain(courier).await;
    assert_once_and_in_order(&read(&depot.settings, 20).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_is_waited_for_and_nothing_is_lost() {
    let (broker, depot) = embedded();
    depot.keep(50).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 50 && status.kafka == Kafka::Up).await;
    broker.down();
    depot.keep(50).await;
    until(&courier, |status| matches!(status.kafka, Kafka::Down { .. })).await;
    depot.until_shown("hookgate_publish_lag_seconds", |lag| lag > 0.0).await;
    broker.up();
    until(&courier, |status| status.cursor == 100 && status.kafka == Kafka::Up).await;
    depot.drain(courier).await;
    assert_once_and_in_order(&read(&depot.settings, 100).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_error_makes_a_new_client_that_sends_what_was_not_acknowledged() {
    let (broker, depot) = embedded();
    depot.keep(100).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 100).await;
    broker.inject(&[Injected::OutOfOrder]);
    depot.keep(100).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 200).await;
    assert_once_and_in_order(&records, 200);
    let failures = depot.metric(r#"hookgate_publish_failures_total{reason="fatal"}"#);
    assert!(failures >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_refused_for_its_size_is_sent_again_record_by_record() {
    let (broker, depot) = embedded();
    broker.inject(&[Injected::TooLarge]);
    depot.keep(100).await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 100).await;
    assert_once_and_in_order(&records, 100);
    assert!(records.iter().all(|record| record.family != Family::Quarantine));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_alone_goes_to_quarantine_under_its_key_and_counts_as_published() {
    let (broker, depot) = embedded();
    depot.keep(1).await;
    // The same record twice: with what was around it, then alone.
    broker.inject(&[Injected::TooLarge, Injected::TooLarge]);
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 1).await;
    assert_eq!(records.len(), 1);
    let value: serde_json::Value = serde_json::from_slice(&records[0].value).unwrap();
    assert_eq!(records[0].family, Family::Quarantine);
    assert_eq!(records[0].key, b"tenant-depot/room-1");
    assert_eq!(records[0].header("hookgate-sequence"), Some("1"));
    assert_eq!(value["data"]["reason"], "too_large_for_kafka");
    let published = r#"hookgate_published_total{topic="video.quarantine"}"#;
    assert_eq!(depot.metric(published), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_written_is_named_and_tried_again() {
    let (broker, depot) = embedded();
    broker.inject(&[Injected::Unauthorized; 8]);
    depot.keep(60).await;
    let courier = depot.courier();
    until(&courier, |status| waits_for(status, "may not be written")).await;
    depot.drain(courier).await;
    let records = read(&depot.settings, 60).await;
    assert_in_order(&records);
    let failures = depot.metric(r#"hookgate_publish_failures_total{reason="unauthorized"}"#);
    assert!(failures >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_gives_up_at_its_deadline_and_says_so() {
    let (broker, depot) = embedded();
    broker.down();
    depot.keep(3).await;
    let drained = depot.courier().drain(Duration::from_millis(200)).await;
    let expected = Drained { complete: false, cursor: 0 };
    assert_eq!(drained, expected);
}

/// Murmur2 as Apache Kafka's clients hash keys.
fn murmur2(key: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mixed = |word: u32| {
        let word = word.wrapping_mul(M);
        (word ^ (word >> 24)).wrapping_mul(M)
    };
    let (words, rest) = key.as_chunks::<4>();
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(key.len()).unwrap();
    for word in words {
        hash = hash.wrapping_mul(M) ^ mixed(u32::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}
