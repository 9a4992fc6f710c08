//! Fills a journal with millions of events, fast, by the journal's own road.
//!
//! Each is a real event of a provider that was verified, understood and cleaned, with an id of its
//! own, and each is appended as the gateway would: what is measured afterwards is a journal as years
//! of traffic leave it, with its generations of identities and its ledger. One thread makes events
//! while the journal's writer keeps the others on disk; so many callers wait at a time that every
//! group commit is as large as it may be.

use std::sync::mpsc::sync_channel;
use std::time::Instant;

use hookgate::bounds::JOURNAL_BATCH_EVENTS;
use hookgate::journal::{AppendError, Journal};
use hookgate::scrub::Clean;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::lane::Lane;

/// Events that are made, handed over and awaited together: two group commits.
const PORTION: usize = 2 * JOURNAL_BATCH_EVENTS;

/// Appends events with the numbers after `from`, the lanes in turn; the last number. A number makes
/// the same event every time, so who goes on must go on after it.
pub(crate) fn fill(
    runtime: &Runtime,
    journal: &Journal,
    lanes: &[Lane; 2],
    from: u64,
    rows: u64,
) -> u64 {
    let began = Instant::now();
    let last = from + rows;
    let (made, portions) = sync_channel::<Vec<Clean>>(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = from + 1;
            while next <= last {
                let end = last.min(next + PORTION as u64 - 1);
                let portion = (next..=end).map(|number| make(lanes, number)).collect();
                if made.send(portion).is_err() {
                    return;
                }
                next = end + 1;
            }
        });
        runtime.block_on(async {
            // Two portions under way, so that the writer never waits for us.
            let mut ahead = JoinSet::new();
            for portion in portions {
                let before = std::mem::replace(&mut ahead, append(journal, portion));
                before.join_all().await;
            }
            ahead.join_all().await;
        });
    });
    eprintln!("{rows} rows written in {:.1} s", began.elapsed().as_secs_f64());
    last
}

/// The event of a number.
pub(crate) fn make(lanes: &[Lane; 2], number: u64) -> Clean {
    let lane = &lanes[number as usize % lanes.len()];
    let body = lane.body(number);
    lane.clean(&lane.verify(lane.head(&body), body))
}

fn append(journal: &Journal, portion: Vec<Clean>) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for clean in portion {
        let journal = journal.clone();
        callers.spawn(async move {
            loop {
                match journal.append(clean.clone()).await {
                    Ok(_) => return,
                    // Not refused, only early: the two portions are as large as the queue.
                    Err(AppendError::QueueFull) => tokio::task::yield_now().await,
                    Err(error) => panic!("the journal takes nothing: {error}"),
                }
            }
        });
    }
    callers
}
