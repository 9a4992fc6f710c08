//! Deliveries with and without a replay beside them, in turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookgate::app::App;
use hookgate::bounds::{REPLAY_RATE_DEFAULT, REPLAY_RATE_MAX};
use hookgate::desk::{
    ChangeAsk, Desk, Filter, Reason, ReplayAnswer, ReplayAsk, ReplayReport, ReplayState,
};
use hookgate::publish::Embedded;

use crate::load::{Requests, Run, post, post_paced};
use crate::planned::actor;
use crate::steal::Ticks;
use crate::{Bench, lane, millis, number};

const CONNECTIONS: usize = 64;
/// The oldest events, which are published again: more than one round can take.
const AGAIN: u64 = 2_000_000;
const PATIENCE: Duration = Duration::from_secs(120);
/// What is asked of the replay: none, what it does where nothing is said, all that may be asked.
const REPLAYS: [Option<u32>; 3] = [None, Some(REPLAY_RATE_DEFAULT), Some(REPLAY_RATE_MAX)];

/// Whether deliveries kept their budget.
pub(crate) fn all(bench: &Bench) -> bool {
    let brokers = std::env::var("HOOKGATE_TEST_KAFKA").ok().filter(|text| !text.is_empty());
    let topics = format!("bench{:016x}", rand::random::<u64>());
    let embedded = match &brokers {
        Some(_) => None,
        None => Some(Embedded::start(&topics, 12).expect("an embedded broker")),
    };
    let address = embedded.as_ref().map(|broker| broker.brokers().to_owned()).or(brokers);
    let app = bench.start(&address.expect("a broker"), &topics);
    let made = *app.journal().head().borrow();
    let mut rounds = Rounds { bench, app, made };
    rounds.settle();
    // Warm, and told how many requests fill a round.
    let seconds = number("SECONDS", 5);
    let warm = rounds.requests(2_000);
    let warm = post(rounds.app.public(), &warm, CONNECTIONS);
    let most = (warm.rate() * seconds as f64) as u64;
    let rate = number("RATE", 2_000);
    println!("\n{CONNECTIONS} connections, {} s a round", seconds);
    println!(
        "| deliveries | replay asked | deliveries/s | p50 ms | p99 ms | slowest ms | replayed/s \
         | steal % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut kept = true;
    for (load, count, pace) in
        [("steady", rate * seconds, Some(rate)), ("all it takes", most, None)]
    {
        let mut seen = [const { Vec::new() }; REPLAYS.len()];
        for _ in 0..number("ROUNDS", 3) {
            for (seen, replay) in seen.iter_mut().zip(REPLAYS) {
                let requests = rounds.requests(count);
                seen.push(rounds.round(load, &requests, pace, replay));
            }
        }
        let [alone, beside, _] = seen.each_ref().map(|runs| {
            (
                median(runs.iter().map(|run| millis(run.percentile(0.99)))),
                median(runs.iter().map(Run::rate)),
            )
        });
        kept &= beside.0 < 2.0 * alone.0 && beside.1 * 3.0 > alone.1 * 2.0;
    }
    bench.runtime.block_on(rounds.app.drain());
    kept
}

struct Rounds<'a> {
    bench: &'a Bench,
    app: App,
    /// The number of the last event that was made.
    made: u64,
}

impl Rounds<'_> {
    fn round(
        &self,
        load: &str,
        requests: &Requests,
        pace: Option<u64>,
        replay: Option<u32>,
    ) -> Run {
        self.settle();
        let begun = replay.map(|rate| self.begin(rate));
        let before = begun.as_deref().map_or(0, |id| self.report(id).published);
        let (ticks, began) = (Ticks::now(), Instant::now());
        let run = post_paced(self.app.public(), requests, CONNECTIONS, pace);
        let took = began.elapsed().as_secs_f64();
        let steal = Ticks::now().steal_since(&ticks) * 100.0;
        let after = begun.as_deref().map_or(0, |id| self.report(id).published);
        if let Some(id) = begun {
            let ask = ChangeAsk { reason: why() };
            let by = actor();
            let cancel = self.desk().cancel_replay(&by, &id, ask);
            self.bench.runtime.block_on(cancel).expect("one that runs");
        }
        assert_eq!(run.bad, 0, "every delivery of the bench is authentic");
        let at = |share| millis(run.percentile(share));
        println!(
            "| {load} | {} | {:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {steal:.1} |",
            replay.map_or("none".to_owned(), |rate| format!("{rate}/s")),
            run.rate(),
            at(0.5),
            at(0.99),
            at(1.0),
            (after - before) as f64 / took,
        );
        run
    }

    /// Begins a replay; its name, once it publishes.
    fn begin(&self, rate: u32) -> String {
        let ask = ReplayAsk {
            filter: Filter::default(),
            through: Some(AGAIN.min(self.made)),
            rate: Some(rate),
            to_prefix: None,
            dry_run: false,
            reason: Some(why()),
        };
        let begun = self.bench.runtime.block_on(self.desk().replay(&actor(), ask));
        let Ok(ReplayAnswer::Begun(ReplayReport { id, .. })) = begun else {
            panic!("no replay: {begun:?}")
        };
        let end = Instant::now() + PATIENCE;
        while self.report(&id).published == 0 {
            assert!(Instant::now() < end, "a replay that does not publish");
            std::thread::sleep(Duration::from_millis(20));
        }
        id
    }

    fn report(&self, id: &str) -> ReplayReport {
        let report = self.bench.runtime.block_on(self.desk().replay_report(id));
        let report = report.expect("a replay");
        assert_ne!(report.state, ReplayState::Failed, "{:?}", report.detail);
        report
    }

    /// Waits until everything is published and can be searched.
    fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.bench.runtime.block_on(self.desk().status()).expect("a status");
            if status.kafka.backlog == 0 && status.search.lag_events == 0 {
                return;
            }
            assert!(Instant::now() < end, "what came is not published: {:?}", status.kafka);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn desk(&self) -> &Desk {
        self.app.desk()
    }

    /// Signed requests of both providers in turn, none of which came before.
    fn requests(&mut self, count: u64) -> Requests {
        let (from, lanes) = (self.made, &self.bench.lanes);
        self.made += count;
        Arc::new((from + 1..=self.made).map(|number| lane::request(lanes, number)).collect())
    }
}

fn why() -> Reason {
    Reason::try_from("measured".to_owned()).expect("a reason")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
