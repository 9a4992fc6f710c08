//! Telephone numbers, as people write them.
//!
//! With a `+` or an exit prefix any grouping is a number; with a trunk 0 those of national numbers;
//! without either, only the shapes below, each with the digits that it may begin with. Digits alone
//! are a number with a trunk 0, as a number of North America, or behind a country code. Times in
//! seconds, milliseconds, microseconds and nanoseconds begin with 1 for ten, thirteen, sixteen and
//! nineteen digits: no number here does.

use super::groups::{GROUPS_MAX, Group, glued_by, in_parentheses, longest, shape};
use super::text::{CLOSE, DASH, DOT, LOW, OPEN, SLASH, SPACE, Text};

/// Digits of the shortest number, with or without its country.
pub(super) const DIGITS_MIN: usize = 7;
/// Digits of an international number, by E.164.
const DIGITS_MAX: usize = 15;
/// Digits behind a `+` in the midst of a word, where it may part other things.
const DIGITS_MIN_IN_WORD: usize = 10;
/// Digits with an exit prefix, from a number of nine digits with its country on.
const EXIT_DIGITS_MIN: usize = 11;
const EXIT_DIGITS_MAX: usize = 17;
/// Digits with a trunk 0.
const TRUNK_DIGITS_MIN: usize = 9;
const TRUNK_DIGITS_MAX: usize = 12;
/// Zeros at the end that make a number round: a size or a length of time.
const ROUND: u64 = 100_000;

/// Shapes without prefix: digits of each group, first digits, and the marks that may stand between.
#[rustfmt::skip]
const SHAPES: [(&[usize], &[u8], u8); 15] = [
    (&[3, 3, 4], b"23456789", SPACE | DASH | DOT | LOW | OPEN | CLOSE),    // North America
    (&[1, 3, 3, 4], b"1", SPACE | DASH | DOT | LOW | OPEN | CLOSE),
    (&[1, 3, 3, 2, 2], b"78", SPACE | DASH | OPEN | CLOSE),                // Russia
    (&[3, 3, 2, 2], b"23456789", SPACE | DASH | OPEN | CLOSE),             // Russia, Turkey
    (&[2, 2, 2, 2], b"23456789", SPACE),                                   // Denmark, Norway
    (&[3, 2, 3], b"49", SPACE),                                            // Norway
    (&[3, 2, 2, 2], b"56789", SPACE | DASH),                               // Spain
    (&[3, 3, 3], b"56789", SPACE | DASH),                                  // Spain, Poland
    (&[3, 7], b"3", SPACE | DASH),                                         // Italy
    (&[5, 5], b"6789", SPACE | DASH),                                      // India
    (&[2, 5, 5], b"9", SPACE | DASH),
    (&[3, 4, 4], b"1", SPACE | DASH),                                      // China
    (&[2, 5, 4], b"123456789", SPACE | DASH | OPEN | CLOSE),               // Brazil
    (&[2, 4, 4], b"123456789", SPACE | DASH | OPEN | CLOSE),               // Mexico, Brazil
    (&[4, 4], b"", SPACE | DASH),                                          // told by a word only
];

/// Country codes whose numbers are recognized without a `+`: digits in all, and what the national
/// number begins with.
#[rustfmt::skip]
const COUNTRIES: [(&[u8], usize, usize, &[u8]); 26] = [
    (b"7", 11, 11, b"3489"),      (b"27", 11, 11, b"678"),      (b"31", 11, 11, b"6"),
    (b"32", 11, 11, b"4"),        (b"33", 11, 11, b"67"),       (b"34", 11, 11, b"679"),
    (b"351", 12, 12, b"29"),      (b"353", 12, 12, b"8"),       (b"358", 12, 12, b"45"),
    (b"380", 12, 12, b"3569"),    (b"39", 12, 12, b"3"),        (b"41", 11, 11, b"7"),
    (b"420", 12, 12, b"67"),      (b"43", 12, 13, b"6"),        (b"44", 12, 12, b"127"),
    (b"46", 11, 11, b"7"),        (b"48", 11, 11, b"45678"),    (b"49", 12, 13, b"1"),
    (b"52", 12, 13, b"1"),        (b"55", 12, 13, b"123456789"), (b"61", 11, 11, b"4"),
    (b"81", 12, 12, b"789"),      (b"82", 12, 12, b"1"),        (b"86", 13, 13, b"1"),
    (b"90", 12, 12, b"5"),        (b"91", 12, 12, b"6789"),
];

/// Words that say that a number follows.
const TOLD: [&[u8]; 12] = [
    b"callto",
    b"cell",
    b"fax",
    b"mobil",
    b"mobile",
    b"phone",
    b"sip",
    b"sips",
    b"sms",
    b"tel",
    b"telefon",
    b"whatsapp",
];

/// What stands before the groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// The mark, if a digit stands before it.
    pub(super) joined: u8,
    /// Whether that digit belongs to a number too long to be a part of this one.
    pub(super) long: bool,
}

/// How many groups are a telephone number.
pub(super) fn phone(text: Text<'_>, groups: &[Group], plus: bool, before: Before) -> Option<usize> {
    let first = groups.first()?;
    if plus {
        return international(text, groups, *first);
    }
    let led = (text.at(first.at), text.at(first.at + 1));
    let apart = before.joined & !SPACE == 0 || before.long;
    let told = || is_told(text, first.at) && !is_time(text, *first);
    if let Some(taken) = exit(text, groups).filter(|_| apart) {
        return Some(taken);
    }
    if before.joined != DOT && is_alone(groups) && is_bare(text, *first) {
        return Some(1);
    }
    let shaped = match led {
        (b'0', b'1'..=b'9') if apart => trunk(text, groups),
        (b'0', _) if apart && groups.get(1).is_some_and(|group| group.glue & CLOSE != 0) => {
            trunk(text, groups)
        }
        _ if apart => national(text, groups, before).or_else(|| bracketed(groups)),
        _ => None,
    };
    shaped.or_else(|| {
        let (taken, digits) = longest(groups, DIGITS_MAX);
        (digits >= DIGITS_MIN && apart && told()).then_some(taken)
    })
}

fn international(text: Text<'_>, groups: &[Group], first: Group) -> Option<usize> {
    let (taken, digits) = longest(groups, DIGITS_MAX);
    let plus = first.at.saturating_sub(if first.glue & OPEN == 0 { 1 } else { 2 });
    let in_word = text.before(plus).is_ascii_alphanumeric();
    let least = if in_word { DIGITS_MIN_IN_WORD } else { DIGITS_MIN };
    (digits >= least && text.at(first.at) != b'0').then_some(taken)
}

/// `00` or `011` and a country code.
fn exit(text: Text<'_>, groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    let exit = [&b"00"[..], b"011"].into_iter().find(|exit| text.is(first.at, exit))?.len();
    let country = match first.digits == exit {
        true => groups.get(1)?.at,
        false => first.at + exit,
    };
    let (taken, digits) = longest(groups, EXIT_DIGITS_MAX);
    // Six groups of two are the address of a network card.
    let machine = groups.len() >= 6 && groups.iter().all(|group| group.digits == 2);
    let least = if taken == 1 { EXIT_DIGITS_MIN + 1 } else { EXIT_DIGITS_MIN };
    let nonzero = matches!(text.at(country), b'1'..=b'9');
    let zeros_only = exit == 2 || first.digits == exit;
    (nonzero && zeros_only && !machine && digits >= least).then_some(taken)
}

/// A trunk 0 and the groups of a national number: as many as fit.
fn trunk(text: Text<'_>, groups: &[Group]) -> Option<usize> {
    let (most, _) = longest(groups, TRUNK_DIGITS_MAX);
    let fits = |taken: &usize| groups.get(..*taken).is_some_and(|groups| is_trunk(text, groups));
    (2..=most).rev().find(fits)
}

fn is_trunk(text: Text<'_>, groups: &[Group]) -> bool {
    let [first, second, rest @ ..] = groups else {
        return false;
    };
    let digits: usize = groups.iter().map(|group| group.digits).sum();
    let grouped = match rest {
        [] if first.digits == 2 || second.glue & (SLASH | LOW) != 0 => {
            let low = first.digits == 2 && second.glue & LOW != 0;
            (5..=8).contains(&second.digits) && text.at(second.at) != b'0' && !low
        }
        [] => (3..=8).contains(&second.digits),
        _ => groups.iter().skip(1).all(|group| (2..=8).contains(&group.digits)),
    };
    grouped && first.digits <= 6 && digits >= TRUNK_DIGITS_MIN
}

/// One of the shapes without prefix, and nothing that goes on behind it.
fn national(text: Text<'_>, groups: &[Group], before: Before) -> Option<usize> {
    let lengths: [usize; GROUPS_MAX] = shape(groups);
    let first = groups.first()?;
    let fits = |(shape, begins, marks): &&(&[usize], &[u8], u8)| {
        if shape.first() != lengths.first() {
            return false;
        }
        // Numbers with spaces between them are a list if there are more.
        let listed = *marks == SPACE && before.joined == SPACE;
        let more = groups.get(shape.len()).map_or(0, |group| group.glue);
        let goes_on = listed || more & !SPACE != 0 || (more != 0 && *marks == SPACE);
        lengths.starts_with(shape)
            && begins.contains(&text.at(first.at))
            && !goes_on
            && groups.get(..shape.len()).is_some_and(|groups| glued_by(groups, *marks))
    };
    SHAPES.iter().find(fits).map(|(shape, ..)| shape.len())
}

/// An area in parentheses and a number behind it.
fn bracketed(groups: &[Group]) -> Option<usize> {
    let (taken, digits) = longest(groups, TRUNK_DIGITS_MAX);
    let first = groups.first()?;
    let fits = in_parentheses(groups) && (2..=5).contains(&first.digits);
    (fits && (2..=4).contains(&taken) && digits >= TRUNK_DIGITS_MIN).then_some(taken)
}

/// Whether the first group says a number of its own: no fraction follows it.
fn is_alone(groups: &[Group]) -> bool {
    groups.get(1).is_none_or(|next| next.glue != DOT)
}

/// Whether digits alone are a telephone number.
fn is_bare(text: Text<'_>, group: Group) -> bool {
    let digit = |nth: usize| text.at(group.at + nth);
    if !(10..=13).contains(&group.digits) || group.value(text).is_multiple_of(ROUND) {
        return false;
    }
    match (digit(0), group.digits) {
        (b'0', 10..=12) => digit(1) != b'0',
        (b'2'..=b'9', 10) => is_north_american(text, group.at),
        (b'1', 11) => is_north_american(text, group.at + 1),
        _ => COUNTRIES.iter().any(|(code, least, most, begins)| {
            (*least..=*most).contains(&group.digits)
                && text.is(group.at, code)
                && begins.contains(&digit(code.len()))
        }),
    }
}

/// Area and exchange begin with 2 to 9; 555 is nobody's area, and everybody's in examples.
fn is_north_american(text: Text<'_>, at: usize) -> bool {
    let begins = |place: usize| matches!(text.at(place), b'2'..=b'9');
    begins(at) && (begins(at + 3) || text.is(at, b"555"))
}

/// Whether digits are a time that began with 1.
fn is_time(text: Text<'_>, group: Group) -> bool {
    matches!(group.digits, 10 | 13 | 16 | 19) && text.at(group.at) == b'1'
}

/// Where the extension behind a number ends: `x12`, ` ext. 12`. The number's own end if there is
/// none.
pub(super) fn extension_end(text: Text<'_>, end: usize) -> usize {
    let gap = text.run_end(end, 2, |byte| matches!(byte, b' ' | b','));
    let word = text.run_end(gap, 4, |byte| byte.is_ascii_alphabetic());
    let named = matches!(text.piece(gap, word), b"x" | b"X" | b"ext" | b"Ext");
    let from = text.run_end(word, 2, |byte| matches!(byte, b' ' | b'.'));
    let to = text.run_end(from, 6, |byte| byte.is_ascii_digit());
    if named && (1..=5).contains(&(to - from)) { to } else { end }
}

/// Whether a word before a place says that a number stands there.
fn is_told(text: Text<'_>, place: usize) -> bool {
    let sign = |byte: u8| matches!(byte, b' ' | b'-' | b'_' | b':' | b'=' | b'.' | b'(');
    let end = text.run_start(place, place.saturating_sub(3), sign);
    let (word, letters) = text.word_before(end);
    word.get(..letters).is_some_and(|word| TOLD.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::super::Detector::Phone;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn international_numbers_are_found_in_every_grouping() {
        assert_whole(
            Phone,
            &[
                "+15550100003",
                "+1 (212) 555-0123",
                "+44 (0)20 7946 0018",
                "+49-30-23125-123",
                "+33 6 39 98 12 34",
                "+1.212.555.0123",
                "%2B447700900123",
                "0049 30 23125123",
                "00447700900123",
                "011 44 7700 900123",
                "+1\u{a0}212\u{202f}555–0123",
            ],
        );
    }

    #[test]
    fn national_numbers_are_found_as_their_countries_write_them() {
        assert_whole(
            Phone,
            &[
                "(212) 555-0123",
                "(555) 010-0123",
                "555-010-0123",
                "212.555.0123",
                "1-212-555-0123",
                "212-555-0123 ext. 12",
                "212-555-0123x1234",
                "0170 1234567",
                "0172/9925904",
                "020 7946 0018",
                "07700 900123",
                "06 12 34 56 78",
                "06.39.98.12.34",
                "(02) 5550 1234",
                "0412 345 678",
                "612 00 00 01",
                "22 00 00 01",
                "90000 00001",
                "138 0000 0001",
                "(11) 90000-0001",
                "8 (495) 000-00-01",
                "090-0000-0001",
                "0172%209925904",
            ],
        );
    }

    #[test]
    fn digits_alone_are_found_by_trunk_area_or_country() {
        assert_whole(
            Phone,
            &[
                "01729925904",
                "0639981234",
                "2125550123",
                "12125550123",
                "447700900123",
                "5550100123",
            ],
        );
    }

    #[test]
    fn a_number_is_found_within_names_and_paths() {
        assert_within(
            Phone,
            &[
                ("consult-+15550100003", "+15550100003"),
                ("2026-11-20-0172-9925904", "0172-9925904"),
                ("1790000010000-0172-9925904", "0172-9925904"),
                ("recordings/0172/9925904/a.mp4", "0172/9925904"),
                ("3f2b8a1e-5c4d-4e6f-8a9b-0c1d2e3f4a5b-+15550100003", "+15550100003"),
                ("sip:15550100003@gw", "15550100003"),
                ("tel:555-0123", "555-0123"),
                ("Zoe (07700 900123)", "07700 900123"),
                ("（090-0000-0001）", "090-0000-0001"),
            ],
        );
    }

    #[test]
    fn times_sizes_and_digits_of_ids_are_none() {
        assert_silent(&[
            "1790000010",
            "(1792345678)",
            "1792345678-cam",
            "1790000010000",
            "1790000010000000",
            "1790000010000000000",
            "1790000001.961",
            "phone 1790000010",
            "15728640",
            "60500000000",
            "+02:00",
            "+1",
            "a+1234567",
            "user12125550123",
            "11111111-2222-4333-8444-555555555555",
            "1-call-transfer-init-33333333-1111-4111-8111-3333333333331790000010",
            "20261120-100305",
            "0110---2023-03-24",
            "2026-11-20 10-03-05",
            "part-01-00001234",
            "00000042",
            "00-12-34-56-78-90",
            "1280x720",
            "1,234,567",
            "123-456-7890",
            "10 20 30 40 50",
            "1.212.555.0123.7",
            "537.36",
            "000123",
        ]);
    }
}
