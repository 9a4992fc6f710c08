//! The headers of a record.

use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};

use crate::event::ReplayId;
use crate::publish::registry::{self, Frames};
use crate::publish::{CONTENT_TYPE, Record, Settings, header};
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
        let all = OwnedHeaders::new_with_capacity(6)
            .insert(text(header::CONTENT_TYPE, CONTENT_TYPE))
            .insert(text(header::INSTANCE, settings.instance.as_str()));
        let all = match &again {
            Some(again) => all.insert(text(header::REPLAY_ID, again.as_str())),
            None => all,
        };
        Self { all, tracing, again }
    }

    /// The headers of one; `frames` know of which schema its value is.
    pub(super) fn of(&self, record: &Record, frames: &Frames) -> OwnedHeaders {
        let sequence = record.sequence.to_string();
        let headers = self.all.clone().insert(text(header::SEQUENCE, &sequence));
        let headers = match frames.header(record.family) {
            Some(id) => headers.insert(Header { key: registry::HEADER, value: Some(id) }),
            None => headers,
        };
        let Some(tracing) = &self.tracing else { return headers };
        let span = tracing.publishing(record.sequence, self.again.as_ref());
        headers.insert(text(header::TRACE_PARENT, &tracing.traceparent(record.id, span)))
    }
}

fn text<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}
