//! Each value against the table: how it may leave, or by which rule it stays.

use super::data::{PersonRef, RoomRef};
use super::table::{self, Rule, Value};
use super::{Boundary, RULE_ARTIFACT, RULE_PERSON, RULE_ROOM, RULE_SHAPE, RULE_UNLISTED, RULES};
use crate::bounds::VISIBLE_TEXT_BYTES_MAX;
use crate::normalize::{Fact, Given, NodeId, Normalized, Personal, Removed, Word};

/// What is to become of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It leaves as it is.
    Passes,
    /// It leaves as this pseudonym of a person.
    Person(PersonRef),
    /// It leaves as this pseudonym of a room.
    Room(RoomRef),
    /// It is a role label and leaves as one; its place counts as removed.
    Role,
    /// It stays, by this rule.
    Stays(&'static str),
}

impl Verdict {
    /// Whether the value is accounted for: what leaves in any form but as a role.
    fn accounts(self) -> bool {
        match self {
            Self::Passes | Self::Person(_) | Self::Room(_) => true,
            Self::Role | Self::Stays(_) => false,
        }
    }

    /// The rule that the value as it came did not pass.
    fn rule(self) -> Option<&'static str> {
        match self {
            Self::Passes => None,
            Self::Person(_) | Self::Role => Some(RULE_PERSON),
            Self::Room(_) => Some(RULE_ROOM),
            Self::Stays(rule) => Some(rule),
        }
    }
}

/// The verdicts on all facts of an event, in their order.
pub(super) struct Judged(Vec<Verdict>);

impl Judged {
    /// Judges every fact.
    pub(super) fn new(boundary: &Boundary, event: &Normalized<'_>) -> Self {
        let verdicts = event.facts().iter().map(|fact| {
            let (rule, kinds) = table::line(fact.word);
            if kinds.has(event.kind()) {
                boundary.judge(event, fact, rule)
            } else {
                Verdict::Stays(RULE_UNLISTED)
            }
        });
        Self(verdicts.collect())
    }

    /// Facts and verdicts side by side.
    pub(super) fn of<'f>(
        &self,
        facts: &'f [Fact],
    ) -> impl Iterator<Item = (&'f Fact, Verdict)> + use<'f, '_> {
        facts.iter().zip(self.0.iter().copied())
    }

    /// The places of the body that are accounted for.
    pub(super) fn passed(&self, facts: &[Fact]) -> Vec<NodeId> {
        let passing = self.of(facts).filter(|(_, verdict)| verdict.accounts());
        passing.filter_map(|(fact, _)| fact.node).collect()
    }

    /// How many values each rule removed; a field of several items of a list counts once, as it is
    /// listed once.
    pub(super) fn counts(
        &self,
        facts: &[Fact],
        passed: &[NodeId],
        removed: &Removed,
    ) -> Vec<(&'static str, u64)> {
        let mut counts = RULES.map(|rule| (rule, 0));
        let mut count = |rule: &str, more: u64| {
            let found = counts.iter_mut().find(|(name, _)| *name == rule);
            if let Some((_, number)) = found {
                *number += more;
            }
        };
        let (mut named, mut seen) = (0, Vec::<Word>::new());
        for (fact, verdict) in self.of(facts) {
            let (Some(rule), Some(node)) = (verdict.rule(), fact.node) else {
                continue;
            };
            if !verdict.accounts() {
                if passed.contains(&node) || (fact.item > 0 && seen.contains(&fact.word)) {
                    continue;
                }
                seen.push(fact.word);
                named += 1;
            }
            count(rule, 1);
        }
        let all = removed.paths.len() as u64 + removed.more;
        count(RULE_UNLISTED, all.saturating_sub(named));
        counts.into_iter().filter(|(_, number)| *number > 0).collect()
    }
}

impl Boundary {
    fn judge(&self, event: &Normalized<'_>, fact: &Fact, rule: Rule) -> Verdict {
        let pass = |fits: bool| match fits {
            true => Verdict::Passes,
            false => Verdict::Stays(RULE_SHAPE),
        };
        match rule {
            Rule::Ours => pass(matches!(fact.given, Given::Word(_))),
            Rule::Count => pass(matches!(fact.given, Given::Count(_))),
            Rule::Number => pass(matches!(fact.given, Given::Count(_) | Given::Number(_))),
            Rule::Moment => pass(matches!(fact.given, Given::Moment(_))),
            Rule::Flag => pass(matches!(fact.given, Given::Flag(_))),
            Rule::Text(form) => match (fact.given, text(event, fact)) {
                (_, Some(text)) => pass(form.fits(text)),
                (given, None) => pass(matches!(given, Given::Word(_))),
            },
            Rule::Person | Rule::Label | Rule::Room | Rule::Artifact => match text(event, fact) {
                Some(text) => self.judge_text(text, rule),
                None => Verdict::Stays(RULE_SHAPE),
            },
        }
    }

    fn judge_text(&self, text: &str, rule: Rule) -> Verdict {
        let short = text.len() <= VISIBLE_TEXT_BYTES_MAX;
        let matches = |pattern: &Option<regex::Regex>| {
            short && pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
        };
        match rule {
            Rule::Person => Verdict::Person(PersonRef(self.names.person(text))),
            Rule::Label if self.settings.role_labels.iter().any(|label| label == text) => {
                Verdict::Role
            }
            Rule::Label => Verdict::Stays(RULE_PERSON),
            Rule::Room if self.lets_out(Personal::new(text)) => Verdict::Passes,
            Rule::Room => Verdict::Room(RoomRef(self.names.room(text))),
            Rule::Artifact if matches(&self.settings.artifact_key) => Verdict::Passes,
            Rule::Artifact => Verdict::Stays(RULE_ARTIFACT),
            Rule::Text(_) | Rule::Ours | Rule::Count | Rule::Number | Rule::Moment | Rule::Flag => {
                Verdict::Stays(RULE_SHAPE)
            }
        }
    }
}

/// The text of a fact, opened.
pub(super) fn text<'e>(event: &'e Normalized<'_>, fact: &Fact) -> Option<&'e str> {
    match fact.given {
        Given::Text(node) => event.text(node).map(Personal::expose),
        Given::Word(_) | Given::Count(_) | Given::Number(_) | Given::Moment(_) | Given::Flag(_) => {
            None
        }
    }
}

/// A judged value as the published data takes it.
pub(super) fn value<'e>(
    event: &'e Normalized<'_>,
    fact: &Fact,
    verdict: Verdict,
) -> Option<Value<'e>> {
    match verdict {
        Verdict::Person(person) => Some(Value::Person(person)),
        Verdict::Room(_) | Verdict::Stays(_) => None,
        Verdict::Passes | Verdict::Role => Some(match fact.given {
            Given::Text(_) => Value::Text(text(event, fact)?),
            Given::Word(word) => Value::Text(word),
            Given::Count(count) => Value::Count(count),
            Given::Number(number) => Value::Number(number),
            Given::Moment(time) => Value::Moment(time),
            Given::Flag(flag) => Value::Flag(flag),
        }),
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::{Value, json};

    use super::super::tests::{UUID, event, joined, key, scrub, scrub_with, settings, with};
    use super::VISIBLE_TEXT_BYTES_MAX;
    use crate::scrub::Settings;

    #[test]
    fn a_room_whose_name_may_not_leave_leaves_as_a_pseudonym() {
        let hidden = [
            with(joined(), "room", json!("consult-0a1b2c3d and Zoë")),
            with(joined(), "room", json!("Zoë")),
        ];
        for body in hidden {
            let clean = scrub(&body);
            let event = event(&clean);
            assert_eq!(event["data"]["room"].as_object().unwrap().len(), 1);
            assert_eq!(event["subject"], event["data"]["room"]["ref"]);
            assert!(event["subject"].as_str().unwrap().starts_with("r1_"));
            assert!(key(&clean).starts_with("tenant-a/k1_"));
            assert_eq!(event["data"]["removed"], json!(["/label"]));
            assert!(clean.removed().contains(&("room", 1)));
        }
        let silent = Settings { room_name: None, ..settings() };
        assert!(event(&scrub_with(silent, &joined()))["data"]["room"]["name"].is_null());
    }

    #[test]
    fn a_room_name_longer_than_what_may_be_seen_is_hidden_even_if_it_matches() {
        let any = Settings { room_name: Some(Regex::new("^a+$").unwrap()), ..settings() };
        let long = "a".repeat(VISIBLE_TEXT_BYTES_MAX + 1);
        let shown = event(&scrub_with(any.clone(), &with(joined(), "room", json!(long[1..]))));
        assert_eq!(shown["subject"], long[1..]);
        let hidden = event(&scrub_with(any, &with(joined(), "room", json!(long))));
        assert!(hidden["subject"].as_str().unwrap().starts_with("r1_"));
    }

    #[test]
    fn a_role_is_a_configured_label_letter_for_letter_or_participant() {
        let role = |body: Value| event(&scrub(&body))["data"]["participant"]["role"].clone();
        assert_eq!(role(joined()), "Patient");
        assert_eq!(role(with(joined(), "label", json!("patient"))), "Participant");
        assert_eq!(role(with(joined(), "label", json!("Zoë"))), "Participant");
        assert_eq!(role(with(joined(), "label", Value::Null)), "Participant");
        let second = with(joined(), "label", json!("Zoë"));
        assert_eq!(role(with(second, "alias", json!("Doctor"))), "Doctor");
        let none = Settings { role_labels: Vec::new(), ..settings() };
        let event = event(&scrub_with(none, &joined()));
        assert_eq!(event["data"]["participant"]["role"], "Participant");
    }

    #[test]
    fn a_label_is_listed_as_removed_whether_it_is_a_role_or_not() {
        for label in ["Patient", "Zoë"] {
            let event = event(&scrub(&with(joined(), "label", json!(label))));
            assert_eq!(event["data"]["removed"], json!(["/label"]));
        }
    }

    #[test]
    fn text_that_has_not_the_form_of_its_word_is_removed() {
        let body = with(joined(), "session", json!("Zoë"));
        let clean = scrub(&with(body, "type", json!("Zoë joined")));
        let event = event(&clean);
        assert!(event["data"]["participant"].get("session_id").is_none());
        assert!(event["data"].get("provider_event").is_none());
        assert_eq!(event["data"]["removed"], json!(["/label", "/session", "/type"]));
        assert!(clean.removed().contains(&("shape", 2)));
    }

    #[test]
    fn text_under_a_word_that_takes_only_our_own_is_removed() {
        let recording = json!({"kind": "recording.ready", "status": "finished", "state": "x"});
        let event = event(&scrub(&recording));
        assert!(event["data"].get("recording").is_none());
        assert_eq!(event["data"]["removed"], json!(["/state", "/status"]));
    }

    #[test]
    fn a_word_that_is_not_listed_for_a_kind_is_removed() {
        let clean = scrub(&with(joined(), "recording", json!(UUID)));
        assert_eq!(event(&clean)["data"]["removed"], json!(["/label", "/recording"]));
        assert!(clean.removed().contains(&("unlisted", 1)));
    }

    #[test]
    fn what_has_no_word_is_removed_and_keys_of_users_are_not_named() {
        let body = with(joined(), "attributes", json!({"Zoë": "x", "b": 1}));
        let clean = scrub(&with(body, "Zoë CANARY", json!({"deep": true})));
        let listed = event(&clean)["data"]["removed"].clone();
        assert_eq!(listed, json!(["/*/deep", "/attributes/*", "/label"]));
        assert!(clean.removed().contains(&("unlisted", 2)));
    }

    #[test]
    fn a_storage_key_leaves_only_if_it_matches() {
        let ready = |key: &str| json!({"kind": "recording.ready", "recording": UUID, "key": key});
        let good = event(&scrub(&ready("recordings/17.mp4")));
        assert_eq!(good["data"]["recording"]["storage_key"], "recordings/17.mp4");
        let clean = scrub(&ready("zoe/consult/17"));
        assert_eq!(event(&clean)["data"]["removed"], json!(["/key"]));
        assert_eq!(clean.removed(), &[("artifact", 1)]);
    }

    #[test]
    fn many_removed_paths_end_in_a_count() {
        let mut body = joined();
        for number in 0..100 {
            body[format!("field{number:03}")] = json!("x");
        }
        let clean = scrub(&body);
        let event = event(&clean);
        assert_eq!(event["data"]["removed"].as_array().unwrap().len(), 64);
        assert_eq!(event["data"]["removed_more"], 37);
        assert!(clean.removed().contains(&("unlisted", 100)));
    }
}
