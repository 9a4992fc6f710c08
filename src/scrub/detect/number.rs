//! Digits in groups: whether they are an address, a card, a day or a telephone number.
//!
//! In this order, since the later ones have the looser shapes. What is none of it is passed over
//! group by group.

use super::Detector;
use super::groups::{Group, Groups};
use super::phone::Before;
use super::text::{CLOSE, DOT, Text};
use super::{address, card, date, phone};

/// Bytes of the shortest number that is something: a day in eight digits, `1.2.1985`, `1.1.1.10`.
const BYTES_MIN: usize = 8;
/// Digits of the shortest: `1.1.1.10`.
const DIGITS_MIN: usize = 5;
/// Digits of a number that is no part of a telephone number behind it.
const DIGITS_LONG: usize = 8;

/// What digits are.
pub(super) enum Number {
    /// A piece of this detector, from here to there.
    Piece(Detector, usize, usize),
    /// A day on which something was made, up to here.
    Day(usize),
}

/// Whether the digits between two places may be, or begin, anything: the first test, of few bytes.
pub(super) fn may_be(text: Text<'_>, from: usize, to: usize) -> bool {
    if to - from >= BYTES_MIN {
        // A time in seconds, or in thousandths, millionths and so on of them.
        return !(text.at(from) == b'1' && matches!(to - from, 10 | 13 | 16 | 19));
    }
    let goes_on =
        |place: usize| text.is_digit(place) || text.glue(place).0 != 0 || text.at(place) >= 0x80;
    (to..from + BYTES_MIN - 1).all(goes_on)
}

/// What the groups from a digit, `+` or `(` on are. `whole`: up to where the text was understood.
pub(super) fn number(text: Text<'_>, from: usize, whole: usize) -> Option<Number> {
    let groups = Groups::read(text, from);
    if groups.digits < DIGITS_MIN {
        return None;
    }
    let (list, before) = (groups.list(), before(text, from, whole));
    let first = list.first()?;
    if !groups.plus
        && let Some(number) = machine_card_or_day(text, list, before.joined)
    {
        return Some(number);
    }
    if groups.digits < phone::DIGITS_MIN {
        return None;
    }
    let taken = phone::phone(text, list, groups.plus, before)?;
    let closed = list.iter().take(taken).any(|group| group.glue & CLOSE != 0);
    let start = if groups.plus || closed { from } else { first.at };
    let end = phone::extension_end(text, end_of(list, taken)?);
    Some(Number::Piece(Detector::Phone, start, end))
}

fn machine_card_or_day(text: Text<'_>, list: &[Group], joined: u8) -> Option<Number> {
    let first = list.first()?;
    let piece = |detector, end| Some(Number::Piece(detector, first.at, end));
    if let Some(end) = address::v4(text, list, joined) {
        return piece(Detector::IpAddress, end);
    }
    if let Some(taken) = card::card(text, list) {
        return piece(Detector::PaymentCard, end_of(list, taken)?);
    }
    match date::day(text, list, joined) {
        Some(date::Day::OfBirth) => return piece(Detector::BirthDate, end_of(list, 3)?),
        Some(date::Day::OfMaking) => return end_of(list, 3).map(Number::Day),
        None => {}
    }
    let fraction = joined == DOT || list.get(1).is_some_and(|next| next.glue == DOT);
    if !fraction && date::is_written_together(text, *first) {
        return piece(Detector::BirthDate, first.end());
    }
    None
}

/// What stands before digits.
fn before(text: Text<'_>, from: usize, whole: usize) -> Before {
    let end = from.saturating_sub(1);
    let mark = if from > 0 { text.glue(end).0 } else { 0 };
    let start = text.run_start(end, end.saturating_sub(DIGITS_LONG), |byte| byte.is_ascii_digit());
    let joined = if start < end && end > whole { mark } else { 0 };
    Before { joined, long: end - start >= DIGITS_LONG && mark != DOT }
}

/// Where so many groups end.
fn end_of(list: &[Group], taken: usize) -> Option<usize> {
    list.get(taken.checked_sub(1)?).map(|group| group.end())
}
