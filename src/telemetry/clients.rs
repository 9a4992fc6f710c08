//! How the Kafka clients are, put together: one gateway has several, and no label tells them apart.
//!
//! What is at hand is added over the clients that are open, of times the longest is shown, and what
//! is counted goes on when a client is made anew, which counts from 0 again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge};

/// What one client says of itself. What is counted is counted since it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Records queued or on the wire.
    pub queue_records: u64,
    /// Their bytes.
    pub queue_bytes: u64,
    /// Requests that wait for a broker's answer.
    pub requests_in_flight: u64,
    /// Counted by the client, in the order of `COUNTED`.
    pub counted: [u64; COUNTED.len()],
    /// How long brokers make it wait.
    pub throttle: Duration,
    /// 99th percentile of the round trip.
    pub round_trip_p99: Duration,
}

/// What each client counts: requests that could not be transmitted, that were sent again, that
/// were not answered in time, connections that were tried, and those that ended.
pub(super) const COUNTED: [&str; 5] = [
    "hookgate_kafka_request_errors_total",
    "hookgate_kafka_request_retries_total",
    "hookgate_kafka_request_timeouts_total",
    "hookgate_kafka_connects_total",
    "hookgate_kafka_disconnects_total",
];

/// The series of all clients.
pub struct KafkaMeters {
    open: Mutex<Open>,
    queue_records: Gauge,
    queue_bytes: Gauge,
    requests_in_flight: Gauge,
    throttle: Gauge,
    round_trip_p99: Gauge,
    counted: [Counter; COUNTED.len()],
}

#[derive(Default)]
struct Open {
    next: u64,
    clients: BTreeMap<u64, Reading>,
}

/// One client. What it has at hand is no longer shown once this is dropped.
pub struct ClientMeter {
    meters: Arc<KafkaMeters>,
    number: u64,
}

impl KafkaMeters {
    /// All at 0, in the recorder at hand.
    pub(super) fn new() -> Self {
        let gauge = |name: &'static str| super::rest(metrics::gauge!(name));
        Self {
            open: Mutex::default(),
            queue_records: gauge("hookgate_kafka_queue_records"),
            queue_bytes: gauge("hookgate_kafka_queue_bytes"),
            requests_in_flight: gauge("hookgate_kafka_requests_in_flight"),
            throttle: gauge("hookgate_kafka_throttle_seconds"),
            round_trip_p99: gauge("hookgate_kafka_round_trip_p99_seconds"),
            counted: COUNTED.map(|name| super::zero(metrics::counter!(name))),
        }
    }

    /// One more client.
    pub fn client(self: &Arc<Self>) -> ClientMeter {
        let number = self.change(|open| {
            open.next += 1;
            open.clients.insert(open.next, Reading::default());
            open.next
        });
        ClientMeter { meters: Arc::clone(self), number }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Open) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut open);
        self.show(&open);
        result
    }

    fn show(&self, open: &Open) {
        let sum = |of: fn(&Reading) -> u64| open.clients.values().map(of).sum::<u64>() as f64;
        let longest = |of: fn(&Reading) -> Duration| {
            open.clients.values().map(of).max().unwrap_or_default().as_secs_f64()
        };
        self.queue_records.set(sum(|client| client.queue_records));
        self.queue_bytes.set(sum(|client| client.queue_bytes));
        self.requests_in_flight.set(sum(|client| client.requests_in_flight));
        self.throttle.set(longest(|client| client.throttle));
        self.round_trip_p99.set(longest(|client| client.round_trip_p99));
    }
}

impl ClientMeter {
    /// How it is now.
    pub fn read(&self, reading: Reading) {
        self.meters.change(|open| {
            let Some(client) = open.clients.get_mut(&self.number) else { return };
            let counted = reading.counted.iter().zip(client.counted);
            for (counter, (now, before)) in self.meters.counted.iter().zip(counted) {
                // A broker that leaves the cluster takes along what was counted of it.
                counter.increment(now.saturating_sub(before));
            }
            *client = reading;
        });
    }
}

impl Drop for ClientMeter {
    fn drop(&mut self) {
        self.meters.change(|open| open.clients.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::telemetry;

    #[test]
    fn clients_are_added_up_and_what_they_count_goes_on_when_one_is_made_anew() {
        let (telemetry, _) = telemetry();
        let meters = &telemetry.gateway.kafka;
        let reading = |queue_records, errors, millis| Reading {
            queue_records,
            counted: [errors, 0, 0, 0, 0],
            round_trip_p99: Duration::from_millis(millis),
            ..Reading::default()
        };
        let shows = |lines: [&str; 3]| {
            let text = telemetry.render();
            for line in lines {
                assert!(text.lines().any(|shown| shown == line), "{line} is not in:\n{text}");
            }
        };
        let (live, side) = (meters.client(), meters.client());
        live.read(reading(3, 1, 20));
        live.read(reading(2, 2, 10));
        side.read(reading(5, 1, 30));
        shows([
            "hookgate_kafka_queue_records 7",
            "hookgate_kafka_request_errors_total 3",
            "hookgate_kafka_round_trip_p99_seconds 0.03",
        ]);
        drop(side);
        // Fewer than before: a broker has left, and nothing is taken back.
        live.read(reading(2, 0, 10));
        meters.client().read(reading(9, 4, 90));
        shows([
            "hookgate_kafka_queue_records 2",
            "hookgate_kafka_request_errors_total 7",
            "hookgate_kafka_round_trip_p99_seconds 0.01",
        ]);
    }
}
