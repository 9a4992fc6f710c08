//! How the Kafka client is, by its own count, beside what the courier knows of it.

#![cfg(test)]

use hookgate::publish::Embedded;
use hookgate::secret::Secret;

use crate::depot::{Depot, settings, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_client_and_what_it_lost_is_shown() {
    let broker = Embedded::start("video", 4).unwrap();
    let mut settings = settings(broker.brokers());
    let often = Secret::new(b"50".to_vec());
    settings.properties.push(("statistics.interval.ms".to_owned(), often));
    let depot = Depot::new(settings);
    depot.keep(30).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 30).await;
    depot.until_shown("hookgate_kafka_round_trip_p99_seconds", |p99| p99 > 0.0 && p99 < 9.0).await;
    depot.until_shown("hookgate_kafka_queue_records", |records| records == 0.0).await;
    broker.down();
    // It goes down a moment later: what is kept before that still arrives.
    depot.until_shown("hookgate_kafka_disconnects_total", |lost| lost > 0.0).await;
    depot.keep(5).await;
    depot.until_shown("hookgate_kafka_queue_records", |records| records == 5.0).await;
    depot.until_shown("hookgate_kafka_queue_bytes", |bytes| bytes > 500.0).await;
    broker.up();
    depot.until_shown("hookgate_kafka_queue_records", |records| records == 0.0).await;
    // With the client goes what it held; what was counted stays.
    let lost = depot.metric("hookgate_kafka_disconnects_total ");
    depot.drain(courier).await;
    depot.until_shown("hookgate_kafka_round_trip_p99_seconds", |p99| p99 == 0.0).await;
    assert!(depot.metric("hookgate_kafka_disconnects_total ") >= lost);
}
