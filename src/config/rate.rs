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
    Some(Rate { per_second: NonZeroU32::new(per_second)?, burst: NonZeroU32::new(burst)? })
}

#[cfg(test)]
mod tests {
    use crate::config::tests::*;

    #[test]
    fn a_rate_without_a_burst_has_twice_itself() {
        let rate = |extra: &str| {
            let rate = good(&source(extra)).sources[0].rate;
            (rate.per_second.get(), rate.burst.get())
        };
        assert_eq!(rate(""), (2_000, 4_000));
        assert_eq!(rate("rate = { per_second = 10 }"), (10, 20));
        assert_eq!(rate("rate = { per_second = 1000, burst = 2000 }"), (1_000, 2_000));
        mistake(&source("rate = {}"), "source[0].rate.per_second: is missing", "per_second = 1000");
        mistake(&source("rate = 5"), "source[0].rate: must be a table", "a number");
    }
}
