//! Numbers with units: `"5s"`, `"4MiB"`, `"10.0.0.0/8"`, and how they are explained.
//!
//! One unit, one whole number, no spaces in between; anything else is refused rather than guessed.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// What a duration looks like, for messages.
pub(super) const DURATION: &str =
    "must be a duration: a whole number and one of ms, s, m, h, d, such as \"5s\" or \"250ms\"";

/// What a size looks like, for messages.
pub(super) const SIZE: &str =
    "must be a size: a whole number and one of B, KiB, MiB, GiB, such as \"4MiB\"";

/// Reads `"5s"`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Writes what [`duration`] reads.
pub(super) fn shown(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= length && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    format!("{millis}ms")
}

/// Reads `"4MiB"` as bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok()
}

/// Reads a network, or one address as the network of itself. A network with bits set behind its
/// prefix is not one.
pub(super) fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let network: IpNet = text.parse().ok()?;
    (network.trunc() == network).then_some(network)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_one_whole_number_and_one_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7_200)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        for wrong in ["", "5", "s", "5 s", "1.5s", "-1s", "1h30m", "5S", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(duration("18446744073709551615d"), None);
    }

    #[test]
    fn a_shown_duration_reads_back() {
        for millis in [0, 1, 250, 1_000, 90_000, 5_000, 7_200_000, 3_600_001] {
            let time = Duration::from_millis(millis);
            assert_eq!(duration(&shown(time)), Some(time));
        }
    }

    #[test]
    fn sizes_are_binary_and_say_so() {
        assert_eq!(size("4MiB"), Some(4 << 20));
        assert_eq!(size("512KiB"), Some(512 << 10));
        assert_eq!(size("7B"), Some(7));
        for wrong in ["4MB", "4", "4 MiB", "4mib", "17179869184GiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_network_has_no_bits_behind_its_prefix() {
        assert!(network("10.0.0.0/8").is_some());
        assert_eq!(network("10.1.2.3"), "10.1.2.3/32".parse().ok());
        assert_eq!(network("::1"), "::1/128".parse().ok());
        assert_eq!(network("10.1.0.0/8"), None);
        assert_eq!(network("everyone"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_of_a_duration_is_read_back(millis in any::<u64>()) {
            let time = Duration::from_millis(millis);
            prop_assert_eq!(duration(&shown(time)), Some(time));
        }

        #[test]
        fn a_number_and_a_unit_mean_their_product_or_nothing(
            number in any::<u64>(),
            place in 0usize..9,
        ) {
            let units = [
                ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
                ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
            ];
            let (unit, factor) = units[place];
            let text = format!("{number}{unit}");
            let product = number.checked_mul(factor);
            let is_time = place < 5;
            let time = product.filter(|_| is_time).map(Duration::from_millis);
            prop_assert_eq!(duration(&text), time);
            let bytes = product.filter(|_| !is_time).and_then(|n| usize::try_from(n).ok());
            prop_assert_eq!(size(&text), bytes);
        }

        #[test]
        fn what_is_not_digits_and_one_unit_is_nothing(text in any::<String>()) {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let known = ["ms", "s", "m", "h", "d", "B", "KiB", "MiB", "GiB"];
            if end == 0 || !known.contains(&&text[end..]) {
                prop_assert_eq!((duration(&text), size(&text)), (None, None));
            }
        }

        #[test]
        fn a_network_that_is_read_is_itself(text in "[0-9a-f.:/]{0,24}") {
            if let Some(network) = network(&text) {
                prop_assert_eq!(network.trunc(), network);
                prop_assert_eq!(super::network(&network.to_string()), Some(network));
            }
        }
    }
}
