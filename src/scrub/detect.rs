//! What a text looks like that should not leave.
//!
//! Looks at what is about to leave, after the list has had its say: a second net, for what an
//! allow-list lets through because a sender put it where something else belongs. One walk over the
//! text, in time linear in its length; only the patterns of a customer take memory. Each piece is
//! told by its first detector in a fixed order of precedence: the customer's patterns, then URLs,
//! e-mail addresses, tokens, and of numbers addresses of machines, cards, days, telephones.
//!
//! Promises: pieces do not overlap, come in the order of the text and end where letters end. Says
//! what it saw and where, never the text. What ids, names of ours, times, versions and storage keys
//! look like is none of it: how often it is wrong, in both directions, is measured on
//! `fixtures/pii/` (`tests/it/detect.rs`).

use std::ops::Range;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::scan::Walk;
use self::text::Text;

mod address;
mod card;
mod date;
mod groups;
mod link;
mod mail;
mod number;
mod phone;
mod scan;
mod secret;
mod text;
mod token;

/// Pieces by the customer's patterns in one text; from there on, all of the text is one piece. Each
/// costs a search from its end on: without a bound, the time would grow with the square.
const NATIONAL_IDS_MAX: usize = 64;

/// What a piece of text looks like that should not leave.
// A closed list within one version of the gateway: labels of a metric.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// An e-mail address.
    Email,
    /// A telephone number, international or national.
    Phone,
    /// A value in the place of an id that has not its shape.
    // Found by the caller.
    IdShape,
    /// A date of birth.
    BirthDate,
    /// An address of a machine, IPv4 or IPv6.
    IpAddress,
    /// A URL with credentials or a signature.
    Url,
    /// A token or key that says what it is.
    Token,
    /// The number of a payment card.
    PaymentCard,
    /// What a pattern of the customer's finds.
    NationalId,
    /// A long run of letters and digits that looks drawn at random.
    Secret,
    /// A room's name outside its pattern.
    // Found by the caller.
    RoomName,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Phone,
        Self::IdShape,
        Self::BirthDate,
        Self::IpAddress,
        Self::Url,
        Self::Token,
        Self::PaymentCard,
        Self::NationalId,
        Self::Secret,
        Self::RoomName,
    ];

    /// Its name in metrics, logs and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::IdShape => "id_shape",
            Self::BirthDate => "birth_date",
            Self::IpAddress => "ip_address",
            Self::Url => "url",
            Self::Token => "token",
            Self::PaymentCard => "payment_card",
            Self::NationalId => "national_id",
            Self::Secret => "secret",
            Self::RoomName => "room_name",
        }
    }

    /// The detector of a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|detector| detector.as_str() == text)
    }
}

/// One piece: which detector, where it begins and how long it is, in bytes. Never its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it looks like.
    pub detector: Detector,
    /// Where it begins.
    pub at: usize,
    /// How long it is.
    pub bytes: usize,
}

/// Looks at texts. One for each source: it holds the customer's patterns.
#[derive(Clone, Debug)]
pub struct Detectors {
    national: Vec<Regex>,
}

impl Detectors {
    /// `national`: patterns of national ids, of the customer. One that also matches the empty text
    /// finds nothing behind the first place where it does.
    pub fn new(national: Vec<Regex>) -> Self {
        Self { national }
    }

    /// Everything in a text that looks personal, each piece by its first detector.
    pub fn look(&self, text: &str, found: &mut dyn FnMut(Finding)) {
        if self.national.is_empty() {
            return Walk::new(text, found).run();
        }
        let national = self.national_ids(text);
        let mut rest = national.iter().peekable();
        let tell = |range: &Range<usize>, found: &mut dyn FnMut(Finding)| {
            let bytes = range.end - range.start;
            found(Finding { detector: Detector::NationalId, at: range.start, bytes });
        };
        Walk::new(text, &mut |finding: Finding| {
            while let Some(range) = rest.next_if(|range| range.start < finding.at + finding.bytes) {
                tell(range, found);
            }
            let overlaps = |range: &Range<usize>| {
                range.start < finding.at + finding.bytes && finding.at < range.end
            };
            if !national.iter().any(overlaps) {
                found(finding);
            }
        })
        .run();
        rest.for_each(|range| tell(range, found));
    }

    /// Whether anything in a text looks personal.
    pub fn finds(&self, text: &str) -> bool {
        let mut any = false;
        self.look(text, &mut |_| any = true);
        any
    }

    /// What the customer's patterns find, in order and apart from each other. Digits of a UUID are
    /// none: many patterns fit some of them.
    fn national_ids(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for pattern in &self.national {
            let matches = pattern.find_iter(text).take_while(|one| !one.is_empty());
            for (nth, one) in matches.take(NATIONAL_IDS_MAX).enumerate() {
                let last = nth + 1 == NATIONAL_IDS_MAX;
                if last || !Text::new(text).is_within_uuid(one.start(), one.end()) {
                    ranges.push(one.start()..if last { text.len() } else { one.end() });
                }
            }
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests;
