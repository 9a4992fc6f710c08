//! Forgers are narrowed; who shares their address is not silenced.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hookgate::bounds::{NARROWED_BODIES, PEER_FAILURES_BURST};
use hookgate::clock::{Clock, Timestamp};

use super::SHORT;
use crate::gateway::{Client, DAILY, Gate, Plan, event};

#[tokio::test]
async fn a_forgery_that_came_whole_keeps_its_connection() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    for _ in 0..3 {
        let forged = format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        client.send(forged.as_bytes()).await;
        client.answer().await.is(401, "bad_signature");
        let changed = gate.signed(DAILY, &event(DAILY, "a"));
        let changed = String::from_utf8(changed).unwrap().replace("1.0.0", "1.0.1");
        client.send(changed.as_bytes()).await;
        client.answer().await.is(401, "bad_signature");
    }
    client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    client.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_body_that_came_too_slowly_counts_against_its_address() {
    // A body that has not come with its head is too slow, but for an address that is narrowed.
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let plan = Plan::new().limits(|limits| limits.body_read = Duration::ZERO);
    let gate = plan.clock(clock).start().await;
    let body = event(DAILY, "a");
    let bare = gate.signed(DAILY, &body);
    for _ in 0..=PEER_FAILURES_BURST {
        let mut client = gate.connect().await;
        client.send(&bare[..bare.len() - body.len()]).await;
        client.answer().await.is(408, "timeout");
    }
    let request = gate.signed_with(DAILY, &body, "Expect: 100-continue\r\n");
    let (head, body) = request.split_at(request.len() - body.len());
    let mut client = gate.connect().await;
    client.send(head).await;
    assert_eq!(client.answer().await.status, 100);
    client.send(body).await;
    client.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_forger_on_the_same_address_does_not_silence_the_real_sender() {
    let gate = Gate::start().await;
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "x"))).unwrap();
    let forged = forged.replace("1.0.0", "6.6.6");
    let mut forger = gate.connect().await;
    for _ in 0..200 {
        forger.send(forged.as_bytes()).await;
        forger.answer().await.is(401, "bad_signature");
    }
    let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(100 * 1024));
    for id in ["a", "b", "c"] {
        forger.send(forged.as_bytes()).await;
        gate.post(&gate.signed(DAILY, &event(DAILY, id))).await.is(200, "accepted");
        forger.answer().await.is(401, "bad_signature");
    }
    gate.post(&gate.signed(DAILY, &large)).await.is(200, "quarantined");
}

#[tokio::test]
async fn a_narrowed_address_has_few_large_bodies_and_its_small_ones_pass_by() {
    let gate = Plan::new().limits(|limits| limits.narrowed_wait = SHORT).start().await;
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "x"))).unwrap();
    let mut forger = gate.connect().await;
    for _ in 0..200 {
        forger.send(forged.replace("1.0.0", "6.6.6").as_bytes()).await;
        forger.answer().await.is(401, "bad_signature");
    }
    let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(100 * 1024));
    let holding = gate.signed_with(DAILY, &large, "Expect: 100-continue\r\n");
    let head = holding.len() - large.len();
    let mut slow = Vec::new();
    for _ in 0..NARROWED_BODIES {
        let mut client = gate.connect().await;
        client.send(&holding[..head]).await;
        assert_eq!(client.answer().await.status, 100);
        slow.push(client);
    }
    let mut fifth = gate.connect().await;
    fifth.send(&holding[..head]).await;
    fifth.answer().await.is(503, "overloaded");
    let half = gate.signed_with(DAILY, &event(DAILY, "h"), "Expect: 100-continue\r\n");
    let half_head = half.len() - event(DAILY, "h").len();
    let mut small = gate.connect().await;
    small.send(&half[..half_head]).await;
    assert_eq!(small.answer().await.status, 100);
    small.send(&half[half_head..]).await;
    small.answer().await.is(200, "accepted");
    let body = event(DAILY, "c");
    let chunked = gate.head(DAILY, &body) + "Transfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{chunked}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    gate.post(chunk.as_bytes()).await.is(200, "accepted");
    let chunked = gate.head(DAILY, &large) + "Transfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{chunked}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    gate.post(chunk.as_bytes()).await.is(503, "overloaded");
    slow[0].send(&holding[head..]).await;
    slow[0].answer().await.is(200, "quarantined");
}

#[tokio::test]
async fn a_flood_from_many_addresses_of_both_families_silences_nobody() {
    let mut plan = Plan::new();
    plan.config.server.listen = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let gate = plan.start().await;
    let port = gate.app.public().port();
    let v4 = |last: u8| IpAddr::from([127, 0, 0, last]);
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let to = |from: IpAddr| match from {
        IpAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], port)),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
    };
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "x"))).unwrap();
    let forged = forged.replace("1.0.0", "6.6.6");
    let mut forgers = Vec::new();
    for from in (1..=20).map(v4).chain([v6]) {
        forgers.push(Client::connect_from(from, to(from)).await);
    }
    for _ in 0..=2 * PEER_FAILURES_BURST {
        for forger in &mut forgers {
            forger.send(forged.as_bytes()).await;
            forger.answer().await.is(401, "bad_signature");
        }
    }
    // From a forger's address and from others, while the forgers go on.
    for (id, from) in [("a", v4(1)), ("b", v4(99)), ("c", v6)] {
        for forger in &mut forgers {
            forger.send(forged.as_bytes()).await;
        }
        let mut sender = Client::connect_from(from, to(from)).await;
        sender.send(&gate.signed(DAILY, &event(DAILY, id))).await;
        sender.answer().await.is(200, "accepted");
        for forger in &mut forgers {
            forger.answer().await.is(401, "bad_signature");
        }
    }
}
