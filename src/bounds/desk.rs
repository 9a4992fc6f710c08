//! What operators may ask and do.

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
/// Bytes of an id or a room's name whose pseudonym is asked for.
pub const PSEUDONYM_ID_BYTES_MAX: usize = 4_096;
/// Ids that one event about an erasure lists: some 33 KB.
pub const ERASURE_EVENT_IDS: usize = 1_000;
