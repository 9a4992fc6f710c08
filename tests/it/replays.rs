//! Replays as operators ask for them: over the admin API, of a running gateway.

#![cfg(test)]

use std::time::Duration;

use hookgate::publish::Embedded;

use crate::gateway::{DAILY, Gate, LIVEKIT, OPERATOR, Plan, VIEWER, event};

/// A gateway before a broker, and so many events of two sources on Kafka.
async fn publishing(events: usize) -> (Embedded, Gate) {
    let broker = Embedded::start("video", 4).unwrap();
    let brokers = format!("brokers = \"{}\"", broker.brokers());
    let mut plan = Plan::with("brokers = \"127.0.0.1:1\"", &brokers);
    plan.parts.publish = true;
    let gate = plan.start().await;
    for number in 0..events {
        let route = if number % 2 == 0 { DAILY } else { LIVEKIT };
        let body = event(route, &format!("e-{number}"));
        gate.post(&gate.signed(route, &body)).await.is(200, "accepted");
    }
    let lifecycle = r#"hookgate_published_total{topic="video.lifecycle"}"#;
    gate.until(lifecycle, events as f64).await;
    (broker, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_planned_run_looked_at_and_listed() {
    let (_broker, gate) = publishing(10).await;
    let call = "POST /admin/v1/replays";
    let filter = r#""filter":{"source":"daily","kind":"room.*","since":"1h"}"#;
    let plan = gate.call(VIEWER, call, &format!(r#"{{{filter},"dry_run":true}}"#)).await;
    assert_eq!(plan.status, 200, "{plan:?}");
    let plan = plan.json();
    assert_eq!((&plan["events"], &plan["topics"]["video.lifecycle"]), (&5.into(), &5.into()));
    assert_eq!((&plan["through"], &plan["first"]["sequence"]), (&10.into(), &1.into()));
    assert_eq!((&plan["rate"], &plan["seconds"]), (&500.into(), &0.01.into()));
    assert_ne!(plan["filter"]["since"], "1h", "its times are absolute");

    let run = format!(r#"{{"filter":{},"through":10,"reason":"a consumer asks"}}"#, plan["filter"]);
    assert_eq!(gate.call(VIEWER, call, &run).await.status, 403);
    let run = gate.call(OPERATOR, call, &run).await;
    assert_eq!(run.status, 200, "{run:?}");
    let run = run.json();
    let id = run["id"].as_str().unwrap();
    assert_eq!(
        (&run["by"], &run["total"], &run["reason"]),
        (&"olga".into(), &5.into(), &"a consumer asks".into())
    );
    let show = format!("GET /admin/v1/replays/{id}");
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let shown = loop {
        tick.tick().await;
        let shown = gate.call(VIEWER, &show, "").await.json();
        if shown["state"] == "done" {
            break shown;
        }
    };
    assert_eq!(
        (&shown["published"], &shown["gone"], &shown["position"]),
        (&5.into(), &0.into(), &9.into())
    );
    assert!(shown["ended"].is_string());
    assert_eq!(shown["filter"], plan["filter"]);
    let again = gate.metric(r#"hookgate_replayed_total{topic="video.lifecycle"}"#).await;
    assert_eq!(again, 5.0);

    let cancel = format!("DELETE /admin/v1/replays/{id}");
    let late = gate.call(OPERATOR, &cancel, r#"{"reason":"too late"}"#).await;
    assert_eq!(late.status, 409, "{late:?}");
    let all = gate.call(VIEWER, "GET /admin/v1/replays", "").await.json();
    assert_eq!(all["replays"].as_array().unwrap().len(), 1);
    let audit = gate.call(VIEWER, "GET /admin/v1/audit", "").await;
    assert!(audit.body.contains("replay.run") && audit.body.contains("replay.cancel"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_while_a_replay_has_it_in_hand_is_not_published_again() {
    let (_broker, gate) = publishing(40).await;
    // It would go on for most of a minute.
    let run = r#"{"filter":{},"rate":1,"reason":"x"}"#;
    let run = gate.call(OPERATOR, "POST /admin/v1/replays", run).await.json();
    let show = format!("GET /admin/v1/replays/{}", run["id"].as_str().unwrap());
    let shown = async |so: fn(&serde_json::Value) -> bool| {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        loop {
            tick.tick().await;
            let shown = gate.call(VIEWER, &show, "").await.json();
            if so(&shown) {
                return shown;
            }
        }
    };
    // Some of it is out, the rest is read and waits.
    shown(|shown| shown["published"].as_u64() > Some(0)).await;
    let forget = r#"{"tenant":"tenant-fixtures","room":"consult-0a1b2c3d","reason":"request 17"}"#;
    let told = gate.call(OPERATOR, "POST /admin/v1/forget", forget).await.json();
    assert_eq!(told["events"], 40, "{told}");
    let shown = shown(|shown| shown["state"] == "done").await;
    let (published, gone) = (shown["published"].as_u64().unwrap(), shown["gone"].as_u64().unwrap());
    assert!(published + gone == 40 && gone > 0, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_asked_for_by_a_rooms_own_name_keeps_none() {
    let (_broker, gate) = publishing(40).await;
    let ask = |room: &str, dry: bool| {
        format!(r#"{{"filter":{{"room":"{room}"}},"dry_run":{dry},"rate":1,"reason":"x"}}"#)
    };
    let call = "POST /admin/v1/replays";
    let plan = gate.call(VIEWER, call, &ask("consult-0a1b2c3d", true)).await;
    assert_eq!((plan.status, &plan.json()["events"]), (200, &40.into()), "{plan:?}");
    let shown = plan.json()["filter"]["room"].as_str().unwrap().to_owned();
    assert!(!shown.contains("consult") && shown.starts_with("k1_"), "{shown}");
    let again = gate.call(VIEWER, call, &ask(&shown, true)).await;
    assert_eq!(again.json()["events"], 40);
    let run = gate.call(OPERATOR, call, &ask("consult-0a1b2c3d", false)).await;
    assert_eq!(run.status, 200, "{run:?}");
    assert!(!run.body.contains("consult"), "{run:?}");
    let id = run.json()["id"].as_str().unwrap().to_owned();
    let cancel = format!("DELETE /admin/v1/replays/{id}");
    let cancelled = gate.call(OPERATOR, &cancel, r#"{"reason":"enough"}"#).await;
    assert_eq!(cancelled.json()["state"], "cancelled", "{cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_is_refused_by_its_field() {
    let (_broker, gate) = publishing(1).await;
    let call = "POST /admin/v1/replays";
    let asks = [
        (r#"{"reason":"x","rate":0}"#, "rate"),
        (r#"{"reason":"x","to_prefix":"a b"}"#, "to_prefix"),
        (r#"{"reason":"x","through":99}"#, "through"),
        (r#"{"filter":{}}"#, "reason"),
        (r#"{"reason":"x","filter":{"state":"pending"}}"#, "state"),
        (r#"{"reason":"x","filter":{"since":"soon"}}"#, "since"),
        (r#"{"reason":"x","filter":{"since":"1h","until":"2h"}}"#, "until"),
    ];
    for (ask, field) in asks {
        let answer = gate.call(OPERATOR, call, ask).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field.into()), "{answer:?}");
    }
    let nothing = r#"{"reason":"x","filter":{"kind":"recording.*"}}"#;
    assert_eq!(gate.call(OPERATOR, call, nothing).await.status, 409);
    let unknown = gate.call(VIEWER, "GET /admin/v1/replays/rp_aaaaaaaaaaaa", "").await;
    assert_eq!(unknown.status, 404);
}
