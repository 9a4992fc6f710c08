//! Out of quarantine: events that may be published after all, made of what the journal kept.
//!
//! A released event keeps the id under which it stands in quarantine, for that is its only name;
//! its `type` is its real one. Nothing is let out that had not crossed the boundary when it came:
//! what an unknown kind kept (the envelope) becomes the event of the kind that a newer version
//! knows, what was masked is published as it was masked, and what was too large is tried again as
//! it is.
//!
//! The envelope crosses once more, by the settings that hold now: a room's name that may not leave
//! any more, or that looks personal by now, leaves as its pseudonym. Its record key is the one it
//! had, unless that shows what may not leave any more; it is then the key that such an event would
//! have.
//!
//! It goes into the journal under a name of its source that stands beside the ledger
//! ([`SourceName::released`]), since it has been counted when it came.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::data::{Data, Evidence, Moment};
use super::encode::{Attributes, SPEC_VERSION, encode};
use super::names::{RoomRef, is_name};
use super::policy::Action;
use super::sections::{Participant, ProviderEvent, Room, Sections};
use super::value::told_as;
use super::{Boundary, Clean, Finding, ROLE_DEFAULT, Seen, Violation, Violations, subject};
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, QuarantineReason, SourceName};
use crate::normalize::{Dialect, Personal, Removed, Word};

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
        self.released(kind, self.key.clone(), self.value.clone())
    }

    /// The event of an unknown kind, as the kind that this dialect knows it as, by the settings
    /// that hold now. `None` where the dialect does not know it either, or cannot tell by what was
    /// kept.
    pub fn understood(&self, dialect: &dyn Dialect, by: &Boundary) -> Option<Clean> {
        let written: Written<'_> = serde_json::from_slice(self.value).ok()?;
        let told = written.data.provider_event.as_ref();
        let kind = dialect.kind_of(told?.r#type.as_deref()?)?;
        if written.specversion != SPEC_VERSION || kind == Kind::Quarantined {
            return None;
        }
        let lets = Lets { by, kind, received: self.received };
        let sections = written.sections(&lets);
        let key = written.key(self, &sections, by);
        Some(self.released(kind, key, written.encoded(sections, self.id, &lets)))
    }

    fn released(&self, kind: Kind, key: Bytes, value: Bytes) -> Clean {
        Clean {
            id: self.id,
            source: self.source.released(),
            kind,
            reason: None,
            received: self.received,
            key,
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
    /// All that was kept and may leave, in its place.
    fn sections(&self, lets: &Lets<'_>) -> Sections<'_> {
        let data = &self.data;
        let with_roles = lets.action(Word::ParticipantLabel) == Action::Role;
        Sections {
            room: data.room.as_ref().map(|room| room.section(lets)),
            participant: data.participant.as_ref().map(|person| Participant {
                session_id: lets.text(Word::ParticipantSession, &person.session_id),
                role: with_roles.then_some(ROLE_DEFAULT),
                ..Participant::default()
            }),
            provider_event: data.provider_event.as_ref().map(|event| event.section(lets)),
            ..Sections::default()
        }
    }

    /// The record key: the one it had, or the next best where that shows what stays now.
    fn key(&self, kept: &Kept<'_>, sections: &Sections<'_>, by: &Boundary) -> Bytes {
        let of = |best: &str| Bytes::from([&*self.tenant, "/", best].concat());
        if sections.room.as_ref().is_some_and(|room| room.name.is_some()) {
            return kept.key.clone();
        }
        if let Some(name) = self.data.room.as_ref().and_then(|room| room.name.as_deref()) {
            return by.names.room_key(name).shown(of);
        }
        let had = std::str::from_utf8(kept.key).ok().and_then(|key| key.split_once('/'));
        match sections.best_identity() {
            _ if had.is_some_and(|(_, room)| is_name(room, 'k')) => kept.key.clone(),
            Some(best) => of(best),
            None => kept.id.shown(of),
        }
    }

    /// The event, encoded once and for all.
    fn encoded(&self, sections: Sections<'_>, id: EventId, lets: &Lets<'_>) -> Bytes {
        let (data, kind, policy) = (&self.data, lets.kind, &lets.by.settings.policy);
        let forbidden = lets.by.forbids(kind);
        let sent_at = data.provider_event.as_ref().and_then(|event| event.sent_at);
        let paths = data.removed.iter().map(|path| &**path).collect();
        let removed = Removed { paths, more: data.removed_more };
        let time = sent_at.unwrap_or(self.receivedtime);
        // A time that is its receipt is as coarse as that.
        let by_receipt = sent_at.is_none() && policy.coarse_receipt(kind);
        let coarse = policy.coarse_time(kind) || by_receipt;
        let attributes = Attributes {
            id,
            source: &self.source,
            kind,
            subject: subject(&sections),
            time: told_as(time, coarse),
            tenant: &self.tenant,
            provider: &self.provider,
            received: told_as(self.receivedtime, policy.coarse_receipt(kind)),
        };
        let (listed, more) = (data.violations.clone(), data.violations_more);
        let violations = Violations { listed, more };
        let findings = forbidden.then_some(Finding::RecordingForbidden).into_iter().collect();
        let told = Evidence { removed, violations, findings };
        encode(&attributes, &Data::understood(kind.family(), sections, told))
    }
}

/// What leaves with a kind by the boundary that holds now.
struct Lets<'b> {
    by: &'b Boundary,
    kind: Kind,
    received: Timestamp,
}

impl Lets<'_> {
    fn action(&self, word: Word) -> Action {
        self.by.settings.policy.action(self.kind, word)
    }

    fn out(&self, word: Word) -> bool {
        !matches!(self.action(word), Action::Unlisted | Action::Drop)
    }

    /// A room as it may be seen now.
    fn room<'t>(&self, kept: &'t KeptRoom<'_>) -> Room<'t> {
        let pseudonym = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(RoomRef::parse);
        let names = &self.by.names;
        let (name, r#ref, previous_ref) = match kept.name.as_deref() {
            _ if !self.out(Word::RoomName) => (None, None, None),
            Some(name) if !self.by.lets_out_with(self.kind, Personal::new(name)) => {
                (None, Some(names.room(name)), names.former_room(name, self.received))
            }
            name => (name, pseudonym(&kept.r#ref), pseudonym(&kept.previous_ref)),
        };
        Room { name, r#ref, previous_ref, ..Room::default() }
    }

    fn text<'t>(&self, word: Word, text: &'t Option<Cow<'_, str>>) -> Option<&'t str> {
        text.as_deref().filter(|_| self.out(word))
    }

    fn moment(&self, word: Word, time: Option<Timestamp>) -> Option<Moment> {
        let time = time.filter(|_| self.out(word))?;
        let coarse = self.action(word) == Action::Bucket;
        Some(Moment(told_as(time, coarse)))
    }
}

impl KeptRoom<'_> {
    fn section(&self, lets: &Lets<'_>) -> Room<'_> {
        Room {
            id: lets.text(Word::RoomId, &self.id),
            session_id: lets.text(Word::RoomSession, &self.session_id),
            started_at: lets.moment(Word::RoomStartedAt, self.started_at),
            ended_at: lets.moment(Word::RoomEndedAt, self.ended_at),
            ..lets.room(self)
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

    use super::super::tests::{event, key, keys, scrub, settings};
    use super::*;
    use crate::normalize::{At, Draft, Reading};
    use crate::scrub::policy::Policy;
    use crate::scrub::{Recording, Settings, closed_schema};

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
            let released = kept.understood(&Newer, &boundary(settings())).unwrap();
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

    fn boundary(settings: Settings) -> Boundary {
        Boundary::new(settings, &keys())
    }

    /// An event of a type that is known by now, let go by these settings; and what such an event
    /// would leave as if it came today.
    fn released(body: &serde_json::Value, by: Settings) -> (Clean, Clean) {
        let (clean, source) = (scrub(body), settings().source);
        let mut known = body.clone();
        known["kind"] = json!("participant.joined");
        let today = super::super::tests::scrub_with(by.clone(), &known);
        (kept(&clean, &source).understood(&Newer, &boundary(by)).unwrap(), today)
    }

    #[test]
    fn a_room_that_was_named_is_let_go_as_the_settings_that_hold_now_show_it() {
        let body = json!({"kind": "whiteboard", "type": "whiteboard.saved", "id": "w-1",
            "room": "consult-0a1b2c3d"});
        let regex = |text: &str| regex::Regex::new(text).unwrap();
        let dropped =
            "[[rule]]\nfields = [\"room.name\"]\naction = \"drop\"\nreason = \"a test\"\n";
        let policy = Policy::standard().with(dropped).unwrap().into();
        for by in [
            Settings { room_name: None, ..settings() },
            Settings { room_name: Some(regex("^visit-.*$")), ..settings() },
            Settings { national_ids: vec![regex("0a1b2c3d")], ..settings() },
            Settings { policy, ..settings() },
        ] {
            let (released, today) = released(&body, by);
            let (after, today_told) = (event(&released), event(&today));
            assert!(!format!("{after} {}", key(&released)).contains("consult-"), "{after}");
            assert_eq!(after.get("subject"), today_told.get("subject"));
            assert_eq!(after["data"].pointer("/room/ref"), today_told["data"].pointer("/room/ref"));
            assert_eq!(released.key(), today.key());
        }
    }

    #[test]
    fn a_key_that_shows_what_stays_now_gives_way_to_the_next_best() {
        let session = super::super::tests::UUID;
        let body = json!({"kind": "whiteboard", "type": "whiteboard.saved", "id": "w-1",
            "session": session});
        let (same, _) = released(&body, settings());
        assert_eq!(key(&same), format!("tenant-a/{session}"));
        let dropped = "[[rule]]\nfields = [\"participant.session_id\"]\naction = \"drop\"\n\
            reason = \"a test\"\n";
        let policy = Policy::standard().with(dropped).unwrap().into();
        let (released, _) = released(&body, Settings { policy, ..settings() });
        assert!(key(&released).starts_with("tenant-a/ev1_"), "{}", key(&released));
        assert!(!event(&released).to_string().contains(session));
    }

    #[test]
    fn a_time_that_is_its_receipt_is_let_go_as_coarse_as_that() {
        let coarse = "[[rule]]\nfields = [\"receivedtime\"]\naction = \"bucket\"\n\
            kinds = [\"participant.*\"]\nreason = \"a test\"\n";
        let policy = Policy::standard().with(coarse).unwrap().into();
        let body = json!({"kind": "whiteboard", "type": "whiteboard.saved", "id": "w-1"});
        let (exact, _) = released(&body, settings());
        assert_eq!(event(&exact)["time"], "2026-11-20T10:00:00.301Z");
        let (released, _) = released(&body, Settings { policy, ..settings() });
        for time in ["time", "receivedtime"] {
            assert_eq!(event(&released)[time], "2026-11-20T10:00:00.000Z", "{time}");
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
        let by = boundary(settings());
        assert!(kept(&clean, &source).understood(&Newer, &by).is_none());
        for value in ["", "{}", "[]", r#"{"data":{"reason":"zoe"}}"#] {
            let value = Bytes::from_static(value.as_bytes());
            let kept = Kept { value: &value, ..kept(&clean, &source) };
            assert!(kept.understood(&Newer, &by).is_none() && kept.reason().is_none());
        }
    }
}
