//! The whole road on a real Apache Kafka: the built `serve`, the built `send`, every fixture.
//!
//! Each part starts a broker of its own (tests/kafka/broker; Java 17 and Maven, without which these
//! tests fail). Between `send` and `serve` a recorder keeps every request and answer; the library's
//! rules say of each request whether it is authentic and which event it must become, and this is
//! held against what the topics hold.
//!
//! The parts with time in them are short by default. The long form, a minute each:
//!
//! ```sh
//! HOOKGATE_OUTAGE_SECONDS=60 HOOKGATE_FLOOD_SECONDS=60 \
//!     cargo test --features real-kafka --test road_on_kafka -- --nocapture
//! ```
//!
//! `HOOKGATE_FORGERIES_PER_SECOND` (1000) says how fast the forger is.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hookgate::clock::Clock;
use hookgate::scrub::Clean;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

mod proof;

use proof::PATIENCE;
use proof::broker::Broker;
use proof::consumer::{Record, assert_in_order, firsts, read};
use proof::gate::{Gate, Place};
use proof::recorder::{Exchange, Recorder};
use proof::road::Road;
use proof::wire::{Client, Message};

/// One part after the other: each wants the machine for itself.
static TURN: Mutex<()> = Mutex::const_new(());

/// How fast Daily sends beside a forger.
const DAILY_PER_SECOND: u64 = 40;

const CREATE: &str = "create_topics = true\npartitions = 4\nreplication_factor = 1";

/// A broker, a folder for gateways, and the recorder that stands before them.
struct Stand {
    broker: Broker,
    place: Place,
    roads: Vec<Road>,
    recorder: Recorder,
    _turn: MutexGuard<'static, ()>,
}

impl Stand {
    async fn start() -> Self {
        let _turn = TURN.lock().await;
        let (broker, address) = Broker::start("road").await;
        let place = Place::new(&address, "video", "1ms", CREATE);
        let roads = Road::all(place.config());
        Self { broker, place, roads, recorder: Recorder::start().await, _turn }
    }

    /// Starts a gateway behind the recorder.
    async fn gate(&self) -> Gate {
        let gate = Gate::start(&self.place).await;
        self.recorder.leads(Some(gate.public));
        gate
    }

    /// Runs `hookgate send` through the recorder; whether all came back as it should, and its
    /// summary.
    async fn send(&self, source: &str, rate: Option<u64>, repeat: u64) -> (bool, String) {
        let mut program = self.place.program();
        program.arg("send").args(folders(source));
        program.args(["--to", &format!("http://{}", self.recorder.address)]);
        program.arg("--config").arg(self.place.file()).args(["--source", source]);
        program.args(["--repeat", &repeat.to_string(), "--concurrency", "8"]);
        program.args(["--duplicate-ratio", "0.1", "--forge-ratio", "0.1"]);
        if let Some(rate) = rate {
            program.args(["--rate", &rate.to_string()]);
        }
        let output = program.stdin(Stdio::null()).output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The same for both providers at once.
    async fn send_both(&self, rate: Option<u64>, seconds: u64) -> [(bool, String); 2] {
        let repeat = |source| match rate {
            Some(rate) => (rate * seconds).div_ceil(stored(source)),
            None => 20,
        };
        let (daily, livekit) = tokio::join!(
            self.send("daily", rate, repeat("daily")),
            self.send("livekit", rate, repeat("livekit")),
        );
        [daily, livekit]
    }

    /// What was sent and answered until now, judged.
    fn judged(&self) -> Judged {
        let exchanges = self.recorder.exchanges();
        let mut judged = Judged::default();
        for exchange in exchanges {
            let road = self.roads.iter().find(|road| road.route == exchange.request.path());
            match road.unwrap().judge(&exchange.request) {
                None => judged.forged.push(exchange),
                Some(event) => {
                    let sent = judged.events.entry(event.id().to_string());
                    let sent = sent.or_insert_with(|| Sent { event, exchanges: Vec::new() });
                    sent.exchanges.push(exchange);
                }
            }
        }
        judged.check_answers();
        judged
    }

    /// Drains the gateway and holds its ledger against the topics.
    async fn finish(&self, gate: Gate, judged: &Judged) -> Vec<Record> {
        gate.until_published().await;
        let ledger = gate.stop().await;
        let records = read(&self.place.config().kafka).await;
        judged.check_records(&records);
        for road in &self.roads {
            let source = road.source.as_str();
            // A source that never took anything has no line.
            let row = ledger.iter().find(|row| row["source"] == source);
            let count = |what: &str| row.map_or(0, |row| row[what].as_u64().unwrap());
            let taken = count("accepted") + count("quarantined");
            let kept = count("pending") + count("held") + count("erased_unpublished");
            assert_eq!(taken, count("published") + kept, "the ledger balances: {row:?}");
            let names = format!("/sources/{source}");
            let firsts = firsts(&records).into_values();
            let on_kafka = firsts.filter(|record| record.event["source"] == *names).count() as u64;
            assert_eq!((count("published"), kept), (on_kafka, 0), "{row:?}");
        }
        records
    }
}

/// Where a provider's fixtures lie.
fn folders(source: &str) -> Vec<PathBuf> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let names: &[&str] = if source == "daily" { &["daily"] } else { &["livekit", "livekit-call"] };
    names.iter().map(|name| fixtures.join(name)).collect()
}

/// How many fixtures that are.
fn stored(source: &str) -> u64 {
    hookgate::cli::fixture::Fixture::read_all(&folders(source)).unwrap().len() as u64
}

/// An authentic event, with every time it was sent.
struct Sent {
    event: Clean,
    exchanges: Vec<Exchange>,
}

impl Sent {
    fn answers(&self) -> impl Iterator<Item = &Message> {
        self.exchanges.iter().filter_map(|exchange| exchange.answer.as_ref())
    }

    /// Whether a 200 came back.
    fn is_promised(&self) -> bool {
        self.answers().any(|answer| answer.status() == 200)
    }

    /// The exchange that put it on disk, where its answer came back.
    fn first(&self) -> Option<&Exchange> {
        let fresh = |answer: &Message| {
            answer.status() == 200 && matches!(&*answer.outcome(), "accepted" | "quarantined")
        };
        self.exchanges.iter().find(|exchange| exchange.answer.as_ref().is_some_and(fresh))
    }
}

/// All that was sent, by what it truly is.
#[derive(Default)]
struct Judged {
    events: BTreeMap<String, Sent>,
    forged: Vec<Exchange>,
}

impl Judged {
    fn promised(&self) -> impl Iterator<Item = (&String, &Sent)> {
        self.events.iter().filter(|(_, sent)| sent.is_promised())
    }

    /// Authentic deliveries, and those of them that got no answer.
    fn deliveries(&self) -> (usize, usize) {
        let all: usize = self.events.values().map(|sent| sent.exchanges.len()).sum();
        let answered: usize = self.events.values().map(|sent| sent.answers().count()).sum();
        (all, all - answered)
    }

    /// Every answer that came names what it must; an event is fresh once and known ever after.
    fn check_answers(&self) {
        for exchange in &self.forged {
            if let Some(answer) = &exchange.answer {
                assert_eq!((answer.status(), &*answer.outcome()), (401, "bad_signature"));
            }
        }
        for (id, sent) in &self.events {
            let mut fresh = 0;
            for answer in sent.answers() {
                assert_eq!((answer.status(), &answer.event_id()), (200, id), "{answer:?}");
                match &*answer.outcome() {
                    "accepted" => assert!(sent.event.reason().is_none(), "{id}"),
                    "quarantined" => assert!(sent.event.reason().is_some(), "{id}"),
                    "duplicate" => continue,
                    other => panic!("{other} for {id}"),
                }
                fresh += 1;
            }
            let answered = sent.answers().count() == sent.exchanges.len();
            assert!(fresh == 1 || (fresh == 0 && !answered), "{id} was fresh {fresh} times");
        }
    }

    /// Everything that got 200 is there as the rules say, in order, and nothing that was not sent.
    fn check_records(&self, records: &[Record]) {
        let found = firsts(records);
        let missing: Vec<_> =
            self.promised().filter(|(id, _)| !found.contains_key(&***id)).collect();
        assert!(missing.is_empty(), "{} events that got 200 are missing", missing.len());
        for record in records {
            let sent = self.events.get(record.id()).expect("nobody sent this");
            assert_eq!(record.received.family, sent.event.kind().family());
            assert_eq!(&record.received.key[..], &sent.event.key()[..]);
            let wanted: Value = serde_json::from_slice(sent.event.value()).unwrap();
            let quarantined = sent.event.reason().is_some();
            assert_eq!(timeless(&record.event, quarantined), timeless(&wanted, quarantined));
        }
        assert_in_order(records);
        self.check_order_of_answers(&found);
    }

    /// What was answered before another event of the same key was sent comes before it.
    fn check_order_of_answers(&self, found: &BTreeMap<&str, &Record>) {
        let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, sent) in &self.events {
            if let (Some(first), Some(record)) = (sent.first(), found.get(&**id)) {
                let place = (record.received.family, &record.received.key);
                let times = (first.began, first.ended, record.sequence);
                keys.entry(place).or_default().push(times);
            }
        }
        for mut events in keys.into_values() {
            let mut ended = events.clone();
            ended.sort_unstable_by_key(|(_, ended, _)| *ended);
            let mut ended = ended.into_iter().peekable();
            events.sort_unstable();
            let mut highest = 0;
            for (began, _, sequence) in events {
                while let Some((_, _, before)) = ended.next_if(|(_, ended, _)| *ended < began) {
                    highest = highest.max(before);
                }
                assert!(sequence > highest, "{sequence} was sent after {highest} was answered");
            }
        }
    }

    /// Each event exactly once.
    fn check_once(&self, records: &[Record]) {
        let ids: BTreeSet<_> = records.iter().map(Record::id).collect();
        assert_eq!(ids.len(), records.len(), "an event is there twice");
        assert_eq!(ids.len(), self.events.len());
    }
}

/// An event without the moments at which it was received, which no sender knows.
fn timeless(event: &Value, quarantined: bool) -> Value {
    let mut event = event.clone();
    let members = event.as_object_mut().unwrap();
    members.remove("receivedtime").expect("every event says when it was received");
    if quarantined {
        members.remove("time").expect("every event has a time");
    }
    event
}

/// A number from the environment.
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Lets time pass that a part is about: an outage, not a guess at how long something takes.
async fn pass(seconds: u64) {
    let mut seconds = interval(Duration::from_secs(seconds));
    seconds.tick().await;
    seconds.tick().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_authentic_identity_is_on_its_topic_once_in_order_and_no_forgery() {
    let stand = Stand::start().await;
    let gate = stand.gate().await;
    for (good, summary) in stand.send_both(None, 0).await {
        assert!(good, "{summary}");
    }
    let judged = stand.judged();
    assert!(judged.forged.len() > 100);
    let records = stand.finish(gate, &judged).await;
    judged.check_once(&records);
    let (deliveries, silent) = judged.deliveries();
    assert_eq!(silent, 0);
    println!(
        "road: {deliveries} authentic deliveries of {} identities and {} forgeries; {} records, \
         each identity once and in order, forgeries nowhere, the ledger balances",
        judged.events.len(),
        judged.forged.len(),
        records.len(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_a_run_no_identity_that_got_200_is_missing() {
    let stand = Stand::start().await;
    let mut gate = stand.gate().await;
    let kills = async {
        for taken in [500, 1_500, 2_500] {
            stand.recorder.until_taken(taken).await;
            gate.kill().await;
            stand.recorder.leads(None);
            gate = stand.gate().await;
        }
        gate
    };
    let (_, gate) = tokio::join!(stand.send_both(Some(200), 10), kills);
    let judged = stand.judged();
    let promised = judged.promised().count();
    let mut client = Client::default();
    for (id, sent) in judged.promised() {
        let answer = client.ask(gate.public, &sent.exchanges[0].request.bytes).await.unwrap();
        assert_eq!((answer.outcome().as_str(), answer.event_id()), ("duplicate", id.clone()));
    }
    let records = stand.finish(gate, &judged).await;
    let (deliveries, silent) = judged.deliveries();
    println!(
        "kill -9 three times: {deliveries} authentic deliveries, {silent} without an answer; all \
         {promised} identities that got 200 are there; {} records, {} of them again",
        records.len(),
        records.len() - firsts(&records).len(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_every_authentic_delivery_gets_200_and_arrives_after() {
    let outage = asked("HOOKGATE_OUTAGE_SECONDS", 10);
    let stand = Stand::start().await;
    let gate = stand.gate().await;
    let stopped = async {
        stand.recorder.until_taken(200).await;
        stand.broker.order("kill").await;
        let before = stand.recorder.taken();
        pass(outage).await;
        let meanwhile = stand.recorder.taken() - before;
        let (status, said) = gate.readyz().await.unwrap();
        assert_eq!(status, 200, "{said}");
        let series = "hookgate_journal_unpublished{state=\"pending\"}";
        let waiting = gate.metric(series).await;
        assert!(waiting > 0.0 && meanwhile > 0);
        stand.broker.order("restart").await;
        (meanwhile, waiting)
    };
    let (sent, (meanwhile, waiting)) =
        tokio::join!(stand.send_both(Some(100), outage + 5), stopped);
    for (good, summary) in sent {
        assert!(good, "{summary}");
    }
    let judged = stand.judged();
    let (deliveries, silent) = judged.deliveries();
    assert_eq!((silent, judged.promised().count()), (0, judged.events.len()));
    let records = stand.finish(gate, &judged).await;
    println!(
        "broker killed for {outage} s: all {deliveries} authentic deliveries got 200, {meanwhile} \
         of them meanwhile ({waiting} events waited); all {} identities arrived; {} records, {} \
         of them again",
        judged.events.len(),
        records.len(),
        records.len() - firsts(&records).len(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forger_on_its_address_does_not_cost_daily_one_delivery() {
    let seconds = asked("HOOKGATE_FLOOD_SECONDS", 10);
    let rate = asked("HOOKGATE_FORGERIES_PER_SECOND", 1_000);
    let stand = Stand::start().await;
    let gate = stand.gate().await;
    let forger = Forger::new(&stand, rate, seconds);
    // With second copies and forgeries of its own, so that it ends about when the flood does.
    let repeat = (DAILY_PER_SECOND * seconds * 10 / 12).div_ceil(stored("daily"));
    let daily = stand.send("daily", Some(DAILY_PER_SECOND), repeat);
    let ((good, summary), flood) = tokio::join!(daily, forger.run(gate.public));
    assert!(good, "{summary}");
    let judged = stand.judged();
    let (deliveries, silent) = judged.deliveries();
    assert_eq!((silent, judged.promised().count()), (0, judged.events.len()));
    let records = stand.finish(gate, &judged).await;
    judged.check_once(&records);
    let mut took: Vec<_> = judged.events.values().flat_map(|sent| &sent.exchanges).collect();
    took.sort_unstable_by_key(|exchange| exchange.took);
    let within = |part: usize| took[(took.len() - 1) * part / 100].took.as_millis();
    let reached = flood.sent as f64 / flood.took.as_secs_f64();
    assert!(flood.sent >= rate * seconds, "only {} forgeries", flood.sent);
    println!(
        "forger: {} forgeries in {:.1} s ({reached:.0} a second, answered {:?}); all {deliveries} \
         authentic Daily deliveries got 200, within {} ms (p50), {} ms (p99), {} ms (all)",
        flood.sent,
        flood.took.as_secs_f64(),
        flood.answers,
        within(50),
        within(99),
        within(100),
    );
}

/// Somebody who does not know the secret, on many connections.
struct Forger {
    requests: Arc<[Vec<u8>]>,
    rate: u64,
    seconds: u64,
}

/// What became of it.
struct Flood {
    sent: u64,
    took: Duration,
    /// How often each answer came.
    answers: BTreeMap<String, u64>,
}

impl Forger {
    const CONNECTIONS: u64 = 64;

    /// Forgeries of Daily's fixtures: a body changed after it was signed, another signature, and
    /// none at all.
    fn new(stand: &Stand, rate: u64, seconds: u64) -> Self {
        let road = stand.roads.iter().find(|road| road.source.as_str() == "daily").unwrap();
        let fixtures = hookgate::cli::fixture::Fixture::read_all(&folders("daily")).unwrap();
        let bodies =
            fixtures.iter().filter_map(|fixture| String::from_utf8(fixture.body.clone()).ok());
        let requests = bodies.flat_map(|body| {
            let good = String::from_utf8(road.signed(&body)).unwrap();
            let (head, _) = good.split_once("\r\n\r\n").unwrap();
            let (rest, signature): (Vec<_>, Vec<_>) =
                head.split("\r\n").partition(|line| !line.contains("signature"));
            let (name, value) = signature[0].split_once(": ").unwrap();
            let other = format!("{name}: {}=", "A".repeat(value.len() - 1));
            let rest = rest.join("\r\n");
            [
                format!("{head}\r\n\r\n{}", body.replace('a', "e")),
                format!("{rest}\r\n{other}\r\n\r\n{body}"),
                format!("{rest}\r\n\r\n{body}"),
            ]
        });
        let requests: Vec<_> = requests.map(String::into_bytes).collect();
        for request in &requests {
            let request = Message::parse(request.clone()).unwrap();
            assert!(road.judge(&request).is_none(), "not a forgery: {request:?}");
        }
        Self { requests: requests.into(), rate, seconds }
    }

    async fn run(self, to: std::net::SocketAddr) -> Flood {
        let clock = Clock::system();
        let began = clock.steady();
        let mut running = JoinSet::new();
        let each = (self.rate * self.seconds).div_ceil(Self::CONNECTIONS);
        for lane in 0..Self::CONNECTIONS {
            let requests = Arc::clone(&self.requests);
            let mut pace = interval(Duration::from_secs(self.seconds) / each as u32);
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            running.spawn(async move {
                let mut client = Client::default();
                let mut answers = BTreeMap::<String, u64>::new();
                for number in 0..each {
                    pace.tick().await;
                    let request = &requests[(lane * each + number) as usize % requests.len()];
                    let answer = timeout(PATIENCE, client.ask(to, request)).await.unwrap();
                    let ending = answer.map_or("silence".to_owned(), |answer| {
                        format!("{} {}", answer.status(), answer.outcome())
                    });
                    assert!(!ending.starts_with("200"), "a forgery was taken");
                    *answers.entry(ending).or_default() += 1;
                }
                answers
            });
        }
        let mut answers = BTreeMap::<String, u64>::new();
        for (ending, count) in running.join_all().await.into_iter().flatten() {
            *answers.entry(ending).or_default() += count;
        }
        let took = clock.steady().saturating_sub(began);
        Flood { sent: answers.values().sum(), took, answers }
    }
}
