//! Whatever is sent, `/metrics` has the series that it had: 5,000 rooms, persons, addresses and ids
//! here, 100,000 in the abuse tests.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::ROOMS;
use crate::gateway::{Client, DAILY, LIVEKIT, Plan, signed};

/// As many as the gateway may answer at a time.
const CONNECTIONS: usize = 48;

/// What is known by its name and labels.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// A request about a room, by a person and from an address that no other names; each eleventh forged,
/// each thirteenth to a path of its own, each seventeenth of a kind that nobody knows.
fn request(number: u32, now: hookgate::clock::Timestamp) -> (Vec<u8>, u16) {
    let (route, body) = match number % 2 {
        0 => (
            DAILY,
            format!(
                r#"{{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-{number:08x}-0000-4000-8000-000000000000-1795168800027","payload":{{"joined_at":1795168800.5,"session_id":"{number:08x}-0000-4000-8000-000000000000","room":"room-{number}","user_name":"Person {number}","user_id":"person-{number}"}},"event_ts":1795168800.6}}"#
            ),
        ),
        _ => (
            LIVEKIT,
            format!(
                r#"{{"event":"participant_joined","room":{{"sid":"RM_{number:012}","name":"room-{number}"}},"participant":{{"sid":"PA_{number:012}","identity":"person-{number}","name":"Person {number}"}},"id":"EV_{number:012}","createdAt":"1795168800"}}"#
            ),
        ),
    };
    let body = match number % 17 {
        16 => body.replace("articipant.joined", &format!("articipant.unheard-{number}")),
        _ => body,
    };
    let request = String::from_utf8(signed(route, &body, now)).unwrap();
    let address = match number % 3 {
        0 => format!("2001:db8:{:x}:{:x}::1", number >> 16, number & 0xffff),
        _ => format!("198.18.{}.{}", number >> 8 & 0xff, number & 0xff),
    };
    let named = format!("Host: h\r\nX-Forwarded-For: {address}\r\nUser-Agent: agent-{number}\r\n");
    let request = request.replacen("Host: h\r\n", &named, 1);
    let (request, status) = match number {
        forged if forged.is_multiple_of(11) => (request.replace("Person", "Nobody"), 401),
        lost if lost.is_multiple_of(13) => {
            (request.replacen(route, &format!("/v1/{number}"), 1), 404)
        }
        _ => (request, 200),
    };
    (request.into_bytes(), status)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_traffic_makes_a_new_series() {
    let trusting = "body_max = \"256KiB\"\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let mut plan = Plan::with("body_max = \"256KiB\"", trusting);
    for source in &mut plan.config.sources {
        source.rate.per_second = std::num::NonZeroU32::MAX;
        source.rate.burst = std::num::NonZeroU32::MAX;
    }
    let gate = plan.start().await;
    let before = series(&gate.ask("/metrics").await.body);
    let next = Arc::new(AtomicU32::new(0));
    let (door, clock) = (gate.app.public(), gate.clock.clone());
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, clock) = (next.clone(), clock.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(door).await;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= ROOMS {
                        return;
                    }
                    let (request, status) = request(number, clock.now());
                    client.send(&request).await;
                    let answer = client.answer().await;
                    assert_eq!(answer.status, status, "{number}: {answer:?}");
                    if answer.header("connection") == Some("close") {
                        client = Client::connect(door).await;
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let after = series(&gate.ask("/metrics").await.body);
    assert!(before.len() > 400, "{}", before.len());
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "new series: {new:?}");
    assert_eq!(after, before);
    let kept = r#"hookgate_events_total{source="daily",kind="participant.joined"}"#;
    assert!(gate.metric(kept).await > f64::from(ROOMS) / 3.0);
}
