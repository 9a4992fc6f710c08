//! The CloudEvents 1.0 envelope, written once into one buffer and never rewritten.
//!
//! The order of the attributes is part of the bytes that are journaled and published; the sequence
//! travels in a record header, so that these bytes are final here.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

use super::data::QuarantineData;
use crate::event::{Family, Kind, QuarantineReason};

/// One event as a CloudEvents 1.0 JSON object.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CloudEvent<'a, D> {
    /// The version of CloudEvents.
    specversion: &'static str,
    /// The event's only name: `ev1_` and 26 letters of base32. Equal over retries and replays.
    #[schemars(with = "String", extend("pattern" = "^ev1_[a-z2-7]{26}$"))]
    id: Shown<'a>,
    /// The source it came through: `/sources/` and its name.
    #[schemars(with = "String")]
    source: Shown<'a>,
    /// What happened: `video.` and the kind.
    #[schemars(with = "String")]
    r#type: Shown<'a>,
    /// The room as it may be seen: its name or its pseudonym.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Shown<'a>>,
    /// When it happened, in RFC 3339, UTC, with milliseconds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    time: Shown<'a>,
    /// The media type of `data`.
    datacontenttype: &'static str,
    /// The schema of this family.
    dataschema: &'static str,
    /// Whose event it is.
    #[schemars(with = "String")]
    tenant: Shown<'a>,
    /// The provider that sent it.
    #[schemars(with = "String")]
    provider: Shown<'a>,
    /// When the gateway received it, in RFC 3339, UTC, with milliseconds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    receivedtime: Shown<'a>,
    /// What is known of it.
    data: &'a D,
}

/// The attributes that differ from event to event.
pub(super) struct Attributes<'a> {
    pub(super) id: &'a dyn Display,
    pub(super) source: &'a dyn Display,
    pub(super) kind: Kind,
    pub(super) subject: Option<&'a dyn Display>,
    pub(super) time: &'a dyn Display,
    pub(super) tenant: &'a dyn Display,
    pub(super) provider: &'a dyn Display,
    pub(super) received: &'a dyn Display,
}

/// Bytes of a typical event.
const BYTES_USUAL: usize = 1_024;

/// Writes an event. The subject and every text of `data` have been judged before.
pub(super) fn encode<D: Serialize>(attributes: &Attributes<'_>, data: &D) -> Bytes {
    let kind = attributes.kind;
    let event = CloudEvent {
        specversion: SPEC_VERSION,
        id: Shown(attributes.id),
        source: Shown(attributes.source),
        r#type: Shown(&format_args!("{TYPE_PREFIX}{kind}")),
        subject: attributes.subject.map(Shown),
        time: Shown(attributes.time),
        datacontenttype: CONTENT_TYPE,
        dataschema: schema_id(kind.family()),
        tenant: Shown(attributes.tenant),
        provider: Shown(attributes.provider),
        receivedtime: Shown(attributes.received),
        data,
    };
    let mut buffer = Vec::with_capacity(BYTES_USUAL);
    #[expect(
        clippy::expect_used,
        reason = "our own types into memory: there is no map key and no writer that could fail"
    )]
    serde_json::to_writer(&mut buffer, &event).expect("an event can be written");
    buffer.into()
}

/// What stands in `specversion`.
pub(super) const SPEC_VERSION: &str = "1.0";
/// What stands in `datacontenttype`.
pub(super) const CONTENT_TYPE: &str = "application/json";
/// What stands in `type` before the kind, whatever the topics are called.
pub(super) const TYPE_PREFIX: &str = "video.";

/// What stands in `dataschema`: the `$id` of the family's schema.
pub(super) const fn schema_id(family: Family) -> &'static str {
    match family {
        Family::Recording => "urn:hookgate:recording:1",
        Family::Participant => "urn:hookgate:participant:1",
        Family::Lifecycle => "urn:hookgate:lifecycle:1",
        Family::Quarantine => "urn:hookgate:quarantine:1",
    }
}

/// The quarantine record (CloudEvents JSON) of an event that Kafka refused for its size, made from
/// its journaled value: the same id, reason `too_large_for_kafka`, nothing of its `data`. `None` if
/// the value is not one of ours.
pub fn oversized(value: &[u8]) -> Option<Bytes> {
    let written: Written<'_> = serde_json::from_slice(value).ok()?;
    let ours = written.specversion == SPEC_VERSION && written.id.starts_with("ev1_");
    let attributes = Attributes {
        id: &written.id,
        source: &written.source,
        kind: Kind::Quarantined,
        subject: written.subject.as_ref().map(|room| room as &dyn Display),
        time: &written.receivedtime,
        tenant: &written.tenant,
        provider: &written.provider,
        received: &written.receivedtime,
    };
    let data = QuarantineData::bare(QuarantineReason::TooLargeForKafka, value.len());
    ours.then(|| encode(&attributes, &data))
}

/// What is read back of an event that was written here.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow)]
    receivedtime: Cow<'a, str>,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

/// A value written as text in the way it shows itself, without a copy in between.
#[derive(Clone, Copy)]
struct Shown<'a>(&'a dyn Display);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self.0)
    }
}
