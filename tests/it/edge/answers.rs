//! Every answer of the table, byte by byte from outside.

use std::path::Path;
use std::time::Duration;

use hookgate::cli::fixture::Fixture;
use hookgate::clock::{Clock, Timestamp};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

use super::stored;
use crate::fixtures::received;
use crate::gateway::{DAILY, ECHO, Gate, LIVEKIT, Plan, event};
use crate::logged::Logged;

#[tokio::test]
async fn a_signed_delivery_is_accepted_and_its_second_is_a_duplicate() {
    let gate = Gate::start().await;
    for route in [DAILY, LIVEKIT] {
        let request = gate.signed(route, &event(route, "EV_abcdefghijkl"));
        let first = gate.post(&request).await;
        first.is(200, "accepted");
        let second = gate.post(&request).await;
        second.is(200, "duplicate");
        let id = first.json()["event_id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("ev1_") && id.len() == 30, "{id}");
        assert_eq!(second.json()["event_id"], id);
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    }
    assert_eq!(stored(&gate).len(), 2);
}

#[tokio::test]
async fn what_was_answered_200_is_on_disk() {
    let gate = Gate::start().await;
    let answer = gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    answer.is(200, "accepted");
    // Another connection sees what is committed, not what the gateway remembers.
    let database = gate.folder.path().join("journal/journal.db");
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let row: (i64, String) =
        database.query_one("SELECT sequence, CAST(value AS TEXT) FROM event", [], row).unwrap();
    let value: Value = serde_json::from_str(&row.1).unwrap();
    assert_eq!((row.0, &value["id"]), (1, &answer.json()["event_id"]));
}

#[tokio::test]
async fn a_third_provider_goes_all_the_road() {
    let gate = Gate::start().await;
    gate.post(&gate.signed(ECHO, &event(ECHO, "a"))).await.is(200, "accepted");
    gate.post(&gate.signed(ECHO, "ping")).await.is(200, "ping");
    gate.post(&gate.signed(ECHO, r#"{"said":"hm"}"#)).await.is(200, "quarantined");
    gate.post(&gate.signed(ECHO, "not json")).await.is(200, "quarantined");
    let kinds: Vec<_> = stored(&gate).iter().map(|stored| stored.kind.as_str()).collect();
    assert_eq!(kinds, ["room.started", "quarantined", "quarantined"]);
}

#[tokio::test]
async fn an_alias_is_the_same_source() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    gate.post(&gate.signed("/v1/daily_webhook", &body)).await.is(200, "accepted");
    gate.post(&gate.signed("/v1/daily_webhook?a=b", &body)).await.is(200, "duplicate");
    gate.post(&gate.signed(DAILY, &body)).await.is(200, "duplicate");
}

#[tokio::test]
async fn an_unknown_path_is_404_for_every_method_and_a_known_one_takes_post_alone() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    for path in ["/", "/v1/webhooks/daily/", "/v1/webhooks/Daily", "/v1/webhooks/", "*", "//"] {
        for method in ["GET", "POST", "PUT", "OPTIONS", "DELETE", "BREW"] {
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
            client.answer().await.is(404, "unknown_source");
        }
    }
    for method in ["GET", "PUT", "OPTIONS", "PATCH"] {
        client.send(format!("{method} {DAILY} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
        client.answer().await.is(405, "method_not_allowed");
    }
    for (path, status) in [("/", 404), (DAILY, 405)] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
        assert_eq!(client.head_answer().await.status, status);
    }
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    client.answer().await.is(200, "accepted");
    let unknown = r#"hookgate_deliveries_total{source="unknown",outcome="unknown_source"}"#;
    assert_eq!(gate.metric(unknown).await, 37.0);
}

#[tokio::test]
async fn a_coded_body_is_415_and_identity_is_no_coding() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    for coding in ["gzip", "br", "identity, gzip", ""] {
        let lines = format!("Content-Encoding: {coding}\r\n");
        let request = gate.signed_with(DAILY, &body, &lines);
        gate.post(&request).await.is(415, "unsupported_encoding");
    }
    let request = gate.signed_with(DAILY, &body, "Content-Encoding: Identity\r\n");
    gate.post(&request).await.is(200, "accepted");
}

#[tokio::test]
async fn a_source_that_awaits_its_secret_answers_the_ping_alone() {
    let awaiting = "secrets = [ ]\nawaiting_secret = true";
    let gate = Plan::with("secrets = [ { env = \"DAILY\" } ]", awaiting).start().await;
    let ping = r#"{"test":"test"}"#;
    let post = |body: &str| {
        let length = body.len();
        format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    gate.post(post(ping).as_bytes()).await.is(200, "ping");
    gate.post(post("{}").as_bytes()).await.is(503, "awaiting_secret");
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(503, "awaiting_secret");
    assert!(stored(&gate).is_empty());
}

#[tokio::test]
async fn over_its_rate_livekit_is_told_to_come_again_and_daily_is_taken() {
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let slow = "tenant = \"tenant-fixtures\"\nrate = { per_second = 1, burst = 1 }\n";
    let plan = Plan::with("tenant = \"tenant-fixtures\"\n", slow);
    let gate = plan.clock(clock.clone()).start().await;
    for (route, second) in [(LIVEKIT, (429, "rate_limited")), (DAILY, (200, "accepted"))] {
        gate.post(&gate.signed(route, &event(route, "EV_aaaaaaaaaaaa"))).await.is(200, "accepted");
        let answer = gate.post(&gate.signed(route, &event(route, "EV_bbbbbbbbbbbb"))).await;
        answer.is(second.0, second.1);
    }
    clock.advance(Duration::from_secs(1));
    let again = gate.signed(LIVEKIT, &event(LIVEKIT, "EV_bbbbbbbbbbbb"));
    gate.post(&again).await.is(200, "accepted");
}

#[tokio::test]
async fn what_is_not_understood_is_answered_200_and_kept_as_quarantined() {
    for provider in ["daily", "livekit"] {
        for fixture in ["unknown-kind", "malformed"] {
            let path = format!("fixtures/{provider}/{fixture}/request.http");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let bytes = std::fs::read(&path).unwrap();
            let clock = Clock::manual(received(&Fixture::parse(&path, &bytes).unwrap()));
            let gate = Plan::new().clock(clock).start().await;
            gate.post(&bytes).await.is(200, "quarantined");
            gate.post(&bytes).await.is(200, "duplicate");
            let stored = stored(&gate);
            assert_eq!(stored.len(), 1);
            assert_eq!(stored[0].kind.as_str(), "quarantined");
        }
    }
}

#[tokio::test]
async fn a_duplicate_sets_no_time_and_counts_no_value_again() {
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let gate = Plan::new().clock(clock.clone()).start().await;
    let unlisted = event(DAILY, "a").replace("\"payload\":{", "\"payload\":{\"other\":1,");
    let last = r#"hookgate_source_last_event_timestamp_seconds{source="daily"}"#;
    let removed = r#"hookgate_pii_removed_total{source="daily",rule="unlisted"}"#;
    gate.post(&gate.signed(DAILY, &unlisted)).await.is(200, "accepted");
    let count = gate.metric(removed).await;
    assert!(count > 0.0);
    clock.advance(Duration::from_secs(60));
    gate.post(&gate.signed(DAILY, &unlisted)).await.is(200, "duplicate");
    assert_eq!(gate.metric(removed).await, count);
    assert_eq!(gate.metric(last).await, 1_795_168_800.0);
}

#[tokio::test]
async fn an_upgrade_is_not_taken_up_and_the_connection_goes_on() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    let lines = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
    client.send(&gate.signed_with(DAILY, &event(DAILY, "a"), lines)).await;
    client.answer().await.is(200, "accepted");
    client.send(format!("CONNECT {DAILY} HTTP/1.1\r\n\r\n").as_bytes()).await;
    client.answer().await.is(405, "method_not_allowed");
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    client.answer().await.is(200, "duplicate");
}

#[tokio::test]
async fn a_panic_is_one_requests_500_and_nothing_else() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    client.send(&gate.signed(ECHO, "panic")).await;
    client.answer().await.is(500, "internal_error");
    client.send(&gate.signed(ECHO, &event(ECHO, "a"))).await;
    client.answer().await.is(200, "accepted");
    client.send(format!("POST {ECHO} HTTP/1.1\r\nx-echo-seal: panic\r\n\r\n").as_bytes()).await;
    client.answer().await.is(500, "internal_error");
    gate.post(&gate.signed(ECHO, &event(ECHO, "a"))).await.is(200, "duplicate");
    let counted = r#"hookgate_deliveries_total{source="echo",outcome="internal_error"}"#;
    assert_eq!(gate.metric(counted).await, 2.0);
    assert_eq!(gate.metric("hookgate_defects_total").await, 2.0);
}

#[tokio::test]
async fn a_defect_is_logged_under_the_id_of_its_answer() {
    let log = Logged::here();
    let mut plan = Plan::new();
    plan.config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let gate = plan.start().await;
    let id = "0af7651916cd43dd8448eb211c80319c";
    let given = format!("x-request-id: {id}\r\n");
    let told_by_head = format!("POST {ECHO} HTTP/1.1\r\nx-echo-seal: panic\r\n");
    let requests = [
        (gate.signed(ECHO, "panic"), None),
        (gate.signed_with(ECHO, "panic", &given), Some(id)),
        (format!("{told_by_head}\r\n").into_bytes(), None),
        (format!("{told_by_head}{given}\r\n").into_bytes(), Some(id)),
    ];
    for (request, id) in requests {
        let before = log.text().len();
        let answer = gate.post(&request).await;
        answer.is(500, "internal_error");
        let answered = answer.header("x-request-id").unwrap();
        assert!(id.is_none_or(|id| id == answered), "{answered}");
        let text = log.text();
        let mut said = text[before..].lines().filter(|line| line.contains("a defect of ours"));
        assert!(said.any(|line| line.contains(answered)), "{answered}:\n{text}");
    }
    assert_eq!(gate.metric("hookgate_defects_total").await, 4.0);
}
