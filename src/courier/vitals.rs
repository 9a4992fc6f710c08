//! What the client at hand says of itself, handed on to be counted, and who tells of its records.

use std::sync::Arc;

use super::run::Run;
use crate::publish::{Heard, Vitals};
use crate::telemetry::Reading;
use crate::trace::Tracing;

impl Run<'_> {
    /// Who takes a new client's words for as long as it is open, and who tells of its records.
    pub(super) fn told(&self) -> (Heard, Option<Arc<Tracing>>) {
        let meter = self.parts.telemetry.gateway.kafka.client();
        let heard = Box::new(move |vitals| meter.read(reading(vitals)));
        (heard, self.parts.telemetry.tracing())
    }
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
