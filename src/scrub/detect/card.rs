//! Payment cards: 13 to 19 digits of a known issuer that pass Luhn's check.

use super::groups::{GROUPS_MAX, Group, shape};
use super::text::{DASH, DOT, LOW, SPACE, Text};

/// How cards are grouped, by their first groups; alone all together.
const SHAPES: [&[usize]; 6] =
    [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 1], &[4, 3, 3, 3]];

/// How many groups are a card.
pub(super) fn card(text: Text<'_>, groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    if first.digits >= 13 {
        return is_card(text, groups.get(..1)?).then_some(1);
    }
    let lengths: [usize; GROUPS_MAX] = shape(groups);
    let fits = |shape: &&&[usize]| {
        let glued = groups.get(1..shape.len()).unwrap_or_default();
        lengths.starts_with(shape)
            && glued.iter().all(|group| matches!(group.glue, SPACE | DASH | DOT | LOW))
            && groups.get(..shape.len()).is_some_and(|groups| is_card(text, groups))
    };
    SHAPES.iter().find(fits).map(|shape| shape.len())
}

fn is_card(text: Text<'_>, groups: &[Group]) -> bool {
    let digits = || groups.iter().flat_map(|group| group.at..group.end());
    let count = digits().count();
    let begins = digits().take(4).fold(0, |value, place| value * 10 + u32::from(text.digit(place)));
    issued(begins, count) && luhn(digits().map(|place| u32::from(text.digit(place))), count)
}

/// Whether an issuer gives out cards of so many digits that begin with these four.
fn issued(begins: u32, digits: usize) -> bool {
    match begins {
        // Visa.
        4000..=4999 => matches!(digits, 13 | 16 | 19),
        // Mastercard, and Mir.
        5100..=5599 | 2221..=2720 => digits == 16,
        2200..=2204 => matches!(digits, 16..=19),
        // American Express.
        3400..=3499 | 3700..=3799 => digits == 15,
        // Diners Club.
        3000..=3059 | 3600..=3699 | 3800..=3999 => matches!(digits, 14..=19),
        // JCB, Discover, UnionPay.
        3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 => matches!(digits, 16..=19),
        // Maestro; its cards of 12 to 15 digits are gone.
        5000..=5099 | 5600..=5899 | 6000..=6999 => matches!(digits, 16 | 18 | 19),
        _ => false,
    }
}

fn luhn(digits: impl Iterator<Item = u32>, count: usize) -> bool {
    let weighed = digits.enumerate().map(|(nth, digit)| match (count - nth) % 2 {
        0 if digit > 4 => digit * 2 - 9,
        0 => digit * 2,
        _ => digit,
    });
    weighed.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::Detector::PaymentCard;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn cards_of_all_issuers_are_found_in_their_groups_and_without() {
        assert_whole(
            PaymentCard,
            &[
                "4242424242424242",
                "4222222222222",
                "5555 5555 5555 4444",
                "2223-0031-2200-3222",
                "3782 822463 10005",
                "378282246310005",
                "6011.1111.1111.1117",
                "3056 930902 5904",
                "6205 5000 0000 0000 004",
                "4242\u{a0}4242\u{a0}4242\u{a0}4242",
            ],
        );
        assert_within(PaymentCard, &[("pan_4242424242424242|12|29", "4242424242424242")]);
    }

    #[test]
    fn a_wrong_digit_an_unknown_issuer_or_another_grouping_is_none() {
        assert_silent(&[
            "4242424242424241",
            "4242 4242 4242 4241",
            "1790000010000",
            "1790000010000000",
            "1790000010000000000",
            "9999999999999995",
            "42424242 42424242",
            "424242424242",
            "4242424242424242x",
            "44444444-4242-4242-8424-424242424242",
        ]);
    }
}
