//! What does a delivery pay for tracing: where it is off, where it is on and the event is not one of
//! those that are told of, and where it is told of?
//!
//! The road without its disk: a source in shadow takes real deliveries (signature, normalizing,
//! boundary), one after the other, on one core, and what is told goes nowhere. All three in one run, in
//! turn; memory is counted in a pass of its own, because counting costs time.
//!
//! Budget: where it is off, not one allocation more than the same road has without a word of it (a test
//! in `src/intake/trail.rs`); where it is on, below 5 µs a delivery.
//!
//! ```sh
//! cargo bench --bench tracing     # ROUNDS and DELIVERIES change its size
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use hookgate::clock::Clock;
use hookgate::delivery::{Body, Peer, RequestId};
use hookgate::event::{Family, InstanceName, Mode, SourceName, TenantName};
use hookgate::intake::{Admission, Caller, Intake, Source, Terms};
use hookgate::journal::{self, Journal, Retention};
use hookgate::scrub::{Boundary, Keys, Settings};
use hookgate::secret::Secret;
use hookgate::share::Share;
use hookgate::telemetry::{Lists, SourceLabels, Telemetry};
use hookgate::throttle::Rate;
use hookgate::trace::Tracing;
use hookgate::verify::{Credentials, SigningSecret};
use tokio::runtime::Runtime;

use lane::{Lane, NOW, SECRET, lanes};
use steal::Ticks;

#[allow(dead_code, reason = "other benches use more of it")]
mod lane;
mod steal;

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (rounds, deliveries) = (number("ROUNDS", 5), number("DELIVERIES", 20_000));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (folder, [lane, _]) = (tempfile::tempdir().expect("a folder"), lanes());
    let settings = journal::Settings {
        dir: folder.path().to_owned(),
        instance: InstanceName::new("bench"),
        retention: Retention::default(),
        on_commit: Arc::new(|_| {}),
    };
    let journal = Journal::open(settings, Clock::system()).expect("a journal");
    let source = source(&lane);
    let told = |share: Option<f64>| {
        let tracing = share.map(|share| {
            let (share, instance) = (Share::new(share).expect("a share"), "bench");
            let sink = Box::new(|spans| drop(black_box(spans)));
            Arc::new(Tracing::new(InstanceName::new(instance), share, sink))
        });
        Intake::new(journal.clone(), Clock::system()).with_tracing(tracing)
    };
    let roads =
        [("off", told(None)), ("on, not chosen", told(Some(0.0))), ("on, told", told(Some(1.0)))];
    println!("| tracing | µs a delivery | allocations | steal % |");
    println!("|---|---|---|---|");
    for _ in 0..rounds {
        for (name, intake) in &roads {
            let counted = allocation_counter::measure(|| {
                run(&runtime, intake, &source, &lane, 0..1_000);
            });
            let (began, ticks) = (Instant::now(), Ticks::now());
            allocation_counter::opt_out(|| {
                run(&runtime, intake, &source, &lane, 0..deliveries);
            });
            let micros = began.elapsed().as_secs_f64() * 1e6 / deliveries as f64;
            let (each, steal) =
                (counted.count_total as f64 / 1e3, Ticks::now().steal_since(&ticks));
            println!("| {name} | {micros:.2} | {each:.1} | {:.1} |", steal * 100.0);
        }
    }
}

fn run(
    runtime: &Runtime,
    intake: &Intake,
    source: &Source,
    lane: &Lane,
    numbers: std::ops::Range<u64>,
) {
    runtime.block_on(async {
        for number in numbers {
            let bytes = lane.body(number);
            let head = lane.head(&bytes);
            let (peer, request_id) = (Peer::new([127, 0, 0, 1].into()), RequestId::fresh(1));
            let caller = Caller { request_id, peer, since: Clock::system().steady() };
            let claim = intake.open(source, head, &caller).expect("a good head");
            let body = Body::new(bytes, usize::MAX).expect("a body");
            let outcome = intake.take(source, claim, body, &caller, None).await;
            assert_eq!(outcome.label(), "shadowed");
        }
    });
}

/// As the lane's, and in shadow.
fn source(lane: &Lane) -> Source {
    let signing = SigningSecret {
        label: "BENCH".to_owned(),
        secret: Secret::new(SECRET.as_bytes().to_vec()),
        not_after: None,
    };
    let credentials = Credentials { secrets: vec![signing], ..Credentials::default() };
    let Ok(ready) = (lane.provider.build)(credentials, NOW) else {
        panic!("the bench's own settings are wrong");
    };
    let name = SourceName::new("bench");
    let settings = Settings::new(name.clone(), TenantName::new("bench"), lane.provider.name);
    let keys = Keys::new(Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
    let lists = Lists { refusals: &[], rules: &[], detectors: &[], failures: &[] };
    let topics = Family::ALL.map(|family| (family, family.as_str().to_owned()));
    let telemetry = Telemetry::new(&lists, &topics).expect("counters");
    let meters = telemetry.source(&SourceLabels { source: &name, secrets: Vec::new() }, &lists);
    let rate = Rate { per_second: NonZeroU32::MAX, burst: NonZeroU32::MAX };
    let terms = Terms {
        name,
        provider: lane.provider,
        scheme: ready.scheme,
        boundary: Boundary::new(settings, &keys),
        admission: Arc::new(Admission::new(rate, Clock::system())),
        mode: Mode::Shadow,
    };
    Source::new(terms, meters)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
