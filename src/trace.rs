//! What a tracing collector is told of an event: spans, and the names that bind them together.
//!
//! Nothing of a trace is stored or carried. Its id is the 128 bits of the event's own id, so every
//! retry, replay and instance tells of the same trace; the span of a delivery follows from the
//! instance and the sequence, so what publishes the event days later, or after a restart, still
//! names its parent. What a sender says of a trace is not believed and not read: a provider could
//! otherwise choose ids, and whether anything is told.
//!
//! No personal data: an attribute is one of [`Attribute`], names of the configuration, words of
//! closed lists and numbers. Only authentic events have spans, so a forger fills no collector.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::delivery::RequestId;
use crate::event::{EventId, Family, InstanceName, Kind, ReplayId, SourceName};
use crate::share::Share;

/// One span within a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

impl SpanId {
    /// One that nobody else can name.
    fn fresh() -> Self {
        Self(rand::random())
    }

    fn of(parts: [&[u8]; 4]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut first = [0; 8];
        first.iter_mut().zip(hash.finalize()).for_each(|(byte, of)| *byte = of);
        Self(first)
    }
}

/// What a span is, as collectors sort them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A request that was answered.
    Server,
    /// A step of it.
    Internal,
    /// A record that was published.
    Producer,
}

/// What may be said of a span: nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The source as the configuration names it.
    Source(SourceName),
    /// How the delivery ended.
    Outcome(&'static str),
    /// The kind of the event.
    Kind(Kind),
    /// Its place in the journal.
    Sequence(u64),
    /// The request, as the log names it.
    Request(RequestId),
    /// Whose topic.
    Family(Family),
    /// Where it stands on Kafka.
    Partition(i32),
    /// The same.
    Offset(i64),
    /// The replay that it is part of.
    Replay(ReplayId),
}

/// One step of an event's road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What was done.
    pub name: &'static str,
    /// What it is.
    pub role: Role,
    /// Whose trace.
    pub event: EventId,
    /// Its own name.
    pub id: SpanId,
    /// The span that it is part of.
    pub parent: Option<SpanId>,
    /// When it began, in nanoseconds since the epoch.
    pub from_nanos: u64,
    /// When it ended, in nanoseconds since the epoch.
    pub until_nanos: u64,
    /// What is said of it.
    pub attributes: Vec<Attribute>,
    /// Whether it failed.
    pub failed: bool,
}

/// Takes spans to whoever collects them. Never blocks.
pub type Sink = Box<dyn Fn(Vec<Span>) + Send + Sync>;

/// Tells of events, while tracing is on.
pub struct Tracing {
    instance: InstanceName,
    share: Share,
    sink: Sink,
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").field("share", &self.share).finish_non_exhaustive()
    }
}

impl Tracing {
    /// Of this share of all events.
    pub fn new(instance: InstanceName, share: Share, sink: Sink) -> Self {
        Self { instance, share, sink }
    }

    /// Whether spans of this event are told.
    pub fn is_chosen(&self, id: EventId) -> bool {
        self.share.holds(id)
    }

    /// Tells these.
    pub fn tell(&self, spans: Vec<Span>) {
        (self.sink)(spans);
    }

    /// The span of the delivery that was kept under a sequence; of one that was not, a fresh one.
    pub fn delivery(&self, sequence: Option<u64>) -> SpanId {
        match sequence {
            Some(sequence) => self.derived(b"delivery", sequence, b""),
            None => SpanId::fresh(),
        }
    }

    /// The span of publishing what stands under a sequence, live or on a replay.
    pub fn publishing(&self, sequence: u64, again: Option<&ReplayId>) -> SpanId {
        self.derived(b"publish", sequence, again.map_or("", ReplayId::as_str).as_bytes())
    }

    fn derived(&self, what: &[u8], sequence: u64, more: &[u8]) -> SpanId {
        SpanId::of([what, self.instance.as_str().as_bytes(), &sequence.to_be_bytes(), more])
    }

    /// A span of a step within another.
    pub fn step(within: SpanId, name: &'static str) -> SpanId {
        SpanId::of([b"step", &within.0, name.as_bytes(), b""])
    }

    /// What a record's header `traceparent` says, as the W3C has it: who goes on with the trace has
    /// the span of publishing for a parent. The last two digits: whether spans are told of it.
    pub fn traceparent(&self, id: EventId, publishing: SpanId) -> String {
        let trace = u128::from_be_bytes(id.0.0);
        let span = u64::from_be_bytes(publishing.0);
        let told = u8::from(self.is_chosen(id));
        format!("00-{trace:032x}-{span:016x}-{told:02x}")
    }
}

/// Nanoseconds since the epoch, so long before a moment.
pub fn nanos(moment: Timestamp, before: Duration) -> u64 {
    let millis = u64::try_from(moment.millis()).unwrap_or(0);
    let before = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
    millis.saturating_mul(1_000_000).saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Digest128;

    fn tracing(instance: &str, share: f64) -> Tracing {
        let share = Share::new(share).unwrap();
        Tracing::new(InstanceName::new(instance), share, Box::new(|_| {}))
    }

    #[test]
    fn a_record_names_the_trace_of_its_event_and_the_span_that_published_it() {
        let id = EventId(Digest128(std::array::from_fn(|i| i as u8)));
        let (here, quiet) = (tracing("gate-1", 1.0), tracing("gate-1", 0.0));
        let span = here.publishing(7, None);
        let hex: String = span.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = format!("00-000102030405060708090a0b0c0d0e0f-{hex}-01");
        assert_eq!(here.traceparent(id, span), expected);
        assert!(quiet.traceparent(id, span).ends_with("-00"));
    }

    #[test]
    fn spans_follow_from_instance_and_sequence_and_differ_in_what_they_are() {
        let (one, again, other) = (tracing("a", 1.0), tracing("a", 0.5), tracing("b", 1.0));
        assert_eq!(one.delivery(Some(7)), again.delivery(Some(7)));
        assert_eq!(one.publishing(7, None), again.publishing(7, None));
        let replay = ReplayId::fresh();
        let all = [
            one.delivery(Some(7)),
            one.delivery(Some(8)),
            other.delivery(Some(7)),
            one.publishing(7, None),
            one.publishing(7, Some(&replay)),
            Tracing::step(one.delivery(Some(7)), "verify"),
            Tracing::step(one.delivery(Some(7)), "append"),
            one.delivery(None),
            one.delivery(None),
        ];
        for (place, span) in all.iter().enumerate() {
            assert!(!all[..place].contains(span), "{place}");
        }
    }

    #[test]
    fn a_span_begins_before_its_end_by_what_it_took() {
        let moment = Timestamp::from_millis(1_000);
        assert_eq!(nanos(moment, Duration::from_micros(250)), 999_750_000);
        assert_eq!(nanos(moment, Duration::MAX), 0);
    }
}
