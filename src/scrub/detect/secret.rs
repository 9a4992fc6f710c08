//! Secrets by their look: long runs of letters and digits that nobody wrote.
//!
//! What is measured is how often the kind of letter changes (small, capital, digit) from one letter
//! to the next. In base64 drawn at random it does in 62 of 100 places, in hexadecimal in 47, in
//! base32 in 30; in words, however they are put together, in fewer than 30, without capitals in
//! fewer than 15. Entropy parts drawn from written less well at these lengths.
//!
//! - Small letters and capitals with at least one digit: from [`DRAWN_MIN`] bytes on, or
//!   [`PADDED_MIN`] with `=` behind them, and a change in 40 of 100 places. `/`, `+`, `-` and `_`
//!   may stand between; pieces up to [`NEUTRAL_MAX`] bytes say nothing, any other must look drawn
//!   itself. Ids stay below: ours have 26, KSUID 27, Firebase 28, nanoid 21 bytes. Keys of 24 bytes
//!   in base64 have 32.
//! - Letters of one kind with digits (hexadecimal, base32): [`DRAWN_MIN`] bytes in one piece, and a
//!   change in 17 of 100 places. A UUID without dashes has 32 too, and is told apart by its version
//!   and variant: one of eight keys of 128 bits in hexadecimal passes for one.
//!
//! UUIDs and LiveKit's ids are taken out before, so that many in a row are none.

use super::text::{CAPITAL, DIGIT, FOREIGN, SMALL, Text, WORD};

/// Bytes of a secret: 128 bits in hexadecimal, 192 in base64.
const DRAWN_MIN: usize = 32;
/// Bytes of one that ends with `=`: 128 bits.
const PADDED_MIN: usize = 22;
/// Bytes of a piece that says nothing.
pub(super) const NEUTRAL_MAX: usize = 3;
/// A shorter piece looks drawn if its letters change twice: `Room` does once.
const SHORT: usize = 8;

/// Bytes of what stands between the dashes before a private key.
const PEM_HEAD_BYTES_MAX: usize = 40;

/// The pieces in a row that look drawn.
#[derive(Clone, Copy, Default)]
pub(super) struct Drawn {
    /// Where pieces that say nothing begin, just before.
    neutral: Option<usize>,
    from: usize,
    /// Where the last piece ends that looks drawn, and the last one at all.
    to: usize,
    end: usize,
    letters: usize,
    changes: usize,
    digits: bool,
}

/// What a word does to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on.
    On,
    /// It ends before this word.
    Over,
    /// This word is a secret of its own.
    Secret,
}

impl Drawn {
    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.letters == 0 && self.neutral.is_none()
    }

    /// Takes the word between two places, made of these classes of letters.
    pub(super) fn take(&mut self, text: Text<'_>, from: usize, to: usize, seen: u8) -> Step {
        let bytes = to - from;
        let mixed = seen & SMALL != 0 && seen & CAPITAL != 0;
        if seen & FOREIGN != 0 {
            return Step::Over;
        }
        if bytes <= NEUTRAL_MAX {
            self.end = to;
            self.neutral = self.neutral.or(Some(from));
            return Step::On;
        }
        if !mixed {
            let long = bytes >= DRAWN_MIN && seen & DIGIT != 0 && seen != DIGIT;
            let drawn = long && changes(text, from, to) * 6 >= bytes;
            return if drawn && !is_bare_uuid(text, from, to) { Step::Secret } else { Step::Over };
        }
        let changes = changes(text, from, to);
        let wordy = if bytes < SHORT { changes < 2 } else { changes * 5 < bytes * 2 };
        if wordy || is_sid(text, from, to) {
            return Step::Over;
        }
        if self.letters == 0 {
            self.from = from;
        }
        (self.to, self.end) = (to, to);
        self.letters += bytes;
        self.changes += changes;
        self.digits |= seen & DIGIT != 0;
        Step::On
    }

    /// The secret that ends here, if it is one. Nothing is left of it.
    pub(super) fn end(&mut self, text: Text<'_>) -> Option<(usize, usize)> {
        if self.letters == 0 {
            self.neutral = None;
            return None;
        }
        let row = std::mem::take(self);
        let padded = text.run_end(row.end, 2, |byte| byte == b'=');
        let is_padded = padded > row.end && text.class(padded) & WORD == 0;
        let (to, least) = if is_padded { (padded, PADDED_MIN) } else { (row.end, DRAWN_MIN) };
        let first = row.neutral.filter(|neutral| *neutral < row.from).unwrap_or(row.from);
        let drawn = row.digits && row.changes * 5 >= row.letters * 2;
        let long = if is_padded { row.end - first } else { row.to - row.from } >= least;
        (drawn && long).then_some((first, to))
    }
}

/// Where a private key ends that PEM writes, by the word `BEGIN` behind its dashes.
pub(super) fn private_key(text: Text<'_>, from: usize) -> Option<usize> {
    if text.before(from) != b'-' || !text.is(from, b"BEGIN ") {
        return None;
    }
    let is_head = |byte: u8| byte == b' ' || byte.is_ascii_uppercase();
    let head = text.run_end(from, PEM_HEAD_BYTES_MAX, is_head);
    let is_body = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'\n' | b'\r' | b' ')
    };
    let is_key = text.piece(from, head).ends_with(b"PRIVATE KEY");
    is_key.then(|| text.run_end(head, usize::MAX, is_body))
}

/// In how many places the kind of letter changes.
fn changes(text: Text<'_>, from: usize, to: usize) -> usize {
    let kind = |place: usize| match text.class(place) {
        class if class & SMALL != 0 => SMALL,
        class if class & CAPITAL != 0 => CAPITAL,
        class => class,
    };
    (from + 1..to).filter(|place| kind(*place) != kind(*place - 1)).count()
}

/// Whether a word is what follows `RM_`, `EG_` and the like in an id of LiveKit's.
fn is_sid(text: Text<'_>, from: usize, to: usize) -> bool {
    let capitals = text
        .run_start(from - 1.min(from), from.saturating_sub(5), |byte| byte.is_ascii_uppercase());
    (8..=24).contains(&(to - from))
        && text.before(from) == b'_'
        && (3..=5).contains(&(from - capitals))
        && !text.before(capitals).is_ascii_alphanumeric()
}

/// Whether 32 hexadecimal digits have the version and variant of a UUID.
fn is_bare_uuid(text: Text<'_>, from: usize, to: usize) -> bool {
    let hex = (from..to).all(|place| text.at(place).is_ascii_hexdigit());
    let variant = matches!(text.at(from + 16), b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
    to - from == 32 && hex && matches!(text.at(from + 12), b'1'..=b'8') && variant
}

#[cfg(test)]
mod tests {
    use super::super::Detector::Secret;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn what_was_drawn_at_random_is_found_in_every_alphabet() {
        assert_whole(
            Secret,
            &[
                "cR0xocJXAg53MKgBFQXnnEPwvrXTPPVhehv5Fzp2nxc=",
                "AWzDkT7/tqZMYmz2yvDO+t4vBiTAdR2g1lkWxVHc",
                "0xekj4oKDC1qhAn8XHaE-IqNv7XtLm_CKo9yQRThPAI",
                "q83vASNFZ4mrze8BI0VniQ==",
                "e54c77a465bc0bd7646a71787615f80ebe9b26f55a25ff84c46040959e3a05f0",
                "E54C77A465BC0BD7646A71787615F80E",
                "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            ],
        );
    }

    #[test]
    fn a_secret_is_found_within_a_path_and_a_name() {
        let secret = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7bC9d";
        assert_within(
            Secret,
            &[
                (&format!("recordings/{secret}/audio"), secret),
                (&format!("consult-{secret}.mp4"), secret),
                (&format!("key={secret}"), secret),
            ],
        );
    }

    #[test]
    fn a_private_key_is_found_with_all_that_follows() {
        assert_within(
            Secret,
            &[(
                concat!("x -----BEGIN RSA ", "PRIVATE KEY-----\nMIIEpAIB/+=\n-----END"),
                concat!("BEGIN RSA ", "PRIVATE KEY-----\nMIIEpAIB/+=\n-----END"),
            )],
        );
        assert_silent(&["-----BEGIN CERTIFICATE-----", "BEGIN PRIVATE KEY", "-----BEGIN"]);
    }

    #[test]
    fn ids_paths_and_words_are_none() {
        assert_silent(&[
            "f47ac10b58cc4372a5670e02b2c3d479",
            "ev1_gzxaggvckzgpztn3y4pdjj574u",
            "RM_wjY5hazbpMRz-PA_zUyTCjpwWpmD-TR_AMoX2ZC3hfVXSe-EG_2zpNBTjYbC7B",
            "recordings/V1StGXR8_Z5jdHi6B-myT/uploads/original.mov",
            "0ujtsYcgvSTl8PAuAdqWYSMnLOv",
            "DailyBotsTranscriptionServiceWorkerIdentifier2",
            "THIS_IS_A_VERY_LONG_CONSTANT_NAME_NUMBER_12",
            "consultation-with-a-very-long-name-on-2026-11-20-at-10",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0",
            "0000000000000000000000000000000000000000",
            "Donaudampfschifffahrtsgesellschaftskapitän",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        ]);
    }
}
