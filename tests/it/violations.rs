//! What looks personal, from the delivery to consumers: masked, stopped and released, counted, told.

#![cfg(test)]

use hookgate::event::Family;
use hookgate::publish::{Embedded, Received};
use hookgate::scrub::{OnViolation, Recording};
use regex::Regex;
use serde_json::{Value, json};

use crate::depot;
use crate::gateway::{DAILY, Gate, OPERATOR, Plan, VIEWER, event};
use crate::logged::Logged;
use crate::search::noted;

const MAIL: &str = "zoe.canary@example.invalid";

/// A gateway that publishes, whose Daily source lets every room's name out.
async fn gate(broker: &Embedded, change: impl FnOnce(&mut hookgate::scrub::Settings)) -> Gate {
    let mut plan = Plan::new();
    plan.config.kafka.brokers = broker.brokers().to_owned();
    plan.parts.publish = true;
    let settings = &mut plan.config.sources[0].boundary;
    settings.room_name = Some(Regex::new("(?s)^.*$").unwrap());
    change(settings);
    plan.start().await
}

fn in_room(id: &str, room: &str) -> String {
    event(DAILY, id).replace("consult-0a1b2c3d", room)
}

async fn post(gate: &Gate, body: &str) -> crate::gateway::Answer {
    gate.post(&gate.signed(DAILY, body)).await
}

fn value(record: &Received) -> Value {
    serde_json::from_slice(&record.value).unwrap()
}

#[tokio::test]
async fn what_looks_personal_is_masked_told_and_counted_and_the_event_passes() {
    let (logged, broker) = (Logged::here(), Embedded::start("video", 1).unwrap());
    let gate = gate(&broker, |_| {}).await;
    post(&gate, &in_room("m-1", MAIL)).await.is(200, "accepted");
    let records = depot::read(&depot::settings(broker.brokers()), 1).await;
    let passed = value(&records[0]);
    assert_eq!(records[0].family, Family::Lifecycle);
    assert_eq!(passed["data"]["violations"][0]["detector"], "email");
    assert!(passed["subject"].as_str().unwrap().starts_with("r1_"));
    let seen = "hookgate_pii_violations_total{source=\"daily\",detector=\"email\"}";
    assert_eq!(gate.metric(seen).await, 1.0);
    let other = "hookgate_pii_violations_total{source=\"livekit\",detector=\"email\"}";
    assert_eq!(gate.metric(other).await, 0.0);
    let text = logged.text();
    let told = "/data/room/name email room_name 26";
    let line = text.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("masked") && line.contains("WARN"), "{line}");
    // Of a second copy it is not told again.
    post(&gate, &in_room("m-1", MAIL)).await.is(200, "duplicate");
    assert_eq!(gate.metric(seen).await, 1.0);
    assert!(!logged.text().contains("zoe"));
}

#[tokio::test]
async fn what_stopped_stands_in_quarantine_and_is_released_as_it_was_masked() {
    let broker = Embedded::start("video", 1).unwrap();
    let gate = gate(&broker, |settings| settings.on_violation = OnViolation::Quarantine).await;
    let answer = post(&gate, &in_room("m-1", MAIL)).await;
    answer.is(200, "quarantined");
    let id = answer.json()["event_id"].clone();
    post(&gate, &in_room("m-2", "consult-0a1b2c3d")).await.is(200, "accepted");
    noted(gate.app.journal()).await;
    let detail = gate.call(VIEWER, "GET /admin/v1/events/1", "").await.json();
    assert_eq!(
        (&detail["state"], &detail["reason"]),
        (&json!("quarantined"), &json!("pii_violation"))
    );
    let told = json!([{"path": "/data/room/name", "detector": "email", "rule": "room_name",
        "length": 26}]);
    assert_eq!(detail["violations"], told);
    let letting = json!({"reason": "looked at by privacy"}).to_string();
    let release = "POST /admin/v1/quarantine/1/release";
    let released = gate.call(OPERATOR, release, &letting).await;
    assert_eq!(released.json()["released"], 1, "{released:?}");
    let records = depot::read(&depot::settings(broker.brokers()), 3).await;
    let of = |family| records.iter().filter(|r| r.family == family).map(value).collect::<Vec<_>>();
    let (stopped, passed) = (of(Family::Quarantine), of(Family::Lifecycle));
    assert_eq!((stopped.len(), passed.len()), (1, 2));
    assert_eq!(stopped[0]["data"]["reason"], "pii_violation");
    let masked = passed.iter().find(|event| event["id"] == id).unwrap();
    assert_eq!(masked["type"], "video.room.started");
    assert_eq!((&masked["id"], &masked["subject"]), (&stopped[0]["id"], &stopped[0]["subject"]));
    assert!(masked["data"]["room"]["started_at"].is_string());
    let ledger = gate.call(VIEWER, "GET /admin/v1/status", "").await.json();
    let daily = &ledger["ledger"][0];
    assert_eq!((&daily["accepted"], &daily["quarantined"]), (&json!(1), &json!(1)));
    assert!(records.iter().all(|record| !String::from_utf8_lossy(&record.value).contains("zoe")));
}

#[tokio::test]
async fn a_forbidden_recording_raises_an_alarm_and_reaches_consumers() {
    let (logged, broker) = (Logged::here(), Embedded::start("video", 1).unwrap());
    let gate = gate(&broker, |settings| {
        settings.on_violation = OnViolation::Quarantine;
        settings.recording = Recording::Forbidden;
        settings.artifact_key = Some(Regex::new("^.*$").unwrap());
    })
    .await;
    let body = json!({"version": "1.0.0", "type": "recording.ready-to-download", "id": "rec-1",
        "payload": {"type": "cloud", "recording_id": "6497c79b-f326-4942-aef8-c36a29140ad1",
            "room_name": MAIL, "start_ts": 1_795_168_800, "status": "finished",
            "s3_key": "clinic/consult-0a1b2c3d/1795168800"}, "event_ts": 1_795_168_900.5});
    post(&gate, &body.to_string()).await.is(200, "accepted");
    let records = depot::read(&depot::settings(broker.brokers()), 1).await;
    let event = value(&records[0]);
    assert_eq!(records[0].family, Family::Recording);
    assert_eq!(event["data"]["findings"], json!(["recording_forbidden"]));
    assert!(event["data"]["recording"].get("storage_key").is_none());
    assert_eq!(gate.metric("hookgate_recording_forbidden_total{source=\"daily\"}").await, 1.0);
    let text = logged.text();
    let line = text.lines().find(|line| line.contains("recording_forbidden")).unwrap();
    assert!(line.contains("ERROR") && line.contains("look who records"), "{line}");
    assert!(!text.contains("zoe"));
}
