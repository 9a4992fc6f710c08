//! The new document, value by value in the order of the old one.

use super::originals::Gathered;
use super::stage::ROLE_LABELS;
use super::text::{Drawn, alike, figure, shape, uuid_at};
use super::{Below, Fate, Fates, Guarded};
use crate::clock::Timestamp;
use crate::normalize::{At, Sort, Tree};

/// Moments of fewer digits are in seconds, milliseconds, microseconds; of more in nanoseconds.
const UNITS: [(u64, i64); 3] =
    [(100_000_000_000, 1), (100_000_000_000_000, 1_000), (100_000_000_000_000_000, 1_000_000)];

impl Fates<'_> {
    /// Notes everything that must not survive.
    pub(super) fn gather(&self, at: At<'_, '_>, below: Below, into: &mut Gathered) {
        let moves = self.is_moment(at, below);
        match (at.sort(), self.fate(at, below)) {
            (Some(Sort::List | Sort::Map), _) => {
                for (key, child) in at.children() {
                    let inside = self.below(key, child, below);
                    if at.is_map() && !inside.known {
                        into.note(key);
                    }
                    self.gather(child, inside, into);
                }
            }
            (_, Some(Fate::Stays | Fate::Moves | Fate::Label)) => {}
            (Some(Sort::Text(text)), _) if !moves => into.note(text),
            (Some(Sort::Integer(number)), _) if !moves => into.note(&number.to_string()),
            (_, _) => {}
        }
    }
}

/// Who writes.
pub(super) struct Writer<'w> {
    pub(super) fates: &'w Fates<'w>,
    pub(super) by: &'w Guarded<'w>,
}

impl Writer<'_> {
    /// Writes what becomes of a value.
    pub(super) fn value(&self, at: At<'_, '_>, key: &str, below: Below, to: &mut String) {
        let fate = self.fates.fate(at, below);
        let stays = fate == Some(Fate::Stays);
        let moves = fate == Some(Fate::Moves) || self.fates.is_moment(at, below);
        match at.sort() {
            None | Some(Sort::Null) => to.push_str("null"),
            Some(Sort::Flag(flag)) => {
                let kept = stays || below.accounted;
                to.push_str(if kept { word(flag) } else { self.coin(key) });
            }
            Some(Sort::Integer(number)) if stays => to.push_str(&number.to_string()),
            Some(Sort::Integer(number)) if moves => to.push_str(&self.moved(number).to_string()),
            Some(Sort::Integer(number)) => to.push_str(&self.number(&number.to_string())),
            Some(Sort::Number(number)) if stays => to.push_str(&written(number)),
            Some(Sort::Number(number)) if moves => to.push_str(&written(self.moved_part(number))),
            Some(Sort::Number(number)) => to.push_str(&self.number(&written(number))),
            Some(Sort::Text(text)) => {
                let made = match fate {
                    Some(Fate::Stays) => text.to_owned(),
                    _ if moves => self.moved_text(text),
                    Some(fate) => self.allowed(fate, text),
                    None => self.text(text, below),
                };
                to.push_str(&quoted(&made));
            }
            Some(Sort::List) => self.list(at, below, to),
            Some(Sort::Map) => self.map(at, below, to),
        }
    }

    fn list(&self, at: At<'_, '_>, below: Below, to: &mut String) {
        to.push('[');
        for (place, (key, child)) in at.children().enumerate() {
            if place > 0 {
                to.push(',');
            }
            self.value(child, key, self.fates.below(key, child, below), to);
        }
        to.push(']');
    }

    fn map(&self, at: At<'_, '_>, below: Below, to: &mut String) {
        to.push('{');
        for (place, (key, child)) in at.children().enumerate() {
            if place > 0 {
                to.push(',');
            }
            let inside = self.fates.below(key, child, below);
            let name = if inside.known { key.to_owned() } else { alike(key, self.by) };
            to.push_str(&quoted(&name));
            to.push(':');
            self.value(child, key, inside, to);
        }
        to.push('}');
    }

    /// Text that is not on the list; JSON in it stays JSON.
    fn text(&self, text: &str, below: Below) -> String {
        if self.fates.rooms.contains(text) {
            return self.allowed(Fate::Room, text);
        }
        if !below.inner
            && text.starts_with(['{', '['])
            && let Ok(tree) = Tree::parse(text.as_bytes())
        {
            let mut made = String::with_capacity(text.len());
            self.value(tree.root(), "", Below { inner: true, ..Below::default() }, &mut made);
            return made;
        }
        alike(text, self.by)
    }

    /// Text that may leave by a pattern or label of the source's: as the fixtures let it out.
    fn allowed(&self, fate: Fate, text: &str) -> String {
        match fate {
            Fate::Room => {
                let digits = self.by.drawn("room", text, |draw| draw.hexadecimal(8));
                format!("consult-{digits}")
            }
            Fate::Label => {
                let same = ROLE_LABELS.into_iter().find(|label| *label == text);
                let other = || self.by.drawn("label", text, |draw| draw.one(&ROLE_LABELS));
                same.map_or_else(other, str::to_owned)
            }
            Fate::Artifact => {
                let file = shape(text.rsplit('/').next().unwrap_or_default(), self.by);
                let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
                let file: String = file.chars().map(|c| if fine(c) { c } else { '-' }).collect();
                let folder = self.folder(text);
                let file = if file.is_empty() { "file" } else { &file };
                format!("recordings/{folder}/{file}")
            }
            Fate::Stays | Fate::Moves => text.to_owned(),
        }
    }

    /// The id that a storage key holds, as it stands elsewhere too; a new one where it holds none.
    fn folder(&self, text: &str) -> String {
        let places = text.char_indices().map(|(place, _)| text.get(place..).unwrap_or_default());
        let id = places.filter_map(uuid_at).next().map(str::to_ascii_lowercase);
        match id {
            Some(id) => shape(&id, self.by),
            None => self.by.drawn("folder", text, |draw| draw.hexadecimal(36)),
        }
    }

    fn coin(&self, key: &str) -> &'static str {
        let said = self.by.drawn("answer", key, |draw| word(draw.below(2) == 1).to_owned());
        word(said == "true")
    }

    /// Digits in the places of digits, so that the number has the same size.
    fn number(&self, written: &str) -> String {
        let (digits, power) = written.split_once('e').unwrap_or((written, ""));
        let begins = digits.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let made = self.by.drawn("number", digits, |draw| {
            let each = digits.char_indices().map(|(place, digit)| match digit {
                '0'..='9' => figure(draw, digit, place - begins),
                sign => sign,
            });
            each.collect()
        });
        // A number of 19 digits may be too large for 64 bits, and stays one all the same.
        let whole = format!("{made}e{power}");
        // The largest powers leave no room for larger digits.
        let fits = whole.parse::<f64>().is_ok_and(f64::is_finite);
        if power.is_empty() || !fits { made } else { whole }
    }

    fn moved(&self, number: i64) -> i64 {
        let magnitude = number.unsigned_abs();
        let unit = UNITS.iter().find(|(most, _)| magnitude < *most).map_or(1_000_000_000, |u| u.1);
        number.saturating_add(self.seconds().saturating_mul(unit))
    }

    fn moved_part(&self, number: f64) -> f64 {
        let unit = UNITS.iter().find(|(most, _)| number < *most as f64);
        let unit = unit.map_or(1e9, |(_, unit)| *unit as f64);
        // To the microsecond, or the sum would show the error of its parts.
        ((number / unit + self.seconds() as f64) * 1e6).round() / 1e6 * unit
    }

    fn moved_text(&self, text: &str) -> String {
        if let Ok(number) = text.parse() {
            return self.moved(number).to_string();
        }
        match text.parse() {
            Ok(number) => written(self.moved_part(number)),
            Err(_) => alike(text, self.by),
        }
    }

    fn seconds(&self) -> i64 {
        self.by.moved(Timestamp::from_millis(0)).millis() / 1_000
    }
}

fn word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn written(number: f64) -> String {
    serde_json::Value::from(number).to_string()
}
