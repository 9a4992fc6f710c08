//! The texts of an original that may stand nowhere in what was made of it.
//!
//! Every word of four letters or more, every number of six digits or more, and a text without such
//! a word as a whole; in small letters. Each piece that is made up is held against them before it
//! is written.

use aho_corasick::AhoCorasick;

use super::text::uuid_at;

/// Letters from which on a word counts.
const WORD_LETTERS_MIN: usize = 4;
/// Digits from which on a number counts.
const DIGITS_MIN: usize = 6;
/// The words of one original.
#[derive(Default)]
pub(super) struct Gathered(Vec<String>);

impl Gathered {
    /// Notes a text that must not survive.
    pub(super) fn note(&mut self, text: &str) {
        let small = text.to_lowercase();
        let before = self.0.len();
        let mut rest = small.as_str();
        while !rest.is_empty() {
            let length = match uuid_at(rest) {
                Some(uuid) => uuid.len(),
                None => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            };
            let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            self.word(word);
            rest = behind.trim_start_matches(|c: char| !c.is_alphanumeric());
        }
        let letters = small.chars().count();
        let marked = small.chars().any(char::is_alphanumeric);
        if self.0.len() == before && marked && letters >= WORD_LETTERS_MIN && !is_short(&small) {
            self.0.push(small);
        }
    }

    fn word(&mut self, word: &str) {
        if word.chars().count() >= WORD_LETTERS_MIN && !is_short(word) {
            self.0.push(word.to_owned());
        }
    }

    /// Ready to be looked for; `None` where they are too many to be.
    pub(super) fn ready(mut self) -> Option<Originals> {
        self.0.sort_unstable();
        self.0.dedup();
        Some(Originals(AhoCorasick::new(self.0).ok()?))
    }
}

/// Whether it is a number that many others are equal to.
fn is_short(text: &str) -> bool {
    text.len() < DIGITS_MIN && text.chars().all(|c| c.is_ascii_digit())
}

/// The words of one original, to be looked for.
pub(super) struct Originals(AhoCorasick);

impl Originals {
    /// Whether one of them stands in this text.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        self.0.is_match(&text.to_lowercase())
    }
}
