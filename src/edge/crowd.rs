//! Who takes up room, by address; and who goes when there is none left.
//!
//! The oldest of the address that takes up the most goes first, so that a crowd from one address
//! is narrowed to its own room: it pushes out itself and nobody else. Up to [`NO_CROWD`] an address
//! is as good as any other, or whoever commands many addresses could push out a sender with a few
//! connections. Nobody is refused for the address: who comes last finds room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bounds::NO_CROWD;

/// Everyone here, with what is needed to send them away.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    next: u64,
    all: BTreeMap<u64, (u128, T)>,
    by_unit: HashMap<u128, BTreeSet<u64>>,
    /// The addresses, the first to lose room last.
    order: BTreeSet<Rank>,
}

/// How many an address has, as far as it matters; its oldest; the address.
type Rank = (usize, Reverse<u64>, u128);

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self { next: 0, all: BTreeMap::new(), by_unit: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<T> Crowd<T> {
    /// How many are here.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// One more of this address (see [`Peer::unit`](crate::delivery::Peer::unit)), as the youngest.
    pub(super) fn enter(&mut self, unit: u128, what: T) -> u64 {
        let id = self.next;
        self.next += 1;
        self.all.insert(id, (unit, what));
        self.change(unit, |ids| ids.insert(id));
        id
    }

    /// One less; `None` if it is not here any more.
    pub(super) fn leave(&mut self, id: u64) -> Option<T> {
        let (unit, what) = self.all.remove(&id)?;
        self.change(unit, |ids| ids.remove(&id));
        Some(what)
    }

    /// Takes out the one who goes first of those who `may`.
    pub(super) fn send_one_away(&mut self, may: impl Fn(&T) -> bool) -> Option<T> {
        let ids = self.order.iter().rev().filter_map(|(_, _, unit)| self.by_unit.get(unit));
        let mut ids = ids.flatten().copied();
        let first = ids.find(|id| self.all.get(id).is_some_and(|(_, what)| may(what)))?;
        self.leave(first)
    }

    fn change(&mut self, unit: u128, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let ids = self.by_unit.entry(unit).or_default();
        if let Some(rank) = rank(unit, ids) {
            self.order.remove(&rank);
        }
        change(ids);
        match rank(unit, ids) {
            Some(rank) => {
                self.order.insert(rank);
            }
            None => {
                self.by_unit.remove(&unit);
            }
        }
    }
}

fn rank(unit: u128, ids: &BTreeSet<u64>) -> Option<Rank> {
    let oldest = ids.first()?;
    Some((ids.len().max(NO_CROWD), Reverse(*oldest), unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_oldest_of_the_largest_crowd_goes_first() {
        let mut crowd = Crowd::default();
        crowd.enter(1, "quiet");
        for _ in 0..=NO_CROWD {
            crowd.enter(2, "crowd");
        }
        crowd.enter(3, "late");
        assert_eq!(crowd.send_one_away(|_| true), Some("crowd"));
        // Now no address is a crowd: the oldest of all goes.
        assert_eq!(crowd.send_one_away(|_| true), Some("quiet"));
        assert_eq!(crowd.send_one_away(|who| *who == "late"), Some("late"));
        assert_eq!(crowd.send_one_away(|_| false), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_everyone_can_be_sent_away_once(
            steps in prop::collection::vec((0u128..5, any::<bool>()), 0..200),
        ) {
            let mut crowd = Crowd::default();
            let mut here = Vec::new();
            for (unit, leaves) in steps {
                here.push(crowd.enter(unit, ()));
                if leaves {
                    let id = here.swap_remove(here.len() / 2);
                    prop_assert!(crowd.leave(id).is_some());
                    prop_assert!(crowd.leave(id).is_none());
                }
            }
            prop_assert_eq!(crowd.len(), here.len());
            for _ in here {
                prop_assert!(crowd.send_one_away(|()| true).is_some());
            }
            prop_assert!(crowd.send_one_away(|()| true).is_none());
            prop_assert!(crowd.by_unit.is_empty() && crowd.order.is_empty());
        }
    }
}
