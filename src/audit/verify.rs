//! Reads a whole chain and finds the first record that is not as it was written.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::record::{NOTHING, Record};
use crate::bounds::AUDIT_LINE_BYTES_MAX;

/// A hash that was noted elsewhere: the record of this number must have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The record's number.
    pub number: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many records.
    pub records: u64,
    /// The hash of the last one: worth noting elsewhere.
    pub head: String,
    /// Bytes behind the last whole line: cut off by a crash, or just being written.
    pub torn_bytes: u64,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {number} {why}")]
pub struct Broken {
    /// The number that the record has, or would have.
    pub number: u64,
    /// How.
    pub why: Why,
}

/// How a record breaks its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not JSON of ours, or not as we write it.
    #[error("is not a record as hookgate writes it: its line was changed or put there")]
    Form,
    /// The number is not the next one.
    #[error("has another number: records before it are missing or were put there")]
    Number,
    /// It does not follow the one before.
    #[error("does not follow the record before it: that one was changed, or some are missing")]
    Previous,
    /// Its own hash is another.
    #[error("was changed: its hash is not that of its content")]
    Hash,
    /// It is not what was noted.
    #[error("has not the hash that was noted: it was written anew, and perhaps all before it")]
    Noted,
    /// There is no such record any more.
    #[error("was noted and is missing: the end of the log was cut off")]
    Missing,
}

/// Why a chain cannot be vouched for.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The chain is broken.
    #[error("is broken: {0}")]
    Broken(#[from] Broken),
}

/// Reads the chain of a file.
///
/// # Errors
/// The first record that breaks it, or why the file cannot be read.
pub fn verify(path: &Path, note: Option<&Note>) -> Result<Chain, VerifyError> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut chain = Chain { records: 0, head: NOTHING.to_owned(), torn_bytes: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let number = chain.records + 1;
        let broken = |why| Broken { number, why };
        lines.by_ref().take(AUDIT_LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.last() != Some(&b'\n') {
            if line.len() as u64 > AUDIT_LINE_BYTES_MAX {
                return Err(broken(Why::Form).into());
            }
            chain.torn_bytes = line.len() as u64;
            break;
        }
        let record = follows(&line, &chain).map_err(broken)?;
        if note.is_some_and(|note| note.number == number && note.hash != record.hash) {
            return Err(broken(Why::Noted).into());
        }
        chain.records = number;
        chain.head = record.hash;
    }
    match note {
        Some(note) if note.number > chain.records => {
            Err(Broken { number: note.number, why: Why::Missing }.into())
        }
        Some(_) | None => Ok(chain),
    }
}

/// The record of a line, if it is the next one of a chain.
fn follows(line: &[u8], chain: &Chain) -> Result<Record, Why> {
    let record: Record = serde_json::from_slice(line).map_err(|_| Why::Form)?;
    if record.number != chain.records + 1 {
        return Err(Why::Number);
    }
    if record.previous != chain.head {
        return Err(Why::Previous);
    }
    if record.seal() != record.hash {
        return Err(Why::Hash);
    }
    // The same content in another spelling is not what was written.
    if record.line() != line { Err(Why::Form) } else { Ok(record) }
}
