//! Which events are meant, told from the events themselves.
//!
//! Pure. A choice is absolute: its times are moments and its rooms and persons stand as they may be
//! seen, so that it means the same tomorrow and may be kept and shown. What stands in an event's
//! columns is looked at first; its value is parsed only where content is asked for.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{EventId, Family, Kind, QuarantineReason, SourceName};
use crate::journal::{Head, Stored};

/// See the header. All that is given must hold; nothing given means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choice {
    /// Received at or after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Received before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The source's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The tenant's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The kind, or with a star behind it how it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The family, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Any of these rooms, as events or record keys show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// Any of these persons, as `p1_…`, of any version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<String>,
    /// The event's id as it prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Whether it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<bool>,
    /// Why it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<QuarantineReason>,
}

impl Choice {
    /// Whether an event is meant.
    pub fn holds(&self, event: &Stored) -> bool {
        !event.value.is_empty()
            && self.fits(&event.source, event.kind, event.received)
            && self.names(event.id)
            && self.content(event)
    }

    /// The same of an event of which only the columns were read; for a choice of which
    /// [`Choice::needs_content`] does not hold.
    pub fn holds_of(&self, head: &Head) -> bool {
        head.is_there && self.fits(&head.source, head.kind, head.received) && self.names(head.id)
    }

    /// Whether an event's value must be read to know.
    pub fn needs_content(&self) -> bool {
        self.tenant.is_some()
            || !self.rooms.is_empty()
            || !self.participants.is_empty()
            || self.reason.is_some()
    }

    fn fits(&self, source: &SourceName, kind: Kind, received: Timestamp) -> bool {
        let is_quarantined = kind == Kind::Quarantined;
        self.since.is_none_or(|since| received >= since)
            && self.until.is_none_or(|until| received < until)
            && self.source.as_deref().is_none_or(|wanted| wanted == source.as_str())
            && self.kind.as_deref().is_none_or(|wanted| is_of(kind, wanted))
            && self.family.as_deref().is_none_or(|wanted| wanted == kind.family().as_str())
            && self.quarantined.is_none_or(|wanted| wanted == is_quarantined)
            && (self.reason.is_none() || is_quarantined)
    }

    fn names(&self, id: EventId) -> bool {
        self.event_id.as_deref().is_none_or(|wanted| wanted == id.to_string())
    }

    fn content(&self, event: &Stored) -> bool {
        if !self.needs_content() {
            return true;
        }
        let Ok(seen) = serde_json::from_slice::<Seen<'_>>(&event.value) else {
            return false;
        };
        let any = |wanted: &[String], found: &[Option<&str>]| {
            let names = |wanted: &String| found.contains(&Some(wanted));
            wanted.is_empty() || wanted.iter().any(names)
        };
        let Data { participant: person, room, reason } = &seen.data;
        let reason = reason.as_deref();
        let persons = [person.reference.as_deref(), person.previous.as_deref()];
        let rooms = [seen.subject.as_deref(), room.previous.as_deref(), room_of(&event.key)];
        self.tenant.as_deref().is_none_or(|wanted| seen.tenant.as_deref() == Some(wanted))
            && any(&self.rooms, &rooms)
            && any(&self.participants, &persons)
            && self.reason.is_none_or(|wanted| reason == Some(wanted.as_str()))
    }
}

/// Whether a kind is the one that is written, or begins as written before a star.
pub(super) fn is_of(kind: Kind, written: &str) -> bool {
    match written.strip_suffix('*') {
        Some(beginning) => kind.as_str().starts_with(beginning),
        None => kind.as_str() == written,
    }
}

/// Whether any kind is meant by what is written.
pub fn is_a_kind(written: &str) -> bool {
    Kind::ALL.iter().any(|kind| is_of(*kind, written))
}

/// The names of all families.
pub fn families() -> &'static str {
    static NAMES: LazyLock<String> = LazyLock::new(|| Family::ALL.map(Family::as_str).join(", "));
    &NAMES
}

/// The last part of a record key: the room, where there is one.
fn room_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()?.split_once('/').map(|(_, room)| room)
}

/// What is looked at of a value.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    participant: Named<'a>,
    #[serde(borrow)]
    room: Named<'a>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

/// A person or a room by pseudonyms: while they rotate it has two.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "previous_ref")]
    previous: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Digest128;

    fn event() -> Stored {
        let value = r#"{"subject":"consult-1","tenant":"t-1","type":"video.participant.joined",
            "data":{"room":{"name":"consult-1","previous_ref":"r1_a"},
            "participant":{"ref":"p2_a","previous_ref":"p1_a","role":"Patient"}}}"#;
        Stored {
            sequence: 7,
            id: EventId(Digest128([7; 16])),
            source: SourceName::new("daily-1"),
            kind: Kind::ParticipantJoined,
            received: Timestamp::from_millis(5_000),
            key: Bytes::from_static(b"t-1/k1_room"),
            value: Bytes::from_static(value.as_bytes()),
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn each_thing_that_is_asked_for_must_hold() {
        let at = |millis| Some(Timestamp::from_millis(millis));
        let one = |text: &str| vec![text.to_owned()];
        let id = event().id.to_string();
        let all = Choice::default;
        let meant = [
            all(),
            Choice { since: at(5_000), until: at(5_001), ..all() },
            Choice { source: some("daily-1"), tenant: some("t-1"), ..all() },
            Choice { kind: some("participant.joined"), ..all() },
            Choice { kind: some("participant.*"), family: some("participant"), ..all() },
            Choice { rooms: one("consult-1"), participants: one("p1_a"), ..all() },
            Choice { rooms: one("r1_a"), participants: one("p2_a"), ..all() },
            Choice { rooms: one("k1_room"), event_id: Some(id), ..all() },
            Choice { quarantined: Some(false), ..all() },
        ];
        for choice in meant {
            assert!(choice.holds(&event()), "{choice:?}");
        }
        let other = [
            Choice { since: at(5_001), ..all() },
            Choice { until: at(5_000), ..all() },
            Choice { source: some("daily"), ..all() },
            Choice { tenant: some("t-2"), ..all() },
            Choice { kind: some("participant"), ..all() },
            Choice { kind: some("recording.*"), ..all() },
            Choice { family: some("recording"), ..all() },
            Choice { rooms: one("consult-2"), ..all() },
            Choice { participants: one("p1_b"), ..all() },
            Choice { event_id: some("ev1_other"), ..all() },
            Choice { quarantined: Some(true), ..all() },
            Choice { reason: Some(QuarantineReason::Malformed), ..all() },
        ];
        for choice in other {
            assert!(!choice.holds(&event()), "{choice:?}");
        }
    }

    #[test]
    fn what_was_erased_is_never_meant() {
        let erased = Stored { value: Bytes::new(), key: Bytes::new(), ..event() };
        assert!(!Choice::default().holds(&erased));
    }

    #[test]
    fn a_reason_is_that_of_the_quarantine() {
        let value = br#"{"type":"video.quarantined","data":{"reason":"malformed"}}"#;
        let event = Stored { kind: Kind::Quarantined, value: Bytes::from_static(value), ..event() };
        let of = |reason| Choice { reason: Some(reason), ..Choice::default() };
        assert!(of(QuarantineReason::Malformed).holds(&event));
        assert!(!of(QuarantineReason::UnknownKind).holds(&event));
        let held = Choice { quarantined: Some(true), ..Choice::default() };
        assert!(held.holds(&event));
    }

    #[test]
    fn a_choice_reads_back_as_it_was_kept() {
        let choice = Choice {
            since: Some(Timestamp::from_millis(1_795_168_800_123)),
            rooms: vec!["r1_a".to_owned()],
            reason: Some(QuarantineReason::PiiViolation),
            ..Choice::default()
        };
        let text = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<Choice>(&text).unwrap(), choice);
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn only_what_begins_a_kind_is_one() {
        assert!(is_a_kind("recording.ready") && is_a_kind("recording.*") && is_a_kind("*"));
        assert!(!is_a_kind("recording") && !is_a_kind("recordings.*") && !is_a_kind(""));
        assert_eq!(families(), "recording, participant, lifecycle, quarantine");
    }
}
