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

use bytes::Bytes;

use self::data::{Data, Evidence, QuarantineData};
use self::detect::Detectors;
use self::encode::{Attributes, Subject, encode};
use self::identity::Names;
use self::judge::{Judged, Verdict};
use self::names::{PersonRef, RoomKey, RoomRef};
use self::policy::{Action, As};
use self::sections::Sections;
use self::value::{is_plausible, text, told_as, value};
use crate::event::{EventId, Kind, QuarantineReason};
use crate::normalize::{Normalized, Personal, Word};

mod clean;
pub mod data;
pub mod detect;
mod encode;
mod erasure;
mod explain;
mod identity;
mod judge;
mod keys;
pub mod madeup;
mod mark;
pub mod names;
pub mod policy;
pub mod release;
mod schema;
pub mod sections;
mod settings;
mod shape;
mod table;
mod value;
mod violation;

pub use clean::{Clean, Masked, Seen};
pub use encode::oversized;
pub use erasure::{Erased, Told};
pub use explain::{Explained, Fate};
pub use keys::{FormerKey, Keys, PseudonymKey};
pub use mark::{InUse, KeyedNames, Mark};
pub use schema::{closed_schema, schema, schema_draft_07, schema_to_register};
pub use settings::{OnViolation, Recording, Settings};
pub use violation::{Finding, Violation, Violations};

const RULE_UNLISTED: &str = "unlisted";
const RULE_POLICY: &str = "policy";
const RULE_SHAPE: &str = "shape";
const RULE_PERSON: &str = "person";
const RULE_ROOM: &str = "room";
const RULE_ARTIFACT: &str = "artifact";
const RULE_BUCKET: &str = "bucket";
const RULE_VIOLATION: &str = "violation";
const RULE_RECORDING: &str = "recording";

/// The rules by which values are removed: `unlisted` (no word of the common language, or not for
/// this kind), `policy` (kept by a rule of the tenant or source), `shape` (not of the form that its
/// word demands), `person` (names, and ids that left only as a pseudonym), `room` (names that left
/// only as a pseudonym), `artifact` (storage keys), `bucket` (left less exactly), `violation`
/// (looked personal), `recording` (what was recorded where that is forbidden).
pub const RULES: [&str; 9] = [
    RULE_UNLISTED,
    RULE_POLICY,
    RULE_SHAPE,
    RULE_PERSON,
    RULE_ROOM,
    RULE_ARTIFACT,
    RULE_BUCKET,
    RULE_VIOLATION,
    RULE_RECORDING,
];

/// The role of a person without a label that may leave.
const ROLE_DEFAULT: &str = "Participant";

/// The boundary of one source. Never changes; shared by all its deliveries.
pub struct Boundary {
    settings: Settings,
    /// The source as events name it.
    source: String,
    names: Names,
    detectors: Detectors,
}

impl Boundary {
    /// A boundary by these settings and keys.
    pub fn new(settings: Settings, keys: &Keys) -> Self {
        let names = Names::new(&settings, keys);
        let detectors = Detectors::new(settings.national_ids.clone());
        let source = format!("/sources/{}", settings.source);
        Self { settings, source, names, detectors }
    }

    /// What it was made by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every pseudonym of a person that there is a key for, by the provider's stable id of them,
    /// the one in force first.
    pub fn persons(&self, id: Personal<&str>) -> Vec<PersonRef> {
        self.names.persons(id.expose())
    }

    /// Every pseudonym of a room that there is a key for, by its name, the one in force first.
    pub fn rooms(&self, name: Personal<&str>) -> Vec<RoomRef> {
        self.names.rooms(name.expose())
    }

    /// What stands in record keys for a room whose name may not leave, under every identity key
    /// there is, the one in force first.
    pub fn room_keys(&self, name: Personal<&str>) -> Vec<RoomKey> {
        self.names.room_keys(name.expose())
    }

    /// Takes an event across: what is on the list passes, the rest is removed and listed. Where
    /// something that was about to leave looks personal, that is masked; or the event stops, and
    /// what would have left is kept masked behind it.
    pub fn scrub(&self, mut event: Normalized<'_>) -> Clean {
        let judged = Judged::new(self, &event);
        let passed = judged.passed(event.facts());
        let removed = event.removed(passed.iter().copied());
        let counts = judged.counts(event.facts(), &passed, &removed);
        let mut evidence = judged.evidence(removed);
        let seen = self.seen(&event, &judged, &evidence);
        if seen.recording_forbidden {
            evidence.findings.push(Finding::RecordingForbidden);
        }
        let malformed = event.reason() == Some(QuarantineReason::Malformed);
        let (id, former) = match malformed {
            true => self.names.unreadable(event.verified().delivery().body()),
            false => self.names.event(&event),
        };
        let stops = self.stops(&event, &judged);
        let told = if stops { evidence.clone() } else { Evidence::default() };
        let sections = self.fill(&event, As::Own(event.kind()), &judged);
        let key = Bytes::from(self.key(&event, &sections, id));
        let value = self.write(&event, id, event.reason(), sections, evidence);
        let masked =
            stops.then(|| Masked { kind: event.kind(), key: key.clone(), value: value.clone() });
        let (kind, reason, key, value) = match stops {
            true => self.stopped(&event, id, told),
            false => (event.kind(), event.reason(), key, value),
        };
        let received = event.verified().delivery().head().received();
        let source = self.settings.source.clone();
        let removed = counts;
        Clean { id, former, source, kind, reason, received, key, value, masked, removed, seen }
    }

    fn seen(&self, event: &Normalized<'_>, judged: &Judged<'_>, evidence: &Evidence) -> Seen {
        Seen {
            detected: judged.detected(),
            violations: evidence.violations.clone(),
            recording_forbidden: self.is_forbidden(event),
        }
    }

    /// Whether an event goes to quarantine for what it would have let out. One that tells of a
    /// forbidden recording never does: whoever must act on it has to see it.
    fn stops(&self, event: &Normalized<'_>, judged: &Judged<'_>) -> bool {
        self.settings.on_violation == OnViolation::Quarantine
            && judged.is_violated()
            && event.reason().is_none()
            && !self.forbids(event.kind())
    }

    /// The record of an event that stopped: its envelope, and what was seen where.
    fn stopped(
        &self,
        event: &Normalized<'_>,
        id: EventId,
        told: Evidence,
    ) -> (Kind, Option<QuarantineReason>, Bytes, Bytes) {
        let (kind, reason) = (Kind::Quarantined, Some(QuarantineReason::PiiViolation));
        let stopped = As::Stopped(event.kind());
        let judged = Judged::told(self, event, stopped);
        let sections = self.fill(event, stopped, &judged);
        let key = self.key(event, &sections, id).into();
        (kind, reason, key, self.write(event, id, reason, sections, told))
    }

    /// Every value that may leave, in its place.
    fn fill<'e>(
        &'e self,
        event: &'e Normalized<'_>,
        told: As,
        judged: &Judged<'e>,
    ) -> Sections<'e> {
        let mut sections = Sections::default();
        let mut labelled = false;
        for (fact, verdict) in judged.of(event.facts()) {
            labelled |= fact.word == Word::ParticipantLabel;
            if let Verdict::Room(now, before) = verdict {
                let room = sections.room.get_or_insert_default();
                room.r#ref = room.r#ref.or(Some(now));
                room.previous_ref = room.previous_ref.or(before);
            } else if let Some(value) = value(self, event, told, fact, verdict) {
                table::put(&mut sections, fact.word, fact.item, value);
            }
            if let (Verdict::Person(_, Some(before)), Some(person)) =
                (verdict, &mut sections.participant)
            {
                person.previous_ref = person.previous_ref.or(Some(before));
            }
        }
        let with_roles = self.settings.policy.action(told, Word::ParticipantLabel) == Action::Role;
        if with_roles && (labelled || sections.participant.is_some()) {
            let person = sections.participant.get_or_insert_default();
            person.role = person.role.or(Some(ROLE_DEFAULT));
        }
        sections.drop_empty_items();
        sections
    }

    /// The record key: tenant and room, or the best identity there is.
    fn key(&self, event: &Normalized<'_>, sections: &Sections<'_>, id: EventId) -> String {
        let of = |best: &str| [self.settings.tenant.as_str(), "/", best].concat();
        if let Some(name) = sections.room.as_ref().and_then(|room| room.name) {
            return of(name);
        }
        if let Some(name) = event.fact(Word::RoomName).and_then(|fact| text(event, fact)) {
            return self.names.room_key(name).shown(of);
        }
        match sections.best_identity() {
            Some(best) => of(best),
            None => id.shown(of),
        }
    }

    fn write(
        &self,
        event: &Normalized<'_>,
        id: EventId,
        reason: Option<QuarantineReason>,
        sections: Sections<'_>,
        evidence: Evidence,
    ) -> Bytes {
        let delivery = event.verified().delivery();
        let received = delivery.head().received();
        let subject = subject(&sections);
        let (kind, told) = match reason {
            Some(_) => (Kind::Quarantined, As::Stopped(event.kind())),
            None => (event.kind(), As::Own(event.kind())),
        };
        // What could not be understood is told by when it came: its own time may be anything.
        let own = event.time().filter(|time| reason.is_none() && is_plausible(*time, received));
        let policy = &self.settings.policy;
        // A time that is its receipt is as coarse as that.
        let coarse = policy.coarse_time(told) || (own.is_none() && policy.coarse_receipt(told));
        let time = told_as(own.unwrap_or(received), coarse);
        let received = told_as(received, policy.coarse_receipt(told));
        let data = match reason {
            Some(reason @ QuarantineReason::Malformed) => {
                Data::Quarantine(QuarantineData::bare(reason, delivery.body().len()))
            }
            Some(reason) => Data::quarantined(reason, sections, evidence),
            None => Data::understood(kind.family(), sections, evidence),
        };
        let attributes = Attributes {
            id,
            source: &self.source,
            kind,
            subject,
            time,
            tenant: self.settings.tenant.as_str(),
            provider: self.settings.provider.as_str(),
            received,
        };
        encode(&attributes, &data)
    }
}

/// The room as it may be seen.
fn subject<'e>(sections: &Sections<'e>) -> Option<Subject<'e>> {
    let room = sections.room.as_ref()?;
    let name = room.name.map(Subject::Text);
    name.or(room.r#ref.map(Subject::Ref))
}

#[cfg(test)]
mod tests;
