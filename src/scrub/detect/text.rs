//! A text as the scan reads it: byte by byte, each of a class.
//!
//! Reading past the end gives 0, which is of no class, so no check asks how long the text is.
//! Letters of other scripts count as letters; signs and spaces of other scripts part words. Every
//! read goes through [`Text::at`]: in tests they are counted, and must not outgrow the text.

/// `0`–`9`.
pub(super) const DIGIT: u8 = 1;
/// `a`–`f`.
pub(super) const LOWER_HEX: u8 = 1 << 1;
/// `g`–`z`.
pub(super) const LOWER: u8 = 1 << 2;
/// `A`–`F`.
pub(super) const UPPER_HEX: u8 = 1 << 3;
/// `G`–`Z`.
pub(super) const UPPER: u8 = 1 << 4;
/// A part of a letter that is not ASCII.
pub(super) const FOREIGN: u8 = 1 << 5;
/// A sign at which a piece may begin or be recognized: `@ % = : + (`.
pub(super) const SIGN: u8 = 1 << 6;
/// The first byte of a sign or letter that is not ASCII: which one, its next byte says.
const ODD: u8 = 1 << 7;

/// Small letters.
pub(super) const SMALL: u8 = LOWER_HEX | LOWER;
/// Capitals.
pub(super) const CAPITAL: u8 = UPPER_HEX | UPPER;
/// Hexadecimal digits.
pub(super) const HEX: u8 = DIGIT | LOWER_HEX | UPPER_HEX;
/// What words are made of.
pub(super) const WORD: u8 = DIGIT | SMALL | CAPITAL | FOREIGN;

/// White space between two groups of digits.
pub(super) const SPACE: u8 = 1;
/// `-` and its relatives.
pub(super) const DASH: u8 = 1 << 1;
/// `.`
pub(super) const DOT: u8 = 1 << 2;
/// `/`
pub(super) const SLASH: u8 = 1 << 3;
/// `_`
pub(super) const LOW: u8 = 1 << 4;
/// `(`
pub(super) const OPEN: u8 = 1 << 5;
/// `)`
pub(super) const CLOSE: u8 = 1 << 6;

/// Bytes of a UUID.
pub(super) const UUID_BYTES: usize = 36;
/// Letters of a product's name that are read back.
const PRODUCT_LETTERS_MAX: usize = 24;

/// The bytes of one text.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(&'t [u8]);

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self(text.as_bytes())
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// The byte at a place, 0 behind the end.
    pub(super) fn at(self, place: usize) -> u8 {
        #[cfg(test)]
        tests::count(1);
        self.0.get(place).copied().unwrap_or(0)
    }

    /// The byte before a place, 0 before the beginning.
    pub(super) fn before(self, place: usize) -> u8 {
        place.checked_sub(1).map_or(0, |place| self.at(place))
    }

    /// What the byte at a place is.
    pub(super) fn class(self, place: usize) -> u8 {
        match class(self.at(place)) {
            ODD if self.width(place) > 1 => 0,
            ODD => FOREIGN,
            class => class,
        }
    }

    /// Whether nothing can be found: no sign, and no digit or fewer than `digits` of them in a text
    /// of fewer than so many bytes.
    pub(super) fn is_plain(self, bytes: usize, digits: usize) -> bool {
        #[cfg(test)]
        tests::count(self.len());
        let seen = self.0.iter().fold(0, |seen, byte| seen | class(*byte));
        let few = || self.0.iter().filter(|byte| byte.is_ascii_digit()).count() < digits;
        seen & (SIGN | ODD) == 0 && (seen & DIGIT == 0 || (self.len() < bytes && few()))
    }

    /// How many bytes the sign at a place has.
    pub(super) fn width(self, place: usize) -> usize {
        match (self.at(place), self.at(place + 1)) {
            (0xc2, _) => 2,
            // General punctuation to miscellaneous symbols, and those of CJK.
            (0xe2, 0x80..=0xaf) | (0xe3, 0x80) => 3,
            // Full-width forms of the signs of ASCII; those of its letters and digits are letters.
            (0xef, 0xbc) if matches!(self.at(place + 2), 0x80..=0x8f | 0x9a..=0xa0) => 3,
            _ => 1,
        }
    }

    /// Whether these bytes stand at a place.
    pub(super) fn is(self, place: usize, bytes: &[u8]) -> bool {
        bytes.iter().enumerate().all(|(nth, byte)| self.at(place + nth) == *byte)
    }

    /// Whether these bytes stand at a place, in capitals or small letters. `bytes` are small.
    pub(super) fn is_any_case(self, place: usize, bytes: &[u8]) -> bool {
        let same = |(nth, byte): (usize, &u8)| self.at(place + nth).to_ascii_lowercase() == *byte;
        bytes.iter().enumerate().all(same)
    }

    /// The bytes between two places, if the text has them.
    pub(super) fn piece(self, from: usize, to: usize) -> &'t [u8] {
        #[cfg(test)]
        tests::count(to - from);
        self.0.get(from..to).unwrap_or_default()
    }

    /// Whether a digit stands at a place.
    pub(super) fn is_digit(self, place: usize) -> bool {
        self.at(place).is_ascii_digit()
    }

    /// What the digit at a place says.
    pub(super) fn digit(self, place: usize) -> u8 {
        self.at(place).wrapping_sub(b'0')
    }

    /// Where the bytes of a sort from a place on end, after at most so many.
    pub(super) fn run_end(self, from: usize, most: usize, sort: impl Fn(u8) -> bool) -> usize {
        let last = self.len().min(from.saturating_add(most));
        let mut end = from;
        while end < last && sort(self.at(end)) {
            end += 1;
        }
        end
    }

    /// Where the bytes of a sort that end at a place begin, not before a floor.
    pub(super) fn run_start(self, to: usize, floor: usize, sort: impl Fn(u8) -> bool) -> usize {
        let mut start = to;
        while start > floor && sort(self.before(start)) {
            start -= 1;
        }
        start
    }

    /// The small ASCII letters of the word that ends at a place, at most 12 of them; nothing if
    /// there is none or a longer one.
    pub(super) fn word_before(self, to: usize) -> ([u8; 12], usize) {
        let (mut word, mut length) = ([0; 12], 0);
        let start = self.run_start(to, to.saturating_sub(13), |byte| byte.is_ascii_alphabetic());
        for (place, letter) in (start..to).zip(word.iter_mut()) {
            *letter = self.at(place).to_ascii_lowercase();
            length += 1;
        }
        (word, if to - start > 12 { 0 } else { length })
    }

    /// Whether what stands at a place follows the capitalized name of a product and a `/`.
    pub(super) fn is_of_product(self, place: usize) -> bool {
        let slash = place.saturating_sub(1);
        let floor = slash.saturating_sub(PRODUCT_LETTERS_MAX);
        let name = self.run_start(slash, floor, |byte| byte.is_ascii_alphabetic());
        self.at(slash) == b'/' && self.at(name).is_ascii_uppercase()
    }

    /// Whether a UUID stands at a place, whatever follows it.
    pub(super) fn is_uuid(self, place: usize) -> bool {
        // A dash first: it tells most other texts apart at once.
        if self.at(place + 13) != b'-' {
            return false;
        }
        let bytes = self.piece(place, place + UUID_BYTES);
        let Some(uuid) = bytes.first_chunk::<UUID_BYTES>() else {
            return false;
        };
        let dashes = [uuid[8], uuid[13], uuid[18], uuid[23]] == [b'-'; 4];
        let others = uuid.iter().fold(0, |count, byte| count + u8::from(!byte.is_ascii_hexdigit()));
        dashes && others == 4
    }

    /// Whether a UUID stands around two places and reaches beyond one of them.
    pub(super) fn is_within_uuid(self, from: usize, to: usize) -> bool {
        let first = to.saturating_sub(UUID_BYTES);
        to - from < UUID_BYTES && (first..=from).any(|place| self.is_uuid(place))
    }

    /// Where the word ends that begins at a place, and the classes of its letters.
    pub(super) fn word(self, from: usize) -> (usize, u8) {
        let (mut seen, mut to) = (0, from);
        loop {
            // Letter by letter in the usual case, without asking where the text ends.
            for byte in self.0.get(to..).unwrap_or_default() {
                let class = class(*byte);
                if class & WORD == 0 {
                    break;
                }
                (seen, to) = (seen | class, to + 1);
            }
            if self.class(to) & WORD == 0 {
                #[cfg(test)]
                tests::count(to - from);
                return (to, seen);
            }
            (seen, to) = (seen | FOREIGN, to + 1);
        }
    }

    /// What stands between two groups of digits at a place, and how many bytes of it.
    pub(super) fn glue(self, place: usize) -> (u8, usize) {
        match self.at(place) {
            b' ' | b'\t' => (SPACE, 1),
            b'-' => (DASH, 1),
            b'.' => (DOT, 1),
            b'/' => (SLASH, 1),
            b'_' => (LOW, 1),
            b'(' => (OPEN, 1),
            b')' => (CLOSE, 1),
            b'%' if self.is(place, b"%20") => (SPACE, 3),
            0xc2 if self.at(place + 1) == 0xa0 => (SPACE, 2),
            0xe2 => match (self.at(place + 1), self.at(place + 2)) {
                (0x80, 0x80..=0x8b | 0xaf) => (SPACE, 3),
                (0x80, 0x90..=0x95) | (0x88, 0x92) => (DASH, 3),
                _ => (0, 0),
            },
            _ => (0, 0),
        }
    }
}

/// The class of a byte.
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

const CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "it is run by the compiler, which would not finish")]
const fn classes() -> [u8; 256] {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER_HEX,
            b'g'..=b'z' => LOWER,
            b'A'..=b'F' => UPPER_HEX,
            b'G'..=b'Z' => UPPER,
            b'@' | b'%' | b'=' | b':' | b'+' | b'(' => SIGN,
            0xc2 | 0xe2 | 0xe3 | 0xef => ODD,
            0x80..=0xff => FOREIGN,
            _ => 0,
        };
        byte += 1;
    }
    all
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    thread_local! {
        static READS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count(bytes: usize) {
        READS.set(READS.get() + bytes);
    }

    /// How many bytes were read while something was done.
    pub(in super::super) fn reads_of(done: impl FnOnce()) -> usize {
        READS.set(0);
        done();
        READS.get()
    }
}
