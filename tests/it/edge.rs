//! The public door, from outside: every answer of the table, and odd HTTP byte by byte.

use std::path::Path;
use std::time::Duration;

use hookgate::bounds::{HEAD_BYTES_MAX, HEADER_LINES_MAX, REFUSAL_LINES_BURST};
use hookgate::cli::fixture::Fixture;
use hookgate::clock::{Clock, Timestamp};
use hookgate::journal::Stored;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

use crate::fixtures::received;
use crate::gateway::{DAILY, ECHO, Gate, LIVEKIT, Plan, event};
use crate::logged::Logged;

const SHORT: Duration = Duration::from_millis(200);

fn stored(gate: &Gate) -> Vec<Stored> {
    gate.app.journal().read_after(0).unwrap()
}

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
async fn a_head_with_an_ambiguous_length_is_400_and_the_end() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let head = gate.head(DAILY, &body);
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    for lines in [
        format!("{length}{length}"),
        format!("{length}Content-Length: 1\r\n"),
        format!("{length}{chunked}"),
        format!("{chunked}{length}"),
        "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
        "Content-Length: ten\r\n".to_owned(),
        "Folded: a\r\n b\r\n".to_owned(),
    ] {
        let mut client = gate.connect().await;
        client.send(format!("{head}{lines}\r\n{body}").as_bytes()).await;
        let answer = client.answer().await;
        answer.is(400, "bad_request");
        answer.closes();
        client.ended().await;
    }
    assert!(stored(&gate).is_empty());
    let counted = r#"hookgate_deliveries_total{source="unknown",outcome="bad_request"}"#;
    assert_eq!(gate.metric(counted).await, 7.0);
}

#[tokio::test]
async fn what_is_not_http_is_400_and_the_end() {
    let gate = Gate::start().await;
    for text in ["\x16\x03\x01\x02\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\n\n"] {
        let mut client = gate.connect().await;
        client.send(text.as_bytes()).await;
        client.answer().await.is(400, "bad_request");
        client.ended().await;
    }
}

#[tokio::test]
async fn a_head_over_its_cap_is_431_and_the_end() {
    let gate = Gate::start().await;
    let long = format!("X-Long: {}\r\n\r\n", "a".repeat(HEAD_BYTES_MAX));
    let many = "X: a\r\n".repeat(HEADER_LINES_MAX + 1) + "\r\n";
    for lines in [long, many] {
        let mut client = gate.connect().await;
        client.send(format!("POST {DAILY} HTTP/1.1\r\n{lines}").as_bytes()).await;
        let answer = client.answer().await;
        answer.is(431, "headers_too_large");
        answer.closes();
        client.ended().await;
    }
}

#[tokio::test]
async fn what_cannot_be_authentic_by_its_head_is_refused_before_its_body() {
    let gate = Gate::start().await;
    for lines in [
        "Content-Length: 100\r\n",
        "Content-Length: 99999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 100\r\nContent-Encoding: gzip\r\n",
        "Content-Length: 100\r\nExpect: 100-continue\r\n",
    ] {
        let mut client = gate.connect().await;
        client.send(format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes()).await;
        let answer = client.answer().await;
        answer.is(401, "bad_signature");
        answer.closes();
        client.end().await;
        client.ended().await;
    }
    let refused = r#"hookgate_refused_total{source="daily",reason="missing"}"#;
    assert_eq!(gate.metric(refused).await, 5.0);
}

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
async fn a_body_over_the_cap_is_413_whether_it_says_so_or_not() {
    let gate = Gate::start().await;
    let body = "x".repeat(256 * 1024 + 1);
    for route in [DAILY, LIVEKIT] {
        let head = gate.head(route, &body);
        let mut client = gate.connect().await;
        client.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await;
        let answer = client.answer().await;
        answer.is(413, "too_large");
        answer.closes();
        client.end().await;
        client.ended().await;
        let mut client = gate.connect().await;
        let chunk = format!("{:x}\r\n{body}", body.len());
        client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes()).await;
        client.answer().await.is(413, "too_large");
    }
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
async fn a_chunked_body_is_a_body_and_a_broken_chunk_is_400() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let head = gate.head(DAILY, &body) + "Transfer-Encoding: chunked\r\n\r\n";
    let mut client = gate.connect().await;
    let (one, two) = body.split_at(7);
    let chunks = format!("7\r\n{one}\r\n{:X};x=y\r\n{two}\r\n0\r\nT: t\r\n\r\n", two.len());
    client.send(format!("{head}{chunks}").as_bytes()).await;
    client.answer().await.is(200, "accepted");
    client.send(format!("{head}5\r\nhelloX").as_bytes()).await;
    let answer = client.answer().await;
    answer.is(400, "bad_request");
    answer.closes();
    client.ended().await;
}

#[tokio::test]
async fn bytes_one_by_one_and_requests_on_top_of_each_other_are_the_same() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    for byte in gate.signed(DAILY, &event(DAILY, "slow")) {
        client.send(&[byte]).await;
    }
    client.answer().await.is(200, "accepted");
    let both: Vec<_> =
        ["a", "b", "a"].iter().flat_map(|id| gate.signed(DAILY, &event(DAILY, id))).collect();
    client.send(&both).await;
    for outcome in ["accepted", "accepted", "duplicate"] {
        client.answer().await.is(200, outcome);
    }
}

#[tokio::test]
async fn a_smuggled_head_behind_a_good_request_is_400_after_its_answer() {
    let gate = Gate::start().await;
    let mut client = gate.connect().await;
    let good = gate.signed(DAILY, &event(DAILY, "a"));
    let bad = format!("POST {DAILY} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx");
    client.send(&[&good[..], bad.as_bytes(), &good[..]].concat()).await;
    client.answer().await.is(200, "accepted");
    client.answer().await.is(400, "bad_request");
    client.ended().await;
}

#[tokio::test]
async fn http_1_0_is_answered_and_ended() {
    let gate = Gate::start().await;
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let request = String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let mut client = gate.connect().await;
    client.send(request.as_bytes()).await;
    client.answer().await.is(200, "accepted");
    client.ended().await;
}

#[tokio::test]
async fn a_sender_that_asks_before_it_sends_is_told_to_go_on() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let request = gate.signed_with(DAILY, &body, "Expect: 100-continue\r\n");
    let (head, body) = request.split_at(request.len() - body.len());
    let mut client = gate.connect().await;
    client.send(head).await;
    assert_eq!(client.answer().await.status, 100);
    client.send(body).await;
    client.answer().await.is(200, "accepted");
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
}

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

#[tokio::test]
async fn a_body_that_came_too_slowly_counts_against_its_address() {
    // A body that has not come with its head is too slow, but for an address that is narrowed.
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let plan = Plan::new().limits(|limits| limits.body_read = Duration::ZERO);
    let gate = plan.clock(clock).start().await;
    let body = event(DAILY, "a");
    let bare = gate.signed(DAILY, &body);
    for _ in 0..=hookgate::bounds::PEER_FAILURES_BURST {
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
    for _ in 0..hookgate::bounds::NARROWED_BODIES {
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
async fn a_request_id_is_taken_from_a_trusted_proxy_alone() {
    let lines = "X-Request-Id: 6497C79B-F326-4942-AEF8-C36A29140AD1\r\n";
    let trusting = "body_max = \"256KiB\"\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let trusting = Plan::with("body_max = \"256KiB\"", trusting).start().await;
    let strict = Gate::start().await;
    for (gate, theirs) in [(&trusting, true), (&strict, false)] {
        let answer = gate.post(&gate.signed_with(DAILY, &event(DAILY, "a"), lines)).await;
        answer.is(200, "accepted");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == "6497c79b-f326-4942-aef8-c36a29140ad1", theirs, "{id}");
    }
    let named = "X-Request-Id: zoe.canary@example.invalid\r\n";
    let answer = trusting.post(&trusting.signed_with(DAILY, &event(DAILY, "a"), named)).await;
    assert!(!answer.header("x-request-id").unwrap().contains("zoe"));
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
