//! Does retention stall the road? What do p50, p99 and the slowest append cost beside it, at full
//! load, on a journal of ten million events?
//!
//! 64 callers append real events of both providers, each waiting for its fsync before the next; a
//! stand-in for the courier publishes all of them at once. Three ways in turn, several rounds, all on
//! the same journal:
//!
//! - `off`: nothing may go;
//! - `bytes`: the journal is as large as it may be, so that with each event that comes an old one
//!   goes: what a gateway lives with;
//! - `backlog`: all that is published is too old, millions of rows: the hardest retention ever
//!   works, as after it was set shorter; its space is given back meanwhile.
//!
//! `gone/s` are rows that went, `MiB` the change of the journal's size. The machine is shared: look
//! at ratios of one run, beside the steal time.
//!
//! Budget: with `bytes` and with `backlog` the p99 of an append is below twice that of `off`, and
//! the rate above two thirds of it; with `bytes` the journal does not grow by more than spare pages.
//!
//! `ROWS=10000000 cargo bench --bench retention` (most of it filling, and 20 GB of disk);
//! `JOURNAL=DIR` keeps the journal there and takes one that is there already, `ROUNDS=3` and
//! `EVENTS=100000` change its size.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookgate::clock::Clock;
use hookgate::event::{InstanceName, SourceName};
use hookgate::journal::{Advance, Journal, Journaled, Lane as Place, Retention, Settings};
use hookgate::scrub::Clean;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use lane::{Lane, NOW, lanes};
use steal::Ticks;

mod bulk;
mod lane;
mod steal;

const CALLERS: usize = 64;
const FOR_EVER: Retention = Retention { age: Duration::MAX, bytes_max: u64::MAX };
/// How often the stand-in for the courier publishes what came.
const PUBLISH_EVERY: Duration = Duration::from_millis(10);

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = number("ROWS", 1_000_000);
    let rounds = number("ROUNDS", 3);
    let events = number("EVENTS", 100_000);
    let kept = std::env::var_os("JOURNAL").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let mut bench = Bench {
        folder: kept.unwrap_or_else(|| temporary.path().to_owned()),
        runtime: runtime.expect("a runtime"),
        lanes: lanes(),
        made: 0,
    };
    bench.filled(rows);
    println!("{events} events a round, {CALLERS} callers");
    println!("| retention | events/s | p50 ms | p99 ms | slowest ms | gone/s | MiB | steal % |");
    println!("|---|---|---|---|---|---|---|---|");
    for _ in 0..rounds {
        for way in ["off", "bytes", "backlog"] {
            let run = bench.round(way, events);
            println!("| {way} | {run} |");
        }
    }
}

struct Bench {
    folder: PathBuf,
    runtime: Runtime,
    lanes: [Lane; 2],
    /// Events made so far; no number comes twice.
    made: u64,
}

impl Bench {
    /// Fills the journal up to so many events, all of them published.
    fn filled(&mut self, rows: u64) {
        let journal = open(&self.folder, FOR_EVER);
        self.made = *journal.head().borrow();
        if let Some(missing) = rows.checked_sub(self.made).filter(|missing| *missing > 0) {
            self.made = bulk::fill(&self.runtime, &journal, &self.lanes, self.made, missing);
        }
        publish(&journal);
        journal.close();
        eprintln!("{} events, {} MiB", self.made, journal.bytes() >> 20);
    }

    fn round(&mut self, way: &str, events: u64) -> Run {
        let made = |number: u64| {
            let lane = &self.lanes[number as usize % self.lanes.len()];
            let body = lane.body(number);
            lane.clean(&lane.verify(lane.head(&body), body))
        };
        let cleans: Vec<Clean> = (self.made + 1..=self.made + events).map(made).collect();
        self.made += events;
        let retention = match way {
            "off" => FOR_EVER,
            "bytes" => Retention { bytes_max: in_use(&self.folder), ..FOR_EVER },
            // As old as the events of the bench are, in the middle of those that come.
            _ => Retention { age: Clock::system().now().since(NOW), ..FOR_EVER },
        };
        let journal = open(&self.folder, retention);
        let run = load(&self.runtime, &journal, cleans);
        journal.close();
        run
    }
}

/// What one round measured.
struct Run {
    latencies: Vec<Duration>,
    took: Duration,
    gone: u64,
    grown: i64,
    steal: f64,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.latencies.len() - 1;
        let at =
            |share: f64| self.latencies[(last as f64 * share).round() as usize].as_secs_f64() * 1e3;
        let seconds = self.took.as_secs_f64();
        write!(
            f,
            "{:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {:+} | {:.1}",
            self.latencies.len() as f64 / seconds,
            at(0.50),
            at(0.99),
            at(1.0),
            self.gone as f64 / seconds,
            self.grown >> 20,
            self.steal * 100.0,
        )
    }
}

/// Appends all of them from 64 callers, while everything is published.
fn load(runtime: &Runtime, journal: &Journal, cleans: Vec<Clean>) -> Run {
    let (oldest, bytes) = (oldest(journal), journal.bytes());
    let cleans = Arc::new(cleans);
    let next = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let courier = std::thread::spawn({
        let (journal, done) = (journal.clone(), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                publish(&journal);
                std::thread::sleep(PUBLISH_EVERY);
            }
        }
    });
    let (busy, began) = (Ticks::now(), Instant::now());
    let latencies = runtime.block_on(async {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (journal, next) = (journal.clone(), Arc::clone(&next));
            let cleans = Arc::clone(&cleans);
            callers.spawn(async move {
                let mut latencies = Vec::new();
                while let Some(clean) = cleans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    let answer = journal.append(clean.clone()).await;
                    latencies.push(began.elapsed());
                    assert!(matches!(answer, Ok(Journaled::Fresh { .. })), "{answer:?}");
                }
                latencies
            });
        }
        callers.join_all().await
    });
    let took = began.elapsed();
    let steal = Ticks::now().steal_since(&busy);
    done.store(true, Ordering::Relaxed);
    courier.join().expect("the courier ends");
    let mut latencies = latencies.concat();
    latencies.sort_unstable();
    Run {
        latencies,
        took,
        gone: self::oldest(journal) - oldest,
        grown: journal.bytes().cast_signed() - bytes.cast_signed(),
        steal,
    }
}

/// The stand-in for the courier: all that came is published, the ledger aside.
fn publish(journal: &Journal) {
    let head = *journal.head().borrow();
    let before = journal.cursor(&Place::Live).expect("a cursor");
    if head > before {
        let published = vec![(SourceName::new("daily"), head - before)];
        journal.advance(Advance { lane: Place::Live, through: head, published });
    }
}

fn oldest(journal: &Journal) -> u64 {
    journal.look_after(0).expect("rows").first().map_or(0, |row| row.sequence)
}

/// Bytes that the journal takes now, with the log that it may have.
fn in_use(folder: &Path) -> u64 {
    let journal = open(folder, FOR_EVER);
    journal.close();
    journal.bytes() + hookgate::bounds::WAL_FILE_BYTES_KEPT.unsigned_abs()
}

fn open(folder: &Path, retention: Retention) -> Journal {
    let settings = Settings {
        dir: folder.to_owned(),
        instance: InstanceName::new("bench"),
        retention,
        on_commit: Arc::new(|_| {}),
    };
    Journal::open(settings, Clock::system()).expect("a journal")
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
