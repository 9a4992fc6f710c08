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
