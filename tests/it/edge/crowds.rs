//! The slow, the idle and the many: they wait for themselves.

use super::SHORT;
use crate::gateway::{DAILY, LIVEKIT, Plan, event};
use crate::logged::Logged;

#[tokio::test]
async fn a_head_that_takes_too_long_and_an_idle_connection_are_closed() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.head_read = SHORT;
            limits.connection_idle = 2 * SHORT;
        })
        .start()
        .await;
    let mut slow = gate.connect().await;
    slow.send(b"POST / HTTP/1.1\r\nX").await;
    slow.ended().await;
    let slow = r#"hookgate_deliveries_total{source="unknown",outcome="timeout"}"#;
    assert_eq!(gate.metric(slow).await, 1.0);
    gate.connect().await.ended().await;
    let mut used = gate.connect().await;
    used.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    used.answer().await.is(200, "accepted");
    used.ended().await;
    assert_eq!(gate.metric(slow.to_string().as_str()).await, 1.0);
}

#[tokio::test]
async fn a_slow_body_is_408_or_503_where_a_4xx_would_be_final() {
    for by_rate in [false, true] {
        let gate = Plan::new()
            .limits(|limits| match by_rate {
                false => limits.body_read = SHORT,
                true => limits.body_rate_grace = SHORT,
            })
            .start()
            .await;
        for (route, status) in [(DAILY, 408), (LIVEKIT, 503)] {
            let request = gate.signed(route, &event(route, "a"));
            let mut client = gate.connect().await;
            client.send(&request[..request.len() - 1]).await;
            let answer = client.answer().await;
            answer.is(status, "timeout");
            answer.closes();
            client.end().await;
            client.ended().await;
        }
    }
}

#[tokio::test]
async fn the_oldest_unproven_connection_makes_room_and_a_proven_one_stays() {
    let gate = Plan::new().limits(|limits| limits.unproven_connections = 2).start().await;
    let mut proven = gate.connect().await;
    proven.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    proven.answer().await.is(200, "accepted");
    let mut idle = gate.connect().await;
    let mut slow = gate.connect().await;
    slow.send(b"POST / HTTP").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "accepted");
    idle.ended().await;
    let _another = gate.connect().await;
    let _one_more = gate.connect().await;
    slow.ended().await;
    proven.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    proven.answer().await.is(200, "duplicate");
}

#[tokio::test]
async fn a_connection_that_finds_no_room_is_counted_and_logged() {
    let log = Logged::here();
    let gate = Plan::new().limits(|limits| limits.unproven_connections = 1).start().await;
    let request = gate.signed_with(DAILY, &event(DAILY, "a"), "Expect: 100-continue\r\n");
    let head = request.len() - event(DAILY, "a").len();
    let mut busy = gate.connect().await;
    busy.send(&request[..head]).await;
    assert_eq!(busy.answer().await.status, 100);
    gate.connect().await.ended().await;
    let counted = r#"hookgate_deliveries_total{source="unknown",outcome="overloaded"}"#;
    assert_eq!(gate.metric(counted).await, 1.0);
    assert_eq!(log.text().matches("overloaded").count(), 1, "{}", log.text());
    busy.send(&request[head..]).await;
    busy.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_crowd_at_one_source_leaves_room_for_another() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.bodies = 3;
            limits.bodies_reserved = 1;
        })
        .start()
        .await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let mut crowd = gate.connect().await;
    let expecting = gate.signed_with(DAILY, &event(DAILY, "b"), "Expect: 100-continue\r\n");
    let head = expecting.len() - event(DAILY, "b").len();
    crowd.send(&expecting[..head]).await;
    assert_eq!(crowd.answer().await.status, 100);
    let answer = gate.post(&request).await;
    answer.is(503, "overloaded");
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "a"))).await.is(200, "accepted");
    crowd.send(&expecting[head..]).await;
    crowd.answer().await.is(200, "accepted");
    gate.post(&request).await.is(200, "accepted");
}

#[tokio::test]
async fn a_length_that_is_only_said_takes_no_room() {
    let gate = Plan::with("body_max = \"256KiB\"", "body_max = \"4MiB\"").start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let lines = "Content-Length: 4194304\r\nExpect: 100-continue\r\n\r\n";
    let head = gate.head(DAILY, "forged") + lines;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        let mut client = gate.connect().await;
        client.send(head.as_bytes()).await;
        assert_eq!(client.answer().await.status, 100);
        crowd.push(client);
    }
    gate.post(&request).await.is(200, "accepted");
}
