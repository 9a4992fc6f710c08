//! How much memory the gateway can need at most, computed from its limits.
//!
//! Every queue, buffer and crowd has a number, so their sum has one too. It is said at the start,
//! part by part, and a test floods the gateway and compares. What grows with the journal (the
//! filters of its identities) is not in it: 16 bits for each event that is remembered.

use crate::bounds;
use crate::edge::Limits;

/// Bytes of memory by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    /// Connections of both listeners: what is held back of a head, the server's buffers, state;
    /// and calls of the admin API on all of its own.
    pub(super) connections: usize,
    /// Deliveries in flight without their bodies.
    pub(super) deliveries: usize,
    /// Bodies, and the events made of them on their way to the disk: no event is larger than its
    /// body, but for its envelope.
    pub(super) bodies: usize,
    /// Bodies being understood, one on each thread: the body as it grows, and its values.
    pub(super) parsing: usize,
    /// The journal's pages, batch, tail and readers, and two generations of identities: the open
    /// one and the one that is being settled.
    pub(super) journal: usize,
    /// Deliveries that are captured: those that wait, and the one that is made up, with its values
    /// and what is made of it.
    pub(super) captures: usize,
    /// The search file: its pages, the events on their way into it and out of it, what is noted.
    pub(super) search: usize,
    /// Events in flight to Kafka, live ones and those of replays: ours and the client's copy.
    pub(super) kafka: usize,
    /// Addresses that failed.
    pub(super) peers: usize,
    /// TLS and HTTP/2 on both listeners, where they are spoken; and the calls of the admin API that
    /// HTTP/2 makes possible beyond one on each connection.
    pub(super) tls: usize,
    /// The program itself.
    pub(super) process: usize,
}

impl Ceiling {
    /// With these limits. `body_bytes`: of bodies in memory at one time; `body_max`: of the largest
    /// one; `threads`: those that understand bodies.
    pub(super) fn new(limits: &Limits, body_bytes: usize, body_max: usize, threads: usize) -> Self {
        let open = limits.unproven_connections + limits.proven_connections;
        let connection = bounds::HELD_BYTES_MAX
            + 2 * bounds::CONNECTION_BUFFER_BYTES_MAX
            + bounds::CONNECTION_STATE_BYTES;
        // A list that grows by doubling holds its old and its new memory for a moment.
        let values = 3 * bounds::JSON_VALUES_MAX * bounds::JSON_VALUE_BYTES / 2;
        let reader = bounds::JOURNAL_READ_BYTES + bounds::JOURNAL_READER_CACHE_BYTES;
        // No value of a body takes less than two of its bytes.
        let captured = bounds::CAPTURE_BODY_BYTES_MAX / 2 * bounds::JSON_VALUE_BYTES * 3 / 2
            + (bounds::CAPTURE_QUEUE + 4) * bounds::CAPTURE_BODY_BYTES_MAX;
        let sides = bounds::REPLAYS_AT_ONCE;
        let in_flight = bounds::IN_FLIGHT_BYTES + sides * bounds::SIDE_IN_FLIGHT_BYTES;
        let records = bounds::IN_FLIGHT_RECORDS + sides * bounds::SIDE_IN_FLIGHT_RECORDS;
        Self {
            connections: (open + bounds::ADMIN_CONNECTIONS_MAX) * connection
                + bounds::ADMIN_CONNECTIONS_MAX * bounds::ADMIN_CALL_BYTES,
            deliveries: limits.bodies * bounds::DELIVERY_STATE_BYTES,
            bodies: 2 * body_bytes,
            parsing: threads * (body_max + values),
            journal: kib(bounds::JOURNAL_CACHE_KIB)
                + 2 * bounds::JOURNAL_BATCH_BYTES
                + bounds::JOURNAL_TAIL_BYTES
                + 2 * bounds::IDENTITY_GENERATION_EVENTS * bounds::IDENTITY_BYTES
                + bounds::JOURNAL_READERS * reader,
            captures: bounds::CAPTURES_AT_ONCE * captured,
            search: kib(bounds::SEARCH_CACHE_KIB)
                + (bounds::SEARCH_QUESTIONS + 1) * bounds::JOURNAL_READER_CACHE_BYTES
                + (bounds::SEARCH_BATCH_EVENTS
                    + bounds::SEARCH_QUESTIONS * bounds::EVENTS_PAGE_MAX
                    + bounds::ADMIN_STREAMS_MAX * bounds::TAIL_ROWS)
                    * bounds::SEARCH_EVENT_BYTES
                + bounds::SEARCH_NOTES * bounds::SEARCH_NOTE_BYTES,
            kafka: 2 * in_flight + records * bounds::RECORD_STATE_BYTES,
            peers: bounds::PEERS_TRACKED_MAX * bounds::PEER_BYTES,
            tls: 0,
            process: bounds::PROCESS_BYTES,
        }
    }

    /// The same with TLS on the public listener, on the admin listener.
    pub(super) fn under_tls(self, limits: &Limits, public: bool, admin: bool) -> Self {
        let open = limits.unproven_connections + limits.proven_connections;
        let (wire, h2) = (bounds::TLS_CONNECTION_BYTES, bounds::H2_CONNECTION_BYTES);
        let of = |used: bool, bytes: usize| if used { bytes } else { 0 };
        let public = of(public, open * wire + limits.h2_connections * h2);
        let more = usize::try_from(bounds::ADMIN_H2_STREAMS_MAX).unwrap_or(usize::MAX) - 1;
        let each = wire + h2 + more * bounds::ADMIN_CALL_BYTES;
        let admin = of(admin, bounds::ADMIN_CONNECTIONS_MAX * each);
        Self { tls: public + admin, ..self }
    }

    /// All of it.
    pub(super) fn total(&self) -> usize {
        let Self { connections, deliveries, bodies, parsing, journal, .. } = *self;
        let Self { captures, search, kafka, peers, tls, process, .. } = *self;
        let road = connections + deliveries + bodies + parsing + journal + kafka;
        road + captures + search + peers + tls + process
    }

    /// Says it, part by part.
    pub(super) fn say(&self) {
        tracing::info!(
            bytes = self.total(),
            mib = self.total() >> 20,
            connections = self.connections,
            deliveries = self.deliveries,
            bodies = self.bodies,
            parsing = self.parsing,
            journal = self.journal,
            captures = self.captures,
            search = self.search,
            kafka = self.kafka,
            peers = self.peers,
            tls = self.tls,
            process = self.process,
            "memory has a ceiling, in bytes by part",
        );
    }
}

fn kib(kib: i64) -> usize {
    usize::try_from(kib).unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limits_fit_well_below_a_gibibyte() {
        let limits = Limits::default();
        let ceiling =
            Ceiling::new(&limits, limits.body_bytes, bounds::BODY_BYTES_MAX_DEFAULT, 4).total();
        assert!(ceiling < 980 << 20, "{} MiB", ceiling >> 20);
    }

    #[test]
    fn every_limit_counts() {
        let of = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            Ceiling::new(&limits, 1 << 20, 1 << 20, 1).total()
        };
        let whole = of(|_| {});
        assert!(of(|limits| limits.unproven_connections /= 2) < whole);
        assert!(of(|limits| limits.proven_connections /= 2) < whole);
        assert!(of(|limits| limits.bodies /= 2) < whole);
    }

    #[test]
    fn under_tls_each_call_of_the_admin_api_on_one_connection_counts() {
        let limits = Limits::default();
        let of = |admin| {
            let ceiling = Ceiling::new(&limits, 1 << 20, 1 << 20, 1);
            ceiling.under_tls(&limits, false, admin)
        };
        let calls = bounds::ADMIN_CONNECTIONS_MAX * bounds::ADMIN_CALL_BYTES;
        let streams = usize::try_from(bounds::ADMIN_H2_STREAMS_MAX).unwrap();
        let bare = of(false).connections;
        assert!(bare >= calls && of(true).connections == bare);
        assert!(of(true).total() - of(false).total() >= (streams - 1) * calls);
    }
}
