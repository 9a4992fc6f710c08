//! Looking for canaries in whatever came out: as they are in any case, in JSON, in a URL, and in
//! Base64 at each of its three offsets.
//!
//! One automaton over all needles, so that the time does not grow with their number. Digits count
//! only where the digits around them are none, for among long numbers every short one stands
//! somewhere.

use std::io::{self, Read};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use anyhow::Context;
use base64::prelude::{BASE64_STANDARD, Engine};

use super::canary::{CanaryId, Mint, Needle};
use super::scan::quoted;
use crate::bounds::PROOF_READ_BYTES;

/// What looks for all canaries at once.
pub(super) struct Finder {
    automaton: AhoCorasick,
    patterns: Vec<(CanaryId, Alone)>,
    longest: usize,
}

/// Whether a needle counts only where it stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    /// It counts anywhere.
    No,
    /// No digit stands before or behind it.
    Digits,
}

/// Where a canary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which.
    pub(super) canary: CanaryId,
    /// Where what was found begins, in bytes.
    pub(super) at: u64,
}

impl Finder {
    /// For every canary that was put in.
    pub(super) fn new(mint: &Mint) -> anyhow::Result<Self> {
        let (mut needles, mut patterns) = (Vec::new(), Vec::new());
        for (id, canary) in mint.canaries() {
            // What is encoded is encoded as a whole: one needle is enough.
            let first = canary.made.needles.iter().find_map(Needle::text);
            needles.extend(first.into_iter().flat_map(base64));
            patterns.resize(needles.len(), (id, Alone::No));
            for needle in &canary.made.needles {
                let (forms, alone) = match needle {
                    Needle::Text(text) => (forms(text), Alone::No),
                    Needle::Digits(digits) => (vec![digits.clone().into_bytes()], Alone::Digits),
                    Needle::Bytes(bytes) => (vec![bytes.clone()], Alone::No),
                };
                needles.extend(forms);
                patterns.resize(needles.len(), (id, alone));
            }
        }
        let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&needles)
            .context("there are too many canaries to look for: prove fewer sources at a time")?;
        Ok(Self { automaton, patterns, longest })
    }

    /// Every canary in some bytes, once for each place of a needle.
    pub(super) fn look(&self, bytes: &[u8], found: &mut impl FnMut(Hit)) {
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let Some((canary, alone)) = self.patterns.get(hit.pattern().as_usize()) else {
                continue;
            };
            let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
            let before = hit.start().checked_sub(1).is_some_and(is_digit);
            if *alone == Alone::No || !before && !is_digit(hit.end()) {
                found(Hit { canary: *canary, at: hit.start() as u64 });
            }
        }
    }

    /// The same in what is read, however long it is; how many bytes there were.
    pub(super) fn look_through(
        &self,
        mut from: impl Read,
        found: &mut impl FnMut(Hit),
    ) -> io::Result<u64> {
        let (mut window, mut passed) = (Vec::with_capacity(2 * PROOF_READ_BYTES), 0);
        // What begins in the first byte was looked at with what stood before it.
        let mut first = true;
        loop {
            let more = from.by_ref().take(PROOF_READ_BYTES as u64).read_to_end(&mut window)?;
            // A needle that may go on behind the window, or a digit behind it, waits for more.
            let whole = match more {
                0 => window.len(),
                _ => window.len().saturating_sub(self.longest + 1),
            };
            self.look(&window, &mut |hit: Hit| {
                let begins = usize::try_from(hit.at).unwrap_or(usize::MAX);
                if begins < whole && (first || begins > 0) {
                    found(Hit { at: passed + hit.at, ..hit });
                }
            });
            if more == 0 {
                return Ok(passed + window.len() as u64);
            }
            let gone = whole.saturating_sub(1);
            (passed, first) = (passed + gone as u64, first && gone == 0);
            window.drain(..gone);
        }
    }
}

/// The ways in which a text is written.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let form: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let quoted = quoted(text);
    let json = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let escaped = text.chars().map(|c| match c.len_utf8() {
        1 => c.to_string(),
        _ => format!("\\u{:04x}", u32::from(c)),
    });
    let texts = [text.to_owned(), json, escaped.collect(), form.replace('+', "%20"), form];
    let mut forms: Vec<_> = texts.map(String::into_bytes).into();
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Letters of Base64 that are looked for: as many as nothing else has by chance.
const BASE64_LETTERS: usize = 12;

/// What surely stands in the Base64 of any text that holds this one, by where it begins. Needles
/// are letters and digits, which are the same in both alphabets, and a few signs.
fn base64(text: &str) -> Vec<Vec<u8>> {
    let encoded = (0..3).flat_map(|offset| {
        let whole = BASE64_STANDARD.encode("?".repeat(offset) + text);
        // Without the letters that share bits with what stands before or behind.
        let from = if offset == 0 { 0 } else { offset + 1 };
        let end = ((offset + text.len()) * 8 / 6).min(from + BASE64_LETTERS);
        let sure = whole.get(from..end).unwrap_or_default();
        [sure.to_owned(), sure.replace('+', "-").replace('/', "_")]
    });
    let mut forms: Vec<_> = encoded.map(String::into_bytes).collect();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::super::canary::{Made, Origin};
    use super::*;

    fn finder(made: Vec<Made>) -> Finder {
        let mut mint = Mint::new(1);
        for made in made {
            let origin = Origin { source: None, fixture: Arc::from("f"), path: Arc::from("/p") };
            mint.put(made, origin);
        }
        Finder::new(&mint).unwrap()
    }

    fn found(finder: &Finder, bytes: &[u8]) -> Vec<u64> {
        let mut hits = Vec::new();
        finder.look(bytes, &mut |hit| hits.push(hit.at));
        hits
    }

    /// One text of each shape there is.
    const SHAPES: [&str; 18] = [
        "6497c79b-f326-4942-aef8-c36a29140ad1",
        "PA_hycBMAjmt6Ub",
        "ptcpt-join-6497c79b-f326-4942-aef8-c36a29140ad1-1708972279961",
        "consult-0a1b2c3d",
        "zoe.canary@example.invalid",
        "2026-11-20T10:00:00.123Z",
        "1970-01-02",
        "1795168800",
        "5550100",
        "+1 555 0100 23",
        "1.0.0",
        "us-west-2",
        "EGRESS_COMPLETE",
        "cloud",
        "recordings/6497c79b-f326-4942-aef8-c36a29140ad1/a.mp4",
        "https://u:p@host.example.invalid/a?b=c",
        "sip:+15550100003@carrier.example.invalid",
        "Zoë Canary's consultation",
    ];

    #[test]
    fn a_canary_of_each_shape_is_found_in_every_encoding() {
        for text in SHAPES {
            let made = Mint::new(3).alike(text);
            assert_ne!(made.text, text);
            let finder = finder(vec![made.clone()]);
            let said = &made.text;
            let url: String = form_urlencoded::byte_serialize(said.as_bytes()).collect();
            let escaped = said.replace('ë', "\\u00eb");
            let mut encoded = vec![
                said.clone(),
                format!("log line a=\"{said}\" b=2"),
                serde_json::json!({ said.as_str(): 1 }).to_string(),
                serde_json::json!([[{ "a": said }]]).to_string(),
                format!("{:?}", serde_json::json!({ "a": said }).to_string()),
                escaped,
                format!("GET /a?b={url}&c=1"),
                url.replace('+', "%20"),
                said.to_ascii_uppercase(),
                said.to_ascii_lowercase(),
                format!("{:?}", bytes::Bytes::from(said.clone().into_bytes())),
            ];
            for before in ["", "a", "ab", "abc"] {
                let whole = format!("{before}{said} and more");
                encoded.push(BASE64_STANDARD.encode(&whole));
                encoded.push(BASE64_URL_SAFE_NO_PAD.encode(&whole));
            }
            for text in encoded {
                assert!(!found(&finder, text.as_bytes()).is_empty(), "{said} in {text}");
            }
            assert_eq!(found(&finder, text.as_bytes()), [0; 0], "the original is no canary");
        }
    }

    #[test]
    fn an_id_is_found_as_bytes_and_a_moment_as_it_is_told() {
        let mut mint = Mint::new(4);
        let (id, moment) = (mint.alike(SHAPES[0]), mint.moment("1795168800412").unwrap());
        let bytes: Vec<u8> = id
            .text
            .replace('-', "")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let finder = finder(vec![id, moment.clone()]);
        assert_eq!(found(&finder, &[&b"\0\x01"[..], &bytes].concat()), [2]);
        assert_eq!(found(&finder, moment.forms[0].as_bytes()), [0]);
    }

    #[test]
    fn digits_within_longer_digits_are_none_and_scaled_ones_are() {
        let made = Mint::new(5).digits(11);
        let (digits, finder) = (made.text.clone(), finder(vec![made]));
        assert_eq!(found(&finder, format!("a{digits}.5").as_bytes()), [1]);
        assert_eq!(found(&finder, format!("1{digits} {digits}2").as_bytes()), [0; 0]);
        let (whole, rest) = digits.split_at(2);
        assert_eq!(found(&finder, format!("{{\"d\":{whole}.{rest}}}").as_bytes()), [5]);
    }

    #[test]
    fn what_lies_across_two_readings_is_found_once() {
        let made = Mint::new(6).name();
        let (name, finder) = (made.text.clone(), finder(vec![made]));
        let first = name.split(' ').next().unwrap();
        for before in PROOF_READ_BYTES - 40..PROOF_READ_BYTES + 3 {
            let mut bytes = vec![b'.'; before];
            bytes.extend(first.as_bytes());
            bytes.extend(vec![b'.'; 100]);
            let mut hits = Vec::new();
            let read = finder.look_through(&*bytes, &mut |hit: Hit| hits.push(hit.at)).unwrap();
            assert_eq!((hits, read), (vec![before as u64], bytes.len() as u64));
        }
        let mut hits = 0;
        finder.look_through(first.as_bytes(), &mut |_| hits += 1).unwrap();
        assert_eq!(hits, 1);
    }
}
