//! `rate = { per_second = 2000, burst = 4000 }`, checked.

use std::num::NonZeroU32;

use super::read::Section;
use crate::bounds;
use crate::throttle::Rate;

/// A source's rate. `None` only beside a mistake. A rate without a burst has twice itself.
pub(super) fn rate(section: &mut Section<'_>) -> Option<Rate> {
    let mut section = section.table("rate");
    let most = bounds::SOURCE_RATE_LIMIT;
    let per_second = section.whole("per_second", 1..=most);
    let burst = section.whole("burst", 1..=most);
    if section.is_written() && per_second.is_none() && burst.is_none() {
        section.required("per_second", "{ per_second = 1000, burst = 2000 }");
    }
    section.finish();
    let per_second = per_second.unwrap_or(bounds::SOURCE_RATE_PER_SECOND_DEFAULT);
    let burst = burst.unwrap_or(per_second.saturating_mul(2).min(most));
    Some(Rate {
        per_second: NonZeroU32::new(per_second)?,
        burst: NonZeroU32::new(burst)?,
    })
}
