//! Whether a canary in a record stands there by policy or is a leak.
//!
//! By policy it stands there whole, in a field that the source's policy lets out with that kind,
//! and in the form that the field takes. Those forms are said here once more and apart from the
//! boundary's own table, so that a mistake in one is seen by the other; a field that is not known
//! here lets nothing out. A record key may be what the same record shows of the room or of the best
//! identity there is. Nothing may stand in headers, in names of fields or in the list of what was
//! removed.

use std::sync::LazyLock;

use regex::Regex;

use super::canary::{Canary, CanaryId, Mint};
use super::scan::{Spot, What, spots};
use super::search::Finder;
use crate::bounds::VISIBLE_TEXT_BYTES_MAX;
use crate::clock::Timestamp;
use crate::event::{Family, Kind, QuarantineReason};
use crate::publish::Received;
use crate::scrub::policy::Action;
use crate::scrub::{Recording, Settings};

/// A canary in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It stands there by policy.
    Passed {
        /// Which.
        canary: CanaryId,
        /// The field of `data`, or `(record key)`.
        field: String,
        /// Of an event of this kind.
        kind: Kind,
    },
    /// It does not.
    Leaked {
        /// Which.
        canary: CanaryId,
        /// Where.
        place: String,
    },
}

/// Who judges.
pub(super) struct Judge<'j> {
    pub(super) finder: &'j Finder,
    pub(super) mint: &'j Mint,
    /// The boundaries of all sources.
    pub(super) boundaries: Vec<&'j Settings>,
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The room's name: what its pattern lets out, or anything where the policy says so.
    Room,
    /// A storage key that its pattern lets out.
    Artifact,
    /// An id as machines make them.
    Id,
    /// LiveKit's id of an event.
    EventRef,
    /// Words in small letters.
    EventType,
    /// Small numbers and dots.
    Version,
    /// A part of the world and what follows.
    Region,
    /// A medium and a codec.
    Mime,
    /// A moment in RFC 3339.
    Moment,
    /// A number.
    Number,
    /// Words of the gateway's own, labels of the configuration, pseudonyms: no canary.
    Ours,
}

/// The fields that a record key may be made of where there is no room.
const IDENTITIES: [&str; 7] = [
    "recording.id",
    "processing.recording_id",
    "stream.id",
    "stream.instance_id",
    "room.session_id",
    "participant.session_id",
    "call.id",
];

impl Judge<'_> {
    /// Every canary in a record.
    pub(super) fn record(&self, record: &Received) -> Vec<Seen> {
        let topic = format!("video.{}", record.family.as_str());
        let mut seen = Vec::new();
        for (name, value) in &record.headers {
            for part in [name.as_bytes(), value] {
                self.leaks(part, &format!("a header in {topic}"), &mut seen);
            }
        }
        let value = std::str::from_utf8(&record.value).ok();
        let Some((text, spots)) = value.and_then(|text| Some((text, spots(text, None)?))) else {
            self.leaks(&record.value, &format!("a value that is not JSON in {topic}"), &mut seen);
            self.leaks(&record.key, &format!("the key of such a value in {topic}"), &mut seen);
            return seen;
        };
        let told = Told::of(&spots);
        for spot in &spots {
            self.spot(spot, &told, &topic, &mut seen);
        }
        self.between(text, &topic, &mut seen);
        self.key(&record.key, &told, &topic, &mut seen);
        seen
    }

    fn spot(&self, spot: &Spot, told: &Told<'_>, topic: &str, seen: &mut Vec<Seen>) {
        let (What::Key(said) | What::Number(said) | What::Other(said) | What::Text { said, .. }) =
            &spot.what
        else {
            return;
        };
        let field = match &spot.what {
            What::Key(_) | What::Other(_) | What::Object { .. } => None,
            What::Text { .. } | What::Number(_) => field_of(&spot.path),
        };
        let is_number = matches!(spot.what, What::Number(_));
        for canary in self.found(said.as_bytes()) {
            let lets = field.as_deref().filter(|field| self.lets(told, field, said, is_number));
            let whole = self.mint.canary(canary).is_some_and(|canary| canary.is(said));
            seen.push(match (lets, told.kind) {
                (Some(field), Some(kind)) if whole => {
                    Seen::Passed { canary, field: field.to_owned(), kind }
                }
                _ => Seen::Leaked { canary, place: format!("{} in {topic}", shown(spot)) },
            });
        }
    }

    /// Whether a text may leave in a field of the event.
    fn lets(&self, told: &Told<'_>, field: &str, text: &str, is_number: bool) -> bool {
        let Some((settings, kind)) = self.settings(told).zip(told.kind) else { return false };
        let forbids =
            settings.recording == Recording::Forbidden && kind.family() == Family::Recording;
        if forbids && is_of_recorded(field) {
            return false;
        }
        let action = settings.policy.action_of(kind, field);
        let matches = |pattern: &Option<Regex>| {
            let visible = text.len() <= VISIBLE_TEXT_BYTES_MAX;
            visible && pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
        };
        match (action, form(field)) {
            (Some(Action::Pass), Form::Room) => true,
            (Some(Action::Pseudonym), Form::Room) => matches(&settings.room_name),
            (Some(Action::Pass), Form::Artifact) => matches(&settings.artifact_key),
            (Some(Action::Pass), form) => form.fits(text, is_number),
            (_, _) => false,
        }
    }

    fn settings(&self, told: &Told<'_>) -> Option<&Settings> {
        let name = told.source?;
        self.boundaries.iter().find(|settings| settings.source.as_str() == name).copied()
    }

    fn key(&self, key: &[u8], told: &Told<'_>, topic: &str, seen: &mut Vec<Seen>) {
        let said = std::str::from_utf8(key).ok();
        let rest = said.and_then(|said| said.split_once('/')).map(|(_, rest)| rest);
        for canary in self.found(key) {
            let whole = rest.filter(|rest| {
                let canary = self.mint.canary(canary);
                canary.is_some_and(|canary: &Canary| canary.is(rest))
            });
            let shown = seen.iter().any(|seen| match seen {
                Seen::Passed { canary: other, field, .. } => {
                    *other == canary && (field == "room.name" || IDENTITIES.contains(&&**field))
                }
                Seen::Leaked { .. } => false,
            });
            let by_policy = whole.is_some_and(|rest| shown || self.is_stopped(told, rest));
            seen.push(match told.kind.filter(|_| by_policy) {
                Some(kind) => Seen::Passed { canary, field: "(record key)".to_owned(), kind },
                None => Seen::Leaked { canary, place: format!("the record key in {topic}") },
            });
        }
    }

    /// Whether a key belongs to an event that was stopped: its record shows less than the event
    /// whose key it has.
    fn is_stopped(&self, told: &Told<'_>, rest: &str) -> bool {
        let Some(settings) = self.settings(told) else { return false };
        let stopped = told.reason == Some(QuarantineReason::PiiViolation.as_str());
        let as_kind = |field: &str, kind: Kind| {
            let told = Told { kind: Some(kind), ..*told };
            settings.policy.action_of(kind, field).is_some() && self.lets(&told, field, rest, false)
        };
        let fields = IDENTITIES.iter().chain(&["room.name"]);
        stopped
            && fields
                .flat_map(|field| Kind::ALL.iter().map(move |kind| (field, kind)))
                .any(|(field, kind)| as_kind(field, *kind))
    }

    /// What stands in the value and in none of its places.
    fn between(&self, text: &str, topic: &str, seen: &mut Vec<Seen>) {
        for canary in self.found(text.as_bytes()) {
            let known = seen.iter().any(|seen| match seen {
                Seen::Passed { canary: known, .. } | Seen::Leaked { canary: known, .. } => {
                    *known == canary
                }
            });
            if !known {
                let place = format!("between the values in {topic}");
                seen.push(Seen::Leaked { canary, place });
            }
        }
    }

    fn leaks(&self, bytes: &[u8], place: &str, seen: &mut Vec<Seen>) {
        for canary in self.found(bytes) {
            seen.push(Seen::Leaked { canary, place: place.to_owned() });
        }
    }

    /// Each canary once.
    fn found(&self, bytes: &[u8]) -> Vec<CanaryId> {
        let mut found = Vec::new();
        self.finder.look(bytes, &mut |hit| found.push(hit.canary));
        once(found)
    }
}

/// Whether a source lets a room's name out, with some kind of event.
pub(super) fn shows(settings: &Settings, room: &str) -> bool {
    let action = |kind: &Kind| settings.policy.action_of(*kind, "room.name");
    let matches = settings.room_name.as_ref().is_some_and(|pattern| pattern.is_match(room));
    Kind::ALL.iter().any(|kind| match action(kind) {
        Some(Action::Pass) => true,
        Some(Action::Pseudonym) => matches,
        Some(Action::Unlisted | Action::Drop | Action::Role | Action::Bucket) | None => false,
    })
}

fn once(mut canaries: Vec<CanaryId>) -> Vec<CanaryId> {
    canaries.sort_unstable();
    canaries.dedup();
    canaries
}

/// What a record says of itself.
#[derive(Clone, Copy)]
struct Told<'r> {
    source: Option<&'r str>,
    kind: Option<Kind>,
    reason: Option<&'r str>,
}

impl<'r> Told<'r> {
    fn of(spots: &'r [Spot]) -> Self {
        let text = |path: &str| {
            spots.iter().find_map(|spot| match &spot.what {
                What::Text { said, .. } => (&*spot.path == path).then_some(said.as_str()),
                What::Key(_) | What::Number(_) | What::Other(_) | What::Object { .. } => None,
            })
        };
        Self {
            source: text("/source").and_then(|source| source.strip_prefix("/sources/")),
            kind: text("/type").and_then(|kind| kind.strip_prefix("video.")).and_then(Kind::parse),
            reason: text("/data/reason"),
        }
    }
}

/// The field of a place, as policies name it; `None` where policies do not speak of it.
fn field_of(path: &str) -> Option<String> {
    match path {
        "/time" => Some("time".to_owned()),
        "/subject" => Some("room.name".to_owned()),
        _ => Some(path.strip_prefix("/data/")?.replace("/*", "[]").replace('/', ".")),
    }
}

/// Whether a field says where what was recorded lies, or what it is like: where recordings are
/// forbidden it leaves with none.
fn is_of_recorded(field: &str) -> bool {
    field.starts_with("files[].") || field.ends_with(".storage_key") || field == "transcript.region"
}

/// A place, where that is no more than names of ours.
fn shown(spot: &Spot) -> String {
    let is_key = matches!(spot.what, What::Key(_));
    if is_key { "the name of a field".to_owned() } else { spot.path.to_string() }
}

/// What a field takes, by its name.
fn form(field: &str) -> Form {
    let last = field.rsplit('.').next().unwrap_or(field);
    match field {
        "room.name" => return Form::Room,
        "provider_event.type" => return Form::EventType,
        "provider_event.id" => return Form::EventRef,
        "provider_event.version" => return Form::Version,
        "track.mime_type" => return Form::Mime,
        "time" | "call.at" => return Form::Moment,
        _ => {}
    }
    match last {
        "storage_key" => Form::Artifact,
        "region" => Form::Region,
        "id" | "started_by" => Form::Id,
        "width"
        | "height"
        | "parts"
        | "retries"
        | "error_code"
        | "size_bytes"
        | "participants_max"
        | "participant_minutes"
        | "duration_seconds" => Form::Number,
        _ if last.ends_with("_id") => Form::Id,
        _ if last.ends_with("_at") => Form::Moment,
        _ => Form::Ours,
    }
}

macro_rules! pattern {
    ($text:literal) => {{
        static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
        &PATTERN
    }};
}

impl Form {
    fn fits(self, text: &str, is_number: bool) -> bool {
        let pattern = match self {
            Self::Number => return is_number,
            Self::Moment => return !is_number && Timestamp::parse(text).is_some(),
            Self::Room | Self::Artifact | Self::Ours => return false,
            Self::Id => pattern!(
                "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$\
                 |^[A-Z]{2,4}_[A-Za-z0-9]{8,24}$"
            ),
            Self::EventRef => pattern!("^EV_[A-Za-z0-9]{12}$"),
            Self::EventType => pattern!("^[a-z]+([._-][a-z]+){0,12}$"),
            Self::Version => pattern!("^[0-9]{1,3}([.][0-9]{1,3}){0,2}$"),
            Self::Region => pattern!("^[a-z]{2,16}(-[a-z0-9]+)+$"),
            Self::Mime => pattern!("^(audio|video)/[A-Za-z0-9-]{1,8}$"),
        };
        !is_number && pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

#[cfg(test)]
mod tests;
