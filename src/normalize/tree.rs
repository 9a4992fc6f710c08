//! A body as a tree over borrowed bytes: one parse, one list of values, no copies.
//!
//! Tolerant where senders drift: unknown fields are simply there, a doubled key counts with its
//! last value, null is absent, numbers may stand as text. Strict where we must be: depth and number
//! of values are bounded, and an error says category and place, never what it choked on.

use std::borrow::Cow;

use serde::de::DeserializeSeed;

use crate::clock::Timestamp;

mod grow;
mod mend;
mod removed;

use grow::Grow;
pub use removed::Paths;
use removed::Walk;

/// The place of a value in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// A parsed body. Node 0 is the whole document.
pub struct Tree<'b> {
    nodes: Vec<Node<'b>>,
    /// Whether any key holds an underscore.
    underscored: bool,
}

struct Node<'b> {
    /// The key under which it stands; empty in a list and for the document.
    key: Cow<'b, str>,
    leaf: Leaf<'b>,
    /// One past the last node below this one.
    end: u32,
    /// Whether it is accounted for: it passes, or passes in another form.
    used: bool,
}

enum Leaf<'b> {
    Null,
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'b, str>),
    List,
    Map,
}

/// Why a body could not be read: category and place, nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{category} at line {line} column {column}")]
pub struct Unreadable {
    /// `syntax`, `eof` or `limit`.
    pub category: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl<'b> Tree<'b> {
    /// Reads a body; where only its text is broken (half a surrogate pair, a byte that is not
    /// UTF-8), with that text mended.
    pub fn parse(body: &'b [u8]) -> Result<Self, Unreadable> {
        Self::read(body).or_else(|unreadable| {
            let mended = mend::mended(body).ok_or(unreadable)?;
            let tree = Tree::read(&mended).map_err(|_| unreadable)?;
            Ok(tree.into_owned())
        })
    }

    fn read(body: &'b [u8]) -> Result<Self, Unreadable> {
        let mut nodes = Vec::with_capacity((body.len() / 16).clamp(8, 4_096));
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = Grow { nodes: &mut nodes, key: Cow::Borrowed(""), depth: 0 }
            .deserialize(&mut reader)
            .and_then(|()| reader.end());
        match read {
            Ok(()) => {
                let underscored = nodes.iter().any(|node: &Node<'b>| node.key.contains('_'));
                Ok(Self { nodes, underscored })
            }
            Err(error) => Err(Unreadable {
                category: match error.classify() {
                    serde_json::error::Category::Eof => "eof",
                    serde_json::error::Category::Syntax => "syntax",
                    serde_json::error::Category::Data | serde_json::error::Category::Io => "limit",
                },
                line: error.line(),
                column: error.column(),
            }),
        }
    }

    /// The same tree with texts of its own.
    fn into_owned<'a>(self) -> Tree<'a> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let nodes = self.nodes.into_iter().map(|node| Node {
            key: own(node.key),
            leaf: match node.leaf {
                Leaf::Text(text) => Leaf::Text(own(text)),
                Leaf::Null => Leaf::Null,
                Leaf::Flag(flag) => Leaf::Flag(flag),
                Leaf::Integer(number) => Leaf::Integer(number),
                Leaf::Number(number) => Leaf::Number(number),
                Leaf::List => Leaf::List,
                Leaf::Map => Leaf::Map,
            },
            end: node.end,
            used: node.used,
        });
        Tree { nodes: nodes.collect(), underscored: self.underscored }
    }

    /// The tree of a body that could not be read.
    pub fn empty() -> Self {
        Self { nodes: Vec::new(), underscored: false }
    }

    /// The whole document.
    pub fn root(&self) -> At<'_, 'b> {
        At { tree: self, node: (!self.nodes.is_empty()).then_some(NodeId(0)) }
    }

    /// A value by its place.
    pub fn at(&self, node: NodeId) -> At<'_, 'b> {
        At { tree: self, node: Some(node) }
    }

    /// Notes that a value is accounted for, so that it is not listed as removed.
    pub fn mark_used(&mut self, node: NodeId) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.used = true;
        }
    }

    /// The JSON pointers of all values that are not accounted for, each once. `*` stands for an
    /// index, for a key that `known` does not know, and for every key below one that `open` names:
    /// such keys were chosen by users and may name a person. Nulls and empty containers removed
    /// nothing and are not listed. Beyond [`crate::bounds::REMOVED_PATHS_MAX`] paths only a count
    /// goes on.
    pub fn removed(&self, known: impl Fn(&str) -> bool, open: impl Fn(&str) -> bool) -> Removed {
        let mut removed = Removed::default();
        Walk::over(self, known, open, |path, _| removed.note(path));
        removed
    }

    /// The same with the place of each value, all of them, also where several share a path.
    pub fn removed_places(
        &self,
        known: impl Fn(&str) -> bool,
        open: impl Fn(&str) -> bool,
    ) -> Vec<(String, NodeId)> {
        let mut places = Vec::new();
        Walk::over(self, known, open, |path, node| places.push((path.to_owned(), node)));
        places
    }

    fn node(&self, index: usize) -> Option<&Node<'b>> {
        self.nodes.get(index)
    }
}

/// The paths that did not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// In document order, each once.
    pub paths: Paths,
    /// Values removed beyond the listed ones.
    pub more: u64,
}

/// A value as it stands, for who writes a document of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sort<'t> {
    /// Nothing.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Another number; finite.
    Number(f64),
    /// Text, also empty.
    Text(&'t str),
    /// A list.
    List,
    /// An object.
    Map,
}

/// A value in a tree, or the absence of one: every question may be asked of both.
#[derive(Clone, Copy)]
pub struct At<'t, 'b> {
    tree: &'t Tree<'b>,
    node: Option<NodeId>,
}

impl<'t, 'b> At<'t, 'b> {
    /// Another value of the same document, by its place.
    pub fn within(self, node: NodeId) -> Self {
        Self { tree: self.tree, node: Some(node) }
    }

    /// Its place, if it is there.
    pub fn id(self) -> Option<NodeId> {
        self.node
    }

    /// The value under a key; the last one where the key is doubled.
    pub fn get(self, key: &str) -> Self {
        let found = self.children().filter(|(name, _)| *name == key).last();
        Self { tree: self.tree, node: found.and_then(|(_, at)| at.node) }
    }

    /// The first of several keys that is there and not null: for fields that changed their name.
    pub fn first(self, keys: &[&str]) -> Self {
        let found = keys.iter().map(|key| self.get(key)).find(|at| at.is_there());
        found.unwrap_or(Self { tree: self.tree, node: None })
    }

    /// Keys and values, or (with empty keys) the items of a list.
    pub fn children(self) -> impl Iterator<Item = (&'t str, Self)> + use<'t, 'b> {
        let container = self.node.filter(|_| self.is_map() || self.is_list());
        let range = container.and_then(|id| {
            let end = self.tree.node(id.0 as usize)?.end;
            Some((id.0 + 1, end))
        });
        let (mut next, end) = range.unwrap_or((0, 0));
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            let node = self.tree.node(next as usize)?;
            let at = Self { tree: self.tree, node: Some(NodeId(next)) };
            next = node.end;
            Some((&*node.key, at))
        })
    }

    /// Whether any key of the whole document holds an underscore: where none does, there is no use
    /// in looking for keys in snake case.
    pub fn is_underscored(self) -> bool {
        self.tree.underscored
    }

    /// The value as it stands; `None` where there is none.
    pub fn sort(self) -> Option<Sort<'t>> {
        Some(match self.leaf()? {
            Leaf::Null => Sort::Null,
            Leaf::Flag(flag) => Sort::Flag(*flag),
            Leaf::Integer(number) => Sort::Integer(*number),
            Leaf::Number(number) => Sort::Number(*number),
            Leaf::Text(text) => Sort::Text(text),
            Leaf::List => Sort::List,
            Leaf::Map => Sort::Map,
        })
    }

    /// Whether it is there and not null.
    pub fn is_there(self) -> bool {
        !matches!(self.leaf(), None | Some(Leaf::Null))
    }

    /// Whether it is an object.
    pub fn is_map(self) -> bool {
        matches!(self.leaf(), Some(Leaf::Map))
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        matches!(self.leaf(), Some(Leaf::List))
    }

    /// Its text, if it is text and not empty.
    pub fn text(self) -> Option<&'t str> {
        match self.leaf()? {
            Leaf::Text(text) if !text.is_empty() => Some(text),
            Leaf::Null
            | Leaf::Flag(_)
            | Leaf::Integer(_)
            | Leaf::Number(_)
            | Leaf::Text(_)
            | Leaf::List
            | Leaf::Map => None,
        }
    }

    /// Its truth, if it is a boolean.
    pub fn flag(self) -> Option<bool> {
        if let Leaf::Flag(flag) = self.leaf()? { Some(*flag) } else { None }
    }

    /// A whole number, also one written as text or with an empty fraction.
    pub fn integer(self) -> Option<i64> {
        match self.leaf()? {
            Leaf::Integer(number) => Some(*number),
            Leaf::Number(number) => whole(*number),
            Leaf::Text(text) => text.parse().ok().or_else(|| whole(text.parse().ok()?)),
            Leaf::Null | Leaf::Flag(_) | Leaf::List | Leaf::Map => None,
        }
    }

    /// A number, also one written as text; finite.
    pub fn number(self) -> Option<f64> {
        let number = match self.leaf()? {
            Leaf::Integer(number) => *number as f64,
            Leaf::Number(number) => *number,
            Leaf::Text(text) => text.parse().ok()?,
            Leaf::Null | Leaf::Flag(_) | Leaf::List | Leaf::Map => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A moment in seconds, milliseconds, microseconds or nanoseconds since the epoch, whole or
    /// with fraction, as number or text. The unit shows by magnitude: providers mix them, and no
    /// two of them meet for any date from 1973 on. Zero is the absence of a time.
    pub fn time(self) -> Option<Timestamp> {
        if let Some(whole) = self.integer() {
            let millis = match whole {
                ..=0 => return None,
                1..100_000_000_000 => whole.checked_mul(1_000)?,
                100_000_000_000..100_000_000_000_000 => whole,
                100_000_000_000_000..100_000_000_000_000_000 => whole / 1_000,
                _ => whole / 1_000_000,
            };
            return Some(Timestamp::from_millis(millis));
        }
        let number = self.number().filter(|number| *number > 0.0)?;
        let millis = match number {
            n if n < 1e11 => n * 1e3,
            n if n < 1e14 => n,
            n if n < 1e17 => n / 1e3,
            n if n < 1e19 => n / 1e6,
            _ => return None,
        };
        // Rounded, because 1708972279.961 s has no exact double.
        Some(Timestamp::from_millis(millis.round() as i64))
    }

    fn leaf(self) -> Option<&'t Leaf<'b>> {
        Some(&self.tree.node(self.node?.0 as usize)?.leaf)
    }
}

fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < 9.0e15;
    fits.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::{JSON_DEPTH_MAX, JSON_VALUE_BYTES, JSON_VALUES_MAX};

    #[test]
    fn a_value_needs_no_more_memory_than_it_is_counted_for() {
        assert!(size_of::<Node<'_>>() <= JSON_VALUE_BYTES, "{}", size_of::<Node<'_>>());
    }

    fn removed(body: &str, used: &[&str]) -> Vec<String> {
        let mut tree = Tree::parse(body.as_bytes()).unwrap();
        for key in used {
            let id = tree.root().get(key).id().unwrap();
            tree.mark_used(id);
        }
        tree.removed(|key| key.len() == 1, |key| key == "o")
            .paths
            .iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_doubled_key_counts_with_its_last_value() {
        let tree = Tree::parse(br#"{"a":1,"a":"two"}"#).unwrap();
        assert_eq!(tree.root().get("a").text(), Some("two"));
        assert_eq!(removed(r#"{"a":1,"a":"two"}"#, &["a"]), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_accounted_for_is_listed_once_with_unknown_keys_as_stars() {
        let body =
            r#"{"a":1,"zoe":2,"b":{"c":"x","ada":null},"l":[{"c":1},{"c":2}],"o":{"c":1},"e":{}}"#;
        assert_eq!(removed(body, &["a"]), ["/*", "/b/c", "/l/*/c", "/o/*"]);
    }

    #[test]
    fn a_time_is_read_in_every_unit_that_providers_use() {
        let cases = [
            ("1708972279", 1_708_972_279_000),
            ("1708972279.961", 1_708_972_279_961),
            ("\"1708972279\"", 1_708_972_279_000),
            ("\"1708972279.96\"", 1_708_972_279_960),
            ("1778619696910", 1_778_619_696_910),
            ("\"1790000020000000\"", 1_790_000_020_000),
            ("\"1790000031000000000\"", 1_790_000_031_000),
        ];
        for (text, millis) in cases {
            let tree = Tree::parse(text.as_bytes()).unwrap();
            assert_eq!(tree.root().time(), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for text in ["0", "\"0\"", "-5", "null", "\"soon\"", "1e300", "{}"] {
            assert_eq!(Tree::parse(text.as_bytes()).unwrap().root().time(), None, "{text}");
        }
    }

    #[test]
    fn absence_can_be_asked_everything() {
        let tree = Tree::parse(br#"{"a":null}"#).unwrap();
        let gone = tree.root().get("x").get("y");
        assert!(gone.text().is_none() && gone.time().is_none() && gone.children().next().is_none());
        assert!(!tree.root().get("a").is_there());
        assert!(Tree::empty().root().get("a").id().is_none());
    }

    #[test]
    fn text_that_no_unicode_can_hold_costs_that_text_alone() {
        for body in [&b"{\"a\":\"Zo\xeb\",\"b\":1}"[..], br#"{"a":"Zo\ud83d","b":1}"#] {
            let tree = Tree::parse(body).unwrap();
            assert_eq!(tree.root().get("a").text(), Some("Zo\u{fffd}"));
            assert_eq!(tree.root().get("b").integer(), Some(1));
        }
        assert!(Tree::parse(b"{\"a\":\xff}").is_err());
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let deep = "[".repeat(JSON_DEPTH_MAX + 2) + &"]".repeat(JSON_DEPTH_MAX + 2);
        assert_eq!(Tree::parse(deep.as_bytes()).err().map(|e| e.category), Some("limit"));
        let wide = format!("[{}0]", "0,".repeat(JSON_VALUES_MAX));
        assert_eq!(Tree::parse(wide.as_bytes()).err().map(|e| e.category), Some("limit"));
    }

    #[test]
    fn an_error_tells_category_and_place_and_never_the_value() {
        for body in [r#"{"name":"canary" x}"#, r#"{"name":"canary"#, r#"{"a":1} canary"#, "1e999"] {
            let error = Tree::parse(body.as_bytes()).err().unwrap();
            assert!(!error.to_string().contains("canary"), "{error}");
            assert!(error.column > 0);
        }
    }

    #[test]
    fn many_doubled_or_unknown_keys_cost_no_square() {
        let wide = format!("{{{}\"a\":0}}", "\"a\":0,\"zz\":1,".repeat(40_000));
        let tree = Tree::parse(wide.as_bytes()).unwrap();
        assert!(tree.removed(|_| true, |_| false).paths.len() <= 2);
    }
}
