//! What is kept of an event to find it by.
//!
//! Read from the CloudEvents JSON that was written at the boundary, so nothing here can name a
//! person. Only what a question can ask for is read; the rest of the value is passed over.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::Stored;
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, QuarantineReason};
use crate::scrub::names::is_name;

/// One word that an event can be found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// Its id.
    Id(EventId),
    /// Its room: as it may be seen, or as it stands in the record key (`k1_…`).
    Room(String),
    /// A person by pseudonym.
    Person(String),
    /// A session of a person or a room.
    Session(String),
    /// A recording, transcript, stream or ingress by its id.
    Artifact(String),
}

impl Term {
    /// Eight bytes that stand for it in one search file.
    pub(super) fn hash(&self, salt: &[u8; 16]) -> i64 {
        let (tag, text) = match self {
            Self::Id(id) => return head(&id.0.0),
            Self::Room(text) => (b'r', text),
            Self::Person(text) => (b'p', text),
            Self::Session(text) => (b's', text),
            Self::Artifact(text) => (b'a', text),
        };
        let digest = Sha256::new().chain_update(salt).chain_update([tag]).chain_update(text);
        head(&digest.finalize())
    }
}

fn head(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |eight| i64::from_be_bytes(*eight))
}

/// What is known of an event besides its row in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Whose event it is.
    pub tenant: Option<String>,
    /// Why it is in quarantine, if it is.
    pub reason: Option<QuarantineReason>,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The room as it may be seen.
    pub room: Option<String>,
    /// What it can be found by.
    pub terms: BTreeSet<Term>,
}

impl Words {
    /// Of an event. Of a value that is not ours only the id and the key's room are known.
    pub fn of(event: &Stored) -> Self {
        let mut words = Self::default();
        if let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&event.value) {
            words.read(envelope, event.kind);
        }
        words.terms.insert(Term::Id(event.id));
        let key = std::str::from_utf8(&event.key).unwrap_or_default();
        if let Some((_, room)) = key.split_once('/').filter(|(_, room)| is_name(room, 'k')) {
            words.terms.insert(Term::Room(room.to_owned()));
        }
        words
    }

    fn read(&mut self, envelope: Envelope<'_>, kind: Kind) {
        let Envelope { subject, time, tenant, data } = envelope;
        self.tenant = tenant.map(Cow::into_owned);
        self.time = time.as_deref().and_then(Timestamp::parse);
        self.room = subject.map(Cow::into_owned);
        let Data { reason, room, participant, recording, transcript, stream, ingress, processing } =
            data;
        self.reason = reason.filter(|_| kind == Kind::Quarantined);
        let mut add = |term: fn(String) -> Term, text: Option<Cow<'_, str>>| {
            self.terms.extend(text.map(|text| term(text.into_owned())));
        };
        add(Term::Room, self.room.as_deref().map(Cow::Borrowed));
        // While pseudonyms rotate, it is found by either.
        add(Term::Room, room.previous_ref);
        add(Term::Person, participant.r#ref);
        add(Term::Person, participant.previous_ref);
        for session in [room.id, room.session_id, participant.session_id] {
            add(Term::Session, session);
        }
        for named in [recording, transcript, stream, ingress] {
            add(Term::Artifact, named.id);
            add(Term::Artifact, named.instance_id);
        }
        add(Term::Artifact, processing.recording_id);
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    reason: Option<QuarantineReason>,
    #[serde(borrow)]
    room: Section<'a>,
    #[serde(borrow)]
    participant: Section<'a>,
    #[serde(borrow)]
    recording: Section<'a>,
    #[serde(borrow)]
    transcript: Section<'a>,
    #[serde(borrow)]
    stream: Section<'a>,
    #[serde(borrow)]
    ingress: Section<'a>,
    #[serde(borrow)]
    processing: Section<'a>,
}

/// Of any section: what stands for a thing or a person in it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Section<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    instance_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    recording_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    previous_ref: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Digest128;
    use crate::journal::tests::stored;
    use crate::scrub::names::RoomKey;

    #[test]
    fn an_event_is_found_by_room_person_session_and_id() {
        let value = r#"{"specversion":"1.0","subject":"r2_x","time":"2026-11-20T10:00:00.027Z",
            "tenant":"t","data":{"room":{"id":"RM_1","ref":"r2_x","previous_ref":"r1_x"},
            "participant":{"session_id":"PA_1","ref":"p2_y","previous_ref":"p1_y"},
            "recording":{"id":"EG_1"},"removed":["/label"],"reason":"ended"}}"#;
        let value = value.replace(r#","reason":"ended""#, "");
        let in_key = RoomKey(Digest128([7; 16])).to_string();
        let event =
            Stored { key: format!("t/{in_key}").into(), value: value.into(), ..stored(1, 1) };
        let words = Words::of(&event);
        assert_eq!(words.time.map(Timestamp::millis), Some(1_795_168_800_027));
        assert_eq!((words.tenant.as_deref(), words.room.as_deref()), (Some("t"), Some("r2_x")));
        let text = str::to_owned;
        let expected = [
            Term::Id(event.id),
            Term::Room(in_key),
            Term::Room(text("r2_x")),
            Term::Room(text("r1_x")),
            Term::Person(text("p2_y")),
            Term::Person(text("p1_y")),
            Term::Session(text("PA_1")),
            Term::Session(text("RM_1")),
            Term::Artifact(text("EG_1")),
        ];
        assert_eq!(words.terms, BTreeSet::from(expected));
    }

    #[test]
    fn what_is_not_ours_is_found_by_its_id_alone() {
        let event = stored(1, 10);
        let words = Words::of(&event);
        assert_eq!(words.terms, BTreeSet::from([Term::Id(event.id)]));
        assert_eq!((words.room, words.tenant, words.time), (None, None, None));
    }

    #[test]
    fn a_term_is_hashed_by_what_it_is_and_by_the_file() {
        let (room, person) = (Term::Room("x".into()), Term::Person("x".into()));
        assert_ne!(room.hash(&[0; 16]), person.hash(&[0; 16]));
        assert_ne!(room.hash(&[0; 16]), room.hash(&[1; 16]));
    }
}
