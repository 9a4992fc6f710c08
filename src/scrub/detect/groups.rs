//! Digits in groups, as people write numbers, and what stands between the groups.
//!
//! Reads at most [`GROUPS_MAX`] groups of at most [`GROUP_DIGITS_MAX`] digits, so that reading them
//! again at the next group costs no more than a constant.

use super::text::{CLOSE, OPEN, SPACE, Text, WORD};

/// Groups that are looked at from one place on: no number of a person has more.
pub(super) const GROUPS_MAX: usize = 8;
/// Digits of one group; a longer one is a number of a machine.
const GROUP_DIGITS_MAX: usize = 19;
/// Signs between two groups.
const GLUE_MAX: usize = 3;
/// Digits of an extension behind an `x`.
const EXTENSION_DIGITS_MAX: usize = 5;

/// Some digits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    /// Where they begin.
    pub(super) at: usize,
    /// How many.
    pub(super) digits: usize,
    /// What stands before them: the marks of `text.rs`, all of them.
    pub(super) glue: u8,
}

impl Group {
    /// Where they end.
    pub(super) fn end(self) -> usize {
        self.at + self.digits
    }

    /// What they say as a number.
    pub(super) fn value(self, text: Text<'_>) -> u64 {
        let each = (self.at..self.end()).map(|place| u64::from(text.digit(place)));
        each.fold(0, |value, digit| value * 10 + digit)
    }
}

/// Groups that stand together.
pub(super) struct Groups {
    all: [Group; GROUPS_MAX],
    count: usize,
    /// How many digits they have together.
    pub(super) digits: usize,
    /// Whether a `+` stands before the first.
    pub(super) plus: bool,
}

impl Groups {
    /// The groups from a digit, `+` or `(` on. None if the first one belongs to a word.
    pub(super) fn read(text: Text<'_>, from: usize) -> Self {
        let mut read =
            Self { all: [Group::default(); GROUPS_MAX], count: 0, digits: 0, plus: false };
        let mut place = from;
        if text.at(place) == b'+' {
            (read.plus, place) = (true, place + 1);
        } else if text.at(place) == b'%' {
            (read.plus, place) = (true, place + 3);
        }
        let mut glue = 0;
        if text.at(place) == b'(' {
            (glue, place) = (OPEN, place + 1);
        }
        for slot in &mut read.all {
            let end = text.run_end(place, GROUP_DIGITS_MAX, |byte| byte.is_ascii_digit());
            let digits = end - place;
            let is_id = digits == 8 && text.is_uuid(place);
            if digits == 0 || is_id {
                break;
            }
            let ends = text.class(end) & WORD == 0;
            let extended = !ends && read.count > 0 && is_extension(text, end);
            if !ends && !extended {
                break;
            }
            *slot = Group { at: place, digits, glue };
            read.count += 1;
            read.digits += digits;
            (glue, place) = between(text, end);
            if !ends || glue == 0 {
                break;
            }
        }
        read
    }

    /// The groups in their order.
    pub(super) fn list(&self) -> &[Group] {
        self.all.get(..self.count).unwrap_or_default()
    }
}

/// The marks from a place on, each but spaces once, and where the next digit stands; no marks if
/// none does.
fn between(text: Text<'_>, from: usize) -> (u8, usize) {
    let (mut marks, mut place) = (0, from);
    for _ in 0..GLUE_MAX {
        let (mark, width) = text.glue(place);
        if marks & mark & !SPACE != 0 {
            break;
        }
        marks |= mark;
        place += width;
        if width == 0 || text.is_digit(place) {
            break;
        }
    }
    if text.is_digit(place) { (marks, place) } else { (0, from) }
}

/// Whether a short extension stands at a place: `x5`, `x1234`.
fn is_extension(text: Text<'_>, place: usize) -> bool {
    let from = place + 1;
    let end = text.run_end(from, EXTENSION_DIGITS_MAX, |byte| byte.is_ascii_digit());
    text.at(place) | 0x20 == b'x' && end > from && text.class(end) & WORD == 0
}

/// How many digits the first groups have together, as long as they are no more than `most`: the
/// number of groups and of digits.
pub(super) fn longest(groups: &[Group], most: usize) -> (usize, usize) {
    let (mut taken, mut total) = (0, 0);
    for group in groups {
        if total + group.digits > most {
            break;
        }
        total += group.digits;
        taken += 1;
    }
    (taken, total)
}

/// How many digits each group has; 0 where there is none.
pub(super) fn shape(groups: &[Group]) -> [usize; GROUPS_MAX] {
    let mut shape = [0; GROUPS_MAX];
    for (slot, group) in shape.iter_mut().zip(groups) {
        *slot = group.digits;
    }
    shape
}

/// Whether between the groups stand only these marks, and one at each place.
pub(super) fn glued_by(groups: &[Group], marks: u8) -> bool {
    groups.iter().skip(1).all(|group| group.glue != 0 && group.glue & !marks == 0)
}

/// Whether the first group stands in parentheses.
pub(super) fn in_parentheses(groups: &[Group]) -> bool {
    let [first, second, ..] = groups else {
        return false;
    };
    first.glue & OPEN != 0 && second.glue & CLOSE != 0
}
