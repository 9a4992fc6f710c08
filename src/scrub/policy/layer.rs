//! One file of rules, laid over what is there.
//!
//! Every flaw is told at once, with its place and what to write instead. What a rule with a star
//! cannot reach it passes over; what a rule names by its whole name it must be able to do.

use std::fmt;

use serde::Deserialize;

use super::{Accepted, Action, COLUMNS, Cell, FIELDS, Policy, column_name, is_number, kinds};
use crate::bounds::{POLICY_RANGES_MAX, POLICY_REASON_BYTES_MAX, POLICY_RULES_MAX};
use crate::event::Kind;

/// The code of a rule that is looser than the list below it and does not say why that is accepted.
pub const RISK_REQUIRED: &str = "VIDEO_POLICY_RISK_REQUIRED_001";
/// The code of a rule that would let out what never leaves, whatever risk is accepted.
pub const REFUSED: &str = "VIDEO_POLICY_REFUSED_001";

/// What is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, such as `rule[2].fields[0]`.
    pub place: String,
    /// A stable code, where it is about risk.
    pub code: Option<&'static str>,
    /// What is wrong, and what to write instead.
    pub text: String,
}

/// `rule[2].fields[0]: VIDEO_POLICY_RISK_REQUIRED_001: lets …`.
impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(code) = self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    #[serde(default)]
    rule: Vec<Written>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fields: Vec<String>,
    #[serde(default = "every_kind")]
    kinds: Vec<String>,
    action: WrittenAction,
    ranges: Option<Vec<u64>>,
    reason: String,
    accept_risk: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenAction {
    Pass,
    Pseudonym,
    Role,
    Bucket,
    Drop,
}

fn every_kind() -> Vec<String> {
    vec!["*".to_owned()]
}

/// Lays a file over a policy. `standard`: it is the list that everybody begins with, under which
/// there is nothing.
pub(super) fn apply(policy: &mut Policy, text: &str, standard: bool) -> Vec<Flaw> {
    let flaw = |place: String, text: String| vec![Flaw { place, code: None, text }];
    let layer: Layer = match toml::from_str(text) {
        Ok(layer) => layer,
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.get(..start).unwrap_or(text).matches('\n').count() + 1;
            return flaw(format!("line {line}"), error.message().to_owned());
        }
    };
    if layer.rule.len() > POLICY_RULES_MAX {
        let text = format!("must not be more than {POLICY_RULES_MAX}");
        return flaw("rule".to_owned(), text);
    }
    let mut flaws = Vec::new();
    for (number, written) in layer.rule.iter().enumerate() {
        let mut rule = Laying { policy, written, number, standard, flaws: &mut flaws };
        rule.lay();
    }
    flaws
}

/// One rule on its way into a policy.
struct Laying<'l> {
    policy: &'l mut Policy,
    written: &'l Written,
    number: usize,
    standard: bool,
    flaws: &'l mut Vec<Flaw>,
}

impl Laying<'_> {
    fn lay(&mut self) {
        let before = self.flaws.len();
        self.look();
        let kinds = self.kinds();
        let (ranges, reason) = (self.ranges(), self.reason());
        if self.flaws.len() > before {
            return;
        }
        for (place, pattern) in self.written.fields.iter().enumerate() {
            let at = format!("fields[{place}]");
            let columns: Vec<_> =
                (0..COLUMNS).filter(|column| matches(pattern, &column_name(*column))).collect();
            if columns.is_empty() {
                let text = "names no field; `hookgate policy show` lists them";
                self.flaw(&at, None, text.to_owned());
            }
            for column in columns {
                // A star may mean moments too, which leave to the minute.
                let ranges = if is_number(column) { ranges } else { 0 };
                let cell = Cell { action: self.action(), ranges, reason };
                self.lay_field(&at, column, is_whole(pattern), cell, &kinds);
            }
        }
    }

    fn lay_field(
        &mut self,
        at: &str,
        column: usize,
        by_name: bool,
        cell: Cell,
        kinds: &[(Kind, bool)],
    ) {
        let action = cell.action;
        if !action.suits(column) {
            if by_name {
                self.unsuited(at, column);
            }
            return;
        }
        let mut loosened: Vec<(Kind, Cell)> = Vec::new();
        for (kind, kind_by_name) in kinds.iter().copied() {
            let fits = FIELDS.get(column).is_none_or(|field| field.fits(kind.family()));
            if !fits {
                if by_name && kind_by_name {
                    let name = column_name(column);
                    let text = format!("{name} has no place in events of the kind {kind}");
                    self.flaw(at, None, text);
                }
                continue;
            }
            let old = self.policy.cell(kind, column);
            if !self.standard && old.action == Action::Unlisted && action == Action::Drop {
                continue;
            }
            match self.policy.is_looser(old, cell) {
                true if !self.standard => loosened.push((kind, old)),
                true => {}
                false => self.policy.take_back(kind, column, cell),
            }
            self.policy.set(kind, column, cell);
        }
        self.accept(at, column, cell, &loosened);
    }

    /// Notes what a rule lets out that was kept, once for each way in which it was; or refuses it.
    fn accept(&mut self, at: &str, column: usize, cell: Cell, loosened: &[(Kind, Cell)]) {
        let Some((_, Cell { action: before, .. })) = loosened.first().copied() else { return };
        let now = cell.action;
        let field = column_name(column);
        let Some(why) = self.written.accept_risk.clone() else {
            let (before, now) = (before.as_str(), now.as_str());
            let text = format!(
                "lets {field} leave ({now}) where the list below it does not ({before}); take it \
                 out, or say accept_risk = \"why\" in this rule"
            );
            self.flaw(at, Some(RISK_REQUIRED), text);
            return;
        };
        let now_ranges = self.policy.ranges_of(cell);
        let noted = self.policy.accepted.len();
        for (kind, old) in loosened.iter().copied() {
            let (before, before_ranges) = (old.action, self.policy.ranges_of(old));
            let mut of_rule = self.policy.accepted.iter_mut().skip(noted);
            let same =
                of_rule.find(|risk| risk.before == before && risk.before_ranges == before_ranges);
            if let Some(risk) = same {
                risk.kinds.push(kind);
                risk.was.push(old);
                continue;
            }
            let (field, why, now_ranges) = (field.clone(), why.clone(), now_ranges.clone());
            let (kinds, was) = (vec![kind], vec![old]);
            self.policy.accepted.push(Accepted {
                field,
                kinds,
                before,
                before_ranges,
                now,
                now_ranges,
                why,
                column,
                was,
            });
        }
    }

    fn unsuited(&mut self, at: &str, column: usize) {
        let (field, action) = (column_name(column), self.action());
        let may: Vec<_> =
            [Action::Pass, Action::Pseudonym, Action::Role, Action::Bucket, Action::Drop]
                .into_iter()
                .filter(|may| may.suits(column))
                .map(Action::as_str)
                .collect();
        let text = format!("{field} cannot be {:?}; it can be {}", action.as_str(), may.join(", "));
        // To pass what leaves as a pseudonym or role alone is what no risk may be accepted for.
        let code = (action == Action::Pass).then_some(REFUSED);
        self.flaw(at, code, text);
    }

    /// What is wrong with the words of the rule themselves.
    fn look(&mut self) {
        let most = POLICY_REASON_BYTES_MAX;
        let fits = |text: &str| (1..=most).contains(&text.trim().len());
        if !fits(&self.written.reason) {
            self.flaw("reason", None, format!("must be 1 to {most} bytes: why it is so"));
        }
        if self.written.accept_risk.as_deref().is_some_and(|why| !fits(why)) {
            let text = format!("must be 1 to {most} bytes: why the risk is accepted");
            self.flaw("accept_risk", None, text);
        }
        if self.written.fields.is_empty() {
            self.flaw("fields", None, "must name at least one field".to_owned());
        }
    }

    /// The kinds that the rule means, and whether each is called by its whole name.
    fn kinds(&mut self) -> Vec<(Kind, bool)> {
        let mut meant: Vec<(Kind, bool)> = Vec::new();
        for (place, pattern) in self.written.kinds.iter().enumerate() {
            let known = |kind: Kind| pattern == "known" && kind != Kind::Quarantined;
            let these = kinds().filter(|kind| matches(pattern, kind.as_str()) || known(*kind));
            let before = meant.len();
            meant.extend(these.map(|kind| (kind, is_whole(pattern))));
            if meant.len() == before {
                let text = "names no kind; write \"*\", \"known\", a kind or its beginning and .*";
                self.flaw(&format!("kinds[{place}]"), None, text.to_owned());
            }
        }
        meant
    }

    fn ranges(&mut self) -> u16 {
        let numbers = (0..COLUMNS).filter(|column| is_number(*column)).any(|column| {
            let name = column_name(column);
            self.written.fields.iter().any(|pattern| matches(pattern, &name))
        });
        match (&self.written.ranges, self.action() == Action::Bucket && numbers) {
            (None, false) => 0,
            (None, true) => {
                let text = "are missing: the lower ends of the ranges, such as [0, 60, 300, 900]";
                self.flaw("ranges", None, text.to_owned());
                0
            }
            (Some(_), false) => {
                let text = "belong to a number that is bucketed; times are to the minute";
                self.flaw("ranges", None, text.to_owned());
                0
            }
            (Some(ranges), true) => {
                let rises = ranges.is_sorted_by(|one, next| one < next);
                if ranges.is_empty() || ranges.len() > POLICY_RANGES_MAX || !rises {
                    let text = format!("must be 1 to {POLICY_RANGES_MAX} rising whole numbers");
                    self.flaw("ranges", None, text);
                }
                self.policy.ranges.push(ranges.clone());
                u16::try_from(self.policy.ranges.len() - 1).unwrap_or(0)
            }
        }
    }

    fn reason(&mut self) -> u16 {
        self.policy.reasons.push(self.written.reason.trim().to_owned());
        u16::try_from(self.policy.reasons.len() - 1).unwrap_or(0)
    }

    fn action(&self) -> Action {
        match self.written.action {
            WrittenAction::Pass => Action::Pass,
            WrittenAction::Pseudonym => Action::Pseudonym,
            WrittenAction::Role => Action::Role,
            WrittenAction::Bucket => Action::Bucket,
            WrittenAction::Drop => Action::Drop,
        }
    }

    fn flaw(&mut self, at: &str, code: Option<&'static str>, text: String) {
        let place = format!("rule[{}].{at}", self.number);
        self.flaws.push(Flaw { place, code, text });
    }
}

/// Whether a name is meant: all of it, its beginning before a `*`, or everything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(start) => start.ends_with('.') && name.starts_with(start),
        None => pattern == name,
    }
}

fn is_whole(pattern: &str) -> bool {
    !pattern.ends_with('*') && pattern != "known"
}
