//! Room for what is in flight, with a part kept back for each source.
//!
//! A crowd at one source takes the common room and its own part, never another's. What is taken is
//! a [`Share`], which gives itself back when it is dropped: early returns and clients that hang up
//! leak nothing.
//!
//! The parts change with the sources, while shares are out. What is taken, what is left and what is
//! common are at all times the whole: a part that has to grow while all is taken gets its room as
//! shares come back, and one that has to shrink gives it up in the same way.

use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Room for so many of something.
#[derive(Debug)]
pub(super) struct Shares {
    pool: Arc<Pool>,
    ceiling: usize,
    wanted: usize,
    parts: Mutex<Vec<Arc<Part>>>,
}

/// What is kept back for one source.
#[derive(Debug)]
pub(super) struct Part {
    pool: Arc<Pool>,
    left: AtomicUsize,
    /// How much it is to have; touched by dividing alone.
    size: AtomicUsize,
    /// What the common room still owes it; below 0: what it owes the common room.
    owed: AtomicIsize,
}

#[derive(Debug)]
struct Pool {
    common: AtomicUsize,
    /// Whether anything is owed, so that nobody looks for it else.
    unsettled: AtomicBool,
    owed: Mutex<Vec<Arc<Part>>>,
}

/// A part of the room, taken until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Part>,
    from_kept: usize,
    from_common: usize,
}

impl Shares {
    /// Room for `max`; `wanted` is to be kept back for each source, less where all parts would be
    /// more than half of the whole.
    pub(super) fn new(max: usize, wanted: usize) -> Self {
        let pool = Pool {
            common: AtomicUsize::new(max),
            unsettled: AtomicBool::new(false),
            owed: Mutex::default(),
        };
        Self { pool: Arc::new(pool), ceiling: max, wanted, parts: Mutex::default() }
    }

    /// As much as can be taken at one time, by all sources together.
    pub(super) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// From now on there are these parts and so many new ones, which are given back; what other
    /// parts had is common.
    pub(super) fn divide(&self, stay: &[Arc<Part>], new: usize) -> Vec<Arc<Part>> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = stay.len() + new;
        let size = self.wanted.min(self.ceiling / 2 / count.max(1));
        let newcomers: Vec<_> = (0..new).map(|_| Arc::new(Part::empty(&self.pool))).collect();
        let stays = |part: &Arc<Part>| stay.iter().any(|other| Arc::ptr_eq(part, other));
        for part in parts.iter().filter(|part| !stays(part)) {
            part.resize(0);
        }
        *parts = stay.iter().chain(&newcomers).cloned().collect();
        for part in &*parts {
            part.resize(size);
        }
        drop(parts);
        self.pool.settle();
        newcomers
    }
}

impl Part {
    fn empty(pool: &Arc<Pool>) -> Self {
        Self {
            pool: pool.clone(),
            left: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            owed: AtomicIsize::new(0),
        }
    }

    /// Takes a part for its source; `None` if there is no room.
    pub(super) fn take(self: &Arc<Self>, amount: usize) -> Option<Share> {
        let mut share = Share { of: self.clone(), from_kept: 0, from_common: 0 };
        share.grow(amount).then_some(share)
    }

    fn resize(self: &Arc<Self>, size: usize) {
        let before = self.size.swap(size, Ordering::AcqRel);
        let more = size.cast_signed() - before.cast_signed();
        if more != 0 {
            self.owed.fetch_add(more, Ordering::AcqRel);
            let mut owed = self.pool.owed();
            if !owed.iter().any(|part| Arc::ptr_eq(part, self)) {
                owed.push(self.clone());
            }
            self.pool.unsettled.store(true, Ordering::SeqCst);
        }
    }

    fn give_back(&self, to_kept: usize, to_common: usize) {
        self.left.fetch_add(to_kept, Ordering::SeqCst);
        self.pool.common.fetch_add(to_common, Ordering::SeqCst);
        if self.pool.unsettled.load(Ordering::SeqCst) {
            self.pool.settle();
        }
    }
}

impl Pool {
    /// Pays what is owed as far as there is something to pay with.
    fn settle(&self) {
        let mut owed = self.owed();
        for part in &*owed {
            let owes = part.owed.load(Ordering::Acquire).min(0).unsigned_abs();
            let paid = take_up_to(&part.left, owes);
            self.common.fetch_add(paid, Ordering::SeqCst);
            part.owed.fetch_add(paid.cast_signed(), Ordering::AcqRel);
        }
        for part in &*owed {
            let due = part.owed.load(Ordering::Acquire).max(0).unsigned_abs();
            let paid = take_up_to(&self.common, due);
            part.left.fetch_add(paid, Ordering::SeqCst);
            part.owed.fetch_sub(paid.cast_signed(), Ordering::AcqRel);
        }
        owed.retain(|part| part.owed.load(Ordering::Acquire) != 0);
        self.unsettled.store(!owed.is_empty(), Ordering::SeqCst);
    }

    fn owed(&self) -> MutexGuard<'_, Vec<Arc<Part>>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes more; `false`, and nothing is taken, if there is no room.
    #[must_use]
    pub(super) fn grow(&mut self, amount: usize) -> bool {
        let from_kept = take_up_to(&self.of.left, amount);
        let from_common = amount - from_kept;
        if from_common > 0 && !take_all(&self.of.pool.common, from_common) {
            self.of.give_back(from_kept, 0);
            return false;
        }
        self.from_kept += from_kept;
        self.from_common += from_common;
        true
    }

    /// The part whose kept room this is alone; `None` where some is of the common room.
    pub(super) fn kept_of(&self) -> Option<&Arc<Part>> {
        (self.from_common == 0).then_some(&self.of)
    }

    /// Takes more of the common room alone; `false`, and nothing is taken, if there is none left.
    #[must_use]
    pub(super) fn grow_from_common(&mut self, amount: usize) -> bool {
        let took = take_all(&self.of.pool.common, amount);
        if took {
            self.from_common += amount;
        }
        took
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.give_back(self.from_kept, self.from_common);
    }
}

fn take_up_to(room: &AtomicUsize, amount: usize) -> usize {
    let took = |left: usize| Some(left - left.min(amount));
    let before = room.fetch_update(Ordering::SeqCst, Ordering::Acquire, took);
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
        let parts = Shares::new(12, 3).divide(&[], 2);
        let crowd: Vec<_> = std::iter::from_fn(|| parts[0].take(1)).collect();
        assert_eq!(crowd.len(), 9);
        let other: Vec<_> = std::iter::from_fn(|| parts[1].take(1)).collect();
        assert_eq!(other.len(), 3);
        drop(crowd);
        assert!(parts[1].take(6).is_some());
        assert!(parts[1].take(7).is_none());
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let parts = Shares::new(12, 3).divide(&[], 2);
        let mut share = parts[0].take(5).unwrap();
        assert!(!share.grow(5));
        assert!(share.grow(4));
        assert!(parts[0].take(1).is_none());
        drop(share);
        assert!(parts[0].take(9).is_some());
    }

    #[test]
    fn at_least_half_of_all_room_is_common() {
        let shares = Shares::new(12, 8);
        let parts = shares.divide(&[], 3);
        let all: Vec<_> = parts.iter().map(|part| part.take(2)).collect();
        assert!(all.iter().all(|share| share.as_ref().unwrap().kept_of().is_some()));
        assert!(parts[0].take(6).unwrap().kept_of().is_none());
        assert!(parts[0].take(7).is_none());
    }

    #[test]
    fn a_newcomer_s_part_comes_from_what_is_given_back_and_nothing_is_taken_twice() {
        let shares = Shares::new(12, 3);
        let old = shares.divide(&[], 1);
        let crowd: Vec<_> = std::iter::from_fn(|| old[0].take(1)).collect();
        assert_eq!(crowd.len(), 12);
        let new = shares.divide(&old, 1);
        assert!(new[0].take(1).is_none());
        let mut crowd = crowd;
        crowd.truncate(6);
        // Three of its own came back to the old one, the newcomer's three from what was common.
        assert!(old[0].take(4).is_none());
        assert!(new[0].take(3).unwrap().kept_of().is_some());
    }

    #[test]
    fn what_a_source_that_left_still_holds_becomes_common() {
        let shares = Shares::new(10, 5);
        let old = shares.divide(&[], 1);
        let held = old[0].take(4).unwrap();
        let new = shares.divide(&[], 1);
        assert!(old[0].take(2).is_none());
        assert!(new[0].take(7).is_none());
        drop(held);
        assert!(new[0].take(10).is_some());
    }

    proptest! {
        #[test]
        fn whatever_is_taken_and_divided_the_whole_comes_back(
            steps in prop::collection::vec((0usize..3, 0usize..12, 0usize..4), 0..80),
        ) {
            let shares = Shares::new(30, 5);
            let mut parts = shares.divide(&[], 3);
            let mut held: Vec<Share> = Vec::new();
            for (source, amount, step) in steps {
                held.extend(parts[source % parts.len()].take(amount));
                match step {
                    0 if !held.is_empty() => drop(held.swap_remove(0)),
                    1 if parts.len() < 6 => parts.extend(shares.divide(&parts.clone(), 1)),
                    2 if parts.len() > 1 => {
                        parts.swap_remove(source % parts.len());
                        shares.divide(&parts, 0);
                    }
                    _ => {}
                }
                let taken: usize = held.iter().map(|s| s.from_kept + s.from_common).sum();
                let left: usize = parts.iter().map(|p| p.left.load(Ordering::SeqCst)).sum();
                let common = shares.pool.common.load(Ordering::SeqCst);
                prop_assert!(taken + left + common <= shares.ceiling());
            }
            drop(held);
            prop_assert!(!shares.pool.unsettled.load(Ordering::SeqCst));
            let kept = 5.min(15 / parts.len());
            let all = 30 - kept * (parts.len() - 1);
            prop_assert!(parts[0].take(all).is_some());
            prop_assert!(parts[0].take(all + 1).is_none());
        }
    }
}
