//! One chapter's stand: a gateway with its house, the senders, the broker; and its end, where the
//! books are compared.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hookgate::clock::Clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use tokio::task::JoinHandle;

use crate::broker::Broker;
use crate::disk::Disk;
use crate::gate::{Gate, House};
use crate::judge::{self, Leave, Verdict};
use crate::pace::pass;
use crate::plan::Plan;
use crate::proof::PATIENCE;
use crate::senders::Senders;
use crate::topics;

/// What a chapter works on.
pub(crate) struct Stand {
    pub(crate) broker: Arc<Broker>,
    pub(crate) house: House,
    pub(crate) gate: Gate,
    pub(crate) senders: Senders,
    pub(crate) rng: StdRng,
    pub(crate) leave: Leave,
    /// Under the journal, where the chapter wants one; goes after the gateway.
    pub(crate) disk: Option<Disk>,
    /// A broker on its way back.
    returning: Option<JoinHandle<Result<String>>>,
    /// How long the last start took.
    rose_in: Duration,
    sky: Arc<AtomicI64>,
}

impl Stand {
    /// Starts a gateway and its senders; `more` are variables of its first life.
    pub(crate) async fn start(
        plan: &Plan,
        broker: Arc<Broker>,
        (house, disk): (House, Option<Disk>),
        fat: bool,
        more: &[(&str, String)],
        seed: u64,
    ) -> Result<Self> {
        let began = Clock::system().steady();
        let gate = Gate::spawn(&house, more)?;
        ensure!(gate.opens().await, "the gateway does not start; see {:?}", house.folder);
        let rose_in = Clock::system().steady().saturating_sub(began);
        let sky = Arc::new(AtomicI64::new(0));
        let (to, roads) = (house.public, house.roads());
        let senders = Senders::start(plan, fat, seed, to, roads, Arc::clone(&sky));
        let leave = Leave { doubled: plan.delivery == "at_least_once", ..Leave::default() };
        let rng = StdRng::seed_from_u64(seed.rotate_left(17));
        let returning = None;
        Ok(Self { broker, house, gate, senders, rng, leave, disk, returning, rose_in, sky })
    }

    /// A stretch of ordinary work: so many more are answered 200.
    pub(crate) async fn work(&mut self, more: u64) -> Result<()> {
        let mut taken = self.senders.notes().taken();
        let wanted = *taken.borrow() + more;
        let waiting = tokio::time::timeout(PATIENCE, taken.wait_for(|taken| *taken >= wanted));
        waiting.await.context("nothing is taken any more")??;
        Ok(())
    }

    /// So many more are refused: the road says that it is closed instead of lying.
    pub(crate) async fn shed(&mut self, more: u64) -> Result<()> {
        let mut shed = self.senders.notes().shed();
        let wanted = *shed.borrow() + more;
        let waiting = tokio::time::timeout(PATIENCE, shed.wait_for(|shed| *shed >= wanted));
        waiting.await.context("nothing is refused")??;
        Ok(())
    }

    /// A moment that chance chooses, up to so many milliseconds.
    pub(crate) async fn moment(&mut self, millis: u64) {
        let wait = self.rng.random_range(0..=millis * 1_000);
        pass(Duration::from_micros(wait)).await;
    }

    /// A new life for the gateway.
    pub(crate) async fn rise(&mut self) -> Result<()> {
        let clock = Clock::system();
        let began = clock.steady();
        self.gate = Gate::spawn(&self.house, &[])?;
        let folder = &self.house.folder;
        ensure!(self.gate.opens().await, "the gateway does not start again; see {folder:?}");
        self.rose_in = clock.steady().saturating_sub(began);
        Ok(())
    }

    /// One that is not lived to its end: it is left at a moment of its start.
    pub(crate) async fn stir(&mut self) -> Result<()> {
        self.gate = Gate::spawn(&self.house, &[])?;
        let start = self.rose_in.as_millis() as u64 * 3 / 2;
        self.moment(start.max(10)).await;
        Ok(())
    }

    /// Takes the broker away.
    pub(crate) async fn lose_broker(&mut self) -> Result<()> {
        self.broker_back().await?;
        self.broker.order("kill").await.map(drop)
    }

    /// Has it started again; it takes its time, and nobody waits for it here.
    pub(crate) fn return_broker(&mut self) {
        let broker = Arc::clone(&self.broker);
        self.returning = Some(tokio::spawn(async move { broker.order("restart").await }));
    }

    /// Waits until it is back.
    pub(crate) async fn broker_back(&mut self) -> Result<()> {
        match self.returning.take() {
            Some(returning) => returning.await?.map(drop),
            None => Ok(()),
        }
    }

    /// Steps the gateway's clock, and with it the time by which deliveries are signed.
    pub(crate) fn step(&mut self, seconds: i64) -> Result<()> {
        self.leave.aged = true;
        self.sky.store(seconds * 1_000, Ordering::SeqCst);
        self.house.step(seconds)
    }

    /// Ends the senders and the gateway, and judges.
    pub(crate) async fn judged(mut self) -> Result<Verdict> {
        self.senders.finish().await;
        self.broker_back().await?;
        self.gate.until_published().await?;
        let ledger = self.gate.stop().await?;
        let records = topics::read(&self.house.brokers, &self.house.prefix).await?;
        let journal = judge::rows(&self.house.journal)?;
        let book = self.senders.notes().book();
        book.write(&self.house.folder.join("answers.jsonl"))?;
        let mut verdict = judge::judge(&book, &records, &journal, &ledger, self.leave);
        if let Some(line) = panicked(&self.house.folder.join("gate.log"))? {
            verdict.ledger.push(format!("a thread of the gateway panicked: {line}"));
        }
        Ok(verdict)
    }
}

fn panicked(log: &Path) -> Result<Option<String>> {
    let log = std::fs::read_to_string(log)?;
    Ok(log.lines().find(|line| line.contains("a thread panicked")).map(str::to_owned))
}
