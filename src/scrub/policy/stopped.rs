//! As what an event is told: as one of its kind, or as one of its kind that stopped.
//!
//! Of what stopped leaves what may leave both with its own kind and with `quarantined`: of two
//! rules for a field the stricter one holds, so that no rule for a kind is lost by stopping.

use super::{Action, Cell, Policy};
use crate::event::Kind;

/// As what an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrub) enum As {
    /// As one of this kind.
    Own(Kind),
    /// As one of this kind that stopped; of what was not understood, whose kind is that of
    /// quarantine, the same as its own.
    Stopped(Kind),
}

impl As {
    /// What happened.
    pub(in crate::scrub) const fn kind(self) -> Kind {
        match self {
            Self::Own(kind) | Self::Stopped(kind) => kind,
        }
    }
}

impl From<Kind> for As {
    fn from(kind: Kind) -> Self {
        Self::Own(kind)
    }
}

impl Policy {
    /// What holds for a column.
    pub(super) fn told(&self, told: As, column: usize) -> Cell {
        match told {
            As::Own(kind) => self.cell(kind, column),
            As::Stopped(kind) => self.both(kind, column).0,
        }
    }

    /// The lower ends of the ranges of a column. Where two rules give ranges, those ends hold that
    /// both give: neither can then be told more exactly than it may.
    pub(super) fn ends(&self, told: As, column: usize) -> impl DoubleEndedIterator<Item = u64> {
        let of = |cell: Cell| self.ranges.get(usize::from(cell.ranges)).map_or(&[][..], |r| r);
        let (ends, also) = match told {
            As::Own(kind) => (of(self.cell(kind, column)), None),
            As::Stopped(kind) => {
                let (one, other) = self.both(kind, column);
                (of(one), (other.action == Action::Bucket).then(|| of(other)))
            }
        };
        let holds = move |end: &u64| also.is_none_or(|also| also.contains(end));
        ends.iter().copied().filter(holds)
    }

    /// What holds for a kind and for what stopped, the stricter one first.
    fn both(&self, kind: Kind, column: usize) -> (Cell, Cell) {
        let (own, stopped) = (self.cell(kind, column), self.cell(Kind::Quarantined, column));
        match own.action.strictness() >= stopped.action.strictness() {
            true => (own, stopped),
            false => (stopped, own),
        }
    }
}
