//! The file itself: opened at its end, grown record by record, read backwards.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::record::{Entry, NOTHING, Record};
use super::{FILE, GATEWAY, Page, TORN_FILE};
use crate::bounds::{AUDIT_LINE_BYTES_MAX, AUDIT_READ_BYTES};
use crate::clock::{Clock, Timestamp};

/// Why the log takes no record, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The system refuses; nothing has been written.
    #[error("the audit log cannot be written or read: {0}")]
    Io(String),
    /// A write failed in a way that leaves the end of the file unknown.
    #[error(
        "a write to the audit log failed ({0}): look at the disk, then start the gateway again"
    )]
    Unsure(String),
    /// The last record is not one of ours, or was changed.
    #[error(
        "the last record of the audit log is not as it was written: run hookgate audit verify, \
         keep the file, move it out of the journal's folder and start the gateway again"
    )]
    Broken,
}

impl Trouble {
    /// Whether it stays until the gateway is started again.
    pub(super) const fn is_for_good(&self) -> bool {
        match self {
            Self::Io(_) => false,
            Self::Unsure(_) | Self::Broken => true,
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind().to_string())
    }
}

/// The open file and its end.
pub(super) struct Book {
    file: File,
    bytes: u64,
    number: u64,
    hash: String,
}

impl Book {
    /// Opens or makes the file. What a crash cut off is set aside.
    pub(super) fn open(dir: &Path, clock: &Clock) -> Result<Self, Trouble> {
        let file = private(&dir.join(FILE), false)?;
        File::open(dir)?.sync_all()?;
        let length = file.metadata()?.len();
        let whole = whole_lines(&file, length)?;
        let (number, hash) = match last(&file, whole)? {
            Some(last) => (last.number, last.hash),
            None => (0, NOTHING.to_owned()),
        };
        let mut book = Self { file, bytes: whole, number, hash };
        if whole < length {
            book.set_aside(dir, length - whole, clock.now())?;
        }
        Ok(book)
    }

    /// Adds a record.
    pub(super) fn append(&mut self, entry: Entry, now: Timestamp) -> Result<Record, Trouble> {
        let record = Record::next(self.number + 1, &self.hash, now, entry);
        let line = record.line();
        if let Err(error) = self.file.write_all_at(&line, self.bytes) {
            // A part of it may stand there: without it the file is as it was.
            return match self.file.set_len(self.bytes) {
                Ok(()) => Err(error.into()),
                Err(error) => Err(Trouble::Unsure(error.kind().to_string())),
            };
        }
        // After a failed fsync nobody knows what is on the disk.
        self.file.sync_data().map_err(|error| Trouble::Unsure(error.kind().to_string()))?;
        self.bytes += line.len() as u64;
        self.number = record.number;
        self.hash.clone_from(&record.hash);
        Ok(record)
    }

    /// The file for a reader, and its end.
    pub(super) fn reader(&self) -> Result<(File, u64), Trouble> {
        Ok((self.file.try_clone()?, self.bytes))
    }

    /// Moves the cut-off end to a file of its own, and tells it in a record.
    fn set_aside(&mut self, dir: &Path, bytes: u64, now: Timestamp) -> Result<(), Trouble> {
        let mut aside = private(&dir.join(TORN_FILE), true)?;
        let end = read(&self.file, self.bytes, bytes)?;
        aside.write_all(&end)?;
        aside.write_all(b"\n")?;
        aside.sync_all()?;
        self.file.set_len(self.bytes)?;
        self.file.sync_all()?;
        tracing::warn!(bytes, "the last record of the audit log was cut off by a crash: set aside");
        let entry = Entry {
            by: GATEWAY.to_owned(),
            action: "audit.torn".to_owned(),
            target: None,
            reason: "a crash cut off the last record".to_owned(),
            begun: None,
            result: format!("{bytes} bytes set aside in {TORN_FILE}"),
        };
        self.append(entry, now).map(drop)
    }
}

/// A page of records that end at `before`, the newest first. `None`: no record ends there.
pub(super) fn page(
    file: &File,
    before: u64,
    end: u64,
    limit: usize,
) -> Result<Option<Page>, Trouble> {
    if before > end || (before > 0 && read(file, before - 1, 1)? != b"\n") {
        return Ok(None);
    }
    let (mut records, mut at) = (Vec::new(), before);
    let (mut window, mut start) = (Vec::new(), before);
    while records.len() < limit && at > 0 {
        let begins = line_start(&window, (at - start) as usize);
        let Some(begins) = begins.or_else(|| (start == 0).then_some(0)) else {
            if at - start > AUDIT_LINE_BYTES_MAX {
                return Err(Trouble::Broken);
            }
            let earlier = start.saturating_sub(AUDIT_READ_BYTES);
            window = read(file, earlier, at - earlier)?;
            start = earlier;
            continue;
        };
        let line = window.get(begins..(at - start) as usize).unwrap_or_default();
        records.push(serde_json::from_slice(line).map_err(|_| Trouble::Broken)?);
        at = start + begins as u64;
    }
    Ok(Some(Page { records, next: (at > 0).then_some(at) }))
}

/// Where the line begins that ends, with its break, at `end`; `None`: before the window.
fn line_start(window: &[u8], end: usize) -> Option<usize> {
    let line = window.get(..end.checked_sub(1)?)?;
    line.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
}

/// Up to where the file holds whole lines.
fn whole_lines(file: &File, length: u64) -> Result<u64, Trouble> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(AUDIT_READ_BYTES);
        let some = read(file, start, end - start)?;
        if let Some(at) = some.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The last record, which must be as it was written.
fn last(file: &File, end: u64) -> Result<Option<Record>, Trouble> {
    if end == 0 {
        return Ok(None);
    }
    let page = page(file, end, end, 1)?;
    let record = page.and_then(|page| page.records.into_iter().next());
    let record = record.filter(|record: &Record| record.seal() == record.hash);
    record.map(Some).ok_or(Trouble::Broken)
}

fn read(file: &File, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut some = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut some, from)?;
    Ok(some)
}

/// Opens or makes a file for its owner alone.
fn private(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).create(true).mode(0o600);
    if append {
        options.append(true)
    } else {
        options.write(true)
    };
    let file = options.truncate(false).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}
