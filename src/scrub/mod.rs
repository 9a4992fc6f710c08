//! What is not on the list does not leave.
//!
//! A [`Boundary`] takes an event of one source across: `table.rs` says which word may leave with
//! which kind and by what rule, persons leave as pseudonyms and role labels, rooms by name only if
//! the source lets that name out, and everything else stays and is listed by its place in the body.
//! What crosses is a [`Clean`]: encoded once and for all, with the event's id and record key.
//!
//! Promises: text leaves only in a form that cannot name a person, by a pattern or label of the
//! configuration, or as a keyed pseudonym; keys that users chose are listed as `*`; neither the
//! value, the key nor the printed form of a [`Clean`] holds anything else. Never refuses an event,
//! never logs, never reads a clock. The same delivery gives the same bytes, today and on a replay.
//!
//! This is the only room that opens a [`crate::normalize::Personal`].

use std::fmt::{self, Display};

use bytes::Bytes;
use regex::Regex;

use self::data::{Data, PersonRef, QuarantineData, RoomKey, RoomRef};
use self::encode::{Attributes, encode};
use self::identity::Names;
use self::judge::{Judged, Verdict, text, value};
use self::sections::Sections;
use crate::bounds::VISIBLE_TEXT_BYTES_MAX;
use crate::clock::Timestamp;
use crate::event::{EventId, Kind, ProviderName, QuarantineReason, SourceName, TenantName};
use crate::normalize::{Normalized, Personal, Removed, Word};
use crate::secret::Secret;

pub mod data;
pub mod detect;
mod encode;
mod erasure;
mod identity;
mod judge;
pub mod madeup;
pub mod release;
mod schema;
pub mod sections;
mod shape;
mod table;

pub use encode::oversized;
pub use erasure::{Erased, Told};
pub use schema::schema;

const RULE_UNLISTED: &str = "unlisted";
const RULE_SHAPE: &str = "shape";
const RULE_PERSON: &str = "person";
const RULE_ROOM: &str = "room";
const RULE_ARTIFACT: &str = "artifact";

/// The rules by which values are removed: `unlisted` (no word of the common language, or not for
/// this kind), `shape` (not of the form that its word demands), `person` (names, and ids that left
/// only as a pseudonym), `room` (names that left only as a pseudonym), `artifact` (storage keys).
pub const RULES: [&str; 5] = [RULE_UNLISTED, RULE_SHAPE, RULE_PERSON, RULE_ROOM, RULE_ARTIFACT];

/// The role of a person without a label that may leave.
const ROLE_DEFAULT: &str = "Participant";

/// The gateway's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Event ids and record keys; the same on every instance.
    pub identity: Secret,
    /// Persons, and rooms whose names may not leave.
    pub pseudonym: Secret,
}

/// What may leave from one source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source.
    pub source: SourceName,
    /// Whose events these are.
    pub tenant: TenantName,
    /// Who sends them.
    pub provider: ProviderName,
    /// Labels that may stand as a role, letter for letter.
    pub role_labels: Vec<String>,
    /// Room names that may leave as they are; `None`: every room leaves as a pseudonym.
    pub room_name: Option<Regex>,
    /// Storage keys that may leave.
    pub artifact_key: Option<Regex>,
}

/// The boundary of one source. Never changes; shared by all its deliveries.
pub struct Boundary {
    settings: Settings,
    names: Names,
}

/// An event as it may leave, encoded once and for all. Made only by [`Boundary::scrub`].
#[derive(Clone, Debug)]
pub struct Clean {
    id: EventId,
    source: SourceName,
    kind: Kind,
    reason: Option<QuarantineReason>,
    received: Timestamp,
    key: Bytes,
    value: Bytes,
    masked: Option<Masked>,
    removed: Vec<(&'static str, u64)>,
}

/// The event behind a record of quarantine by [`QuarantineReason::PiiViolation`]: what leaves if an
/// operator releases it. It crossed the boundary with what looked personal masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// What happened.
    pub kind: Kind,
    /// The record key.
    pub key: Bytes,
    /// The CloudEvents JSON, with the id of the record of quarantine.
    pub value: Bytes,
}

impl Boundary {
    /// A boundary by these settings and keys.
    pub fn new(settings: Settings, keys: &Keys) -> Self {
        let names = Names::new(&settings, keys);
        Self { settings, names }
    }

    /// What it was made by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The pseudonym of a person, by the provider's stable id of them.
    pub fn person(&self, id: Personal<&str>) -> PersonRef {
        PersonRef(self.names.person(id.expose()))
    }

    /// The pseudonym of a room, by its name.
    pub fn room(&self, name: Personal<&str>) -> RoomRef {
        RoomRef(self.names.room(name.expose()))
    }

    /// What stands in record keys for a room whose name may not leave.
    pub fn room_key(&self, name: Personal<&str>) -> RoomKey {
        RoomKey(self.names.room_key(name.expose()))
    }

    /// Whether a room's name may leave as it is: its events then carry the name itself.
    pub fn lets_out(&self, room: Personal<&str>) -> bool {
        let room = room.expose();
        let pattern = self.settings.room_name.as_ref();
        room.len() <= VISIBLE_TEXT_BYTES_MAX && pattern.is_some_and(|name| name.is_match(room))
    }

    /// Takes an event across: what is on the list passes, the rest is removed and listed.
    pub fn scrub(&self, mut event: Normalized<'_>) -> Clean {
        let judged = Judged::new(self, &event);
        let passed = judged.passed(event.facts());
        let removed = event.removed(passed.iter().copied());
        let counts = judged.counts(event.facts(), &passed, &removed);
        let delivery = event.verified().delivery();
        let malformed = event.reason() == Some(QuarantineReason::Malformed);
        let id = match malformed {
            true => self.names.unreadable(delivery.body()),
            false => self.names.event(event.kind(), &event),
        };
        let sections = self.fill(&event, &judged);
        Clean {
            id,
            source: self.settings.source.clone(),
            kind: event.kind(),
            reason: event.reason(),
            received: delivery.head().received(),
            key: self.key(&event, &sections, id).into(),
            value: self.write(&event, id, sections, removed),
            masked: None,
            removed: counts,
        }
    }

    /// Every value that may leave, in its place.
    fn fill<'e>(&self, event: &'e Normalized<'_>, judged: &Judged) -> Sections<'e> {
        let mut sections = Sections::default();
        let mut labelled = false;
        for (fact, verdict) in judged.of(event.facts()) {
            labelled |= fact.word == Word::ParticipantLabel;
            if let Verdict::Room(room) = verdict {
                let place = &mut sections.room.get_or_insert_default().r#ref;
                *place = place.or(Some(room));
            } else if let Some(value) = value(event, fact, verdict) {
                table::put(&mut sections, fact.word, fact.item, value);
            }
        }
        let (_, with_roles) = table::line(Word::ParticipantLabel);
        if with_roles.has(event.kind()) && (labelled || sections.participant.is_some()) {
            let person = sections.participant.get_or_insert_default();
            person.role = person.role.or(Some(ROLE_DEFAULT));
        }
        sections.drop_empty_items();
        sections
    }

    /// The record key: tenant and room, or the best identity there is.
    fn key(&self, event: &Normalized<'_>, sections: &Sections<'_>, id: EventId) -> String {
        let tenant = &self.settings.tenant;
        if let Some(name) = sections.room.as_ref().and_then(|room| room.name) {
            return format!("{tenant}/{name}");
        }
        if let Some(name) = event.fact(Word::RoomName).and_then(|fact| text(event, fact)) {
            return format!("{tenant}/{}", RoomKey(self.names.room_key(name)));
        }
        match sections.best_identity() {
            Some(best) => format!("{tenant}/{best}"),
            None => format!("{tenant}/{id}"),
        }
    }

    fn write(
        &self,
        event: &Normalized<'_>,
        id: EventId,
        sections: Sections<'_>,
        removed: Removed,
    ) -> Bytes {
        let delivery = event.verified().delivery();
        let received = delivery.head().received();
        let room = seen(&sections);
        // What could not be understood is told by when it came: its own time may be anything.
        let time = match event.reason() {
            Some(_) => received,
            None => event.time().unwrap_or(received),
        };
        let data = match event.reason() {
            Some(reason @ QuarantineReason::Malformed) => {
                Data::Quarantine(QuarantineData::bare(reason, delivery.body().len()))
            }
            Some(reason) => Data::quarantined(reason, sections, removed),
            None => Data::understood(event.kind().family(), sections, removed),
        };
        let attributes = Attributes {
            id: &id,
            source: &format_args!("/sources/{}", self.settings.source),
            kind: event.kind(),
            subject: room.as_ref().map(|room| room as &dyn Display),
            time: &time,
            tenant: &self.settings.tenant,
            provider: &self.settings.provider,
            received: &received,
        };
        encode(&attributes, &data)
    }
}

/// A room as it may be seen.
#[derive(Clone, Copy)]
enum RoomSeen<'a> {
    Name(&'a str),
    Ref(RoomRef),
}

impl Display for RoomSeen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ref(room) => write!(f, "{room}"),
        }
    }
}

fn seen<'e>(sections: &Sections<'e>) -> Option<RoomSeen<'e>> {
    let room = sections.room.as_ref()?;
    let name = room.name.map(RoomSeen::Name);
    name.or(room.r#ref.map(RoomSeen::Ref))
}

impl Clean {
    /// An event that never saw a boundary, for tests of later rooms.
    #[cfg(test)]
    pub(crate) fn for_test(
        id: EventId,
        source: SourceName,
        kind: Kind,
        reason: Option<QuarantineReason>,
        received: Timestamp,
        key: Bytes,
        value: Bytes,
    ) -> Self {
        let (masked, removed) = (None, Vec::new());
        Self { id, source, kind, reason, received, key, value, masked, removed }
    }

    /// The event's only name.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The source it came from.
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// What happened.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Why it goes to quarantine, if it does.
    pub fn reason(&self) -> Option<QuarantineReason> {
        self.reason
    }

    /// When the delivery came.
    pub fn received(&self) -> Timestamp {
        self.received
    }

    /// The record key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The CloudEvents JSON.
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// The event that is kept behind this record of quarantine, to be released.
    pub fn masked(&self) -> Option<&Masked> {
        self.masked.as_ref()
    }

    /// The same with the event that is to be kept behind it.
    #[cfg(test)]
    pub(crate) fn with_masked(self, masked: Masked) -> Self {
        Self { masked: Some(masked), ..self }
    }

    /// How many values each rule removed; rules that removed nothing are left out.
    pub fn removed(&self) -> &[(&'static str, u64)] {
        &self.removed
    }
}

#[cfg(test)]
mod tests;
