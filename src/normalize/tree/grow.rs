//! JSON onto the end of a list of nodes: one pass, borrowed where the text allows it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Leaf, Node};
use crate::bounds::{JSON_DEPTH_MAX, JSON_VALUES_MAX};

/// Reads one value and everything below it onto the end of the list of nodes.
pub(super) struct Grow<'n, 'b> {
    pub(super) nodes: &'n mut Vec<Node<'b>>,
    pub(super) key: Cow<'b, str>,
    pub(super) depth: usize,
}

/// Adds a node that has nothing below it yet, and returns its place.
fn add<'b, E: serde::de::Error>(
    nodes: &mut Vec<Node<'b>>,
    key: Cow<'b, str>,
    leaf: Leaf<'b>,
) -> Result<usize, E> {
    let index = nodes.len();
    if index >= JSON_VALUES_MAX {
        return Err(E::custom("too many values"));
    }
    let end = u32::try_from(index + 1).map_err(E::custom)?;
    nodes.push(Node { key, leaf, end, used: false });
    Ok(index)
}

/// Everything added since `index` stands below it.
fn close(nodes: &mut [Node<'_>], index: usize) {
    let end = nodes.len();
    if let (Some(node), Ok(end)) = (nodes.get_mut(index), u32::try_from(end)) {
        node.end = end;
    }
}

impl<'b> DeserializeSeed<'b> for Grow<'_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth > JSON_DEPTH_MAX {
            return Err(D::Error::custom("too deep"));
        }
        reader.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Grow<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Null).map(drop)
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Flag(flag)).map(drop)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Integer(number)).map(drop)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        let leaf = i64::try_from(number).map_or(Leaf::Number(number as f64), Leaf::Integer);
        add(self.nodes, self.key, leaf).map(drop)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Number(number)).map(drop)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'b str) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Text(Cow::Borrowed(text))).map(drop)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        add(self.nodes, self.key, Leaf::Text(Cow::Owned(text.to_owned()))).map(drop)
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { nodes, key, depth } = self;
        let index = add(nodes, key, Leaf::List)?;
        loop {
            let item = Grow { nodes: &mut *nodes, key: Cow::Borrowed(""), depth: depth + 1 };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
        }
        close(nodes, index);
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self { nodes, key, depth } = self;
        let index = add(nodes, key, Leaf::Map)?;
        while let Some(key) = fields.next_key_seed(Key)? {
            fields.next_value_seed(Grow { nodes: &mut *nodes, key, depth: depth + 1 })?;
        }
        close(nodes, index);
        Ok(())
    }
}

/// Reads a key, borrowed where it holds no escapes.
struct Key;

impl<'b> DeserializeSeed<'b> for Key {
    type Value = Cow<'b, str>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'b> Visitor<'b> for Key {
    type Value = Cow<'b, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'b str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
