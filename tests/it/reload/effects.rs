//! Every key that a reload is said to change really changes what happens to a delivery.
//!
//! The trap: a process that reports a good reload and keeps parts of the old configuration.

use std::time::Duration;

use serde_json::Value;

use crate::gateway::{Client, DAILY, DAILY_SECRET, Gate, LIVEKIT, event};
use crate::logged::Logged;

use super::{ALIAS, Notebook, ask, reloaded, signed_by};

const DAILY_LINES: &str = "name = \"daily\"\nprovider = \"daily\"\ntenant = \"tenant-fixtures\"\n\
     aliases = [\"/v1/daily_webhook\"]\nsecrets = [ { env = \"DAILY\" } ]";

pub(super) const RECORDING: &str = r#"{"version":"1.0.0","type":"recording.ready-to-download","id":"ID","payload":{"type":"cloud","recording_id":"5a5a5a5a-eeee-4eee-8eee-5a5a5a5a5a5a","room_name":"consult-0a1b2c3d","start_ts":1790000010,"status":"finished","duration":61,"s3_key":"recordings/5a5a5a5a-eeee-4eee-8eee-5a5a5a5a5a5a/1790000010028"},"event_ts":1790000072}"#;
pub(super) const JOINED: &str = r#"{"event":"participant_joined","room":{"sid":"RM_wjY5hazbpMRz","name":"consult-0a1b2c3d"},"participant":{"sid":"PA_zUyTCjpwWpmD","identity":"p-1","name":"Doctor","joinedAt":"1795168811"},"id":"ID","createdAt":"1795168835"}"#;

/// Changes the text, and looks that the reload says so under this key.
pub(super) async fn changes(gate: &Gate, notebook: &Notebook, from: &str, to: &str, key: &str) {
    notebook.change(from, to);
    let told = reloaded(gate).await;
    let said = told.changed.iter().any(|line| line.starts_with(key));
    assert!(said && told.needs_restart.is_empty(), "{key}: {told:#?}");
}

/// The event as it was kept last.
pub(super) async fn kept(gate: &Gate, route: &str, body: &str) -> Value {
    gate.post(&gate.signed(route, body)).await.is(200, "accepted");
    let stored = gate.app.journal().look_after(0).unwrap();
    serde_json::from_slice(&stored.last().unwrap().value).unwrap()
}

#[tokio::test]
async fn name_aliases_and_tenant_take_effect() {
    let (gate, notebook) = Notebook::start().await;
    changes(&gate, &notebook, ALIAS, "aliases = [\"/moved\"]", "source.daily.aliases: ").await;
    gate.post(&gate.signed("/moved", &event(DAILY, "a"))).await.is(200, "accepted");
    let old = gate.signed("/v1/daily_webhook", &event(DAILY, "b"));
    gate.post(&old).await.is(404, "unknown_source");
    let (from, to) = ("tenant = \"tenant-fixtures\"", "tenant = \"tenant-moved\"");
    changes(&gate, &notebook, from, to, "source.daily.tenant: ").await;
    assert_eq!(kept(&gate, DAILY, &event(DAILY, "c")).await["tenant"], "tenant-moved");
    changes(&gate, &notebook, "\"daily\"", "\"renamed\"", "source.renamed added").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "d"))).await.is(404, "unknown_source");
    let renamed = kept(&gate, "/v1/webhooks/renamed", &event(DAILY, "d")).await;
    assert_eq!(renamed["source"], "/sources/renamed");
}

#[tokio::test]
async fn provider_scheme_and_age_take_effect() {
    let (gate, notebook) = Notebook::start().await;
    let now = gate.clock.now();
    let hex = |id| signed_by((DAILY_SECRET, Some("hex")), DAILY, &event(DAILY, id), now);
    let early = now.minus(Duration::from_secs(3 * 60 * 60));
    let old = signed_by((DAILY_SECRET, None), DAILY, &event(DAILY, "old"), early);
    gate.post(&old).await.is(401, "bad_signature");
    let longer = format!("{ALIAS}\nsignature_max_age = \"4h\"");
    changes(&gate, &notebook, ALIAS, &longer, "source.daily.signature_max_age: ").await;
    gate.post(&old).await.is(200, "accepted");
    gate.post(&hex("hex")).await.is(401, "bad_signature");
    let scheme = format!("{ALIAS}\nscheme = \"hex\"");
    changes(&gate, &notebook, &longer, &scheme, "source.daily.scheme: ").await;
    gate.post(&hex("hex")).await.is(200, "accepted");
    let echo =
        "provider = \"echo\"\ntenant = \"tenant-fixtures\"\nsecrets = [ { env = \"LIVEKIT\" } ]";
    let daily = echo.replace("\"echo\"", "\"daily\"").replace("LIVEKIT", "DAILY");
    changes(&gate, &notebook, echo, &daily, "source.echo.provider: echo → daily").await;
    let body = event(DAILY, "as-daily");
    let request = signed_by((DAILY_SECRET, None), "/v1/webhooks/echo", &body, now);
    gate.post(&request).await.is(200, "accepted");
}

#[tokio::test]
async fn secrets_and_the_wait_for_them_take_effect() {
    let (gate, notebook) = Notebook::start().await;
    let awaiting =
        DAILY_LINES.replace("secrets = [ { env = \"DAILY\" } ]", "awaiting_secret = true");
    changes(&gate, &notebook, DAILY_LINES, &awaiting, "source.daily.awaiting_secret: ").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(503, "awaiting_secret");
    let ping = "{\"test\":\"test\"}";
    let ping = format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: 15\r\n\r\n{ping}");
    gate.post(ping.as_bytes()).await.is(200, "ping");
    changes(&gate, &notebook, &awaiting, DAILY_LINES, "source.daily.secrets[0]: none → DAILY")
        .await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "a"))).await.is(200, "accepted");
    notebook.set("LIVEKIT", "another-secret-of-at-least-32-characters");
    let told = reloaded(&gate).await;
    assert!(told.changed.contains(&"source.livekit.keys[0] changed".to_owned()), "{told:#?}");
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "b"))).await.is(401, "bad_signature");
}

#[tokio::test]
async fn rate_and_what_may_leave_take_effect() {
    let (gate, notebook) = Notebook::start().await;
    let before = kept(&gate, DAILY, &RECORDING.replace("ID", "r1")).await;
    let before = before.to_string();
    assert!(!before.contains("consult-") && !before.contains("recordings/"), "{before}");
    let room = format!("{ALIAS}\nroom_name = '^consult-[0-9a-f]{{8}}$'");
    changes(&gate, &notebook, ALIAS, &room, "source.daily.room_name: ").await;
    assert_eq!(kept(&gate, DAILY, &event(DAILY, "a")).await["subject"], "consult-0a1b2c3d");
    let artifact = format!("{ALIAS}\nartifact_key = '^recordings/'");
    changes(&gate, &notebook, &room, &artifact, "source.daily.artifact_key: ").await;
    let event_of =
        kept(&gate, DAILY, &RECORDING.replace("ID", "r2").replace("5a5a5a5a-e", "6b6b6b6b-e"))
            .await;
    let shown = event_of.to_string();
    assert!(shown.contains("recordings/6b6b6b6b") && !shown.contains("consult-"), "{shown}");
    let joined = kept(&gate, LIVEKIT, &JOINED.replace("ID", "EV_a")).await;
    assert_eq!(joined["data"]["participant"]["role"], "Participant");
    let (plain, labels) =
        ("provider = \"livekit\"", "provider = \"livekit\"\nrole_labels = [\"Doctor\"]");
    changes(&gate, &notebook, plain, labels, "source.livekit.role_labels: ").await;
    let joined = kept(&gate, LIVEKIT, &JOINED.replace("ID", "EV_b")).await;
    assert_eq!(joined["data"]["participant"]["role"], "Doctor");
    let rate = "provider = \"livekit\"\nrate = { per_second = 1, burst = 1 }";
    changes(&gate, &notebook, labels, rate, "source.livekit.rate: ").await;
    let mut shed = false;
    for number in 0..50 {
        let answer = gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, &format!("s{number}")))).await;
        shed |= answer.status == 429;
    }
    assert!(shed, "fifty in a burst of one were all taken");
}

#[tokio::test]
async fn trusted_proxies_and_the_times_of_a_stop_take_effect() {
    let (gate, notebook) = Notebook::start().await;
    let lines = "X-Request-Id: 6497C79B-F326-4942-AEF8-C36A29140AD1\r\n";
    let mut client = gate.connect().await;
    let request = gate.signed_with(DAILY, &event(DAILY, "a"), lines);
    client.send(&request).await;
    assert_eq!(client.answer().await.header("x-request-id").unwrap().len(), 32);
    let trusting = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    changes(&gate, &notebook, "[server]", trusting, "server.trusted_proxies: ").await;
    client.send(&request).await;
    let id = client.answer().await.header("x-request-id").unwrap().to_owned();
    assert_eq!(id, "6497c79b-f326-4942-aef8-c36a29140ad1");
    let (from, to) = ("drain_grace = \"1ms\"", "drain_grace = \"2ms\"");
    changes(&gate, &notebook, from, to, "server.drain_grace: 1ms → 2ms").await;
    let (from, to) = ("drain_deadline = \"20s\"", "drain_deadline = \"30s\"");
    changes(&gate, &notebook, from, to, "server.drain_deadline: 20s → 30s").await;
    let (by, ask) = ask();
    let draining = gate.app.desk().drain(&by, ask).await.unwrap();
    assert_eq!((draining.grace_seconds, draining.deadline_seconds), (0.002, 30.0));
}

#[tokio::test]
async fn the_share_of_events_that_are_logged_takes_effect() {
    let logged = Logged::here();
    let (gate, notebook) = Notebook::start().await;
    let accepted = || logged.text().matches("a delivery was taken").count();
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    assert_eq!(accepted(), 1);
    let none = "[telemetry]\nlog_accepted = 0.0\n[server]";
    changes(&gate, &notebook, "[server]", none, "telemetry.log_accepted: 1 → 0").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "accepted");
    assert_eq!(accepted(), 1);
    gate.post(&gate.signed(DAILY, "{ not json")).await.is(200, "quarantined");
    assert_eq!(accepted(), 2);
}

#[tokio::test]
async fn shadow_takes_effect_and_keeps_nothing() {
    let (gate, notebook) = Notebook::start().await;
    let shadow = format!("{ALIAS}\nmode = \"shadow\"");
    changes(&gate, &notebook, ALIAS, &shadow, "source.daily.mode: live → shadow").await;
    let mut client = gate.connect().await;
    for _ in 0..2 {
        client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
        client.answer().await.is(200, "shadowed");
    }
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "a"))).unwrap();
    client.send(forged.replace("1.0.0", "6.6.6").as_bytes()).await;
    client.answer().await.is(401, "bad_signature");
    client.send(&gate.signed(DAILY, "{\"test\":\"test\"}")).await;
    client.answer().await.is(200, "ping");
    assert!(gate.app.journal().look_after(0).unwrap().is_empty());
    let series = r#"hookgate_deliveries_total{source="daily",outcome="shadowed"}"#;
    assert_eq!(gate.metric(series).await, 2.0);
    let removed = r#"hookgate_pii_removed_total{source="daily",rule="room"}"#;
    assert_eq!(gate.metric(removed).await, 2.0);
    changes(&gate, &notebook, &shadow, ALIAS, "source.daily.mode: shadow → live").await;
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    client.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_token_that_left_its_file_is_known_no_more_and_no_connection_is_dropped() {
    let (gate, notebook) = Notebook::start().await;
    let mut client = Client::connect(gate.app.admin()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    // The SHA-256 of "first" and of "second".
    let first = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
    let second = "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";
    std::fs::write(&file, format!("vera:viewer:{first}\n")).unwrap();
    let with = format!("[admin]\ntoken_file = {file:?}\n");
    changes(&gate, &notebook, "[admin]\n", &with, "admin.token_file added").await;
    let status = "GET /admin/v1/status";
    assert_eq!(client.call("first", status, "").await.status, 200);
    std::fs::write(&file, format!("vera:viewer:{second}\n")).unwrap();
    changes(&gate, &notebook, "", "", "admin.token_file changed").await;
    assert_eq!(client.call("first", status, "").await.status, 401);
    assert_eq!(client.call("second", status, "").await.status, 200);
    changes(&gate, &notebook, &with, "[admin]\n", "admin.token_file removed").await;
    assert_eq!(client.call("second", status, "").await.status, 401);
}
