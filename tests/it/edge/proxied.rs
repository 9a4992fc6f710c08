//! Who posted, as trusted proxies say it and nobody else can.

use hookgate::bounds::PEER_FAILURES_BURST;
use hookgate::clock::{Clock, Timestamp};

use super::SHORT;
use crate::gateway::{DAILY, Gate, Plan, event};
use crate::logged::Logged;

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

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A binary header that speaks for an IPv4 address.
fn binary(address: [u8; 4]) -> Vec<u8> {
    let fixed = [0x21, 0x11, 0, 12];
    [SIGNATURE, &fixed, &address, &[10, 0, 0, 1, 0x12, 0x34, 0, 80]].concat()
}

fn line(address: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 10.0.0.1 4660 80\r\n").into_bytes()
}

/// Trusts all of IPv4 loopback and a network that only headers name.
fn trusting() -> Plan {
    let proxies = "body_max = \"256KiB\"\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    Plan::with("body_max = \"256KiB\"", proxies)
}

/// The network that the log names for a forgery that came so.
async fn logged_network(gate: &Gate, log: &Logged, preface: &[u8], lines: &str) -> String {
    let forged = String::from_utf8(gate.signed_with(DAILY, &event(DAILY, "a"), lines)).unwrap();
    let forged = forged.replace("1.0.0", "6.6.6");
    let answer = gate.post(&[preface, forged.as_bytes()].concat()).await;
    answer.is(401, "bad_signature");
    let line = log.line(answer.header("x-request-id").unwrap());
    let (_, network) = line.split_once("peer=").unwrap();
    network.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_by_either_header_whom_it_speaks_for() {
    let log = Logged::here();
    let gate = trusting().start().await;
    for (preface, network) in [
        (line("192.0.2.7"), "192.0.2.0/24"),
        (binary([198, 51, 100, 7]), "198.51.100.0/24"),
        (b"PROXY TCP6 2001:db8:1::7 ::1 1 2\r\n".to_vec(), "2001:db8:1::/48"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.0/24"),
        (Vec::new(), "127.0.0.0/24"),
    ] {
        assert_eq!(logged_network(&gate, &log, &preface, "").await, network);
    }
}

#[tokio::test]
async fn forwarded_for_is_read_on_only_where_the_proxy_header_names_another_trusted_proxy() {
    let log = Logged::here();
    let gate = trusting().start().await;
    let forwarded = "X-Forwarded-For: 203.0.113.9\r\n";
    for (preface, network) in [
        (line("192.0.2.7"), "192.0.2.0/24"),
        (line("10.9.9.9"), "203.0.113.0/24"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "203.0.113.0/24"),
        (Vec::new(), "203.0.113.0/24"),
    ] {
        assert_eq!(logged_network(&gate, &log, &preface, forwarded).await, network);
    }
}

#[tokio::test]
async fn a_proxy_header_comes_once_in_pieces_and_before_all_requests_of_its_connection() {
    let gate = trusting().start().await;
    for preface in [line("192.0.2.7"), binary([192, 0, 2, 8])] {
        let mut client = gate.connect().await;
        for byte in [preface.as_slice(), &gate.signed(DAILY, &event(DAILY, "a"))].concat() {
            client.send(&[byte]).await;
        }
        assert_eq!(client.answer().await.status, 200);
        client.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
        client.answer().await.is(200, "duplicate");
        client.send(&[preface.as_slice(), &gate.signed(DAILY, &event(DAILY, "b"))].concat()).await;
        client.answer().await.is(400, "bad_request");
        client.ended().await;
    }
}

#[tokio::test]
async fn a_proxy_header_from_anyone_else_or_one_that_is_none_is_400_and_the_end() {
    let (trusting, strict) = (trusting().start().await, Gate::start().await);
    let huge = [SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat();
    for (gate, preface) in [
        (&strict, line("192.0.2.7")),
        (&strict, binary([192, 0, 2, 7])),
        (&strict, b"PROXY UNKNOWN\r\n".to_vec()),
        (&trusting, b"PROXY TCP4 zoe-canary 10.0.0.1 1 2\r\n".to_vec()),
        (&trusting, format!("PROXY UNKNOWN {}", "f".repeat(200)).into_bytes()),
        (&trusting, huge),
    ] {
        let mut client = gate.connect().await;
        client.send(&[preface.as_slice(), &gate.signed(DAILY, &event(DAILY, "a"))].concat()).await;
        let answer = client.answer().await;
        answer.is(400, "bad_request");
        answer.closes();
        client.end().await;
        client.ended().await;
    }
}

#[tokio::test]
async fn a_proxy_header_that_does_not_come_to_its_end_has_the_time_of_a_head() {
    let gate = trusting().limits(|limits| limits.head_read = SHORT).start().await;
    for part in [b"PROXY TCP4 192.0.2.7".as_slice(), b"\r\n\r\n\0\r\nQUIT\n\x21"] {
        let mut client = gate.connect().await;
        client.send(part).await;
        client.ended().await;
    }
    let slow = r#"hookgate_deliveries_total{source="unknown",outcome="timeout"}"#;
    assert_eq!(gate.metric(slow).await, 2.0);
}

#[tokio::test]
async fn whom_a_proxy_speaks_for_is_narrowed_and_not_the_proxy() {
    // Under a clock that stands, so that no budget fills again meanwhile.
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let plan = trusting().limits(|limits| limits.narrowed_body_read = SHORT);
    let gate = plan.clock(clock).start().await;
    let forged = String::from_utf8(gate.signed(DAILY, &event(DAILY, "x"))).unwrap();
    let forged = forged.replace("1.0.0", "6.6.6");
    let mut forger = gate.connect().await;
    forger.send(&line("192.0.2.7")).await;
    for _ in 0..=PEER_FAILURES_BURST {
        forger.send(forged.as_bytes()).await;
        forger.answer().await.is(401, "bad_signature");
    }
    // Of a narrowed address a body has a short time: that is how it is told from another.
    let request = gate.signed(DAILY, &event(DAILY, "a"));
    let most = &request[..request.len() - 1];
    let mut same = gate.connect().await;
    let mut other = gate.connect().await;
    other.send(&[&line("192.0.2.8"), most].concat()).await;
    same.send(&[&line("192.0.2.7"), most].concat()).await;
    same.answer().await.is(408, "timeout");
    other.send(&request[request.len() - 1..]).await;
    other.answer().await.is(200, "accepted");
}

#[tokio::test]
async fn a_crowd_behind_a_proxy_pushes_out_itself_and_not_who_else_is_behind_it() {
    let gate = trusting().limits(|limits| limits.unproven_connections = 200).start().await;
    let mut honest = gate.connect().await;
    honest.send(&line("192.0.2.8")).await;
    let mut crowd = Vec::new();
    for _ in 0..500 {
        let mut client = gate.connect().await;
        client.send(&line("192.0.2.7")).await;
        crowd.push(client);
    }
    crowd[0].ended().await;
    honest.send(&gate.signed(DAILY, &event(DAILY, "a"))).await;
    honest.answer().await.is(200, "accepted");
}
