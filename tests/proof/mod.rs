//! What the proofs share: `hookgate serve` as a process, HTTP on the wire, the rules of the road as
//! the judge of what was sent, and what consumers read.
//!
//! Black box: the gateway is the built binary and is spoken to through its ports alone. The library
//! says beforehand what must come out; nothing that the gateway answers is taken for granted.

#![allow(dead_code, reason = "each of the two test binaries uses a part")]

pub(crate) mod broker;
pub(crate) mod consumer;
pub(crate) mod gate;
pub(crate) mod recorder;
pub(crate) mod road;
pub(crate) mod wire;

use std::time::Duration;

/// Longer than anything takes that is not broken, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a fact is looked at that nobody announces.
pub(crate) const LOOK: Duration = Duration::from_millis(20);
