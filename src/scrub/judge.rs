//! Each value against policy and table: how it may leave, or by which rule it stays; and whether
//! what is about to leave looks personal.

use super::data::Evidence;
use super::detect::Detector;
use super::names::{PersonRef, RoomRef};
use super::policy::{Action, As};
use super::shape::Form;
use super::table::{self, FIELDS, Rule};
use super::value::{is_plausible, text};
use super::violation::{Violation, Violations};
use super::{
    Boundary, RULE_ARTIFACT, RULE_BUCKET, RULE_PERSON, RULE_POLICY, RULE_RECORDING, RULE_ROOM,
    RULE_SHAPE, RULE_UNLISTED, RULE_VIOLATION, RULES,
};
use crate::bounds::{AMOUNT_MAX, COUNT_MAX, SIZE_BYTES_MAX, VISIBLE_TEXT_BYTES_MAX};
use crate::event::{Family, Kind, QuarantineReason};
use crate::normalize::{Fact, Given, NodeId, Normalized, Personal, Removed, Word};

/// What is to become of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict<'b> {
    /// It leaves as it is.
    Passes,
    /// It leaves less exactly, as the policy says.
    Coarse,
    /// It leaves as this pseudonym of a person, and while keys change as the one before, too.
    Person(PersonRef, Option<PersonRef>),
    /// It leaves as this pseudonym of a room, and while keys change as the one before, too.
    Room(RoomRef, Option<RoomRef>),
    /// It leaves as this role label; its place counts as removed.
    Role(&'b str),
    /// It stays, by this rule.
    Stays(&'static str),
}

impl Verdict<'_> {
    /// Whether the value is accounted for: what leaves in any form but as a role.
    pub(super) fn accounts(self) -> bool {
        match self {
            Self::Passes | Self::Coarse | Self::Person(..) | Self::Room(..) => true,
            Self::Role(_) | Self::Stays(_) => false,
        }
    }

    /// The rule that the value as it came did not pass.
    pub(super) fn rule(self) -> Option<&'static str> {
        match self {
            Self::Passes => None,
            Self::Coarse => Some(RULE_BUCKET),
            Self::Person(..) | Self::Role(_) => Some(RULE_PERSON),
            Self::Room(..) => Some(RULE_ROOM),
            Self::Stays(rule) => Some(rule),
        }
    }
}

/// What a detector saw in a value that was about to leave, or in a field of ids.
#[derive(Clone, Copy, Debug)]
struct Noticed {
    word: Word,
    item: u16,
    detector: Detector,
    rule: &'static str,
    length: usize,
}

/// The verdicts on all facts of an event, in their order.
pub(super) struct Judged<'b> {
    verdicts: Vec<Verdict<'b>>,
    noticed: Vec<Noticed>,
}

impl<'b> Judged<'b> {
    /// Judges every fact of an event, as one of its own kind.
    pub(super) fn new(boundary: &'b Boundary, event: &Normalized<'_>) -> Self {
        Self::told(boundary, event, As::Own(event.kind()))
    }

    /// The same as one that is told so: of what stopped only the envelope is.
    pub(super) fn told(boundary: &'b Boundary, event: &Normalized<'_>, told: As) -> Self {
        let mut noticed = Vec::new();
        let mut bench = Bench { boundary, event, told, noticed: &mut noticed };
        let verdicts = event.facts().iter().map(|fact| bench.judge(fact)).collect();
        Self { verdicts, noticed }
    }

    /// Facts and verdicts side by side.
    pub(super) fn of<'f>(
        &self,
        facts: &'f [Fact],
    ) -> impl Iterator<Item = (&'f Fact, Verdict<'b>)> + use<'f, 'b, '_> {
        facts.iter().zip(self.verdicts.iter().copied())
    }

    /// The places of the body that are accounted for.
    pub(super) fn passed(&self, facts: &[Fact]) -> Vec<NodeId> {
        let mut passed = Vec::with_capacity(facts.len());
        let passing = self.of(facts).filter(|(_, verdict)| verdict.accounts());
        passed.extend(passing.filter_map(|(fact, _)| fact.node));
        passed
    }

    /// Whether anything looked personal.
    pub(super) fn is_violated(&self) -> bool {
        !self.noticed.is_empty()
    }

    /// What is told of an event beside its values.
    pub(super) fn evidence(&self, removed: Removed) -> Evidence {
        let mut violations = Violations::default();
        for noticed in &self.noticed {
            violations.note(noticed.told());
        }
        Evidence { removed, violations, findings: Vec::new() }
    }

    /// How often each detector saw something.
    pub(super) fn detected(&self) -> Vec<(Detector, u64)> {
        let mut counts: Vec<(Detector, u64)> = Vec::new();
        for Noticed { detector, .. } in &self.noticed {
            match counts.iter_mut().find(|(known, _)| known == detector) {
                Some((_, count)) => *count += 1,
                None => counts.push((*detector, 1)),
            }
        }
        counts
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

impl Noticed {
    fn told(&self) -> Violation {
        let field = FIELDS.get(self.word as usize).map(table::Field::name).unwrap_or_default();
        let item = format!("/{}", self.item);
        let path = format!("/data/{}", field.replace("[]", &item).replace('.', "/"));
        let (detector, length) = (self.detector, self.length as u64);
        Violation { path, detector, rule: self.rule.to_owned(), length }
    }
}

/// Where the facts of one event are judged.
struct Bench<'b, 'e, 'v> {
    boundary: &'b Boundary,
    event: &'e Normalized<'v>,
    told: As,
    noticed: &'e mut Vec<Noticed>,
}

impl<'b> Bench<'b, '_, '_> {
    fn judge(&mut self, fact: &Fact) -> Verdict<'b> {
        let settings = &self.boundary.settings;
        // Of what stopped, so that it can be found and forgotten; of a type that is not known
        // nobody knows whose id it is.
        let unknown = self.event.reason() == Some(QuarantineReason::UnknownKind);
        if unknown && fact.word == Word::ParticipantId {
            return Verdict::Stays(RULE_UNLISTED);
        }
        let action = settings.policy.action(self.told, fact.word);
        match action {
            Action::Unlisted => return Verdict::Stays(RULE_UNLISTED),
            Action::Drop => return Verdict::Stays(RULE_POLICY),
            Action::Pseudonym | Action::Role | Action::Bucket | Action::Pass => {}
        }
        if self.boundary.forbids(self.told.kind()) && is_artefact(fact.word) {
            return Verdict::Stays(RULE_RECORDING);
        }
        match (self.formed(fact, action), action) {
            (Verdict::Passes, Action::Bucket) => Verdict::Coarse,
            (verdict, _) => verdict,
        }
    }

    /// The verdict by the form of the value.
    fn formed(&mut self, fact: &Fact, action: Action) -> Verdict<'b> {
        let pass = |fits: bool| match fits {
            true => Verdict::Passes,
            false => Verdict::Stays(RULE_SHAPE),
        };
        let received = self.event.verified().delivery().head().received();
        match (table::rule(fact.word), fact.given) {
            (Rule::Ours, given) => pass(matches!(given, Given::Word(_))),
            (Rule::Count, Given::Count(count)) => pass(count <= COUNT_MAX),
            (Rule::Bytes, Given::Count(bytes)) => pass(bytes <= SIZE_BYTES_MAX),
            (Rule::Amount, Given::Count(count)) => pass(count as f64 <= AMOUNT_MAX),
            (Rule::Amount, Given::Number(number)) => pass(number.abs() <= AMOUNT_MAX),
            (Rule::Moment, Given::Moment(time)) => pass(is_plausible(time, received)),
            (Rule::Flag, given) => pass(matches!(given, Given::Flag(_))),
            (Rule::Text(_), Given::Word(_)) => Verdict::Passes,
            (Rule::Count | Rule::Bytes | Rule::Amount | Rule::Moment, _) => {
                Verdict::Stays(RULE_SHAPE)
            }
            (Rule::Text(_) | Rule::Person | Rule::Label | Rule::Room | Rule::Artifact, _) => {
                match text(self.event, fact) {
                    Some(text) => self.judge_text(fact, text, action),
                    None => Verdict::Stays(RULE_SHAPE),
                }
            }
        }
    }

    fn judge_text(&mut self, fact: &Fact, text: &str, action: Action) -> Verdict<'b> {
        let boundary = self.boundary;
        let settings = &boundary.settings;
        match table::rule(fact.word) {
            Rule::Text(form) if form.fits(text) => match form {
                // Made up by a machine, and proven by its form.
                Form::Id | Form::EventRef => Verdict::Passes,
                Form::EventType | Form::Version | Form::Region | Form::Mime => {
                    self.unless_personal(fact, text, form.as_str())
                }
            },
            Rule::Text(form @ (Form::Id | Form::EventRef)) => {
                self.notice(fact, Detector::IdShape, form.as_str(), text.len());
                Verdict::Stays(RULE_SHAPE)
            }
            Rule::Person => {
                let received = self.event.verified().delivery().head().received();
                let former = boundary.names.former_person(text, received);
                Verdict::Person(boundary.names.person(text), former)
            }
            Rule::Label => match settings.role_of(text) {
                Some(label) => Verdict::Role(label),
                None => Verdict::Stays(RULE_PERSON),
            },
            Rule::Room => self.judge_room(fact, text, action),
            Rule::Artifact if boundary.lets_artifact_out(text) => {
                self.unless_personal(fact, text, "artifact_key")
            }
            Rule::Artifact => Verdict::Stays(RULE_ARTIFACT),
            Rule::Text(_)
            | Rule::Ours
            | Rule::Count
            | Rule::Bytes
            | Rule::Amount
            | Rule::Moment
            | Rule::Flag => Verdict::Stays(RULE_SHAPE),
        }
    }

    fn judge_room(&mut self, fact: &Fact, text: &str, action: Action) -> Verdict<'b> {
        let boundary = self.boundary;
        if action == Action::Pass || boundary.matches_room(Personal::new(text)) {
            let verdict = self.unless_personal(fact, text, "room_name");
            if verdict == Verdict::Passes && text.len() <= VISIBLE_TEXT_BYTES_MAX {
                return verdict;
            }
        } else if boundary.settings.room_name.is_some() {
            self.notice(fact, Detector::RoomName, "room_name", text.len());
        }
        let received = self.event.verified().delivery().head().received();
        let former = boundary.names.former_room(text, received);
        Verdict::Room(boundary.names.room(text), former)
    }

    /// It passes, unless something in it looks personal.
    fn unless_personal(&mut self, fact: &Fact, text: &str, rule: &'static str) -> Verdict<'b> {
        let before = self.noticed.len();
        let (word, item) = (fact.word, fact.item);
        self.boundary.detectors.look(text, &mut |found| {
            let (detector, length) = (found.detector, found.bytes);
            self.noticed.push(Noticed { word, item, detector, rule, length });
        });
        match self.noticed.len() > before {
            true => Verdict::Stays(RULE_VIOLATION),
            false => Verdict::Passes,
        }
    }

    fn notice(&mut self, fact: &Fact, detector: Detector, rule: &'static str, length: usize) {
        let (word, item) = (fact.word, fact.item);
        self.noticed.push(Noticed { word, item, detector, rule, length });
    }
}

/// Whether it says where what was recorded lies, or what it is like.
const fn is_artefact(word: Word) -> bool {
    matches!(
        word,
        Word::RecordingKey
            | Word::TranscriptKey
            | Word::TranscriptRegion
            | Word::FileType
            | Word::FileKey
            | Word::FileRegion
            | Word::FileSize
            | Word::FileDuration
            | Word::FileStartedAt
            | Word::FileEndedAt
            | Word::FileParts
    )
}

impl Boundary {
    /// Whether an event of this kind tells of what its tenant forbids.
    pub fn forbids(&self, kind: Kind) -> bool {
        kind.family() == Family::Recording && self.settings.recording == super::Recording::Forbidden
    }

    /// Whether an event tells of what its tenant forbids, also one whose type is not known yet.
    pub(super) fn is_forbidden(&self, event: &Normalized<'_>) -> bool {
        let unknown = event.reason() == Some(QuarantineReason::UnknownKind);
        let tells = || {
            let said = event.fact(Word::EventType).and_then(|fact| text(event, fact));
            said.is_some_and(|said| event.tells_of_recording(said))
        };
        let forbidden = self.settings.recording == super::Recording::Forbidden;
        self.forbids(event.kind()) || (forbidden && unknown && tells())
    }

    fn matches_room(&self, room: Personal<&str>) -> bool {
        let room = room.expose();
        let pattern = self.settings.room_name.as_ref();
        room.len() <= VISIBLE_TEXT_BYTES_MAX && pattern.is_some_and(|name| name.is_match(room))
    }

    /// Whether a room's name may leave as it is: its events then carry the name itself.
    pub fn lets_out(&self, room: Personal<&str>) -> bool {
        // Of any kind, for nobody says which one is meant.
        self.is_shown(room, self.settings.policy.lets_room_out())
    }

    /// The same with an event of this kind, where the policy does not keep rooms of it.
    pub(super) fn lets_out_with(&self, kind: Kind, room: Personal<&str>) -> bool {
        let always = self.settings.policy.action(kind, Word::RoomName) == Action::Pass;
        self.is_shown(room, always)
    }

    fn is_shown(&self, room: Personal<&str>, always: bool) -> bool {
        let clean = !self.detectors.finds(room.expose());
        let short = room.expose().len() <= VISIBLE_TEXT_BYTES_MAX;
        clean && short && (always || self.matches_room(room))
    }

    fn lets_artifact_out(&self, text: &str) -> bool {
        let pattern = self.settings.artifact_key.as_ref();
        text.len() <= VISIBLE_TEXT_BYTES_MAX && pattern.is_some_and(|key| key.is_match(text))
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
