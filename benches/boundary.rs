//! What does the boundary cost for one event, does it grow with the event and no faster, and what
//! does looking for personal values cost of it?
//!
//! Budget: under 5 µs for an event of about 1 KiB, understood already, on one core (`scrub`), and
//! linear in the size of the body up to `body_max`: a thousand times the body, at most a thousand
//! and a half times the time. `scrub` takes an event across with everything switched on: a room
//! name and storage keys that are let out and so looked at, role labels, a former pseudonym key.
//!
//! Each event is understood right before it crosses, by the same core, as on the road: events made
//! ready by the thousand lie in memory and no longer in its caches, and are freed in a heap that no
//! gate ever has. The clock is read twice for each crossing, which costs about 0.05 µs of it.
//!
//! `cargo bench --bench boundary`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use regex::Regex;

use hookgate::clock::Timestamp;
use hookgate::normalize::normalize;
use hookgate::scrub::detect::Detectors;
use hookgate::scrub::{Boundary, FormerKey, Keys, OnViolation, PseudonymKey, Settings};
use hookgate::secret::Secret;
use hookgate::verify::Verified;

use lane::{Lane, lanes};

mod lane;

/// A boundary with everything on that costs something.
fn boundary(lane: &Lane) -> Boundary {
    let plain = lane.boundary().settings().clone();
    let former = FormerKey {
        key: Secret::new(vec![2; 32]),
        version: 1,
        until: Timestamp::from_millis(i64::MAX),
    };
    let pseudonym =
        PseudonymKey { key: Secret::new(vec![3; 32]), version: 2, former: Some(former) };
    let keys = Keys { pseudonym, ..Keys::new(Secret::new(vec![1; 32]), Secret::new(vec![2; 32])) };
    let settings = Settings {
        room_name: Regex::new("^[a-z0-9-]+$").ok(),
        artifact_key: Regex::new("^[A-Za-z0-9/._-]+$").ok(),
        on_violation: OnViolation::Quarantine,
        national_ids: Regex::new("[A-Z]{2}[0-9]{6}[A-Z]").into_iter().collect(),
        ..plain
    };
    Boundary::new(settings, &keys)
}

fn scrub(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrub");
    for lane in lanes() {
        let body = lane.body(1);
        let verified = lane.verify(lane.head(&body), body.clone());
        for (name, boundary) in [("plain", None), ("all on", Some(boundary(&lane)))] {
            let boundary = boundary.as_ref().unwrap_or(lane.boundary());
            let id =
                BenchmarkId::new(name, format!("{}, {} bytes", lane.provider.name, body.len()));
            group.bench_function(id, |bench| crossing(bench, &lane, &verified, boundary));
        }
    }
    group.finish();
}

fn crossing(
    bench: &mut criterion::Bencher<'_>,
    lane: &Lane,
    verified: &Verified,
    boundary: &Boundary,
) {
    bench.iter_custom(|iterations| {
        let mut spent = Duration::ZERO;
        for _ in 0..iterations {
            let event = normalize(verified, lane.provider.name, lane.provider.dialect);
            let began = Instant::now();
            let clean = black_box(boundary.scrub(event));
            spent += began.elapsed();
            drop(clean);
        }
        spent
    });
}

/// Bodies that grow by what leaves (files, up to their bound) and by what stays (unknown fields).
fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("size");
    group.sample_size(20);
    let lane = &lanes()[0];
    let boundary = boundary(lane);
    for kib in [1_usize, 32, 1_024, 4_095] {
        let body = large(kib * 1_024);
        let verified = lane.verify(lane.head(&body), body.clone().into());
        group.throughput(Throughput::Bytes(body.len() as u64));
        let id = BenchmarkId::from_parameter(format!("{kib} KiB"));
        group.bench_function(id, |bench| crossing(bench, lane, &verified, &boundary));
    }
    group.finish();
}

fn large(bytes: usize) -> Vec<u8> {
    let mut body = String::from(
        r#"{"version":"1.0.0","type":"recording.ready-to-download","id":"x","event_ts":1790000071.5,
"payload":{"room_name":"consult-0a1b2c3d","recording_id":"22222222-bbbb-4bbb-8bbb-222222222222",
"tracks":["#,
    );
    for track in 0..64 {
        let parted = if track > 0 { "," } else { "" };
        body.push_str(&format!(r#"{parted}{{"type":"audio","size":{track}}}"#));
        if body.len() > bytes / 2 {
            break;
        }
    }
    body.push_str("],\"notes\":[\"");
    while body.len() + 8 < bytes {
        body.push_str("a word of somebody's, ");
        if body.len() % 31 == 0 {
            body.push_str("\",\"");
        }
    }
    body.push_str("\"]}}");
    body.into_bytes()
}

/// What looking costs, by the kind of value.
fn look(criterion: &mut Criterion) {
    let detectors = Detectors::new(Regex::new("[A-Z]{2}[0-9]{6}[A-Z]").into_iter().collect());
    let mut group = criterion.benchmark_group("look");
    let long = "recordings/0c0d2dda-f21d-4cf9-ab56-86bf3c407ffa/1790000010000-cam-audio.webm";
    let many = "a".repeat(512);
    for (name, text) in [
        ("room", "consult-0a1b2c3d"),
        ("storage key", long),
        ("with an address", "visit zoe.canary@example.invalid at ten"),
        ("512 letters", &many),
    ] {
        group.bench_function(name, |bench| bench.iter(|| detectors.finds(black_box(text))));
    }
    group.finish();
}

criterion_group!(benches, scrub, sizes, look);
criterion_main!(benches);
