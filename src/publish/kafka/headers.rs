//! The headers of a record.

use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};

use crate::event::ReplayId;
use crate::publish::{Record, Settings};
use crate::trace::Tracing;

/// What a client writes beside each record.
pub(super) struct Headers {
    /// Those that every record has.
    all: OwnedHeaders,
    tracing: Option<Arc<Tracing>>,
    again: Option<ReplayId>,
}

impl Headers {
    pub(super) fn new(settings: &Settings, tracing: Option<Arc<Tracing>>) -> Self {
        let again = settings.again.as_ref().map(|again| again.id.clone());
        let all = OwnedHeaders::new_with_capacity(5)
            .insert(text("content-type", "application/cloudevents+json"))
            .insert(text("hookgate-instance", settings.instance.as_str()));
        let all = match &again {
            Some(again) => all.insert(text("hookgate-replay-id", again.as_str())),
            None => all,
        };
        Self { all, tracing, again }
    }

    /// The headers of one.
    pub(super) fn of(&self, record: &Record) -> OwnedHeaders {
        let sequence = record.sequence.to_string();
        let headers = self.all.clone().insert(text("hookgate-sequence", &sequence));
        let Some(tracing) = &self.tracing else { return headers };
        let span = tracing.publishing(record.sequence, self.again.as_ref());
        headers.insert(text("traceparent", &tracing.traceparent(record.id, span)))
    }
}

fn text<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}
