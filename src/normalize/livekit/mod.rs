//! LiveKit's dialect: `WebhookEvent` in proto3 JSON.
//!
//! Reads the 15 event types of protocol 1.53 (`webhook/consts.go`, `livekit_webhook.proto`). It is
//! as tolerant as proto3 JSON allows, because strict receivers lost whole events to a new field or
//! enum name: keys in camel or snake case, enums by name or number, 64-bit numbers as text or
//! number, null as absent. proto3 leaves out zeroes, so that an absent enum says its first value
//! wherever the whole message was sent.
//!
//! Secrets and free text have no word here and never get one: `turnPassword`, `streamKey`,
//! `metadata`, attributes other than `role`, URLs, storage credentials, error texts. Neither has
//! `numParticipants`, which is stale when it is there at all.

use super::{At, Dialect, Draft, Given, Part, Reading, Word};
use crate::clock::Timestamp;
use crate::event::Kind;

mod agent;
mod egress;
mod ingress;
mod keys;
mod lists;
#[cfg(test)]
mod tests;

use lists::Names;

/// LiveKit.
pub struct LiveKit;

impl Dialect for LiveKit {
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading {
        let event = document.get("event");
        let Some(name) = event.text() else {
            return Reading::Malformed;
        };
        let told = EVENTS.iter().find(|(known, _)| *known == name);
        let understood = told.and_then(|(name, told)| Some((*name, told, told.kind(document)?)));
        let place = Place::of(document);
        let sent = field(document, "createdAt");
        draft.text(Word::EventRef, document.get("id"));
        draft.moment(Word::EventSentAt, sent);
        place.read(draft);
        let Some((name, told, kind)) = understood else {
            unknown(document, &place, sent.time(), draft);
            return Reading::Unknown;
        };
        draft.word(Word::EventType, Some(name), event);
        let time = told.read(document, draft).or(sent.time());
        draft.happened(time);
        if !(matches!(told, Told::Egress(egress::Phase::Ended))
            && egress::identify_end(document, &place, draft))
        {
            identify(document, &place, time, draft);
        }
        Reading::Event(kind)
    }

    fn knows(&self, key: &str) -> bool {
        keys::knows(key)
    }

    fn is_open(&self, key: &str) -> bool {
        // Participants', jobs' attributes; an upload's S3 metadata. Other `metadata` is text.
        matches!(key, "attributes" | "metadata")
    }
}

/// Which part of the document an event is about.
enum Told {
    Room(Kind),
    Participant(Kind),
    Track(Kind),
    Egress(egress::Phase),
    Ingress(Kind),
    Agent(Kind),
}

const EVENTS: [(&str, Told); 15] = [
    ("room_started", Told::Room(Kind::RoomStarted)),
    ("room_finished", Told::Room(Kind::RoomEnded)),
    (
        "participant_joined",
        Told::Participant(Kind::ParticipantJoined),
    ),
    ("participant_left", Told::Participant(Kind::ParticipantLeft)),
    (
        "participant_connection_aborted",
        Told::Participant(Kind::ParticipantAborted),
    ),
    ("track_published", Told::Track(Kind::TrackPublished)),
    ("track_unpublished", Told::Track(Kind::TrackUnpublished)),
    ("egress_started", Told::Egress(egress::Phase::Started)),
    ("egress_updated", Told::Egress(egress::Phase::Updated)),
    ("egress_ended", Told::Egress(egress::Phase::Ended)),
    ("ingress_started", Told::Ingress(Kind::IngressStarted)),
    ("ingress_ended", Told::Ingress(Kind::IngressEnded)),
    ("agent_job_started", Told::Agent(Kind::AgentStarted)),
    ("agent_job_ended", Told::Agent(Kind::AgentEnded)),
    ("agent_job_pending", Told::Agent(Kind::AgentPending)),
];

impl Told {
    /// What happened; `None` for an egress that ended in a way this version does not know.
    fn kind(&self, document: At<'_, '_>) -> Option<Kind> {
        match self {
            Self::Room(kind)
            | Self::Participant(kind)
            | Self::Track(kind)
            | Self::Ingress(kind)
            | Self::Agent(kind) => Some(*kind),
            Self::Egress(phase) => egress::kind(*phase, field(document, "egressInfo")),
        }
    }

    /// Reads what the event is about, and when it happened where that stands there.
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
        match self {
            Self::Room(kind) => room(*kind, document, draft),
            Self::Participant(kind) => participant(*kind, document.get("participant"), draft),
            Self::Track(kind) => track(*kind, document, draft),
            Self::Egress(phase) => egress::read(*phase, field(document, "egressInfo"), draft),
            Self::Ingress(kind) => ingress::read(*kind, field(document, "ingressInfo"), draft),
            Self::Agent(kind) => agent::read(*kind, document.get("job"), draft),
        }
    }
}

/// Where the room stands: each family of events has its own place for it.
struct Place<'t, 'b> {
    sid: At<'t, 'b>,
    name: At<'t, 'b>,
    started: At<'t, 'b>,
    started_in_seconds: At<'t, 'b>,
}

impl<'t, 'b> Place<'t, 'b> {
    fn of(document: At<'t, 'b>) -> Self {
        let egress = field(document, "egressInfo");
        let ingress = field(document, "ingressInfo");
        let room = or(document.get("room"), document.get("job").get("room"));
        let sids = [
            field(egress, "roomId"),
            field(ingress.get("state"), "roomId"),
        ];
        let names = [
            field(egress, "roomName"),
            field(egress::request(egress).1, "roomName"),
            field(ingress, "roomName"),
        ];
        Self {
            sid: first_text(room.get("sid"), &sids),
            name: first_text(room.get("name"), &names),
            started: field(room, "creationTimeMs"),
            started_in_seconds: field(room, "creationTime"),
        }
    }

    fn read(&self, draft: &mut Draft) {
        draft.text(Word::RoomSession, self.sid);
        draft.text(Word::RoomName, self.name);
        moment(
            Word::RoomStartedAt,
            self.started,
            self.started_in_seconds,
            draft,
        );
    }

    /// The room for an identity: this session of it, or at least its name.
    fn identity(&self) -> At<'t, 'b> {
        first_text(self.sid, &[self.name])
    }
}

fn room(kind: Kind, document: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    if kind == Kind::RoomEnded {
        let reason = field(document, "roomEndReason");
        choice(
            Word::RoomEndReason,
            0,
            &lists::ROOM_END_REASON,
            reason,
            draft,
        );
        return None;
    }
    let room = document.get("room");
    let exact = field(room, "creationTimeMs").time();
    exact.or(field(room, "creationTime").time())
}

/// A whole `ParticipantInfo`.
fn participant(kind: Kind, info: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    person(info, draft);
    let joined = field(info, "joinedAtMs");
    let joined_in_seconds = field(info, "joinedAt");
    moment(Word::ParticipantJoinedAt, joined, joined_in_seconds, draft);
    draft.text(Word::ParticipantRegion, info.get("region"));
    if info.is_map() {
        let (state, sort) = (info.get("state"), info.get("kind"));
        choice(
            Word::ParticipantState,
            0,
            &lists::PARTICIPANT_STATE,
            state,
            draft,
        );
        choice(
            Word::ParticipantKind,
            0,
            &lists::PARTICIPANT_KIND,
            sort,
            draft,
        );
        if kind != Kind::ParticipantJoined {
            let reason = field(info, "disconnectReason");
            choice(
                Word::ParticipantReason,
                0,
                &lists::DISCONNECT_REASON,
                reason,
                draft,
            );
        }
    }
    permissions(info.get("permission"), draft);
    let joined = joined.time().or(joined_in_seconds.time());
    joined.filter(|_| kind == Kind::ParticipantJoined)
}

/// Who it is. Events about tracks send no more of a participant than this, so that there an absent
/// kind or state says nothing.
fn person(info: At<'_, '_>, draft: &mut Draft) {
    draft.text(Word::ParticipantSession, info.get("sid"));
    draft.text(Word::ParticipantId, info.get("identity"));
    draft.text(Word::ParticipantLabel, info.get("name"));
    draft.text(Word::ParticipantLabel, info.get("attributes").get("role"));
}

fn permissions(given: At<'_, '_>, draft: &mut Draft) {
    if given.is_map() {
        truth(Word::MaySend, field(given, "canPublish"), draft);
        truth(Word::MayReceive, field(given, "canSubscribe"), draft);
        truth(Word::MaySendData, field(given, "canPublishData"), draft);
        let hidden = given.get("hidden");
        match hidden.flag() {
            Some(hides) => draft.fact(Word::MayBeSeen, 0, Given::Flag(!hides), hidden),
            None if !hidden.is_there() => draft.implied(Word::MayBeSeen, 0, Given::Flag(true)),
            None => {}
        }
    }
}

fn track(kind: Kind, document: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    person(document.get("participant"), draft);
    let info = document.get("track");
    if !info.is_map() {
        return None;
    }
    draft.text(Word::TrackId, info.get("sid"));
    choice(
        Word::TrackType,
        0,
        &lists::TRACK_TYPE,
        info.get("type"),
        draft,
    );
    choice(
        Word::TrackSource,
        0,
        &lists::TRACK_SOURCE,
        info.get("source"),
        draft,
    );
    let mime = field(info, "mimeType");
    draft.word(Word::TrackMime, lists::mime(mime), mime);
    count(Word::TrackWidth, info.get("width"), draft);
    count(Word::TrackHeight, info.get("height"), draft);
    truth(Word::TrackMuted, info.get("muted"), draft);
    truth(Word::TrackSimulcast, info.get("simulcast"), draft);
    let made = field(info.get("version"), "unixMicro").time();
    made.filter(|_| kind == Kind::TrackPublished)
}

/// An event of a later version: its envelope and session ids, under its own name.
fn unknown(
    document: At<'_, '_>,
    place: &Place<'_, '_>,
    sent: Option<Timestamp>,
    draft: &mut Draft,
) {
    let event = document.get("event");
    draft.text(Word::EventType, event);
    let session = document.get("participant").get("sid");
    draft.text(Word::ParticipantSession, session);
    draft.happened(sent);
    draft.identified_by("event", event);
    identify(document, place, sent, draft);
}

/// The provider's own id, or without one whatever tells this event from others of its kind.
fn identify(
    document: At<'_, '_>,
    place: &Place<'_, '_>,
    time: Option<Timestamp>,
    draft: &mut Draft,
) {
    draft.provider_id(document.get("id"));
    if draft.has_provider_id() {
        return;
    }
    let participant = document.get("participant");
    let egress = field(document, "egressInfo");
    let ingress = field(document, "ingressInfo");
    draft.identified_by("room", place.identity());
    draft.identified_by(
        "participant",
        first_text(participant.get("sid"), &[participant.get("identity")]),
    );
    draft.identified_by("track", document.get("track").get("sid"));
    draft.identified_by("egress", field(egress, "egressId"));
    draft.identified_by("ingress", field(ingress, "ingressId"));
    draft.identified_by("job", document.get("job").get("id"));
    if let Some(time) = time {
        draft.identified_by_part("time", Part::Number(time.millis()));
    }
}

/// A field of a message by its JSON name (camel case), or else by its proto name (snake case), as
/// every proto3 JSON reader must accept.
fn field<'t, 'b>(message: At<'t, 'b>, name: &str) -> At<'t, 'b> {
    let found = message.get(name);
    if found.is_there() {
        return found;
    }
    let is_it = |key: &str, at: At<'t, 'b>| keys::is_snake_of(key, name) && at.is_there();
    let snake = message
        .children()
        .filter(|(key, at)| is_it(key, *at))
        .last();
    snake.map_or(found, |(_, at)| at)
}

/// The first value, or the second where the first is not there.
fn or<'t, 'b>(first: At<'t, 'b>, second: At<'t, 'b>) -> At<'t, 'b> {
    if first.is_there() { first } else { second }
}

/// The first of several values that is text; the first of all where none is.
fn first_text<'t, 'b>(first: At<'t, 'b>, others: &[At<'t, 'b>]) -> At<'t, 'b> {
    let mut all = std::iter::once(&first).chain(others);
    all.find(|at| at.text().is_some()).copied().unwrap_or(first)
}

/// A moment that older senders know in seconds only; where both are given the exact one counts.
fn moment(word: Word, exact: At<'_, '_>, in_seconds: At<'_, '_>, draft: &mut Draft) {
    if exact.time().is_none() {
        draft.moment(word, in_seconds);
    } else {
        draft.moment(word, exact);
        if in_seconds.time().is_some() {
            draft.uses(in_seconds);
        }
    }
}

/// An enum of a message that is there: absent, it has its first value.
fn choice(word: Word, item: usize, names: &Names, at: At<'_, '_>, draft: &mut Draft) {
    if at.is_there() {
        draft.word_of(word, item, names.read(at), at);
    } else {
        draft.implied(word, item, Given::Word(names.zero));
    }
}

/// A boolean of a message that is there: absent, it is false.
fn truth(word: Word, at: At<'_, '_>, draft: &mut Draft) {
    if at.is_there() {
        draft.flag(word, at);
    } else {
        draft.implied(word, 0, Given::Flag(false));
    }
}

/// A number for which zero means that there is none.
fn count(word: Word, at: At<'_, '_>, draft: &mut Draft) {
    if at.integer() != Some(0) {
        draft.count(word, at);
    }
}
