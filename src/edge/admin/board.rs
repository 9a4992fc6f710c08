//! What the open paths show: whether deliveries can be accepted, and all that is counted.
//!
//! Ready means that deliveries can be accepted. So Kafka being away is shown as `degraded` and
//! stays 200, while a journal that takes nothing, or a gateway that is stopping, is 503.

use std::pin::Pin;

use serde::Serialize;

/// How a dependency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// Deliveries are taken; something else waits.
    Degraded,
    /// Deliveries cannot be taken.
    Unavailable,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it stands.
    pub status: Standing,
    /// Why, where it is not as it should be; never an address or a name of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The dependencies by name, in the order they are shown.
    pub checks: Vec<(&'static str, Check)>,
}

/// What the admin door shows; the roof knows where from.
pub trait Board: Send + Sync + 'static {
    /// How everything stands now. Must not block.
    fn readiness(&self) -> Readiness;

    /// All series, read anew.
    fn metrics(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>>;

    /// A request met a defect of ours.
    fn defect(&self);
}

impl Check {
    /// All is well.
    pub const fn ok() -> Self {
        Self { status: Standing::Ok, reason: None }
    }

    /// Something is not.
    pub fn not(status: Standing, reason: impl Into<String>) -> Self {
        Self { status, reason: Some(reason.into()) }
    }
}

impl Readiness {
    /// The worst of all.
    pub fn status(&self) -> Standing {
        let all = self.checks.iter().map(|(_, check)| check.status);
        all.max().unwrap_or(Standing::Ok)
    }

    /// As `/readyz` writes it.
    pub(super) fn json(&self) -> String {
        let checks = self.checks.iter();
        let checks: serde_json::Map<_, _> = checks
            .filter_map(|(name, check)| {
                Some(((*name).to_owned(), serde_json::to_value(check).ok()?))
            })
            .collect();
        let status = self.status();
        serde_json::json!({
            "ready": status != Standing::Unavailable,
            "status": status,
            "checks": checks,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_dependency_decides_and_only_the_unavailable_make_unready() {
        let readiness = |kafka, journal| Readiness {
            checks: vec![
                ("journal", Check { status: journal, reason: None }),
                ("kafka", Check::not(kafka, "away")),
            ],
        };
        let json = |kafka, journal| -> serde_json::Value {
            serde_json::from_str(&readiness(kafka, journal).json()).unwrap()
        };
        let degraded = json(Standing::Degraded, Standing::Ok);
        assert_eq!(degraded["ready"], true);
        assert_eq!(degraded["status"], "degraded");
        assert_eq!(degraded["checks"]["kafka"]["reason"], "away");
        assert_eq!(degraded["checks"]["journal"], serde_json::json!({"status": "ok"}));
        let unavailable = json(Standing::Degraded, Standing::Unavailable);
        assert_eq!(unavailable["ready"], false);
        assert_eq!(unavailable["status"], "unavailable");
    }
}
