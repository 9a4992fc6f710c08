//! What the admin door shows, and the gauges that nobody pushes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::StartError;
use super::certificates::Certificates;
use crate::bounds::{GAUGES_EVERY, PEERS_SWEEP};
use crate::clock::{Clock, Timestamp};
use crate::courier::{Kafka, Status};
use crate::desk::{CheckStatus, Instruments, Trends};
use crate::edge::{Board, Check, Readiness, Standing};
use crate::intake::{Source, Sources};
use crate::journal::{Health, Journal, LedgerRow, ReadError, Retention};
use crate::publish::Delivery;
use crate::telemetry::Telemetry;
use crate::throttle::Peers;

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// Deliveries are still taken.
    Grace,
    /// The listener is closed.
    Finishing,
    /// What comes now is turned away.
    Over,
}

/// Where everything that is shown can be seen.
pub(super) struct Panel {
    journal: Journal,
    health: watch::Receiver<Health>,
    courier: Option<watch::Receiver<Status>>,
    telemetry: Arc<Telemetry>,
    sources: Arc<Sources>,
    trends: Arc<Trends>,
    certificates: Arc<Certificates>,
    stopping: watch::Sender<Option<Stopping>>,
    /// One reading of the journal at a time, however many ask.
    reading: Mutex<()>,
}

impl Panel {
    pub(super) fn new(
        journal: Journal,
        courier: Option<watch::Receiver<Status>>,
        telemetry: Arc<Telemetry>,
        sources: Arc<Sources>,
        certificates: Arc<Certificates>,
        clock: &Clock,
    ) -> Self {
        Self {
            health: journal.health(),
            journal,
            courier,
            telemetry,
            sources,
            trends: Arc::new(Trends::new(clock.clone())),
            certificates,
            stopping: watch::Sender::new(None),
            reading: Mutex::new(()),
        }
    }

    /// From now on not ready.
    pub(super) fn stopping(&self, how_far: Stopping) {
        self.stopping.send_replace(Some(how_far));
    }

    /// Whether the gateway is about to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.borrow().is_some()
    }

    /// Sets what must not begin at zero: when the last event of each of these sources came.
    pub(super) async fn restore(&self, sources: &[Arc<Source>]) -> Result<(), StartError> {
        let seen = self.look().await?;
        for source in sources {
            let row = seen.ledger.iter().find(|row| row.source == source.name);
            if let Some(last) = row.and_then(|row| row.last_received) {
                source.meters.last_event.set(last.seconds());
            }
        }
        self.show(&seen);
        Ok(())
    }

    /// Reads the gauges anew. A journal that cannot be read is said, and shown by `/readyz`.
    async fn refresh(&self) {
        let _one_at_a_time = self.reading.lock().await;
        self.certificates.show(&self.telemetry);
        match self.look().await {
            Ok(seen) => self.show(&seen),
            Err(error) => tracing::warn!(%error, "the gauges cannot be read anew"),
        }
    }

    async fn look(&self) -> Result<Seen, StartError> {
        let journal = self.journal.clone();
        let seen = spawn_blocking(move || {
            Ok::<_, ReadError>(Seen {
                ledger: journal.ledger()?,
                bytes: journal.bytes(),
                free: journal.disk_free(),
            })
        });
        let seen = seen.await;
        Ok(seen.map_err(|error| StartError::Defect(error.to_string()))??)
    }

    fn show(&self, seen: &Seen) {
        let gateway = &self.telemetry.gateway;
        gateway.journal_bytes.set(seen.bytes as f64);
        gateway.damaged_events.set(self.journal.damaged_events() as f64);
        if let Some(free) = seen.free {
            gateway.disk_free.set(free as f64);
        }
        let sum = |of: fn(&LedgerRow) -> u64| seen.ledger.iter().map(of).sum::<u64>() as f64;
        gateway.pending.set(sum(|row| row.pending));
        gateway.held.set(sum(|row| row.held));
        for row in &seen.ledger {
            if let Some(source) = self.source(row) {
                source.meters.ledger_imbalance.set(imbalance(row));
            }
        }
    }

    /// Notes what rates and growth are told by.
    fn note(&self) {
        let sources = self.sources.now();
        let deliveries = sources.iter().map(|source| {
            (source.name.clone(), source.meters.endings().map(|(_, count)| count).sum())
        });
        self.trends.note(deliveries.collect(), self.journal.bytes());
    }

    /// What the desk tells the status by.
    pub(super) fn instruments(
        self: &Arc<Self>,
        (delivery, retention): (Delivery, Retention),
        started: Timestamp,
    ) -> Instruments {
        let (checked, telemetry) = (self.clone(), self.telemetry.clone());
        let certificates = self.certificates.clone();
        Instruments {
            courier: self.courier.clone(),
            lag_seconds: Box::new(move || telemetry.gateway.publish_lag.value()),
            trends: self.trends.clone(),
            checks: Box::new(move || checked.checks()),
            certificates: Box::new(move |now| certificates.status(now)),
            delivery,
            retention,
            started,
        }
    }

    /// Each dependency by name, as the desk tells it.
    fn checks(&self) -> BTreeMap<String, CheckStatus> {
        let told = |Check { status, reason }: Check| CheckStatus {
            status: status.as_str().to_owned(),
            reason,
        };
        let checks = self.readiness().checks.into_iter();
        checks.map(|(name, check)| (name.to_owned(), told(check))).collect()
    }

    fn source(&self, row: &LedgerRow) -> Option<Arc<Source>> {
        self.sources.named(&row.source)
    }

    fn journal_check(&self) -> Check {
        if let (Health::Ok, Some(error)) = (*self.health.borrow(), self.journal.unreadable()) {
            let reason =
                format!("events wait that cannot be read: {error}: run hookgate journal check");
            return Check::not(Standing::Degraded, reason);
        }
        match *self.health.borrow() {
            Health::Ok if self.journal.is_retention_stopped() => Check::not(
                Standing::Degraded,
                "retention stopped at a damaged page: run hookgate journal check",
            ),
            Health::Ok => match self.journal.damaged_events() {
                0 => Check::ok(),
                damaged => Check::not(
                    Standing::Degraded,
                    format!("{damaged} events are damaged: run hookgate journal check"),
                ),
            },
            Health::DiskFull => Check::not(Standing::Unavailable, "the disk is full"),
            Health::Poisoned => Check::not(
                Standing::Unavailable,
                "a write or fsync failed: the journal trusts its disk no more",
            ),
        }
    }

    fn kafka_check(&self) -> Option<Check> {
        let status = self.courier.as_ref()?.borrow();
        Some(match &status.kafka {
            Kafka::Up if status.warnings.is_empty() => Check::ok(),
            Kafka::Up => Check::not(Standing::Ok, status.warnings.join("; ")),
            Kafka::Down { reason } | Kafka::Waiting { reason } => {
                Check::not(Standing::Degraded, reason.clone())
            }
        })
    }

    fn drain_check(&self) -> Check {
        let reason = match *self.stopping.borrow() {
            None => return Check::ok(),
            Some(Stopping::Grace) => "stopping: still taking deliveries",
            Some(Stopping::Finishing) => "stopping: finishing what has come",
            Some(Stopping::Over) => "stopping: the deadline has passed",
        };
        Check::not(Standing::Unavailable, reason)
    }
}

impl Board for Panel {
    fn readiness(&self) -> Readiness {
        let journal = Some(("journal", self.journal_check()));
        let kafka = self.kafka_check().map(|check| ("kafka", check));
        let drain = Some(("drain", self.drain_check()));
        Readiness { checks: [journal, kafka, drain].into_iter().flatten().collect() }
    }

    fn metrics(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        Box::pin(async {
            self.refresh().await;
            self.telemetry.render()
        })
    }

    fn defect(&self) {
        self.telemetry.gateway.defects.increment(1);
    }
}

/// What one look into the journal saw.
struct Seen {
    ledger: Vec<LedgerRow>,
    bytes: u64,
    free: Option<u64>,
}

/// What the ledger of a source does not account for: 0, or a defect.
fn imbalance(row: &LedgerRow) -> f64 {
    let taken = row.accepted + row.quarantined;
    let accounted = row.published + row.pending + row.held + row.erased_unpublished;
    taken as f64 - accounted as f64
}

/// Keeps gauges, histograms and the map of addresses fresh, for ever.
pub(super) async fn keep_up(panel: Arc<Panel>, peers: Arc<Peers>) {
    let mut gauges = interval(GAUGES_EVERY);
    let mut sweep = interval(PEERS_SWEEP);
    loop {
        tokio::select! {
            _ = gauges.tick() => {
                panel.refresh().await;
                panel.note();
                panel.telemetry.upkeep();
            }
            _ = sweep.tick() => peers.sweep(),
        }
    }
}
