//! What is looked at, and what may be seen, of one event.

use std::time::Duration;

// --- Verification -------------------------------------------------------------------------------

/// Default of a Daily source's `signature_max_age`. Daily's last retry can be about 75 minutes old.
pub const SIGNATURE_MAX_AGE_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);
/// A shorter `signature_max_age` is warned about: five retries, up to 15 minutes apart.
pub const SIGNATURE_MAX_AGE_ADVISED: Duration = Duration::from_secs(75 * 60);
/// How far in the future a Daily timestamp may lie.
pub const SIGNATURE_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// Leeway on `exp` and `nbf` of a LiveKit token, as LiveKit's own receivers allow.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(60);
/// Bytes of a LiveKit token that are looked at.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Secrets or keys of one source.
pub const SECRETS_PER_SOURCE_MAX: usize = 16;
/// A secret shorter than this many bytes is warned about.
pub const SECRET_BYTES_ADVISED: usize = 32;

// --- Understanding ------------------------------------------------------------------------------

/// Nesting of objects and arrays in a body; deeper is quarantined as malformed.
pub const JSON_DEPTH_MAX: usize = 32;
/// Values (objects, arrays, scalars) in a body; more is quarantined as malformed.
pub const JSON_VALUES_MAX: usize = 200_000;
/// Bytes of memory that one value of a body needs while it is understood.
pub const JSON_VALUE_BYTES: usize = 64;
/// Files, streams or outputs of one event that are carried over; the rest is removed.
pub const ITEMS_PER_EVENT_MAX: usize = 64;
/// Paths listed in `removed`; what is beyond is counted in `removed_more`.
pub const REMOVED_PATHS_MAX: usize = 64;
/// Bytes of a room name, storage key or id that may leave as it is.
pub const VISIBLE_TEXT_BYTES_MAX: usize = 512;

// --- The boundary -------------------------------------------------------------------------------

/// Rules of one policy file.
pub const POLICY_RULES_MAX: usize = 1_000;
/// Bytes of one policy file.
pub const POLICY_FILE_BYTES_MAX: usize = 256 * 1024;
/// Ranges into which one number is put.
pub const POLICY_RANGES_MAX: usize = 64;
/// Bytes of the reason of a rule, and of why a risk is accepted.
pub const POLICY_REASON_BYTES_MAX: usize = 300;
/// Patterns of national ids of one tenant.
pub const NATIONAL_ID_PATTERNS_MAX: usize = 32;
/// The highest version of a key of pseudonyms.
pub const PSEUDONYM_VERSION_MAX: u32 = 99;
/// Former pseudonyms that are published for longer than this beside the new ones are warned about.
pub const FORMER_PSEUDONYMS_ADVISED: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Violations listed in one event; what is beyond is counted in `violations_more`.
pub const VIOLATIONS_MAX: usize = 16;
/// A count that is larger may be a telephone number and does not leave.
pub const COUNT_MAX: u64 = 999_999;
/// A duration in seconds (or another amount) that is larger may be a telephone number and does not
/// leave: 115 days.
pub const AMOUNT_MAX: f64 = 9_999_999.0;
/// A size in bytes that is larger may be the number of a payment card and does not leave: 10 TB. (A
/// smaller one may have the digits of a telephone number: nothing tells the two apart.)
pub const SIZE_BYTES_MAX: u64 = 9_999_999_999_999;
/// A moment before 2000 is none that a provider tells of.
pub const MOMENT_MIN_MILLIS: i64 = 946_684_800_000;
/// A moment that lies further ahead of its receipt may be a telephone number and does not leave.
pub const MOMENT_AHEAD_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
