//! What does each room of the road cost for one real event, in microseconds?
//!
//! Budget: the three pure rooms together under 15 µs for an event of about 1 KiB on one core, so
//! that the disk, not the rules, decides how many deliveries a second are taken. `append` is one
//! event through the writer and its fsync with 64 callers at a time, per event.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

use hookgate::clock::Clock;
use hookgate::event::InstanceName;
use hookgate::journal::{self, Journal};
use hookgate::normalize::normalize;
use hookgate::scrub::Clean;

use lane::lanes;

mod lane;

fn rules(criterion: &mut Criterion) {
    for lane in lanes() {
        let name = lane.provider.name;
        let body = lane.body(1);
        let head = lane.head(&body);
        let verified = lane.verify(head.clone(), body.clone());
        let bytes = body.len();
        let mut group = criterion.benchmark_group(format!("{name}, {bytes} bytes"));
        group.bench_function("verify", |bench| {
            bench.iter(|| lane.verify(black_box(head.clone()), body.clone()));
        });
        group.bench_function("normalize", |bench| {
            bench.iter(|| {
                let event = normalize(black_box(&verified), name, lane.provider.dialect);
                black_box(event.kind())
            });
        });
        group.bench_function("normalize and scrub", |bench| {
            bench.iter(|| lane.clean(black_box(&verified)));
        });
        group.finish();
    }
}

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = journal::Settings {
        dir: folder.path().to_owned(),
        instance: InstanceName::new("bench"),
        retention: journal::Retention::default(),
        on_commit: Arc::new(|_| {}),
    };
    let journal = Journal::open(settings, Clock::system()).expect("a journal");
    let lanes = lanes();
    let mut number = 0;
    criterion.bench_function("append, 64 callers", |bench| {
        bench.iter_custom(|events| {
            let cleans: Vec<Clean> = (0..events)
                .map(|_| {
                    number += 1;
                    let lane = &lanes[number as usize % lanes.len()];
                    let body = lane.body(number);
                    lane.clean(&lane.verify(lane.head(&body), body))
                })
                .collect();
            runtime.block_on(append_all(&journal, cleans))
        });
    });
    journal.close();
}

async fn append_all(journal: &Journal, cleans: Vec<Clean>) -> Duration {
    let share = cleans.len().div_ceil(64).max(1);
    let mut shares: Vec<Vec<Clean>> = Vec::new();
    let mut cleans = cleans.into_iter();
    while cleans.len() > 0 {
        shares.push(cleans.by_ref().take(share).collect());
    }
    let began = Instant::now();
    let callers = shares.into_iter().map(|share| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for clean in share {
                journal.append(clean).await.expect("the disk takes it");
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for caller in callers {
        caller.await.expect("a caller ends");
    }
    began.elapsed()
}

criterion_group!(benches, rules, append);
criterion_main!(benches);
