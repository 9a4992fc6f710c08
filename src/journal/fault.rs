//! What an SQLite error means for a journal that must not lie.
//!
//! Three answers only. A full disk is waited out. A lock held by somebody's `sqlite3` passes. All
//! else, and above all a failed write or fsync, ends this journal: after a failed fsync the kernel
//! calls the lost pages clean, and SQLite's next commit returns OK.
//!
//! Errors are told as SQLite's code, never by its message, so that no content can slip into a log.

use std::fmt;

use rusqlite::ffi;

/// What to do about an error of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No room: roll back, shed, probe, recover.
    Full,
    /// Somebody else holds the lock: this batch fails, the next may not.
    Busy,
    /// The disk, the file or we ourselves cannot be trusted: stop for good.
    Broken,
}

impl Fault {
    /// Judges an error.
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match Code::of(error) {
            // The index of the write-ahead log could not grow. It holds nothing that lasts (it is
            // rebuilt from the log), and ENOSPC is what keeps it from growing.
            Code(ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
            Code(code) => match code & 0xff {
                ffi::SQLITE_FULL => Self::Full,
                ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Self::Busy,
                _ => Self::Broken,
            },
        }
    }
}

/// An extended result code of SQLite; see <https://sqlite.org/rescode.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(i32);

impl Code {
    /// The file does not begin like a database.
    pub(super) const NOT_A_DATABASE: Self = Self(ffi::SQLITE_NOTADB);
    /// No error of SQLite's, but one of ours.
    pub(super) const DEFECT: Self = Self(ffi::SQLITE_INTERNAL);
    /// The file is not what we wrote.
    pub(super) const CORRUPT: Self = Self(ffi::SQLITE_CORRUPT);

    /// The code of an error. One that SQLite did not raise (a row that should be there is not, a
    /// column is of another type) means that the file is not what we wrote.
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        Self(error.sqlite_error().map_or(ffi::SQLITE_CORRUPT, |raised| raised.extended_code))
    }

    /// Whether a part of the file cannot be read, or is not what was written.
    pub(super) fn is_unreadable(self) -> bool {
        let unread =
            [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS];
        self.is_damage() || unread.contains(&self.0)
    }

    /// Whether the time for it was over.
    pub(super) fn is_interrupt(self) -> bool {
        self.0 & 0xff == ffi::SQLITE_INTERRUPT
    }

    /// Whether the file is not a database, or not a whole one.
    pub(super) fn is_damage(self) -> bool {
        matches!(self.0 & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite code {}: {}", self.0, ffi::code_to_str(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("canary".into()))
    }

    #[test]
    fn only_a_full_disk_and_a_lock_pass_by_themselves() {
        for (code, fault) in [
            (ffi::SQLITE_FULL, Fault::Full),
            (ffi::SQLITE_IOERR_SHMSIZE, Fault::Full),
            (ffi::SQLITE_BUSY, Fault::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Fault::Busy),
            (ffi::SQLITE_IOERR_FSYNC, Fault::Broken),
            (ffi::SQLITE_IOERR_WRITE, Fault::Broken),
            (ffi::SQLITE_IOERR, Fault::Broken),
            (ffi::SQLITE_CORRUPT, Fault::Broken),
            (ffi::SQLITE_READONLY, Fault::Broken),
            (ffi::SQLITE_CONSTRAINT, Fault::Broken),
        ] {
            assert_eq!(Fault::of(&raised(code)), fault, "{code}");
        }
        assert_eq!(Fault::of(&rusqlite::Error::QueryReturnedNoRows), Fault::Broken);
    }

    #[test]
    fn a_code_prints_without_the_message_it_came_with() {
        let printed = Code::of(&raised(ffi::SQLITE_IOERR_FSYNC)).to_string();
        assert_eq!(printed, "SQLite code 1034: disk I/O error");
    }
}
