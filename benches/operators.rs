//! How soon is an operator answered at ten million events, and does a delivery notice a replay?
//!
//! A journal of real events lies behind a whole gateway, its search file filled. First no broker
//! answers: each filter is asked for pages of a hundred through [`Desk`], from the newest down and
//! again behind a cursor; then single events, the quarantine with its counts, `status`, and plans of
//! replays. Then a broker takes everything, and the gateway gets deliveries over HTTP, steadily and
//! as many as it can take, alone and beside a replay of its oldest events, in turn, in one run.
//!
//! Most events of the bench are of two rooms, so that these are the worst that a room can be; the
//! newest came an hour ago at most, have a room for every ten, every tenth of them cannot be
//! understood, and half of them wait for Kafka. `first` is the first answer with nothing in SQLite's
//! memory. The machine is shared: look at the median first, and at ratios of one run.
//!
//! Budget at ten million events: the p99 of every page below 50 ms, of `status` below 10 ms; a plan
//! of an hour, of an event or of a room of few below a second (what has to read millions of events
//! is shown, and refused where it takes longer than it may); beside a replay at the rate of which
//! nothing was said, the median p99 of deliveries is below twice that without, and their rate above
//! two thirds. It fails when one is not kept.
//!
//! `ROWS=10000000 cargo bench --bench operators` (most of it filling, and 17 GB of disk);
//! `JOURNAL=DIR` keeps the journal there and takes one that is there already. `ROUNDS=3`,
//! `SECONDS=5` and `RATE=2000` (deliveries a second, where they come steadily) change its size;
//! `HOOKGATE_TEST_KAFKA=host:port` takes this Kafka instead of the embedded broker.
//!
//! [`Desk`]: hookgate::desk::Desk

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

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookgate::app::{App, Parts};
use hookgate::clock::Clock;
use hookgate::event::{InstanceName, SourceName};
use hookgate::journal::{Advance, Journal, Lane as Place, Retention, Settings};
use tokio::runtime::Runtime;

use lane::{Lane, lanes};

mod asked;
mod beside;
mod bulk;
mod gate;
mod lane;
mod load;
mod planned;
mod steal;

/// Events with rooms of their own, the newest.
const VARIED: u64 = 20_000;
const CALLERS: usize = 1_000;
/// Nobody listens there.
const NO_BROKER: &str = "127.0.0.1:1";

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let kept = std::env::var_os("JOURNAL").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let bench = Bench {
        folder: kept.unwrap_or_else(|| temporary.path().to_owned()),
        runtime: runtime.expect("a runtime"),
        lanes: lanes(),
    };
    bench.filled(number("ROWS", 200_000));

    let app = bench.start(NO_BROKER, "video");
    bench.followed(app.journal());
    let kept = asked::all(&bench.runtime, app.desk()) & planned::all(&bench.runtime, app.desk());
    bench.runtime.block_on(app.drain());

    let kept = beside::all(&bench) & kept;
    assert!(kept, "the budget is not kept");
}

/// What every part works with.
pub(crate) struct Bench {
    folder: PathBuf,
    pub(crate) runtime: Runtime,
    pub(crate) lanes: [Lane; 2],
}

impl Bench {
    /// Fills the journal up to so many events, and adds the newest; half of those are published.
    fn filled(&self, rows: u64) {
        let journal = self.open();
        let mut made = *journal.head().borrow();
        if let Some(missing) = rows.checked_sub(made).filter(|missing| *missing > VARIED) {
            made = bulk::fill(&self.runtime, &journal, &self.lanes, made, missing - VARIED);
        }
        let waiting = journal.ledger().expect("a ledger").into_iter();
        let published = waiting.map(|row| (row.source, row.pending)).collect();
        journal.advance(Advance { lane: Place::Live, through: made, published });
        self.runtime.block_on(async {
            let mut callers = tokio::task::JoinSet::new();
            for number in made + 1..=made + VARIED {
                let (journal, event) = (journal.clone(), varied(&self.lanes[0], number));
                callers.spawn(async move { journal.append(event).await.expect("room") });
                if callers.len() >= CALLERS {
                    callers.join_next().await;
                }
            }
            callers.join_all().await;
        });
        let head = *journal.head().borrow();
        let (through, published) =
            (head - VARIED / 2, vec![(SourceName::new("daily"), VARIED / 2)]);
        journal.advance(Advance { lane: Place::Live, through, published });
        journal.close();
        println!("{head} events, {} MiB of journal", journal.bytes() >> 20);
    }

    /// Waits until the search file knows all.
    fn followed(&self, journal: &Journal) {
        let head = *journal.head().borrow();
        let mut standing = journal.search().expect("it was begun").standing();
        let began = Instant::now();
        let from = self.runtime.block_on(async {
            let known = standing.wait_for(|now| now.through > 0).await.expect("a follower");
            let from = known.through;
            drop(known);
            standing.wait_for(|now| now.through >= head).await.expect("a follower");
            from
        });
        let took = began.elapsed().as_secs_f64();
        let bytes = std::fs::metadata(self.folder.join("search.db")).map_or(0, |file| file.len());
        println!(
            "{} events followed in {took:.1} s; the search file has {} MiB, {:.0} bytes an event",
            head.saturating_sub(from),
            bytes >> 20,
            bytes as f64 / head as f64,
        );
    }

    /// A whole gateway over this journal, of which nothing goes by age.
    pub(crate) fn start(&self, brokers: &str, topics: &str) -> App {
        let kafka = format!("topic_prefix = {topics:?}\ncreate_topics = true");
        let text = gate::text(brokers)
            .replace("\"gate-bench\"", "\"bench\"")
            .replace("\"journal\"", &format!("{:?}", self.folder))
            .replace("[journal]", "[journal]\nretention = \"36500d\"\nretention_max = \"4096GiB\"")
            .replace("[kafka]", &format!("[kafka]\n{kafka}\nreplication_factor = 1"));
        let config = gate::config(&self.folder, &text);
        self.runtime.block_on(App::start(config, Parts::default())).expect("a gateway")
    }

    fn open(&self) -> Journal {
        let settings = Settings {
            dir: self.folder.clone(),
            instance: InstanceName::new("bench"),
            retention: Retention { age: Duration::MAX, bytes_max: u64::MAX },
            on_commit: Arc::new(|_| {}),
        };
        Journal::open(settings, Clock::system()).expect("a journal")
    }
}

/// An event of now, with a room for every ten; every tenth of an unknown kind.
fn varied(lane: &Lane, number: u64) -> hookgate::scrub::Clean {
    let body = String::from_utf8(lane.body(number).to_vec()).expect("text");
    let body = body.replace("\"consult-0a1b2c3d\"", &format!("\"room-{}\"", number / 10));
    let body = match number % 10 {
        0 => body.replace("participant.joined", "participant.danced"),
        _ => body,
    };
    let body = Bytes::from(body);
    lane.clean(&lane.verify(lane.head_at(&body, Clock::system().now()), body))
}

/// Asks so often; how long each answer took.
pub(crate) fn timed(times: usize, mut ask: impl FnMut()) -> Vec<Duration> {
    let once = |_| {
        let began = Instant::now();
        ask();
        began.elapsed()
    };
    (0..times).map(once).collect()
}

/// The time that this share of them did not exceed.
pub(crate) fn at(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
