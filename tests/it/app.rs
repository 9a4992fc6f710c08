//! Starting, looking and stopping, from outside.

use std::io::{Read, Write};
use std::time::Duration;

use hookgate::app::{App, StartError};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::gateway::{Client, DAILY, Gate, LIVEKIT, Plan, ask, event, until_stopping};

#[tokio::test]
async fn the_admin_door_shows_life_readiness_and_numbers_to_everyone_and_nothing_else() {
    let gate = Gate::start().await;
    assert_eq!(gate.ask("/livez").await.status, 200);
    let ready = gate.ask("/readyz").await;
    assert_eq!((ready.status, ready.header("content-type")), (200, Some("application/json")));
    assert_eq!(ready.json()["ready"], true);
    assert_eq!(ready.json()["status"], "ok");
    assert_eq!(ready.json()["checks"]["journal"]["status"], "ok");
    let metrics = gate.ask("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    let hidden = [("/", 404), ("/livez/", 404), ("/v1/webhooks/daily", 404), ("/admin/", 401)];
    for (path, status) in hidden.into_iter().chain([("/admin/v1/status", 401)]) {
        let answer = gate.ask(path).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.json()["status"], status);
    }
}

#[tokio::test]
async fn every_series_is_there_before_the_first_delivery_and_counts_it() {
    let gate = Gate::start().await;
    let accepted = r#"hookgate_deliveries_total{source="daily",outcome="accepted"}"#;
    let last = r#"hookgate_source_last_event_timestamp_seconds{source="daily"}"#;
    assert_eq!(gate.metric(accepted).await, 0.0);
    assert_eq!(gate.metric(last).await, 0.0);
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    assert_eq!(gate.metric(accepted).await, 1.0);
    assert!(gate.metric(last).await > 1.7e9);
    assert_eq!(gate.metric(r#"hookgate_journal_unpublished{state="pending"}"#).await, 1.0);
    assert_eq!(gate.metric(r#"hookgate_ledger_imbalance{source="daily"}"#).await, 0.0);
    assert_eq!(gate.metric(r#"hookgate_delivery_seconds_count{source="daily"}"#).await, 1.0);
    gate.until("hookgate_journal_append_seconds_count", 1.0).await;
    assert!(gate.metric("hookgate_journal_bytes").await > 0.0);
    assert!(gate.metric("hookgate_disk_free_bytes").await > 0.0);
    let used = r#"hookgate_secret_last_used_timestamp_seconds{source="daily",secret="DAILY"}"#;
    assert!(gate.metric(used).await > 1.7e9);
}

#[tokio::test]
async fn deliveries_do_not_wait_for_kafka_and_its_absence_is_shown() {
    let mut plan = Plan::new();
    plan.parts.publish = true;
    let gate = plan.start().await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let ready = gate.ask("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["status"], "degraded");
    assert_eq!(ready.json()["checks"]["kafka"]["status"], "degraded");
    assert!(ready.json()["checks"]["kafka"]["reason"].is_string());
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_key() {
    let gate = Gate::start().await;
    for public in [true, false] {
        let mut plan = Plan::new();
        let (key, listen) = match public {
            true => ("server.listen", &mut plan.config.server.listen),
            false => ("admin.listen", &mut plan.config.admin.listen),
        };
        *listen = gate.app.public();
        let error = App::start(plan.config, plan.parts).await.err().unwrap();
        assert_eq!(error.exit_code(), 1);
        assert!(matches!(error, StartError::Port { .. }));
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[tokio::test]
async fn a_second_gateway_on_one_journal_is_refused() {
    let gate = Gate::start().await;
    let mut plan = Plan::new();
    plan.config.journal.dir = gate.folder.path().join("journal");
    let error = App::start(plan.config, plan.parts).await.err().unwrap();
    assert!(matches!(error, StartError::Journal(_)), "{error}");
}

#[tokio::test]
async fn last_event_times_are_restored_from_the_journal() {
    let gate = Gate::start().await;
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "a"))).await.is(200, "accepted");
    let last = r#"hookgate_source_last_event_timestamp_seconds{source="livekit"}"#;
    let before = gate.metric(last).await;
    let gate = gate.again().await;
    assert_eq!(gate.metric(last).await, before);
    assert_eq!(gate.metric(r#"hookgate_journal_unpublished{state="pending"}"#).await, 1.0);
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "a"))).await.is(200, "duplicate");
}

#[tokio::test]
async fn during_the_grace_deliveries_are_taken_with_readiness_red() {
    let mut plan = Plan::new();
    plan.config.server.drain_grace = Duration::from_secs(20);
    let gate = plan.start().await;
    let (public, admin) = (gate.app.public(), gate.app.admin());
    let mut client = gate.connect().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let Gate { app, folder, .. } = gate;
    let (hurry, hurried) = oneshot::channel::<()>();
    let stopped = tokio::spawn(app.stop(async { hurried.await.unwrap() }));
    until_stopping(admin, "stopping: still taking deliveries").await;
    assert_eq!(ask(admin, "/readyz").await.status, 503);
    client.send(&request).await;
    let answer = client.answer().await;
    answer.is(200, "accepted");
    assert_eq!(answer.header("connection"), None);
    let mut newcomer = Client::connect(public).await;
    newcomer.send(&request).await;
    newcomer.answer().await.is(200, "duplicate");
    hurry.send(()).unwrap();
    client.ended().await;
    newcomer.ended().await;
    let stopped = stopped.await.unwrap();
    assert_eq!(stopped.exit_code(), 0);
    let daily = stopped.ledger.iter().find(|row| row.source.as_str() == "daily").unwrap();
    assert_eq!((daily.accepted, daily.pending, daily.published), (1, 1, 0));
    assert!(TcpStream::connect(public).await.is_err());
    drop(folder);
}

#[tokio::test]
async fn what_has_come_when_the_listener_closes_is_still_answered() {
    let gate = Gate::start().await;
    let public = gate.app.public();
    let request = gate.signed_with(DAILY, &event(DAILY, "a"), "Expect: 100-continue\r\n");
    let head = request.len() - event(DAILY, "a").len();
    let other = gate.signed(DAILY, &event(DAILY, "b"));
    let mut half_head = gate.connect().await;
    half_head.send(&other[..9]).await;
    let mut body_to_come = gate.connect().await;
    body_to_come.send(&request[..head]).await;
    assert_eq!(body_to_come.answer().await.status, 100);
    let mut idle = gate.connect().await;
    let Gate { app, folder, .. } = gate;
    let stopped = tokio::spawn(app.drain());
    idle.ended().await;
    body_to_come.send(&request[head..]).await;
    half_head.send(&other[9..]).await;
    for mut client in [body_to_come, half_head] {
        let answer = client.answer().await;
        answer.is(200, "accepted");
        answer.closes();
        client.ended().await;
    }
    assert_eq!(stopped.await.unwrap().ledger[0].accepted, 2);
    assert!(TcpStream::connect(public).await.is_err());
    drop(folder);
}

#[tokio::test]
async fn a_connection_that_waits_to_be_accepted_when_the_listener_closes_is_answered() {
    let gate = Gate::start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    // Nothing is awaited from here to the closing: the gateway cannot have accepted it.
    let mut waiting = std::net::TcpStream::connect(gate.app.public()).unwrap();
    waiting.write_all(&request).unwrap();
    let stopped = gate.app.stop(std::future::ready(())).await;
    assert_eq!(stopped.ledger[0].accepted, 1);
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_that_comes_after_the_deadline_is_told_that_the_gate_is_draining() {
    let mut plan = Plan::new().limits(|limits| limits.last_words = Duration::from_secs(20));
    plan.config.server.drain_deadline = Duration::from_millis(100);
    let gate = plan.start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let mut late = gate.connect().await;
    late.send(&request[..9]).await;
    let mut idle = gate.connect().await;
    let admin = gate.app.admin();
    let Gate { app, folder, .. } = gate;
    let stopped = tokio::spawn(app.drain());
    idle.ended().await;
    until_stopping(admin, "stopping: the deadline has passed").await;
    late.send(&request[9..]).await;
    let answer = late.answer().await;
    answer.is(503, "draining");
    answer.closes();
    assert_eq!(stopped.await.unwrap().exit_code(), 0);
    drop(folder);
}
