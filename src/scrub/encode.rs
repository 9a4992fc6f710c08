//! The CloudEvents 1.0 envelope, written once into one buffer and never rewritten.
//!
//! The order of the attributes is part of the bytes that are journaled and published; the sequence
//! travels in a record header, so that these bytes are final here.

use std::borrow::Cow;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::data::{Moment, QuarantineData};
use super::names::RoomRef;
use crate::clock::Timestamp;
use crate::event::{EventId, Family, Kind, QuarantineReason};

/// One event as a CloudEvents 1.0 JSON object.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CloudEvent<'a, D> {
    /// The version of CloudEvents.
    specversion: &'static str,
    /// The event's only name: `ev1_` and 26 letters of base32. Equal over retries and replays.
    #[schemars(with = "String", extend("pattern" = "^ev1_[a-z2-7]{26}$"))]
    id: EventId,
    /// The source it came through: `/sources/` and its name.
    source: &'a str,
    /// What happened: `video.` and the kind.
    r#type: &'a str,
    /// The room as it may be seen: its name or its pseudonym.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject<'a>>,
    /// When it happened, in RFC 3339, UTC, with milliseconds.
    time: Moment,
    /// The media type of `data`.
    datacontenttype: &'static str,
    /// The schema of this family.
    dataschema: &'static str,
    /// Whose event it is.
    tenant: &'a str,
    /// The provider that sent it.
    provider: &'a str,
    /// When the gateway received it, in RFC 3339, UTC, with milliseconds.
    receivedtime: Moment,
    /// What is known of it.
    data: &'a D,
}

/// The attributes that differ from event to event.
pub(super) struct Attributes<'a> {
    pub(super) id: EventId,
    pub(super) source: &'a str,
    pub(super) kind: Kind,
    pub(super) subject: Option<Subject<'a>>,
    pub(super) time: Timestamp,
    pub(super) tenant: &'a str,
    pub(super) provider: &'a str,
    pub(super) received: Timestamp,
}

/// Bytes of a typical event.
const BYTES_USUAL: usize = 2_048;

/// Writes an event. The subject and every text of `data` have been judged before.
pub(super) fn encode<D: Serialize>(attributes: &Attributes<'_>, data: &D) -> Bytes {
    let kind = attributes.kind;
    let event = CloudEvent {
        specversion: SPEC_VERSION,
        id: attributes.id,
        source: attributes.source,
        r#type: kind.event_type(),
        subject: attributes.subject,
        time: Moment(attributes.time),
        datacontenttype: CONTENT_TYPE,
        dataschema: schema_id(kind.family()),
        tenant: attributes.tenant,
        provider: attributes.provider,
        receivedtime: Moment(attributes.received),
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
    let ours = written.specversion == SPEC_VERSION;
    let attributes = Attributes {
        id: written.id,
        source: &written.source,
        kind: Kind::Quarantined,
        subject: written.subject.as_deref().map(Subject::Text),
        time: written.receivedtime,
        tenant: &written.tenant,
        provider: &written.provider,
        received: written.receivedtime,
    };
    let data = QuarantineData::bare(QuarantineReason::TooLargeForKafka, value.len());
    ours.then(|| encode(&attributes, &data))
}

/// What is read back of an event that was written here.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    id: EventId,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    receivedtime: Timestamp,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

/// A room as it may be seen.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Subject<'a> {
    /// Its name, or what an event that was written before says.
    Text(&'a str),
    /// Its pseudonym.
    Ref(RoomRef),
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::{Value, json};

    use super::super::tests::{OTHER_UUID, event, joined, key, scrub, scrub_with, settings, with};
    use super::oversized;
    use crate::scrub::Settings;

    #[test]
    fn an_event_leaves_as_the_contract_writes_it() {
        let clean = scrub(&joined());
        let text = std::str::from_utf8(clean.value()).unwrap();
        let (id, person) = (clean.id(), event(&clean)["data"]["participant"]["ref"].clone());
        let expected = format!(
            concat!(
                r#"{{"specversion":"1.0","id":"{}","source":"/sources/plain","#,
                r#""type":"video.participant.joined","subject":"consult-0a1b2c3d","#,
                r#""time":"2026-11-20T10:00:00.027Z","datacontenttype":"application/json","#,
                r#""dataschema":"urn:hookgate:participant:1","tenant":"tenant-a","#,
                r#""provider":"plain","#,
                r#""receivedtime":"2026-11-20T10:00:00.301Z","data":{{"#,
                r#""room":{{"name":"consult-0a1b2c3d"}},"participant":{{"session_id":"{}","#,
                r#""ref":{},"role":"Patient"}},"#,
                r#""provider_event":{{"type":"participant.joined"}},"removed":["/label"]}}}}"#,
            ),
            id, OTHER_UUID, person
        );
        assert_eq!(text, expected);
        assert_eq!(key(&clean), "tenant-a/consult-0a1b2c3d");
        assert!(person.as_str().unwrap().starts_with("p1_"));
        assert_eq!(clean.removed(), &[("person", 2)]);
    }

    #[test]
    fn text_is_written_as_json_whatever_stands_in_it() {
        let any = Settings { room_name: Some(Regex::new("(?s)^.*$").unwrap()), ..settings() };
        let odd = "a\"b\\c\n\u{1}\u{2028}é";
        let clean = scrub_with(any, &with(joined(), "room", json!(odd)));
        assert_eq!(event(&clean)["subject"], odd);
        assert_eq!(event(&clean)["data"]["room"]["name"], odd);
    }

    #[test]
    fn an_oversized_event_keeps_its_names_and_loses_its_data() {
        let clean = scrub(&joined());
        let record: Value = serde_json::from_slice(&oversized(clean.value()).unwrap()).unwrap();
        let before = event(&clean);
        for same in ["specversion", "id", "source", "subject", "tenant", "provider", "receivedtime"]
        {
            assert_eq!(record[same], before[same], "{same}");
        }
        assert_eq!(record["type"], "video.quarantined");
        assert_eq!(record["time"], before["receivedtime"]);
        assert_eq!(record["dataschema"], "urn:hookgate:quarantine:1");
        let length = clean.value().len();
        let data = json!({"reason": "too_large_for_kafka", "length_bytes": length});
        assert_eq!(record["data"], data);
    }

    #[test]
    fn what_is_not_ours_has_no_oversized_record() {
        for value in ["", "{}", "[]", "null", "{\"specversion\":\"1.0\",\"id\":\"x\"}"] {
            assert_eq!(oversized(value.as_bytes()), None);
        }
        let foreign = String::from_utf8(scrub(&joined()).value().to_vec()).unwrap();
        assert_eq!(oversized(foreign.replace("ev1_", "id_").as_bytes()), None);
    }
}
