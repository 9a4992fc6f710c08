//! What the client at hand says of itself, handed on to be counted.

use std::sync::Arc;

use crate::publish::{Heard, Vitals};
use crate::telemetry::{Reading, Telemetry};

/// Takes a client's words for as long as it is open.
pub(super) fn heard(telemetry: &Arc<Telemetry>) -> Heard {
    let meter = telemetry.gateway.kafka.client();
    Box::new(move |vitals| meter.read(reading(vitals)))
}

fn reading(vitals: Vitals) -> Reading {
    let Vitals {
        queue_records,
        queue_bytes,
        requests_in_flight,
        request_errors,
        request_retries,
        request_timeouts,
        connects,
        disconnects,
        throttle,
        round_trip_p99,
    } = vitals;
    let counted = [request_errors, request_retries, request_timeouts, connects, disconnects];
    Reading { queue_records, queue_bytes, requests_in_flight, counted, throttle, round_trip_p99 }
}
