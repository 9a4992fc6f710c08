//! A policy as rows that people read.

use super::{Action, Policy, column_name};
use crate::event::Kind;

/// What becomes of one field in events of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The field, such as `participant.session_id`.
    pub field: String,
    /// What becomes of it.
    pub action: Action,
    /// In which ranges, where a number leaves so.
    pub ranges: Vec<u64>,
    /// Why.
    pub reason: String,
}

impl Policy {
    /// Every field that leaves with a kind, or that a rule keeps, in the order of the schema.
    pub fn rows(&self, kind: Kind) -> Vec<Row> {
        let cells = self.each().filter(|(of, ..)| *of == kind);
        let listed = cells.filter(|(.., cell)| cell.action != Action::Unlisted);
        let row = |(_, column, cell): (Kind, usize, super::Cell)| Row {
            field: column_name(column),
            action: cell.action,
            ranges: self.ranges_of(cell),
            reason: self.reason(cell).to_owned(),
        };
        listed.map(row).collect()
    }

    /// Every kind that it speaks of.
    pub fn kinds() -> impl Iterator<Item = Kind> {
        super::kinds()
    }

    pub(super) fn ranges_of(&self, cell: super::Cell) -> Vec<u64> {
        match cell.action {
            Action::Bucket => {
                self.ranges.get(usize::from(cell.ranges)).cloned().unwrap_or_default()
            }
            Action::Unlisted | Action::Drop | Action::Pseudonym | Action::Role | Action::Pass => {
                Vec::new()
            }
        }
    }
}
