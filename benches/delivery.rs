//! What does exactly-once delivery cost? How fast does each delivery empty a backlog, and how long
//! after its commit to the journal is an event on Kafka while traffic is steady?
//!
//! Both deliveries in one run, in turn, on a real Apache Kafka, each round with a journal and topics
//! of its own; events are real ones of both providers. A backlog's clock starts with the first
//! acknowledgement, so that opening a producer is not in it. The lag of an event is from the answer
//! of its append to the cursor that has passed it. Broker, journal and bench share the machine.
//!
//! Budget: exactly once at least a third of at least once and 10,000 events/s on a quiet machine;
//! p99 of the lag below one second at 2,000 events/s.
//!
//! ```sh
//! export HOOKGATE_TEST_KAFKA=$(tests/kafka/broker start target/kafka/bench)
//! cargo bench --bench delivery     # ROWS, ROUNDS, RATE and SECONDS change its size
//! tests/kafka/broker stop target/kafka/bench
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use hookgate::clock::Clock;
use hookgate::courier::{Courier, FAILURES, Status};
use hookgate::event::{Family, InstanceName};
use hookgate::journal::{self, Journal, Journaled, Retention};
use hookgate::publish::{Creation, Delivery, Settings};
use hookgate::telemetry::{Lists, Telemetry};

use lane::{Lane, lanes};
use steal::Ticks;

mod bulk;
mod lane;
mod steal;

const PATIENCE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(5);

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let brokers = std::env::var("HOOKGATE_TEST_KAFKA").unwrap_or_default();
    assert!(
        !brokers.is_empty(),
        "HOOKGATE_TEST_KAFKA=host:port is not set; see this bench's header"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let mut bench =
        Bench { brokers, lanes: lanes(), runtime: runtime.expect("a runtime"), made: 0 };
    let (rows, rounds) = (number("ROWS", 200_000), number("ROUNDS", 3));
    let (rate, seconds) = (number("RATE", 2_000), number("SECONDS", 15));

    println!("a backlog of {rows} events");
    println!("| delivery | events/s | steal % |");
    println!("|---|---|---|");
    for _ in 0..rounds {
        for delivery in [Delivery::AtLeastOnce, Delivery::ExactlyOnce] {
            let (speed, steal) = bench.backlog(delivery, rows);
            println!("| {} | {speed:.0} | {steal:.1} |", name(delivery));
        }
    }
    println!("\n{rate} events a second for {seconds} s");
    println!("| delivery | lag p50 ms | p99 ms | slowest ms | steal % |");
    println!("|---|---|---|---|---|");
    for delivery in [Delivery::AtLeastOnce, Delivery::ExactlyOnce] {
        let (mut lags, steal) = bench.steady(delivery, rate, seconds);
        lags.sort_unstable();
        let at = |part: f64| {
            let place = ((lags.len() - 1) as f64 * part) as usize;
            lags[place].as_secs_f64() * 1_000.0
        };
        let (p50, p99, last) = (at(0.5), at(0.99), at(1.0));
        println!("| {} | {p50:.0} | {p99:.0} | {last:.0} | {steal:.1} |", name(delivery));
    }
}

struct Bench {
    brokers: String,
    lanes: [Lane; 2],
    runtime: Runtime,
    /// The number of the last event that was made.
    made: u64,
}

impl Bench {
    /// Events a second from the first acknowledgement to the last, and the share of time stolen.
    fn backlog(&mut self, delivery: Delivery, rows: u64) -> (f64, f64) {
        let (_folder, journal) = open();
        self.made = bulk::fill(&self.runtime, &journal, &self.lanes, self.made, rows);
        let courier = self.courier(delivery, &journal);
        self.runtime.block_on(async {
            let mut status = courier.status();
            let first = until(&mut status, |status| status.cursor > 0).await.cursor;
            let (began, ticks) = (Instant::now(), Ticks::now());
            until(&mut status, |status| status.cursor == rows).await;
            let took = began.elapsed().as_secs_f64();
            ((rows - first) as f64 / took, Ticks::now().steal_since(&ticks) * 100.0)
        })
    }

    /// The lag of every event of steady traffic, and the share of time stolen.
    fn steady(&mut self, delivery: Delivery, rate: u64, seconds: u64) -> (Vec<Duration>, f64) {
        let (_folder, journal) = open();
        let courier = self.courier(delivery, &journal);
        // Past the opening of a producer.
        let warm = self.append(1);
        let count = rate * seconds;
        let events: Vec<_> = (0..count).map(|_| self.append(1)).collect();
        self.runtime.block_on(async {
            let mut status = courier.status();
            for event in warm {
                kept(&journal, event).await;
            }
            until(&mut status, |status| status.cursor == 1).await;
            let ticks = Ticks::now();
            let (appended, mut waiting) = mpsc::unbounded_channel();
            let senders = async {
                let mut pace = interval(TICK);
                pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let per_tick = (rate * TICK.as_millis() as u64 / 1_000).max(1) as usize;
                let mut events = events.into_iter().flatten();
                loop {
                    pace.tick().await;
                    let burst: Vec<_> = events.by_ref().take(per_tick).collect();
                    if burst.is_empty() {
                        break;
                    }
                    for event in burst {
                        let (journal, appended) = (journal.clone(), appended.clone());
                        tokio::spawn(async move {
                            let sequence = kept(&journal, event).await;
                            // The bench ends only after the last.
                            let _ = appended.send((sequence, Instant::now()));
                        });
                    }
                }
            };
            let cursors = async {
                let mut open = VecDeque::new();
                let mut lags = Vec::new();
                while lags.len() < count as usize {
                    status.changed().await.expect("the courier lives");
                    let cursor = status.borrow_and_update().cursor;
                    while let Ok(more) = waiting.try_recv() {
                        open.push_back(more);
                    }
                    open.retain(|(sequence, at): &(u64, Instant)| {
                        let passed = *sequence <= cursor;
                        if passed {
                            lags.push(at.elapsed());
                        }
                        !passed
                    });
                }
                lags
            };
            let ((), lags) = tokio::join!(senders, async {
                timeout(PATIENCE, cursors).await.expect("all is published")
            });
            (lags, Ticks::now().steal_since(&ticks) * 100.0)
        })
    }

    fn append(&mut self, count: u64) -> Vec<hookgate::scrub::Clean> {
        let made = (self.made + 1)..=(self.made + count);
        self.made += count;
        made.map(|number| bulk::make(&self.lanes, number)).collect()
    }

    fn courier(&self, delivery: Delivery, journal: &Journal) -> Courier {
        let settings = Settings {
            brokers: self.brokers.clone(),
            topic_prefix: format!("bench{:016x}", rand::random::<u64>()),
            delivery,
            create_topics: Some(Creation { partitions: 12, replication_factor: 1 }),
            compression: "zstd".to_owned(),
            properties: Vec::new(),
            instance: InstanceName::new("bench"),
            again: None,
            registry: None,
        };
        let lists = Lists { refusals: &[], rules: &[], detectors: &[], failures: FAILURES };
        let topics = Family::ALL.map(|family| (family, settings.topic(family)));
        let telemetry = Arc::new(Telemetry::new(&lists, &topics).expect("counters"));
        Courier::start(journal.clone(), settings, Clock::system(), telemetry)
    }
}

async fn kept(journal: &Journal, event: hookgate::scrub::Clean) -> u64 {
    match journal.append(event).await {
        Ok(Journaled::Fresh { sequence }) => sequence,
        other => panic!("not taken: {other:?}"),
    }
}

async fn until(
    status: &mut tokio::sync::watch::Receiver<Status>,
    so: impl FnMut(&Status) -> bool,
) -> Status {
    let reached = timeout(PATIENCE, status.wait_for(so)).await.expect("in time");
    reached.expect("the courier lives").clone()
}

fn open() -> (TempDir, Journal) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = journal::Settings {
        dir: folder.path().to_owned(),
        instance: InstanceName::new("bench"),
        // The lanes' events are of one moment long ago.
        retention: Retention { age: Duration::MAX, bytes_max: u64::MAX },
        on_commit: Arc::new(|_| {}),
    };
    let journal = Journal::open(settings, Clock::system()).expect("a journal");
    (folder, journal)
}

fn name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::AtLeastOnce => "at_least_once",
        Delivery::ExactlyOnce => "exactly_once",
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
