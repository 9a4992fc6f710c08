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
    use proptest::prelude::*;

    use crate::bounds::SOURCE_RATE_LIMIT;
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

    proptest! {
        #[test]
        fn a_rate_is_taken_as_written_or_refused_by_its_key(
            per_second in -2_i64..3_000_000,
            burst in -2_i64..3_000_000,
        ) {
            let text = source(&format!("rate = {{ per_second = {per_second}, burst = {burst} }}"));
            let fits = |number: i64| (1..=i64::from(SOURCE_RATE_LIMIT)).contains(&number);
            if fits(per_second) && fits(burst) {
                let rate = good(&text).sources[0].rate;
                let read = (i64::from(rate.per_second.get()), i64::from(rate.burst.get()));
                prop_assert_eq!(read, (per_second, burst));
            } else {
                for line in mistakes(&text) {
                    prop_assert!(line.starts_with("source[0].rate."), "{}", line);
                }
            }
        }

        #[test]
        fn junk_in_the_place_of_a_duration_or_size_is_refused_by_its_key(junk in "[ -!#-~]{0,12}") {
            prop_assume!(!junk.contains('\\') && !junk.contains("canary"));
            let keys = [
                ("drain_grace", super::super::unit::duration(&junk).is_some()),
                ("body_max", super::super::unit::size(&junk).is_some()),
            ];
            for (key, reads) in keys {
                if !reads {
                    let text = format!("[server]\n{key} = \"{junk}\"\n{}", source(""));
                    let lines = mistakes(&text);
                    let start = format!("server.{key} = ");
                    prop_assert!(lines.iter().all(|line| line.starts_with(&start)), "{:?}", lines);
                }
            }
        }
    }
}
