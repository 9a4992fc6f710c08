//! From a path to its source and the room that is kept for it; replaced as a whole, without a lock
//! on the way of a request.
//!
//! A source that stays, by its name, keeps its room with all that is out of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::bounds::{CONNECTIONS_RESERVED_PER_SOURCE, SOURCES_MAX};
use crate::event::SourceName;
use crate::intake::Source;

use super::shares::{Part, Shares};
use super::{Limits, Routed};

/// Where requests can go.
pub(super) struct Routes {
    places: ArcSwap<HashMap<String, Arc<Place>>>,
    seats: Mutex<HashMap<SourceName, Seat>>,
    connections: Shares,
    bodies: Shares,
    body_bytes: Shares,
}

/// A source, and the room that is kept for it.
pub(super) struct Place {
    pub(super) source: Arc<Source>,
    pub(super) seat: Seat,
}

/// The room that is kept for one source.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// Of proven connections.
    pub(super) connections: Arc<Part>,
    /// Of bodies in flight.
    pub(super) bodies: Arc<Part>,
    /// Of their bytes.
    pub(super) body_bytes: Arc<Part>,
}

impl Routes {
    /// Nowhere to go yet.
    pub(super) fn new(limits: &Limits, body_max: usize) -> Self {
        // One body of the largest size fits, however many sources come: large bodies have no room
        // but the common.
        let kept =
            limits.body_bytes_reserved.saturating_mul(SOURCES_MAX).min(limits.body_bytes / 2);
        let bytes = limits.body_bytes.max(kept + body_max);
        Self {
            places: ArcSwap::default(),
            seats: Mutex::default(),
            connections: Shares::new(limits.proven_connections, CONNECTIONS_RESERVED_PER_SOURCE),
            bodies: Shares::new(limits.bodies, limits.bodies_reserved),
            body_bytes: Shares::new(bytes, limits.body_bytes_reserved),
        }
    }

    /// Where a path leads.
    pub(super) fn to(&self, path: &str) -> Option<Arc<Place>> {
        self.places.load().get(path).cloned()
    }

    /// From now on these sources are posted to.
    pub(super) fn replace(&self, sources: Vec<Routed>) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        *seats = self.seated(&seats, &sources);
        let mut places = HashMap::new();
        for Routed { source, paths } in sources {
            let Some(seat) = seats.get(&source.name).cloned() else { continue };
            let place = Arc::new(Place { source, seat });
            places.extend(paths.into_iter().map(|path| (path, place.clone())));
        }
        self.places.store(Arc::new(places));
    }

    /// Bytes of bodies that can be in memory at one time.
    pub(super) fn body_bytes_ceiling(&self) -> usize {
        self.body_bytes.ceiling()
    }

    fn seated(
        &self,
        before: &HashMap<SourceName, Seat>,
        sources: &[Routed],
    ) -> HashMap<SourceName, Seat> {
        let names = || sources.iter().map(|routed| &routed.source.name);
        let stay: Vec<_> = names().filter_map(|name| Some((name, before.get(name)?))).collect();
        let new: Vec<_> = names().filter(|name| !before.contains_key(name)).collect();
        let divide = |shares: &Shares, of: fn(&Seat) -> &Arc<Part>| {
            let stay: Vec<_> = stay.iter().map(|(_, seat)| of(seat).clone()).collect();
            shares.divide(&stay, new.len())
        };
        let connections = divide(&self.connections, |seat| &seat.connections);
        let bodies = divide(&self.bodies, |seat| &seat.bodies);
        let body_bytes = divide(&self.body_bytes, |seat| &seat.body_bytes);
        let parts = connections.into_iter().zip(bodies).zip(body_bytes);
        let seats = parts.map(|((connections, bodies), body_bytes)| Seat {
            connections,
            bodies,
            body_bytes,
        });
        let stay = stay.iter().map(|(name, seat)| ((*name).clone(), (*seat).clone()));
        stay.chain(new.into_iter().cloned().zip(seats)).collect()
    }
}
