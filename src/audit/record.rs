//! One record, and how it is sealed.
//!
//! The hash is SHA-256 over the record's own JSON without the field `hash`, fields in the order of
//! [`Record`], without spaces: what stands in the line, and nothing that a reader would have to
//! guess. It includes `previous`, so each record vouches for all before it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bounds::{AUDIT_RESULT_CHARS_MAX, AUDIT_TARGET_CHARS_MAX};
use crate::clock::Timestamp;

/// What `previous` of the first record says.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What happened, as its caller tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who, by the name of a token.
    pub by: String,
    /// What was done, such as `replay.run`.
    pub action: String,
    /// To what, as it may be seen; a long one is cut.
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// The record of its beginning, where this tells the end.
    pub begun: Option<u64>,
    /// How it stands; a long one is cut.
    pub result: String,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// What was done.
    pub action: String,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// The record of its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
    /// How it stands.
    pub result: String,
    /// The hash of the record before.
    pub previous: String,
    /// The hash of this one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl Record {
    /// The record behind these, sealed.
    pub(super) fn next(number: u64, previous: &str, time: Timestamp, entry: Entry) -> Self {
        let Entry { by, action, target, reason, begun, result } = entry;
        let mut record = Self {
            number,
            time,
            by,
            action,
            target: target.map(|target| cut(target, AUDIT_TARGET_CHARS_MAX)),
            reason,
            begun,
            result: cut(result, AUDIT_RESULT_CHARS_MAX),
            previous: previous.to_owned(),
            hash: String::new(),
        };
        record.hash = record.seal();
        record
    }

    /// The hash that it must have.
    pub(super) fn seal(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        format!("{:x}", bytes::Bytes::copy_from_slice(&Sha256::digest(bare.json())))
    }

    /// Its line, with the line break.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = self.json();
        line.push(b'\n');
        line
    }

    fn json(&self) -> Vec<u8> {
        // Nothing in it can fail to serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn cut(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
