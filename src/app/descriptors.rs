//! Whether the system gives as many file descriptors as the limits need.
//!
//! A gateway that runs out of them accepts slowly and may fail at its journal or at Kafka. So the
//! soft limit is raised to what is needed, as far as the hard one lets it, and where that is not
//! enough there are fewer connections, which is said. Some descriptors are kept for all else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bounds::{ADMIN_CONNECTIONS_MAX, CONNECTIONS_MIN, DESCRIPTORS_RESERVED};
use crate::edge::Limits;

/// Raises the soft limit as far as these limits need it, and lowers them to what there is then.
pub(super) fn provide(limits: Limits) -> Limits {
    let needed = needed(&limits);
    let limit = getrlimit(Resource::Nofile);
    let mut available = or_endless(limit.current);
    if available < needed {
        let raised = needed.min(or_endless(limit.maximum));
        let wanted = Rlimit { current: u64::try_from(raised).ok(), maximum: limit.maximum };
        match setrlimit(Resource::Nofile, wanted) {
            Ok(()) if raised == available => {}
            Ok(()) => {
                tracing::info!(from = available, to = raised, "file descriptors: limit raised");
                available = raised;
            }
            Err(error) => tracing::warn!(%error, "file descriptors: the limit cannot be raised"),
        }
    }
    let wanted = connections(&limits);
    let fitted = fitted(limits, available);
    let connections = connections(&fitted);
    if connections < wanted {
        tracing::warn!(
            available,
            needed,
            connections,
            wanted,
            "file descriptors: too few for all connections, so there will be fewer; raise the hard \
             limit (LimitNOFILE, ulimit -Hn) to what is needed",
        );
    }
    fitted
}

/// Limits that so many descriptors are enough for.
fn fitted(limits: Limits, available: usize) -> Limits {
    let wanted = connections(&limits);
    let room = available.saturating_sub(DESCRIPTORS_RESERVED + ADMIN_CONNECTIONS_MAX);
    let room = room.max(CONNECTIONS_MIN);
    if room >= wanted {
        return limits;
    }
    let unproven = (limits.unproven_connections * room / wanted).max(2);
    Limits {
        unproven_connections: unproven,
        proven_connections: room.saturating_sub(unproven).max(1),
        // There is always a connection that is not being answered and can make room.
        bodies: limits.bodies.min(unproven * 2 / 3),
        ..limits
    }
}

fn needed(limits: &Limits) -> usize {
    connections(limits) + ADMIN_CONNECTIONS_MAX + DESCRIPTORS_RESERVED
}

fn connections(limits: &Limits) -> usize {
    limits.unproven_connections + limits.proven_connections
}

/// A limit; `None` is none.
fn or_endless(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_descriptors_change_nothing() {
        let limits = Limits::default();
        let fitted = fitted(limits.clone(), needed(&limits));
        assert_eq!(connections(&fitted), connections(&limits));
        assert_eq!(fitted.bodies, limits.bodies);
    }

    #[test]
    fn too_few_shrink_connections_and_bodies_together() {
        let fitted = fitted(Limits::default(), 1_024);
        assert_eq!(connections(&fitted), 1_024 - DESCRIPTORS_RESERVED - ADMIN_CONNECTIONS_MAX);
        assert!(fitted.bodies < fitted.unproven_connections);
        assert!(fitted.unproven_connections > fitted.proven_connections);
    }

    #[test]
    fn however_few_there_are_some_connections_are_tried() {
        let fitted = fitted(Limits::default(), 0);
        assert_eq!(connections(&fitted), CONNECTIONS_MIN);
        assert!(fitted.bodies > 0);
    }
}
