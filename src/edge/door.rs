//! What the public door knows: routes, room, proxies, peers, and how far stopping has come.

use std::collections::HashMap;
use std::sync::Arc;

use http::request::Parts;
use tokio::sync::{mpsc, watch};

use crate::bounds::CONNECTIONS_RESERVED_PER_SOURCE;
use crate::clock::Clock;
use crate::intake::{Intake, Source};
use crate::telemetry::{SourceMeters, Telemetry};
use crate::throttle::Peers;

use super::lobby::Lobby;
use super::peer::Proxies;
use super::readers::Readers;
use super::shares::Shares;
use super::{Behind, Limits, Phase, Settings};

/// The public door.
pub(super) struct Door {
    pub(super) intake: Arc<Intake>,
    pub(super) peers: Arc<Peers>,
    pub(super) proxies: Proxies,
    pub(super) body_max: usize,
    pub(super) bodies: Arc<Shares>,
    pub(super) body_bytes: Arc<Shares>,
    /// Bodies that have not come yet.
    pub(super) readers: Arc<Readers>,
    sources: Vec<Arc<Source>>,
    /// From a path to the place of its source.
    routes: HashMap<String, usize>,
    lobby: Arc<Lobby>,
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
        let count = behind.sources.len();
        // At least half of everything is common.
        let kept = |wanted: usize, of: usize| wanted.min(of / 2 / count.max(1));
        let connections = limits.proven_connections;
        let connections_kept = kept(CONNECTIONS_RESERVED_PER_SOURCE, connections);
        let proven = Shares::new(connections, connections_kept, count);
        let bodies_kept = kept(limits.bodies_reserved, limits.bodies);
        // One body of the largest size fits: large bodies have no room but the common.
        let bytes_kept = kept(limits.body_bytes_reserved, limits.body_bytes);
        let bytes = limits.body_bytes.max(bytes_kept * count + settings.body_max);
        let paths = behind.sources.iter().enumerate();
        let routes = paths
            .flat_map(|(place, routed)| routed.paths.iter().map(move |path| (path.clone(), place)))
            .collect();
        Self {
            intake: behind.intake,
            peers: behind.peers,
            proxies: Proxies::new(settings.trusted_proxies),
            body_max: settings.body_max,
            bodies: Arc::new(Shares::new(limits.bodies, bodies_kept, count)),
            body_bytes: Arc::new(Shares::new(bytes, bytes_kept, count)),
            readers: Arc::default(),
            sources: behind.sources.into_iter().map(|routed| routed.source).collect(),
            routes,
            lobby: Arc::new(Lobby::new(limits.unproven_connections, proven)),
            limits,
            clock: behind.clock,
            telemetry: behind.telemetry,
            phase,
            duty: duty.downgrade(),
        }
    }

    /// The source a request is for, with its place. The path is matched letter for letter; a query
    /// is not looked at.
    pub(super) fn route(&self, parts: &Parts) -> Option<(usize, &Arc<Source>)> {
        let place = *self.routes.get(parts.uri.path())?;
        Some((place, self.sources.get(place)?))
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

    pub(super) fn meters_of_unknown(&self) -> &SourceMeters {
        &self.telemetry.gateway.unknown
    }

    /// A request met a defect of ours.
    pub(super) fn defect(&self) {
        self.telemetry.gateway.defects.increment(1);
    }

    pub(super) fn body_bytes_ceiling(&self) -> usize {
        self.body_bytes.ceiling()
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
