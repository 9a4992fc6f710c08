//! A restart behind a socket that a supervisor holds, and a drain under load: as processes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookgate::publish::Embedded;
use serde_json::Value;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::proof::PATIENCE;
use crate::proof::consumer::{assert_in_order, firsts, read};
use crate::proof::gate::{Gate, Place};
use crate::proof::road::Road;
use crate::proof::wire::Client;

const SENDERS: u64 = 8;

/// Senders that post one event after the other: every second one on a fresh connection each, the
/// others on one that they keep as long as it is kept.
struct Senders {
    running: JoinSet<Vec<Ending>>,
    stop: watch::Sender<bool>,
    taken: watch::Receiver<u64>,
}

/// How one delivery ended: status and outcome, or no answer.
type Ending = Option<(u16, String)>;

impl Senders {
    fn start(road: &Arc<Road>, to: SocketAddr) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, taken) = watch::channel(0);
        let (count, numbers) = (Arc::new(count), Arc::new(AtomicU64::new(0)));
        let mut running = JoinSet::new();
        for sender in 0..SENDERS {
            let (road, numbers) = (Arc::clone(road), Arc::clone(&numbers));
            let (count, stopped) = (Arc::clone(&count), stopped.clone());
            running.spawn(async move {
                let mut client = Client::default();
                let mut endings = Vec::new();
                while !*stopped.borrow() {
                    let request = road.signed(&event(numbers.fetch_add(1, Ordering::Relaxed)));
                    if sender % 2 == 0 {
                        client = Client::default();
                    }
                    let kept = client.is_connected();
                    let mut answer = client.ask(to, &request).await;
                    if answer.is_none() && kept {
                        // A kept connection may have been closed as the post came: every HTTP
                        // client then posts again on a fresh one.
                        answer = client.ask(to, &request).await;
                    }
                    let ending = answer.as_ref().map(|answer| (answer.status(), answer.outcome()));
                    let over = ending.is_none();
                    count.send_modify(|count| *count += u64::from(!over));
                    endings.push(ending);
                    if over {
                        break;
                    }
                }
                endings
            });
        }
        Self { running, stop, taken }
    }

    /// Waits until so many more are answered.
    async fn until_more(&mut self, more: u64) {
        let wanted = *self.taken.borrow() + more;
        let waiting = timeout(PATIENCE, self.taken.wait_for(|taken| *taken >= wanted)).await;
        waiting.expect("deliveries are answered").unwrap();
    }

    async fn ended(self) -> Vec<Ending> {
        self.stop.send_replace(true);
        self.running.join_all().await.concat()
    }
}

pub(crate) fn event(number: u64) -> String {
    let room = number % 16;
    format!(
        r#"{{"version":"1.0.0","type":"meeting.started","id":"event-{number}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-{number:012}","room":"consult-{room:08x}"}},"event_ts":1795168800.6}}"#
    )
}

fn road(place: &Place) -> Arc<Road> {
    let mut roads = Road::all(place.config()).into_iter();
    Arc::new(roads.find(|road| road.source.as_str() == "daily").unwrap())
}

fn total(ledger: &[Value], what: &str) -> u64 {
    ledger.iter().map(|row| row[what].as_u64().unwrap()).sum()
}

fn assert_balanced(ledger: &[Value]) {
    for row in ledger {
        let at = |name: &str| row[name].as_u64().unwrap();
        let accounted = ["published", "pending", "held", "erased_unpublished"].map(at);
        assert_eq!(at("accepted") + at("quarantined"), accounted.iter().sum::<u64>(), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_behind_a_passed_socket_refuses_no_connection_and_no_delivery() {
    let broker = Embedded::start("video", 2).unwrap();
    let place = Place::new(broker.brokers(), "video", "50ms", "");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let mut gate = Gate::started(place.serve_on(&socket, "public")).await;
    assert_eq!(gate.public, to);
    let mut senders = Senders::start(&road(&place), to);
    for _ in 0..3 {
        senders.until_more(300).await;
        assert_balanced(&gate.stop().await);
        gate = Gate::started(place.serve_on(&socket, "public")).await;
    }
    senders.until_more(300).await;
    let endings = senders.ended().await;
    let good = Some((200, "accepted".to_owned()));
    let bad: Vec<_> = endings.iter().filter(|ending| **ending != good).collect();
    assert!(bad.is_empty(), "{bad:?} of {}", endings.len());
    gate.until_published().await;
    let ledger = gate.stop().await;
    assert_eq!(total(&ledger, "accepted"), endings.len() as u64);
    let records = read(&place.config().kafka).await;
    assert_eq!(firsts(&records).len(), endings.len());
    assert_in_order(&records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_behind_a_passed_socket_waits_for_no_absent_broker_and_no_slow_sender() {
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = Gate::started(place.serve_on(&socket, "public")).await;
    let request = road(&place).signed(&event(1));
    let mut slow = crate::gateway::Client::connect(gate.public).await;
    slow.send(&request[..request.len() - 1]).await;
    let clock = hookgate::clock::Clock::system();
    let began = clock.steady();
    let ledger = gate.stop().await;
    let took = clock.steady().saturating_sub(began);
    assert!(took < Duration::from_secs(45), "{took:?} of a deadline of 60 s");
    assert_eq!(total(&ledger, "accepted"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_named_admin_is_the_admin_listeners() {
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = Gate::started(place.serve_on(&socket, "admin")).await;
    assert_eq!(gate.admin, socket.local_addr().unwrap());
    assert_ne!(gate.public, gate.admin);
    assert_eq!(gate.readyz().await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_under_load_leaves_nothing_half_taken_and_publishes_what_it_can() {
    let broker = Embedded::start("video", 2).unwrap();
    let place = Place::new(broker.brokers(), "video", "50ms", "");
    let (taken, ledger) = drained_under_load(&place).await;
    assert_eq!(total(&ledger, "published"), taken);
    assert_eq!(total(&ledger, "pending"), 0);
    assert_eq!(firsts(&read(&place.config().kafka).await).len() as u64, taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_under_load_without_a_broker_keeps_everything_for_the_next_start() {
    let place = Place::of("127.0.0.1:1", "video", "50ms", "", "1s");
    let (taken, ledger) = drained_under_load(&place).await;
    assert_eq!((total(&ledger, "published"), total(&ledger, "pending")), (0, taken));
    let gate = Gate::start(&place).await;
    let road = road(&place);
    let mut client = Client::default();
    for number in 0..100 {
        let answer = client.ask(gate.public, &road.signed(&event(number))).await.unwrap();
        assert_eq!(answer.outcome(), "duplicate", "{number} was taken before the drain");
    }
}

/// A backlog that never empties must not keep the listener, nor what comes after its closing.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_come_and_go_hold_no_stop_beyond_its_deadline() {
    let place = Place::of("127.0.0.1:1", "video", "1ms", "", "2s");
    let gate = Gate::start(&place).await;
    let to = gate.public;
    let mut client = Client::default();
    let answer = client.ask(to, &road(&place).signed(&event(1))).await.unwrap();
    assert_eq!(answer.outcome(), "accepted");
    let (count, mut counted) = watch::channel(0_u64);
    let count = Arc::new(count);
    let mut flood = JoinSet::new();
    for _ in 0..4 * SENDERS {
        let count = Arc::clone(&count);
        flood.spawn(async move {
            while let Ok(stream) = TcpStream::connect(to).await {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                count.send_modify(|count| *count += 1);
            }
        });
    }
    let flooded = timeout(PATIENCE, counted.wait_for(|count| *count >= 1_000)).await;
    flooded.expect("connections come").unwrap();
    let clock = hookgate::clock::Clock::system();
    let began = clock.steady();
    let ledger = gate.stop().await;
    let took = clock.steady().saturating_sub(began);
    assert!(took < Duration::from_secs(60), "{took:?} of a deadline of 2 s");
    assert_eq!((total(&ledger, "accepted"), total(&ledger, "pending")), (1, 1));
    // Nobody listens any more: each ends by itself.
    flood.join_all().await;
}

/// Stops a gateway in the middle of a load: how many got 200, and the ledger it left in its log.
async fn drained_under_load(place: &Place) -> (u64, Vec<Value>) {
    let gate = Gate::start(place).await;
    let mut senders = Senders::start(&road(place), gate.public);
    senders.until_more(300).await;
    let ledger = gate.stop().await;
    let endings = senders.ended().await;
    assert_balanced(&ledger);
    let answered: Vec<_> = endings.into_iter().flatten().collect();
    // A refused connection is the end of a sender; whoever was let in is answered with 200.
    let accepted = ("accepted".to_owned(), 200);
    let others = answered.iter().filter(|(status, outcome)| {
        (outcome.clone(), *status) != accepted && outcome != "draining"
    });
    assert_eq!(others.count(), 0, "{answered:?}");
    let taken = answered.iter().filter(|(status, _)| *status == 200).count() as u64;
    // An answer may be lost with its connection, an event that was answered never.
    let kept = total(&ledger, "accepted");
    assert!((taken..=taken + SENDERS).contains(&kept), "{taken} got 200, {kept} are kept");
    (kept, ledger)
}
