//! What differs between two policies, field by field.

use std::collections::BTreeMap;

use super::risk::lets_more_out;
use super::{Action, Cell, Policy, column_name};
use crate::event::Kind;

/// What becomes of a field otherwise in one policy than in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What became of it, and in which ranges.
    pub before: (Action, Vec<u64>),
    /// What becomes of it now.
    pub now: (Action, Vec<u64>),
    /// The kinds of events in which it differs so.
    pub kinds: Vec<Kind>,
}

impl Difference {
    /// Whether more leaves now than before.
    pub fn is_looser(&self) -> bool {
        lets_more_out((self.before.0, &self.before.1), (self.now.0, &self.now.1))
    }
}

impl Policy {
    /// From this policy to another one: each field with each way in which it differs once, in the
    /// order of the schema. What stays outside in both is no difference, whatever it is called.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let told = |policy: &Self, cell: Cell| (policy.action_shown(cell), policy.ranges_of(cell));
        let mut found: BTreeMap<usize, Vec<Difference>> = BTreeMap::new();
        for ((kind, column, old), (.., new)) in self.each().zip(other.each()) {
            let (before, now) = (told(self, old), told(other, new));
            if before == now {
                continue;
            }
            let of_field = found.entry(column).or_default();
            match of_field.iter_mut().find(|one| one.before == before && one.now == now) {
                Some(one) => one.kinds.push(kind),
                None => {
                    let field = column_name(column);
                    of_field.push(Difference { field, before, now, kinds: vec![kind] });
                }
            }
        }
        found.into_values().flatten().collect()
    }

    fn action_shown(&self, cell: Cell) -> Action {
        match cell.action {
            Action::Unlisted => Action::Drop,
            told @ (Action::Drop
            | Action::Pseudonym
            | Action::Role
            | Action::Bucket
            | Action::Pass) => told,
        }
    }
}
