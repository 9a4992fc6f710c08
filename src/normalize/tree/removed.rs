//! The paths of what is not accounted for, found in one walk over the tree.

use serde::{Serialize, Serializer};

use super::{Leaf, Node, NodeId, Removed, Tree};
use crate::bounds::REMOVED_PATHS_MAX;

/// How many later siblings are looked at for a key that counts instead.
const SIBLINGS_COMPARED: usize = 64;
/// Bytes of the paths of a usual event.
const PATHS_BYTES_USUAL: usize = 1_024;

/// JSON pointers in one text, so that a list of them costs two allocations and not one each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    text: String,
    ends: Vec<usize>,
}

impl Paths {
    /// The pointers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let path = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            path
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn push(&mut self, path: &str) {
        if self.ends.is_empty() {
            self.text.reserve(PATHS_BYTES_USUAL);
            self.ends.reserve(REMOVED_PATHS_MAX);
        }
        self.text.push_str(path);
        self.ends.push(self.text.len());
    }
}

impl<'p> FromIterator<&'p str> for Paths {
    fn from_iter<I: IntoIterator<Item = &'p str>>(paths: I) -> Self {
        let mut all = Self::default();
        paths.into_iter().for_each(|path| all.push(path));
        all
    }
}

/// A list of texts.
impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl Removed {
    /// Lists the path, once. The list is short, so comparing is cheaper than hashing.
    pub(super) fn note(&mut self, path: &str) {
        if self.paths.iter().any(|known| known == path) {
            return;
        }
        if self.paths.len() < REMOVED_PATHS_MAX {
            self.paths.push(path);
        } else {
            self.more += 1;
        }
    }
}

pub(super) struct Walk<'t, 'b, K, O, N> {
    tree: &'t Tree<'b>,
    known: K,
    open: O,
    path: String,
    note: N,
}

impl<'t, 'b, K, O, N> Walk<'t, 'b, K, O, N>
where
    K: Fn(&str) -> bool,
    O: Fn(&str) -> bool,
    N: FnMut(&str, NodeId),
{
    /// Walks a whole tree, and notes the path of each value that is not accounted for.
    pub(super) fn over(tree: &'t Tree<'b>, known: K, open: O, note: N) {
        let path = String::with_capacity(64);
        let mut walk = Self { tree, known, open, path, note };
        match tree.node(0).map(|document| &document.leaf) {
            Some(Leaf::List | Leaf::Map) => walk.below(0, false),
            Some(_) => walk.found(0),
            None => {}
        }
    }

    /// Visits what stands below a container whose path is written.
    fn below(&mut self, container: usize, inside_open: bool) {
        let Some(node) = self.tree.node(container) else { return };
        let is_list = matches!(node.leaf, Leaf::List);
        let inside_open = inside_open || (self.open)(&node.key);
        let (end, length) = (node.end as usize, self.path.len());
        let mut child = container + 1;
        while let Some(next) = self.tree.node(child).filter(|_| child < end) {
            let after = next.end as usize;
            // Most values are accounted for: they cost no look at their keys.
            if !next.used && !next.is_nothing(child) && !self.shadowed(child, end, is_list) {
                let shown = !is_list && !inside_open && (self.known)(&next.key);
                self.path.push('/');
                self.path.push_str(if shown { &next.key } else { "*" });
                match next.leaf {
                    Leaf::List | Leaf::Map => self.below(child, inside_open),
                    Leaf::Null
                    | Leaf::Flag(_)
                    | Leaf::Integer(_)
                    | Leaf::Number(_)
                    | Leaf::Text(_) => self.found(child),
                }
                self.path.truncate(length);
            }
            child = after;
        }
    }

    /// Whether a later sibling has the same key and so counts instead. Looked for only a short way
    /// ahead, so that a body full of doubled keys costs no square.
    fn shadowed(&self, child: usize, end: usize, is_list: bool) -> bool {
        let Some(node) = self.tree.node(child).filter(|_| !is_list) else { return false };
        let siblings = std::iter::successors(self.tree.node(node.end as usize), |sibling| {
            self.tree.node(sibling.end as usize)
        });
        let inside = siblings.take_while(|sibling| sibling.end as usize <= end);
        inside.take(SIBLINGS_COMPARED).any(|sibling| sibling.key == node.key)
    }

    fn found(&mut self, index: usize) {
        if let Ok(index) = u32::try_from(index) {
            (self.note)(&self.path, NodeId(index));
        }
    }
}

impl Node<'_> {
    /// Whether it holds no value at all: null, or a container with nothing in it.
    fn is_nothing(&self, index: usize) -> bool {
        match self.leaf {
            Leaf::Null => true,
            Leaf::List | Leaf::Map => self.end as usize == index + 1,
            Leaf::Flag(_) | Leaf::Integer(_) | Leaf::Number(_) | Leaf::Text(_) => false,
        }
    }
}
