//! The risks that a policy accepts: how they end, and the policy without them.
//!
//! A risk is accepted from what stood there before to what its rule lets out. It ends where a rule
//! above keeps again what was kept before; one that comes halfway leaves it standing.

use super::{Action, COLUMNS, Cell, Policy};
use crate::event::Kind;

/// Whether more leaves by the second than by the first, of actions with their ranges.
pub(super) fn lets_more_out(old: (Action, &[u64]), new: (Action, &[u64])) -> bool {
    let finer = || new.1.iter().any(|lower| !old.1.contains(lower));
    let both = old.0 == Action::Bucket && new.0 == Action::Bucket;
    new.0.strictness() < old.0.strictness() || (both && finer())
}

impl Policy {
    /// This policy as it is if none of its risks is accepted; all else stays.
    #[must_use]
    pub fn without_risks(&self) -> Self {
        let mut policy = self.clone();
        for risk in std::mem::take(&mut policy.accepted).into_iter().rev() {
            for (kind, was) in risk.kinds.into_iter().zip(risk.was) {
                if policy.is_looser(was, policy.cell(kind, risk.column)) {
                    policy.set(kind, risk.column, was);
                }
            }
        }
        policy
    }

    /// Whether more leaves by the second than by the first.
    pub(super) fn is_looser(&self, old: Cell, new: Cell) -> bool {
        let of = |cell: Cell| {
            let ranges = self.ranges.get(usize::from(cell.ranges));
            (cell.action, ranges.map_or(&[][..], Vec::as_slice))
        };
        lets_more_out(of(old), of(new))
    }

    /// Ends the risks of a field with a kind that a rule does not run: it keeps what was kept.
    pub(super) fn take_back(&mut self, kind: Kind, column: usize, now: Cell) {
        let mut accepted = std::mem::take(&mut self.accepted);
        for risk in accepted.iter_mut().filter(|risk| risk.column == column) {
            let ends =
                |place: usize| risk.was.get(place).is_some_and(|was| !self.is_looser(*was, now));
            let place = risk.kinds.iter().position(|of| *of == kind);
            if let Some(place) = place.filter(|place| ends(*place)) {
                risk.kinds.remove(place);
                risk.was.remove(place);
            }
        }
        accepted.retain(|risk| !risk.kinds.is_empty());
        self.accepted = accepted;
    }

    pub(super) fn set(&mut self, kind: Kind, column: usize, cell: Cell) {
        if let Some(place) = self.cells.get_mut(kind as usize * COLUMNS + column) {
            *place = cell;
        }
    }
}
