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
/// Deliveries that wait to be made up; what comes while they do is passed over.
pub const CAPTURE_QUEUE: usize = 16;
/// Bytes of a body that is captured; larger ones are passed over.
pub const CAPTURE_BODY_BYTES_MAX: usize = 256 * 1024;
/// How long a capture waits for its deliveries, at most.
pub const CAPTURE_FOR: Duration = Duration::from_secs(3_600);
/// How often a capture without deliveries looks whether its source has been replaced by a reload.
pub const CAPTURE_LOOK: Duration = Duration::from_secs(1);
/// Bytes of an id or a room's name whose pseudonym is asked for.
pub const PSEUDONYM_ID_BYTES_MAX: usize = 4_096;
