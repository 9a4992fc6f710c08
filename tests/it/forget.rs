//! Forgetting over HTTP: who is forgotten is in no byte of any file, and nobody else is gone.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::depot::PATIENCE;
use crate::gateway::{DAILY, Gate, OPERATOR};

const HER: &str = "22222222-bbbb-4bbb-8bbb-222222222222";
const HIM: &str = "44444444-dddd-4ddd-8ddd-444444444444";
const SESSION: &str = "33333333-cccc-4ccc-8ccc-333333333333";
const OTHER: &str = "55555555-eeee-4eee-8eee-555555555555";

/// Somebody joins or leaves.
fn presence(kind: &str, id: &str, user: &str, session: &str, room: &str) -> String {
    json!({
        "version": "1.0.0", "type": format!("participant.{kind}"), "id": id,
        "payload": {
            "room": room, "user_id": user, "user_name": "Zoe", "session_id": session,
            "joined_at": 1_795_168_800.5, "duration": 60,
        },
        "event_ts": 1_795_168_860.6,
    })
    .to_string()
}

async fn forget(gate: &Gate, ask: Value) -> Value {
    let mut ask = ask;
    ask["reason"] = json!("request 17 of the data protection officer");
    ask["tenant"] = json!("tenant-fixtures");
    let answer = gate.call(OPERATOR, "POST /admin/v1/forget", &ask.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// How often a word stands in the bytes of all files of the journal's folder.
fn count(dir: &Path, word: &str) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|file| std::fs::read(file.unwrap().path()));
    let count =
        |bytes: Vec<u8>| bytes.windows(word.len()).filter(|w| *w == word.as_bytes()).count();
    // A file that went away since it was listed has no byte any more.
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let there = files.filter(|bytes| !bytes.as_ref().is_err_and(gone));
    there.map(|bytes| count(bytes.unwrap())).sum()
}

/// Waits until nothing of what was forgotten is left in the log, which a reader may hold for a
/// while.
async fn scoured(gate: &Gate, told: &Value) {
    assert!(told["status"] == "erased" || told["status"] == "pending", "{told}");
    let scouring = async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let status = gate.call(OPERATOR, "GET /admin/v1/status", "").await.json();
            if status["journal"]["erasure_pending"] == false {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, scouring).await.expect("the log is emptied");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_is_in_no_byte_and_nobody_else_is_gone() {
    let gate = Gate::start().await;
    let dir = gate.folder.path().join("journal");
    let bodies = [
        presence("joined", "a-1", HER, SESSION, "room-of-her"),
        presence("left", "a-2", HER, SESSION, "room-of-her"),
        presence("joined", "b-1", HIM, OTHER, "room-of-him"),
    ];
    for body in &bodies {
        gate.post(&gate.signed(DAILY, body)).await.is(200, "accepted");
    }
    assert!(count(&dir, SESSION) >= 2 && count(&dir, OTHER) >= 1);
    let told = forget(&gate, json!({"participant": HER})).await;
    assert_eq!(told["events"], 2, "{told}");
    scoured(&gate, &told).await;
    assert_eq!((&told["sessions"], &told["unpublished"]), (&json!(1), &json!(2)), "{told}");
    let person = told["refs"][0].as_str().unwrap();
    assert!(person.starts_with("p1_") && told["erasure_event_id"].as_str().is_some());
    assert!(told["not_erased_here"][0].as_str().unwrap().contains("video.participant"), "{told}");
    assert_eq!((count(&dir, SESSION), count(&dir, HER)), (0, 0));
    assert!(count(&dir, OTHER) >= 1);
    // A retry is a duplicate, what comes later is new, and the rest is where it was.
    gate.post(&gate.signed(DAILY, &bodies[0])).await.is(200, "duplicate");
    let rows = gate.app.journal().look_after(0).unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| (row.sequence, row.kind.as_str())).collect();
    assert_eq!(kinds, [(3, "participant.joined"), (4, "participant.erased")]);
    let erasure: Value = serde_json::from_slice(&rows[1].value).unwrap();
    assert_eq!(erasure["data"]["erasure"]["ref"], person);
    assert_eq!(erasure["data"]["erasure"]["event_ids"].as_array().unwrap().len(), 2);
    assert_eq!(erasure["tenant"], "tenant-fixtures");
    // Again: it was done before, and consumers are not told twice.
    let again = forget(&gate, json!({"participant": person})).await;
    assert_eq!((&again["events"], &again["already"]), (&json!(0), &json!(2)), "{again}");
    assert_eq!(again.get("erasure_event_id"), None, "{again}");
    let audit = gate.call(OPERATOR, "GET /admin/v1/audit", "").await;
    assert!(audit.body.contains(person) && !audit.body.contains(HER), "{audit:?}");
    let ledger = gate.app.journal().ledger().unwrap();
    let daily = ledger.iter().find(|row| row.source.as_str() == "daily").unwrap();
    assert_eq!((daily.accepted, daily.pending), (3, 3));
    assert!(ledger.iter().all(|row| row.source.as_str() != "/hookgate"));
    let status = gate.call(OPERATOR, "GET /admin/v1/status", "").await.json();
    let ours = &status["own_events"];
    assert_eq!((&ours["accepted"], &ours["pending"]), (&json!(1), &json!(1)), "{status}");
    assert_eq!(status["journal"]["erasure_pending"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_forgotten_by_its_own_name_and_survives_a_restart_forgotten() {
    let gate = Gate::start().await;
    let one = presence("joined", "a-1", HER, SESSION, "Zoe's room");
    let other = presence("joined", "b-1", HIM, OTHER, "another");
    for body in [&one, &other] {
        gate.post(&gate.signed(DAILY, body)).await.is(200, "accepted");
    }
    let told = forget(&gate, json!({"room": "Zoe's room"})).await;
    assert_eq!(told["events"], 1, "{told}");
    assert!(!told.to_string().contains("Zoe"), "{told}");
    let gate = gate.again().await;
    gate.post(&gate.signed(DAILY, &one)).await.is(200, "duplicate");
    let dir = gate.folder.path().join("journal");
    assert_eq!((count(&dir, SESSION), count(&dir, "Zoe")), (0, 0));
    let findings = hookgate::journal::check(&dir, &mut |_| {}).unwrap();
    assert!(findings.iter().all(|finding| finding.wrong_count == 0), "{findings:?}");
    assert_eq!(gate.app.journal().damaged_events(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_that_cannot_be_meant_is_refused_without_its_value() {
    let gate = Gate::start().await;
    for (ask, field) in [
        (json!({"tenant": "tenant-fixtures"}), "participant"),
        (json!({"tenant": "tenant-fixtures", "participant": HER, "room": "Zoe"}), "participant"),
        (json!({"tenant": "tenant-none", "participant": HER}), "tenant"),
        (json!({"tenant": "tenant-fixtures", "room": ""}), "room"),
        (json!({"tenant": "tenant-fixtures", "room": "p1_cyxb3inqmwzwav4ufiomlcyfsu"}), "room"),
    ] {
        let mut ask = ask;
        ask["reason"] = json!("request 17");
        let answer = gate.call(OPERATOR, "POST /admin/v1/forget", &ask.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{answer:?}");
        assert!(!answer.body.contains(HER) && !answer.body.contains("Zoe"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_repeats_whom_it_is_about_is_refused_and_kept_nowhere() {
    let gate = Gate::start().await;
    let dir = gate.folder.path().join("journal");
    let why = "Praxis Weiss wants it";
    for (call, ask) in [
        ("forget", json!({"tenant": "tenant-fixtures", "room": "praxis weiss", "reason": why})),
        ("pseudonym", json!({"source": "daily", "participant": "Weiss", "reason": why})),
        ("pseudonym", json!({"source": "daily", "room": "Praxis Weiss", "reason": why})),
    ] {
        let call = format!("POST /admin/v1/{call}");
        let answer = gate.call(OPERATOR, &call, &ask.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("reason")), "{answer:?}");
        assert!(!answer.body.contains("eiss"), "{answer:?}");
    }
    assert_eq!(count(&dir, "Weiss"), 0);
}
