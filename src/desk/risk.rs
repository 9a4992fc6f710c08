//! A risk that a policy accepts, as operators see it everywhere: `check-config`, the log, `status`
//! and the audit log.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scrub::Settings;
use crate::scrub::policy::{Accepted, Policy};

/// A field that leaves though the list below the rule keeps it, and why that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedRisk {
    /// From which source.
    pub source: String,
    /// The field, such as `participant.region`.
    pub field: String,
    /// With which kinds of events.
    pub kinds: Vec<String>,
    /// What became of it before: `unlisted`, `drop`, `pseudonym`, `role` or `bucket`.
    pub before: String,
    /// What becomes of it now: `pseudonym`, `role`, `bucket` or `pass`.
    pub now: String,
    /// Why, in the words of the rule.
    pub why: String,
}

impl AcceptedRisk {
    /// Those of one source, its tenant's among them.
    pub fn of(boundary: &Settings) -> Vec<Self> {
        let risk = |accepted: &Accepted| Self {
            source: boundary.source.to_string(),
            field: accepted.field.clone(),
            kinds: accepted.kinds.iter().map(ToString::to_string).collect(),
            before: accepted.before.as_str().to_owned(),
            now: accepted.now.as_str().to_owned(),
            why: accepted.why.clone(),
        };
        boundary.policy.accepted().iter().map(risk).collect()
    }

    /// What it is about in one word: source and field.
    pub fn target(&self) -> String {
        format!("{}/{}", self.source, self.field)
    }

    /// What changes, and where: `unlisted → pass with recording.ready, recording.failed`.
    pub fn change(&self) -> String {
        let Self { before, now, .. } = self;
        let kinds = match self.kinds.len() == Policy::kinds().count() {
            true => "every kind".to_owned(),
            false => self.kinds.join(", "),
        };
        format!("{before} → {now} with {kinds}")
    }
}

/// `clinic-daily/participant.region: unlisted → pass with recording.ready: asked for by billing`.
impl fmt::Display for AcceptedRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.target(), self.change(), self.why)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::event::{ProviderName, SourceName, TenantName};

    use super::*;

    #[test]
    fn a_risk_is_told_with_its_source_field_kinds_and_reason() {
        let risks = |kinds: &str| {
            let rule = format!(
                "[[rule]]\nfields = [\"room.name\"]\nkinds = [{kinds}]\naction = \"pass\"\n\
                 reason = \"a test\"\naccept_risk = \"billing\"\n"
            );
            let policy = Policy::standard().with(&rule).unwrap();
            let name = (SourceName::new("clinic"), TenantName::new("t"));
            let plain = Settings::new(name.0, name.1, ProviderName::new("daily"));
            AcceptedRisk::of(&Settings { policy: Arc::new(policy), ..plain })
        };
        let [risk] = &risks("\"recording.ready\", \"recording.failed\"")[..] else { panic!() };
        let said = "clinic/room.name: pseudonym → pass with recording.ready, recording.failed: \
             billing";
        assert_eq!(risk.to_string(), said);
        assert_eq!(risks("\"*\"")[0].change(), "pseudonym → pass with every kind");
    }
}
