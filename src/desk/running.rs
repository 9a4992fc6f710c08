//! Changing how the gateway runs.

use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AcceptedRisk, Actor, Desk, Reason, Refusal};

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

/// Who owns what runs, and can change it while it does.
pub trait Running: Send + Sync + 'static {
    /// Begins to stop as a signal would have it; the answer does not wait for the end.
    fn drain(&self) -> Draining;

    /// Reads the configuration again: all of it, or nothing. Goes on to its end, whoever waits.
    fn reload(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Result<Reloaded, Refusal>> + Send>>;

    /// The configuration in force.
    fn in_force(&self) -> InForce;
}

/// The configuration in force, as far as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// One short text for all of it.
    pub fingerprint: String,
    /// What it allows but should be known, each with its key.
    pub warnings: Vec<String>,
    /// Risks that its policies accept.
    pub accepted_risks: Vec<AcceptedRisk>,
}

/// Nothing that can be changed: for a desk without a gateway around it.
#[derive(Clone, Copy, Debug)]
pub struct Still;

impl Running for Still {
    fn drain(&self) -> Draining {
        Draining { grace_seconds: 0.0, deadline_seconds: 0.0 }
    }

    fn reload(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Result<Reloaded, Refusal>> + Send>> {
        Box::pin(async { Err(Refusal::Conflict("there is nothing to read again".to_owned())) })
    }

    fn in_force(&self) -> InForce {
        InForce::default()
    }
}

impl Desk {
    /// Stops the gateway as a signal would.
    pub async fn drain(&self, by: &Actor, ask: ChangeAsk) -> Result<Draining, Refusal> {
        let running = self.inner.running.clone();
        self.audited(by, "drain", None, &ask.reason, async { Ok(running.drain()) }).await
    }

    /// Reads the configuration again: all of it, or nothing.
    ///
    /// # Errors
    /// [`Refusal::Mistakes`] with every mistake of the new one; nothing has changed then.
    pub async fn reload(&self, by: &Actor, ask: ChangeAsk) -> Result<Reloaded, Refusal> {
        let running = self.inner.running.clone();
        self.audited(by, "reload", None, &ask.reason, async { running.reload().await }).await
    }

    /// The configuration in force.
    pub fn in_force(&self) -> InForce {
        self.inner.running.in_force()
    }
}
