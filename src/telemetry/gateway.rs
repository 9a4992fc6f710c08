//! What the gateway as a whole counts, whatever the source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use super::readable::{Dial, Numbers};
use super::{
    KafkaMeters, Lists, SourceMeters, UNKNOWN_SOURCE, described, rest, source_meters, zero,
};
use crate::event::Family;

/// What the gateway as a whole counts.
pub struct GatewayMeters {
    /// Deliveries to no configured source.
    pub unknown: SourceMeters,
    /// Requests that met a defect of ours and were answered 500 for it.
    pub defects: Counter,
    /// One group commit, in seconds.
    pub append_seconds: Histogram,
    /// Deliveries of one group commit.
    pub batch_events: Histogram,
    /// Events not yet published, of live sources.
    pub pending: Gauge,
    /// Events kept back.
    pub held: Gauge,
    /// Bytes of the journal on disk.
    pub journal_bytes: Gauge,
    /// Damaged events met in the journal since the start.
    pub damaged_events: Gauge,
    /// Bytes free where the journal lies.
    pub disk_free: Gauge,
    /// Age of the oldest event not yet acknowledged by Kafka, in seconds; 0 when there is none.
    pub publish_lag: Dial,
    /// 1 while the brokers answer.
    pub kafka_up: Gauge,
    /// Spans that a collector took.
    pub spans_sent: Counter,
    /// Spans that none took: it was away, or they came faster than it takes them.
    pub spans_dropped: Counter,
    /// How the Kafka clients are.
    pub kafka: Arc<KafkaMeters>,
    published: HashMap<Family, Counter>,
    replayed: HashMap<Family, Counter>,
    failures: HashMap<&'static str, Counter>,
}

impl GatewayMeters {
    /// Counts records that Kafka acknowledged.
    pub fn published(&self, family: Family, count: u64) {
        if let Some(counter) = self.published.get(&family) {
            counter.increment(count);
        }
    }

    /// Counts records of replays that Kafka acknowledged, whatever their topics' prefix.
    pub fn replayed(&self, family: Family, count: u64) {
        if let Some(counter) = self.replayed.get(&family) {
            counter.increment(count);
        }
    }

    /// Counts a failure to publish by its reason.
    pub fn publish_failed(&self, reason: &'static str) {
        if let Some(counter) = self.failures.get(reason) {
            counter.increment(1);
        }
    }

    /// Notes the age of the oldest event that waits for Kafka.
    pub fn lag(&self, age: Duration) {
        self.publish_lag.set(age.as_secs_f64());
    }
}

/// All of it at its zero.
pub(super) fn meters(
    lists: &Lists<'_>,
    topics: &[(Family, String)],
    numbers: &Numbers,
) -> GatewayMeters {
    described::describe();
    metrics::gauge!("hookgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let by_topic = |name: &'static str| {
        let series = |(family, topic): &(Family, String)| {
            (*family, zero(metrics::counter!(name, "topic" => topic.clone())))
        };
        topics.iter().map(series).collect()
    };
    let failure = |reason: &&'static str| {
        (*reason, zero(metrics::counter!("hookgate_publish_failures_total", "reason" => *reason)))
    };
    let unpublished = |state: &'static str| {
        rest(metrics::gauge!("hookgate_journal_unpublished", "state" => state))
    };
    let spans = |outcome: &'static str| {
        zero(metrics::counter!("hookgate_trace_spans_total", "outcome" => outcome))
    };
    let dial = |name: &'static str| Dial::new(rest(metrics::gauge!(name)), numbers, [name, "", ""]);
    GatewayMeters {
        unknown: source_meters(UNKNOWN_SOURCE, &[], lists, numbers),
        defects: zero(metrics::counter!("hookgate_defects_total")),
        append_seconds: metrics::histogram!("hookgate_journal_append_seconds"),
        batch_events: metrics::histogram!("hookgate_journal_batch_events"),
        pending: unpublished("pending"),
        held: unpublished("held"),
        journal_bytes: rest(metrics::gauge!("hookgate_journal_bytes")),
        damaged_events: rest(metrics::gauge!("hookgate_journal_damaged_events")),
        disk_free: rest(metrics::gauge!("hookgate_disk_free_bytes")),
        publish_lag: dial("hookgate_publish_lag_seconds"),
        kafka_up: rest(metrics::gauge!("hookgate_kafka_up")),
        spans_sent: spans("sent"),
        spans_dropped: spans("dropped"),
        kafka: Arc::new(KafkaMeters::new()),
        published: by_topic("hookgate_published_total"),
        replayed: by_topic("hookgate_replayed_total"),
        failures: lists.failures.iter().map(failure).collect(),
    }
}
