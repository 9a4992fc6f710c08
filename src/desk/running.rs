//! Changing how the gateway runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Actor, Desk, Reason, Refusal};

/// A change that needs nothing but a reason: `drain`, `reload`, the end of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAsk {
    /// Why.
    pub reason: Reason,
}

/// The gateway stops as a signal would have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Draining {
    /// How long deliveries are still taken, in seconds.
    pub grace_seconds: f64,
    /// When the last word is said, in seconds from now.
    pub deadline_seconds: f64,
}

/// The configuration was read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// The fingerprint before.
    pub before: String,
    /// The fingerprint now; the same if nothing changed.
    pub now: String,
    /// What changed and holds now: key, and the values where they may be shown.
    pub changed: Vec<String>,
    /// What changed in the file but holds only after a restart.
    pub needs_restart: Vec<String>,
    /// What the new configuration allows but should be known.
    pub warnings: Vec<String>,
}

impl Desk {
    /// Stops the gateway as a signal would.
    pub async fn drain(&self, _by: &Actor, _ask: ChangeAsk) -> Result<Draining, Refusal> {
        Err(Refusal::NotYet("drain"))
    }

    /// Reads the configuration again: all of it, or nothing.
    pub async fn reload(&self, _by: &Actor, _ask: ChangeAsk) -> Result<Reloaded, Refusal> {
        Err(Refusal::NotYet("reload"))
    }
}
