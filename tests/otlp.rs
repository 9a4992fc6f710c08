//! What a tracing collector is told, on the wire, and what records carry of it.
//!
//! The collector here is a small server that reads the OpenTelemetry project's own messages.
//!
//! ```sh
//! cargo test --features otlp --test otlp
//! ```

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what helps a test fails with it"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookgate::config::Otlp;
use hookgate::event::{EventId, InstanceName};
use hookgate::publish::{Embedded, Received};
use hookgate::share::Share;
use hookgate::trace::Span as Told;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[path = "it/depot.rs"]
mod depot;
#[allow(dead_code, reason = "the tests through the public door use more of it")]
#[path = "it/echo.rs"]
mod echo;
#[allow(dead_code, reason = "the tests through the public door use more of it")]
#[path = "it/gateway.rs"]
mod gateway;

use gateway::{DAILY, Gate, LIVEKIT, Plan, event};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes spans.
#[derive(Clone, Default)]
struct Collector {
    /// The bodies as they came.
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many of each batch it says that it rejects.
    rejects: i64,
    endpoint: String,
}

impl Collector {
    async fn start() -> Self {
        Self::rejecting(0).await
    }

    async fn rejecting(rejects: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let collector = Self { endpoint, rejects, ..Self::default() };
        let taking = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(taking.clone().serve(stream));
            }
        });
        collector
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut read = Vec::new();
        loop {
            let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
                continue;
            };
            let head = String::from_utf8(read.drain(..end + 4).collect()).unwrap();
            let head = head.to_ascii_lowercase();
            assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
            assert!(head.contains("content-type: application/x-protobuf"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            while read.len() < length {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            self.bodies.lock().unwrap().push(read.drain(..length).collect());
            let error_message = "not these".to_owned();
            let part = ExportTracePartialSuccess { rejected_spans: self.rejects, error_message };
            let said = ExportTraceServiceResponse { partial_success: Some(part) }.encode_to_vec();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", said.len());
            stream.write_all(&[head.as_bytes(), &said].concat()).await.unwrap();
        }
    }

    /// Everything that came.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in self.bodies.lock().unwrap().iter() {
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            for resource in request.resource_spans {
                let named = resource.resource.unwrap().attributes;
                let named: Vec<_> = named.iter().map(|pair| pair.key.as_str()).collect();
                assert_eq!(named, ["service.name", "service.version", "service.instance.id"]);
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        spans
    }

    /// The same once there are so many.
    async fn until(&self, count: usize) -> Vec<Span> {
        let all = async {
            while self.spans().len() < count {
                tokio::task::yield_now().await;
            }
        };
        let all = tokio::time::timeout(PATIENCE, all).await;
        all.unwrap_or_else(|_| panic!("{count} spans never came: {:#?}", self.spans()));
        self.spans()
    }

    fn otlp(&self, share: f64) -> Option<Otlp> {
        let share = Share::new(share).unwrap();
        Some(Otlp { endpoint: self.endpoint.clone(), share })
    }
}

async fn gate(otlp: Option<Otlp>, broker: &Embedded) -> Gate {
    let mut plan = Plan::new();
    plan.config.kafka.brokers = broker.brokers().to_owned();
    plan.config.telemetry.otlp = otlp;
    plan.parts.publish = true;
    plan.start().await
}

/// Posts; the trace of the event.
async fn post(gate: &Gate, route: &str, body: &str, outcome: &str) -> Vec<u8> {
    let answer = gate.post(&gate.signed(route, body)).await;
    answer.is(200, outcome);
    EventId::parse(answer.json()["event_id"].as_str().unwrap()).unwrap().0.0.to_vec()
}

async fn records(broker: &Embedded, count: usize) -> Vec<Received> {
    depot::read(&depot::settings(broker.brokers()), count).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &Value| {
        if let Value::IntValue(number) = value {
            return number.to_string();
        }
        let Value::StringValue(text) = value else { panic!("{value:?}") };
        text.clone()
    };
    let pair = |(key, value)| (key, text(value));
    let values = span.attributes.iter();
    let values = values.map(|pair| (pair.key.as_str(), pair.value.as_ref().unwrap()));
    values.map(|(key, value)| (key, value.value.as_ref().unwrap())).map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_of_from_its_head_to_kafka_and_the_record_goes_on_with_it() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    let trace = post(&gate, DAILY, &event(DAILY, "e-1"), "accepted").await;
    let records = records(&broker, 1).await;
    let spans = collector.until(8).await;
    assert_eq!(spans.len(), 8, "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace_id == trace && span.flags & 1 == 1));
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (delivery, publish) = (of("delivery"), of("publish"));
    assert!(delivery.parent_span_id.is_empty() && delivery.kind() == SpanKind::Server);
    assert_eq!(publish.parent_span_id, delivery.span_id);
    assert_eq!(publish.kind(), SpanKind::Producer);
    let mut began = delivery.start_time_unix_nano;
    for name in ["read", "verify", "admit", "normalize", "scrub", "append"] {
        let step = of(name);
        assert_eq!((&step.parent_span_id, step.kind()), (&delivery.span_id, SpanKind::Internal));
        assert!(step.start_time_unix_nano >= began, "{name}");
        assert!(step.end_time_unix_nano >= step.start_time_unix_nano, "{name}");
        assert!(step.end_time_unix_nano <= delivery.end_time_unix_nano, "{name}");
        assert!(step.attributes.is_empty());
        began = step.start_time_unix_nano;
    }
    let delivery = said(delivery);
    let request = delivery["hookgate.request_id"].clone();
    assert_eq!(request.len(), 32);
    let expected = [
        ("hookgate.kind", "room.started"),
        ("hookgate.outcome", "accepted"),
        ("hookgate.request_id", &request),
        ("hookgate.sequence", "1"),
        ("hookgate.source", "daily"),
    ];
    assert_eq!(delivery, expected.map(|(key, value)| (key, value.to_owned())).into());
    let offset = records[0].partition.to_string();
    assert_eq!(said(publish)["messaging.destination.partition.id"], offset);
    let header = format!("00-{}-{}-01", hex(&trace), hex(&publish.span_id));
    assert_eq!(records[0].header("traceparent"), Some(header.as_str()));
    assert_eq!(records[0].headers.len(), 4);
    gate.until(r#"hookgate_trace_spans_total{outcome="sent"}"#, 8.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_takes_and_rejects_counts_as_dropped() {
    let (collector, broker) =
        (Collector::rejecting(64).await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    post(&gate, LIVEKIT, &event(LIVEKIT, "EV_a"), "accepted").await;
    gate.until(r#"hookgate_trace_spans_total{outcome="dropped"}"#, 8.0).await;
    gate.until(r#"hookgate_trace_spans_total{outcome="sent"}"#, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_copy_is_told_of_in_the_same_trace_and_what_is_quarantined_in_its_own() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    let trace = post(&gate, LIVEKIT, &event(LIVEKIT, "EV_a"), "accepted").await;
    assert_eq!(post(&gate, LIVEKIT, &event(LIVEKIT, "EV_a"), "duplicate").await, trace);
    let other = post(&gate, DAILY, "{ not json", "quarantined").await;
    let spans = collector.until(8 + 7 + 8).await;
    let roots: Vec<_> = spans.iter().filter(|span| span.name == "delivery").collect();
    let of = |trace: &[u8]| roots.iter().filter(|root| root.trace_id == trace).count();
    assert_eq!((of(&trace), of(&other)), (2, 1));
    let outcomes: Vec<_> =
        roots.iter().map(|root| said(root)["hookgate.outcome"].clone()).collect();
    assert!(outcomes.contains(&"duplicate".to_owned()) && outcomes.len() == 3, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_believed_is_told_of_nowhere_and_a_senders_trace_is_not_taken() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "f"))).unwrap();
    gate.post(forged.replace("1.0.0", "6.6.6").as_bytes()).await.is(401, "bad_signature");
    let theirs = "traceparent: 00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00\r\n\
                  tracestate: canary=1\r\nbaggage: user=canary\r\n";
    let request = gate.signed_with(DAILY, &event(DAILY, "e-1"), theirs);
    let answer = gate.post(&request).await;
    answer.is(200, "accepted");
    let spans = collector.until(8).await;
    assert_eq!(spans.len(), 8);
    for span in &spans {
        assert!(span.trace_id != [0xaa; 16] && span.parent_span_id != [0xbb; 8], "{span:?}");
        assert!(span.trace_state.is_empty() && span.links.is_empty(), "{span:?}");
    }
    let records = records(&broker, 1).await;
    assert!(records[0].header("traceparent").unwrap().ends_with("-01"));
    assert!(records[0].header("tracestate").is_none() && records[0].header("baggage").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_that_is_sent_is_told_to_the_collector() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    let body = r#"{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-canary-1795168800027","payload":{"joined_at":1795168800.5,"session_id":"33333333-cccc-4ccc-8ccc-333333333333","room":"canary-room","user_name":"Zoe Canary","user_id":"canary@example.invalid","canary_key":"canary"},"event_ts":1795168800.6}"#;
    let lines = "User-Agent: canary\r\nX-Request-Id: canary\r\n";
    gate.post(&gate.signed_with(DAILY, body, lines)).await.is(200, "accepted");
    post(&gate, DAILY, "{\"canary\": \"canary\"}", "quarantined").await;
    collector.until(16).await;
    for body in collector.bodies.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body).to_lowercase();
        assert!(!text.contains("canary") && !text.contains("127.0.0.1"), "{text}");
        assert!(!text.contains("33333333-cccc"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_event_that_is_not_chosen_the_record_says_so_and_nothing_is_told() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(0.0), &broker).await;
    post(&gate, DAILY, &event(DAILY, "e-1"), "accepted").await;
    let records = records(&broker, 1).await;
    assert!(records[0].header("traceparent").unwrap().ends_with("-00"));
    // A stop lets out whatever was told.
    gate.app.drain().await;
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_out_what_was_told_last() {
    let (collector, broker) = (Collector::start().await, Embedded::start("video", 1).unwrap());
    let gate = gate(collector.otlp(1.0), &broker).await;
    post(&gate, DAILY, &event(DAILY, "e-1"), "accepted").await;
    gate.app.drain().await;
    assert_eq!(collector.until(8).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let broker = Embedded::start("video", 1).unwrap();
    // A port that nobody listens on, and nobody else is given.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", held.local_addr().unwrap());
    let gate = gate(Some(Otlp { endpoint, share: Share::ALL }), &broker).await;
    for number in 0..20 {
        post(&gate, DAILY, &event(DAILY, &format!("e-{number}")), "accepted").await;
    }
    assert_eq!(records(&broker, 20).await.len(), 20);
    gate.until(r#"hookgate_trace_spans_total{outcome="dropped"}"#, 160.0).await;
    assert_eq!(gate.metric(r#"hookgate_trace_spans_total{outcome="sent"}"#).await, 0.0);
}

#[tokio::test]
async fn where_the_collector_stands_still_the_queue_has_an_end_and_nobody_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let dropped = Arc::new(Mutex::new(0));
    let counting = dropped.clone();
    let counted = move |became, spans| match became {
        hookgate::otlp::Became::Sent => panic!("nobody answers"),
        hookgate::otlp::Became::Dropped => *counting.lock().unwrap() += spans,
    };
    let instance = InstanceName::new("gate-test");
    let settings = hookgate::otlp::Settings { endpoint, instance };
    let (sink, _collector) = hookgate::otlp::start(settings, Arc::new(counted)).unwrap();
    let span = Told {
        name: "delivery",
        role: hookgate::trace::Role::Server,
        event: EventId::parse("ev1_aaaqeayeaudaocajbifqydiob4").unwrap(),
        id: hookgate::trace::SpanId([1; 8]),
        parent: None,
        from_nanos: 1,
        until_nanos: 2,
        attributes: Vec::new(),
        failed: false,
    };
    let room = hookgate::bounds::OTLP_QUEUE_EVENTS + hookgate::bounds::OTLP_BATCH_SPANS;
    for _ in 0..room + 500 {
        sink(vec![span.clone()]);
    }
    assert!(*dropped.lock().unwrap() >= 500, "{}", dropped.lock().unwrap());
}
