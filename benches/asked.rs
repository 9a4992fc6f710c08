//! Pages, single events, the quarantine and `status`, as the desk answers them.

use std::time::Duration;

use hookgate::bounds::EVENTS_PAGE_DEFAULT;
use hookgate::desk::{Desk, Detail, EventState, Filter};
use tokio::runtime::Runtime;

use crate::steal::Ticks;
use crate::{at, millis, timed};

const BUDGET: Duration = Duration::from_millis(50);
const BUDGET_STATUS: Duration = Duration::from_millis(10);
const TIMES: usize = 200;

/// Asks everything; whether all kept their budget.
pub(crate) fn all(runtime: &Runtime, desk: &Desk) -> bool {
    let ticks = Ticks::now();
    println!("\n| question | events | first ms | p50 ms | p99 ms | slowest ms |");
    println!("|---|---|---|---|---|---|");
    let mut kept = true;
    for (name, filter) in filters(runtime, desk) {
        kept &= pages(runtime, desk, name, &filter);
    }
    kept &= others(runtime, desk);
    println!("\nsteal {:.1} %", Ticks::now().steal_since(&ticks) * 100.0);
    kept
}

/// One of the many events, and one of the newest.
pub(crate) fn samples(runtime: &Runtime, desk: &Desk) -> [Detail; 2] {
    let newest = runtime.block_on(desk.events(Filter::default(), false)).expect("a page");
    let newest = newest.events.iter().find(|row| row.room.is_some()).expect("a room");
    // The oldest of a journal that is kept may have gone.
    [newest.sequence / 2, newest.sequence]
        .map(|sequence| runtime.block_on(desk.event(sequence)).expect("an event that is there"))
}

/// The person of an event.
fn person(detail: &Detail) -> Option<String> {
    let found = detail.event.as_ref()?.pointer("/data/participant/ref")?;
    found.as_str().map(str::to_owned)
}

fn filters(runtime: &Runtime, desk: &Desk) -> Vec<(&'static str, Filter)> {
    let [old, newest] = samples(runtime, desk);
    let all = Filter::default;
    let some = |text: &str| Some(text.to_owned());
    let (room, person) = (old.row.room.clone(), person(&old));
    let none = format!("r1_{}", "a".repeat(26));
    let state = |state| Filter { state: Some(state), ..all() };
    vec![
        ("none", all()),
        ("source", Filter { source: some("daily"), ..all() }),
        ("tenant", Filter { tenant: some("bench"), ..all() }),
        ("kind", Filter { kind: some("participant.joined"), ..all() }),
        ("family", Filter { family: some("quarantine"), ..all() }),
        ("the last hour", Filter { since: some("1h"), ..all() }),
        ("until long ago, nothing", Filter { until: some("36500d"), ..all() }),
        ("event id, of an old one", Filter { event_id: some(&old.row.event_id), ..all() }),
        ("room of few", Filter { room: newest.row.room.clone(), ..all() }),
        ("room of millions", Filter { room: room.clone(), ..all() }),
        ("room of nobody", Filter { room: Some(none), ..all() }),
        ("person of millions", Filter { participant: person.clone(), ..all() }),
        ("pending", state(EventState::Pending)),
        ("published", state(EventState::Published)),
        ("quarantined", state(EventState::Quarantined)),
        ("reason", Filter { reason: some("unknown_kind"), ..all() }),
        (
            "source, kind, the last hour, published",
            Filter {
                source: some("livekit"),
                kind: some("participant.*"),
                since: some("1h"),
                ..state(EventState::Published)
            },
        ),
        ("room of millions, pending", Filter { room: room.clone(), ..state(EventState::Pending) }),
        (
            "room of millions, a kind it never had",
            Filter { room: room.clone(), kind: some("recording.ready"), ..all() },
        ),
        ("room and person of millions", Filter { room, participant: person, ..all() }),
    ]
}

/// Pages of one filter, each behind the one before.
fn pages(runtime: &Runtime, desk: &Desk, name: &str, filter: &Filter) -> bool {
    let (mut cursor, mut found) = (None, 0);
    let times = timed(TIMES, || {
        let limit = Some(EVENTS_PAGE_DEFAULT);
        let filter = Filter { limit, cursor: cursor.take(), ..filter.clone() };
        let page = runtime.block_on(desk.events(filter, false)).expect("a page");
        found += page.events.len();
        cursor = page.next_cursor;
    });
    said(name, &found.to_string(), &times, BUDGET)
}

/// Questions about one event, the quarantine, and how everything stands.
fn others(runtime: &Runtime, desk: &Desk) -> bool {
    let head = runtime.block_on(desk.status()).expect("a status").journal.head;
    let (half, mut step) = (head / 2, 1);
    let shown = timed(TIMES, || {
        step = (step * 7_919) % half + 1;
        let sequence = half + step;
        runtime.block_on(desk.event(sequence)).expect("an event that is there");
    });
    let mut counted = 0;
    let quarantine = timed(TIMES, || {
        let page = runtime.block_on(desk.quarantine(Filter::default())).expect("a page");
        counted = page.counts.values().sum::<u64>();
    });
    let status = timed(TIMES, || {
        runtime.block_on(desk.status()).expect("a status");
    });
    said("`events show`", "1", &shown, BUDGET)
        & said("`quarantine list`, counted", &counted.to_string(), &quarantine, BUDGET)
        & said("`status`", "", &status, BUDGET_STATUS)
}

fn said(name: &str, events: &str, times: &[Duration], budget: Duration) -> bool {
    let [first, p50, p99, most] =
        [times[0], at(times, 0.5), at(times, 0.99), at(times, 1.0)].map(millis);
    println!("| {name} | {events} | {first:.2} | {p50:.2} | {p99:.2} | {most:.2} |");
    at(times, 0.99) < budget
}
