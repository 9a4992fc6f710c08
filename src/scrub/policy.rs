//! The allow-list as data: which field leaves with which kind of event, how, and why.
//!
//! `policy.toml` beside this file is the list that everybody begins with. A tenant, and then a
//! source, may lay a file of the same form over it: stricter as it likes, looser only where its
//! rule says `accept_risk` and why, and never so that a person's id could leave as it is. Fields
//! and kinds that no rule names stay outside.
//!
//! Pure: texts in, tables out. What is asked for each value of each event is one look into a table.

use std::sync::{Arc, LazyLock};

use sha2::{Digest as _, Sha256};

use super::table::{FIELDS, Field, Rule};
use crate::event::Kind;
use crate::normalize::Word;

mod caution;
mod difference;
mod layer;
mod risk;
mod rows;
mod stopped;

pub use difference::Difference;
pub use layer::{Flaw, REFUSED, RISK_REQUIRED};
pub use rows::Row;
pub(super) use stopped::As;

/// The list that everybody begins with, as text.
pub const STANDARD: &str = include_str!("policy.toml");

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// No rule names it: it stays outside.
    Unlisted,
    /// A rule says that it stays outside.
    Drop,
    /// It leaves as a pseudonym; a room by its name where the source's pattern matches.
    Pseudonym,
    /// It leaves as a role label.
    Role,
    /// It leaves as the lower end of its range, or to the minute.
    Bucket,
    /// It leaves as it is, if it has its form.
    Pass,
}

/// The attributes of an event that the policy speaks of too, behind the fields.
const ATTRIBUTES: [&str; 2] = ["time", "receivedtime"];
const COLUMNS: usize = FIELDS.len() + ATTRIBUTES.len();
const TIME: usize = FIELDS.len();
const RECEIVED: usize = TIME + 1;

/// One field of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    action: Action,
    /// Which ranges, of those of the policy.
    ranges: u16,
    /// Which reason, of those of the policy.
    reason: u16,
}

/// A risk that a rule accepts: something leaves that the list below it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The field.
    pub field: String,
    /// The kinds of events with which it leaves.
    pub kinds: Vec<Kind>,
    /// What became of it before.
    pub before: Action,
    /// The lower ends of the ranges in which it left before, where it did.
    pub before_ranges: Vec<u64>,
    /// What becomes of it now.
    pub now: Action,
    /// The lower ends of the ranges in which it leaves now, where it does.
    pub now_ranges: Vec<u64>,
    /// Why, in the words of the rule.
    pub why: String,
    column: usize,
    /// What stood there before, kind by kind.
    was: Vec<Cell>,
}

/// What may leave, for every kind and field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    cells: Vec<Cell>,
    ranges: Vec<Vec<u64>>,
    reasons: Vec<String>,
    accepted: Vec<Accepted>,
}

impl Policy {
    /// The list that everybody begins with.
    pub fn standard() -> Arc<Self> {
        static MADE: LazyLock<Arc<Policy>> = LazyLock::new(|| {
            let mut policy = Policy::nothing();
            let flaws = layer::apply(&mut policy, STANDARD, true);
            debug_assert!(flaws.is_empty(), "{flaws:?}");
            Arc::new(policy)
        });
        MADE.clone()
    }

    /// Nothing leaves.
    fn nothing() -> Self {
        let cell = Cell { action: Action::Unlisted, ranges: 0, reason: 0 };
        Self {
            cells: vec![cell; COLUMNS * Kind::ALL.len()],
            ranges: vec![Vec::new()],
            reasons: vec!["no rule names it".to_owned()],
            accepted: Vec::new(),
        }
    }

    /// This policy with a file's rules laid over it.
    ///
    /// # Errors
    /// Every flaw of the text; [`Flaw::code`] tells those that are about risk.
    pub fn with(&self, text: &str) -> Result<Self, Vec<Flaw>> {
        let mut policy = self.clone();
        let flaws = layer::apply(&mut policy, text, false);
        if flaws.is_empty() { Ok(policy) } else { Err(flaws) }
    }

    /// What becomes of a word's value in events that are told so.
    pub(super) fn action(&self, told: impl Into<As>, word: Word) -> Action {
        self.told(told.into(), word as usize).action
    }

    /// A number as the policy lets it leave with such an event, where it leaves in ranges.
    pub(super) fn in_range(&self, told: impl Into<As>, word: Word, number: f64) -> u64 {
        let mut ends = self.ends(told.into(), word as usize).rev();
        ends.find(|lower| *lower as f64 <= number).unwrap_or(0)
    }

    /// Whether an event's own time leaves to the minute.
    pub(super) fn coarse_time(&self, told: impl Into<As>) -> bool {
        self.told(told.into(), TIME).action == Action::Bucket
    }

    /// Whether the time of its receipt leaves to the minute.
    pub(super) fn coarse_receipt(&self, told: impl Into<As>) -> bool {
        self.told(told.into(), RECEIVED).action == Action::Bucket
    }

    /// Whether room names leave whatever they are, with any kind.
    pub(super) fn lets_room_out(&self) -> bool {
        kinds().any(|kind| self.action(kind, Word::RoomName) == Action::Pass)
    }

    /// What becomes of a field by its name, such as `participant.session_id`, in events of a kind;
    /// `None`: there is no such field.
    pub fn action_of(&self, kind: Kind, field: &str) -> Option<Action> {
        let column = (0..COLUMNS).find(|column| column_name(*column) == field)?;
        Some(self.cell(kind, column).action)
    }

    /// The risks that its rules accept and that are not taken back by later ones.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// The SHA-256 of what leaves, in hexadecimal: equal for policies that let out the same,
    /// whatever reasons they give.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (kind, column, cell) in self.each() {
            let ranges = self.ranges.get(usize::from(cell.ranges));
            let line = format!("{kind} {} {:?} {ranges:?}\n", column_name(column), cell.action);
            hash.update(line.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn cell(&self, kind: Kind, column: usize) -> Cell {
        let cell = self.cells.get(kind as usize * COLUMNS + column).copied();
        cell.unwrap_or(Cell { action: Action::Unlisted, ranges: 0, reason: 0 })
    }

    fn each(&self) -> impl Iterator<Item = (Kind, usize, Cell)> {
        kinds().flat_map(move |kind| {
            (0..COLUMNS).map(move |column| (kind, column, self.cell(kind, column)))
        })
    }

    fn reason(&self, cell: Cell) -> &str {
        self.reasons.get(usize::from(cell.reason)).map_or("", String::as_str)
    }
}

impl Action {
    /// The word that a policy file writes; `unlisted` is written by leaving it out.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unlisted => "unlisted",
            Self::Drop => "drop",
            Self::Pseudonym => "pseudonym",
            Self::Role => "role",
            Self::Bucket => "bucket",
            Self::Pass => "pass",
        }
    }

    /// How much it holds back: more is stricter.
    const fn strictness(self) -> u8 {
        match self {
            Self::Unlisted | Self::Drop => 3,
            Self::Pseudonym | Self::Role => 2,
            Self::Bucket => 1,
            Self::Pass => 0,
        }
    }

    /// Whether it can become of a column's values at all.
    fn suits(self, column: usize) -> bool {
        let Some(Field { rule, .. }) = FIELDS.get(column) else {
            return matches!(self, Self::Pass | Self::Bucket);
        };
        match self {
            Self::Unlisted | Self::Drop => true,
            Self::Pseudonym => matches!(rule, Rule::Person | Rule::Room),
            Self::Role => *rule == Rule::Label,
            Self::Bucket => {
                matches!(rule, Rule::Count | Rule::Bytes | Rule::Amount | Rule::Moment)
            }
            Self::Pass => !matches!(rule, Rule::Person | Rule::Label),
        }
    }
}

/// Every kind that a provider's event can become.
fn kinds() -> impl Iterator<Item = Kind> {
    let ours = [Kind::ParticipantErased, Kind::RoomErased];
    Kind::ALL.iter().copied().filter(move |kind| !ours.contains(kind))
}

fn column_name(column: usize) -> String {
    match FIELDS.get(column) {
        Some(field) => field.name(),
        None => ATTRIBUTES.get(column - TIME).copied().unwrap_or_default().to_owned(),
    }
}

/// Whether the ranges of a column are whole numbers, and not minutes.
fn is_number(column: usize) -> bool {
    let rule = FIELDS.get(column).map(|field| field.rule);
    matches!(rule, Some(Rule::Count | Rule::Bytes | Rule::Amount))
}

#[cfg(test)]
mod tests;
