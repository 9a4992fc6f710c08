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
    /// The lower ends of the ranges in which it left before, where it left in ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_ranges: Vec<u64>,
    /// What becomes of it now: `pseudonym`, `role`, `bucket` or `pass`.
    pub now: String,
    /// The lower ends of the ranges in which it leaves now, where it leaves in ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub now_ranges: Vec<u64>,
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
            before_ranges: accepted.before_ranges.clone(),
            now: accepted.now.as_str().to_owned(),
            now_ranges: accepted.now_ranges.clone(),
            why: accepted.why.clone(),
        };
        boundary.policy.accepted().iter().map(risk).collect()
    }

    /// What it is about in one word: source and field.
    pub fn target(&self) -> String {
        format!("{}/{}", self.source, self.field)
    }

    /// What changes, and where: `unlisted → pass with recording.ready, recording.failed`, and
    /// behind it the ranges: `, in ranges from 0, 30, 60, before from 0, 60`.
    pub fn change(&self) -> String {
        let Self { before, now, .. } = self;
        let kinds = match self.kinds.len() == Policy::kinds().count() {
            true => "every kind".to_owned(),
            false => self.kinds.join(", "),
        };
        let ends = |of: &[u64]| {
            let ends: Vec<_> = of.iter().map(u64::to_string).collect();
            ends.join(", ")
        };
        let ranges = match (&self.before_ranges[..], &self.now_ranges[..]) {
            ([], []) => String::new(),
            ([], now) => format!(", in ranges from {}", ends(now)),
            (before, []) => format!(", before in ranges from {}", ends(before)),
            (before, now) => {
                format!(", in ranges from {}, before from {}", ends(now), ends(before))
            }
        };
        format!("{before} → {now} with {kinds}{ranges}")
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

    #[test]
    fn ranges_are_part_of_a_risk_and_of_its_text() {
        let rule = |action: &str, why: &str| {
            format!(
                "[[rule]]\nfields = [\"participant.duration_seconds\"]\n\
                 kinds = [\"participant.left\"]\naction = {action}\nreason = \"a test\"\n{why}\n"
            )
        };
        let told = |before: &str, now: &str| {
            let layers = rule(before, "") + &rule(now, "accept_risk = \"billing\"");
            let policy = Arc::new(Policy::standard().with(&layers).unwrap());
            let name = (SourceName::new("clinic"), TenantName::new("t"));
            let plain = Settings::new(name.0, name.1, ProviderName::new("daily"));
            let [risk] = &AcceptedRisk::of(&Settings { policy, ..plain })[..] else { panic!() };
            let json = serde_json::to_value(risk).unwrap();
            assert_eq!(&serde_json::from_value::<AcceptedRisk>(json).unwrap(), risk);
            risk.change().split_once(" with participant.left").unwrap().1.to_owned()
        };
        let bucket = |ranges: &str| format!("\"bucket\"\nranges = {ranges}");
        let (rough, fine) = (bucket("[0, 60]"), bucket("[0, 30, 60]"));
        assert_eq!(told(&rough, &fine), ", in ranges from 0, 30, 60, before from 0, 60");
        assert_eq!(told("\"drop\"", &rough), ", in ranges from 0, 60");
        assert_eq!(told(&rough, "\"pass\""), ", before in ranges from 0, 60");
        assert_eq!(told("\"drop\"", "\"pass\""), "");
    }
}
