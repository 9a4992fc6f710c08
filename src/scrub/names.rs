//! What stands for persons and rooms outside: keyed names that nothing can be computed back from.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::event::Digest128;

/// The pseudonym of a person: equal for the same person of a tenant and provider, and nothing can
/// be computed back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonRef {
    /// Of the key that it was made with.
    pub version: u8,
    /// The keyed digest.
    pub digest: Digest128,
}

/// The pseudonym of a room whose name may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRef {
    /// Of the key that it was made with.
    pub version: u8,
    /// The keyed digest.
    pub digest: Digest128,
}

/// What stands in record keys for a room whose name may not leave: the same when pseudonyms rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomKey(pub Digest128);

impl RoomKey {
    /// Shows it as text.
    pub(super) fn shown<T>(self, to: impl FnOnce(&str) -> T) -> T {
        self.0.named("k", 1, to)
    }
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(|name| f.write_str(name))
    }
}

/// Whether a text has the form of a name that the gateway gives: `letter` (`p` for persons, `r` for
/// rooms, `k` for rooms in record keys), a version, and 26 letters.
pub fn is_name(text: &str, letter: char) -> bool {
    let Some((version, digest)) = text.strip_prefix(letter).and_then(|t| t.split_once('_')) else {
        return false;
    };
    let digits = version.bytes().all(|b| b.is_ascii_digit());
    (1..=2).contains(&version.len())
        && digits
        && !version.starts_with('0')
        && Digest128::parse(digest).is_some()
}

macro_rules! pseudonym {
    ($name:ident, $letter:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.digest.named($letter, self.version, |name| f.write_str(name))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.digest.named($letter, self.version, |name| to.serialize_str(name))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = concat!("^", $letter, "[1-9][0-9]?_[a-z2-7]{26}$");
                json_schema!({ "type": "string", "pattern": pattern })
            }
        }
    };
}

pseudonym!(PersonRef, "p");
pseudonym!(RoomRef, "r");

impl RoomRef {
    /// Reads what it prints.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (version, digest) = text.strip_prefix('r')?.split_once('_')?;
        Some(Self { version: version.parse().ok()?, digest: Digest128::parse(digest)? })
    }
}
