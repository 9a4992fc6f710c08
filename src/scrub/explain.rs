//! What becomes of each value of one event, and by which rule: for people who look at a policy.
//!
//! Never the values: places in the body, fields, rules. Off the hot path, and judged by the same
//! judge.

use super::judge::{Judged, Verdict};
use super::policy::As;
use super::table::FIELDS;
use super::{Boundary, RULE_UNLISTED, Violation};
use crate::event::{Kind, QuarantineReason};
use crate::normalize::Normalized;

/// What becomes of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What happened.
    pub kind: Kind,
    /// Why it goes to quarantine, if it does.
    pub reason: Option<QuarantineReason>,
    /// Fields that leave, in the order of the schema, each once.
    pub leaves: Vec<(String, Fate)>,
    /// Places in the body that stay, each with its rule, in the order of the body.
    pub stays: Vec<(String, &'static str)>,
    /// What looked personal.
    pub violations: Vec<Violation>,
}

/// As what a field leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As it is.
    AsItIs,
    /// By the lower end of its range, or to the minute.
    Coarse,
    /// As a pseudonym.
    Pseudonym,
    /// As a label of the configuration.
    Role,
}

impl Fate {
    /// In a word or two.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsItIs => "as it is",
            Self::Coarse => "less exactly",
            Self::Pseudonym => "pseudonym",
            Self::Role => "role label",
        }
    }
}

impl Boundary {
    /// Tells what becomes of each value of an event.
    pub fn explain(&self, mut event: Normalized<'_>) -> Explained {
        let judged = Judged::new(self, &event);
        let stops = self.stops(&event, &judged);
        let violations = judged.evidence(Default::default()).violations.listed;
        // Of what stops leaves what its record in quarantine tells.
        let judged = match stops {
            true => Judged::told(self, &event, As::Stopped(event.kind())),
            false => judged,
        };
        let passed = judged.passed(event.facts());
        let mut leaves: Vec<(usize, Fate)> = Vec::new();
        for (fact, verdict) in judged.of(event.facts()) {
            let fate = match verdict {
                Verdict::Passes => Fate::AsItIs,
                Verdict::Coarse => Fate::Coarse,
                Verdict::Person(..) | Verdict::Room(..) => Fate::Pseudonym,
                Verdict::Role(_) => Fate::Role,
                Verdict::Stays(_) => continue,
            };
            let found = (fact.word as usize, fate);
            if !leaves.contains(&found) {
                leaves.push(found);
            }
        }
        leaves.sort_by_key(|(field, _)| *field);
        let kind = event.kind();
        let reason = event.reason().or_else(|| stops.then_some(QuarantineReason::PiiViolation));
        let stays = self.stays(&mut event, &judged, passed);
        let name =
            |(field, fate): (usize, Fate)| FIELDS.get(field).map(|field| (field.name(), fate));
        let leaves = leaves.into_iter().filter_map(name).collect();
        Explained { kind, reason, leaves, stays, violations }
    }

    fn stays(
        &self,
        event: &mut Normalized<'_>,
        judged: &Judged<'_>,
        passed: Vec<crate::normalize::NodeId>,
    ) -> Vec<(String, &'static str)> {
        let mut stays: Vec<(String, &'static str)> = Vec::new();
        for (path, node) in event.removed_places(passed.into_iter()) {
            let of_node = judged.of(event.facts()).filter(|(fact, _)| fact.node == Some(node));
            let mut rules = of_node.filter_map(|(_, verdict)| verdict.rule());
            let found = (path, rules.next().unwrap_or(RULE_UNLISTED));
            if !stays.contains(&found) {
                stays.push(found);
            }
        }
        stays
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{joined, keys, settings, verified, with};
    use super::*;
    use crate::clock::Timestamp;
    use crate::normalize::{daily::Daily, normalize};
    use crate::scrub::{OnViolation, Settings};

    fn explained(settings: Settings, body: &serde_json::Value) -> Explained {
        let body = body.to_string();
        let verified = verified(Timestamp::from_millis(1_795_168_800_301), body.as_bytes());
        let event = normalize(&verified, settings.provider, &super::super::tests::Plain);
        Boundary::new(settings, &keys()).explain(event)
    }

    #[test]
    fn each_field_that_leaves_is_told_with_how_and_each_place_that_stays_with_its_rule() {
        let body = with(with(joined(), "note", json!("Zoë")), "session", json!("Zoë"));
        let told = explained(settings(), &body);
        let leaves: Vec<_> =
            told.leaves.iter().map(|(field, fate)| (field.as_str(), fate.as_str())).collect();
        let expected = [
            ("provider_event.type", "as it is"),
            ("room.name", "as it is"),
            ("participant.ref", "pseudonym"),
            ("participant.role", "role label"),
        ];
        assert_eq!(leaves, expected);
        let stays: Vec<_> = told.stays.iter().map(|(path, rule)| (path.as_str(), *rule)).collect();
        let expected = [("/label", "person"), ("/note", "unlisted"), ("/session", "shape")];
        assert_eq!(stays, expected);
        assert_eq!((told.reason, told.violations.len()), (None, 1));
        assert!(!format!("{told:?}").contains("Zoë"));
        let strict = Settings { on_violation: OnViolation::Quarantine, ..settings() };
        let stopped = explained(strict, &body);
        assert_eq!(stopped.reason, Some(QuarantineReason::PiiViolation));
    }

    #[test]
    fn what_stays_is_what_the_event_lists_as_removed() {
        let body = std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/daily/participant.joined/request.http"
        ));
        let text = String::from_utf8(body.unwrap()).unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let verified = verified(Timestamp::from_millis(1_795_168_800_301), body.as_bytes());
        let boundary = Boundary::new(settings(), &keys());
        let event = || normalize(&verified, settings().provider, &Daily);
        let told = boundary.explain(event());
        let clean: serde_json::Value =
            serde_json::from_slice(boundary.scrub(event()).value()).unwrap();
        let mut paths: Vec<_> = told.stays.into_iter().map(|(path, _)| path).collect();
        paths.dedup();
        assert_eq!(json!(paths), clean["data"]["removed"]);
    }
}
