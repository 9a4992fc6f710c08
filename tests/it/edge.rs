//! The public door, from outside: every answer, odd HTTP, crowds, forgers, proxies.

use std::time::Duration;

use hookgate::journal::Stored;

use crate::gateway::Gate;

mod answers;
mod crowds;
mod forgers;
mod framing;
mod leaving;
mod proxied;
mod said;

const SHORT: Duration = Duration::from_millis(200);

fn stored(gate: &Gate) -> Vec<Stored> {
    gate.app.journal().look_after(0).unwrap()
}
