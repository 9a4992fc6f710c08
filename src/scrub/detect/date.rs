//! Dates of birth: a day alone, of a year in which somebody could be born.
//!
//! What names when a file, a room or an event was made is a date too. The rule that parts them: the
//! providers' events began after [`YEAR_LAST`], so a day of a later year tells when something was
//! made, unless a word such as `born` stands before it. Children born later are missed. A moment (a
//! day with a time behind it, as in RFC 3339) is no date of birth, nor are the zeros of clocks.

use super::groups::{Group, glued_by};
use super::text::{DASH, DOT, LOW, SLASH, SPACE, Text};

/// Nobody who was born before is still a patient.
const YEAR_FIRST: u64 = 1900;
/// Before the providers' events began: LiveKit was founded in 2021, Daily's webhooks are of 2023.
const YEAR_LAST: u64 = 2020;
/// The first year where eight digits begin with the day: fewer numbers look so.
const YEAR_FIRST_BEHIND: u64 = 1920;
/// A later one is no year.
const YEAR_MAX: u64 = 2099;
/// Zeros of clocks: of Unix, and of databases.
const ZEROS: [Date; 2] =
    [Date { year: 1970, month: 1, day: 1 }, Date { year: 1900, month: 1, day: 1 }];
/// Words that say that a date of birth follows.
const TOLD: [&[u8]; 12] = [
    b"bday",
    b"birth",
    b"birthdate",
    b"birthday",
    b"born",
    b"dob",
    b"geb",
    b"geboren",
    b"geburtsdatum",
    b"nacimiento",
    b"naissance",
    b"nato",
];
/// The months in English, German, French, Spanish and Italian; three letters are enough.
const MONTHS: [&[&[u8]]; 12] = [
    &[b"january", b"januar", b"janvier", b"enero", b"gennaio"],
    &[b"february", b"februar", b"fevrier", b"febrero", b"febbraio"],
    &[b"march", b"mars", b"marzo"],
    &[b"april", b"avril", b"abril"],
    &[b"may", b"mai", b"mayo", b"maggio"],
    &[b"june", b"juni", b"juin", b"junio", b"giugno"],
    &[b"july", b"juli", b"juillet", b"julio", b"luglio"],
    &[b"august", b"agosto"],
    &[b"september", b"septembre", b"septiembre", b"settembre"],
    &[b"october", b"oktober", b"octobre", b"octubre", b"ottobre"],
    &[b"november", b"novembre", b"noviembre"],
    &[b"december", b"dezember", b"decembre", b"diciembre", b"dicembre"],
];
/// Letters of the longest month.
const MONTH_LETTERS_MAX: usize = 10;
/// Bytes of a time of day, to the nanosecond.
const TIME_BYTES_MAX: usize = 24;
/// Signs between a month's name and the numbers beside it.
const BESIDE_MAX: usize = 2;

/// A day that digits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// Somebody may have been born on it.
    OfBirth,
    /// Something was made on it, or a time follows it.
    OfMaking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

/// The day that three groups say. `joined`: the mark before them if a digit stands before that.
pub(super) fn day(text: Text<'_>, groups: &[Group], joined: u8) -> Option<Day> {
    let ([one, two, three], rest) = groups.split_first_chunk::<3>()?;
    let mark = two.glue;
    let same =
        mark == three.glue && glued_by(&[*one, *two, *three], DASH | DOT | SLASH | LOW | SPACE);
    // Of four numbers with dots, any three may look like a day.
    let longer = rest.first().is_some_and(|next| next.glue == mark) || joined == mark;
    if !same || (mark == DOT && longer) {
        return None;
    }
    let dates = match [one.digits, two.digits, three.digits] {
        [4, 1..=2, 1..=2] => [Some(Date::new(text, [one, two, three])), None],
        [1..=2, 1..=2, 2 | 4] => {
            [Some(Date::new(text, [three, two, one])), Some(Date::new(text, [three, one, two]))]
        }
        _ => [None, None],
    };
    let mut dates = dates.into_iter().flatten();
    if three.digits == 2 && one.digits < 4 {
        let told = dates.any(|date| date.in_century().exists()) && is_told(text, one.at);
        return told.then_some(Day::OfBirth);
    }
    let date = dates.find(|date| date.exists())?;
    let end = three.end();
    let timed = text.at(end) == b' ' && text.is_digit(end + 1) && text.at(end + 3) == b':';
    let born = !timed && (date.is_of_birth() || is_told(text, one.at));
    Some(if born { Day::OfBirth } else { Day::OfMaking })
}

/// Where a moment ends that begins with this year, as RFC 3339 writes it.
pub(super) fn moment_end(text: Text<'_>, from: usize, year: usize) -> Option<usize> {
    let is_moment = year - from == 4
        && matches!(text.at(from + 10), b'T' | b't')
        && text.at(year) == b'-'
        && text.at(from + 7) == b'-'
        && text.at(from + 13) == b':';
    let is_time = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'Z' | b'z');
    is_moment.then(|| text.run_end(from + 11, TIME_BYTES_MAX, is_time))
}

/// Whether eight digits are a date of birth.
pub(super) fn is_written_together(text: Text<'_>, group: Group) -> bool {
    if group.digits != 8 || text.is_of_product(group.at) {
        return false;
    }
    let value = group.value(text);
    let parted = |year, month, day| Date { year, month, day };
    let year_first = parted(value / 10_000, value / 100 % 100, value % 100);
    let day_first = parted(value % 10_000, value / 10_000 % 100, value / 1_000_000);
    let told = |date: Date| date.exists() && is_told(text, group.at);
    year_first.is_of_birth()
        || (day_first.is_of_birth() && day_first.year >= YEAR_FIRST_BEHIND)
        || told(year_first)
        || told(day_first)
}

/// Where a date of birth with a month's name begins and ends, by the place of the name.
pub(super) fn with_name(text: Text<'_>, from: usize, to: usize) -> Option<(usize, usize)> {
    let near = text.is_digit(to + 1) || text.is_digit(to + 2);
    if !near || !is_beside(text.at(to)) {
        return None;
    }
    let behind = beside(text, to)?;
    let (start, end, year, day) = match behind.digits {
        4 => {
            let gap = text.run_start(from, from.saturating_sub(BESIDE_MAX), is_beside);
            let start = text.run_start(gap, gap.saturating_sub(3), |byte| byte.is_ascii_digit());
            let day = Group { at: start, digits: gap - start, glue: 0 };
            (start, behind.end(), behind, day)
        }
        1 | 2 => {
            let ordinal = text.is_any_case(behind.end() + 1, b"t")
                || text.is_any_case(behind.end() + 1, b"h")
                || text.is_any_case(behind.end() + 1, b"d");
            let year = beside(text, behind.end() + if ordinal { 2 } else { 0 })?;
            (from, year.end(), year, behind)
        }
        _ => return None,
    };
    let fits = year.digits == 4 && matches!(day.digits, 1 | 2);
    let month = if fits { month(text, from, to)? } else { return None };
    let date = Date { year: year.value(text), month, day: day.value(text) };
    let born = date.is_of_birth() || (date.exists() && is_told(text, start));
    born.then_some((start, end))
}

impl Date {
    fn new(text: Text<'_>, in_order: [&Group; 3]) -> Self {
        let [year, month, day] = in_order.map(|group| group.value(text));
        Self { year, month, day }
    }

    /// The same of the last century, where its year has two digits.
    fn in_century(self) -> Self {
        Self { year: self.year + 1900, ..self }
    }

    /// Whether the calendar has it, this century or the last.
    fn exists(self) -> bool {
        let leap = self.year.is_multiple_of(4) && (self.year != 1900);
        let last = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        (YEAR_FIRST..=YEAR_MAX).contains(&self.year) && (1..=last).contains(&self.day)
    }

    fn is_of_birth(self) -> bool {
        self.exists() && self.year <= YEAR_LAST && !ZEROS.contains(&self)
    }
}

/// Whether a word before a place says that a date of birth stands there.
fn is_told(text: Text<'_>, place: usize) -> bool {
    let sign = |byte: u8| matches!(byte, b' ' | b'-' | b'_' | b':' | b'=' | b'.' | b'*' | b'/');
    let end = text.run_start(place, place.saturating_sub(3), sign);
    let (word, letters) = text.word_before(end);
    word.get(..letters).is_some_and(|word| TOLD.contains(&word))
}

/// The month that a word names.
fn month(text: Text<'_>, from: usize, to: usize) -> Option<u64> {
    let letters = to - from;
    let named =
        |name: &&&[u8]| name.get(..letters).is_some_and(|begins| text.is_any_case(from, begins));
    let one = |names: &&[&[u8]]| names.iter().any(|name| named(&name));
    let nth = MONTHS.iter().position(one)?;
    (3..=MONTH_LETTERS_MAX).contains(&letters).then_some(nth as u64 + 1)
}

/// The number behind a month's name or a day.
fn beside(text: Text<'_>, from: usize) -> Option<Group> {
    let place = text.run_end(from, BESIDE_MAX, is_beside);
    let end = text.run_end(place, 5, |byte| byte.is_ascii_digit());
    (place > from && end > place).then(|| Group { at: place, digits: end - place, glue: 0 })
}

fn is_beside(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b',' | b'-' | b'/' | b'_')
}

#[cfg(test)]
mod tests {
    use super::super::Detector::BirthDate;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn days_on_which_somebody_may_be_born_are_found_in_every_order() {
        assert_whole(
            BirthDate,
            &[
                "1985-02-14",
                "1985/02/14",
                "14.02.1985",
                "14. 2. 1985",
                "02/14/1985",
                "14/02/1985",
                "14-2-1985",
                "1985_02_14",
                "19850214",
                "14021985",
                "1984-02-29",
                "2020-12-31",
                "1900-01-02",
                "14 Feb 1985",
                "14. Februar 1985",
                "FEBRUARY 14, 1985",
                "Feb 14th, 1985",
                "3-mars-1968",
            ],
        );
    }

    #[test]
    fn a_later_day_is_one_of_birth_if_a_word_says_so() {
        assert_within(
            BirthDate,
            &[
                ("born 2023-05-14", "2023-05-14"),
                ("DOB:2023-05-14", "2023-05-14"),
                ("geb. 14.05.2023", "14.05.2023"),
                ("birthday 20230514", "20230514"),
                ("dob 14.02.85", "14.02.85"),
                ("born May 14, 2023", "May 14, 2023"),
            ],
        );
    }

    #[test]
    fn a_day_is_found_between_other_parts_of_a_name() {
        assert_within(
            BirthDate,
            &[
                ("consult-1985-02-14-zoe", "1985-02-14"),
                ("recordings/19850214/a.mp4", "19850214"),
                ("2026-11-20-1985-02-14", "1985-02-14"),
                ("3f2b8a1e-5c4d-4e6f-8a9b-0c1d2e3f4a5b-1985-02-14", "1985-02-14"),
            ],
        );
    }

    #[test]
    fn what_tells_when_something_was_made_is_none() {
        assert_silent(&[
            "2026-11-20",
            "2021-01-01",
            "20.11.2026",
            "11/20/2026",
            "20261120",
            "20261120-100305",
            "2026/11/20/093005",
            "Nov 20, 2026",
            "1985-02-14T10:00:00Z",
            "1985-02-14 10:00:00",
            "1970-01-01",
            "1900-01-01",
            "0001-01-01",
            "Gecko/20100101",
        ]);
    }

    #[test]
    fn what_the_calendar_has_not_is_none() {
        assert_silent(&[
            "1985-02-30",
            "1985-13-01",
            "1985-00-10",
            "1900-02-29",
            "1983-02-29",
            "31.04.1985",
            "1899-12-31",
            "15728640",
            "19850230",
            "1985-02",
            "14.02.85",
            "14.02.1985.7",
            "7.14.02.1985",
            "Marion 14 1985",
            "may 1985",
            "32 May 1985",
        ]);
    }
}
