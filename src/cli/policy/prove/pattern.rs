//! Canaries that a pattern of the configuration lets out, so that the proof shows that they pass.
//!
//! Letters and digits where the pattern allows them; a repetition without an end is short. A
//! pattern that knows only a few texts, or only short ones, has no canary: such a text could not be
//! told from the gateway's own words.

use rand::Rng;
use rand::rngs::StdRng;
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::canary::{Made, Mint};
use crate::bounds::VISIBLE_TEXT_BYTES_MAX;

/// How much longer than it must be a repetition without an end is.
const MORE: u32 = 12;
/// What is shorter than this may stand anywhere.
const BYTES_MIN: usize = 8;
/// How often a pattern is tried out, and how many texts it must know by then.
const TRIALS: usize = 64;
const TEXTS_MIN: usize = 16;

/// A pattern that has canaries.
pub(super) struct Patterned {
    regex: Regex,
    hir: Hir,
    pub(super) shape: &'static str,
}

impl Patterned {
    /// `None` where no canary could be told from other text.
    pub(super) fn new(regex: &Regex, shape: &'static str, mint: &mut Mint) -> Option<Self> {
        let hir = regex_syntax::parse(regex.as_str()).ok()?;
        let mut draws: Vec<_> = (0..TRIALS).map(|_| drawn(&hir, mint.rng())).collect();
        draws.sort_unstable();
        let (mut known, mut last) = (0, None);
        for text in &draws {
            match last == Some(text) {
                // One that comes twice is one of few, and may stand in a fixture.
                true => mint.takes(text),
                false => known += usize::from(fits(regex, text)),
            }
            last = Some(text);
        }
        (known >= TEXTS_MIN).then(|| Self { regex: regex.clone(), hir, shape })
    }

    /// A canary that matches.
    pub(super) fn canary(&self, mint: &mut Mint) -> Option<Made> {
        let text = mint.unlike_any(|rng| drawn(&self.hir, rng));
        fits(&self.regex, &text).then(|| Made::of(text, self.shape))
    }
}

fn fits(regex: &Regex, text: &str) -> bool {
    regex.is_match(text) && (BYTES_MIN..=VISIBLE_TEXT_BYTES_MAX).contains(&text.len())
}

fn drawn(hir: &Hir, rng: &mut StdRng) -> String {
    let mut text = String::new();
    draw(hir, rng, &mut text);
    text
}

fn draw(hir: &Hir, rng: &mut StdRng, to: &mut String) {
    if to.len() > VISIBLE_TEXT_BYTES_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => to.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => to.push(letter(class, rng)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(MORE));
            let least = repetition.min.max(most.min(MORE));
            for _ in 0..rng.random_range(least..=most.max(least)) {
                draw(&repetition.sub, rng, to);
            }
        }
        HirKind::Capture(capture) => draw(&capture.sub, rng, to),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, rng, to)),
        HirKind::Alternation(choices) => {
            // Whichever has the most to choose from.
            let drawn = choices.iter().map(|choice| drawn(choice, rng));
            let mut drawn: Vec<_> = drawn.collect();
            let at = rng.random_range(0..drawn.len().max(1));
            to.push_str(&drawn.drain(at..).next().unwrap_or_default());
        }
    }
}

/// A small letter or digit of a class; else a capital, else whatever it begins with.
fn letter(class: &Class, rng: &mut StdRng) -> char {
    let holds = |letter: char| match class {
        Class::Unicode(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&letter))
        }
        Class::Bytes(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&(letter as u8)))
        }
    };
    let small: Vec<_> = ('a'..='z').chain('0'..='9').filter(|letter| holds(*letter)).collect();
    let capital: Vec<_> = ('A'..='Z').filter(|letter| holds(*letter)).collect();
    let among = if small.is_empty() { capital } else { small };
    let first = match class {
        Class::Unicode(class) => class.ranges().first().map(|range| range.start()),
        Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
    };
    let at = rng.random_range(0..among.len().max(1));
    among.get(at).copied().or(first).unwrap_or('x')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(pattern: &str) -> Option<String> {
        let regex = Regex::new(pattern).unwrap();
        let mut mint = Mint::new(7);
        let patterned = Patterned::new(&regex, "room name", &mut mint)?;
        let all = (0..20).map(|_| patterned.canary(&mut mint).unwrap().text);
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
        assert!(all.iter().all(|text| regex.is_match(text)), "{all:?}");
        assert!(!all.iter().any(|text| text == "demo-room"), "{all:?}");
        all.pop()
    }

    #[test]
    fn what_a_pattern_lets_out_is_made_by_it() {
        for pattern in [
            "^consult-[0-9a-f]{8}$",
            ".*",
            "(?i)^room_[a-z]+$",
            "^recordings/[0-9a-f-]{36}/[A-Za-z0-9._-]+$",
            r"^(demo-room|[a-z]{3}-\d{10})$",
        ] {
            assert!(made(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn what_could_not_be_told_from_other_text_is_not_made() {
        for pattern in ["^demo-room$", "^[0-9]{4}$", "^(a|b|c)-consultation$"] {
            assert_eq!(made(pattern), None, "{pattern}");
        }
    }
}
