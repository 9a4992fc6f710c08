//! The boundary driven by a small dialect of its own: every field of the body is named after the
//! word that it is read as.

use std::net::IpAddr;

use bytes::Bytes;
use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::event::Family;
use crate::normalize::{At, Dialect, Draft, Reading, normalize};
use crate::verify::{Authentic, Claimed, Manners, Refusal, Scheme, Verified, Verifier};

const UUID: &str = "6497c79b-f326-4942-aef8-c36a29140ad1";
const OTHER_UUID: &str = "0c0d2dda-f21d-4cf9-ab56-86bf3c407ffa";

struct Open;

impl Scheme for Open {
    fn headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn open(&self, _: &Head) -> Result<Claimed, Refusal> {
        Ok(Claimed {
            digest: [0; 32],
            prefix: Vec::new(),
            signer: None,
            signed_at: None,
        })
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
        Manners {
            client_errors_are_final: false,
            refusals_silence: false,
        }
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

fn settings() -> Settings {
    Settings {
        source: SourceName::new("plain"),
        tenant: TenantName::new("tenant-a"),
        provider: ProviderName::new("plain"),
        role_labels: vec!["Doctor".to_owned(), "Patient".to_owned()],
        room_name: Some(Regex::new("^consult-[0-9a-f]{8}$").unwrap()),
        artifact_key: Some(Regex::new("^recordings/[0-9]+\\.mp4$").unwrap()),
    }
}

fn keys() -> Keys {
    Keys {
        identity: Secret::new(vec![0x11; 32]),
        pseudonym: Secret::new(vec![0x22; 32]),
    }
}

fn verified(body: &[u8]) -> Verified {
    let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
    let source = SourceName::new("plain");
    let received = Timestamp::from_millis(1_795_168_800_301);
    let head = Head::new(source, received, peer, RequestId::fresh(1));
    let verifier = Verifier::new(Box::new(Open));
    let claim = verifier.open(head).unwrap();
    let body = Body::new(Bytes::copy_from_slice(body), usize::MAX).unwrap();
    match verifier.verify(claim, body).unwrap() {
        Authentic::Event(verified) => verified,
        Authentic::Ping(_) => panic!("not a ping"),
    }
}

fn scrub_raw(settings: Settings, keys: &Keys, body: &[u8]) -> Clean {
    let verified = verified(body);
    let event = normalize(&verified, settings.provider, &Plain);
    Boundary::new(settings, keys).scrub(event)
}

fn scrub_with(settings: Settings, body: &Value) -> Clean {
    scrub_raw(settings, &keys(), body.to_string().as_bytes())
}

fn scrub(body: &Value) -> Clean {
    scrub_with(settings(), body)
}

fn event(clean: &Clean) -> Value {
    serde_json::from_slice(clean.value()).unwrap()
}

fn key(clean: &Clean) -> &str {
    std::str::from_utf8(clean.key()).unwrap()
}

fn joined() -> Value {
    json!({
        "kind": "participant.joined", "id": "j-1", "time": 1_795_168_800.027,
        "type": "participant.joined", "room": "consult-0a1b2c3d", "session": OTHER_UUID,
        "user": UUID, "label": "Patient",
    })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[test]
fn an_event_leaves_as_the_contract_writes_it() {
    let clean = scrub(&joined());
    let text = std::str::from_utf8(clean.value()).unwrap();
    let (id, person) = (
        clean.id(),
        event(&clean)["data"]["participant"]["ref"].clone(),
    );
    let expected = format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{}","source":"/sources/plain","#,
            r#""type":"video.participant.joined","subject":"consult-0a1b2c3d","#,
            r#""time":"2026-11-20T10:00:00.027Z","datacontenttype":"application/json","#,
            r#""dataschema":"urn:hookgate:participant:1","tenant":"tenant-a","provider":"plain","#,
            r#""receivedtime":"2026-11-20T10:00:00.301Z","data":{{"#,
            r#""room":{{"name":"consult-0a1b2c3d"}},"participant":{{"session_id":"{}","#,
            r#""ref":{},"role":"Patient"}},"#,
            r#""provider_event":{{"type":"participant.joined"}},"removed":["/label"]}}}}"#,
        ),
        id, OTHER_UUID, person
    );
    assert_eq!(text, expected);
    assert_eq!(key(&clean), "tenant-a/consult-0a1b2c3d");
    assert!(person.as_str().unwrap().starts_with("p1_"));
    assert_eq!(clean.removed(), &[("person", 2)]);
}

#[test]
fn the_same_delivery_gives_the_same_bytes() {
    let (one, two) = (scrub(&joined()), scrub(&joined()));
    assert_eq!(
        (one.id(), one.key(), one.value()),
        (two.id(), two.key(), two.value())
    );
}

#[test]
fn names_given_once_stay_given() {
    // Event ids, record keys and pseudonyms outlive every release: a change here breaks the
    // identity of everything that was ever published. The values were computed by another
    // implementation of HMAC and HKDF.
    let clean = scrub(&with(joined(), "room", json!("Zoë's room")));
    let event = event(&clean);
    assert_eq!(event["id"], "ev1_gxtqmqpit7gpcil677m5asxqvq");
    assert_eq!(event["subject"], "r1_c266d5q2qbvoo5gd4ow3cglcye");
    assert_eq!(
        event["data"]["participant"]["ref"],
        "p1_wzyxrn2edjeufobq6eijappl7i"
    );
    assert_eq!(key(&clean), "tenant-a/k1_ukvrfj6772f7fwzyyr5yw2peu4");
}

#[test]
fn an_id_depends_on_source_kind_provider_id_and_parts() {
    let ids = [
        scrub(&joined()),
        scrub(&with(joined(), "id", json!("j-2"))),
        scrub(&with(joined(), "kind", json!("participant.left"))),
        scrub(&with(joined(), "room", json!("consult-0a1b2c3e"))),
        scrub(&with(joined(), "n", json!(1))),
        scrub(&with(joined(), "n", json!("1"))),
        scrub(&with(joined(), "n", json!(2))),
        scrub_with(
            Settings {
                source: SourceName::new("other"),
                ..settings()
            },
            &joined(),
        ),
    ]
    .map(|clean| clean.id());
    for (place, id) in ids.iter().enumerate() {
        assert!(!ids[..place].contains(id), "{place}");
    }
    let renamed = scrub(&with(joined(), "label", json!("Doctor")));
    assert_eq!(renamed.id(), ids[0]);
}

#[test]
fn events_without_any_identity_are_told_apart_by_their_time() {
    let body = |time: u64| json!({"kind": "room.started", "time": time});
    let (one, two) = (scrub(&body(1_795_168_800)), scrub(&body(1_795_168_801)));
    assert_ne!(one.id(), two.id());
    assert_eq!(one.id(), scrub(&body(1_795_168_800)).id());
}

#[test]
fn pseudonyms_differ_by_tenant_provider_and_use() {
    let person = |settings: Settings, user: &str| {
        let body = with(joined(), "user", json!(user));
        let event = event(&scrub_with(settings, &with(body, "room", json!(user))));
        let name = |value: &Value, prefix| {
            let name = value.as_str().unwrap();
            name.strip_prefix(prefix).unwrap().to_owned()
        };
        (
            name(&event["data"]["participant"]["ref"], "p1_"),
            name(&event["data"]["room"]["ref"], "r1_"),
        )
    };
    let other_tenant = Settings {
        tenant: TenantName::new("tenant-b"),
        ..settings()
    };
    let other_provider = Settings {
        provider: ProviderName::new("other"),
        ..settings()
    };
    let other_source = Settings {
        source: SourceName::new("other"),
        ..settings()
    };
    let (one, room) = person(settings(), UUID);
    assert_ne!(one, room);
    assert_ne!(one, person(settings(), OTHER_UUID).0);
    assert_ne!(one, person(other_tenant, UUID).0);
    assert_ne!(one, person(other_provider, UUID).0);
    assert_eq!(one, person(other_source, UUID).0);
}

#[test]
fn a_record_key_does_not_change_when_pseudonyms_rotate() {
    let body = with(joined(), "room", json!("Zoë's room")).to_string();
    let rotated = Keys {
        pseudonym: Secret::new(vec![0x33; 32]),
        ..keys()
    };
    let before = scrub_raw(settings(), &keys(), body.as_bytes());
    let after = scrub_raw(settings(), &rotated, body.as_bytes());
    assert_eq!((before.id(), before.key()), (after.id(), after.key()));
    assert_ne!(event(&before)["subject"], event(&after)["subject"]);
}

#[test]
fn a_room_whose_name_may_not_leave_leaves_as_a_pseudonym() {
    let hidden = [
        with(joined(), "room", json!("consult-0a1b2c3d and Zoë")),
        with(joined(), "room", json!("Zoë")),
    ];
    for body in hidden {
        let clean = scrub(&body);
        let event = event(&clean);
        assert_eq!(event["data"]["room"].as_object().unwrap().len(), 1);
        assert_eq!(event["subject"], event["data"]["room"]["ref"]);
        assert!(event["subject"].as_str().unwrap().starts_with("r1_"));
        assert!(key(&clean).starts_with("tenant-a/k1_"));
        assert_eq!(event["data"]["removed"], json!(["/label"]));
        assert!(clean.removed().contains(&("room", 1)));
    }
    let silent = Settings {
        room_name: None,
        ..settings()
    };
    assert!(event(&scrub_with(silent, &joined()))["data"]["room"]["name"].is_null());
}

#[test]
fn a_room_name_longer_than_what_may_be_seen_is_hidden_even_if_it_matches() {
    let any = Settings {
        room_name: Some(Regex::new("^a+$").unwrap()),
        ..settings()
    };
    let long = "a".repeat(crate::bounds::VISIBLE_TEXT_BYTES_MAX + 1);
    let shown = event(&scrub_with(
        any.clone(),
        &with(joined(), "room", json!(long[1..])),
    ));
    assert_eq!(shown["subject"], long[1..]);
    let hidden = event(&scrub_with(any, &with(joined(), "room", json!(long))));
    assert!(hidden["subject"].as_str().unwrap().starts_with("r1_"));
}

#[test]
fn a_role_is_a_configured_label_letter_for_letter_or_participant() {
    let role = |body: Value| event(&scrub(&body))["data"]["participant"]["role"].clone();
    assert_eq!(role(joined()), "Patient");
    assert_eq!(
        role(with(joined(), "label", json!("patient"))),
        "Participant"
    );
    assert_eq!(role(with(joined(), "label", json!("Zoë"))), "Participant");
    assert_eq!(role(with(joined(), "label", Value::Null)), "Participant");
    let second = with(joined(), "label", json!("Zoë"));
    assert_eq!(role(with(second, "alias", json!("Doctor"))), "Doctor");
    let none = Settings {
        role_labels: Vec::new(),
        ..settings()
    };
    let event = event(&scrub_with(none, &joined()));
    assert_eq!(event["data"]["participant"]["role"], "Participant");
}

#[test]
fn an_event_without_a_participant_has_no_role() {
    let event = event(&scrub(
        &json!({"kind": "dialin.ready", "room": "consult-0a1b2c3d"}),
    ));
    assert!(event["data"].get("participant").is_none());
}

#[test]
fn a_label_is_listed_as_removed_whether_it_is_a_role_or_not() {
    for label in ["Patient", "Zoë"] {
        let event = event(&scrub(&with(joined(), "label", json!(label))));
        assert_eq!(event["data"]["removed"], json!(["/label"]));
    }
}

#[test]
fn text_that_has_not_the_form_of_its_word_is_removed() {
    let body = with(joined(), "session", json!("Zoë"));
    let clean = scrub(&with(body, "type", json!("Zoë joined")));
    let event = event(&clean);
    assert!(event["data"]["participant"].get("session_id").is_none());
    assert!(event["data"].get("provider_event").is_none());
    assert_eq!(
        event["data"]["removed"],
        json!(["/label", "/session", "/type"])
    );
    assert!(clean.removed().contains(&("shape", 2)));
}

#[test]
fn text_under_a_word_that_takes_only_our_own_is_removed() {
    let recording = json!({"kind": "recording.ready", "status": "finished", "state": "x"});
    let event = event(&scrub(&recording));
    assert!(event["data"].get("recording").is_none());
    assert_eq!(event["data"]["removed"], json!(["/state", "/status"]));
}

#[test]
fn a_word_that_is_not_listed_for_a_kind_is_removed() {
    let clean = scrub(&with(joined(), "recording", json!(UUID)));
    assert_eq!(
        event(&clean)["data"]["removed"],
        json!(["/label", "/recording"])
    );
    assert!(clean.removed().contains(&("unlisted", 1)));
}

#[test]
fn what_has_no_word_is_removed_and_keys_of_users_are_not_named() {
    let body = with(joined(), "attributes", json!({"Zoë": "x", "b": 1}));
    let clean = scrub(&with(body, "Zoë CANARY", json!({"deep": true})));
    let listed = event(&clean)["data"]["removed"].clone();
    assert_eq!(listed, json!(["/*/deep", "/attributes/*", "/label"]));
    assert!(clean.removed().contains(&("unlisted", 2)));
}

#[test]
fn a_storage_key_leaves_only_if_it_matches() {
    let ready = |key: &str| json!({"kind": "recording.ready", "recording": UUID, "key": key});
    let good = event(&scrub(&ready("recordings/17.mp4")));
    assert_eq!(
        good["data"]["recording"]["storage_key"],
        "recordings/17.mp4"
    );
    let clean = scrub(&ready("zoe/consult/17"));
    assert_eq!(event(&clean)["data"]["removed"], json!(["/key"]));
    assert_eq!(clean.removed(), &[("artifact", 1)]);
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
    let bodies: [&[u8]; 3] = [
        b"{\"kind\":\"room.sta",
        b"{\"room\":\"Zo\xc3\xab\"}",
        b"\xff",
    ];
    let mut ids = Vec::new();
    for body in bodies {
        let clean = scrub_raw(settings(), &keys(), body);
        let event = event(&clean);
        assert_eq!(
            event["data"],
            json!({"reason": "malformed", "length_bytes": body.len()})
        );
        assert_eq!(event["type"], "video.quarantined");
        assert_eq!(key(&clean), format!("tenant-a/{}", clean.id()));
        assert_eq!(clean.id(), scrub_raw(settings(), &keys(), body).id());
        assert!(clean.removed().is_empty());
        assert!(!ids.contains(&clean.id()));
        ids.push(clean.id());
    }
}

#[test]
fn many_removed_paths_end_in_a_count() {
    let mut body = joined();
    for number in 0..100 {
        body[format!("field{number:03}")] = json!("x");
    }
    let clean = scrub(&body);
    let event = event(&clean);
    assert_eq!(event["data"]["removed"].as_array().unwrap().len(), 64);
    assert_eq!(event["data"]["removed_more"], 37);
    assert!(clean.removed().contains(&("unlisted", 100)));
}

#[test]
fn text_is_written_as_json_whatever_stands_in_it() {
    let any = Settings {
        room_name: Some(Regex::new("(?s)^.*$").unwrap()),
        ..settings()
    };
    let odd = "a\"b\\c\n\u{1}\u{2028}é";
    let clean = scrub_with(any, &with(joined(), "room", json!(odd)));
    assert_eq!(event(&clean)["subject"], odd);
    assert_eq!(event(&clean)["data"]["room"]["name"], odd);
}

#[test]
fn an_oversized_event_keeps_its_names_and_loses_its_data() {
    let clean = scrub(&joined());
    let record: Value = serde_json::from_slice(&oversized(clean.value()).unwrap()).unwrap();
    let before = event(&clean);
    for same in [
        "specversion",
        "id",
        "source",
        "subject",
        "tenant",
        "provider",
        "receivedtime",
    ] {
        assert_eq!(record[same], before[same], "{same}");
    }
    assert_eq!(record["type"], "video.quarantined");
    assert_eq!(record["time"], before["receivedtime"]);
    assert_eq!(record["dataschema"], "urn:hookgate:quarantine:1");
    let length = clean.value().len();
    let data = json!({"reason": "too_large_for_kafka", "length_bytes": length});
    assert_eq!(record["data"], data);
}

#[test]
fn what_is_not_ours_has_no_oversized_record() {
    for value in [
        "",
        "{}",
        "[]",
        "null",
        "{\"specversion\":\"1.0\",\"id\":\"x\"}",
    ] {
        assert_eq!(oversized(value.as_bytes()), None);
    }
    let foreign = String::from_utf8(scrub(&joined()).value().to_vec()).unwrap();
    assert_eq!(oversized(foreign.replace("ev1_", "id_").as_bytes()), None);
}

#[test]
fn events_of_every_family_validate_and_strange_ones_do_not() {
    let bodies = [
        joined(),
        json!({"kind": "recording.ready", "recording": UUID, "files": [{"size": 3}], "started": 1}),
        json!({"kind": "room.started", "room": "Zoë", "time": 1_795_168_800}),
        json!({"kind": "zoe.waved", "room": "Zoë"}),
        json!({"no": "kind"}),
    ];
    for body in bodies {
        let clean = scrub(&body);
        let validator = jsonschema::validator_for(&schema(clean.kind().family())).unwrap();
        let event = event(&clean);
        validator.validate(&event).unwrap();
        let strange = [
            with(event.clone(), "name", json!("Zoë")),
            with(event.clone(), "type", json!("video.zoe")),
            with(event.clone(), "dataschema", json!("urn:hookgate:other:1")),
            with(event.clone(), "subject", Value::Null),
            with(
                event.clone(),
                "data",
                with(event["data"].clone(), "name", json!("Zoë")),
            ),
        ];
        assert!(strange.iter().all(|event| !validator.is_valid(event)));
    }
}

#[test]
fn a_schema_describes_every_field_and_closes_every_object() {
    fn visit(schema: &Value, path: &str) {
        if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
            assert_eq!(schema["additionalProperties"], false, "{path}");
            for (name, field) in fields {
                assert!(field.get("description").is_some(), "{path}/{name}");
                visit(field, &format!("{path}/{name}"));
            }
        }
        for (name, below) in schema
            .get("$defs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            visit(below, name);
        }
    }
    for family in Family::ALL {
        let schema = schema(family);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert!(!schema.to_string().contains("null"), "{schema:#}");
        visit(&schema, "");
    }
}
