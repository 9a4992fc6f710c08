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

use bytes::Bytes;
use serde::Deserialize;

use super::data::{Data, Evidence, Moment};
use super::encode::{Attributes, SPEC_VERSION, Subject, encode};
use super::names::RoomRef;
use super::policy::{Action, Policy};
use super::sections::{Participant, ProviderEvent, Room, Sections};
use super::value::told_as;
use super::{Clean, Finding, ROLE_DEFAULT, Recording, Seen, Settings, Violation, Violations};
use crate::clock::Timestamp;
use crate::event::{EventId, Family, Kind, QuarantineReason, SourceName};
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

    /// Whether it tells that recordings are forbidden: it then holds nothing of what was recorded.
    pub fn tells_forbidden(&self) -> bool {
        let written: Option<Reasoned<'_>> = serde_json::from_slice(self.value).ok();
        let told = Finding::RecordingForbidden.as_str();
        written.is_some_and(|written| written.data.findings.iter().any(|found| found == told))
    }

    /// The same event again: for what was too large, and for what was masked.
    pub fn as_kept(&self, kind: Kind) -> Clean {
        self.released(kind, self.value.clone())
    }

    /// The event of an unknown kind, as the kind that this dialect knows it as, by the settings
    /// that hold now. `None` where the dialect does not know it either, or cannot tell by what was
    /// kept.
    pub fn understood(&self, dialect: &dyn Dialect, by: &Settings) -> Option<Clean> {
        let written: Written<'_> = serde_json::from_slice(self.value).ok()?;
        let told = written.data.provider_event.as_ref();
        let kind = dialect.kind_of(told?.r#type.as_deref()?)?;
        if written.specversion != SPEC_VERSION || kind == Kind::Quarantined {
            return None;
        }
        let forbidden = by.recording == Recording::Forbidden && kind.family() == Family::Recording;
        let value = written.encoded(kind, self.id, &by.policy, forbidden)?;
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
            former: None,
            masked: None,
            removed: Vec::new(),
            seen: Seen::default(),
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
    #[serde(borrow, default)]
    findings: Vec<Cow<'a, str>>,
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
    #[serde(default)]
    violations: Vec<Violation>,
    #[serde(default)]
    violations_more: u64,
}

#[derive(Deserialize)]
struct KeptRoom<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    previous_ref: Option<Cow<'a, str>>,
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
    /// The event of this kind, with all that was kept and may leave with it in its place.
    fn encoded(&self, kind: Kind, id: EventId, policy: &Policy, forbidden: bool) -> Option<Bytes> {
        let data = &self.data;
        let lets = Lets { policy, kind };
        let sent_at = data.provider_event.as_ref().and_then(|event| event.sent_at);
        let mut sections = Sections {
            room: data.room.as_ref().map(|room| room.section(&lets)),
            provider_event: data.provider_event.as_ref().map(|event| event.section(&lets)),
            ..Sections::default()
        };
        let with_roles = policy.action(kind, Word::ParticipantLabel) == Action::Role;
        sections.participant = data.participant.as_ref().map(|person| Participant {
            session_id: lets.text(Word::ParticipantSession, &person.session_id),
            role: with_roles.then_some(ROLE_DEFAULT),
            ..Participant::default()
        });
        let paths = data.removed.iter().map(|path| &**path).collect();
        let removed = Removed { paths, more: data.removed_more };
        let time = sent_at.unwrap_or(self.receivedtime);
        let attributes = Attributes {
            id,
            source: &self.source,
            kind,
            subject: lets.text(Word::RoomName, &self.subject).map(Subject::Text),
            time: told_as(time, policy.coarse_time(kind)),
            tenant: &self.tenant,
            provider: &self.provider,
            received: told_as(self.receivedtime, policy.coarse_receipt(kind)),
        };
        let (listed, more) = (data.violations.clone(), data.violations_more);
        let violations = Violations { listed, more };
        let findings = forbidden.then_some(Finding::RecordingForbidden).into_iter().collect();
        let told = Evidence { removed, violations, findings };
        Some(encode(&attributes, &Data::understood(kind.family(), sections, told)))
    }
}

/// What the policy lets out with a kind.
struct Lets<'p> {
    policy: &'p Policy,
    kind: Kind,
}

impl Lets<'_> {
    fn out(&self, word: Word) -> bool {
        !matches!(self.policy.action(self.kind, word), Action::Unlisted | Action::Drop)
    }

    fn text<'t>(&self, word: Word, text: &'t Option<Cow<'_, str>>) -> Option<&'t str> {
        text.as_deref().filter(|_| self.out(word))
    }

    fn moment(&self, word: Word, time: Option<Timestamp>) -> Option<Moment> {
        let time = time.filter(|_| self.out(word))?;
        let coarse = self.policy.action(self.kind, word) == Action::Bucket;
        Some(Moment(told_as(time, coarse)))
    }
}

impl KeptRoom<'_> {
    fn section(&self, lets: &Lets<'_>) -> Room<'_> {
        let name = Word::RoomName;
        let parsed = |room: &Option<Cow<'_, str>>| lets.text(name, room).and_then(RoomRef::parse);
        Room {
            name: lets.text(name, &self.name),
            r#ref: parsed(&self.r#ref),
            previous_ref: parsed(&self.previous_ref),
            id: lets.text(Word::RoomId, &self.id),
            session_id: lets.text(Word::RoomSession, &self.session_id),
            started_at: lets.moment(Word::RoomStartedAt, self.started_at),
            ended_at: lets.moment(Word::RoomEndedAt, self.ended_at),
            ..Room::default()
        }
    }
}

impl KeptEvent<'_> {
    fn section(&self, lets: &Lets<'_>) -> ProviderEvent<'_> {
        ProviderEvent {
            r#type: lets.text(Word::EventType, &self.r#type),
            id: lets.text(Word::EventRef, &self.id),
            version: lets.text(Word::EventVersion, &self.version),
            sent_at: lets.moment(Word::EventSentAt, self.sent_at),
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
    use crate::scrub::closed_schema;

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
            let released = kept.understood(&Newer, &settings()).unwrap();
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
            let family = closed_schema(Kind::ParticipantJoined.family());
            assert!(jsonschema::validator_for(&family).unwrap().is_valid(&after), "{after}");
            assert_eq!((released.id(), released.key()), (clean.id(), clean.key()));
            assert_eq!(released.source().origin(), "plain");
            assert_ne!(*released.source(), source);
            assert!(!after.to_string().contains("Zoe"));
        }
    }

    #[test]
    fn what_came_while_recordings_were_forbidden_tells_so() {
        let ready = json!({"kind": "recording.ready", "recording": super::super::tests::UUID});
        for recording in [Recording::Allowed, Recording::Forbidden] {
            let by = Settings { recording, ..settings() };
            let clean = super::super::tests::scrub_with(by, &ready);
            let told = kept(&clean, clean.source()).tells_forbidden();
            assert_eq!(told, recording == Recording::Forbidden);
        }
    }

    #[test]
    fn what_is_still_unknown_or_not_ours_is_not_released() {
        let source = settings().source;
        let clean = unknown("whiteboard.closed", "consult-0a1b2c3d");
        assert!(kept(&clean, &source).understood(&Newer, &settings()).is_none());
        for value in ["", "{}", "[]", r#"{"data":{"reason":"zoe"}}"#] {
            let value = Bytes::from_static(value.as_bytes());
            let kept = Kept { value: &value, ..kept(&clean, &source) };
            assert!(kept.understood(&Newer, &settings()).is_none() && kept.reason().is_none());
        }
    }
}
