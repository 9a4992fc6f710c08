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
/// Captures at one time.
pub const CAPTURES_AT_ONCE: usize = 2;
/// Deliveries that wait to be made up; what comes while they do is passed over.
pub const CAPTURE_QUEUE: usize = 16;
/// Bytes of a body that is captured; larger ones are passed over.
pub const CAPTURE_BODY_BYTES_MAX: usize = 256 * 1024;
/// How long a capture waits for its deliveries, at most.
pub const CAPTURE_FOR: Duration = Duration::from_secs(3_600);
/// How often a capture without deliveries looks whether its source has been replaced by a reload.
pub const CAPTURE_LOOK: Duration = Duration::from_secs(1);

// --- Searching ----------------------------------------------------------------------------------

/// Questions to the file that is searched that are answered at one time.
pub const SEARCH_QUESTIONS: usize = 4;
/// Bytes of the name of a source or tenant in a question.
pub const SEARCH_NAME_BYTES_MAX: usize = 128;
/// How long a question waits for its turn.
pub const SEARCH_TURN: Duration = Duration::from_secs(2);
/// How long a question may take.
pub const SEARCH_TIME: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at that time: some tenths of a millisecond.
pub const SEARCH_LOOK_EVERY: i32 = 10_000;
/// Sequences that one reading of an index fetches at the first time, and at the most.
pub const SEARCH_RUN: std::ops::RangeInclusive<usize> = 8..=512;
/// How long a release by filter waits until searching knows all that has come before it.
pub const SEARCH_KNOWS: Duration = Duration::from_secs(5);
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
/// Bytes of memory that an event takes on its way into the search file, or as a row out of it.
pub const SEARCH_EVENT_BYTES: usize = 1_024;
/// Events that can be forgotten at one time.
pub const SEARCH_FORGET_EVENTS: usize = 100_000;
/// How long who forgets waits for the search file.
pub const SEARCH_FORGET_WAIT: Duration = Duration::from_secs(60);
/// Events that wait for one who follows.
pub const TAIL_ROWS: usize = 256;
/// How long one who follows may take for an event; then following ends.
pub const TAIL_PATIENCE: Duration = Duration::from_secs(10);

// --- The admin API ------------------------------------------------------------------------------

/// Bytes of the body of one call.
pub const ADMIN_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes that one call needs at most: its body, and a page of a list on its way out.
pub const ADMIN_CALL_BYTES: usize = ADMIN_BODY_BYTES_MAX + 256 * 1024;
/// Calls at one time on one connection of HTTP/2: operators and scrapers ask one or two.
pub const ADMIN_H2_STREAMS_MAX: u32 = 4;
/// From the end of the head to the last byte of the body.
pub const ADMIN_BODY_READ: Duration = Duration::from_secs(10);
/// How long a question may take before 504.
pub const ADMIN_ASK: Duration = Duration::from_secs(10);
/// How long the answer to a change is waited for before 504; the change itself goes on.
pub const ADMIN_CHANGE: Duration = Duration::from_secs(60);
/// Answers that go on for ever (tail, capture) at one time.
pub const ADMIN_STREAMS_MAX: usize = 16;
/// How often such an answer says that it is alive when it has nothing to say; a reader who has gone
/// is noticed, and its place free, within two of them.
pub const ADMIN_STREAM_BEAT: Duration = Duration::from_secs(3);
/// Bytes of `admin.token_file`.
pub const TOKEN_FILE_BYTES_MAX: usize = 64 * 1024;
/// Tokens in it.
pub const TOKENS_MAX: usize = 64;
/// Certificates that are listed in `[[admin.client]]`.
pub const ADMIN_CLIENTS_MAX: usize = 64;
/// Bytes of the name of a token.
pub const TOKEN_NAME_BYTES_MAX: usize = 64;
/// Calls each second with one token.
pub const TOKEN_CALLS_PER_SECOND: u32 = 50;
/// Such calls at once.
pub const TOKEN_CALLS_BURST: u32 = 100;
/// Calls each second without a known token that are told so; what is beyond is told to wait.
pub const TOKEN_FAILURES_PER_SECOND: u32 = 5;
/// Such calls at once.
pub const TOKEN_FAILURES_BURST: u32 = 20;
/// Bytes of the name of a replay in a path.
pub const REPLAY_ID_BYTES_MAX: usize = 64;

// --- The audit log ------------------------------------------------------------------------------

/// Records of one page where nothing is asked.
pub const AUDIT_PAGE_DEFAULT: usize = 100;
/// Bytes of one line of the audit log. Each character of a record takes six at most.
pub const AUDIT_LINE_BYTES_MAX: u64 = 16 * 1024;
/// Bytes that are read at a time on the way back through it.
pub const AUDIT_READ_BYTES: u64 = 64 * 1024;
/// Records that are looked at, the newest first, for the risks that were accepted last.
pub const AUDIT_RISKS_LOOKED_AT: usize = 100_000;
/// Characters of the target of a change that are kept.
pub const AUDIT_TARGET_CHARS_MAX: usize = 256;
/// Characters of the result of a change that are kept.
pub const AUDIT_RESULT_CHARS_MAX: usize = 512;
/// Bytes of an id or a room's name whose pseudonym is asked for.
pub const PSEUDONYM_ID_BYTES_MAX: usize = 4_096;
/// Events that are released from quarantine in one transaction.
pub const RELEASE_STEP: usize = 256;
/// Events that one order releases; what is more has to be asked for again.
pub const RELEASE_EVENTS_MAX: u64 = 100_000;
/// Ids that one event about an erasure lists: some 33 KB.
pub const ERASURE_EVENT_IDS: usize = 1_000;
/// Events of one erasure that are in hand at one time; more take several rounds.
pub const FORGET_EVENTS: usize = 250_000;
/// Pseudonyms, rooms and sessions that one erasure follows.
pub const FORGET_SESSIONS: usize = 100_000;
/// How far back a source's rate looks.
pub const RATE_OVER: Duration = Duration::from_secs(60);
/// How far back the journal's growth looks.
pub const GROWTH_OVER: Duration = Duration::from_secs(60 * 60);
/// How often the journal's size is noted for that.
pub const GROWTH_EVERY: Duration = Duration::from_secs(60);
/// How long it must have been looked at before its growth is told.
pub const GROWTH_LEAST: Duration = Duration::from_secs(10 * 60);
/// How long before its end a secret is warned about.
pub const SECRET_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

// --- Replays ------------------------------------------------------------------------------------

/// Replays that are kept after their end, for whoever looks later.
pub const REPLAYS_KEPT: u32 = 100;
/// Replays that run at the same time; others wait for their turn. Each has a client of its own.
pub const REPLAYS_AT_ONCE: usize = 2;
/// Replays that have not ended.
pub const REPLAYS_OPEN: usize = 20;
/// Events a second of a replay where nothing is asked.
pub const REPLAY_RATE_DEFAULT: u32 = 500;
/// Events a second that may be asked for.
pub const REPLAY_RATE_MAX: u32 = 100_000;
/// Bytes of a room or a person in a filter; a plan's own may hold several.
pub const CHOICE_TEXT_BYTES_MAX: usize = 16 * 1024;
/// How long a plan may count.
pub const REPLAY_PLAN_WITHIN: Duration = Duration::from_secs(25);
/// Events that a plan looks at one by one where the search file names them; of more it reads the
/// journal.
pub const REPLAY_PLAN_LISTED: usize = 10_000;
/// How long what a replay has under way may take when it is cancelled or the gateway stops.
pub const REPLAY_WIND_UP: Duration = Duration::from_secs(5);
