//! What the public door knows: routes, room, proxies, peers, and how far stopping has come.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use http::request::Parts;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::clock::Clock;
use crate::intake::Intake;
use crate::telemetry::{SourceMeters, Telemetry};
use crate::throttle::Peers;

use super::lobby::Lobby;
use super::peer::Proxies;
use super::readers::Readers;
use super::routes::{Place, Routes};
use super::tls::Tls;
use super::{Behind, Limits, Phase, Routed, Settings};

/// The public door.
pub(super) struct Door {
    pub(super) intake: Arc<Intake>,
    pub(super) peers: Arc<Peers>,
    pub(super) body_max: usize,
    /// Bodies that have not come yet.
    pub(super) readers: Arc<Readers>,
    proxies: ArcSwap<Proxies>,
    routes: Routes,
    lobby: Arc<Lobby>,
    tls: Option<Tls>,
    h2: Arc<Semaphore>,
    limits: Limits,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    phase: watch::Receiver<Phase>,
    duty: mpsc::WeakSender<()>,
}

/// Held by whoever must finish before the gateway may end.
pub(super) type OnDuty = mpsc::Sender<()>;

impl Door {
    /// A door with nobody at it yet.
    pub(super) fn new(
        settings: Settings,
        behind: Behind,
        phase: watch::Receiver<Phase>,
        duty: &OnDuty,
    ) -> Self {
        let limits = settings.limits;
        let routes = Routes::new(&limits, settings.body_max);
        routes.replace(behind.sources);
        Self {
            intake: behind.intake,
            peers: behind.peers,
            proxies: ArcSwap::from_pointee(Proxies::new(settings.trusted_proxies)),
            body_max: settings.body_max,
            readers: Arc::default(),
            routes,
            lobby: Arc::new(Lobby::new(limits.unproven_connections)),
            tls: settings.tls,
            h2: Arc::new(Semaphore::new(limits.h2_connections)),
            limits,
            clock: behind.clock,
            telemetry: behind.telemetry,
            phase,
            duty: duty.downgrade(),
        }
    }

    /// Where a request is for. The path is matched letter for letter; a query is not looked at.
    pub(super) fn route(&self, parts: &Parts) -> Option<Arc<Place>> {
        self.routes.to(parts.uri.path())
    }

    /// The networks that may say whom they speak for, now.
    pub(super) fn proxies(&self) -> Guard<Arc<Proxies>> {
        self.proxies.load()
    }

    /// From now on requests go to these sources, and these proxies are trusted. What is under way
    /// goes on with the source it began with.
    pub(super) fn replace(&self, sources: Vec<Routed>, trusted_proxies: Vec<IpNet>) {
        self.proxies.store(Arc::new(Proxies::new(trusted_proxies)));
        self.routes.replace(sources);
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn lobby(&self) -> &Arc<Lobby> {
        &self.lobby
    }

    /// What connections are greeted with; `None`: with nothing.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// A place for one more connection that speaks HTTP/2. Where there is none it is not offered.
    pub(super) fn h2_place(&self) -> Option<OwnedSemaphorePermit> {
        self.h2.clone().try_acquire_owned().ok()
    }

    pub(super) fn meters_of_unknown(&self) -> &SourceMeters {
        &self.telemetry.gateway.unknown
    }

    /// A request met a defect of ours.
    pub(super) fn defect(&self) {
        self.telemetry.gateway.defects.increment(1);
    }

    pub(super) fn body_bytes_ceiling(&self) -> usize {
        self.routes.body_bytes_ceiling()
    }

    /// Asks every connection to end once it is answered.
    pub(super) fn close(&self) {
        self.lobby.close();
    }

    /// Signs on whoever must finish before the gateway may end.
    pub(super) fn on_duty(&self) -> Option<OnDuty> {
        self.duty.upgrade()
    }
}
