//! Keyed digests as names: 128 bits, and the id of an event that is one.
//!
//! Printed from the stack and through no formatting machinery: each event holds several.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 128 bits of a digest. Prints as RFC 4648 base32 in lower case: 26 characters, no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest128(pub [u8; 16]);

impl fmt::Display for Digest128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

impl Digest128 {
    fn letters(self) -> [u8; 26] {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut text = [0; 26];
        // Five bytes are eight letters; the last byte is two, with zeros behind it.
        for (bytes, letters) in self.0.chunks(5).zip(text.chunks_mut(8)) {
            let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            let bits = bits << (8 * (5 - bytes.len()));
            for (place, letter) in letters.iter_mut().enumerate() {
                let index = bits >> (35 - 5 * place) & 31;
                *letter = ALPHABET.get(index as usize).copied().unwrap_or(b'a');
            }
        }
        text
    }

    /// Shows it as a name: `kind` (two letters at most), version, `_` and itself.
    pub fn named<T>(self, kind: &str, version: u8, to: impl FnOnce(&str) -> T) -> T {
        let digit = |divisor: u8| b'0' + version / divisor % 10;
        let digits = [(version > 99).then(|| digit(100)), (version > 9).then(|| digit(10))];
        let front = kind.bytes().take(2).chain(digits.into_iter().flatten());
        let mut name = [0; 2 + 3 + 1 + 26];
        let mut length = 0;
        let all = front.chain([digit(1), b'_']).chain(self.letters());
        for (place, byte) in name.iter_mut().zip(all) {
            *place = byte;
            length += 1;
        }
        to(name.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default())
    }

    /// Reads what it prints.
    pub fn parse(text: &str) -> Option<Self> {
        let letter = |letter: u8| match letter {
            b'a'..=b'z' => Some(u128::from(letter - b'a')),
            b'2'..=b'7' => Some(u128::from(letter - b'2') + 26),
            _ => None,
        };
        let (last, rest) = text.as_bytes().split_last().filter(|(_, rest)| rest.len() == 25)?;
        let bits = rest.iter().try_fold(0, |bits, group| Some(bits << 5 | letter(*group)?))?;
        let last = letter(*last).filter(|last| last & 3 == 0)?;
        Some(Self((bits << 3 | last >> 2).to_be_bytes()))
    }
}

/// The event's only name everywhere: equal over retries, replays, restarts and instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Digest128);

impl EventId {
    /// Shows it as text.
    pub fn shown<T>(self, to: impl FnOnce(&str) -> T) -> T {
        self.0.named("ev", 1, to)
    }

    /// Reads what it prints.
    pub fn parse(text: &str) -> Option<Self> {
        Digest128::parse(text.strip_prefix("ev1_")?).map(Self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(|name| f.write_str(name))
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.shown(|name| to.serialize_str(name))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be the id of an event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_prints_as_rfc_4648_base32_without_padding() {
        // base32(00 01 … 0f) by coreutils: AAAQEAYEAUDAOCAJBIFQYDIOB4======
        let digest = Digest128(std::array::from_fn(|i| i as u8));
        assert_eq!(digest.to_string(), "aaaqeayeaudaocajbifqydiob4");
        assert_eq!(Digest128([0xff; 16]).to_string(), "777777777777777777777777".to_owned() + "74");
    }

    #[test]
    fn a_digest_reads_back_from_its_text_and_from_no_other() {
        for digest in [[0; 16], [0xff; 16], std::array::from_fn(|i| i as u8 * 11)].map(Digest128) {
            assert_eq!(Digest128::parse(&digest.to_string()), Some(digest));
        }
        for text in ["", "aaaqeayeaudaocajbifqydiob", "aaaqeayeaudaocajbifqydiob5", "é"] {
            assert_eq!(Digest128::parse(text), None, "{text}");
        }
        assert_eq!(Digest128::parse("AAAQEAYEAUDAOCAJBIFQYDIOB4"), None);
    }

    #[test]
    fn a_name_holds_its_kind_and_version() {
        let digest = Digest128([0; 16]);
        let zeros = "a".repeat(26);
        for (kind, version, front) in
            [("ev", 1, "ev1_"), ("p", 9, "p9_"), ("r", 20, "r20_"), ("p", 101, "p101_")]
        {
            assert_eq!(digest.named(kind, version, str::to_owned), format!("{front}{zeros}"));
        }
        let id = EventId(digest);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<EventId>(&format!("\"{id}\"")).unwrap(), id);
        assert!(serde_json::from_str::<EventId>("\"id\"").is_err());
    }
}
