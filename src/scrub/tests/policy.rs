//! What a policy of one's own does to events.

use std::sync::Arc;

use super::*;
use crate::scrub::policy::Policy;

fn under(rules: &str) -> Settings {
    let policy = Policy::standard().with(rules).unwrap_or_else(|flaws| panic!("{flaws:?}"));
    Settings { policy: Arc::new(policy), ..settings() }
}

fn rule(field: &str, more: &str) -> String {
    format!("[[rule]]\nfields = [{field:?}]\nreason = \"a test\"\n{more}\n")
}

#[test]
fn a_field_that_is_dropped_is_listed_and_counted_under_its_rule() {
    let clean = scrub_with(under(&rule("participant.session_id", "action = \"drop\"")), &joined());
    let event = event(&clean);
    assert!(event["data"]["participant"].get("session_id").is_none());
    assert_eq!(event["data"]["removed"], json!(["/label", "/session"]));
    assert!(clean.removed().contains(&("policy", 1)));
}

#[test]
fn a_room_that_is_dropped_leaves_neither_name_nor_pseudonym_and_keeps_its_order() {
    let clean = scrub_with(under(&rule("room.name", "action = \"drop\"")), &joined());
    let event = event(&clean);
    assert!(event.get("subject").is_none() && event["data"].get("room").is_none());
    assert!(key(&clean).starts_with("tenant-a/k1_"), "{}", key(&clean));
}

#[test]
fn a_person_or_role_that_is_dropped_is_not_there() {
    let both = rule("participant.ref", "action = \"drop\"")
        + &rule("participant.role", "action = \"drop\"");
    let event = event(&scrub_with(under(&both), &joined()));
    assert_eq!(event["data"]["participant"], json!({"session_id": OTHER_UUID}));
}

#[test]
fn numbers_and_times_leave_less_exactly() {
    let ranges = "action = \"bucket\"\nranges = [0, 60, 300]\nkinds = [\"recording.*\"]";
    let times = "action = \"bucket\"\nkinds = [\"recording.*\"]";
    let rules = rule("recording.duration_seconds", ranges)
        + &rule("recording.started_at", times)
        + &rule("time", times)
        + &rule("receivedtime", times);
    let body = json!({"kind": "recording.ready", "recording": UUID, "started": 1_795_168_859,
        "duration": 61.5, "time": 1_795_168_859});
    let clean = scrub_with(under(&rules), &body);
    let event = event(&clean);
    let expected = json!({"id": UUID, "started_at": "2026-11-20T10:00:00.000Z",
        "duration_seconds": 60.0});
    assert_eq!(event["data"]["recording"], expected);
    assert_eq!(event["time"], "2026-11-20T10:00:00.000Z");
    assert_eq!(event["receivedtime"], "2026-11-20T10:00:00.000Z");
    assert_eq!(event["data"]["removed"], json!([]));
    assert_eq!(clean.removed(), [("bucket", 2)]);
    // What it is known by hangs on the exact values.
    assert_eq!(clean.id(), scrub(&body).id());
}

#[test]
fn every_room_leaves_by_its_name_where_that_risk_is_accepted() {
    let all = rule("room.name", "action = \"pass\"\naccept_risk = \"rooms are numbers here\"");
    let event = event(&scrub_with(under(&all), &with(joined(), "room", json!("Zoë's room"))));
    assert_eq!(event["subject"], "Zoë's room");
    assert!(event["data"].get("violations").is_none());
}

#[test]
fn a_role_stands_for_a_text_of_the_map_and_never_for_another() {
    let role_map = [("host".to_owned(), "Doctor".to_owned())].into();
    let mapped = Settings { role_map, ..settings() };
    let role = |label: &str| {
        let event = event(&scrub_with(mapped.clone(), &with(joined(), "label", json!(label))));
        event["data"]["participant"]["role"].clone()
    };
    assert_eq!(role("host"), "Doctor");
    assert_eq!(role("Patient"), "Patient");
    for other in ["Host", "host ", "hosts", "Zoë"] {
        assert_eq!(role(other), "Participant");
    }
}
