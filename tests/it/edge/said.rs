//! What is said of a request: one line of the log, and nothing of its content.

use std::time::Duration;

use hookgate::bounds::REFUSAL_LINES_BURST;
use hookgate::clock::{Clock, Timestamp};

use crate::gateway::{DAILY, ECHO, Gate, Plan, event};
use crate::logged::Logged;

#[tokio::test]
async fn each_delivery_is_one_line_of_the_log_without_content() {
    let log = Logged::here();
    let gate = Gate::start().await;
    let canary = "zoe-canary";
    let good = gate.signed(DAILY, &event(DAILY, canary));
    let id = gate.post(&good).await.header("x-request-id").unwrap().to_owned();
    let line = log.line(&id);
    for part in ["INFO", "accepted", "daily", "room.started", "ev1_", "sequence=1"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!line.contains("127.0.0"), "{line}");
    let forged = String::from_utf8(good).unwrap().replace("1.0.0", canary);
    let id = gate.post(forged.as_bytes()).await.header("x-request-id").unwrap().to_owned();
    let line = log.line(&id);
    for part in ["WARN", "bad_signature", "wrong_signature", "daily", "127.0.0.0/24"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let lost = gate.post(format!("GET /{canary} HTTP/1.1\r\n\r\n").as_bytes()).await;
    assert!(log.line(lost.header("x-request-id").unwrap()).contains("unknown_source"));
    let odd = gate.post(format!("GET /{canary}\r\n\r\n").as_bytes()).await;
    assert!(log.line(odd.header("x-request-id").unwrap()).contains("bad_request"));
    assert!(!log.text().contains(canary), "{}", log.text());
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_logged_by_category_and_place_alone() {
    let log = Logged::here();
    let gate = Gate::start().await;
    let canary = "zoe-canary";
    let answer = gate.post(&gate.signed(DAILY, &format!("{{\n\"{canary}\" {canary}"))).await;
    answer.is(200, "quarantined");
    assert!(!answer.body.contains("syntax"), "{answer:?}");
    let line = log.line(answer.header("x-request-id").unwrap());
    for part in ["reason=\"malformed\"", "category=\"syntax\"", "line=2", "column=14"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!log.text().contains(canary), "{}", log.text());
}

#[tokio::test]
async fn a_flood_of_refusals_is_summed_up_in_the_log() {
    let log = Logged::here();
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let gate = Plan::new().clock(clock.clone()).start().await;
    let mut client = gate.connect().await;
    let burst = usize::try_from(REFUSAL_LINES_BURST).unwrap();
    for _ in 0..burst + 7 {
        client.send(b"GET / HTTP/1.1\r\n\r\n").await;
        client.answer().await.is(404, "unknown_source");
    }
    assert_eq!(log.text().matches("was turned away").count(), burst);
    clock.advance(Duration::from_secs(1));
    client.send(b"GET / HTTP/1.1\r\n\r\n").await;
    let last = client.answer().await;
    assert!(log.line(last.header("x-request-id").unwrap()).contains("unsaid=7"));
}

#[tokio::test]
async fn no_answer_holds_anything_of_the_request() {
    let gate = Gate::start().await;
    let canary = "Zoe-Canary";
    for request in [
        format!("GET /{canary} HTTP/1.1\r\nHost: {canary}\r\nX-Request-Id: {canary}\r\n\r\n"),
        format!("POST {DAILY}?{canary} HTTP/1.1\r\nX-Webhook-Signature: {canary}\r\n\r\n"),
        format!("{canary} {DAILY} HTTP/1.1\r\n\r\n"),
        format!("GET / {canary}\r\n\r\n"),
        format!("POST {DAILY} HTTP/1.1\r\nContent-Length: {canary}\r\n\r\n"),
        String::from_utf8(gate.signed(ECHO, &format!(r#"{{"{canary}":"#))).unwrap(),
    ] {
        let answer = gate.post(request.as_bytes()).await;
        assert!(!format!("{answer:?}").contains(canary), "{answer:?}");
    }
}

/// Plays the gateway in a process of its own, whose panics are silenced as `serve` silences them.
const ALONE: &str = "HOOKGATE_TEST_PANICS_ALONE";

#[tokio::test]
async fn what_a_panic_says_is_written_nowhere_but_where_it_was_is() {
    let canary = "zoe-canary";
    if std::env::var_os(ALONE).is_some() {
        hookgate::app::silence_panics();
        let log = Logged::here();
        let gate = Gate::start().await;
        gate.post(&gate.signed(ECHO, &format!("panic {canary}"))).await.is(500, "internal_error");
        let text = log.text();
        for part in ["ERROR", "a thread panicked", "tests/it/echo.rs", "met a defect of ours"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains(canary), "{text}");
        return;
    }
    let name = "edge::said::what_a_panic_says_is_written_nowhere_but_where_it_was_is";
    let mut alone = tokio::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").kill_on_drop(true);
    let said = alone.output().await.unwrap();
    let written = [said.stdout, said.stderr].concat();
    let written = String::from_utf8_lossy(&written);
    assert!(said.status.success() && written.contains("1 passed"), "{written}");
    assert!(!written.contains(canary), "{written}");
}
