//! What each metric tells, in the words that Prometheus shows beside it.
//!
//! Every metric has its line here; a name without one is found by a test, and so is a line whose
//! metric is not shown.

/// Gives each its help text.
pub(super) fn describe() {
    use metrics::{
        describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    counter!("hookgate_deliveries_total", "Deliveries by source and how they ended");
    counter!("hookgate_events_total", "Events that came for the first time and are kept, by kind");
    counter!("hookgate_refused_total", "Deliveries not believed, by source and reason");
    counter!("hookgate_defects_total", "Requests answered 500 because of a defect of ours");
    counter!("hookgate_pii_removed_total", "Values removed at the boundary, by source and rule");
    counter!(
        "hookgate_pii_violations_total",
        "Pieces that looked personal, by source and detector"
    );
    counter!("hookgate_recording_forbidden_total", "Recordings at tenants that forbid them");
    counter!("hookgate_published_total", "Records acknowledged by Kafka, by topic");
    counter!("hookgate_replayed_total", "Records of replays acknowledged by Kafka, by topic");
    counter!("hookgate_publish_failures_total", "Failures to publish, by reason");
    histogram!("hookgate_delivery_seconds", "From the end of the head to the answer");
    histogram!("hookgate_journal_append_seconds", "One group commit with its fsync");
    histogram!("hookgate_journal_batch_events", "Deliveries of one group commit");
    gauge!("hookgate_journal_unpublished", "Events in the journal not yet published, by state");
    gauge!("hookgate_journal_bytes", "Bytes of the journal on disk");
    gauge!("hookgate_journal_damaged_events", "Damaged events met in the journal since the start");
    gauge!("hookgate_disk_free_bytes", "Bytes free where the journal lies");
    gauge!("hookgate_publish_lag_seconds", "Age of the oldest event that waits for Kafka");
    gauge!("hookgate_kafka_up", "1 while events can be published");
    gauge!(
        "hookgate_kafka_queue_records",
        "Records that Kafka clients hold, queued or on the wire"
    );
    gauge!("hookgate_kafka_queue_bytes", "Bytes of the records that Kafka clients hold");
    gauge!("hookgate_kafka_requests_in_flight", "Requests that brokers have not answered yet");
    gauge!("hookgate_kafka_throttle_seconds", "Longest that a broker made a client wait, of late");
    gauge!(
        "hookgate_kafka_round_trip_p99_seconds",
        "99th percentile of the round trip to the slowest broker, of late"
    );
    counter!("hookgate_trace_spans_total", "Spans for the tracing collector, sent or dropped");
    counter!("hookgate_kafka_request_errors_total", "Requests to brokers not transmitted");
    counter!("hookgate_kafka_request_retries_total", "Requests to brokers that were sent again");
    counter!("hookgate_kafka_request_timeouts_total", "Requests that brokers answered too late");
    counter!("hookgate_kafka_connects_total", "Connections to brokers tried, made or not");
    counter!("hookgate_kafka_disconnects_total", "Connections to brokers that ended");
    gauge!("hookgate_source_last_event_timestamp_seconds", "When a source's last event came");
    gauge!("hookgate_secret_last_used_timestamp_seconds", "When a secret last verified a delivery");
    gauge!("hookgate_secret_expiry_timestamp_seconds", "When a secret ends");
    gauge!("hookgate_certificate_expiry_timestamp_seconds", "When a listener's certificate ends");
    gauge!("hookgate_certificate_files_broken", "1 while the files of a certificate are of no use");
    gauge!("hookgate_ledger_imbalance", "What the ledger of a source does not account for");
    gauge!("hookgate_build_info", "The running version");
}
