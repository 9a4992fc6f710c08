//! Odd HTTP: where a request ends is certain, or the connection does.

use hookgate::bounds::{HEAD_BYTES_MAX, HEADER_LINES_MAX};

use super::stored;
use crate::gateway::{DAILY, Gate, LIVEKIT, event};

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
async fn a_chunk_that_is_none_is_400_and_what_follows_is_never_a_request() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let head = gate.head(DAILY, &body) + "Transfer-Encoding: chunked\r\n\r\n";
    let smuggled = String::from_utf8(gate.signed(DAILY, &body)).unwrap();
    for chunks in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "1000000000000000\r\nhello",
        "ffffffffffffffff\r\nhello",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nT: a\nT: b\r\n\r\n",
    ] {
        let mut client = gate.connect().await;
        client.send(format!("{head}{chunks}{smuggled}").as_bytes()).await;
        let answer = client.answer().await;
        answer.is(400, "bad_request");
        answer.closes();
        client.end().await;
        client.ended().await;
    }
    assert!(stored(&gate).is_empty());
}

#[tokio::test]
async fn a_length_that_is_too_short_or_too_long_is_no_delivery() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let with_length = |length: usize| {
        format!("{}Content-Length: {length}\r\n\r\n{body}", gate.head(DAILY, &body))
    };
    // Too short: the signature is not that of the part, and the rest is no request.
    let mut client = gate.connect().await;
    client.send(with_length(body.len() - 1).as_bytes()).await;
    client.answer().await.is(401, "bad_signature");
    client.send(b"\r\n\r\n").await;
    client.answer().await.is(400, "bad_request");
    client.ended().await;
    // Too long: the body ends before its length.
    let mut client = gate.connect().await;
    client.send(with_length(body.len() + 1).as_bytes()).await;
    client.end().await;
    client.answer().await.is(400, "bad_request");
    // None at all: the body is empty, and what stands there is the next request.
    let mut client = gate.connect().await;
    client.send(format!("{}\r\n{body}\r\n\r\n", gate.head(DAILY, &body)).as_bytes()).await;
    client.answer().await.is(401, "bad_signature");
    client.answer().await.is(400, "bad_request");
    client.ended().await;
    assert!(stored(&gate).is_empty());
}

#[tokio::test]
async fn a_pipeline_is_answered_in_its_order_whatever_is_in_it() {
    let gate = Gate::start().await;
    let good = |id: &str| gate.signed(DAILY, &event(DAILY, id));
    let forged = String::from_utf8(good("x")).unwrap().replace("1.0.0", "6.6.6").into_bytes();
    let lost = b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    let odd =
        format!("PUT {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy").into_bytes();
    let all = [good("a"), forged, lost, good("b"), odd, good("a")];
    let mut client = gate.connect().await;
    client.send(&all.concat().repeat(20)).await;
    for round in 0..20 {
        let outcome = if round == 0 { "accepted" } else { "duplicate" };
        client.answer().await.is(200, outcome);
        client.answer().await.is(401, "bad_signature");
        client.answer().await.is(404, "unknown_source");
        client.answer().await.is(200, outcome);
        client.answer().await.is(405, "method_not_allowed");
        client.answer().await.is(200, "duplicate");
    }
    assert_eq!(stored(&gate).len(), 2);
}

#[tokio::test]
async fn http_1_0_may_ask_to_stay_and_has_no_chunks() {
    let gate = Gate::start().await;
    let old = |request: Vec<u8>| {
        String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0").into_bytes()
    };
    let body = event(DAILY, "a");
    let mut client = gate.connect().await;
    client.send(&old(gate.signed_with(DAILY, &body, "Connection: keep-alive\r\n"))).await;
    client.answer().await.is(200, "accepted");
    client.send(&old(gate.signed(DAILY, &body))).await;
    client.answer().await.is(200, "duplicate");
    client.ended().await;
    let chunked = gate.head(DAILY, &body) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut client = gate.connect().await;
    client.send(&old(chunked.into_bytes())).await;
    client.answer().await.is(400, "bad_request");
    client.ended().await;
}

#[tokio::test]
async fn an_expectation_that_nobody_knows_is_passed_over() {
    let gate = Gate::start().await;
    let body = event(DAILY, "a");
    let request = gate.signed_with(DAILY, &body, "Expect: the-unexpected\r\n");
    gate.post(&request).await.is(200, "accepted");
    // A body that is here already is not asked for.
    let asked = gate.signed_with(DAILY, &body, "Expect: 100-continue\r\n");
    let mut client = gate.connect().await;
    client.send(&asked).await;
    let first = client.answer().await;
    let answer = if first.status == 100 { client.answer().await } else { first };
    answer.is(200, "duplicate");
}
