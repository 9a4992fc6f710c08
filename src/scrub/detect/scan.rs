//! One walk over a text: word by word and sign by sign, never back.
//!
//! Most words are nothing at one look at the classes of their letters. What may begin a piece is
//! read by the file that knows its shape, a bounded way ahead; what was understood whole (a piece,
//! a UUID, the day on which something was made) is passed over. Where reading ahead is not bounded
//! by a number, a place is kept up to which it is not done again.

use super::number::{self, Number};
use super::secret::{self, Drawn, NEUTRAL_MAX, Step};
use super::text::{DIGIT, FOREIGN, SIGN, Text, UUID_BYTES, WORD};
use super::{Detector, Finding, address, date, link, mail, token};

/// A text of fewer bytes, with fewer digits and without signs is nothing: `Bearer ` has 7 bytes,
/// and what follows it 10; `1 may 1985` has 5 digits. One without any digit or sign is never
/// anything.
const SHORT_BYTES: usize = 17;
const SHORT_DIGITS: usize = 5;

/// A walk over one text.
pub(super) struct Walk<'t, 'f> {
    text: Text<'t>,
    found: &'f mut dyn FnMut(Finding),
    /// The last piece, which an e-mail address may still swallow.
    last: Option<Finding>,
    /// Where the piece before it ends.
    floor: usize,
    /// Where what was understood whole ends.
    whole: usize,
    /// Words in a row that look drawn.
    drawn: Drawn,
    /// Up to where no URL begins that was not read.
    urls: usize,
    /// The same of JSON Web Tokens.
    tokens: usize,
    /// The same of IPv6 addresses.
    machines: usize,
}

impl<'t, 'f> Walk<'t, 'f> {
    pub(super) fn new(text: &'t str, found: &'f mut dyn FnMut(Finding)) -> Self {
        Self {
            text: Text::new(text),
            found,
            last: None,
            floor: 0,
            whole: 0,
            drawn: Drawn::default(),
            urls: 0,
            tokens: 0,
            machines: 0,
        }
    }

    /// From the beginning to the end.
    pub(super) fn run(mut self) {
        if self.text.is_plain(SHORT_BYTES, SHORT_DIGITS) {
            return;
        }
        let mut place = 0;
        while place < self.text.len() {
            let class = self.text.class(place);
            place = if class & WORD != 0 {
                self.word(place)
            } else if class & SIGN != 0 {
                self.sign(place)
            } else {
                self.other(place)
            };
        }
        self.end_drawn();
        if let Some(last) = self.last.take() {
            (self.found)(last);
        }
    }

    /// A sign that only parts words.
    fn other(&mut self, place: usize) -> usize {
        let width = self.text.width(place);
        if width == 3 && mail::at_sign(self.text, place).is_some() {
            return self.mail(place, width);
        }
        if !matches!(self.text.at(place), b'-' | b'_' | b'/') {
            self.end_drawn();
        }
        place + width
    }

    /// A word, and where to go on.
    fn word(&mut self, from: usize) -> usize {
        let text = self.text;
        let (to, seen) = text.word(from);
        let bytes = to - from;
        match text.at(to) {
            b'-' if bytes >= 8 && text.is_uuid(to - 8) => return self.uuid(to - 8),
            b':' if address::may_begin_v6(seen, bytes) => {
                if let Some(end) = self.machine(from) {
                    return end;
                }
            }
            _ => {}
        }
        if seen == DIGIT {
            return self.digits(from, to);
        }
        self.letters(from, to, seen)
    }

    /// A word with a letter in it.
    fn letters(&mut self, from: usize, to: usize, seen: u8) -> usize {
        let text = self.text;
        if to - from >= 10 && from >= self.tokens && text.is(from, b"eyJ") {
            match token::web_token(text, from) {
                Ok(end) => return self.give(Detector::Token, from, end),
                Err(end) => self.tokens = end,
            }
        }
        if let Some(end) = token::token(text, from, to) {
            return self.give(Detector::Token, from, end);
        }
        if let Some(end) = secret::private_key(text, from) {
            return self.give(Detector::Secret, from, end);
        }
        if seen & (DIGIT | FOREIGN) == 0
            && let Some((start, end)) = date::with_name(text, from, to)
        {
            return self.give(Detector::BirthDate, start, end);
        }
        match self.drawn.take(text, from, to, seen) {
            Step::On => {}
            Step::Over => self.end_drawn(),
            Step::Secret => return self.give(Detector::Secret, from, to),
        }
        to
    }

    /// A word of digits alone.
    fn digits(&mut self, from: usize, to: usize) -> usize {
        if to - from > NEUTRAL_MAX {
            self.end_drawn();
        }
        if !number::may_be(self.text, from, to) {
            return to;
        }
        if let Some(end) = date::moment_end(self.text, from, to) {
            self.whole = end;
            return end;
        }
        self.number(from).unwrap_or(to)
    }

    /// Digits in groups, and where to go on behind them if they are something.
    fn number(&mut self, from: usize) -> Option<usize> {
        match number::number(self.text, from, self.whole)? {
            Number::Piece(detector, from, to) => Some(self.give(detector, from, to)),
            Number::Day(end) => {
                self.whole = end;
                Some(end)
            }
        }
    }

    /// A sign at which something may begin or be recognized.
    fn sign(&mut self, place: usize) -> usize {
        let text = self.text;
        if let Some(width) = mail::at_sign(text, place) {
            return self.mail(place, width);
        }
        match text.at(place) {
            b'+' | b'(' => self.plus_or_open(place),
            b'%' => self.escape(place),
            b'=' => self.equals(place),
            b':' => self.colon(place),
            _ => place + 1,
        }
    }

    /// `+` and `(`, before digits.
    fn plus_or_open(&mut self, place: usize) -> usize {
        let (plus, next) = (self.text.at(place) == b'+', self.text.at(place + 1));
        if (next.is_ascii_digit() || (plus && next == b'('))
            && let Some(end) = self.number(place)
        {
            return end;
        }
        if !plus {
            self.end_drawn();
        }
        place + 1
    }

    fn mail(&mut self, place: usize, width: usize) -> usize {
        // A number may be the beginning of an address; nothing else may.
        let floor = match self.last {
            Some(last) if is_number(last.detector) => self.floor,
            Some(last) => last.at + last.bytes,
            None => self.floor,
        };
        let Some((start, end)) = mail::mail(self.text, place, width, floor) else {
            self.end_drawn();
            return place + width;
        };
        self.drawn = Drawn::default();
        let mut from = start;
        if let Some(last) = self.last.take_if(|last| last.at + last.bytes > start) {
            from = from.min(last.at);
        }
        self.give(Detector::Email, from, end)
    }

    /// `%` and two hexadecimal digits are one letter of something.
    fn escape(&mut self, place: usize) -> usize {
        let text = self.text;
        self.end_drawn();
        if text.is_any_case(place, b"%2b")
            && text.is_digit(place + 3)
            && let Some(end) = self.number(place)
        {
            return end;
        }
        let hex = text.run_end(place + 1, 2, |byte| byte.is_ascii_hexdigit());
        if hex == place + 3 { hex } else { place + 1 }
    }

    fn equals(&mut self, place: usize) -> usize {
        self.end_drawn();
        let floor = self.last.map_or(self.floor, |last| last.at + last.bytes);
        let Some((start, end)) = link::parameter(self.text, place, floor) else {
            return place + 1;
        };
        let is_query = link::in_query(self.text, start);
        self.give(if is_query { Detector::Url } else { Detector::Token }, start, end)
    }

    fn colon(&mut self, place: usize) -> usize {
        let text = self.text;
        self.end_drawn();
        if place >= self.urls && text.is(place, b"://") {
            let floor = self.last.map_or(self.floor, |last| last.at + last.bytes);
            let (start, end, lets_in) = link::url(text, place, floor);
            self.urls = end;
            if lets_in {
                return self.give(Detector::Url, start, end);
            }
            return place + 3;
        }
        // Behind a word, it parts the names of a path in some languages.
        if text.at(place + 1) == b':'
            && !text.before(place).is_ascii_alphanumeric()
            && let Some(end) = self.machine(place)
        {
            return end;
        }
        place + 1
    }

    /// An IPv6 address from a place on.
    fn machine(&mut self, from: usize) -> Option<usize> {
        if from < self.machines {
            return None;
        }
        let (run, end) = address::v6(self.text, from);
        self.machines = run;
        end.map(|end| self.give(Detector::IpAddress, from, end))
    }

    /// A UUID is passed over, with the digits that are written straight behind it.
    fn uuid(&mut self, from: usize) -> usize {
        self.end_drawn();
        let end = from + UUID_BYTES;
        self.whole = self.text.run_end(end, usize::MAX, |byte| byte.is_ascii_digit());
        self.whole
    }

    /// The row of words that look drawn is over.
    fn end_drawn(&mut self) {
        if self.drawn.is_none() {
            return;
        }
        if let Some((from, to)) = self.drawn.end(self.text) {
            self.push(Detector::Secret, from, to);
        }
    }

    /// Gives a piece, and where to go on.
    fn give(&mut self, detector: Detector, from: usize, to: usize) -> usize {
        self.end_drawn();
        self.push(detector, from, to);
        self.whole = to;
        to
    }

    fn push(&mut self, detector: Detector, from: usize, to: usize) {
        if let Some(last) = self.last.take() {
            self.floor = last.at + last.bytes;
            (self.found)(last);
        }
        let at = from.max(self.floor);
        if to > at {
            self.last = Some(Finding { detector, at, bytes: to - at });
        }
    }
}

/// Whether a piece is made of digits, as the beginning of an address may be.
fn is_number(detector: Detector) -> bool {
    match detector {
        Detector::Phone
        | Detector::BirthDate
        | Detector::IpAddress
        | Detector::PaymentCard
        | Detector::NationalId => true,
        Detector::Email
        | Detector::IdShape
        | Detector::Url
        | Detector::Token
        | Detector::Secret
        | Detector::RoomName => false,
    }
}
