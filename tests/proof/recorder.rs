//! Stands between a sender and the gateway, passes everything on, and keeps what went by.
//!
//! While there is no gateway, requests wait here, as they would at a load balancer; one that was
//! under way when the gateway ended gets no answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookgate::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::PATIENCE;
use super::wire::{Client, Line, Message};

/// One request with its answer, if one came.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Message,
    pub(crate) answer: Option<Message>,
    /// Its place among all beginnings and ends.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) took: Duration,
}

/// Everything that goes by.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    kept: Arc<Kept>,
    _serving: JoinSet<()>,
}

struct Kept {
    to: watch::Sender<Option<SocketAddr>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// Answers with 200.
    taken: watch::Sender<u64>,
    ticks: AtomicU64,
    clock: Clock,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept {
            to: watch::Sender::new(None),
            exchanges: Mutex::default(),
            taken: watch::Sender::new(0),
            ticks: AtomicU64::new(0),
            clock: Clock::system(),
        });
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&kept);
        serving.spawn(async move {
            let mut lines = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&shared);
                lines.spawn(async move { kept.pass(Line::taken(stream)).await });
            }
        });
        Self { address, kept, _serving: serving }
    }

    /// Where requests go from now on; `None`: they wait.
    pub(crate) fn leads(&self, to: Option<SocketAddr>) {
        self.kept.to.send_replace(to);
    }

    /// How many answers had status 200.
    pub(crate) fn taken(&self) -> u64 {
        *self.kept.taken.borrow()
    }

    /// Waits until so many answers had status 200.
    pub(crate) async fn until_taken(&self, count: u64) {
        let mut taken = self.kept.taken.subscribe();
        let waiting = timeout(PATIENCE, taken.wait_for(|taken| *taken >= count)).await;
        waiting.unwrap_or_else(|_| panic!("never {count} with 200")).unwrap();
    }

    /// What went by until now.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.kept.exchanges.lock().unwrap().clone()
    }
}

impl Kept {
    async fn pass(&self, mut sender: Line) {
        let mut gateway = Client::default();
        while let Some(request) = sender.next().await {
            let to = self.to.subscribe().wait_for(Option::is_some).await.unwrap().unwrap();
            let (began, begun) = (self.tick(), self.clock.steady());
            let answer = gateway.ask(to, &request.bytes).await;
            let took = self.clock.steady().saturating_sub(begun);
            let exchange =
                Exchange { request, answer: answer.clone(), began, ended: self.tick(), took };
            self.exchanges.lock().unwrap().push(exchange);
            let Some(answer) = answer else { return };
            if answer.status() == 200 {
                self.taken.send_modify(|taken| *taken += 1);
            }
            if !sender.send(&answer.bytes).await || answer.closes() {
                return;
            }
        }
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }
}
