//! The names of everything counted, as types.
//!
//! A series exists at its zero from the start, so that its first increase is seen. No label ever
//! carries a room, person, address, path or event id: labels are names of the configuration and
//! closed lists. The recorder is our own, not the process's, so that two gateways in one test count
//! apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, with_local_recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::event::{Family, Kind, SourceName};
use crate::outcome::Outcome;
use crate::trace::Tracing;

mod clients;
mod described;
mod in_force;
mod readable;

pub use clients::{ClientMeter, KafkaMeters, Reading};
pub use readable::Dial;

use in_force::InForce;
use readable::{Count, Numbers};

/// The label of deliveries to no configured source.
pub const UNKNOWN_SOURCE: &str = "unknown";

const SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const EVENTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];

/// What each source counts.
pub struct SourceMeters {
    deliveries: Vec<Count>,
    events: Vec<Counter>,
    refused: HashMap<&'static str, Count>,
    removed: HashMap<&'static str, Counter>,
    violations: HashMap<&'static str, Counter>,
    /// Events that told of a recording at a tenant that forbids it.
    pub recording_forbidden: Counter,
    /// From the end of the head to the answer.
    pub delivery_seconds: Histogram,
    /// When its last event was received, in seconds since the epoch; restored from the journal.
    pub last_event: Dial,
    /// accepted + quarantined - published - pending - held - erased_unpublished: 0, or a defect.
    pub ledger_imbalance: Gauge,
    secrets: Vec<(Dial, Gauge)>,
}

impl SourceMeters {
    /// Counts one ending.
    pub fn ended(&self, outcome: &Outcome) {
        if let Some(counter) = self.deliveries.get(outcome.index()) {
            counter.add(1);
        }
    }

    /// Counts an event that came for the first time and is kept, under the kind it is kept as: one
    /// that stands in quarantine under that, whatever it was called when it came.
    pub fn kept(&self, kind: Kind) {
        if let Some(counter) = self.events.get(kind.index()) {
            counter.increment(1);
        }
    }

    /// Counts one refusal by its reason.
    pub fn refused(&self, reason: &'static str) {
        if let Some(counter) = self.refused.get(reason) {
            counter.add(1);
        }
    }

    /// How often each ending came, of this process; endings that never came too.
    pub fn endings(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::LABELS.into_iter().zip(self.deliveries.iter().map(Count::total))
    }

    /// How often each refusal came, of this process.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.refused.iter().map(|(reason, count)| (*reason, count.total()))
    }

    /// Counts values that a rule removed.
    pub fn removed(&self, rule: &'static str, count: u64) {
        if let Some(counter) = self.removed.get(rule) {
            counter.increment(count);
        }
    }

    /// Counts pieces that looked personal and were about to leave, by what saw them.
    pub fn violated(&self, detector: &'static str, count: u64) {
        if let Some(counter) = self.violations.get(detector) {
            counter.increment(count);
        }
    }

    /// Notes that the secret at this place verified a delivery.
    pub fn secret_used(&self, place: usize, seconds_since_epoch: f64) {
        if let Some((last_used, _)) = self.secrets.get(place) {
            last_used.set(seconds_since_epoch);
        }
    }

    /// When the secret at this place last verified a delivery, in seconds since the epoch; `None`
    /// if this process has not seen it do so.
    pub fn secret_last_used(&self, place: usize) -> Option<f64> {
        let (last_used, _) = self.secrets.get(place)?;
        Some(last_used.value()).filter(|seconds| *seconds > 0.0)
    }
}

/// What a source brings to be counted by.
pub struct SourceLabels<'a> {
    /// Its name.
    pub source: &'a SourceName,
    /// The labels of its secrets (never values) and when they end, in seconds since the epoch.
    pub secrets: Vec<(String, Option<f64>)>,
}

/// Everything counted by one gateway.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    numbers: Numbers,
    in_force: Mutex<Option<InForce>>,
    tracing: OnceLock<Arc<Tracing>>,
    /// What the gateway as a whole counts.
    pub gateway: GatewayMeters,
}

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

/// What the boundary counts as rules, what verification counts as reasons, and what publishing
/// counts as failures: closed lists handed in by the rooms that own them.
pub struct Lists<'a> {
    /// Reasons of `hookgate_refused_total`.
    pub refusals: &'a [&'static str],
    /// Rules of `hookgate_pii_removed_total`.
    pub rules: &'a [&'static str],
    /// Detectors of `hookgate_pii_violations_total`.
    pub detectors: &'a [&'static str],
    /// Reasons of `hookgate_publish_failures_total`.
    pub failures: &'a [&'static str],
}

impl Telemetry {
    /// A new set of series, all at 0. `topics` names the topic of each family.
    pub fn new(lists: &Lists<'_>, topics: &[(Family, String)]) -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Full("hookgate_journal_batch_events".into()), EVENTS)?
            .build_recorder();
        let handle = recorder.handle();
        let numbers = Numbers::default();
        let gateway = with_local_recorder(&recorder, || gateway_meters(lists, topics, &numbers));
        let (in_force, tracing) = (Mutex::default(), OnceLock::new());
        Ok(Self { recorder, handle, numbers, in_force, tracing, gateway })
    }

    /// The series of one source: at 0, or where they stand if they are there already.
    pub fn source(&self, labels: &SourceLabels<'_>, lists: &Lists<'_>) -> SourceMeters {
        with_local_recorder(&self.recorder, || {
            source_meters(labels.source.as_str(), &labels.secrets, lists, &self.numbers)
        })
    }

    /// Shows when the certificate of a listener ends, in seconds since the epoch, and whether its
    /// files hold what cannot be used.
    pub fn certificate(&self, listener: &'static str, expires: f64, is_broken: bool) {
        with_local_recorder(&self.recorder, || {
            let gauge = |name: &'static str| metrics::gauge!(name, "listener" => listener);
            gauge("hookgate_certificate_expiry_timestamp_seconds").set(expires);
            gauge("hookgate_certificate_files_broken").set(f64::from(u8::from(is_broken)));
        });
    }

    /// From now on series of these sources alone are shown.
    pub fn only(&self, sources: &[SourceLabels<'_>]) {
        *self.in_force() = Some(InForce::of(sources));
    }

    /// From now on events are told of to a collector as well. Said once, before anything runs.
    pub fn trace(&self, tracing: Arc<Tracing>) {
        // A second word would come too late for who has asked.
        let _ = self.tracing.set(tracing);
    }

    /// Who tells of events; `None` while tracing is off.
    pub fn tracing(&self) -> Option<Arc<Tracing>> {
        self.tracing.get().cloned()
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        let text = self.handle.render();
        match &*self.in_force() {
            Some(in_force) => in_force.of_text(&text),
            None => text,
        }
    }

    fn in_force(&self) -> MutexGuard<'_, Option<InForce>> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets histograms forget their buffers; to be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn gateway_meters(
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

fn source_meters(
    source: &str,
    secrets: &[(String, Option<f64>)],
    lists: &Lists<'_>,
    numbers: &Numbers,
) -> SourceMeters {
    let source = source.to_owned();
    let by = |name: &'static str, label: &'static str, value: &'static str| {
        zero(metrics::counter!(name, "source" => source.clone(), label => value))
    };
    let read = |name: &'static str, label: &'static str, value: &'static str| {
        Count::new(by(name, label, value), numbers, [name, &source, value])
    };
    let secret = |(label, ends): &(String, Option<f64>)| {
        const LAST_USED: &str = "hookgate_secret_last_used_timestamp_seconds";
        let labels = [("source", source.clone()), ("secret", label.clone())];
        let gauge = |name: &'static str| metrics::gauge!(name, &labels);
        let expiry = match ends {
            Some(ends) => {
                let gauge = gauge("hookgate_secret_expiry_timestamp_seconds");
                gauge.set(*ends);
                gauge
            }
            None => Gauge::noop(),
        };
        (Dial::new(rest(gauge(LAST_USED)), numbers, [LAST_USED, &source, label]), expiry)
    };
    // What is ours comes from no sender; what is sent to no source is no event.
    let sent = |kind: &Kind| (!kind.is_ours() && source != UNKNOWN_SOURCE).then(|| kind.as_str());
    let event = |kind: &Kind| match sent(kind) {
        Some(kind) => by("hookgate_events_total", "kind", kind),
        None => Counter::noop(),
    };
    let last_event = "hookgate_source_last_event_timestamp_seconds";
    SourceMeters {
        deliveries: Outcome::LABELS
            .iter()
            .map(|outcome| read("hookgate_deliveries_total", "outcome", outcome))
            .collect(),
        events: Kind::ALL.iter().map(event).collect(),
        refused: lists
            .refusals
            .iter()
            .map(|reason| (*reason, read("hookgate_refused_total", "reason", reason)))
            .collect(),
        removed: lists
            .rules
            .iter()
            .map(|rule| (*rule, by("hookgate_pii_removed_total", "rule", rule)))
            .collect(),
        violations: lists
            .detectors
            .iter()
            .map(|name| (*name, by("hookgate_pii_violations_total", "detector", name)))
            .collect(),
        recording_forbidden: zero(metrics::counter!(
            "hookgate_recording_forbidden_total", "source" => source.clone()
        )),
        delivery_seconds: metrics::histogram!(
            "hookgate_delivery_seconds", "source" => source.clone()
        ),
        last_event: Dial::new(
            rest(metrics::gauge!(last_event, "source" => source.clone())),
            numbers,
            [last_event, &source, ""],
        ),
        ledger_imbalance: rest(metrics::gauge!(
            "hookgate_ledger_imbalance", "source" => source.clone()
        )),
        secrets: secrets.iter().map(secret).collect(),
    }
}

fn zero(counter: Counter) -> Counter {
    counter.absolute(0);
    counter
}

fn rest(gauge: Gauge) -> Gauge {
    // Adding nothing leaves one that is there already as it is.
    gauge.increment(0.0);
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn lists() -> Lists<'static> {
        Lists {
            refusals: &["missing"],
            rules: &["unlisted"],
            detectors: &["email"],
            failures: &["fatal"],
        }
    }

    pub(super) fn telemetry() -> (Telemetry, SourceMeters) {
        let lists = lists();
        let topics = [(Family::Recording, "video.recording".to_owned())];
        let telemetry = Telemetry::new(&lists, &topics).unwrap();
        let source = SourceName::new("a");
        let labels = SourceLabels { source: &source, secrets: vec![("KEY".into(), Some(9.0))] };
        let meters = telemetry.source(&labels, &lists);
        (telemetry, meters)
    }

    #[test]
    fn every_series_exists_at_zero_from_the_start() {
        let (telemetry, _meters) = telemetry();
        let text = telemetry.render();
        for series in [
            r#"hookgate_deliveries_total{source="a",outcome="accepted"} 0"#,
            r#"hookgate_deliveries_total{source="unknown",outcome="unknown_source"} 0"#,
            r#"hookgate_events_total{source="a",kind="recording.ready"} 0"#,
            r#"hookgate_events_total{source="a",kind="quarantined"} 0"#,
            r#"hookgate_refused_total{source="a",reason="missing"} 0"#,
            r#"hookgate_pii_removed_total{source="a",rule="unlisted"} 0"#,
            r#"hookgate_pii_violations_total{source="a",detector="email"} 0"#,
            r#"hookgate_recording_forbidden_total{source="a"} 0"#,
            r#"hookgate_published_total{topic="video.recording"} 0"#,
            r#"hookgate_publish_failures_total{reason="fatal"} 0"#,
            r#"hookgate_journal_unpublished{state="held"} 0"#,
            r#"hookgate_secret_expiry_timestamp_seconds{source="a",secret="KEY"} 9"#,
            "hookgate_defects_total 0",
            "hookgate_kafka_up 0",
        ] {
            assert!(text.contains(series), "{series} is not in:\n{text}");
        }
    }

    #[test]
    fn series_of_what_has_left_are_not_shown_and_go_on_when_it_comes_back() {
        let (telemetry, meters) = telemetry();
        meters.ended(&Outcome::BadSignature);
        meters.secret_used(0, 5.0);
        let lists = lists();
        let (a, b) = (SourceName::new("a"), SourceName::new("b"));
        let labels = |source, secret: &str, ends| SourceLabels {
            source,
            secrets: vec![(secret.to_owned(), ends)],
        };
        telemetry.source(&labels(&b, "K", None), &lists);
        telemetry.only(&[labels(&b, "K", None)]);
        let text = telemetry.render();
        assert!(!text.contains("source=\"a\""), "{text}");
        assert!(text.contains("# TYPE hookgate_deliveries_total") && text.contains("\"unknown\""));
        telemetry.source(&labels(&a, "odd\"name", Some(3.0)), &lists);
        telemetry.only(&[labels(&a, "odd\"name", Some(3.0))]);
        let text = telemetry.render();
        assert!(text.contains(r#"{source="a",outcome="bad_signature"} 1"#), "{text}");
        assert!(text.contains(r#"expiry_timestamp_seconds{source="a",secret="odd\"name"} 3"#));
        assert!(!text.contains("KEY") && !text.contains("source=\"b\""), "{text}");
        telemetry.only(&[labels(&a, "KEY", None)]);
        let text = telemetry.render();
        assert!(text.contains(r#"last_used_timestamp_seconds{source="a",secret="KEY"} 5"#));
        assert!(!text.contains("hookgate_secret_expiry_timestamp_seconds{"), "{text}");
    }

    #[test]
    fn an_event_counts_under_its_kind_and_what_no_sender_sends_has_no_series() {
        let (telemetry, meters) = telemetry();
        for kind in Kind::ALL {
            meters.kept(*kind);
        }
        let text = telemetry.render();
        for kind in Kind::ALL {
            let series = format!(r#"hookgate_events_total{{source="a",kind="{kind}"}} 1"#);
            assert_eq!(text.contains(&series), !kind.is_ours(), "{kind}:\n{text}");
        }
        assert!(!text.contains(r#"hookgate_events_total{source="unknown""#), "{text}");
    }

    #[test]
    fn an_ending_counts_once_under_its_label() {
        let (telemetry, meters) = telemetry();
        meters.ended(&Outcome::BadSignature);
        let expected = r#"hookgate_deliveries_total{source="a",outcome="bad_signature"} 1"#;
        assert!(telemetry.render().contains(expected));
    }

    #[test]
    fn what_is_counted_can_be_read_and_goes_on_when_a_source_comes_back() {
        let (telemetry, meters) = telemetry();
        meters.ended(&Outcome::BadSignature);
        meters.refused("missing");
        meters.last_event.set(7.5);
        meters.secret_used(0, 8.0);
        let lists = lists();
        let again = |source: &str| {
            let source = SourceName::new(source);
            let secrets = vec![("KEY".to_owned(), None)];
            telemetry.source(&SourceLabels { source: &source, secrets }, &lists)
        };
        for (source, count, last_event, last_used) in
            [("a", 1, 7.5, Some(8.0)), ("b", 0, 0.0, None)]
        {
            let meters = again(source);
            let refused: Vec<_> = meters.refusals().collect();
            assert_eq!(refused, [("missing", count)]);
            assert!(meters.endings().any(|ending| ending == ("bad_signature", count)));
            assert_eq!(meters.endings().map(|(_, count)| count).sum::<u64>(), count);
            assert_eq!(meters.last_event.value(), last_event);
            assert_eq!(meters.secret_last_used(0), last_used);
        }
        let shown = r#"hookgate_source_last_event_timestamp_seconds{source="a"} 7.5"#;
        assert!(telemetry.render().contains(shown), "{}", telemetry.render());
    }
}
