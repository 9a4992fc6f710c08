//! Fields of a protobuf message in JSON, read as proto3 means them.
//!
//! proto3 leaves out zeroes: in a message that is there, an absent boolean is false. Such values
//! are told as implied, since they stand at no place. Enums are in `lists`.

use super::{At, Draft, Given, Word, keys};

/// A field of a message by its JSON name (camel case), or else by its proto name (snake case), as
/// every proto3 JSON reader must accept.
pub(super) fn field<'t, 'b>(message: At<'t, 'b>, name: &str) -> At<'t, 'b> {
    let found = message.get(name);
    if found.is_there() || !message.is_underscored() {
        return found;
    }
    let is_it = |key: &str, at: At<'t, 'b>| keys::is_snake_of(key, name) && at.is_there();
    let snake = message.children().filter(|(key, at)| is_it(key, *at)).last();
    snake.map_or(found, |(_, at)| at)
}

/// The first value, or the second where the first is not there.
pub(super) fn or<'t, 'b>(first: At<'t, 'b>, second: At<'t, 'b>) -> At<'t, 'b> {
    if first.is_there() { first } else { second }
}

/// The first of several values that is text; the first of all where none is.
pub(super) fn first_text<'t, 'b>(first: At<'t, 'b>, others: &[At<'t, 'b>]) -> At<'t, 'b> {
    let mut all = std::iter::once(&first).chain(others);
    all.find(|at| at.text().is_some()).copied().unwrap_or(first)
}

/// A moment that older senders know in seconds only; where both are given the exact one counts.
pub(super) fn moment(word: Word, exact: At<'_, '_>, in_seconds: At<'_, '_>, draft: &mut Draft) {
    if exact.time().is_none() {
        draft.moment(word, in_seconds);
    } else {
        draft.moment(word, exact);
        if in_seconds.time().is_some() {
            draft.uses(in_seconds);
        }
    }
}

/// A boolean of a message that is there: absent, it is false.
pub(super) fn truth(word: Word, at: At<'_, '_>, draft: &mut Draft) {
    if at.is_there() {
        draft.flag(word, at);
    } else {
        draft.implied(word, 0, Given::Flag(false));
    }
}

/// A number for which zero means that there is none.
pub(super) fn count(word: Word, at: At<'_, '_>, draft: &mut Draft) {
    if at.integer() != Some(0) {
        draft.count(word, at);
    }
}
