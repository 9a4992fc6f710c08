//! Our own events: that a person or a room was forgotten, for consumers to do the same.
//!
//! They are the only events that no provider sent. They say the pseudonym of the person, or the
//! room as it could be seen, and the ids of the events whose content is gone: a long list stands in
//! several events. Read back, they tell what was erased before.

use std::borrow::Cow;

use serde::Deserialize;

use super::data::LifecycleData;
use super::encode::{Attributes, Subject, encode};
use super::sections::Erasure;
use super::{Boundary, Clean, Seen};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, SourceName};
use crate::normalize::Paths;

/// What stands in `provider`.
const PROVIDER: &str = "hookgate";

/// What was forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Erased<'a> {
    /// [`Kind::ParticipantErased`] or [`Kind::RoomErased`].
    pub kind: Kind,
    /// In whose events.
    pub tenant: &'a str,
    /// The names they went by, as they may be seen; the first is the one that consumers know best.
    pub refs: &'a [&'a str],
    /// The record key of all of their events, where it was the same.
    pub key: Option<&'a [u8]>,
    /// When.
    pub at: Timestamp,
    /// The events whose content is gone.
    pub events: &'a [EventId],
}

impl Boundary {
    /// The events that tell of it; none where nothing was erased.
    pub fn erasures(&self, erased: &Erased<'_>) -> Vec<Clean> {
        let Some((first, others)) = erased.refs.split_first() else { return Vec::new() };
        let lists = erased.events.chunks(bounds::ERASURE_EVENT_IDS);
        let parts = lists.len() as u64;
        let each = lists.zip(1_u64..);
        each.map(|(ids, part)| {
            let id = self.names.erasure(erased.tenant, first, erased.at, part);
            let section = Erasure {
                r#ref: Some(first),
                other_refs: (!others.is_empty()).then(|| others.to_vec()),
                event_ids: Some(ids.iter().map(ToString::to_string).collect()),
                part: Some(part),
                parts: Some(parts),
            };
            let key = match erased.key {
                Some(key) => key.to_vec(),
                None => format!("{}/{first}", erased.tenant).into_bytes(),
            };
            Clean {
                id,
                source: SourceName::new(SourceName::OURS),
                kind: erased.kind,
                reason: None,
                received: erased.at,
                key: key.into(),
                value: written(erased, id, first, section),
                former: None,
                masked: None,
                removed: Vec::new(),
                seen: Seen::default(),
            }
        })
        .collect()
    }
}

fn written(erased: &Erased<'_>, id: EventId, first: &str, section: Erasure<'_>) -> bytes::Bytes {
    let data = LifecycleData {
        room: None,
        participant: None,
        stream: None,
        ingress: None,
        agent: None,
        erasure: Some(section),
        provider_event: None,
        removed: Paths::default(),
        removed_more: 0,
        violations: Vec::new(),
        violations_more: 0,
    };
    let is_room = erased.kind == Kind::RoomErased;
    let attributes = Attributes {
        id,
        source: SourceName::OURS,
        kind: erased.kind,
        subject: is_room.then_some(Subject::Text(first)),
        time: erased.at,
        tenant: erased.tenant,
        provider: PROVIDER,
        received: erased.at,
    };
    encode(&attributes, &data)
}

/// What one of these events says, read back from its value.
#[derive(Debug, Deserialize)]
pub struct Told<'a> {
    /// In whose events.
    #[serde(borrow)]
    pub tenant: Cow<'a, str>,
    #[serde(borrow)]
    data: ToldData<'a>,
}

#[derive(Debug, Deserialize)]
struct ToldData<'a> {
    #[serde(borrow)]
    erasure: ToldErasure<'a>,
}

#[derive(Debug, Deserialize)]
struct ToldErasure<'a> {
    #[serde(borrow)]
    r#ref: Cow<'a, str>,
    #[serde(borrow, default)]
    other_refs: Vec<Cow<'a, str>>,
    event_ids: Vec<serde::de::IgnoredAny>,
}

impl<'a> Told<'a> {
    /// Reads one; `None` where the value is none of them.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }

    /// Whether it speaks of this person or room.
    pub fn is_of(&self, name: &str) -> bool {
        let erasure = &self.data.erasure;
        erasure.r#ref == name || erasure.other_refs.iter().any(|other| other == name)
    }

    /// How many events it says are gone.
    pub fn events(&self) -> u64 {
        self.data.erasure.event_ids.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::madeup::stage::indented;
    use super::super::tests::{event, keys, settings};
    use super::*;
    use crate::event::{Digest128, Family};

    const REF: &str = "p1_wzyxrn2edjeufobq6eijappl7i";

    fn erased<'a>(refs: &'a [&'a str], events: &'a [EventId]) -> Erased<'a> {
        let at = Timestamp::from_millis(1_795_168_800_000);
        let kind = Kind::ParticipantErased;
        Erased { kind, tenant: "tenant-a", refs, key: None, at, events }
    }

    fn ids(count: u128) -> Vec<EventId> {
        (0..count).map(|number| EventId(Digest128(number.to_be_bytes()))).collect()
    }

    #[test]
    fn an_erasure_is_told_as_the_schema_says_and_reads_back() {
        let boundary = Boundary::new(settings(), &keys());
        let told = boundary.erasures(&erased(&[REF, "p1_other"], &ids(2)));
        let [clean] = told.as_slice() else { panic!("{told:?}") };
        let event = event(clean);
        let schema = crate::scrub::closed_schema(Family::Lifecycle);
        jsonschema::validator_for(&schema).unwrap().validate(&event).unwrap();
        assert_eq!(event["type"], "video.participant.erased");
        assert_eq!(event["source"], "/hookgate");
        assert_eq!(event["data"]["erasure"]["ref"], REF);
        assert_eq!(event["data"]["erasure"]["event_ids"][1], ids(2)[1].to_string());
        assert_eq!(&clean.key()[..], format!("tenant-a/{REF}").as_bytes());
        let read = Told::read(clean.value()).unwrap();
        assert!(read.is_of(REF) && read.is_of("p1_other") && !read.is_of("p1_"));
        assert_eq!((&*read.tenant, read.events()), ("tenant-a", 2));
    }

    /// The stored event is an example in the published schema; `HOOKGATE_REWRITE=1` writes it anew.
    #[test]
    fn an_erasure_leaves_as_its_stored_event() {
        let boundary = Boundary::new(settings(), &keys());
        let told = boundary.erasures(&erased(&[REF, "p1_cyxb3inqmwzwav4ufiomlcyfsu"], &ids(2)));
        let event = indented(told[0].value());
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hookgate/participant.erased/event.json");
        if std::env::var_os("HOOKGATE_REWRITE").is_some_and(|value| value == "1") {
            std::fs::write(path, &event).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), event);
    }

    #[test]
    fn a_long_list_stands_in_several_events_each_with_an_id_of_its_own() {
        let boundary = Boundary::new(settings(), &keys());
        let many = ids(bounds::ERASURE_EVENT_IDS as u128 + 1);
        let told = boundary.erasures(&erased(&[REF], &many));
        assert_eq!(told.len(), 2);
        assert_ne!(told[0].id(), told[1].id());
        let sum: u64 = told.iter().map(|one| Told::read(one.value()).unwrap().events()).sum();
        assert_eq!(sum, many.len() as u64);
        assert!(told.iter().all(|one| one.value().len() < 64 * 1024));
        assert!(boundary.erasures(&erased(&[REF], &[])).is_empty());
    }
}
