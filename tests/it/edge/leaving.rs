//! Clients that hang up, at every stage.

use super::stored;
use crate::gateway::{DAILY, Gate, event};
use crate::logged::Logged;

#[tokio::test]
async fn a_sender_that_goes_on_after_its_refusal_is_not_reset() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    let head = format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    client.send(head.as_bytes()).await;
    client.answer().await.is(401, "bad_signature");
    for _ in 0..100 {
        client.send(&[b'x'; 1_000]).await;
    }
    client.end().await;
    client.ended().await;
}

#[tokio::test]
async fn a_sender_that_ends_its_half_still_gets_its_answer() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    client.end().await;
    client.answer().await.is(200, "accepted");
    client.ended().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_after_its_body_cancels_nothing() {
    let gate = Gate::start().await;
    let mut head = gate.app.journal().head();
    let mut client = gate.connect().await;
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    drop(client);
    head.wait_for(|head| *head == 1).await.unwrap();
    gate.until(r#"hookgate_deliveries_total{source="daily",outcome="accepted"}"#, 1.0).await;
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_counted_and_logged_and_nothing_is_kept() {
    let log = Logged::here();
    let gate = Gate::start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let mut client = gate.connect().await;
    client.send(&request[..request.len() - 1]).await;
    client.end().await;
    client.answer().await.is(400, "bad_request");
    let mut client = gate.connect().await;
    client.send(&request[..request.len() - 1]).await;
    drop(client);
    gate.until(r#"hookgate_deliveries_total{source="daily",outcome="bad_request"}"#, 2.0).await;
    assert_eq!(log.text().matches("bad_request").count(), 2, "{}", log.text());
    assert!(stored(&gate).is_empty());
}

#[tokio::test]
async fn a_client_may_hang_up_after_any_byte() {
    let gate = Gate::start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    for cut in (0..request.len()).rev() {
        let mut client = gate.connect().await;
        client.send(&request[..cut]).await;
    }
    let mut client = gate.connect().await;
    client.send(&request).await;
    client.answer().await.is(200, "accepted");
    // Each one whose head was whole has had its ending.
    let cut_off = event(DAILY, "a").len() as f64;
    let series = r#"hookgate_deliveries_total{source="daily",outcome="bad_request"}"#;
    gate.until(series, cut_off).await;
    assert_eq!(stored(&gate).len(), 1);
}
