//! The slow, the idle and the many: they wait for themselves.

use std::time::Duration;

use hookgate::bounds::ADMIN_CONNECTIONS_MAX;
use hookgate::edge::Limits;
use tokio::time::timeout;

use super::SHORT;
use crate::gateway::{Client, DAILY, Gate, LIVEKIT, Plan, event};
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

/// Sends a head and waits to be told to go on: from then on its body is awaited.
async fn half_sent(gate: &Gate, route: &str, body: &str) -> Client {
    let request = gate.signed_with(route, body, "Expect: 100-continue\r\n");
    let mut client = gate.connect().await;
    client.send(&request[..request.len() - body.len()]).await;
    assert_eq!(client.answer().await.status, 100);
    client
}

#[tokio::test]
async fn a_body_that_is_awaited_makes_room_for_one_that_came() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.bodies = 1;
            limits.bodies_reserved = 0;
        })
        .start()
        .await;
    let mut slow = half_sent(&gate, DAILY, &event(DAILY, "slow")).await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let answer = slow.answer().await;
    answer.is(503, "overloaded");
    answer.closes();
    // And whoever is sent away comes again.
    gate.post(&gate.signed(DAILY, &event(DAILY, "slow"))).await.is(200, "accepted");
}

#[tokio::test]
async fn awaited_bodies_make_room_for_each_other_the_oldest_first() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.bodies = 2;
            limits.bodies_reserved = 0;
        })
        .start()
        .await;
    let bodies = ["a", "b", "c"].map(|id| event(DAILY, id));
    let mut oldest = half_sent(&gate, DAILY, &bodies[0]).await;
    let mut second = half_sent(&gate, DAILY, &bodies[1]).await;
    let mut third = half_sent(&gate, DAILY, &bodies[2]).await;
    oldest.answer().await.is(503, "overloaded");
    for (client, body) in [(&mut second, &bodies[1]), (&mut third, &bodies[2])] {
        client.send(body.as_bytes()).await;
        client.answer().await.is(200, "accepted");
    }
}

#[tokio::test]
async fn a_crowd_at_one_source_leaves_room_for_another() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.bodies = 6;
            limits.bodies_reserved = 1;
        })
        .start()
        .await;
    let livekit = event(LIVEKIT, "EV_aaaaaaaaaaaa");
    let mut awaited = half_sent(&gate, LIVEKIT, &livekit).await;
    let mut crowd = Vec::new();
    for number in 0..10 {
        crowd.push(half_sent(&gate, DAILY, &event(DAILY, &number.to_string())).await);
    }
    // Four places are Daily's to take, its own and the common ones.
    for client in &mut crowd[..6] {
        client.answer().await.is(503, "overloaded");
    }
    awaited.send(livekit.as_bytes()).await;
    awaited.answer().await.is(200, "accepted");
    crowd[9].send(event(DAILY, "9").as_bytes()).await;
    crowd[9].answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_large_body_that_is_awaited_makes_room_for_another() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.body_bytes = 256 * 1024;
            limits.body_bytes_reserved = 0;
        })
        .start()
        .await;
    let large = |pad: &str| format!(r#"{{"pad":"{}"}}"#, pad.repeat(200 * 1024));
    let mut slow = half_sent(&gate, DAILY, &large("x")).await;
    slow.send(&large("x").as_bytes()[..180 * 1024]).await;
    let body = large("y");
    gate.post(&gate.signed(DAILY, &body)).await.is(200, "quarantined");
    slow.answer().await.is(503, "overloaded");
}

#[tokio::test]
async fn a_thousand_slow_bodies_from_one_address_do_not_push_out_one_from_another() {
    let gate = Plan::new()
        .limits(|limits| {
            limits.bodies = 100;
            limits.bodies_reserved = 0;
            // The honest one waits for the whole crowd.
            limits.body_read = Duration::from_secs(3_600);
            limits.body_rate_grace = limits.body_read;
        })
        .start()
        .await;
    let body = event(DAILY, "honest");
    let request = gate.signed_with(DAILY, &body, "Expect: 100-continue\r\n");
    let mut honest = gate.connect_from([127, 0, 0, 2].into()).await;
    honest.send(&request[..request.len() - body.len()]).await;
    assert_eq!(honest.answer().await.status, 100);
    let mut crowd = Vec::new();
    for number in 0..1_000 {
        crowd.push(half_sent(&gate, DAILY, &event(DAILY, &number.to_string())).await);
    }
    honest.send(body.as_bytes()).await;
    honest.answer().await.is(200, "accepted");
    let counted = r#"hookgate_deliveries_total{source="daily",outcome="overloaded"}"#;
    gate.until(counted, 901.0).await;
}

#[tokio::test]
async fn idle_connections_of_one_address_push_out_each_other_and_nobody_else() {
    let gate = Plan::new().limits(|limits| limits.unproven_connections = 200).start().await;
    let mut honest = gate.connect_from([127, 0, 0, 2].into()).await;
    let mut crowd = Vec::new();
    for _ in 0..1_000 {
        crowd.push(gate.connect().await);
    }
    crowd[0].ended().await;
    honest.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    honest.answer().await.is(200, "accepted");
    // The crowd's own address is as open as before.
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "accepted");
}

#[tokio::test]
async fn connections_that_do_not_read_their_answers_make_room() {
    let limits = |limits: &mut Limits| {
        limits.unproven_connections = 2;
        // Nothing else ends them.
        limits.answer_write = Duration::from_secs(3_600);
    };
    let gate = Plan::new().limits(limits).start().await;
    let crowd = [gate.connect().await, gate.connect().await];
    let [mut one, mut other] = crowd.map(|client| client.send_for_ever(b"GET / HTTP/1.1\r\n\r\n"));
    // As long as they do read, or the kernel does for them, they are answered and stay.
    let answer = loop {
        let mut client = gate.connect().await;
        client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
        if let Some(answer) = client.answer_if_any().await {
            break answer;
        }
    };
    answer.is(200, "accepted");
    let ended = async {
        tokio::select! { ended = &mut one => ended, ended = &mut other => ended }
    };
    timeout(Duration::from_secs(60), ended).await.expect("one had to go").unwrap();
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

#[tokio::test]
async fn idle_connections_do_not_keep_anyone_from_the_admin_door() {
    let gate = Gate::start().await;
    let admin = gate.app.admin();
    let mut scraper = Client::connect(admin).await;
    let mut crowd = Vec::new();
    for _ in 0..ADMIN_CONNECTIONS_MAX {
        crowd.push(Client::connect(admin).await);
    }
    let ask = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let visit = async |client: &mut Client| {
        client.send(ask).await;
        assert_eq!(client.answer().await.status, 200);
    };
    // The idlest went, and that was the scraper; from its next visit on it is another.
    scraper.ended().await;
    let mut scraper = Client::connect(admin).await;
    for _ in 0..ADMIN_CONNECTIONS_MAX / 2 {
        visit(&mut scraper).await;
        crowd.push(Client::connect(admin).await);
    }
    assert_eq!(gate.ask("/livez").await.status, 200);
    crowd[ADMIN_CONNECTIONS_MAX / 2].ended().await;
    visit(&mut scraper).await;
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let gate = Plan::new().limits(|limits| limits.unproven_connections = 10).start().await;
    for number in 0..500 {
        let mut client = gate.connect().await;
        if number % 2 == 0 {
            client.send(b"POST / HT").await;
        }
    }
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
}

#[tokio::test]
async fn connections_that_were_answered_for_good_make_room_before_they_have_parted() {
    let limits = |limits: &mut Limits| {
        limits.unproven_connections = 3;
        limits.parting = Duration::from_secs(3_600);
    };
    let gate = Plan::new().limits(limits).start().await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        let mut client = gate.connect().await;
        client.send(format!("POST {DAILY} HTTP/1.1\r\nContent-Length: 9\r\n\r\n").as_bytes()).await;
        client.answer().await.is(401, "bad_signature");
        crowd.push(client);
    }
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "accepted");
    crowd[0].ended().await;
}
