//! Authentic senders that go on whatever happens, and how they fare.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookgate::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::proof::PATIENCE;
use crate::proof::wire::Line;
use crate::target::{ATTACKER, Target, event};

/// From the attackers' own address, from another, and over IPv6.
const FROM: [IpAddr; 3] =
    [ATTACKER, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)), IpAddr::V6(Ipv6Addr::LOCALHOST)];
const EVERY: Duration = Duration::from_millis(20);

/// How authentic deliveries went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fared {
    pub(crate) taken: Vec<Duration>,
    /// Answered with anything but 200, or not at all.
    pub(crate) refused: u64,
}

/// The senders.
pub(crate) struct Honest {
    shared: Arc<Shared>,
    senders: JoinSet<()>,
}

struct Shared {
    since: Mutex<Fared>,
    all: Mutex<Fared>,
    taken: watch::Sender<u64>,
    ending: watch::Sender<bool>,
    clock: Clock,
}

impl Honest {
    pub(crate) fn start(target: &Target) -> Self {
        let shared = Arc::new(Shared {
            since: Mutex::default(),
            all: Mutex::default(),
            taken: watch::Sender::new(0),
            ending: watch::Sender::new(false),
            clock: Clock::system(),
        });
        let mut senders = JoinSet::new();
        for from in FROM {
            let (target, shared) = (target.clone(), shared.clone());
            senders.spawn(async move { shared.send(&target, from).await });
        }
        Self { shared, senders }
    }

    /// Waits until so many more were taken.
    pub(crate) async fn until_more(&self, more: u64) {
        let mut taken = self.shared.taken.subscribe();
        let wanted = *taken.borrow() + more;
        timeout(PATIENCE, taken.wait_for(|taken| *taken >= wanted)).await.expect("more").unwrap();
    }

    /// How they fared since they were last forgotten.
    pub(crate) fn fared(&self) -> Fared {
        self.shared.since.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        *self.shared.since.lock().unwrap() = Fared::default();
    }

    /// Ends them; how they fared in all.
    pub(crate) async fn end(self) -> Fared {
        self.shared.ending.send_replace(true);
        self.senders.join_all().await;
        self.shared.all.lock().unwrap().clone()
    }
}

impl Shared {
    async fn send(&self, target: &Target, from: IpAddr) {
        let mut beat = interval(EVERY);
        let mut kept = None;
        let mut number = 0;
        while !*self.ending.borrow() {
            beat.tick().await;
            number += 1;
            let request = target.signed(&event(&format!("{from}-{number}")));
            let began = self.clock.steady();
            // Every second one on a fresh connection, as an attacker would like it.
            let line = if number % 2 == 0 { kept.take() } else { None };
            let (line, status) = deliver(target, from, line, &request).await;
            let took = self.clock.steady().saturating_sub(began);
            kept = line.or(kept);
            for fared in [&self.since, &self.all] {
                let mut fared = fared.lock().unwrap();
                match status {
                    Some(200) => fared.taken.push(took),
                    Some(_) | None => fared.refused += 1,
                }
            }
            if status == Some(200) {
                self.taken.send_modify(|taken| *taken += 1);
            } else {
                println!("  an authentic sender at {from}, number {number}: {status:?}");
            }
        }
    }
}

async fn deliver(
    target: &Target,
    from: IpAddr,
    kept: Option<Line>,
    request: &[u8],
) -> (Option<Line>, Option<u16>) {
    let line = match kept {
        Some(line) => Some(line),
        None => target.connect(from).await.map(Line::taken),
    };
    let Some(mut line) = line else {
        return (None, None);
    };
    line.send(request).await;
    let answer = timeout(PATIENCE, line.next()).await.ok().flatten();
    let status = answer.as_ref().map(|answer| answer.status());
    let stays = answer.is_some_and(|answer| !answer.closes());
    (stays.then_some(line), status)
}
