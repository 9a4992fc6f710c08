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
mod fields;
mod ingress;
mod keys;
mod lists;

use fields::{count, field, first_text, moment, or, truth};

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

    fn kind_of(&self, said: &str) -> Option<Kind> {
        let (_, told) = EVENTS.iter().find(|(known, _)| *known == said)?;
        match told {
            Told::Room(kind)
            | Told::Participant(kind)
            | Told::Track(kind)
            | Told::Ingress(kind)
            | Told::Agent(kind) => Some(*kind),
            // Its content tells.
            Told::Egress(_) => None,
        }
    }

    fn tells_of_recording(&self, said: &str) -> bool {
        said.starts_with("egress_")
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
    ("participant_joined", Told::Participant(Kind::ParticipantJoined)),
    ("participant_left", Told::Participant(Kind::ParticipantLeft)),
    ("participant_connection_aborted", Told::Participant(Kind::ParticipantAborted)),
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
        let sids = [field(egress, "roomId"), field(ingress.get("state"), "roomId")];
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
        moment(Word::RoomStartedAt, self.started, self.started_in_seconds, draft);
    }

    /// The room for an identity: this session of it, or at least its name.
    fn identity(&self) -> At<'t, 'b> {
        first_text(self.sid, &[self.name])
    }
}

fn room(kind: Kind, document: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    if kind == Kind::RoomEnded {
        let reason = field(document, "roomEndReason");
        lists::ROOM_END_REASON.tell(Word::RoomEndReason, reason, draft);
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
        lists::PARTICIPANT_STATE.tell(Word::ParticipantState, state, draft);
        lists::PARTICIPANT_KIND.tell(Word::ParticipantKind, sort, draft);
        if kind != Kind::ParticipantJoined {
            let reason = field(info, "disconnectReason");
            lists::DISCONNECT_REASON.tell(Word::ParticipantReason, reason, draft);
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
    lists::TRACK_TYPE.tell(Word::TrackType, info.get("type"), draft);
    lists::TRACK_SOURCE.tell(Word::TrackSource, info.get("source"), draft);
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::normalize::{Identity, Tree};

    /// What a body was read as, all values as text.
    #[derive(Debug)]
    pub(super) struct Heard {
        pub(super) reading: Reading,
        pub(super) facts: Vec<(Word, u16, String)>,
        pub(super) implied: HashSet<Word>,
        pub(super) time: Option<String>,
        pub(super) identity: String,
    }

    impl Heard {
        pub(super) fn kind(&self) -> Kind {
            let Reading::Event(kind) = self.reading else {
                panic!("{:?}", self.reading);
            };
            kind
        }

        pub(super) fn all(&self, word: Word) -> Vec<&str> {
            let of_word = self.facts.iter().filter(|(known, ..)| *known == word);
            of_word.map(|(.., value)| value.as_str()).collect()
        }

        pub(super) fn get(&self, word: Word) -> Option<&str> {
            self.all(word).first().copied()
        }

        pub(super) fn of(&self, word: Word, item: u16) -> Option<&str> {
            let mut facts = self.facts.iter();
            let found = facts.find(|(known, of, _)| (*known, *of) == (word, item));
            found.map(|(.., value)| value.as_str())
        }
    }

    pub(super) fn hear(body: &str) -> Heard {
        let tree = Tree::parse(body.as_bytes()).unwrap();
        let mut draft = Draft::default();
        let reading = LiveKit.read(tree.root(), &mut draft);
        let shown = |given: &Given| match given {
            Given::Text(node) => tree.at(*node).text().unwrap().to_owned(),
            Given::Word(word) => (*word).to_owned(),
            Given::Count(count) => count.to_string(),
            Given::Number(number) => number.to_string(),
            Given::Moment(moment) => moment.to_string(),
            Given::Flag(flag) => flag.to_string(),
        };
        let facts = draft.facts.iter();
        let implied = draft.facts.iter().filter(|fact| fact.node.is_none());
        Heard {
            reading,
            facts: facts.map(|f| (f.word, f.item, shown(&f.given))).collect(),
            implied: implied.map(|fact| fact.word).collect(),
            time: draft.time.map(|time| time.to_string()),
            identity: identity(&tree, &draft.identity),
        }
    }

    fn identity(tree: &Tree<'_>, identity: &Identity) -> String {
        let id = identity.provider_id.map(|node| tree.at(node).text());
        let mut text = format!("id={}", id.flatten().unwrap_or("none"));
        for (tag, part) in &identity.parts {
            let part = match part {
                Part::Text(node) => tree.at(*node).text().unwrap().to_owned(),
                Part::Number(number) => number.to_string(),
                Part::Word(word) => (*word).to_owned(),
            };
            text += &format!(" {tag}={part}");
        }
        text
    }

    /// A stored request's folder and body.
    fn fixtures() -> Vec<(String, String)> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/livekit");
        let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
        let stored = folders.map(|folder| {
            let request = std::fs::read_to_string(folder.path().join("request.http")).unwrap();
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            (folder.file_name().into_string().unwrap(), body.to_owned())
        });
        stored.collect()
    }

    pub(super) fn fixture(name: &str) -> Heard {
        let all = fixtures();
        hear(&all.iter().find(|(folder, _)| folder == name).unwrap().1)
    }

    #[test]
    fn every_event_type_has_a_fixture_and_is_read_as_its_kind() {
        let kinds = |event: &str| -> &[Kind] {
            match event {
                "room_started" => &[Kind::RoomStarted],
                "room_finished" => &[Kind::RoomEnded],
                "participant_joined" => &[Kind::ParticipantJoined],
                "participant_left" => &[Kind::ParticipantLeft],
                "participant_connection_aborted" => &[Kind::ParticipantAborted],
                "track_published" => &[Kind::TrackPublished],
                "track_unpublished" => &[Kind::TrackUnpublished],
                "egress_started" => &[Kind::RecordingStarted, Kind::StreamStarted],
                "egress_updated" => &[Kind::RecordingUpdated, Kind::StreamUpdated],
                "egress_ended" => &[
                    Kind::RecordingReady,
                    Kind::RecordingFailed,
                    Kind::StreamEnded,
                    Kind::StreamFailed,
                ],
                "ingress_started" => &[Kind::IngressStarted],
                "ingress_ended" => &[Kind::IngressEnded],
                "agent_job_started" => &[Kind::AgentStarted],
                "agent_job_ended" => &[Kind::AgentEnded],
                "agent_job_pending" => &[Kind::AgentPending],
                other => panic!("{other} is no event"),
            }
        };
        let mut seen = HashSet::new();
        for (folder, body) in fixtures() {
            let odd = ["malformed", "unknown-kind", "without-id"];
            let event = folder.split('-').next().unwrap();
            if odd.contains(&folder.as_str()) || folder == "egress_ended-unknown-status" {
                continue;
            }
            let heard = hear(&body);
            assert!(kinds(event).contains(&heard.kind()), "{folder}: {heard:?}");
            assert_eq!(heard.get(Word::EventType), Some(event), "{folder}");
            seen.insert(heard.kind());
        }
        let all = EVENTS.iter().flat_map(|(event, _)| kinds(event));
        assert!(all.clone().all(|kind| seen.contains(kind)), "{seen:?}");
    }

    #[test]
    fn every_documented_key_stands_in_some_fixture() {
        let bodies: String = fixtures().into_iter().map(|(_, body)| body).collect();
        let missing = keys::KEYS.iter().filter(|key| !bodies.contains(&format!("\"{key}\":")));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn a_room_tells_its_session_its_name_and_when_it_started() {
        let heard = fixture("room_started");
        assert_eq!(heard.get(Word::RoomName), Some("consult-0a1b2c3d"));
        assert!(heard.get(Word::RoomSession).unwrap().starts_with("RM_"));
        assert_eq!(heard.time.as_deref(), heard.get(Word::RoomStartedAt));
        assert!(heard.time.unwrap().ends_with(".412Z"));
        let finished = fixture("room_finished");
        assert_eq!(finished.get(Word::RoomEndReason), Some("idle_timeout"));
        assert_eq!(finished.time.as_deref(), finished.get(Word::EventSentAt));
        let silent = fixture("room_finished-without-reason");
        assert_eq!(silent.get(Word::RoomEndReason), Some("unknown"));
        assert!(silent.implied.contains(&Word::RoomEndReason));
    }

    #[test]
    fn a_participant_tells_who_they_are_and_what_they_may_do() {
        let heard = fixture("participant_joined");
        let expected = [
            (Word::ParticipantId, "zoe.canary@example.invalid"),
            (Word::ParticipantState, "active"),
            (Word::ParticipantKind, "standard"),
            (Word::ParticipantRegion, "us-east-1"),
            (Word::ParticipantJoinedAt, "2026-11-20T10:00:11.203Z"),
            (Word::MaySend, "true"),
            (Word::MayReceive, "true"),
            (Word::MaySendData, "true"),
            (Word::MayBeSeen, "true"),
        ];
        for (word, value) in expected {
            assert_eq!(heard.get(word), Some(value), "{word:?}");
        }
        assert_eq!(heard.all(Word::ParticipantLabel), ["Zoë Canary", "Patient"]);
        assert_eq!(heard.time.as_deref(), Some("2026-11-20T10:00:11.203Z"));
        assert_eq!(heard.get(Word::ParticipantReason), None);
    }

    #[test]
    fn a_recorder_is_not_seen_and_may_not_send() {
        let heard = fixture("participant_joined-recorder");
        assert_eq!(heard.get(Word::ParticipantKind), Some("egress"));
        assert_eq!(heard.get(Word::MayBeSeen), Some("false"));
        assert_eq!(heard.get(Word::MaySend), Some("false"));
        assert!(heard.implied.contains(&Word::MaySend));
    }

    #[test]
    fn a_participant_who_left_tells_why_at_the_time_of_the_envelope() {
        let heard = fixture("participant_left");
        assert_eq!(heard.get(Word::ParticipantReason), Some("client_initiated"));
        assert_eq!(heard.time.as_deref(), heard.get(Word::EventSentAt));
        let aborted = fixture("participant_connection_aborted");
        assert_eq!(aborted.get(Word::ParticipantReason), Some("signal_close"));
    }

    #[test]
    fn a_join_time_in_seconds_alone_is_taken() {
        let heard = fixture("participant_joined-seconds-only");
        let joined = heard.get(Word::ParticipantJoinedAt).unwrap();
        assert!(joined.ends_with(".000Z"));
        assert_eq!(heard.time.as_deref(), Some(joined));
    }

    #[test]
    fn a_track_tells_its_media_and_nothing_that_was_not_sent_of_its_participant() {
        let heard = fixture("track_published");
        let expected = [
            (Word::TrackType, Some("video")),
            (Word::TrackSource, Some("camera")),
            (Word::TrackMime, Some("video/VP8")),
            (Word::TrackWidth, Some("1280")),
            (Word::TrackHeight, Some("720")),
            (Word::TrackMuted, Some("false")),
            (Word::TrackSimulcast, Some("true")),
            (Word::ParticipantId, Some("zoe.canary@example.invalid")),
            (Word::ParticipantKind, None),
            (Word::ParticipantState, None),
        ];
        for (word, value) in expected {
            assert_eq!(heard.get(word), value, "{word:?}");
        }
        assert!(heard.time.unwrap().ends_with(".907Z"));
        let audio = fixture("track_published-audio");
        assert_eq!(audio.get(Word::TrackType), Some("audio"));
        assert_eq!(audio.get(Word::TrackWidth), None);
        let screen = fixture("track_published-screen-of-full-room");
        assert_eq!(screen.get(Word::TrackMime), None);
        assert_eq!(screen.time.as_deref(), screen.get(Word::EventSentAt));
        let gone = fixture("track_unpublished");
        assert_eq!(gone.get(Word::TrackMuted), Some("true"));
        assert_eq!(gone.time.as_deref(), gone.get(Word::EventSentAt));
    }

    #[test]
    fn an_ingress_tells_its_state_and_its_participant() {
        let heard = fixture("ingress_started");
        let expected = [
            (Word::RoomName, "demo-room"),
            (Word::IngressType, "rtmp"),
            (Word::IngressStatus, "publishing"),
            (Word::IngressReusable, "true"),
            (Word::ParticipantId, "studio-of-zoe-canary"),
        ];
        for (word, value) in expected {
            assert_eq!(heard.get(word), Some(value), "{word:?}");
        }
        assert!(heard.get(Word::IngressId).unwrap().starts_with("IN_"));
        assert!(heard.get(Word::RoomSession).unwrap().starts_with("RM_"));
        assert_eq!(heard.get(Word::ParticipantLabel), None);
        assert!(heard.time.unwrap().ends_with(".250Z"));
        let ended = fixture("ingress_ended");
        assert_eq!(ended.get(Word::IngressStatus), Some("inactive"));
        assert!(ended.time.unwrap().ends_with(".750Z"));
        let error = fixture("ingress_ended-error");
        assert_eq!(error.get(Word::IngressType), Some("url"));
        assert_eq!(error.get(Word::RoomName), Some("demo-room"));
    }

    #[test]
    fn an_agent_job_tells_its_room_its_state_and_its_own_participant() {
        let heard = fixture("agent_job_ended");
        let expected = [
            (Word::RoomName, "consult-0a1b2c3d"),
            (Word::AgentType, "participant"),
            (Word::AgentStatus, "success"),
        ];
        for (word, value) in expected {
            assert_eq!(heard.get(word), Some(value), "{word:?}");
        }
        assert!(heard.get(Word::AgentId).unwrap().starts_with("AJ_"));
        assert!(heard.get(Word::AgentDispatch).unwrap().starts_with("AD_"));
        assert!(heard.get(Word::AgentWorker).unwrap().starts_with("AW_"));
        assert!(heard.get(Word::ParticipantId).unwrap().starts_with("agent-AJ_"));
        assert_eq!(heard.get(Word::ParticipantSession), None);
        assert!(heard.time.unwrap().ends_with(".875Z"));
        let started = fixture("agent_job_started");
        assert!(started.time.unwrap().ends_with(".125Z"));
        let pending = fixture("agent_job_pending");
        assert_eq!(pending.get(Word::AgentStatus), Some("pending"));
        assert_eq!(pending.time.as_deref(), pending.get(Word::EventSentAt));
        let cancelled = fixture("agent_job_ended-cancelled");
        assert_eq!(cancelled.get(Word::AgentStatus), Some("cancelled"));
    }

    #[test]
    fn secrets_and_free_text_have_no_word() {
        let words = [
            "turn-password",
            "FwCanary",
            "stream-key",
            "AKIA",
            "private_key",
            "?token=",
            "://",
            "Amz-Signature",
            "refused",
            "hung up",
            "CANARY-4711",
            "5550199",
            "microphone of",
            "scribe-of",
            "numParticipants",
            "studio\"",
        ];
        for (folder, body) in fixtures().iter().filter(|(folder, _)| folder != "malformed") {
            for (word, _, value) in hear(body).facts {
                let leaks = words.iter().find(|secret| value.contains(**secret));
                assert_eq!(leaks, None, "{folder}: {word:?}");
            }
        }
    }

    #[test]
    fn an_enum_is_read_by_name_by_number_and_by_its_absence() {
        let left = |participant: &str| {
            let heard =
                hear(&format!(r#"{{"event":"participant_left","participant":{participant}}}"#));
            heard.get(Word::ParticipantReason).map(str::to_owned)
        };
        let cases = [
            (r#"{"disconnectReason":"AGENT_ERROR"}"#, Some("agent_error")),
            (r#"{"disconnectReason":16}"#, Some("agent_error")),
            (r#"{"disconnectReason":"16"}"#, Some("agent_error")),
            (r#"{"disconnect_reason":16.0}"#, Some("agent_error")),
            (r#"{"disconnectReason":null}"#, Some("unknown")),
            ("{}", Some("unknown")),
            (r#"{"disconnectReason":"A_LATER_ONE"}"#, None),
            (r#"{"disconnectReason":99}"#, None),
            ("null", None),
        ];
        for (participant, reason) in cases {
            assert_eq!(left(participant).as_deref(), reason, "{participant}");
        }
        let numbers = fixture("participant_left-enums-as-numbers");
        assert_eq!(numbers.get(Word::ParticipantState), Some("disconnected"));
        assert_eq!(numbers.get(Word::ParticipantKind), Some("connector"));
        assert_eq!(numbers.get(Word::ParticipantReason), Some("connection_timeout"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_left_out_and_harms_nothing() {
        let heard = hear(
            r#"{"event":"participant_joined","id":7,"createdAt":{},"room":[1],"participant":
            {"sid":{},"identity":["x"],"name":3,"permission":"all","joinedAtMs":"soon","state":{},
            "attributes":{"role":[]}}}"#,
        );
        assert_eq!(heard.kind(), Kind::ParticipantJoined);
        assert_eq!(heard.time, None);
        let kind = (Word::ParticipantKind, 0, "standard".to_owned());
        let event = (Word::EventType, 0, "participant_joined".to_owned());
        assert_eq!(heard.facts, [event, kind]);
    }

    #[test]
    fn an_event_of_an_unknown_kind_keeps_its_envelope_and_nothing_else() {
        let heard = fixture("unknown-kind");
        assert_eq!(heard.reading, Reading::Unknown);
        let words: Vec<Word> = heard.facts.iter().map(|(word, ..)| *word).collect();
        let envelope = [
            Word::EventRef,
            Word::EventSentAt,
            Word::RoomSession,
            Word::RoomName,
            Word::RoomStartedAt,
            Word::EventType,
            Word::ParticipantSession,
        ];
        assert_eq!(words, envelope);
        assert_eq!(heard.get(Word::EventType), Some("sip_call_started"));
        assert!(heard.identity.contains("id=EV_") && heard.identity.contains("sip_call_started"));
        assert!(heard.time.is_some());
    }

    #[test]
    fn what_has_no_event_name_is_malformed() {
        for body in ["[]", "7", "null", "\"x\"", "{}", r#"{"event":7}"#, r#"{"event":""}"#] {
            let tree = Tree::parse(body.as_bytes()).unwrap();
            let reading = LiveKit.read(tree.root(), &mut Draft::default());
            assert_eq!(reading, Reading::Malformed, "{body}");
        }
    }

    #[test]
    fn events_differ_by_their_own_id_or_else_by_what_they_are_about() {
        let joined = fixture("participant_joined").identity;
        assert!(joined.starts_with("id=EV_") && !joined.contains(' '), "{joined}");
        let without = |person: &str, millis: u64| {
            hear(&format!(
                r#"{{"event":"participant_joined","room":{{"sid":"RM_1","name":"n"}},
                "participant":{{"sid":"{person}","joinedAtMs":{millis}}},"createdAt":1795168800}}"#
            ))
            .identity
        };
        let first = without("PA_1", 1_795_168_800_001);
        assert_eq!(first, "id=none room=RM_1 participant=PA_1 time=1795168800001");
        assert_ne!(first, without("PA_2", 1_795_168_800_001));
        assert_ne!(first, without("PA_1", 1_795_168_800_002));
        let named = fixture("without-id").identity;
        assert!(named.starts_with("id=none room=RM_"), "{named}");
    }

    #[test]
    fn what_is_removed_is_listed_without_keys_that_users_chose() {
        let all = fixtures();
        let body = &all.iter().find(|(folder, _)| folder == "participant_joined-sip").unwrap().1;
        let mut tree = Tree::parse(body.as_bytes()).unwrap();
        let mut draft = Draft::default();
        LiveKit.read(tree.root(), &mut draft);
        let nodes: Vec<_> = draft.facts.iter().filter_map(|fact| fact.node).collect();
        for node in nodes.into_iter().chain(draft.used) {
            tree.mark_used(node);
        }
        let removed = tree.removed(|key| LiveKit.knows(key), |key| LiveKit.is_open(key));
        let expected = [
            "/room/emptyTimeout",
            "/room/departureTimeout",
            "/room/turnPassword",
            "/room/enabledCodecs/*/mime",
            "/room/enabledCodecs/*/fmtpLine",
            "/participant/version",
            "/participant/attributes/*",
        ];
        assert!(removed.paths.iter().eq(expected), "{removed:?}");
    }

    #[test]
    fn keys_below_attributes_and_upload_metadata_are_chosen_by_users() {
        assert!(LiveKit.is_open("attributes") && LiveKit.is_open("metadata"));
        assert!(!LiveKit.is_open("participant"));
        assert!(LiveKit.knows("egressInfo") && !LiveKit.knows("sip.phoneNumber"));
    }

    /// JSON of any shape under keys that matter here.
    fn any_json() -> impl Strategy<Value = String> {
        let mut names: Vec<&str> = keys::KEYS.to_vec();
        names.extend(["egress_info", "file_results", "role", "zoe"]);
        let event = prop::sample::select(EVENTS.map(|(name, _)| name).to_vec());
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|flag| flag.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            prop::num::f64::NORMAL.prop_map(|number| format!("{number:e}")),
            (-2i64..9).prop_map(|number| number.to_string()),
            "[A-Z_]{0,12}".prop_map(|text| format!("\"{text}\"")),
            prop::sample::select(vec![r#""EGRESS_COMPLETE""#, r#""1795168800000000000""#])
                .prop_map(str::to_owned),
        ];
        let value = leaf.prop_recursive(5, 64, 6, move |inner| {
            let field = (prop::sample::select(names.clone()), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(field, 0..6).prop_map(|fields| {
                    let fields = fields.iter().map(|(key, value)| format!("\"{key}\":{value}"));
                    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
                }),
            ]
        });
        let parts = ["room", "participant", "track", "egressInfo", "ingressInfo", "job", "id"];
        (event, prop::collection::vec(value, parts.len())).prop_map(move |(event, values)| {
            let fields = parts.iter().zip(values);
            let fields = fields.map(|(key, value)| format!(",\"{key}\":{value}"));
            format!("{{\"event\":\"{event}\"{}}}", fields.collect::<String>())
        })
    }

    proptest! {
        #[test]
        fn no_json_makes_the_reader_panic_or_lose_its_bounds(body in any_json()) {
            if let Ok(tree) = Tree::parse(body.as_bytes()) {
                let mut draft = Draft::default();
                LiveKit.read(tree.root(), &mut draft);
                let items = draft.facts.iter().map(|fact| usize::from(fact.item));
                prop_assert!(items.max().unwrap_or(0) < crate::bounds::ITEMS_PER_EVENT_MAX);
            }
        }
    }
}
