//! The newest rows, in memory.
//!
//! Filled by the writer after each commit, so that a courier that keeps up never reads the disk.
//! Bounded in rows and bytes; what falls off is read from the database. Promises that every
//! committed row above its floor is here: whoever deletes rows tells it ([`Tail::forget`]).

use std::collections::VecDeque;

use super::Stored;
use super::read::Page;

/// The newest rows.
#[derive(Debug)]
pub(super) struct Tail {
    rows: VecDeque<Stored>,
    bytes: usize,
    floor: u64,
    events_max: usize,
    bytes_max: usize,
}

impl Tail {
    /// An empty tail above this sequence.
    pub(super) fn above(floor: u64, events_max: usize, bytes_max: usize) -> Self {
        Self { rows: VecDeque::new(), bytes: 0, floor, events_max, bytes_max }
    }

    /// Adds the next row; sequences come without gaps.
    pub(super) fn push(&mut self, row: Stored) {
        self.bytes += row.bytes();
        self.rows.push_back(row);
        while self.rows.len() > self.events_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.rows.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes();
            self.floor = oldest.sequence;
        }
    }

    /// Lets go of what was deleted up to and including this sequence.
    pub(super) fn forget(&mut self, through: u64) {
        while let Some(oldest) = self.rows.pop_front_if(|row| row.sequence <= through) {
            self.bytes -= oldest.bytes();
        }
        self.floor = self.floor.max(through);
    }

    /// A page of rows after a sequence; `None` if some of them have fallen off.
    pub(super) fn after(&self, sequence: u64) -> Option<Vec<Stored>> {
        let skipped = usize::try_from(sequence.checked_sub(self.floor)?).ok()?;
        let mut page = Page::default();
        for row in self.rows.iter().skip(skipped) {
            if !page.fits(row.bytes()) {
                break;
            }
            page.push(row.clone());
        }
        Some(page.into_rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::stored;

    fn sequences(rows: Option<Vec<Stored>>) -> Option<Vec<u64>> {
        rows.map(|rows| rows.iter().map(|row| row.sequence).collect())
    }

    #[test]
    fn what_has_fallen_off_is_not_passed_over() {
        let mut tail = Tail::above(10, 2, 1_000);
        assert_eq!(sequences(tail.after(10)), Some(vec![]));
        for sequence in 11..=13 {
            tail.push(stored(sequence, 1));
        }
        assert_eq!(sequences(tail.after(10)), None);
        assert_eq!(sequences(tail.after(11)), Some(vec![12, 13]));
        assert_eq!(sequences(tail.after(12)), Some(vec![13]));
        assert_eq!(sequences(tail.after(13)), Some(vec![]));
        assert_eq!(sequences(tail.after(99)), Some(vec![]));
    }

    #[test]
    fn what_was_deleted_is_forgotten_and_not_passed_over() {
        let mut tail = Tail::above(10, 9, 1_000);
        for sequence in 11..=14 {
            tail.push(stored(sequence, 1));
        }
        tail.forget(9);
        assert_eq!(sequences(tail.after(10)), Some(vec![11, 12, 13, 14]));
        tail.forget(12);
        assert_eq!(sequences(tail.after(11)), None);
        assert_eq!(sequences(tail.after(12)), Some(vec![13, 14]));
        tail.forget(14);
        assert_eq!((sequences(tail.after(14)), tail.bytes), (Some(vec![]), 0));
        tail.push(stored(15, 1));
        assert_eq!(sequences(tail.after(14)), Some(vec![15]));
    }

    #[test]
    fn bytes_are_bounded_even_by_a_single_large_row() {
        let mut tail = Tail::above(0, 100, 1_000);
        tail.push(stored(1, 10));
        tail.push(stored(2, 5_000));
        assert_eq!(sequences(tail.after(0)), None);
        assert_eq!(sequences(tail.after(1)), None);
        assert_eq!(sequences(tail.after(2)), Some(vec![]));
        tail.push(stored(3, 10));
        assert_eq!(sequences(tail.after(2)), Some(vec![3]));
        assert!(tail.bytes < 1_000);
    }
}
