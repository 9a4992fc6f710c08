//! What happens while `dev` runs: deliveries go out, records come in, and the screen says both.
//!
//! The order is the viewer's: first the story, then what it came to, then the lines to paste; from
//! there on whatever arrives is shown until the end. A delivery that has begun is never given up,
//! so that the counts here and the ledger's can be compared.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::counts::Counts;
use super::screen::Screen;
use super::sender::Sender;
use super::{Dev, Places, paste, story};
use crate::bounds::{DEV_GLANCE, DEV_READ_BEHIND};
use crate::journal::{Journal, LedgerRow};
use crate::publish::Received;

/// The provider's side, the consumer's side, and the screen between them.
pub(super) struct Stage {
    sender: Sender,
    arrived: mpsc::Receiver<Received>,
    journal: Journal,
    counts: Counts,
    screen: Screen,
}

impl Stage {
    pub(super) fn new(sender: Sender, arrived: mpsc::Receiver<Received>, journal: Journal) -> Self {
        Self { sender, arrived, journal, counts: Counts::default(), screen: Screen::new() }
    }

    /// Says what is to be seen.
    pub(super) fn greet(&mut self, at: &Places) {
        let screen = &mut self.screen;
        screen.title("hookgate dev: the whole road on this machine, nothing leaves it");
        screen.entry("webhooks", &format!("http://{}/v1/webhooks/daily and /livekit", at.public));
        screen.entry("health", &format!("http://{}/readyz and /metrics", at.admin));
        screen.entry("kafka", &format!("{} (embedded, in memory)", at.brokers));
        screen.line("");
        screen
            .line("  POST is what a provider says, and the answer: 200 means on disk, with fsync.");
        screen.line("  READ is what a consumer gets from Kafka: once, without the person.");
        screen.line("");
    }

    /// Shows deliveries and records until `end`.
    pub(super) async fn run(
        &mut self,
        args: &Dev,
        at: &Places,
        end: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let mut end = pin!(end);
        let mut scenes = story::told(args.tellings());
        let mut telling = true;
        let mut ticks = interval(Duration::from_secs_f64(1.0 / args.rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut end => return Ok(()),
                Some(record) = self.arrived.recv() => self.read(&record),
                _ = ticks.tick(), if telling => {
                    if let Some((number, scene)) = scenes.next() {
                        let posted = self.sender.post(scene, number).await?;
                        self.counts.posted(&posted);
                        self.screen.posted(&posted);
                        continue;
                    }
                    telling = false;
                    if args.tellings() > 0 {
                        self.totals("Totals so far").await?;
                    }
                    paste::lines(&self.sender, at, &mut self.screen)?;
                }
            }
        }
    }

    /// Prints what came and went, once the consumer has read what was taken.
    pub(super) async fn totals(&mut self, title: &str) -> anyhow::Result<()> {
        let ledger = self.behind().await?;
        self.counts.show(title, &ledger, &mut self.screen);
        Ok(())
    }

    /// Reads on until the ledger says that there is no more, or patience ends; the ledger then.
    async fn behind(&mut self) -> anyhow::Result<Vec<LedgerRow>> {
        let mut patience = pin!(sleep(DEV_READ_BEHIND));
        let mut glances = interval(DEV_GLANCE);
        glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut patience => return self.ledger().await,
                Some(record) = self.arrived.recv() => self.read(&record),
                _ = glances.tick() => {
                    let ledger = self.ledger().await?;
                    if self.counts.caught_up(&ledger) {
                        return Ok(ledger);
                    }
                }
            }
        }
    }

    fn read(&mut self, record: &Received) {
        self.counts.read(record);
        self.screen.read(record);
    }

    async fn ledger(&self) -> anyhow::Result<Vec<LedgerRow>> {
        let journal = self.journal.clone();
        Ok(spawn_blocking(move || journal.ledger()).await??)
    }
}
