//! Why a change is made: a short text of the operator's own, kept in the audit log for good.
//!
//! A reason is written by a human for humans, so no list of what may stand in it can be made. What
//! has the form of a person's address, of a telephone number or of a secret is refused, by one look
//! at each character; dates, times, tickets, sequences and our own pseudonyms pass. A name in it
//! cannot be told from any other word, unless the same call brings it as whom to forget or to look
//! up: else that is for whoever writes it. An error never quotes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::event::EventId;
use crate::scrub::names::is_name;

/// A reason that may be kept: short, one line, nothing in it that looks like a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

/// Why a text is not taken as a reason. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Nothing but space.
    #[error("must say why, in a few words")]
    Empty,
    /// Too long.
    #[error("must have at most {} bytes", crate::bounds::REASON_BYTES_MAX)]
    Long,
    /// A line break or another control character.
    #[error("must be one line of plain text")]
    Control,
    /// Something in it looks like a person's address or number, or like a secret.
    #[error(
        "must not hold an e-mail address, a telephone number, a provider's long id or a secret: \
         it is kept for good; name a ticket instead"
    )]
    Personal,
}

impl ReasonError {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Long, Self::Control, Self::Personal];
}

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses a reason that has this name in it, as words of its own and in any case: what a call
    /// brings as personal would be kept for good by the record of that call.
    pub(super) fn is_without(&self, name: &str) -> Result<(), Refusal> {
        let (text, name) = (self.0.to_lowercase(), name.trim().to_lowercase());
        let stands = |(at, found): (usize, &str)| {
            let (before, rest) = text.split_at_checked(at).unwrap_or_default();
            let after = rest.strip_prefix(found).unwrap_or_default();
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
        };
        if name.is_empty() || !text.match_indices(&name).any(stands) {
            return Ok(());
        }
        let rule = "must not repeat the name that is asked for: it is kept for good; name a \
                    ticket instead";
        Err(Refusal::Invalid { field: "reason", rule: rule.to_owned() })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReasonError::Empty);
        }
        if text.len() > crate::bounds::REASON_BYTES_MAX {
            return Err(ReasonError::Long);
        }
        if text.chars().any(|c| c.is_control() || turns(c)) {
            return Err(ReasonError::Control);
        }
        if has_address(text) || has_telephone_number(text) || text.split(ends_token).any(is_secret)
        {
            return Err(ReasonError::Personal);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Breaks lines or turns the direction of what follows, and is no control character by name.
fn turns(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `zoe@example.org`, and `@zoe`.
fn has_address(text: &str) -> bool {
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let touches = |c: char| c.is_alphanumeric();
        if matches!(c, '@' | '\u{ff20}')
            && (touches(before) || chars.peek().copied().is_some_and(touches))
        {
            return true;
        }
        before = c;
    }
    false
}

/// Digits with nothing but the signs of telephone numbers between them. A date among them is none.
fn has_telephone_number(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let (mut digits, mut plus, mut at) = (0, false, 0);
    while let Some(c) = chars.get(at).copied() {
        let begins = at.checked_sub(1).and_then(|at| chars.get(at)).is_none_or(|c| !digit(*c));
        let rest = chars.get(at..).unwrap_or_default();
        if let Some(date) = begins.then(|| date(rest)).flatten() {
            (digits, plus) = (0, false);
            at += date;
            continue;
        }
        if digit(c) {
            digits += 1;
        } else if c == '+' {
            (digits, plus) = (0, true);
        } else if !c.is_whitespace()
            && !matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}')
        {
            (digits, plus) = (0, false);
        }
        let many = if plus { TELEPHONE_DIGITS_ABROAD } else { TELEPHONE_DIGITS };
        if digits >= many {
            return true;
        }
        at += 1;
    }
    false
}

/// How long the date is that a text begins with: `2026-11-20`, `20.11.2026`, `11/20/2026`.
fn date(text: &[char]) -> Option<usize> {
    const FORMS: [[usize; 3]; 5] = [[4, 2, 2], [2, 2, 4], [1, 2, 4], [2, 1, 4], [1, 1, 4]];
    let fits = |form: &[usize; 3]| {
        let length = form.iter().sum::<usize>() + 2;
        let written = text.get(..length)?;
        let ends = text.get(length).is_none_or(|c| !digit(*c));
        let [first, second, _] = form;
        let (one, two) = (*written.get(*first)?, *written.get(first + second + 1)?);
        let digits = written.iter().filter(|c| digit(**c)).count() == length - 2;
        (ends && digits && one == two && matches!(one, '-' | '.' | '/')).then_some(length)
    };
    FORMS.iter().find_map(fits)
}

fn digit(c: char) -> bool {
    c.is_numeric()
}

/// Ends a word that could be a token.
fn ends_token(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '='))
}

/// A long word of letters and digits: a key, a token, a provider's id. Our own names are none.
fn is_secret(word: &str) -> bool {
    let ours = EventId::parse(word).is_some()
        || ['p', 'r', 'k'].into_iter().any(|letter| is_name(word, letter));
    let mixed = word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_alphabetic());
    let begins_a_jwt = word.starts_with("eyJ") && word.len() >= JWT_HEAD_BYTES;
    !ours && (begins_a_jwt || (mixed && word.len() >= SECRET_BYTES))
}

/// So many digits are a telephone number; sequences of a journal have fewer.
const TELEPHONE_DIGITS: usize = 9;
/// So many behind a `+`.
const TELEPHONE_DIGITS_ABROAD: usize = 7;
/// So long is no word and no ticket.
const SECRET_BYTES: usize = 24;
/// So long is no word that begins as a JWT does.
const JWT_HEAD_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Result<Reason, ReasonError> {
        Reason::try_from(text.to_owned())
    }

    #[test]
    fn what_operators_write_is_taken() {
        let id = format!("ev1_{}", "2a".repeat(13));
        for text in [
            "ticket OPS-1234",
            "INC0012345: consumer lost 2026-11-20 10:00 to 2026-11-20 11:30",
            "since 2026-11-20T10:00:00.027Z",
            "outage of 20.11.2026, 10:15 - 11:45 (45 min)",
            "on 11/20/2026 at 9",
            "sequences 12000000 to 12000500",
            "see https://tickets.example.com/browse/INC-12345",
            "the consumer of topic video.recording lost its offsets",
            "replay @ 10:00",
            "Löschung nach Art. 17 DSGVO",
            &format!("asked for {id}"),
            &id.replace("ev1_", "p1_"),
            &id.replace("ev1_", "r12_"),
            "500 of 1000",
        ] {
            assert_eq!(reason(text).as_ref().map(Reason::as_str), Ok(text));
        }
        assert_eq!(reason("  why \n").unwrap().as_str(), "why");
    }

    #[test]
    fn what_looks_like_a_person_or_a_secret_is_not_taken_and_not_quoted() {
        for text in [
            "asked by zoe@example.org",
            "asked by @zoe",
            "zoe\u{ff20}example.org",
            "call +49 171 1234567",
            "call 0171/123 45 67",
            "call (030) 12345-678",
            "call 01711234567",
            "call +1 555 0123",
            "on 2026-11-20 0171 12 34 56 78",
            "call \u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}\u{669}",
            "user 6497c79b-f326-4942-aef8-c36a29140ad1",
            "key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
            "p1_AAAAAAAAAAAAAAAAAAAAAAAAA7",
        ] {
            assert_eq!(reason(text), Err(ReasonError::Personal), "{text}");
        }
    }

    #[test]
    fn a_name_that_the_call_brings_is_not_taken_as_words_of_its_own() {
        let is_taken = |text: &str, name: &str| reason(text).unwrap().is_without(name).is_ok();
        assert!(!is_taken("Frau Weiß asked (ticket 7)", "weiß"));
        assert!(!is_taken("room Praxis-Dr-Weiß", "Praxis-Dr-Weiß"));
        assert!(!is_taken("u, her account u-2", "u-2"));
        assert!(is_taken("unused since May", "u"));
        assert!(is_taken("ticket 4711", "471"));
        assert!(is_taken("ticket 4711", " "));
    }

    #[test]
    fn a_reason_is_one_line_that_says_something_and_not_too_much() {
        assert_eq!(reason(" \t"), Err(ReasonError::Empty));
        assert_eq!(reason(&"x".repeat(513)), Err(ReasonError::Long));
        assert_eq!(reason("a\nb"), Err(ReasonError::Control));
        assert_eq!(reason("a\u{202e}b"), Err(ReasonError::Control));
        assert_eq!(reason("a\u{2028}b"), Err(ReasonError::Control));
    }
}
