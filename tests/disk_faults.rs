//! What 200 is worth when the disk fails, fills up, or the process is killed.
//!
//! The built binary runs `serve` on an embedded broker while senders post. Faults are put between
//! the process and its disk by strace (`apt-get install strace`), which needs to be allowed to
//! trace: where it is missing or denied these tests fail and say so.
//!
//! Of a delivery that got 200 nothing is lost, and sent again it is a duplicate. One that got none
//! may be on disk or not: a failed fsync leaves open which. A full disk does not leave it open: what
//! it refused is not there, and its identity is free.

#![cfg(test)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookgate::publish::Embedded;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

mod proof;

use proof::PATIENCE;
use proof::consumer::{assert_in_order, firsts, read};
use proof::gate::{Gate, Place};
use proof::road::Road;
use proof::wire::{Client, Message};

const SENDERS: u64 = 8;

/// Faults between a process and its disk, as long as this lives.
struct Fault(Child);

impl Fault {
    /// Attaches to all threads; `only` are the files that it is about.
    async fn attach(gate: &Gate, inject: &str, only: &[&Path]) -> Self {
        let id = gate.id().to_string();
        let calls = inject.split(':').next().unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-p", &id, "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={inject}")]);
        for file in only {
            strace.arg("-P").arg(file);
        }
        let spawned = strace.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = spawned.expect("strace is needed here: apt-get install strace");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains(" attached") {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("strace says something");
            let Some(line) = line.unwrap() else {
                panic!("strace cannot attach; ptrace must be allowed here. It said: {said}");
            };
            said += &line;
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self(child)
    }

    /// Lets go; the process runs on.
    async fn detach(mut self) {
        let id = self.0.id().expect("strace is still attached").to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        timeout(PATIENCE, self.0.wait()).await.expect("strace ends").unwrap();
    }
}

/// An embedded broker that outlives gateways, and one folder for them.
struct Stand {
    _broker: Embedded,
    place: Place,
    road: Arc<Road>,
}

impl Stand {
    fn new(grace: &str) -> Self {
        let broker = Embedded::start("video", 2).unwrap();
        let place = Place::new(broker.brokers(), "video", grace, "");
        let roads = Road::all(place.config());
        let road = roads.into_iter().find(|road| road.source.as_str() == "daily").unwrap();
        Self { _broker: broker, place, road: Arc::new(road) }
    }

    async fn post(&self, gate: &Gate, number: u64) -> Message {
        let request = self.road.signed(&event(number));
        let answer = Client::default().ask(gate.public, &request).await;
        answer.unwrap_or_else(|| panic!("no answer to {number}"))
    }

    /// Sends the same events again; how each ended.
    async fn again(&self, gate: &Gate, numbers: &[u64]) -> Vec<(u64, Message)> {
        let mut client = Client::default();
        let mut answers = Vec::new();
        for &number in numbers {
            let answer = client.ask(gate.public, &self.road.signed(&event(number))).await;
            answers.push((number, answer.expect("an answer")));
        }
        answers
    }

    /// Each of these is on disk already.
    async fn assert_kept(&self, gate: &Gate, kept: &[u64]) {
        for (number, answer) in self.again(gate, kept).await {
            let ending = (answer.status(), answer.outcome());
            assert_eq!(ending, (200, "duplicate".to_owned()), "{number} got 200 before");
        }
    }

    /// Drains the gateway; its ledger balances and consumers read all of these, and nothing else.
    async fn assert_read(&self, gate: Gate, numbers: impl IntoIterator<Item = u64>) -> usize {
        let wanted: BTreeSet<_> = numbers.into_iter().map(|number| self.id(number)).collect();
        gate.until_published().await;
        let ledger = gate.stop().await;
        let records = read(&self.place.config().kafka).await;
        let found: BTreeSet<_> = firsts(&records).into_keys().map(str::to_owned).collect();
        assert_eq!(found, wanted);
        assert_in_order(&records);
        let total = |what: &str| ledger.iter().map(|row| row[what].as_u64().unwrap()).sum::<u64>();
        assert_eq!(total("accepted") + total("quarantined"), wanted.len() as u64, "{ledger:?}");
        assert_eq!((total("published"), total("pending")), (wanted.len() as u64, 0), "{ledger:?}");
        records.len()
    }

    /// The event's name, by the rules.
    fn id(&self, number: u64) -> String {
        let request = Message::parse(self.road.signed(&event(number))).unwrap();
        self.road.judge(&request).expect("it is authentic").id().to_string()
    }
}

fn event(number: u64) -> String {
    let room = number % 16;
    format!(
        r#"{{"version":"1.0.0","type":"meeting.started","id":"event-{number}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-{number:012}","room":"consult-{room:08x}"}},"event_ts":1795168800.6}}"#
    )
}

/// How one delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    Taken,
    Refused,
    Silence,
}

/// Senders that post one event after the other until they are told to stop.
struct Senders {
    running: JoinSet<Vec<(u64, Ending)>>,
    stop: watch::Sender<bool>,
    taken: watch::Receiver<u64>,
}

impl Senders {
    fn start(stand: &Stand, to: SocketAddr, numbers: &Arc<AtomicU64>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, taken) = watch::channel(0);
        let count = Arc::new(count);
        let mut running = JoinSet::new();
        for _ in 0..SENDERS {
            let (road, numbers) = (Arc::clone(&stand.road), Arc::clone(numbers));
            let (count, stopped) = (Arc::clone(&count), stopped.clone());
            running.spawn(async move {
                let mut client = Client::default();
                let mut endings = Vec::new();
                while !*stopped.borrow() {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let answer = client.ask(to, &road.signed(&event(number))).await;
                    let ending = ending(answer.as_ref());
                    if ending == Ending::Taken {
                        count.send_modify(|count| *count += 1);
                    }
                    let over = ending == Ending::Silence;
                    endings.push((number, ending));
                    if over {
                        break;
                    }
                }
                endings
            });
        }
        Self { running, stop, taken }
    }

    /// Waits until so many got 200.
    async fn until_taken(&mut self, count: u64) {
        let waiting = timeout(PATIENCE, self.taken.wait_for(|taken| *taken >= count)).await;
        waiting.expect("deliveries are taken").unwrap();
    }

    /// Waits until every sender has met the end of the gateway, or stops them.
    async fn ended(self, stop: bool) -> Vec<(u64, Ending)> {
        self.stop.send_replace(stop);
        self.running.join_all().await.concat()
    }
}

/// Nothing but what the contract allows comes back.
fn ending(answer: Option<&Message>) -> Ending {
    let Some(answer) = answer else {
        return Ending::Silence;
    };
    match (answer.status(), answer.outcome().as_str()) {
        (200, "accepted") => Ending::Taken,
        (503, "journal_unavailable") => Ending::Refused,
        (status, outcome) => panic!("{status} {outcome}"),
    }
}

fn those(endings: &[(u64, Ending)], wanted: &Ending) -> Vec<u64> {
    endings.iter().filter(|(_, ending)| ending == wanted).map(|(number, _)| *number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_refuses_ends_the_process_and_loses_nothing_that_got_200() {
    let stand = Stand::new("10s");
    let mut gate = Gate::start(&stand.place).await;
    let numbers = Arc::new(AtomicU64::new(0));
    let mut senders = Senders::start(&stand, gate.public, &numbers);
    senders.until_taken(100).await;
    let _fault = Fault::attach(&gate, "fsync,fdatasync:error=EIO:when=40+", &[]).await;
    let said = gate.until_readyz(503).await;
    let reason = said["checks"]["journal"]["reason"].as_str();
    assert!(reason.is_some_and(|reason| !reason.is_empty()), "{said}");
    for _ in 0..3 {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let answer = stand.post(&gate, number).await;
        assert_eq!((answer.status(), answer.outcome().as_str()), (503, "journal_unavailable"));
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let endings = senders.ended(true).await;
    assert_eq!(gate.ended().await.code(), Some(1), "{:#?}", gate.said());
    let (taken, refused) = (those(&endings, &Ending::Taken), those(&endings, &Ending::Refused));
    assert!(taken.len() >= 100 && !refused.is_empty());

    let gate = Gate::start(&stand.place).await;
    stand.assert_kept(&gate, &taken).await;
    let open: Vec<_> =
        (0..numbers.load(Ordering::Relaxed)).filter(|n| !taken.contains(n)).collect();
    let mut there = 0;
    for (number, answer) in stand.again(&gate, &open).await {
        let outcome = answer.outcome();
        assert!(matches!(&*outcome, "accepted" | "duplicate"), "{number}: {answer:?}");
        there += usize::from(outcome == "duplicate");
    }
    // Only the commit whose fsync failed may be on disk; what came later was never written.
    assert!(there <= SENDERS as usize, "{there} of {} refused ones were on disk", open.len());
    let records = stand.assert_read(gate, 0..numbers.load(Ordering::Relaxed)).await;
    println!(
        "failed fsync: {} got 200 and all are kept; {} got none, {there} of them on disk all the \
         same; {records} records",
        taken.len(),
        open.len(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_recovers_by_itself_and_loses_nothing_that_got_200() {
    let stand = Stand::new("1ms");
    let gate = Gate::start(&stand.place).await;
    let numbers = Arc::new(AtomicU64::new(0));
    let mut senders = Senders::start(&stand, gate.public, &numbers);
    senders.until_taken(100).await;
    let files = ["journal.db", "journal.db-wal"].map(|name| stand.place.journal(name));
    let files = files.each_ref().map(|file| file.as_path());
    let fault = Fault::attach(&gate, "pwrite64,write:error=ENOSPC", &files).await;
    let said = gate.until_readyz(503).await;
    assert_eq!(said["checks"]["journal"]["reason"], "the disk is full", "{said}");
    let refused = stand.post(&gate, numbers.fetch_add(1, Ordering::Relaxed)).await;
    assert_eq!((refused.status(), refused.outcome().as_str()), (503, "journal_unavailable"));
    fault.detach().await;
    let clock = hookgate::clock::Clock::system();
    let freed = clock.steady();
    gate.until_readyz(200).await;
    let recovered = clock.steady().saturating_sub(freed);
    let before = *senders.taken.borrow();
    senders.until_taken(before + 100).await;
    let endings = senders.ended(true).await;
    let taken = those(&endings, &Ending::Taken);
    assert_eq!(those(&endings, &Ending::Silence), Vec::<u64>::new());
    stand.assert_kept(&gate, &taken).await;
    let open: Vec<_> =
        (0..numbers.load(Ordering::Relaxed)).filter(|n| !taken.contains(n)).collect();
    for (number, answer) in stand.again(&gate, &open).await {
        assert_eq!(answer.outcome(), "accepted", "{number} was refused and must not be on disk");
    }
    let records = stand.assert_read(gate, 0..numbers.load(Ordering::Relaxed)).await;
    println!(
        "full disk: {} got 200 and all are kept; {} were refused and taken when sent again; ready \
         {} ms after there was room; {records} records",
        taken.len(),
        open.len(),
        recovered.as_millis(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_three_times_nothing_that_got_200_is_missing() {
    let stand = Stand::new("1ms");
    let numbers = Arc::new(AtomicU64::new(0));
    let mut endings = Vec::new();
    for round in 1..=3 {
        let gate = Gate::start(&stand.place).await;
        let mut senders = Senders::start(&stand, gate.public, &numbers);
        senders.until_taken(100 * round).await;
        gate.kill().await;
        endings.extend(senders.ended(false).await);
    }
    let taken = those(&endings, &Ending::Taken);
    let silent = those(&endings, &Ending::Silence);
    assert_eq!(those(&endings, &Ending::Refused), Vec::<u64>::new());
    let gate = Gate::start(&stand.place).await;
    stand.assert_kept(&gate, &taken).await;
    let mut there = 0;
    for (number, answer) in stand.again(&gate, &silent).await {
        let outcome = answer.outcome();
        assert!(matches!(&*outcome, "accepted" | "duplicate"), "{number}: {answer:?}");
        there += usize::from(outcome == "duplicate");
    }
    let records = stand.assert_read(gate, 0..numbers.load(Ordering::Relaxed)).await;
    println!(
        "kill -9 three times: {} got 200 and all are kept; {} got no answer, {there} of them on \
         disk; {records} records",
        taken.len(),
        silent.len(),
    );
}

/// Starts a gateway with faults from its first call on: exit code, and what it said.
async fn started_with(
    place: &Place,
    calls: &str,
    inject: &str,
    only: Option<&Path>,
) -> (Option<i32>, String) {
    let serve = place.serve();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    strace.args(["-e", &format!("inject={inject}")]);
    if let Some(file) = only {
        strace.arg("-P").arg(file);
    }
    strace.arg(serve.as_std().get_program()).args(serve.as_std().get_args());
    let set = serve.as_std().get_envs();
    strace.envs(set.filter_map(|(name, value)| Some((name, value?)))).env_remove("RUST_LOG");
    let strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null());
    let spawned = strace.kill_on_drop(true).spawn();
    let child = spawned.expect("strace is needed here: apt-get install strace");
    let ended = timeout(PATIENCE, child.wait_with_output()).await;
    let ended = ended.expect("it ends by itself").unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[tokio::test]
async fn a_journal_on_a_network_file_system_is_refused_at_the_start() {
    let stand = Stand::new("1ms");
    // The kernel's answer to statfs(2) begins with the number of NFS.
    let nfs = "statfs:poke_exit=@arg2=6969000000000000";
    let (code, said) = started_with(&stand.place, "statfs", nfs, None).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("lies on NFS") && said.contains("put it on a local disk"), "{said}");
}

#[tokio::test]
async fn a_disk_without_room_for_a_journal_is_refused_at_the_start() {
    let stand = Stand::new("1ms");
    let (code, said) = started_with(&stand.place, "pwrite64", "pwrite64:error=ENOSPC", None).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the disk is full") && said.contains("make room"), "{said}");
    Gate::start(&stand.place).await.stop().await;
}

#[tokio::test]
async fn a_disk_that_fails_at_the_start_is_refused() {
    let stand = Stand::new("1ms");
    Gate::start(&stand.place).await.stop().await;
    let file = stand.place.journal("journal.db");
    let failing = "pread64:error=EIO";
    let (code, said) = started_with(&stand.place, "pread64", failing, Some(&file)).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be opened (SQLite code"), "{said}");
    Gate::start(&stand.place).await.stop().await;
}
