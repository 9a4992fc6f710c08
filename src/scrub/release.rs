//! Out of quarantine: events that may be published after all, made of what the journal kept.
//!
//! A released event keeps the id under which it stands in quarantine, for that is its only name;
//! its `type` is its real one. Its record key is the one it had. Nothing is let out that had not
//! crossed the boundary when it came: what an unknown kind kept (the envelope) becomes the event of
//! the kind that a newer version knows, what was masked is published as it was masked, and what was
//! too large is tried again as it is.
//!
//! It goes into the journal under a name of its source that stands beside the ledger
//! ([`SourceName::released`]), since it has been counted when it came.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use serde::Deserialize;

use super::data::{Data, Moment, RoomRef};
use super::encode::{Attributes, SPEC_VERSION, encode};
use super::sections::{Participant, ProviderEvent, Room, Sections};
use super::{Clean, ROLE_DEFAULT, table};
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind, QuarantineReason, SourceName};
use crate::normalize::{Dialect, Removed, Word};

/// What the journal keeps of an event in quarantine.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Its only name.
    pub id: EventId,
    /// The source it came from.
    pub source: &'a SourceName,
    /// When the delivery came.
    pub received: Timestamp,
    /// The record key.
    pub key: &'a Bytes,
    /// The CloudEvents JSON.
    pub value: &'a Bytes,
}

impl Kept<'_> {
    /// Why it stands in quarantine; `None` where it does not, or is not one of ours.
    pub fn reason(&self) -> Option<QuarantineReason> {
        let written: Reasoned<'_> = serde_json::from_slice(self.value).ok()?;
        let reason = written.data.reason?;
        QuarantineReason::ALL.into_iter().find(|known| known.as_str() == reason)
    }

    /// The same event again: for what was too large, and for what was masked.
    pub fn as_kept(&self, kind: Kind) -> Clean {
        self.released(kind, self.value.clone())
    }

    /// The event of an unknown kind, as the kind that this dialect knows it as. `None` where that
    /// does not know it either, or cannot tell by what was kept.
    pub fn understood(&self, dialect: &dyn Dialect) -> Option<Clean> {
        let written: Written<'_> = serde_json::from_slice(self.value).ok()?;
        let told = written.data.provider_event.as_ref();
        let kind = dialect.kind_of(told?.r#type.as_deref()?)?;
        if written.specversion != SPEC_VERSION || kind == Kind::Quarantined {
            return None;
        }
        let value = written.encoded(kind, self.id)?;
        Some(self.released(kind, value))
    }

    fn released(&self, kind: Kind, value: Bytes) -> Clean {
        Clean {
            id: self.id,
            source: self.source.released(),
            kind,
            reason: None,
            received: self.received,
            key: self.key.clone(),
            value,
            masked: None,
            removed: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Reasoned<'a> {
    #[serde(borrow)]
    data: ReasonedData<'a>,
}

#[derive(Deserialize)]
struct ReasonedData<'a> {
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

/// An envelope that was kept, read back.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    receivedtime: Timestamp,
    #[serde(borrow)]
    data: Envelope<'a>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    room: Option<KeptRoom<'a>>,
    #[serde(borrow)]
    participant: Option<KeptParticipant<'a>>,
    #[serde(borrow)]
    provider_event: Option<KeptEvent<'a>>,
    #[serde(borrow, default)]
    removed: Vec<Cow<'a, str>>,
    #[serde(default)]
    removed_more: u64,
}

#[derive(Deserialize)]
struct KeptRoom<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct KeptParticipant<'a> {
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct KeptEvent<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    sent_at: Option<Timestamp>,
}

impl Written<'_> {
    /// The event of this kind, with all that was kept in its place.
    fn encoded(&self, kind: Kind, id: EventId) -> Option<Bytes> {
        let data = &self.data;
        let sent_at = data.provider_event.as_ref().and_then(|event| event.sent_at);
        let mut sections = Sections {
            room: data.room.as_ref().map(KeptRoom::section),
            provider_event: data.provider_event.as_ref().map(KeptEvent::section),
            ..Sections::default()
        };
        let (_, with_roles) = table::line(Word::ParticipantLabel);
        sections.participant = data.participant.as_ref().map(|person| Participant {
            session_id: person.session_id.as_deref(),
            role: with_roles.has(kind).then_some(ROLE_DEFAULT),
            ..Participant::default()
        });
        let paths = data.removed.iter().map(|path| &**path).collect();
        let removed = Removed { paths, more: data.removed_more };
        let attributes = Attributes {
            id: &id,
            source: &self.source,
            kind,
            subject: self.subject.as_ref().map(|room| room as &dyn Display),
            time: &sent_at.unwrap_or(self.receivedtime),
            tenant: &self.tenant,
            provider: &self.provider,
            received: &self.receivedtime,
        };
        Some(encode(&attributes, &Data::understood(kind.family(), sections, removed)))
    }
}

impl KeptRoom<'_> {
    fn section(&self) -> Room<'_> {
        let r#ref = self.r#ref.as_deref().and_then(|room| room.strip_prefix("r1_"));
        Room {
            name: self.name.as_deref(),
            r#ref: r#ref.and_then(Digest128::parse).map(RoomRef),
            id: self.id.as_deref(),
            session_id: self.session_id.as_deref(),
            started_at: self.started_at.map(Moment),
            ended_at: self.ended_at.map(Moment),
            ..Room::default()
        }
    }
}

impl KeptEvent<'_> {
    fn section(&self) -> ProviderEvent<'_> {
        ProviderEvent {
            r#type: self.r#type.as_deref(),
            id: self.id.as_deref(),
            version: self.version.as_deref(),
            sent_at: self.sent_at.map(Moment),
            ..ProviderEvent::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{event, scrub, settings};
    use super::*;
    use crate::normalize::{At, Draft, Reading};
    use crate::scrub::schema;

    /// A version that knows one type more.
    struct Newer;

    impl Dialect for Newer {
        fn read(&self, _: At<'_, '_>, _: &mut Draft) -> Reading {
            Reading::Unknown
        }

        fn knows(&self, _: &str) -> bool {
            true
        }

        fn is_open(&self, _: &str) -> bool {
            false
        }

        fn kind_of(&self, said: &str) -> Option<Kind> {
            (said == "whiteboard.saved").then_some(Kind::ParticipantJoined)
        }
    }

    fn unknown(said: &str, room: &str) -> Clean {
        scrub(&json!({
            "kind": "whiteboard", "type": said, "room": room, "id": "w-1",
            "session": super::super::tests::UUID, "secret": "Zoe"
        }))
    }

    fn kept<'a>(clean: &'a Clean, source: &'a SourceName) -> Kept<'a> {
        let (key, value) = (clean.key(), clean.value());
        Kept { id: clean.id(), source, received: clean.received(), key, value }
    }

    #[test]
    fn an_unknown_kind_that_a_newer_version_knows_leaves_as_it() {
        for room in ["consult-0a1b2c3d", "Zoe's room"] {
            let (clean, source) = (unknown("whiteboard.saved", room), settings().source);
            let kept = kept(&clean, &source);
            assert_eq!(kept.reason(), Some(QuarantineReason::UnknownKind));
            let released = kept.understood(&Newer).unwrap();
            let (before, after) = (event(&clean), event(&released));
            assert_eq!(after["type"], "video.participant.joined");
            assert_eq!(after["data"]["participant"]["role"], "Participant");
            for same in ["id", "source", "subject", "tenant", "provider", "receivedtime"] {
                assert_eq!(after[same], before[same], "{same}");
            }
            for same in ["room", "provider_event", "removed"] {
                assert_eq!(after["data"][same], before["data"][same], "{same}");
            }
            assert!(after["data"].get("reason").is_none());
            let family = schema(Kind::ParticipantJoined.family());
            assert!(jsonschema::validator_for(&family).unwrap().is_valid(&after), "{after}");
            assert_eq!((released.id(), released.key()), (clean.id(), clean.key()));
            assert_eq!(released.source().origin(), "plain");
            assert_ne!(*released.source(), source);
            assert!(!after.to_string().contains("Zoe"));
        }
    }

    #[test]
    fn what_is_still_unknown_or_not_ours_is_not_released() {
        let source = settings().source;
        let clean = unknown("whiteboard.closed", "consult-0a1b2c3d");
        assert!(kept(&clean, &source).understood(&Newer).is_none());
        for value in ["", "{}", "[]", r#"{"data":{"reason":"zoe"}}"#] {
            let value = Bytes::from_static(value.as_bytes());
            let kept = Kept { value: &value, ..kept(&clean, &source) };
            assert!(kept.understood(&Newer).is_none() && kept.reason().is_none());
        }
    }
}
