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
/// How long a plan may count.
pub const REPLAY_PLAN_WITHIN: Duration = Duration::from_secs(25);
/// How long what a replay has under way may take when it is cancelled or the gateway stops.
pub const REPLAY_WIND_UP: Duration = Duration::from_secs(5);
