//! What `/metrics` shows: each metric of the contract with its kind, its labels and a help text, and
//! no other.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use crate::gateway::{DAILY, Plan, event};

/// Name, type, labels. What operators' rules and dashboards rely on.
#[rustfmt::skip]
const METRICS: &[(&str, &str, &[&str])] = &[
    ("hookgate_build_info", "gauge", &["version"]),
    ("hookgate_defects_total", "counter", &[]),
    ("hookgate_deliveries_total", "counter", &["source", "outcome"]),
    ("hookgate_delivery_seconds", "histogram", &["source"]),
    ("hookgate_disk_free_bytes", "gauge", &[]),
    ("hookgate_events_total", "counter", &["source", "kind"]),
    ("hookgate_journal_append_seconds", "histogram", &[]),
    ("hookgate_journal_batch_events", "histogram", &[]),
    ("hookgate_journal_bytes", "gauge", &[]),
    ("hookgate_journal_damaged_events", "gauge", &[]),
    ("hookgate_journal_unpublished", "gauge", &["state"]),
    ("hookgate_kafka_connects_total", "counter", &[]),
    ("hookgate_kafka_disconnects_total", "counter", &[]),
    ("hookgate_kafka_queue_bytes", "gauge", &[]),
    ("hookgate_kafka_queue_records", "gauge", &[]),
    ("hookgate_kafka_request_errors_total", "counter", &[]),
    ("hookgate_kafka_request_retries_total", "counter", &[]),
    ("hookgate_kafka_request_timeouts_total", "counter", &[]),
    ("hookgate_kafka_requests_in_flight", "gauge", &[]),
    ("hookgate_kafka_round_trip_p99_seconds", "gauge", &[]),
    ("hookgate_kafka_throttle_seconds", "gauge", &[]),
    ("hookgate_kafka_up", "gauge", &[]),
    ("hookgate_ledger_imbalance", "gauge", &["source"]),
    ("hookgate_pii_removed_total", "counter", &["source", "rule"]),
    ("hookgate_pii_violations_total", "counter", &["source", "detector"]),
    ("hookgate_publish_failures_total", "counter", &["reason"]),
    ("hookgate_publish_lag_seconds", "gauge", &[]),
    ("hookgate_published_total", "counter", &["topic"]),
    ("hookgate_recording_forbidden_total", "counter", &["source"]),
    ("hookgate_refused_total", "counter", &["source", "reason"]),
    ("hookgate_replayed_total", "counter", &["topic"]),
    ("hookgate_secret_expiry_timestamp_seconds", "gauge", &["source", "secret"]),
    ("hookgate_secret_last_used_timestamp_seconds", "gauge", &["source", "secret"]),
    ("hookgate_source_last_event_timestamp_seconds", "gauge", &["source"]),
    ("hookgate_trace_spans_total", "counter", &["outcome"]),
];

/// Shown where a listener speaks TLS.
const ELSEWHERE: &[&str] = &["hookgate_certificate_expiry_timestamp_seconds"];

/// What a name may end with: a unit, what it counts, or what its value says.
#[rustfmt::skip]
const ENDS: [&str; 10] = [
    "_total", "_seconds", "_bytes", "_events", "_records", "_in_flight", "_unpublished",
    "_imbalance", "_info", "_up",
];

/// Name → its labels, of every series.
fn series(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let ends = ["_bucket", "_sum", "_count"];
        let histogram = ends.iter().find_map(|end| name.strip_suffix(end));
        let whose = histogram.filter(|name| is_listed(name)).unwrap_or(name);
        let labels = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
        found.entry(whose).or_default().extend(labels.filter(|label| *label != "le"));
    }
    found
}

fn is_listed(name: &str) -> bool {
    METRICS.iter().any(|(known, ..)| *known == name)
}

#[tokio::test]
async fn every_metric_is_shown_from_the_start_with_its_kind_labels_and_a_help_text() {
    let secret = r#"secrets = [ { env = "DAILY", not_after = "2099-01-01T00:00:00Z" } ]"#;
    let gate = Plan::with(r#"secrets = [ { env = "DAILY" } ]"#, secret).start().await;
    let text = gate.ask("/metrics").await.body;
    let shown = series(&text);
    for (name, kind, labels) in METRICS {
        assert!(ENDS.iter().any(|end| name.ends_with(end)), "{name}");
        let found = shown.get(name).unwrap_or_else(|| panic!("{name} is not in:\n{text}"));
        assert_eq!(*found, labels.iter().copied().collect(), "{name}");
        let told = text.lines().any(|line| line == format!("# TYPE {name} {kind}"));
        assert!(told, "{name} is no {kind} in:\n{text}");
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        assert!(help.is_some_and(|help| help.len() > 10), "{name}: {help:?}");
    }
    let known = |name: &&&str| is_listed(name) || ELSEWHERE.contains(name);
    let unknown: Vec<_> = shown.keys().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
}

#[tokio::test]
async fn an_event_is_counted_when_it_is_kept_first_and_never_again() {
    let gate = Plan::new().start().await;
    let of = async |kind: &str| {
        gate.metric(&format!(r#"hookgate_events_total{{source="daily",kind="{kind}"}}"#)).await
    };
    let started = event(DAILY, "event-1");
    for (body, outcome) in [
        (started.clone(), "accepted"),
        (started, "duplicate"),
        (event(DAILY, "event-2").replace("meeting.started", "meeting.unheard-of"), "quarantined"),
        ("{\"test\":\"test\"}".to_owned(), "ping"),
    ] {
        gate.post(&gate.signed(DAILY, &body)).await.is(200, outcome);
    }
    assert_eq!((of("room.started").await, of("quarantined").await), (1.0, 1.0));
}
