//! How a running gateway says that it stands: the admin API's report, and the verb's screen.

use std::process::Output;

use hookgate::desk::StatusReport;
use tokio::process::Command;

use crate::gateway::{DAILY, ECHO, Gate, Plan, VIEWER, event};

async fn report(gate: &Gate) -> StatusReport {
    let answer = gate.call(VIEWER, "GET /admin/v1/status", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// The verb as a shell runs it.
async fn hookgate(gate: &Gate, args: &[&str]) -> Output {
    let token = gate.folder.path().join("token");
    std::fs::write(&token, VIEWER).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.args(args).env_clear().env("HOOKGATE_TOKEN_FILE", token);
    command.env("HOOKGATE_ADMIN", format!("http://{}", gate.app.admin()));
    command.output().await.unwrap()
}

#[tokio::test]
async fn the_report_tells_what_came_and_how_it_ended() {
    let gate = Gate::start().await;
    let first = report(&gate).await;
    assert!(first.ready && first.status == "ok" && first.instance == "gate-test", "{first:?}");
    assert_eq!((first.journal.head, first.journal.oldest, first.ledger.len()), (0, None, 0));
    assert_eq!(first.sources.len(), 3);
    assert!(first.sources.iter().all(|source| source.outcomes.is_empty()), "{first:?}");

    let body = event(DAILY, "a");
    for _ in 0..2 {
        assert_eq!(gate.post(&gate.signed(DAILY, &body)).await.status, 200);
    }
    let forged = gate.signed(DAILY, &body);
    let forged = [&forged[..forged.len() - 2], b" }"].concat();
    assert_eq!(gate.post(&forged).await.status, 401);
    let now = report(&gate).await;
    let source = now.sources.iter().find(|source| source.name == "daily").unwrap();
    let counts = ["accepted", "duplicate", "bad_signature"].map(|name| source.outcomes[name]);
    assert_eq!((counts, source.outcomes.len()), ([1, 1, 1], 3));
    assert_eq!(source.refused.values().sum::<u64>(), 1);
    assert_eq!((source.provider.as_str(), source.mode.as_str()), ("daily", "live"));
    assert!(source.last_event.is_some() && source.secrets[0].last_used.is_some(), "{source:?}");
    assert_eq!((now.journal.head, now.journal.health.as_str()), (1, "ok"));
    assert_eq!(now.journal.oldest, source.last_event);
    assert!(now.journal.bytes > 0 && now.journal.disk_free_bytes.is_some());
    let row = &now.ledger[0];
    assert_eq!((row.accepted, row.published, row.pending), (1, 0, 1));
    assert_eq!((now.kafka.backlog, now.kafka.delivery.as_str()), (1, "at_least_once"));
    assert!(now.warnings.len() <= 3, "{:?}", now.warnings);
    assert!(!gate.call(VIEWER, "GET /admin/v1/status", "").await.body.contains("Zoe"));
}

#[tokio::test]
async fn the_screen_and_the_exit_code_tell_the_same() {
    let gate = Gate::start().await;
    assert_eq!(gate.post(&gate.signed(ECHO, &event(ECHO, "a"))).await.status, 200);
    let output = hookgate(&gate, &["status"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for said in ["gate-test, up ", "\nready\n", "\nSOURCE ", "\nLEDGER ", "\njournal  ok, up to 1,"]
    {
        assert!(text.contains(said), "{said:?} is not in:\n{text}");
    }
    let output = hookgate(&gate, &["status", "--json"]).await;
    let told: StatusReport = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told.journal.head, 1);
    assert_eq!(hookgate(&gate, &["status", "--quiet"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_gateway_that_stops_is_not_ready_by_its_exit_code() {
    let mut plan = Plan::new();
    plan.config.server.drain_grace = std::time::Duration::from_secs(60);
    plan.config.server.drain_deadline = std::time::Duration::from_secs(90);
    let gate = plan.start().await;
    let admin = gate.app.admin();
    let (hurry, hurried) = tokio::sync::oneshot::channel::<()>();
    let Gate { app, clock: _, folder } = gate;
    let stopping = tokio::spawn(app.stop(async move { drop(hurried.await) }));
    let token = folder.path().join("token");
    std::fs::write(&token, VIEWER).unwrap();
    let run = |args: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
        command.args(args).env_clear().env("HOOKGATE_TOKEN_FILE", &token);
        command.env("HOOKGATE_ADMIN", format!("http://{admin}"));
        async move { command.output().await.unwrap() }
    };
    while run(&["status", "--quiet"]).await.status.code() == Some(0) {}
    let output = run(&["status"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("drain: stopping: still taking deliveries"), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("NOT READY"));
    drop(hurry);
    stopping.await.unwrap();
}
