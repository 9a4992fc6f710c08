//! Where everything stands in a JSON text: each key and value with its place in the bytes.
//!
//! Nothing is parsed and written again, because a body that is odd in some way (a doubled key, an
//! exact number) has to stay odd in that way: what is replaced is replaced in the text. Text that
//! holds JSON itself is looked into, once. Independent of the gateway's own reader on purpose.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::de::IgnoredAny;

use crate::normalize::Dialect;

/// What stands in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The key of a member.
    Key(String),
    /// A text. `holds`: it is JSON itself, whose places follow.
    Text { said: String, holds: bool },
    /// A number as it is written.
    Number(String),
    /// Yes, no or nothing.
    Other(String),
    /// The beginning of an object, where a member can be added.
    Object { empty: bool },
}

/// One place.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// A JSON pointer. `*` stands for an index and for a key that a user chose, `#` for the inside
    /// of a text that is JSON.
    pub(super) path: Arc<str>,
    /// What stands there.
    pub(super) what: What,
    /// Of a key: whether a user chose it, as far as the dialect can tell.
    pub(super) chosen: bool,
    span: Range<usize>,
    inner: Option<Arc<Inner>>,
}

/// A text that is JSON, and where it stands.
#[derive(Debug)]
struct Inner {
    span: Range<usize>,
    text: String,
}

impl Spot {
    /// Whether it stands in a text that is JSON.
    pub(super) fn is_inner(&self) -> bool {
        self.inner.is_some()
    }

    /// Whether the provider's name of the event stands there.
    pub(super) fn is_type(&self) -> bool {
        matches!(&*self.path, "/type" | "/event") && matches!(self.what, What::Text { .. })
    }
}

/// Every place of a text; `None` where it is not JSON. Without a dialect no key is anybody's choice
/// and no text is looked into.
pub(super) fn spots(text: &str, dialect: Option<&'static dyn Dialect>) -> Option<Vec<Spot>> {
    if !is_json(text) {
        return None;
    }
    let mut scan = Scan { text, at: 0, path: String::new(), found: Vec::new(), dialect, of: None };
    scan.value(false);
    Some(scan.found)
}

/// The text with these places written anew, each by raw JSON. What is added to an object is a
/// member or several, without a comma at either end.
pub(super) fn rewrite(text: &str, edits: Vec<(&Spot, String)>) -> String {
    let mut outer = BTreeMap::new();
    let mut inner: BTreeMap<usize, (Arc<Inner>, BTreeMap<_, _>)> = BTreeMap::new();
    for (spot, with) in edits {
        let place = (spot.span.start, spot.span.end);
        let parted = matches!(spot.what, What::Object { empty: false });
        let with = if parted { with + "," } else { with };
        match &spot.inner {
            None => drop(outer.insert(place, with)),
            Some(of) => {
                let (_, edits) =
                    inner.entry(of.span.start).or_insert_with(|| (Arc::clone(of), BTreeMap::new()));
                edits.insert(place, with);
            }
        }
    }
    for (of, edits) in inner.into_values() {
        outer.insert((of.span.start, of.span.end), quoted(&splice(&of.text, &edits)));
    }
    splice(text, &outer)
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn splice(text: &str, edits: &BTreeMap<(usize, usize), String>) -> String {
    let mut made = String::with_capacity(text.len() + 256);
    let mut from = 0;
    for ((start, end), with) in edits {
        made.push_str(text.get(from..*start).unwrap_or_default());
        made.push_str(with);
        from = *end;
    }
    made.push_str(text.get(from..).unwrap_or_default());
    made
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// A walk over text that is known to be JSON.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    path: String,
    found: Vec<Spot>,
    dialect: Option<&'static dyn Dialect>,
    of: Option<Arc<Inner>>,
}

impl Scan<'_> {
    /// `open`: users choose the keys below.
    fn value(&mut self, open: bool) {
        self.skip();
        match self.peek() {
            Some(b'{') => self.object(open),
            Some(b'[') => self.list(open),
            Some(b'"') => self.string(),
            Some(_) | None => self.scalar(),
        }
    }

    fn object(&mut self, open: bool) {
        self.at += 1;
        self.skip();
        let empty = self.peek() == Some(b'}');
        self.note(self.at..self.at, What::Object { empty }, false);
        while let Some(next) = self.next_item(b'}') {
            if next != b'"' {
                return;
            }
            let span = self.quotes();
            let key = self.said(&span);
            let chosen = self.dialect.is_some_and(|dialect| open || !dialect.knows(&key));
            let below = open || self.dialect.is_some_and(|dialect| dialect.is_open(&key));
            let length = self.path.len();
            self.path.push('/');
            self.path.push_str(if chosen { "*" } else { &key });
            self.note(span, What::Key(key), chosen);
            self.skip();
            self.at += 1;
            self.value(below);
            self.path.truncate(length);
        }
    }

    fn list(&mut self, open: bool) {
        self.at += 1;
        let length = self.path.len();
        self.path.push_str("/*");
        while self.next_item(b']').is_some() {
            self.value(open);
        }
        self.path.truncate(length);
    }

    /// The first byte of the next item; `None` behind the last one.
    fn next_item(&mut self, end: u8) -> Option<u8> {
        self.skip();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip();
        }
        let next = self.peek()?;
        if next == end {
            self.at += 1;
            return None;
        }
        Some(next)
    }

    fn string(&mut self) {
        let span = self.quotes();
        let said = self.said(&span);
        let within = self.within(&span, &said);
        let holds = !within.is_empty();
        self.note(span, What::Text { said, holds }, false);
        self.found.extend(within);
    }

    /// The places of a text that is JSON.
    fn within(&self, span: &Range<usize>, said: &str) -> Vec<Spot> {
        let begins = said.trim_start().starts_with(['{', '[']);
        if self.of.is_some() || self.dialect.is_none() || !begins || !is_json(said) {
            return Vec::new();
        }
        let inner = Arc::new(Inner { span: span.clone(), text: said.to_owned() });
        let mut scan = Scan {
            text: said,
            at: 0,
            path: format!("{}#", self.path),
            found: Vec::new(),
            dialect: self.dialect,
            of: Some(Arc::clone(&inner)),
        };
        scan.value(true);
        scan.found
    }

    fn scalar(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(rest.len());
        let said = rest.get(..length).unwrap_or_default().to_owned();
        let is_number = said.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let span = self.at..self.at + length;
        self.at += length.max(1);
        self.note(span, if is_number { What::Number(said) } else { What::Other(said) }, false);
    }

    /// The span of the text that begins here, with its quotes.
    fn quotes(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        start..self.at
    }

    fn said(&self, span: &Range<usize>) -> String {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        // Half a surrogate pair is no text: it is replaced like any other.
        serde_json::from_str(raw).unwrap_or_default()
    }

    fn note(&mut self, span: Range<usize>, what: What, chosen: bool) {
        let path = Arc::from(self.path.as_str());
        self.found.push(Spot { path, what, chosen, span, inner: self.of.clone() });
    }

    fn skip(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Providers;

    fn livekit() -> Option<&'static dyn Dialect> {
        Providers::standard().get("livekit").map(|provider| provider.dialect)
    }

    fn told(text: &str) -> Vec<String> {
        let spots = spots(text, livekit()).unwrap();
        let told = spots.iter().map(|spot| match &spot.what {
            What::Key(key) => format!("{} key {key} {}", spot.path, spot.chosen),
            What::Text { said, .. } => format!("{} text {said}", spot.path),
            What::Number(said) => format!("{} number {said}", spot.path),
            What::Other(said) => format!("{} other {said}", spot.path),
            What::Object { empty } => format!("{} object {empty}", spot.path),
        });
        told.collect()
    }

    #[test]
    fn every_place_is_found_with_doubled_keys_and_the_choices_of_users() {
        let text = r#" {"event":"a\"\u00eb","room":{"sid" : -1.50e3,"sid":[true,{}]},
            "participant":{"attributes":{"Zoë":"x"}},"zoe":null} "#;
        let expected = [
            " object false",
            "/event key event false",
            "/event text a\"ë",
            "/room key room false",
            "/room object false",
            "/room/sid key sid false",
            "/room/sid number -1.50e3",
            "/room/sid key sid false",
            "/room/sid/* other true",
            "/room/sid/* object true",
            "/participant key participant false",
            "/participant object false",
            "/participant/attributes key attributes false",
            "/participant/attributes object false",
            "/participant/attributes/* key Zoë true",
            "/participant/attributes/* text x",
            "/* key zoe true",
            "/* other null",
        ];
        assert_eq!(told(text), expected);
    }

    #[test]
    fn text_that_is_json_is_looked_into_and_written_back_as_text() {
        let text = r#"{"event":"e","metadata":"{\"name\":\"Zoë\",\"n\":7}"}"#;
        let spots = spots(text, livekit()).unwrap();
        let name = spots.iter().find(|spot| &*spot.path == "/metadata#/*").unwrap();
        assert!(name.is_inner() && name.chosen);
        let edits: Vec<_> = spots
            .iter()
            .filter(|spot| spot.is_inner())
            .filter_map(|spot| match spot.what {
                What::Text { .. } => Some((spot, quoted("a\"b"))),
                What::Number(_) => Some((spot, "8".to_owned())),
                What::Object { .. } => Some((spot, r#""more":1"#.to_owned())),
                What::Key(_) | What::Other(_) => None,
            })
            .collect();
        let made: serde_json::Value = serde_json::from_str(&rewrite(text, edits)).unwrap();
        let inner: serde_json::Value =
            serde_json::from_str(made["metadata"].as_str().unwrap()).unwrap();
        assert_eq!(inner, serde_json::json!({"more": 1, "name": "a\"b", "n": 8}));
    }

    #[test]
    fn what_is_not_replaced_keeps_its_bytes() {
        let text = "{ \"a\" :1.50, \"a\":\"x\\u00eb\" , \"o\":{ } }";
        let spots = spots(text, None).unwrap();
        assert_eq!(rewrite(text, Vec::new()), text);
        let empty = spots.iter().rfind(|spot| matches!(spot.what, What::Object { .. })).unwrap();
        let made = rewrite(text, vec![(empty, "\"k\":1".to_owned())]);
        assert_eq!(made, "{ \"a\" :1.50, \"a\":\"x\\u00eb\" , \"o\":{ \"k\":1} }");
        assert!(super::spots("{\"a\":", None).is_none());
    }
}
