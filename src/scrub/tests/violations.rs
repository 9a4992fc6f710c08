//! What looks personal and was about to leave: masked, or the reason to stop.

use super::*;
use crate::scrub::detect::Detector;

const MAIL: &str = "visit zoe.canary@example.invalid";

/// A source that lets every room's name and storage key out.
fn open() -> Settings {
    let any = Some(Regex::new("(?s)^.*$").unwrap());
    Settings { room_name: any.clone(), artifact_key: any, ..settings() }
}

fn strict(settings: Settings) -> Settings {
    Settings { on_violation: OnViolation::Quarantine, ..settings }
}

fn violations(event: &Value) -> &Vec<Value> {
    event["data"]["violations"].as_array().unwrap()
}

#[test]
fn a_room_name_that_looks_personal_leaves_as_a_pseudonym_and_is_told() {
    let clean = scrub_with(open(), &with(joined(), "room", json!(MAIL)));
    let event = event(&clean);
    assert!(event["subject"].as_str().unwrap().starts_with("r1_"));
    assert_eq!(event["subject"], event["data"]["room"]["ref"]);
    assert!(key(&clean).starts_with("tenant-a/k1_"));
    let told = json!({
        "path": "/data/room/name", "detector": "email", "rule": "room_name", "length": 26,
    });
    assert_eq!(violations(&event), &[told]);
    assert_eq!(clean.seen().detected, [(Detector::Email, 1)]);
    assert_eq!((clean.reason(), clean.masked()), (None, None));
    assert!(!event.to_string().contains("zoe"));
}

#[test]
fn where_that_is_asked_for_it_stops_and_the_masked_event_is_kept_behind() {
    let clean = scrub_with(strict(open()), &with(joined(), "room", json!(MAIL)));
    let record = event(&clean);
    assert_eq!(clean.reason(), Some(QuarantineReason::PiiViolation));
    assert_eq!((clean.kind(), &record["type"]), (Kind::Quarantined, &json!("video.quarantined")));
    assert_eq!(record["data"]["reason"], "pii_violation");
    assert_eq!(record["time"], record["receivedtime"]);
    assert_eq!(violations(&record)[0]["detector"], "email");
    let masked = clean.masked().unwrap();
    assert_eq!(masked.kind, Kind::ParticipantJoined);
    assert_eq!(&masked.key, clean.key());
    let kept: Value = serde_json::from_slice(&masked.value).unwrap();
    assert_eq!((&kept["id"], &kept["type"]), (&record["id"], &json!("video.participant.joined")));
    assert_eq!(kept["subject"], record["subject"]);
    // The record tells the envelope alone, and by whom it can be found and forgotten.
    let (told, whole) = (&record["data"]["participant"], &kept["data"]["participant"]);
    assert_eq!(told["ref"], whole["ref"]);
    assert!(told.get("role").is_none() && whole["role"].is_string(), "{told}");
    for event in [&record, &kept] {
        let validator = |family| jsonschema::validator_for(&closed_schema(family)).unwrap();
        let family = if *event == record { clean.kind() } else { masked.kind }.family();
        validator(family).validate(event).unwrap();
        assert!(!event.to_string().contains("zoe"));
    }
}

#[test]
fn an_id_of_another_form_is_a_violation_and_is_left_out() {
    let body = with(joined(), "session", json!("Zoë Canary"));
    let masked = event(&scrub(&body));
    assert!(masked["data"]["participant"].get("session_id").is_none());
    let told = json!({
        "path": "/data/participant/session_id", "detector": "id_shape", "rule": "id", "length": 11,
    });
    assert_eq!(violations(&masked), &[told]);
    let stopped = scrub_with(strict(settings()), &body);
    assert_eq!(stopped.reason(), Some(QuarantineReason::PiiViolation));
}

#[test]
fn a_room_outside_its_pattern_is_a_violation_only_where_there_is_a_pattern() {
    let body = with(joined(), "room", json!("Zoë's room"));
    let masked = event(&scrub(&body));
    assert_eq!(violations(&masked)[0]["detector"], "room_name");
    assert_eq!(violations(&masked)[0]["length"], 11);
    let stopped = scrub_with(strict(settings()), &body);
    assert_eq!(stopped.reason(), Some(QuarantineReason::PiiViolation));
    let silent = strict(Settings { room_name: None, ..settings() });
    let passed = scrub_with(silent, &body);
    assert_eq!(passed.reason(), None);
    assert!(event(&passed)["data"].get("violations").is_none());
}

#[test]
fn an_ordinary_event_stops_nowhere_and_tells_of_no_violation() {
    let clean = scrub_with(strict(settings()), &joined());
    assert_eq!((clean.reason(), clean.masked()), (None, None));
    assert!(event(&clean)["data"].get("violations").is_none());
    assert_eq!(clean.seen(), &Seen::default());
}

#[test]
fn a_storage_key_that_looks_personal_is_left_out_with_its_place_in_the_list() {
    let files = json!([{"key": "recordings/1.mp4"}, {"key": format!("visits/{MAIL}.mp4")}]);
    let body = json!({"kind": "recording.ready", "recording": UUID, "files": files});
    let clean = scrub_with(open(), &body);
    let event = event(&clean);
    assert_eq!(event["data"]["files"], json!([{"storage_key": "recordings/1.mp4"}]));
    assert_eq!(violations(&event)[0]["path"], "/data/files/1/storage_key");
    assert_eq!(violations(&event)[0]["rule"], "artifact_key");
    assert_eq!(event["data"]["removed"], json!(["/files/*/key"]));
    assert!(clean.removed().contains(&("violation", 1)));
}

#[test]
fn a_national_id_is_what_the_customer_says_it_is() {
    let national_ids = vec![Regex::new("[A-Z]{2}[0-9]{6}[A-Z]").unwrap()];
    let body = with(joined(), "room", json!("visit QQ123456C"));
    let seen = scrub_with(Settings { national_ids, ..open() }, &body);
    assert_eq!(violations(&event(&seen))[0]["detector"], "national_id");
    assert_eq!(event(&scrub_with(open(), &body))["subject"], "visit QQ123456C");
}

#[test]
fn many_violations_end_in_a_count() {
    let files: Vec<_> = (0..20).map(|_| json!({"key": MAIL})).collect();
    let body = json!({"kind": "recording.ready", "recording": UUID, "files": files});
    let clean = scrub_with(open(), &body);
    let event = event(&clean);
    assert_eq!(violations(&event).len(), crate::bounds::VIOLATIONS_MAX);
    assert_eq!(event["data"]["violations_more"], 4);
    assert_eq!(clean.seen().detected, [(Detector::Email, 20)]);
    assert!(clean.seen().violations.to_string().ends_with("; and 4 more"));
}

#[test]
fn a_number_that_could_be_a_telephone_does_not_leave() {
    let ready = |field: &str, value: Value| {
        let body = json!({"kind": "recording.ready", "recording": UUID});
        event(&scrub(&with(body, field, value)))["data"].clone()
    };
    for (field, place, fits, phone) in [
        ("most", "participants_max", json!(12), json!(5_550_100_u64)),
        ("duration", "duration_seconds", json!(61.5), json!(15_550_100_023_u64)),
        ("started", "started_at", json!(1_795_168_800), json!(15_550_100_023_u64)),
    ] {
        assert!(ready(field, fits)["recording"].get(place).is_some(), "{field}");
        let data = ready(field, phone);
        assert!(data["recording"].get(place).is_none(), "{data}");
        assert_eq!(data["removed"], json!([format!("/{field}")]));
    }
    let late = with(joined(), "time", json!(15_550_100_023_u64));
    let event = event(&scrub(&late));
    assert_eq!(event["time"], event["receivedtime"]);
}

#[test]
fn a_forbidden_recording_reaches_consumers_without_what_was_recorded() {
    let forbidden = || Settings { recording: Recording::Forbidden, ..settings() };
    let body = json!({"kind": "recording.ready", "recording": UUID, "key": "recordings/1.mp4",
        "files": [{"key": "recordings/1.mp4", "size": 3}], "room": "Zoë"});
    let clean = scrub_with(strict(forbidden()), &body);
    let event = event(&clean);
    assert_eq!(event["data"]["findings"], json!(["recording_forbidden"]));
    assert_eq!(event["data"]["recording"], json!({"id": UUID}));
    assert!(event["data"].get("files").is_none());
    assert!(clean.seen().recording_forbidden);
    assert!(clean.removed().contains(&("recording", 3)), "{:?}", clean.removed());
    // Whoever must act on it has to see it: what looks personal is masked all the same.
    assert_eq!(clean.reason(), None);
    assert!(event["subject"].as_str().unwrap().starts_with("r1_"));
    let validator = jsonschema::validator_for(&closed_schema(clean.kind().family())).unwrap();
    validator.validate(&event).unwrap();
    let other = scrub_with(forbidden(), &joined());
    assert!(!other.seen().recording_forbidden);
}

#[test]
fn the_record_of_what_stopped_is_keyed_and_told_as_the_policy_says_for_quarantine() {
    let rules = "[[rule]]\nfields = [\"room.name\"]\nkinds = [\"quarantined\"]\naction = \"drop\"\n\
        reason = \"a test\"\n[[rule]]\nfields = [\"room.started_at\", \"receivedtime\"]\n\
        kinds = [\"quarantined\"]\naction = \"bucket\"\nreason = \"a test\"\n";
    let policy = crate::scrub::policy::Policy::standard().with(rules).unwrap().into();
    let body = with(joined(), "session", json!("Zoë Canary"));
    let clean = scrub_with(strict(Settings { policy, ..settings() }), &body);
    assert_eq!(clean.reason(), Some(QuarantineReason::PiiViolation));
    assert!(key(&clean).starts_with("tenant-a/k1_"), "{}", key(&clean));
    let record = event(&clean);
    assert!(record.get("subject").is_none());
    assert_eq!(record["receivedtime"], "2026-11-20T10:00:00.000Z");
    assert_eq!(record["time"], record["receivedtime"]);
    assert_eq!(&clean.masked().unwrap().key[..], b"tenant-a/consult-0a1b2c3d");
}

/// A participant.joined of Daily in a room whose name is a violation, at a source that stops such
/// events and whose policy lays these rules over the standard one: what leaves.
fn stopped_under(rules: &str) -> Value {
    use crate::normalize::daily::Daily;
    let body = json!({"version": "1.0.0", "type": "participant.joined", "id": "x", "payload": {
        "room": "Zoë's room", "session_id": OTHER_UUID, "user_id": UUID, "user_name": "Zoë",
        "joined_at": 1_795_168_859.9}, "event_ts": 1_795_168_859.9})
    .to_string();
    let policy = crate::scrub::policy::Policy::standard().with(rules).unwrap().into();
    let settings = strict(Settings { policy, ..settings() });
    let verified = verified(Timestamp::from_millis(1_795_168_859_999), body.as_bytes());
    let boundary = Boundary::new(settings, &keys());
    let normalized = || normalize(&verified, boundary.settings().provider, &Daily);
    let clean = boundary.scrub(normalized());
    assert_eq!(clean.reason(), Some(QuarantineReason::PiiViolation));
    let record = event(&clean);
    assert_eq!(key(&clean).split_once('/').unwrap().0, "tenant-a");
    // What is explained is what leaves.
    for (field, _) in boundary.explain(normalized()).leaves {
        let (section, name) = field.split_once('.').unwrap();
        let name = if field == "room.name" { "ref" } else { name };
        assert!(record["data"][section].get(name).is_some(), "{field} {record}");
    }
    record
}

#[test]
fn what_stops_leaves_no_more_exactly_than_its_own_kind_may() {
    let exact = stopped_under("");
    assert_eq!(exact["data"]["provider_event"]["sent_at"], "2026-11-20T10:00:59.900Z");
    let rules = "[[rule]]\nkinds = [\"participant.*\"]\naction = \"bucket\"\nreason = \"a test\"\n\
        fields = [\"time\", \"receivedtime\", \"provider_event.sent_at\"]\n";
    let coarse = stopped_under(rules);
    for place in ["/time", "/receivedtime", "/data/provider_event/sent_at"] {
        assert_eq!(coarse.pointer(place).unwrap(), "2026-11-20T10:00:00.000Z", "{place}");
    }
}

#[test]
fn what_a_rule_keeps_of_a_kind_stays_when_that_kind_stops() {
    let whole = stopped_under("")["data"]["participant"].clone();
    assert!(whole["ref"].is_string() && whole["session_id"].is_string(), "{whole}");
    let rules = "[[rule]]\nkinds = [\"participant.*\"]\naction = \"drop\"\nreason = \"a test\"\n\
        fields = [\"participant.session_id\", \"participant.ref\"]\n";
    let kept = stopped_under(rules);
    assert_eq!(kept["data"].get("participant"), None, "{kept}");
}

#[test]
fn a_type_that_is_not_known_yet_is_a_forbidden_recording_by_its_name() {
    use crate::normalize::daily::Daily;
    let forbidden = Settings { recording: Recording::Forbidden, ..settings() };
    let of = |said: &str| {
        let body = json!({"type": said, "id": "x", "payload": {}}).to_string();
        let verified = verified(Timestamp::from_millis(1_795_168_800_301), body.as_bytes());
        let event = normalize(&verified, forbidden.provider, &Daily);
        Boundary::new(forbidden.clone(), &keys()).scrub(event)
    };
    let clean = of("recording.paused");
    assert_eq!(clean.reason(), Some(QuarantineReason::UnknownKind));
    assert_eq!(event(&clean)["data"]["findings"], json!(["recording_forbidden"]));
    assert!(clean.seen().recording_forbidden);
    assert!(!of("whiteboard.saved").seen().recording_forbidden);
}
