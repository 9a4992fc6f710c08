//! Room for what is in flight, with a part kept back for each source.
//!
//! A crowd at one source takes the common room and its own part, never another's. What is taken is
//! a [`Share`], which gives itself back when it is dropped: early returns and clients that hang up
//! leak nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for so many of something.
#[derive(Debug)]
pub(super) struct Shares {
    common: AtomicUsize,
    kept: Vec<AtomicUsize>,
    ceiling: usize,
}

/// A part of the room, taken until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Shares>,
    source: usize,
    from_kept: usize,
    from_common: usize,
}

impl Shares {
    /// Room for `max`, of which `kept` are kept back for each source. Where the kept parts are more
    /// than `max`, they are the whole.
    pub(super) fn new(max: usize, kept: usize, sources: usize) -> Self {
        let all_kept = kept.saturating_mul(sources);
        Self {
            common: AtomicUsize::new(max.saturating_sub(all_kept)),
            kept: (0..sources).map(|_| AtomicUsize::new(kept)).collect(),
            ceiling: max.max(all_kept),
        }
    }

    /// As much as can be taken at one time, by all sources together.
    pub(super) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Takes a part for a source; `None` if there is no room.
    pub(super) fn take(self: &Arc<Self>, source: usize, amount: usize) -> Option<Share> {
        let mut share = Share { of: self.clone(), source, from_kept: 0, from_common: 0 };
        share.grow(amount).then_some(share)
    }
}

impl Share {
    /// Takes more; `false`, and nothing is taken, if there is no room.
    #[must_use]
    pub(super) fn grow(&mut self, amount: usize) -> bool {
        let kept = self.of.kept.get(self.source);
        let from_kept = kept.map_or(0, |kept| take_up_to(kept, amount));
        let from_common = amount - from_kept;
        if from_common > 0 && !take_all(&self.of.common, from_common) {
            if let Some(kept) = kept {
                kept.fetch_add(from_kept, Ordering::AcqRel);
            }
            return false;
        }
        self.from_kept += from_kept;
        self.from_common += from_common;
        true
    }

    /// The source whose kept room this is alone; `None` where some is of the common room.
    pub(super) fn kept_of(&self) -> Option<usize> {
        (self.from_common == 0).then_some(self.source)
    }

    /// Takes more of the common room alone; `false`, and nothing is taken, if there is none left.
    #[must_use]
    pub(super) fn grow_from_common(&mut self, amount: usize) -> bool {
        let took = take_all(&self.of.common, amount);
        if took {
            self.from_common += amount;
        }
        took
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(kept) = self.of.kept.get(self.source) {
            kept.fetch_add(self.from_kept, Ordering::AcqRel);
        }
        self.of.common.fetch_add(self.from_common, Ordering::AcqRel);
    }
}

fn take_up_to(room: &AtomicUsize, amount: usize) -> usize {
    let took = |left: usize| Some(left - left.min(amount));
    let before = room.fetch_update(Ordering::AcqRel, Ordering::Acquire, took);
    before.unwrap_or_default().min(amount)
}

fn take_all(room: &AtomicUsize, amount: usize) -> bool {
    let took = |left: usize| left.checked_sub(amount);
    room.fetch_update(Ordering::AcqRel, Ordering::Acquire, took).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_crowd_at_one_source_leaves_another_its_part() {
        let shares = Arc::new(Shares::new(10, 3, 2));
        let crowd: Vec<_> = std::iter::from_fn(|| shares.take(0, 1)).collect();
        assert_eq!(crowd.len(), 7);
        let other: Vec<_> = std::iter::from_fn(|| shares.take(1, 1)).collect();
        assert_eq!(other.len(), 3);
        drop(crowd);
        assert!(shares.take(1, 4).is_some());
        assert!(shares.take(1, 5).is_none());
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let shares = Arc::new(Shares::new(10, 3, 2));
        let mut share = shares.take(0, 5).unwrap();
        assert!(!share.grow(3));
        assert!(share.grow(2));
        assert!(shares.take(0, 1).is_none());
        drop(share);
        assert!(shares.take(0, 7).is_some());
    }

    #[test]
    fn kept_parts_are_promises_even_beyond_the_whole() {
        let shares = Arc::new(Shares::new(10, 8, 3));
        assert_eq!(shares.ceiling(), 24);
        let all: Vec<_> = (0..3).map(|source| shares.take(source, 8)).collect();
        assert!(all.iter().all(Option::is_some));
        assert!(shares.take(0, 1).is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_taken_and_dropped_the_whole_comes_back(
            takes in prop::collection::vec((0usize..3, 0usize..12, any::<bool>()), 0..60),
        ) {
            let shares = Arc::new(Shares::new(30, 5, 3));
            let mut held = Vec::new();
            for (source, amount, leave) in takes {
                held.extend(shares.take(source, amount));
                if leave && !held.is_empty() {
                    held.swap_remove(0);
                }
                let taken: usize = held.iter().map(|s: &Share| s.from_kept + s.from_common).sum();
                prop_assert!(taken <= shares.ceiling());
            }
            drop(held);
            prop_assert!(shares.take(1, 20).is_some());
            prop_assert!(shares.take(1, 21).is_none());
        }
    }
}
