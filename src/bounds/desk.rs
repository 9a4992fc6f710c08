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

// --- The admin API ------------------------------------------------------------------------------

/// Bytes of the body of one call.
pub const ADMIN_BODY_BYTES_MAX: usize = 64 * 1024;
/// From the end of the head to the last byte of the body.
pub const ADMIN_BODY_READ: Duration = Duration::from_secs(10);
/// How long a question may take before 504.
pub const ADMIN_ASK: Duration = Duration::from_secs(10);
/// How long the answer to a change is waited for before 504; the change itself goes on.
pub const ADMIN_CHANGE: Duration = Duration::from_secs(60);
/// Answers that go on for ever (tail, capture) at one time.
pub const ADMIN_STREAMS_MAX: usize = 16;
/// How often such an answer says that it is alive when it has nothing to say.
pub const ADMIN_STREAM_BEAT: Duration = Duration::from_secs(15);
/// Bytes of `admin.token_file`.
pub const TOKEN_FILE_BYTES_MAX: usize = 64 * 1024;
/// Tokens in it.
pub const TOKENS_MAX: usize = 64;
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
/// Characters of the target of a change that are kept.
pub const AUDIT_TARGET_CHARS_MAX: usize = 256;
/// Characters of the result of a change that are kept.
pub const AUDIT_RESULT_CHARS_MAX: usize = 512;
/// Bytes of an id or a room's name whose pseudonym is asked for.
pub const PSEUDONYM_ID_BYTES_MAX: usize = 4_096;

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
pub const CHOICE_TEXT_BYTES_MAX: usize = 4_096;
/// How long a plan may count.
pub const REPLAY_PLAN_WITHIN: Duration = Duration::from_secs(25);
/// How long what a replay has under way may take when it is cancelled or the gateway stops.
pub const REPLAY_WIND_UP: Duration = Duration::from_secs(5);
