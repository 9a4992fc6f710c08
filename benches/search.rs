//! How soon is an operator answered at ten million events, and what does it cost to be ready for
//! it?
//!
//! A journal of real events is followed from nothing into its search file; then each filter is asked
//! for pages of a hundred, from the newest down and again behind a cursor. Most events of the bench
//! are of two rooms, so that these are the worst that a room can be; the newest have a room for
//! every ten and every tenth of them cannot be understood. `first` is the first page of a filter
//! with nothing in SQLite's memory; the others are of one run, in milliseconds. The machine is
//! shared: look at the median first.
//!
//! Budget: at ten million events the p99 of every filter is below 50 ms, of `status` below 10 ms;
//! it fails when it is not kept.
//!
//! `ROWS=10000000 cargo bench --bench search` (most of it filling, and 17 GB of disk); `JOURNAL=DIR`
//! keeps the journal there and takes one that is there already.

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
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookgate::bounds::EVENTS_PAGE_DEFAULT;
use hookgate::clock::{Clock, Timestamp};
use hookgate::event::{InstanceName, Kind, QuarantineReason};
use hookgate::journal::search::{Search, State, Term, Wanted};
use hookgate::journal::{Advance, Journal, Lane as Place, Retention, Settings};
use tokio::runtime::Runtime;

use lane::{Lane, NOW, lanes};

mod bulk;
mod lane;

const BUDGET: Duration = Duration::from_millis(50);
const BUDGET_STATUS: Duration = Duration::from_millis(10);
/// Events with rooms of their own, the newest.
const VARIED: u64 = 20_000;
const TIMES: usize = 200;
const CALLERS: usize = 1_000;

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = std::env::var("ROWS").map_or(200_000, |rows| rows.parse().expect("a number"));
    let kept = std::env::var_os("JOURNAL").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    filled(&folder, rows, &runtime);
    for name in ["search.db", "search.db-wal", "search.db-shm"] {
        std::fs::remove_file(folder.join(name)).ok();
    }
    followed(&folder, &runtime);
    let journal = open(&folder);
    journal.start_search();
    wait(&runtime, search(&journal), *journal.head().borrow());
    let kept = asked(&journal) & looked(&journal);
    journal.close();
    assert!(kept, "the budget is not kept");
}

/// Fills the journal up to so many events, all but the newest published.
fn filled(folder: &Path, rows: u64, runtime: &Runtime) {
    let journal = open(folder);
    let lanes = lanes();
    let head = *journal.head().borrow();
    if let Some(missing) = rows.checked_sub(head).filter(|missing| *missing > VARIED) {
        let made = bulk::fill(runtime, &journal, &lanes, head, missing - VARIED);
        runtime.block_on(async {
            let mut callers = tokio::task::JoinSet::new();
            for number in made + 1..=made + VARIED {
                let (journal, event) = (journal.clone(), varied(&lanes[0], number));
                callers.spawn(async move { journal.append(event).await.expect("room") });
                if callers.len() >= CALLERS {
                    callers.join_next().await;
                }
            }
            callers.join_all().await;
        });
    }
    let head = *journal.head().borrow();
    let through = head.saturating_sub(VARIED / 2);
    journal.advance(Advance { lane: Place::Live, through, published: Vec::new() });
    journal.close();
    println!("{head} events, {} MiB of journal", journal.bytes() >> 20);
}

/// An event with a room for every ten; every tenth of an unknown kind.
fn varied(lane: &Lane, number: u64) -> hookgate::scrub::Clean {
    let body = String::from_utf8(lane.body(number).to_vec()).expect("text");
    let body = body.replace("\"consult-0a1b2c3d\"", &format!("\"room-{}\"", number / 10));
    let body = match number % 10 {
        0 => body.replace("participant.joined", "participant.danced"),
        _ => body,
    };
    let body = Bytes::from(body);
    lane.clean(&lane.verify(lane.head(&body), body))
}

/// Fills the search file from nothing.
fn followed(folder: &Path, runtime: &Runtime) {
    let journal = open(folder);
    let head = *journal.head().borrow();
    let began = Instant::now();
    journal.start_search();
    wait(runtime, search(&journal), head);
    let took = began.elapsed().as_secs_f64();
    journal.close();
    let size = |name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    let bytes = size("search.db");
    println!(
        "followed in {took:.1} s: {:.0} events/s; {} MiB, {:.0} bytes an event",
        head as f64 / took,
        bytes >> 20,
        bytes as f64 / head as f64,
    );
}

fn wait(runtime: &Runtime, search: &Search, head: u64) {
    let mut standing = search.standing();
    runtime.block_on(async {
        standing.wait_for(|now| now.through >= head).await.expect("a follower");
    });
}

/// Every filter, and whether all kept their budget.
fn asked(journal: &Journal) -> bool {
    let newest = row_at(journal, *journal.head().borrow());
    let oldest = row_at(journal, 1);
    let room = |row: &hookgate::journal::search::Row| row.room.clone().expect("a room");
    let all = Wanted::default;
    let one = |term| vec![vec![term]];
    let joined = || Some(vec![Kind::ParticipantJoined]);
    let since = Some(NOW.minus(Duration::from_secs(1)));
    let person = first_person(journal);
    println!("| filter | events | first ms | p50 ms | p99 ms | slowest ms |");
    println!("|---|---|---|---|---|---|");
    let mut kept = true;
    for (name, wanted) in [
        ("none", all()),
        ("source", Wanted { source: Some("daily".into()), ..all() }),
        ("tenant", Wanted { tenant: Some("bench".into()), ..all() }),
        ("kind", Wanted { kinds: joined(), ..all() }),
        ("since", Wanted { since, ..all() }),
        ("until, nothing", Wanted { until: Some(Timestamp::from_millis(1)), ..all() }),
        ("event id, the oldest", Wanted { terms: one(Term::Id(oldest.id)), ..all() }),
        ("room of ten", Wanted { terms: one(Term::Room(room(&newest))), ..all() }),
        ("room of millions", Wanted { terms: one(Term::Room(room(&oldest))), ..all() }),
        ("room of nobody", Wanted { terms: one(Term::Room("none".into())), ..all() }),
        ("person of millions", Wanted { terms: one(Term::Person(person.clone())), ..all() }),
        ("pending", Wanted { state: Some(State::Pending), ..all() }),
        ("published", Wanted { state: Some(State::Published), ..all() }),
        ("quarantined", Wanted { state: Some(State::Quarantined), ..all() }),
        ("reason", Wanted { reason: Some(QuarantineReason::UnknownKind), ..all() }),
        (
            "source, kind, since, published",
            Wanted {
                source: Some("livekit".into()),
                kinds: joined(),
                since,
                state: Some(State::Published),
                ..all()
            },
        ),
        (
            "room of millions, pending",
            Wanted { terms: one(Term::Room(room(&oldest))), state: Some(State::Pending), ..all() },
        ),
        (
            "room of millions, a kind it never had",
            Wanted {
                terms: one(Term::Room(room(&oldest))),
                kinds: Some(vec![Kind::Quarantined]),
                ..all()
            },
        ),
        (
            "room and person of millions",
            Wanted {
                terms: vec![vec![Term::Room(room(&oldest))], vec![Term::Person(person)]],
                ..all()
            },
        ),
    ] {
        kept &= filter(journal, name, &wanted);
    }
    kept
}

/// Pages of one filter, each behind the one before.
fn filter(journal: &Journal, name: &str, wanted: &Wanted) -> bool {
    let (search, at) = (search(journal), journal.positions());
    let (mut before, mut found) = (u64::MAX, 0);
    let times = timed(TIMES, || {
        let page = search.page(wanted, &at, before, EVENTS_PAGE_DEFAULT).expect("a page");
        found += page.rows.len();
        let last = page.rows.last().map(|row| row.sequence);
        before = last.filter(|_| page.more).unwrap_or(u64::MAX);
    });
    said(name, &found.to_string(), &times, BUDGET)
}

/// Questions about one event, counts, and the journal's part of `status`.
fn looked(journal: &Journal) -> bool {
    let (search, at) = (search(journal), journal.positions());
    let head = *journal.head().borrow();
    let mut sequence = 1;
    let shown = timed(TIMES, || {
        sequence = (sequence * 7_919) % head + 1;
        drop(journal.event(sequence).expect("a journal that can be read"));
        drop(search.event(sequence).expect("an answer"));
    });
    let wanted = Wanted { state: Some(State::Quarantined), ..Wanted::default() };
    let mut counted = 0;
    let counts = timed(TIMES, || {
        counted = search.reasons(&wanted, &at).expect("counts").values().sum::<u64>();
    });
    let status = timed(TIMES, || {
        drop(journal.ledger().expect("a ledger"));
        drop(journal.positions());
        std::hint::black_box((journal.bytes(), journal.disk_free(), *search.standing().borrow()));
    });
    said("one event", "1", &shown, BUDGET)
        & said("quarantine, counted", &counted.to_string(), &counts, BUDGET)
        & said("status, the journal's part", "", &status, BUDGET_STATUS)
}

fn timed(times: usize, mut ask: impl FnMut()) -> Vec<Duration> {
    let once = |_| {
        let began = Instant::now();
        ask();
        began.elapsed()
    };
    (0..times).map(once).collect()
}

fn said(name: &str, events: &str, times: &[Duration], budget: Duration) -> bool {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len() - 1;
    let at = |share: f64| sorted[(last as f64 * share).round() as usize];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (first, p50, p99, most) = (times[0], at(0.5), at(0.99), at(1.0));
    println!(
        "| {name} | {events} | {:.2} | {:.2} | {:.2} | {:.2} |",
        ms(first),
        ms(p50),
        ms(p99),
        ms(most)
    );
    p99 < budget
}

fn row_at(journal: &Journal, sequence: u64) -> hookgate::journal::search::Row {
    let (row, _) = search(journal).event(sequence).expect("an answer");
    row.expect("an event")
}

fn first_person(journal: &Journal) -> String {
    let event = journal.event(1).expect("a journal that can be read").expect("an event");
    let (_, terms) = hookgate::journal::search::Row::of(&event);
    let person = terms.into_iter().find_map(|term| match term {
        Term::Person(person) => Some(person),
        Term::Id(_) | Term::Room(_) | Term::Session(_) | Term::Artifact(_) => None,
    });
    person.expect("a person")
}

fn search(journal: &Journal) -> &Search {
    journal.search().expect("it was begun")
}

fn open(folder: &Path) -> Journal {
    let settings = Settings {
        dir: folder.to_owned(),
        instance: InstanceName::new("bench"),
        retention: Retention { age: Duration::MAX, bytes_max: u64::MAX },
        on_commit: Arc::new(|_| {}),
    };
    Journal::open(settings, Clock::system()).expect("a journal")
}
