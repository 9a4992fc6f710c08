//! Daily.co's dialect: 32 event types, one table.
//!
//! Every field may be missing, null or of another type than documented, and times come as numbers
//! or digits in text: what cannot be read is not taken, and never stops the rest. Closed lists
//! become words of our own; a value outside its list is not taken either, and so is listed as
//! removed.
//!
//! Never taken, because no word exists for them: `share_token` (it opens the recording), free error
//! texts, phone numbers, SIP addresses and headers, display names, buckets and links.
//!
//! Daily's event id alone is no identity: those of recordings and streams hold an instance id that
//! is one constant for all rooms unless the caller chose another, that of `dialin.ready` has
//! neither room nor endpoint in it, and repeated warnings of one call share theirs. So an identity
//! is the id *and* what it leaves out, but nothing that drifts between deliveries (`joined_at`,
//! durations, `event_ts`). Only an event without an id is told apart by its time.

use self::keys::{KNOWN, OPEN};
use self::payloads::{
    call, job, joined, left, recording_failed, recording_ready, recording_started, room_ended,
    room_started, stream_ended, stream_failed, stream_started, stream_updated, transcript_ended,
    transcript_started,
};
use super::{At, Dialect, Draft, Part, Reading, Word};
use crate::clock::Timestamp;
use crate::event::Kind;

mod keys;
mod lists;
mod payloads;

/// Daily.co.
pub struct Daily;

/// Takes the facts of one payload, and tells when the thing itself happened where it says so.
type Read = fn(At<'_, '_>, &mut Draft) -> Option<Timestamp>;

/// Every type that Daily documents: what it is here, and how its payload reads.
const TYPES: [(&str, Kind, Read); 32] = [
    ("meeting.started", Kind::RoomStarted, room_started),
    ("meeting.ended", Kind::RoomEnded, room_ended),
    ("participant.joined", Kind::ParticipantJoined, joined),
    ("participant.left", Kind::ParticipantLeft, left),
    ("waiting-participant.joined", Kind::WaitingJoined, joined),
    ("waiting-participant.left", Kind::WaitingLeft, left),
    ("recording.started", Kind::RecordingStarted, recording_started),
    ("recording.ready-to-download", Kind::RecordingReady, recording_ready),
    ("recording.error", Kind::RecordingFailed, recording_failed),
    ("streaming.started", Kind::StreamStarted, stream_started),
    ("streaming.updated", Kind::StreamUpdated, stream_updated),
    ("streaming.ended", Kind::StreamEnded, stream_ended),
    ("streaming.error", Kind::StreamFailed, stream_failed),
    ("batch-processor.job-finished", Kind::ProcessingFinished, job),
    ("batch-processor.error", Kind::ProcessingFailed, job),
    ("transcript.started", Kind::TranscriptStarted, transcript_started),
    ("transcript.ready-to-download", Kind::TranscriptReady, transcript_ended),
    ("transcript.error", Kind::TranscriptFailed, transcript_ended),
    ("dialin.ready", Kind::DialinReady, call),
    ("dialin.connected", Kind::DialinConnected, call),
    ("dialin.stopped", Kind::DialinStopped, call),
    ("dialin.warning", Kind::DialinWarning, call),
    ("dialin.error", Kind::DialinError, call),
    ("dialout.connected", Kind::DialoutConnected, call),
    ("dialout.answered", Kind::DialoutAnswered, call),
    ("dialout.stopped", Kind::DialoutStopped, call),
    ("dialout.warning", Kind::DialoutWarning, call),
    ("dialout.error", Kind::DialoutError, call),
    ("calltransfer.triggered", Kind::CalltransferTriggered, call),
    ("calltransfer.initiated", Kind::CalltransferInitiated, call),
    ("calltransfer.answered", Kind::CalltransferAnswered, call),
    ("calltransfer.completed", Kind::CalltransferCompleted, call),
];

/// What an event id leaves out, by the key under which the payload has it.
const LEFT_OUT: [(&str, &str); 5] = [
    ("recording", "recording_id"),
    ("artefact", "id"),
    ("instance", "instance_id"),
    ("session", "session_id"),
    ("endpoint", "sip_endpoint"),
];

impl Dialect for Daily {
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading {
        let name = document.get("type");
        let Some(said) = name.text() else {
            return Reading::Malformed;
        };
        let payload = document.get("payload");
        envelope(document, draft);
        let known = TYPES.iter().find(|(documented, ..)| *documented == said);
        let own = match known {
            Some((_, _, read)) => {
                place(payload, draft);
                who(payload, draft);
                read(payload, draft)
            }
            None => {
                place(payload, draft);
                draft.identified_by("type", name);
                payload.get("timestamp").time()
            }
        };
        let kind = known.map(|(_, kind, _)| *kind);
        let time = own.or_else(|| document.get("event_ts").time());
        draft.happened(time);
        identify(document, payload, kind, time, draft);
        kind.map_or(Reading::Unknown, Reading::Event)
    }

    fn kind_of(&self, said: &str) -> Option<Kind> {
        let known = TYPES.iter().find(|(documented, ..)| *documented == said);
        known.map(|(_, kind, _)| *kind)
    }

    fn tells_of_recording(&self, said: &str) -> bool {
        ["recording.", "transcript.", "batch-processor."].iter().any(|kind| said.starts_with(kind))
    }

    fn knows(&self, key: &str) -> bool {
        KNOWN.has(key)
    }

    fn is_open(&self, key: &str) -> bool {
        OPEN.contains(&key)
    }
}

fn envelope(document: At<'_, '_>, draft: &mut Draft) {
    draft.text(Word::EventType, document.get("type"));
    draft.text(Word::EventVersion, document.get("version"));
    draft.moment(Word::EventSentAt, document.get("event_ts"));
}

/// What an unknown type keeps too: the room, its session, and whose connection it was.
fn place(payload: At<'_, '_>, draft: &mut Draft) {
    if let (Some(name), _) = room(payload) {
        draft.text(Word::RoomName, name);
    }
    draft.text(Word::RoomSession, meeting(payload));
    draft.text(Word::ParticipantSession, payload.get("session_id"));
}

/// What stands under the same key in every family that has it.
fn who(payload: At<'_, '_>, draft: &mut Draft) {
    draft.text(Word::RoomId, room(payload).1);
    draft.text(Word::DomainId, payload.get("domain_id"));
    draft.text(Word::ParticipantId, payload.get("user_id"));
}

fn identify(
    document: At<'_, '_>,
    payload: At<'_, '_>,
    kind: Option<Kind>,
    time: Option<Timestamp>,
    draft: &mut Draft,
) {
    draft.provider_id(document.get("id"));
    if let (Some(room), _) = room(payload) {
        draft.identified_by("room", room);
    }
    for (tag, key) in LEFT_OUT {
        draft.identified_by(tag, payload.get(key));
    }
    // A warning may come again under the id of the first; of an unknown type, who can tell.
    if matches!(kind, None | Some(Kind::DialinWarning | Kind::DialoutWarning)) {
        draft.identified_by("error", payload.get("error_msg"));
        identified_at(payload.get("timestamp").time(), draft);
    }
    if !draft.has_provider_id() {
        draft.identified_by("meeting", meeting(payload));
        identified_at(time, draft);
    }
}

fn identified_at(time: Option<Timestamp>, draft: &mut Draft) {
    if let Some(time) = time {
        draft.identified_by_part("time", Part::Number(time.millis()));
    }
}

/// The room's name and its id. The documented `transcript.ready-to-download` has no name but the
/// key `room_id` twice: the id, then the name.
fn room<'t, 'b>(payload: At<'t, 'b>) -> (Option<At<'t, 'b>>, At<'t, 'b>) {
    let id = payload.get("room_id");
    let named = ["room_name", "room"].map(|key| payload.get(key));
    if let Some(name) = named.into_iter().find(|name| name.text().is_some()) {
        return (Some(name), id);
    }
    let mut ids = payload.children().filter(|(key, _)| *key == "room_id");
    match ids.next() {
        Some((_, first)) if first.id() != id.id() && first.text().is_some() => (Some(id), first),
        _ => (None, id),
    }
}

fn meeting<'t, 'b>(payload: At<'t, 'b>) -> At<'t, 'b> {
    payload.first(&["meeting_id", "mtg_session_id"])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::keys::KEYS;
    use super::*;
    use crate::normalize::{Given, Tree};

    /// A draft with its texts read out, so that two of different bodies can be compared.
    #[derive(Debug)]
    struct Seen {
        reading: Reading,
        facts: Vec<(Word, u16, String)>,
        identity: Vec<(&'static str, String)>,
        time: Option<i64>,
        removed: Vec<String>,
    }

    impl Seen {
        fn all(&self, word: Word) -> Vec<&str> {
            let found = self.facts.iter().filter(|(known, ..)| *known == word);
            found.map(|(.., said)| said.as_str()).collect()
        }

        fn is(&self, word: Word, said: &str) {
            assert_eq!(self.all(word), [said], "{word:?}");
        }
    }

    fn see(body: &str) -> Seen {
        let mut tree = Tree::parse(body.as_bytes()).unwrap();
        let mut draft = Draft::default();
        let reading = Daily.read(tree.root(), &mut draft);
        let text = |node| tree.at(node).text().unwrap_or("not text").to_owned();
        let fact = |fact: &crate::normalize::Fact| {
            let said = match fact.given {
                Given::Text(node) => text(node),
                Given::Word(word) => word.to_owned(),
                Given::Count(count) => count.to_string(),
                Given::Number(number) => number.to_string(),
                Given::Moment(time) => time.millis().to_string(),
                Given::Flag(flag) => flag.to_string(),
            };
            (fact.word, fact.item, said)
        };
        let part = |(tag, part): &(&'static str, Part)| match part {
            Part::Text(node) => (*tag, text(*node)),
            Part::Number(number) => (*tag, number.to_string()),
            Part::Word(word) => (*tag, (*word).to_owned()),
        };
        let facts = draft.facts.iter().map(fact).collect();
        let id = draft.identity.provider_id.map(|node| ("id", text(node)));
        let parts = draft.identity.parts.iter().map(part);
        let identity = id.into_iter().chain(parts).collect();
        for node in draft.facts.iter().filter_map(|fact| fact.node) {
            tree.mark_used(node);
        }
        for node in draft.used {
            tree.mark_used(node);
        }
        Seen {
            reading,
            facts,
            identity,
            time: draft.time.map(Timestamp::millis),
            removed: tree
                .removed(|k| Daily.knows(k), |k| Daily.is_open(k))
                .paths
                .iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn event(kind: &str, id: Option<&str>, payload: &Value) -> Seen {
        let body = json!({"version": "1.0.0", "type": kind, "id": id, "payload": payload,
            "event_ts": 1_790_000_099.5});
        see(&body.to_string())
    }

    fn body(name: &str) -> String {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/fixtures/daily/{name}/request.http");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn fixture(name: &str) -> Seen {
        see(&body(name))
    }

    #[test]
    fn each_of_the_32_types_is_an_event_of_its_own_kind() {
        let mut kinds = BTreeSet::new();
        for (name, kind, _) in TYPES {
            let seen = fixture(name);
            assert_eq!(seen.reading, Reading::Event(kind), "{name}");
            seen.is(Word::EventType, name);
            assert!(seen.time.is_some() && seen.identity.len() > 1, "{name}");
            kinds.insert(kind);
        }
        assert_eq!(kinds.len(), 32);
    }

    #[test]
    fn every_documented_key_stands_in_a_fixture_and_no_known_event_has_another() {
        fn keys(value: &Value, found: &mut BTreeSet<String>) {
            for (key, below) in value.as_object().into_iter().flatten() {
                found.insert(key.clone());
                if !Daily.is_open(key) {
                    keys(below, found);
                }
            }
            for item in value.as_array().into_iter().flatten() {
                keys(item, found);
            }
        }
        let mut found = BTreeSet::new();
        for (name, ..) in TYPES {
            keys(&serde_json::from_str(&body(name)).unwrap(), &mut found);
        }
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), KEYS.to_vec());
    }

    #[test]
    fn a_known_type_without_payload_is_still_that_event() {
        for (name, kind, _) in TYPES {
            for body in [
                format!(r#"{{"type":"{name}"}}"#),
                format!(r#"{{"type":"{name}","payload":"x","id":7,"event_ts":"soon"}}"#),
            ] {
                assert_eq!(see(&body).reading, Reading::Event(kind), "{body}");
            }
        }
    }

    #[test]
    fn what_has_no_type_in_words_is_malformed() {
        for body in ["[]", "7", "null", "{}", r#"{"type":7}"#, r#"{"type":""}"#] {
            assert_eq!(see(body).reading, Reading::Malformed, "{body}");
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_envelope_and_nothing_else() {
        let seen = fixture("unknown-kind");
        assert_eq!(seen.reading, Reading::Unknown);
        let words: Vec<Word> = seen.facts.iter().map(|(word, ..)| *word).collect();
        assert_eq!(
            words,
            [
                Word::EventType,
                Word::EventVersion,
                Word::EventSentAt,
                Word::RoomName,
                Word::RoomSession,
                Word::ParticipantSession
            ]
        );
        assert_eq!(seen.time, Some(1_790_000_080_000));
        assert!(seen.identity.contains(&("type", "whiteboard.saved".into())));
        assert!(seen.removed.contains(&"/payload/*/*".to_owned()));
    }

    #[test]
    fn who_left_left_at_joined_at_and_duration() {
        let seen = fixture("participant.left");
        seen.is(Word::ParticipantJoinedAt, "1790000001964");
        seen.is(Word::ParticipantDuration, "11.419");
        seen.is(Word::ParticipantLeftAt, "1790000013383");
        assert_eq!(seen.time, Some(1_790_000_013_383));
        for odd in [json!(-1), json!("soon"), json!(1e300), json!(null)] {
            let payload = json!({"joined_at": 1_790_000_000, "duration": odd});
            let seen = event("participant.left", Some("a"), &payload);
            assert_eq!(seen.time, Some(1_790_000_099_500), "{odd}");
            assert!(seen.all(Word::ParticipantLeftAt).is_empty());
        }
    }

    #[test]
    fn a_duration_that_leads_nowhere_is_not_taken_and_the_envelope_s_time_counts() {
        for absurd in [json!(9.3e15), json!(-1), json!("-0.5"), json!(253_402_300_800_i64)] {
            let said = json!({"joined_at": 1_790_000_001, "duration": absurd});
            let seen = event("participant.left", Some("x"), &said);
            assert_eq!(seen.time, Some(1_790_000_099_500), "{absurd}");
            assert!(seen.all(Word::ParticipantDuration).is_empty(), "{absurd}");
            assert!(seen.all(Word::ParticipantLeftAt).is_empty(), "{absurd}");
            assert_eq!(seen.removed, ["/payload/duration"], "{absurd}");
            let said = json!({"start_ts": 1_790_000_001, "duration": absurd});
            let seen = event("recording.ready-to-download", Some("x"), &said);
            assert_eq!(seen.time, Some(1_790_000_099_500), "{absurd}");
        }
    }

    #[test]
    fn permissions_are_yes_or_no_in_whatever_form_they_come() {
        let seen = fixture("participant.joined");
        for word in [Word::MayBeSeen, Word::MaySend, Word::MayReceive, Word::MayAdminister] {
            seen.is(word, "true");
        }
        seen.is(Word::ParticipantLabel, "Patient");
        seen.is(Word::ParticipantNetwork, "good");
        seen.is(Word::ParticipantOwner, "false");
        seen.is(Word::ParticipantEjectAt, "1790003600541");
        let denied = "/payload/permissions/canReceive";
        assert_eq!(
            seen.removed,
            [format!("{denied}/byUserId/*"), format!("{denied}/byParticipantId/*/*")]
        );
        let seen = fixture("waiting-participant.joined");
        for word in [Word::MayBeSeen, Word::MaySend, Word::MayReceive, Word::MayAdminister] {
            seen.is(word, "false");
        }
    }

    #[test]
    fn a_recording_ends_with_its_duration_and_keeps_its_tracks_apart() {
        let seen = fixture("recording.ready-to-download");
        seen.is(Word::RecordingType, "raw_tracks");
        seen.is(Word::RecordingStatus, "finished");
        seen.is(Word::RecordingParticipantsMax, "2");
        seen.is(Word::RecordingStartedAt, "1790000010000");
        seen.is(Word::RecordingEndedAt, "1790000071000");
        assert_eq!(seen.time, Some(1_790_000_071_000));
        assert_eq!(seen.all(Word::FileType), ["audio", "video", "audio"]);
        assert_eq!(seen.all(Word::FileSize), ["400000", "2400000", "81000"]);
        assert_eq!(seen.all(Word::FileKey).len(), 3);
        assert_eq!(seen.removed, ["/payload/share_token"]);
        let seen = fixture("recording.ready-to-download.audio-only");
        seen.is(Word::RecordingType, "cloud_audio_only");
        assert_eq!(seen.time, Some(1_790_000_072_500));
        let seen = fixture("recording.error");
        assert_eq!(seen.time, Some(1_790_000_011_000));
        assert_eq!(seen.removed, ["/payload/error_msg"]);
    }

    #[test]
    fn a_job_leaves_one_file_for_each_output() {
        let seen = fixture("batch-processor.job-finished");
        assert_eq!(seen.all(Word::FileType), ["vtt", "json", "txt", "txt", "json"]);
        let items = seen.facts.iter().filter(|(w, ..)| *w == Word::FileKey);
        assert_eq!(items.map(|(_, item, _)| *item).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(seen.all(Word::FileRegion), ["us-west-2"; 5]);
        seen.is(Word::JobInputType, "recording");
        seen.is(Word::JobPreset, "summarize");
        assert_eq!(
            seen.removed[..2],
            ["/payload/input/language", "/payload/output/transcription/*/s3Config/bucket"]
        );
    }

    #[test]
    fn a_doubled_room_id_is_the_id_and_then_the_name() {
        let seen = fixture("transcript.ready-to-download");
        seen.is(Word::RoomId, "aaaaaaaa-3333-4333-8333-aaaaaaaaaaaa");
        seen.is(Word::RoomName, "consult-0a1b2c3d");
        seen.is(Word::TranscriptMinutes, "3.1");
        let payload = r#"{"room_name":"n","room_id":"a","room_id":"b"}"#;
        let named = see(&format!(r#"{{"type":"transcript.error","payload":{payload}}}"#));
        named.is(Word::RoomName, "n");
        named.is(Word::RoomId, "b");
        let once = event("transcript.error", None, &json!({"room_id": "a"}));
        once.is(Word::RoomId, "a");
        assert!(once.all(Word::RoomName).is_empty());
    }

    #[test]
    fn no_number_address_or_name_of_a_caller_has_a_word() {
        for (name, ..) in TYPES
            .iter()
            .filter(|(name, ..)| ["dial", "call"].iter().any(|family| name.starts_with(family)))
        {
            let seen = fixture(name);
            assert_eq!(seen.all(Word::CallAt).len(), 1, "{name}");
            for (word, _, said) in &seen.facts {
                let personal = ["+1 555", "sip:", "Zoë"].iter().any(|p| said.contains(p));
                assert!(!personal, "{name}: {word:?}");
            }
        }
        fixture("calltransfer.initiated").is(Word::CallSipRefer, "false");
        let seen = fixture("dialin.connected");
        assert!(seen.removed.contains(&"/payload/sip_headers/*".to_owned()));
    }

    #[test]
    fn one_id_in_two_places_is_two_events() {
        let pairs = [
            ("recording.error", "room_name"),
            ("meeting.started", "room"),
            ("recording.started", "recording_id"),
            ("streaming.started", "instance_id"),
            ("transcript.started", "id"),
            ("dialin.ready", "sip_endpoint"),
            ("participant.left", "session_id"),
            ("dialin.warning", "timestamp"),
            ("dialout.warning", "error_msg"),
            ("whiteboard.saved", "timestamp"),
        ];
        for (kind, key) in pairs {
            let one = event(kind, Some("x"), &json!({ key: "1790000001" }));
            let other = event(kind, Some("x"), &json!({ key: "1790000002" }));
            assert_ne!(one.identity, other.identity, "{kind} {key}");
        }
    }

    #[test]
    fn no_two_stored_events_are_one_and_each_is_itself_when_it_comes_again() {
        let mut identities = BTreeSet::new();
        for (name, kind, _) in TYPES {
            assert_eq!(fixture(name).identity, fixture(name).identity);
            identities.insert((Some(kind), fixture(name).identity));
        }
        for (name, kind) in [
            ("recording.ready-to-download.audio-only", Kind::RecordingReady),
            ("without-id", Kind::ParticipantJoined),
        ] {
            identities.insert((Some(kind), fixture(name).identity));
        }
        identities.insert((None, fixture("unknown-kind").identity));
        assert_eq!(identities.len(), 35);
    }

    #[test]
    fn what_drifts_between_deliveries_is_no_part_of_an_identity() {
        for (kind, ..) in TYPES {
            let at = |drift: f64| {
                let payload = json!({"room": "r", "session_id": "s", "joined_at": drift,
                    "duration": drift, "start_ts": drift, "end_ts": drift});
                let body = json!({"type": kind, "id": "x", "payload": payload, "event_ts": drift});
                see(&body.to_string()).identity
            };
            assert_eq!(at(1_790_000_001.0), at(1_790_000_001.004), "{kind}");
        }
    }

    #[test]
    fn a_warning_repeated_a_second_later_is_another_but_in_other_digits_the_same() {
        let warn = |time: Value| {
            let payload = json!({"session_id": "s", "error_msg": "e", "timestamp": time});
            event("dialin.warning", Some("x"), &payload).identity
        };
        assert_eq!(warn(json!("1790000061")), warn(json!(1_790_000_061.0)));
        assert_ne!(warn(json!("1790000061")), warn(json!("1790000062")));
    }

    #[test]
    fn without_an_id_the_time_and_the_places_make_the_event() {
        let seen = fixture("without-id");
        let tags: Vec<_> = seen.identity.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags, ["room", "session", "time"]);
        let ended = |ts: i64| {
            let payload = json!({"room": "r", "meeting_id": "m", "end_ts": ts});
            event("meeting.ended", None, &payload).identity
        };
        assert_eq!(ended(1_790_000_001), ended(1_790_000_001));
        assert_ne!(ended(1_790_000_001), ended(1_790_000_002));
    }

    #[test]
    fn odd_values_are_not_taken_and_stop_nothing() {
        let payload = json!({"room_name": "", "room": "r", "session_id": null, "user_id": 5,
            "joined_at": "1790000001.5", "owner": "yes", "networkQualityState": "Zoë",
            "permissions": 3, "added_later": {"a": 1}});
        let seen = event("participant.joined", Some("x"), &payload);
        seen.is(Word::RoomName, "r");
        seen.is(Word::ParticipantJoinedAt, "1790000001500");
        assert_eq!(seen.facts.len(), 5, "{seen:?}");
        assert_eq!(
            seen.removed,
            [
                "/payload/*/*",
                "/payload/networkQualityState",
                "/payload/owner",
                "/payload/permissions",
                "/payload/room_name",
                "/payload/user_id"
            ]
        );
    }

    #[test]
    fn the_time_is_the_things_own_or_else_the_envelopes() {
        let cases = [
            ("meeting.started", 1_790_000_000_672),
            ("meeting.ended", 1_790_000_072_671),
            ("participant.joined", 1_790_000_001_960),
            ("waiting-participant.joined", 1_790_000_100_000),
            ("recording.started", 1_790_000_010_000),
            ("streaming.updated", 1_790_000_025_000),
            ("streaming.error", 1_790_000_021_000),
            ("batch-processor.job-finished", 1_790_000_300_000),
            ("transcript.started", 1_790_000_030_500),
            ("transcript.error", 1_790_000_031_000),
            ("dialout.connected", 1_790_000_040_000),
            ("calltransfer.completed", 1_790_000_075_000),
        ];
        for (name, millis) in cases {
            assert_eq!(fixture(name).time, Some(millis), "{name}");
        }
    }

    fn anything() -> impl Strategy<Value = Value> {
        let key = || prop::sample::select(KEYS.to_vec());
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9.e-]{0,24}".prop_map(Value::from),
            key().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, move |below| {
            prop_oneof![
                prop::collection::vec(below.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(key().prop_map(str::to_owned), below, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(
            document in anything(),
            payload in anything(),
            which in 0..33usize,
        ) {
            see(&document.to_string());
            let kind = TYPES.get(which).map_or("whiteboard.saved", |(name, ..)| name);
            let seen = event(kind, None, &payload);
            prop_assert_ne!(seen.reading, Reading::Malformed);
        }
    }
}
