//! Who owns what, who starts first, who stops last.
//!
//! Start: counters, the journal (its lock first), the courier, the admin door, the public door. A
//! delivery is taken only when everything behind it stands; nothing waits for Kafka.
//!
//! What fails ends the start with its reason and an exit code: 78 for the configuration, 1 for the
//! journal (in use, damaged, on an untrusted or full disk) and for the ports. Only Kafka is waited
//! for, beside the traffic.
//!
//! Stop: `/readyz` goes red and deliveries go on for the grace, so that a load balancer can look
//! away; then the listener closes and what has come is answered; the courier has the rest of the
//! deadline; the journal closes; the ledger is said. A journal that trusts its disk no more stops
//! the gateway as well, with exit code 1.
//!
//! A supervisor that holds the sockets (systemd's socket activation) is told when deliveries are
//! taken. From the moment on at which such a socket is let go, whoever connects waits for the next
//! process, so the rest of the stop has [`HANDOVER`] and not all of the deadline: no slow sender,
//! and no absent broker, may keep the others waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::bounds::{HANDOVER, OTLP_FLUSH, STOP_SLACK};
use crate::clock::Clock;
use crate::config::{Config, Server};
use crate::courier::Courier;
use crate::desk::Desk;
use crate::edge::{Admin, Behind, Edge, Inherited, Limits};
use crate::hold::Keeper;
use crate::intake::Intake;
use crate::journal::{Health, Journal};
use crate::replay::Replays;
use crate::throttle::Peers;

mod assembly;
mod board;
mod certificates;
mod collecting;
mod core;
mod descriptors;
mod ends;
mod helm;
mod memory;
mod risks;
mod signals;

pub use ends::{StartError, Stopped};
pub use helm::Reread;
pub use signals::Signals;

use assembly::Out;
use board::{Panel, Stopping};
use certificates::Certificates;
use collecting::Collecting;
use core::Core;
use ends::port;
use helm::{Helm, Tackle};
use memory::Ceiling;
use signals::Asked;

/// What may stand for the real thing.
#[derive(Debug)]
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// How long anything may take on a connection.
    pub limits: Limits,
    /// Whether events are published. A bench looks at the road without its end.
    pub publish: bool,
    /// Sockets that listen already.
    pub sockets: Inherited,
    /// How the configuration is read again; `None`: it is not.
    pub reread: Option<Reread>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            limits: Limits::default(),
            publish: true,
            sockets: Inherited::default(),
            reread: None,
        }
    }
}

/// A running gateway.
pub struct App {
    edge: Edge,
    admin: Admin,
    courier: Option<Courier>,
    replays: Option<Replays>,
    keeper: Option<Arc<Keeper>>,
    journal: Journal,
    panel: Arc<Panel>,
    /// Ends when it is dropped.
    upkeep: JoinSet<()>,
    clock: Clock,
    desk: Desk,
    helm: Arc<Helm>,
    last_words: Duration,
    collecting: Collecting,
}

impl App {
    /// Starts a gateway. When this returns, deliveries are taken.
    pub async fn start(config: Config, parts: Parts) -> Result<Self, StartError> {
        let helm = Arc::new(Helm::new(&config));
        let Parts { clock, limits, publish, sockets, reread } = parts;
        let limits = descriptors::provide(limits);
        let certificates = Arc::new(Certificates::of(&config));
        let log_accepted = config.telemetry.log_accepted;
        let core = Core::start(config, &clock, publish, (&helm, &certificates)).await?;
        let Core { server, admin, keys, telemetry, routed, sources, journal, .. } = core;
        let Core { panel, audit, desk, out, collecting, .. } = core;
        let Out { courier, replays, keeper } = out;
        let at = admin.listen;
        let (passed, tls) = (sockets.admin, certificates.admin());
        let settings = assembly::admin_settings(admin, passed, tls, &limits, &clock);
        let admin = Admin::start(settings, panel.clone(), desk.clone());
        let admin = admin.map_err(port("admin.listen", at))?;
        let peers = Arc::new(Peers::new(clock.clone()));
        let intake = Intake::new(journal.clone(), clock.clone());
        let intake = Arc::new(intake.with_tracing(telemetry.tracing()));
        intake.log_accepted(log_accepted);
        let behind = Behind {
            intake: intake.clone(),
            sources: routed,
            peers: peers.clone(),
            telemetry: telemetry.clone(),
            clock: clock.clone(),
        };
        let last_words = limits.last_words;
        let door = assembly::door(&server, sockets.public, certificates.public(), &limits);
        let edge = Edge::start(door, behind).map_err(port("server.listen", server.listen))?;
        let (signpost, keyring) = (edge.signpost(), admin.keyring());
        helm.rig(Tackle {
            reread,
            keys,
            clock: clock.clone(),
            telemetry,
            intake,
            signpost,
            keyring,
            sources,
            panel: panel.clone(),
            journal: journal.clone(),
            audit,
            keeper: keeper.clone(),
            certificates: certificates.clone(),
        });
        say_ceiling(&limits, &server, &edge, &certificates);
        tracing::info!(
            instance = %server.instance, public = %edge.address(), admin = %admin.address(),
            socket_passed = edge.is_inherited(), fingerprint = %helm.fingerprint(),
            "deliveries are taken",
        );
        let mut upkeep = JoinSet::new();
        upkeep.spawn(board::keep_up(panel.clone(), peers));
        upkeep.spawn(certificates.keep(limits.tls_look));
        Ok(Self {
            edge,
            admin,
            courier,
            replays,
            keeper,
            journal,
            panel,
            upkeep,
            clock,
            desk,
            helm,
            last_words,
            collecting,
        })
    }

    /// Where deliveries come in.
    pub fn public(&self) -> SocketAddr {
        self.edge.address()
    }

    /// Where the operator looks.
    pub fn admin(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The journal, for who wants to look into it.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What operators may ask and do.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Runs until SIGTERM, SIGINT, an operator's word or the end of trust in the disk, then stops.
    /// A second signal ends the grace; a hangup has the configuration read again.
    pub async fn run_until_signal(self) -> Result<Stopped, StartError> {
        let mut signals = Signals::new()?;
        let (stop, stops) = mpsc::channel(1);
        let desk = self.desk.clone();
        let mut hearing = JoinSet::new();
        hearing.spawn(async move {
            loop {
                match signals.next().await {
                    // When one waits to be heard already, another says nothing new.
                    Asked::Stop => drop(stop.try_send(())),
                    Asked::Reload => drop(tokio::spawn(signals::reload(desk.clone()))),
                }
            }
        });
        tracing::info!("running until a signal comes");
        tell_supervisor(&[NotifyState::Ready]);
        Ok(self.run(stops).await)
    }

    /// Runs until the first word of these, an operator's, or the end of trust in the disk, then
    /// stops. The second word ends the grace.
    pub async fn run(self, mut stops: mpsc::Receiver<()>) -> Stopped {
        let mut health = self.journal.health();
        let helm = self.helm.clone();
        tokio::select! {
            _ = stops.recv() => tracing::info!("a signal asks the gateway to stop"),
            () = helm.asked_to_stop() => tracing::info!("an operator asks the gateway to stop"),
            _ = health.wait_for(|health| *health == Health::Poisoned) => {
                tracing::error!("the journal trusts its disk no more: stopping; look at the disk");
            }
        }
        let hurry = async move {
            if stops.recv().await.is_none() {
                std::future::pending().await
            }
        };
        self.stop(hurry).await
    }

    /// Stops as a signal would.
    pub async fn drain(self) -> Stopped {
        self.stop(std::future::pending()).await
    }

    /// The same; the grace ends early when `hurry` does.
    pub async fn stop(mut self, hurry: impl Future<Output = ()>) -> Stopped {
        let helm::Stopping { grace, deadline } = self.helm.stopping();
        let mut end = self.clock.steady().saturating_add(deadline);
        let mut deadline = Box::pin(sleep(deadline));
        self.panel.stopping(Stopping::Grace);
        tell_supervisor(&[NotifyState::Stopping]);
        tracing::info!(grace_seconds = grace.as_secs_f64(), "not ready; still taking");
        tokio::select! {
            () = sleep(grace) => {}
            () = hurry => tracing::info!("a second signal ends the grace"),
            () = &mut deadline => {}
        }
        self.panel.stopping(Stopping::Finishing);
        if self.edge.is_inherited() {
            end = end.min(self.clock.steady().saturating_add(HANDOVER));
            deadline = Box::pin(sleep(end.saturating_sub(self.clock.steady())));
        }
        let finishing = async {
            self.edge.close().await;
            tracing::info!("the public listener is closed; finishing what has come");
            self.edge.ended().await;
        };
        tokio::select! {
            () = finishing => {}
            () = &mut deadline => {
                self.edge.over();
                self.panel.stopping(Stopping::Over);
                if timeout(self.last_words, self.edge.ended()).await.is_err() {
                    tracing::warn!("the deadline has passed with requests half read; given up");
                }
            }
        }
        let left = end.saturating_sub(self.clock.steady());
        let rest = async {
            if let Some(replays) = self.replays.take() {
                replays.stop(left).await;
            }
        };
        let keep = async {
            if let Some(keeper) = self.keeper.take() {
                keeper.stop(left).await;
            }
        };
        let publish = async {
            match self.courier.take() {
                Some(courier) => courier.drain(left).await.complete,
                None => false,
            }
        };
        let (published_all, (), ()) = tokio::join!(publish, rest, keep);
        let published_all = published_all && self.journal.holds().borrow().is_empty();
        let left = end.saturating_sub(self.clock.steady());
        self.close(published_all, left.saturating_add(STOP_SLACK)).await
    }

    async fn close(self, published_all: bool, within: Duration) -> Stopped {
        drop(self.upkeep);
        self.collecting.flush(OTLP_FLUSH).await;
        let poisoned = *self.journal.health().borrow() == Health::Poisoned;
        let journal = self.journal;
        let closed = spawn_blocking(move || {
            journal.close();
            journal.ledger()
        });
        let ledger = match timeout(within, closed).await {
            Ok(Ok(Ok(ledger))) => ledger,
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, "the ledger cannot be read");
                Vec::new()
            }
            Ok(Err(_panicked)) => Vec::new(),
            Err(_) => {
                tracing::error!(
                    seconds = within.as_secs_f64(),
                    "the journal did not close in time and is left as a crash would leave it"
                );
                Vec::new()
            }
        };
        for row in &ledger {
            tracing::info!(
                source = %row.source, accepted = row.accepted, quarantined = row.quarantined,
                published = row.published, pending = row.pending, held = row.held,
                erased_unpublished = row.erased_unpublished, "ledger",
            );
        }
        tracing::info!(published_all, "stopped");
        Stopped { ledger, published_all, poisoned }
    }
}

/// Says where a thread panicked, and not what it said: the text may quote what a sender sent. For
/// the whole process, so it is the verb's to call.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().map(str::to_owned);
        tracing::error!(place, thread, "a defect of ours: a thread panicked");
    }));
}

/// Tells a supervisor that waits for it (`NOTIFY_SOCKET`, sd_notify(3)) how far this process is.
fn tell_supervisor(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the supervisor cannot be told how far this process is");
    }
}

/// What all of it may take of memory, for whoever sets a limit.
fn say_ceiling(limits: &Limits, server: &Server, edge: &Edge, certificates: &Certificates) {
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let ceiling = Ceiling::new(limits, edge.body_bytes_ceiling(), server.body_max, threads);
    let (on_public, on_admin) = (server.tls.is_some(), certificates.admin().is_some());
    ceiling.under_tls(limits, on_public, on_admin).say();
}
