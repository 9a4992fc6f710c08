//! Judged values as the published data takes them: as they are, or less exactly.

use super::Boundary;
use super::judge::Verdict;
use super::policy::As;
use super::table::Value;
use crate::bounds::{MOMENT_AHEAD_MAX, MOMENT_MIN_MILLIS};
use crate::clock::Timestamp;
use crate::normalize::{Fact, Given, Normalized, Personal, Word};

/// The text of a fact, opened.
pub(super) fn text<'e>(event: &'e Normalized<'_>, fact: &Fact) -> Option<&'e str> {
    match fact.given {
        Given::Text(node) => event.text(node).map(Personal::expose),
        Given::Word(_) | Given::Count(_) | Given::Number(_) | Given::Moment(_) | Given::Flag(_) => {
            None
        }
    }
}

/// A judged value as the published data takes it.
pub(super) fn value<'e>(
    boundary: &Boundary,
    event: &'e Normalized<'_>,
    told: As,
    fact: &Fact,
    verdict: Verdict<'e>,
) -> Option<Value<'e>> {
    let given = match fact.given {
        Given::Text(_) => Value::Text(text(event, fact)?),
        Given::Word(word) => Value::Text(word),
        Given::Count(count) => Value::Count(count),
        // To the thousandth: more digits tell nothing, and could be a number of somebody's.
        Given::Number(number) => Value::Number((number * 1e3).round() / 1e3),
        Given::Moment(time) => Value::Moment(time),
        Given::Flag(flag) => Value::Flag(flag),
    };
    match verdict {
        Verdict::Person(person, _) => Some(Value::Person(person)),
        Verdict::Role(label) => Some(Value::Text(label)),
        Verdict::Passes => Some(given),
        Verdict::Coarse => Some(coarse(boundary, told, fact.word, given)),
        Verdict::Room(..) | Verdict::Stays(_) => None,
    }
}

fn coarse<'e>(boundary: &Boundary, told: As, word: Word, given: Value<'e>) -> Value<'e> {
    let lower = |number| Value::Count(boundary.settings.policy.in_range(told, word, number));
    match given {
        Value::Moment(time) => Value::Moment(told_as(time, true)),
        Value::Count(count) => lower(count as f64),
        Value::Number(number) => lower(number),
        kept @ (Value::Text(_) | Value::Flag(_) | Value::Person(_)) => kept,
    }
}

/// A moment as it leaves: as it is, or without its seconds.
pub(super) fn told_as(time: Timestamp, coarse: bool) -> Timestamp {
    const MINUTE: i64 = 60_000;
    if coarse { Timestamp::from_millis(time.millis().div_euclid(MINUTE) * MINUTE) } else { time }
}

/// Whether a moment can be one that a provider tells of in a delivery that was received then: other
/// numbers may be anything.
pub(super) fn is_plausible(time: Timestamp, received: Timestamp) -> bool {
    time.millis() >= MOMENT_MIN_MILLIS && time <= received.plus(MOMENT_AHEAD_MAX)
}
