//! The fields of the log's lines about deliveries: those that the README lists, and no others.

#![cfg(test)]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use hookgate::clock::Clock;
use serde_json::Value;

use crate::gateway::{Client, DAILY, LIVEKIT, event, signed};
use crate::process::Served;

const MORE: &str = r#"
[[tenant]]
name = "tenant-unrecorded"
recording = "forbidden"
[[source]]
name = "unrecorded"
provider = "daily"
tenant = "tenant-unrecorded"
room_name = "(?s)^.*$"
secrets = [ { env = "DAILY" } ]
[[source]]
name = "shadow"
provider = "daily"
tenant = "tenant-fixtures"
mode = "shadow"
secrets = [ { env = "DAILY" } ]
"#;

const RECORDING: &str = r#"{"version":"1.0.0","type":"recording.ready-to-download","id":"r-1","payload":{"type":"cloud","recording_id":"5a5a5a5a-eeee-4eee-8eee-5a5a5a5a5a5a","room_name":"consult-0a1b2c3d","start_ts":1790000010,"status":"finished"},"event_ts":1790000072}"#;

/// The first column of the README's table.
fn listed() -> BTreeSet<String> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("\n### Logs\n").expect("the README has a section on logs");
    let section = section.split("\n### ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| row.split(" |").next().unwrap().split('`').step_by(2));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Posts on one connection after another; what was answered.
async fn post(served: &Served, route: &str, body: &str) -> u16 {
    let mut client = Client::connect(served.public).await;
    client.send(&signed(route, body, Clock::system().now())).await;
    client.answer().await.status
}

/// More than the log has lines for: the next one says how many it left out.
async fn forge(public: SocketAddr) {
    let mut forger = Client::connect(public).await;
    let forged = format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}");
    for _ in 0..600 {
        forger.send(forged.as_bytes()).await;
        assert_eq!(forger.answer().await.status, 401);
    }
}

#[tokio::test]
async fn the_readme_lists_every_field_of_a_line_about_a_delivery_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start_with(folder.path(), "\"1ms\"", MORE).await;
    let (unrecorded, shadow) = ("/v1/webhooks/unrecorded", "/v1/webhooks/shadow");
    let mail = event(DAILY, "e-2").replace("consult-0a1b2c3d", "zoe.canary@example.invalid");
    for (route, body) in [
        (DAILY, event(DAILY, "e-1")),
        (DAILY, event(DAILY, "e-1")),
        (LIVEKIT, event(LIVEKIT, "EV_a")),
        (DAILY, "{ not json".to_owned()),
        (DAILY, "{\"test\":\"test\"}".to_owned()),
        (shadow, event(DAILY, "e-1")),
        (shadow, "{ not json".to_owned()),
        (unrecorded, mail),
        (unrecorded, RECORDING.to_owned()),
    ] {
        assert_eq!(post(&served, route, &body).await, 200, "{body}");
    }
    let mut forging = tokio::spawn(forge(served.public));
    let mut forged = false;
    let mut seen = BTreeSet::new();
    let mut outcomes = BTreeSet::new();
    // Read beside the forging: a log that nobody reads holds up whoever writes it.
    loop {
        let line = tokio::select! {
            line = served.line() => line,
            done = &mut forging, if !forged => {
                done.unwrap();
                forged = true;
                served.signal();
                continue;
            }
        };
        let Some(line) = line else { break };
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(outcome) = line["outcome"].as_str() {
            outcomes.insert(outcome.to_owned());
            seen.extend(line.as_object().unwrap().keys().cloned());
        }
        if line["session_id"] != Value::Null {
            let daily = line["session_id"] == "6497c79b-f326-4942-aef8-c36a29140ad1";
            assert!(daily || line["session_id"] == "RM_wjY5hazbpMRz", "{line}");
        }
    }
    let all = ["accepted", "bad_signature", "duplicate", "ping", "quarantined", "shadowed"];
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(seen, listed());
}

#[tokio::test]
async fn of_events_that_are_not_chosen_only_what_did_not_go_well_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let more = "[telemetry]\nlog_accepted = 0\n";
    let mut served = Served::start_with(folder.path(), "\"1ms\"", more).await;
    assert_eq!(post(&served, DAILY, &event(DAILY, "e-1")).await, 200);
    assert_eq!(post(&served, DAILY, &event(DAILY, "e-1")).await, 200);
    assert_eq!(post(&served, DAILY, "{ not json").await, 200);
    assert_eq!(post(&served, "/nowhere", "{}").await, 404);
    served.signal();
    let mut outcomes = Vec::new();
    while let Some(line) = served.line().await {
        let line: Value = serde_json::from_str(&line).unwrap();
        outcomes.extend(line["outcome"].as_str().map(str::to_owned));
    }
    assert_eq!(outcomes, ["quarantined", "unknown_source"]);
}
