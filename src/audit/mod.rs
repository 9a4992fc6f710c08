//! Who changed what, in a file that only grows and whose records hold each other.
//!
//! One JSON object a line in `audit.log`, beside the journal and under its lock. Each record holds
//! the SHA-256 of the one before and of itself, so a record that was changed, taken out or put in
//! between is found by whoever reads the chain ([`verify`]). The hash has no key: someone who may
//! write the file could compute the whole chain anew, or cut off its end. Against that each hash
//! is logged as well, and `verify` takes one that was noted elsewhere.
//!
//! Promises: a record is on disk, with fsync, before [`Audit::append`] returns; a last line that a
//! crash cut off is set aside in `audit.torn` and told in a record of its own, never silently; a
//! log that cannot be trusted takes no more records, and what needs one is not done. Never: a
//! token, a value that names a person; callers give what may be seen.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;

mod book;
mod record;
mod verify;

pub use book::Trouble;
pub use record::{Entry, Record};
pub use verify::{Broken, Chain, Note, VerifyError, Why, verify};

use book::Book;

/// The name of the file in the journal's folder.
pub const FILE: &str = "audit.log";

/// The name of the file beside it that takes what a crash cut off.
pub const TORN_FILE: &str = "audit.torn";

/// Who writes where nobody asked.
pub(crate) const GATEWAY: &str = "gateway";

/// The audit log. Cheap to clone. Its calls read and write the disk: from a blocking thread only.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    book: Mutex<Result<Book, Trouble>>,
}

/// A page of records, the newest first, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// The place where the next page begins; `None` on the last.
    pub next: Option<u64>,
}

impl Audit {
    /// Opens the log in the journal's folder, whose lock is held. One that cannot be used is said
    /// and takes no records; deliveries do not depend on it.
    pub fn open(dir: &Path, clock: Clock) -> Self {
        let book = Book::open(dir, &clock).inspect_err(|trouble| {
            tracing::error!(%trouble, "nothing can be changed through the admin API");
        });
        Self { inner: Arc::new(Inner { clock, book: Mutex::new(book) }) }
    }

    /// Adds a record and waits until it is on disk. Gives its number.
    ///
    /// # Errors
    /// Why the log takes no record; then none was added.
    pub fn append(&self, entry: Entry) -> Result<u64, Trouble> {
        let mut book = self.book();
        let added = match &mut *book {
            Ok(open) => open.append(entry, self.inner.clock.now()),
            Err(trouble) => return Err(trouble.clone()),
        };
        match added {
            Ok(record) => {
                tracing::info!(
                    number = record.number, by = %record.by, action = %record.action,
                    result = %record.result, hash = %record.hash, "audit",
                );
                Ok(record.number)
            }
            Err(trouble) => {
                if trouble.is_for_good() {
                    *book = Err(trouble.clone());
                }
                Err(trouble)
            }
        }
    }

    /// At most so many records, the newest first; `before`: a place that a page gave.
    ///
    /// # Errors
    /// Why the log cannot be read; `Ok(None)`: there is no such place.
    pub fn page(&self, limit: usize, before: Option<u64>) -> Result<Option<Page>, Trouble> {
        let (reader, end) = match &*self.book() {
            Ok(book) => book.reader()?,
            Err(trouble) => return Err(trouble.clone()),
        };
        book::page(&reader, before.unwrap_or(end), end, limit)
    }

    fn book(&self) -> MutexGuard<'_, Result<Book, Trouble>> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::clock::Timestamp;

    struct Log {
        folder: tempfile::TempDir,
        clock: Clock,
    }

    impl Log {
        fn new() -> Self {
            let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
            Self { folder: tempfile::tempdir().unwrap(), clock }
        }

        /// One with so many records.
        fn of(records: u64) -> Self {
            let log = Self::new();
            let audit = log.open();
            for number in 1..=records {
                assert_eq!(audit.append(entry(&format!("ticket {number}"))), Ok(number));
            }
            log
        }

        fn open(&self) -> Audit {
            Audit::open(self.folder.path(), self.clock.clone())
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join(FILE)
        }

        fn lines(&self) -> Vec<String> {
            fs::read_to_string(self.file()).unwrap().lines().map(str::to_owned).collect()
        }

        fn write(&self, lines: &[String]) {
            fs::write(self.file(), lines.join("\n") + "\n").unwrap();
        }

        fn broken(&self) -> Broken {
            match verify(&self.file(), None) {
                Err(VerifyError::Broken(broken)) => broken,
                other => panic!("{other:?}"),
            }
        }
    }

    fn entry(reason: &str) -> Entry {
        Entry {
            by: "olga".to_owned(),
            action: "drain".to_owned(),
            target: Some("a \"target\"".to_owned()),
            reason: reason.to_owned(),
            begun: None,
            result: "begun".to_owned(),
        }
    }

    fn broken(number: u64, why: Why) -> Broken {
        Broken { number, why }
    }

    #[test]
    fn records_are_chained_over_restarts_and_the_file_is_its_owners_alone() {
        let log = Log::of(2);
        let audit = log.open();
        log.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(audit.append(entry("ticket 3")), Ok(3));
        let chain = verify(&log.file(), None).unwrap();
        assert_eq!((chain.records, chain.torn_bytes), (3, 0));
        let page = audit.page(10, None).unwrap().unwrap();
        assert_eq!(page.records[0].hash, chain.head);
        assert_eq!(page.records[0].previous, page.records[1].hash);
        assert_eq!(page.records[2].previous, "0".repeat(64));
        assert_eq!(fs::metadata(log.file()).unwrap().permissions().mode() & 0o777, 0o600);
        let first = &log.lines()[0];
        let begins =
            r#"{"number":1,"time":"2026-11-20T10:00:00.000Z","by":"olga","action":"drain","#;
        assert!(first.starts_with(begins), "{first}");
    }

    #[test]
    fn a_page_is_the_newest_first_and_the_next_begins_where_it_ends() {
        // More than is read at a time.
        let log = Log::of(500);
        let audit = log.open();
        let (mut seen, mut place) = (Vec::new(), None);
        loop {
            let page = audit.page(77, place).unwrap().unwrap();
            seen.extend(page.records.iter().map(|record| record.number));
            place = page.next;
            if place.is_none() {
                break;
            }
        }
        assert!(fs::metadata(log.file()).unwrap().len() > 2 * crate::bounds::AUDIT_READ_BYTES);
        assert_eq!(seen, (1..=500).rev().collect::<Vec<_>>());
        for nowhere in [1, u64::MAX] {
            assert_eq!(audit.page(1, Some(nowhere)), Ok(None));
        }
        let empty = Log::new().open().page(1, None).unwrap().unwrap();
        assert_eq!(empty, Page { records: Vec::new(), next: None });
    }

    #[test]
    fn a_changed_letter_is_found_where_it_stands() {
        let log = Log::of(5);
        let mut lines = log.lines();
        lines[2] = lines[2].replace("ticket 3", "ticket 8");
        log.write(&lines);
        assert_eq!(log.broken(), broken(3, Why::Hash));
    }

    #[test]
    fn a_flipped_bit_in_any_byte_is_found() {
        let log = Log::of(3);
        let whole = fs::read(log.file()).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(log.file(), &changed).unwrap();
            match verify(&log.file(), None) {
                Err(VerifyError::Broken(_)) => {}
                // The last line break: then the last record is not whole.
                Ok(chain) => assert_eq!((at, chain.records), (whole.len() - 1, 2)),
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_record_that_was_taken_out_put_in_or_doubled_is_found() {
        let log = Log::of(5);
        let lines = log.lines();
        let mut without = lines.clone();
        without.remove(2);
        log.write(&without);
        assert_eq!(log.broken(), broken(3, Why::Number));
        let mut doubled = lines.clone();
        doubled.insert(2, lines[1].clone());
        log.write(&doubled);
        assert_eq!(log.broken(), broken(3, Why::Number));
        let mut spaced = lines.clone();
        spaced[4] = spaced[4].replace("\"by\":", "\"by\": ");
        log.write(&spaced);
        assert_eq!(log.broken(), broken(5, Why::Form));
        let mut forged = lines.clone();
        let entry = entry("forged");
        let record = Record::next(6, &"0".repeat(64), Timestamp::from_millis(0), entry);
        forged.push(String::from_utf8(record.line()).unwrap().trim_end().to_owned());
        log.write(&forged);
        assert_eq!(log.broken(), broken(6, Why::Previous));
        forged[5] = "nothing of ours".to_owned();
        log.write(&forged);
        assert_eq!(log.broken(), broken(6, Why::Form));
    }

    #[test]
    fn a_log_that_was_cut_off_or_written_anew_is_found_by_a_hash_that_was_noted() {
        let log = Log::of(5);
        let chain = verify(&log.file(), None).unwrap();
        let note = Note { number: 5, hash: chain.head.clone() };
        assert_eq!(verify(&log.file(), Some(&note)).unwrap(), chain);
        log.write(&log.lines()[..3]);
        assert!(verify(&log.file(), None).is_ok());
        let missing = verify(&log.file(), Some(&note)).unwrap_err().to_string();
        assert!(missing.contains("record 5 was noted and is missing"), "{missing}");
        fs::remove_file(log.file()).unwrap();
        let audit = log.open();
        for _ in 0..6 {
            audit.append(entry("another story")).unwrap();
        }
        let noted = verify(&log.file(), Some(&note)).unwrap_err().to_string();
        assert!(noted.contains("record 5 has not the hash that was noted"), "{noted}");
    }

    #[test]
    fn what_a_crash_cut_off_is_set_aside_told_and_the_chain_goes_on() {
        for cut in [1, 50] {
            let log = Log::of(3);
            let whole = fs::read(log.file()).unwrap();
            fs::write(log.file(), &whole[..whole.len() - cut]).unwrap();
            let chain = verify(&log.file(), None).unwrap();
            assert!(chain.records == 2 && chain.torn_bytes > 0);
            let audit = log.open();
            let page = audit.page(1, None).unwrap().unwrap();
            let told = &page.records[0];
            assert_eq!((told.number, told.action.as_str()), (3, "audit.torn"));
            assert_eq!(told.result, format!("{} bytes set aside in audit.torn", chain.torn_bytes));
            let aside = fs::read(log.folder.path().join(TORN_FILE)).unwrap();
            assert_eq!(aside.len() as u64, chain.torn_bytes + 1);
            assert_eq!(audit.append(entry("on")), Ok(4));
            assert_eq!(verify(&log.file(), None).unwrap().records, 4);
        }
    }

    #[test]
    fn a_log_whose_end_was_changed_takes_no_more_records() {
        let log = Log::of(3);
        let mut lines = log.lines();
        lines[2] = lines[2].replace("ticket 3", "ticket 8");
        log.write(&lines);
        let audit = log.open();
        assert_eq!(audit.append(entry("on")), Err(Trouble::Broken));
        assert_eq!(audit.page(1, None), Err(Trouble::Broken));
        assert_eq!(log.lines(), lines);
    }

    #[test]
    fn a_log_that_cannot_be_opened_takes_no_records_and_is_not_the_gateways_end() {
        let log = Log::new();
        fs::create_dir(log.file()).unwrap();
        assert!(matches!(log.open().append(entry("on")), Err(Trouble::Io(_))));
    }

    #[test]
    fn the_longest_record_has_room_on_its_line() {
        let log = Log::new();
        let worst = "\u{1}".repeat(crate::bounds::REASON_BYTES_MAX);
        let long = Entry {
            by: "n".repeat(crate::bounds::TOKEN_NAME_BYTES_MAX),
            target: Some("\u{1}".repeat(10_000)),
            result: "\u{1}".repeat(10_000),
            ..entry(&worst)
        };
        let audit = log.open();
        audit.append(long).unwrap();
        assert!(fs::metadata(log.file()).unwrap().len() < crate::bounds::AUDIT_LINE_BYTES_MAX);
        assert!(verify(&log.file(), None).is_ok());
        assert_eq!(audit.page(1, None).unwrap().unwrap().records.len(), 1);
    }
}
