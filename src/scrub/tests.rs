//! The boundary driven by a small dialect of its own: every field of the body is named after the
//! word that it is read as.

use std::net::IpAddr;

use bytes::Bytes;
use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::event::{ProviderName, SourceName, TenantName};
use crate::normalize::{At, Dialect, Draft, Reading, normalize};
use crate::secret::Secret;
use crate::verify::{Authentic, Claimed, Manners, Refusal, Scheme, Verified, Verifier};

pub(super) const UUID: &str = "6497c79b-f326-4942-aef8-c36a29140ad1";
pub(super) const OTHER_UUID: &str = "0c0d2dda-f21d-4cf9-ab56-86bf3c407ffa";

struct Open;

impl Scheme for Open {
    fn headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn open(&self, _: &Head) -> Result<Claimed, Refusal> {
        Ok(Claimed { digest: [0; 32], prefix: Vec::new(), signer: None, signed_at: None })
    }

    fn prove(&self, _: &Claimed, _: Timestamp, _: &[u8]) -> Result<Option<usize>, Refusal> {
        Ok(None)
    }

    fn is_ping(&self, _: &[u8]) -> bool {
        false
    }

    fn secret_labels(&self) -> Vec<&str> {
        Vec::new()
    }

    fn secret_ends(&self) -> Vec<Option<Timestamp>> {
        Vec::new()
    }

    fn sign(&self, _: &[u8], _: Timestamp) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn manners(&self) -> Manners {
        Manners { client_errors_are_final: false, refusals_silence: false }
    }
}

struct Plain;

impl Dialect for Plain {
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading {
        let texts = [
            ("room", Word::RoomName),
            ("meeting", Word::RoomSession),
            ("user", Word::ParticipantId),
            ("label", Word::ParticipantLabel),
            ("alias", Word::ParticipantLabel),
            ("session", Word::ParticipantSession),
            ("status", Word::RecordingStatus),
            ("recording", Word::RecordingId),
            ("stream", Word::StreamId),
            ("call", Word::CallId),
            ("type", Word::EventType),
            ("key", Word::RecordingKey),
        ];
        for (key, word) in texts {
            draft.text(word, document.get(key));
        }
        let state = document.get("state");
        let said = state.text().map(|_| "active");
        draft.word(Word::ParticipantState, said, state);
        draft.moment(Word::RecordingStartedAt, document.get("started"));
        draft.count(Word::RecordingParticipantsMax, document.get("most"));
        draft.number(Word::RecordingDuration, document.get("duration"), 1.0);
        for (item, (_, file)) in document.get("files").children().enumerate() {
            draft.text_of(Word::FileKey, item, file.get("key"));
            draft.count_of(Word::FileSize, item, file.get("size"));
        }
        draft.provider_id(document.get("id"));
        draft.identified_by("room", document.get("room"));
        draft.identified_by("n", document.get("n"));
        draft.identified_by("ended", document.get("ended"));
        draft.happened(document.get("time").time());
        draft.uses(document.get("time"));
        draft.uses(document.get("kind"));
        draft.uses(document.get("n"));
        match document.get("kind").text().map(Kind::parse) {
            None => Reading::Malformed,
            Some(None) => Reading::Unknown,
            Some(Some(kind)) => Reading::Event(kind),
        }
    }

    fn knows(&self, key: &str) -> bool {
        !key.contains("CANARY")
    }

    fn is_open(&self, key: &str) -> bool {
        key == "attributes"
    }
}

pub(super) fn settings() -> Settings {
    let (source, tenant) = (SourceName::new("plain"), TenantName::new("tenant-a"));
    Settings {
        role_labels: vec!["Doctor".to_owned(), "Patient".to_owned()],
        room_name: Some(Regex::new("^consult-[0-9a-f]{8}$").unwrap()),
        artifact_key: Some(Regex::new("^recordings/[0-9]+\\.mp4$").unwrap()),
        ..Settings::new(source, tenant, ProviderName::new("plain"))
    }
}

pub(super) fn keys() -> Keys {
    Keys::new(Secret::new(vec![0x11; 32]), Secret::new(vec![0x22; 32]))
}

pub(super) fn verified(received: Timestamp, body: &[u8]) -> Verified {
    let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
    let source = SourceName::new("plain");
    let head = Head::new(source, received, peer, RequestId::fresh(1));
    let verifier = Verifier::new(Box::new(Open));
    let claim = verifier.open(head).unwrap();
    let body = Body::new(Bytes::copy_from_slice(body), usize::MAX).unwrap();
    match verifier.verify(claim, body).unwrap() {
        Authentic::Event(verified) => verified,
        Authentic::Ping(_) => panic!("not a ping"),
    }
}

pub(super) fn scrub_raw(settings: Settings, keys: &Keys, body: &[u8]) -> Clean {
    let verified = verified(Timestamp::from_millis(1_795_168_800_301), body);
    let event = normalize(&verified, settings.provider, &Plain);
    Boundary::new(settings, keys).scrub(event)
}

pub(super) fn scrub_at(received: Timestamp, body: &Value) -> Clean {
    let body = body.to_string();
    let verified = verified(received, body.as_bytes());
    let event = normalize(&verified, settings().provider, &Plain);
    Boundary::new(settings(), &keys()).scrub(event)
}

pub(super) fn scrub_with(settings: Settings, body: &Value) -> Clean {
    scrub_raw(settings, &keys(), body.to_string().as_bytes())
}

pub(super) fn scrub(body: &Value) -> Clean {
    scrub_with(settings(), body)
}

pub(super) fn event(clean: &Clean) -> Value {
    serde_json::from_slice(clean.value()).unwrap()
}

pub(super) fn key(clean: &Clean) -> &str {
    std::str::from_utf8(clean.key()).unwrap()
}

pub(super) fn joined() -> Value {
    json!({
        "kind": "participant.joined", "id": "j-1", "time": 1_795_168_800.027,
        "type": "participant.joined", "room": "consult-0a1b2c3d", "session": OTHER_UUID,
        "user": UUID, "label": "Patient",
    })
}

pub(super) fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[test]
fn the_same_delivery_gives_the_same_bytes() {
    let (one, two) = (scrub(&joined()), scrub(&joined()));
    assert_eq!((one.id(), one.key(), one.value()), (two.id(), two.key(), two.value()));
}

#[test]
fn an_event_without_a_participant_has_no_role() {
    let event = event(&scrub(&json!({"kind": "dialin.ready", "room": "consult-0a1b2c3d"})));
    assert!(event["data"].get("participant").is_none());
}

#[test]
fn numbers_and_moments_stand_in_their_places() {
    let event = event(&scrub(&json!({
        "kind": "recording.ready", "recording": UUID, "started": "1795168800", "most": 2,
        "duration": 61.5,
    })));
    let expected = json!({
        "id": UUID, "started_at": "2026-11-20T10:00:00.000Z", "duration_seconds": 61.5,
        "participants_max": 2,
    });
    assert_eq!(event["data"]["recording"], expected);
}

#[test]
fn items_of_a_list_keep_apart_and_empty_ones_are_dropped() {
    let files = json!([
        {"key": "recordings/1.mp4", "size": 1},
        {"key": "zoe/2"},
        {"key": "zoe/3", "size": 3},
    ]);
    let clean = scrub(&json!({"kind": "recording.ready", "recording": UUID, "files": files}));
    let event = event(&clean);
    let expected = json!([
        {"storage_key": "recordings/1.mp4", "size_bytes": 1},
        {"size_bytes": 3},
    ]);
    assert_eq!(event["data"]["files"], expected);
    assert_eq!(event["data"]["removed"], json!(["/files/*/key"]));
    assert_eq!(clean.removed(), &[("artifact", 1)]);
}

#[test]
fn without_a_room_the_key_is_the_best_identity_that_may_be_seen() {
    let key_of = |body: Value| key(&scrub(&body)).to_owned();
    let recording = json!({"kind": "recording.started", "recording": UUID, "meeting": OTHER_UUID});
    assert_eq!(key_of(recording), format!("tenant-a/{UUID}"));
    let stream = json!({"kind": "stream.started", "stream": "EG_2zpNBTjYbC7B"});
    assert_eq!(key_of(stream), "tenant-a/EG_2zpNBTjYbC7B");
    let session = json!({"kind": "participant.left", "meeting": UUID, "session": OTHER_UUID});
    assert_eq!(key_of(session), format!("tenant-a/{UUID}"));
    let person = json!({"kind": "dialin.stopped", "session": OTHER_UUID, "call": UUID});
    assert_eq!(key_of(person), format!("tenant-a/{OTHER_UUID}"));
    let call = json!({"kind": "dialin.stopped", "call": UUID, "session": "Zoë"});
    assert_eq!(key_of(call), format!("tenant-a/{UUID}"));
    let bare = scrub(&json!({"kind": "dialin.ready", "call": "Zoë"}));
    assert_eq!(key(&bare), format!("tenant-a/{}", bare.id()));
}

#[test]
fn an_event_without_a_time_is_told_by_when_it_came() {
    let event = event(&scrub(&json!({"kind": "room.started"})));
    assert_eq!(event["time"], "2026-11-20T10:00:00.301Z");
    assert_eq!(event["time"], event["receivedtime"]);
    assert!(event.get("subject").is_none());
}

#[test]
fn an_unknown_kind_keeps_its_envelope_and_nothing_else() {
    let body = with(joined(), "kind", json!("zoe.waved"));
    let clean = scrub(&with(body, "note", json!("Zoë")));
    let event = event(&clean);
    assert_eq!(clean.reason(), Some(QuarantineReason::UnknownKind));
    assert_eq!(event["type"], "video.quarantined");
    assert_eq!(event["dataschema"], "urn:hookgate:quarantine:1");
    assert_eq!(event["time"], event["receivedtime"]);
    let expected = json!({
        "reason": "unknown_kind", "room": {"name": "consult-0a1b2c3d"},
        "participant": {"session_id": OTHER_UUID},
        "provider_event": {"type": "participant.joined"},
        "removed": ["/label", "/note", "/user"],
    });
    assert_eq!(event["data"], expected);
    assert_eq!(key(&clean), "tenant-a/consult-0a1b2c3d");
}

#[test]
fn what_cannot_be_read_keeps_reason_and_length_and_is_known_by_a_keyed_hash() {
    let bodies: [&[u8]; 3] = [b"{\"kind\":\"room.sta", b"{\"room\":\"Zo\xc3\xab\"}", b"\xff"];
    let mut ids = Vec::new();
    for body in bodies {
        let clean = scrub_raw(settings(), &keys(), body);
        let event = event(&clean);
        assert_eq!(event["data"], json!({"reason": "malformed", "length_bytes": body.len()}));
        assert_eq!(event["type"], "video.quarantined");
        assert_eq!(key(&clean), format!("tenant-a/{}", clean.id()));
        assert_eq!(clean.id(), scrub_raw(settings(), &keys(), body).id());
        assert!(clean.removed().is_empty());
        assert!(!ids.contains(&clean.id()));
        ids.push(clean.id());
    }
}
