//! What a replay would publish, counted.

use std::time::Duration;

use hookgate::desk::{Actor, Desk, EventState, Filter, ReplayAnswer, ReplayAsk, Role};
use tokio::runtime::Runtime;

use crate::steal::Ticks;
use crate::{asked, at, timed};

const TIMES: usize = 3;
const SOON: Duration = Duration::from_secs(1);

/// Plans everything; whether all kept their budget.
pub(crate) fn all(runtime: &Runtime, desk: &Desk) -> bool {
    let ticks = Ticks::now();
    let [old, newest] = asked::samples(runtime, desk);
    let all = Filter::default;
    let some = |text: &str| Some(text.to_owned());
    println!("\n| plan of | events | first s | median s |");
    println!("|---|---|---|---|");
    let mut kept = true;
    for (name, filter, budget) in [
        ("the last hour", Filter { since: some("1h"), ..all() }, Some(SOON)),
        ("a room of few", Filter { room: newest.row.room.clone(), ..all() }, Some(SOON)),
        ("its last hour", Filter { room: newest.row.room, since: some("1h"), ..all() }, Some(SOON)),
        ("an event", Filter { event_id: Some(newest.row.event_id), ..all() }, Some(SOON)),
        ("the quarantine", Filter { state: Some(EventState::Quarantined), ..all() }, None),
        ("a source", Filter { source: some("daily"), ..all() }, None),
        ("a room of millions", Filter { room: old.row.room, ..all() }, None),
        ("everything", all(), None),
    ] {
        let mut events = String::new();
        let mut is_counted = true;
        let times = timed(TIMES, || match runtime.block_on(desk.replay(&actor(), plan(&filter))) {
            Ok(ReplayAnswer::Plan(plan)) => events = plan.events.to_string(),
            Ok(ReplayAnswer::Begun(_)) => panic!("only a plan was asked for"),
            Err(refusal) => {
                is_counted = false;
                events = refusal.to_string();
            }
        });
        let [first, median] = [times[0], at(&times, 0.5)].map(|time| time.as_secs_f64());
        println!("| {name} | {events} | {first:.3} | {median:.3} |");
        kept &= budget.is_none_or(|budget| is_counted && at(&times, 0.5) < budget);
    }
    println!("\nsteal {:.1} %", Ticks::now().steal_since(&ticks) * 100.0);
    kept
}

/// Who asks.
pub(crate) fn actor() -> Actor {
    Actor { name: "bench".to_owned(), role: Role::Operator }
}

fn plan(filter: &Filter) -> ReplayAsk {
    ReplayAsk {
        filter: filter.clone(),
        through: None,
        rate: None,
        to_prefix: None,
        dry_run: true,
        reason: None,
    }
}
