//! From our words to those of the wire.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as wire;

use crate::event::InstanceName;
use crate::trace::{Attribute, Role, Span};

/// The flag of a trace that is told.
const SAMPLED: u32 = 1;

pub(super) fn request(instance: &InstanceName, spans: &[Span]) -> ExportTraceServiceRequest {
    let text = |key: &str, value: &str| pair(key, Value::StringValue(value.to_owned()));
    let resource = Resource {
        attributes: vec![
            text("service.name", "hookgate"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", instance.as_str()),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "hookgate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = wire::ScopeSpans {
        scope: Some(scope),
        spans: spans.iter().map(span).collect(),
        ..wire::ScopeSpans::default()
    };
    let spans = wire::ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![spans],
        ..wire::ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

fn span(span: &Span) -> wire::Span {
    let kind = match span.role {
        Role::Server => wire::span::SpanKind::Server,
        Role::Internal => wire::span::SpanKind::Internal,
        Role::Producer => wire::span::SpanKind::Producer,
    };
    let code = match span.failed {
        true => wire::status::StatusCode::Error,
        false => wire::status::StatusCode::Unset,
    };
    wire::Span {
        trace_id: span.event.0.0.to_vec(),
        span_id: span.id.0.to_vec(),
        parent_span_id: span.parent.map_or(Vec::new(), |parent| parent.0.to_vec()),
        flags: SAMPLED,
        name: span.name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: span.from_nanos,
        end_time_unix_nano: span.until_nanos,
        attributes: span.attributes.iter().map(attribute).collect(),
        status: Some(wire::Status { code: code.into(), ..wire::Status::default() }),
        ..wire::Span::default()
    }
}

fn attribute(attribute: &Attribute) -> KeyValue {
    let text = |key: &str, value: &str| pair(key, Value::StringValue(value.to_owned()));
    let whole = |key: &str, value: i64| pair(key, Value::IntValue(value));
    match attribute {
        Attribute::Source(source) => text("hookgate.source", source.as_str()),
        Attribute::Outcome(outcome) => text("hookgate.outcome", outcome),
        Attribute::Kind(kind) => text("hookgate.kind", kind.as_str()),
        Attribute::Sequence(sequence) => {
            whole("hookgate.sequence", i64::try_from(*sequence).unwrap_or(i64::MAX))
        }
        Attribute::Request(id) => text("hookgate.request_id", &id.to_string()),
        Attribute::Family(family) => text("hookgate.family", family.as_str()),
        Attribute::Partition(partition) => {
            text("messaging.destination.partition.id", &partition.to_string())
        }
        Attribute::Offset(offset) => whole("messaging.kafka.offset", *offset),
        Attribute::Replay(replay) => text("hookgate.replay_id", replay.as_str()),
    }
}

fn pair(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
