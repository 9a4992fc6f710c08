//! Canaries: made-up values, each unlike any other, by which whatever comes out is told to have
//! come in, and where.
//!
//! A canary knows what to look for (its needles: parts that stay together in whatever form it is
//! written) and how the whole of it may be written. Nothing of the value that it stands for is in
//! it.

use std::collections::HashSet;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::scan::quoted;
use crate::clock::Timestamp;

/// One canary's place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CanaryId(u32);

/// Where a canary was put in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The place of the source among those tried; `None` for what no source's sender says.
    pub(super) source: Option<usize>,
    /// The fixture, or what else was said.
    pub(super) fixture: Arc<str>,
    /// Where in it.
    pub(super) path: Arc<str>,
}

/// A part of a canary that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needle {
    /// Text, in any case and encoding.
    Text(String),
    /// Digits, with none before and behind.
    Digits(String),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

impl Needle {
    /// As text, where it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Digits(text) => Some(text),
            Self::Bytes(_) => None,
        }
    }
}

/// A value that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// As it is put in.
    pub(super) text: String,
    /// What it is like, in a word.
    pub(super) shape: &'static str,
    /// What is looked for.
    pub(super) needles: Vec<Needle>,
    /// Other ways to write the whole of it.
    pub(super) forms: Vec<String>,
}

/// A value that was put in.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    /// What it is.
    pub(super) made: Made,
    /// Where it was put in.
    pub(super) origin: Origin,
}

impl Canary {
    /// Whether a text is the whole of it.
    pub(super) fn is(&self, text: &str) -> bool {
        self.made.text == text || self.made.forms.iter().any(|form| form == text)
    }
}

/// Who makes them.
pub(super) struct Mint {
    rng: StdRng,
    /// What has few possible values and so might come twice.
    taken: HashSet<String>,
    moments: i64,
    canaries: Vec<Canary>,
}

/// The seconds that moments begin with: the years from 2019 on, of which no fixture tells.
const MOMENTS_FROM: i64 = 1_546_300_800;
const MOMENTS_APART: i64 = 61;
/// Letters of a word that nothing else can be.
pub(super) const LETTERS: usize = 12;
const TURNS_MAX: usize = 100;
/// One name in so many has odd signs in it.
const ODD_ONE_IN: u32 = 4;
/// Digits of a moment since 1970, by its unit in parts of a second.
const UNITS: [(usize, i64); 4] = [(10, 1), (13, 1_000), (16, 1_000_000), (19, 1_000_000_000)];

impl Mint {
    /// One that makes others each time, or by a seed the same.
    pub(super) fn new(seed: u64) -> Self {
        let (taken, canaries) = (HashSet::new(), Vec::new());
        Self { rng: StdRng::seed_from_u64(seed), taken, moments: 0, canaries }
    }

    /// Notes that a value was put in.
    pub(super) fn put(&mut self, made: Made, origin: Origin) {
        self.canaries.push(Canary { made, origin });
    }

    /// All that were put in.
    pub(super) fn canaries(&self) -> impl Iterator<Item = (CanaryId, &Canary)> {
        (0..).map(CanaryId).zip(&self.canaries)
    }

    /// One of them.
    pub(super) fn canary(&self, id: CanaryId) -> Option<&Canary> {
        self.canaries.get(id.0 as usize)
    }

    /// A name as people write them: words, a space, a letter that is not ASCII; now and then with
    /// signs in it that mean something to whoever writes it down.
    pub(super) fn name(&mut self) -> Made {
        let (mut first, last) = (self.letters(LETTERS), self.letters(LETTERS));
        first.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        let odd = self.rng.random_range(0..ODD_ONE_IN) == 0;
        let between = if odd { "\"Zoë\"\n\\u0043\u{2028}{}%s" } else { "Zoë" };
        let text = format!("{first} {between} {last}");
        Made { needles: vec![Needle::Text(first), Needle::Text(last)], ..Made::of(text, "name") }
    }

    /// A number that may be a telephone's, of so many digits.
    pub(super) fn digits(&mut self, many: usize) -> Made {
        let head = if many == 11 { "1555" } else { "555" };
        let digits = self.unlike_any(|rng| {
            let last = rng.random_range(b'1'..=b'9') as char;
            let body = (head.len() + 1..many).map(|_| rng.random_range(b'0'..=b'9') as char);
            head.chars().chain(body).chain([last]).collect()
        });
        // As nanoseconds become seconds, and the like.
        let scaled = [3, 6, 9].into_iter().filter_map(|places| {
            let (whole, rest) = digits.split_at_checked(digits.len().checked_sub(places)?)?;
            (!whole.is_empty()).then(|| format!("{whole}.{rest}"))
        });
        let forms: Vec<_> = scaled.chain([format!("{digits}.0")]).collect();
        let needles = std::iter::once(&digits).chain(&forms).cloned().map(Needle::Digits).collect();
        Made { needles, forms, ..Made::of(digits, "digits") }
    }

    /// A moment in the place of one, as digits of the same unit, with the same fraction; `None`
    /// where what stands there is none.
    pub(super) fn moment(&mut self, digits: &str) -> Option<Made> {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (_, unit) = UNITS.into_iter().find(|(length, _)| *length == whole.len())?;
        whole.parse::<u64>().ok()?;
        let (within, seconds) = (self.rng.random_range(0..unit), self.next_seconds());
        let whole = (seconds * unit + within).to_string();
        let text = match fraction {
            "" => whole.clone(),
            fraction => format!("{whole}.{fraction}"),
        };
        let millis = match unit {
            1 => seconds * 1_000 + rounded(fraction),
            _ => seconds * 1_000 + within / (unit / 1_000),
        };
        let told = Timestamp::from_millis(millis).to_string();
        let second = told.get(..19).unwrap_or(&told).to_owned();
        let needles = vec![Needle::Digits(whole), Needle::Text(second)];
        Some(Made { needles, forms: vec![told], ..Made::of(text, "moment") })
    }

    /// A moment of its own; never a full minute, to which a policy may round another.
    pub(super) fn next_seconds(&mut self) -> i64 {
        self.moments += 1;
        let seconds = MOMENTS_FROM + self.moments * MOMENTS_APART;
        seconds + i64::from(seconds % 60 == 0)
    }

    /// So many small letters.
    pub(super) fn letters(&mut self, many: usize) -> String {
        (0..many).map(|_| self.rng.random_range(b'a'..=b'z') as char).collect()
    }

    /// Chance, for who makes a value letter by letter.
    pub(super) fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// Notes a text that is none of ours.
    pub(super) fn takes(&mut self, text: &str) {
        self.taken.insert(text.to_owned());
    }

    /// A text that was not made before, if there still is one.
    pub(super) fn unlike_any(&mut self, make: impl Fn(&mut StdRng) -> String) -> String {
        let mut made = make(&mut self.rng);
        for _ in 0..TURNS_MAX {
            if self.taken.insert(made.clone()) {
                break;
            }
            made = make(&mut self.rng);
        }
        made
    }
}

impl Made {
    /// A value that is looked for as a whole.
    pub(super) fn of(text: String, shape: &'static str) -> Self {
        let needles = vec![Needle::Text(text.clone())];
        Self { text, shape, needles, forms: Vec::new() }
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        quoted(&self.text)
    }
}

/// The milliseconds that a fraction of a second says.
fn rounded(fraction: &str) -> i64 {
    let fraction: f64 = format!("0.{fraction}0").parse().unwrap_or(0.0);
    (fraction * 1_000.0).round() as i64
}
