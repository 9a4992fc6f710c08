//! What operators may ask and do.

use std::time::Duration;

/// Bytes of the reason of a change.
pub const REASON_BYTES_MAX: usize = 512;
/// Events of one page of a list.
pub const EVENTS_PAGE_MAX: usize = 1_000;
/// Events of one page where nothing is asked.
pub const EVENTS_PAGE_DEFAULT: usize = 100;
/// Records of one page of the audit log.
pub const AUDIT_PAGE_MAX: usize = 1_000;
/// Deliveries of one capture.
pub const CAPTURE_DELIVERIES_MAX: u32 = 1_000;

// --- Searching ----------------------------------------------------------------------------------

/// Questions to the file that is searched that are answered at one time.
pub const SEARCH_QUESTIONS: usize = 4;
/// How long a question waits for its turn.
pub const SEARCH_TURN: Duration = Duration::from_secs(2);
/// How long a question may take.
pub const SEARCH_TIME: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at that time: some tenths of a millisecond.
pub const SEARCH_LOOK_EVERY: i32 = 10_000;
/// Sequences that one reading of an index fetches at the first time, and at the most.
pub const SEARCH_RUN: std::ops::RangeInclusive<usize> = 8..=512;
/// How often it is looked whether the journal has grown.
pub const SEARCH_EVERY: Duration = Duration::from_millis(100);
/// How soon it is tried again after the search file could not be written.
pub const SEARCH_RETRY: Duration = Duration::from_secs(1);
/// Events that one transaction adds to the search file.
pub const SEARCH_BATCH_EVENTS: usize = 16_384;
/// Events whose terms are gathered, before they go to their places in the index together: each
/// place costs a page, so the more at a time the better; those gathered are read by each question.
pub const SEARCH_RECENT_EVENTS: usize = 16_384;
/// Sequences of a segment of that index: an event's terms are put among those of its segment alone,
/// and a question looks into every segment.
pub const SEARCH_SEGMENT_BITS: u32 = 17;
/// Sequences whose earliest and latest moment of receipt are known together.
pub const SEARCH_STRETCH_BITS: u32 = 10;
/// Rows that follow a deletion in the journal in one transaction.
pub const SEARCH_STEP_ROWS: usize = 4_096;
/// Entries of the index that do.
pub const SEARCH_STEP_TERMS: usize = 16_384;
/// KiB of pages that the follower keeps in memory.
pub const SEARCH_CACHE_KIB: i64 = 16 * 1024;
/// Pages of its log after which they are copied into the search file.
pub const SEARCH_LOG_PAGES: i64 = 4_096;
/// Receipts and repeated deliveries that wait to be written down; what is beyond is not known.
pub const SEARCH_NOTES: usize = 16_384;
/// Bytes that one of them takes.
pub const SEARCH_NOTE_BYTES: usize = 40;
/// Bytes that an event takes on its way into the search file.
pub const SEARCH_EVENT_BYTES: usize = 512;
/// Events that can be forgotten at one time.
pub const SEARCH_FORGET_EVENTS: usize = 100_000;
/// How long who forgets waits for the search file.
pub const SEARCH_FORGET_WAIT: Duration = Duration::from_secs(60);
/// Events that wait for one who follows.
pub const TAIL_ROWS: usize = 1_024;
/// How long one who follows may take for an event; then following ends.
pub const TAIL_PATIENCE: Duration = Duration::from_secs(10);
