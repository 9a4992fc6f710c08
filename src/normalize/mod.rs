//! Several dialects in, one language out.
//!
//! A [`Dialect`] reads an authentic body into a [`Draft`]: what happened, when, to which room,
//! under which identity, and every value that has a [`Word`] in the common language. Nothing is
//! judged here: all text stays [`Personal`] until the boundary. What cannot be understood walks on
//! as quarantined with its reason, because a sender must not be refused for what it cannot help.
//!
//! One parse over borrowed bytes; a draft points into the tree and copies nothing.

use crate::clock::Timestamp;
use crate::event::{Kind, ProviderName, QuarantineReason};
use crate::verify::Verified;

pub mod daily;
mod identity;
mod known;
pub mod livekit;
mod personal;
mod tree;
mod words;

pub use identity::{Identity, Part};
pub use personal::Personal;
pub use tree::{At, NodeId, Paths, Removed, Sort, Tree, Unreadable};
pub use words::Word;

/// How one provider speaks. Pure.
pub trait Dialect: Send + Sync + 'static {
    /// Reads a document into a draft. [`Reading::Unknown`] when the event's kind is not known to
    /// this version: the draft then holds the envelope. [`Reading::Malformed`] when the document
    /// has not even an envelope.
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading;

    /// What an event of this type is, where its type alone tells: for events that were kept without
    /// their content, and are known by now.
    fn kind_of(&self, _said: &str) -> Option<Kind> {
        None
    }

    /// Whether events of a type tell of a recording, a transcript or what is made of them, also one
    /// that this version does not know.
    fn tells_of_recording(&self, _said: &str) -> bool {
        false
    }

    /// Whether a key is one that the provider documents; other keys are listed as `*`.
    fn knows(&self, key: &str) -> bool;

    /// Whether the keys below this one are chosen by users (attributes, SIP headers).
    fn is_open(&self, key: &str) -> bool;
}

/// What a dialect made of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// An event of this kind.
    Event(Kind),
    /// Readable, but of no known kind.
    Unknown,
    /// Not an event at all.
    Malformed,
}

/// A value of the common language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    /// Text as the provider sent it: personal until the boundary has looked at it.
    Text(NodeId),
    /// A word of ours from a closed list.
    Word(&'static str),
    /// A number of things, bytes, pixels.
    Count(u64),
    /// A duration in seconds, or another number with a fraction.
    Number(f64),
    /// A moment.
    Moment(Timestamp),
    /// Yes or no.
    Flag(bool),
}

/// One value with its meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fact {
    /// What it means.
    pub word: Word,
    /// Which item of a list it belongs to; 0 outside lists.
    pub item: u16,
    /// The value.
    pub given: Given,
    /// Where it stands in the body; accounted for when it passes.
    pub node: Option<NodeId>,
}

/// What a dialect found. Filled through its methods, which all take an absent value as nothing.
#[derive(Debug, Default)]
pub struct Draft {
    facts: Vec<Fact>,
    identity: Identity,
    used: Vec<NodeId>,
    time: Option<Timestamp>,
}

impl Draft {
    /// An empty one, with room for a usual event.
    fn roomy() -> Self {
        let identity = Identity { provider_id: None, parts: Vec::with_capacity(8) };
        Self { facts: Vec::with_capacity(48), used: Vec::with_capacity(24), identity, time: None }
    }

    /// Text under a word.
    pub fn text(&mut self, word: Word, at: At<'_, '_>) {
        self.text_of(word, 0, at);
    }

    /// Text of one item of a list.
    pub fn text_of(&mut self, word: Word, item: usize, at: At<'_, '_>) {
        if let (Some(_), Some(node)) = (at.text(), at.id()) {
            self.fact(word, item, Given::Text(node), at);
        }
    }

    /// A word of ours that stands for the value, if the dialect has one for it.
    pub fn word(&mut self, word: Word, said: Option<&'static str>, at: At<'_, '_>) {
        self.word_of(word, 0, said, at);
    }

    /// A word of ours for one item of a list.
    pub fn word_of(&mut self, word: Word, item: usize, said: Option<&'static str>, at: At<'_, '_>) {
        if let Some(said) = said {
            self.fact(word, item, Given::Word(said), at);
        }
    }

    /// A moment under a word.
    pub fn moment(&mut self, word: Word, at: At<'_, '_>) {
        self.moment_of(word, 0, at);
    }

    /// A moment of one item of a list.
    pub fn moment_of(&mut self, word: Word, item: usize, at: At<'_, '_>) {
        if let Some(time) = at.time() {
            self.fact(word, item, Given::Moment(time), at);
        }
    }

    /// A whole number, not negative, under a word.
    pub fn count(&mut self, word: Word, at: At<'_, '_>) {
        self.count_of(word, 0, at);
    }

    /// A whole number of one item of a list.
    pub fn count_of(&mut self, word: Word, item: usize, at: At<'_, '_>) {
        if let Some(count) = at.integer().and_then(|n| u64::try_from(n).ok()) {
            self.fact(word, item, Given::Count(count), at);
        }
    }

    /// A number with a fraction under a word, in units of `scale` (1e9 for nanoseconds read as
    /// seconds).
    pub fn number(&mut self, word: Word, at: At<'_, '_>, scale: f64) {
        self.number_of(word, 0, at, scale);
    }

    /// A number with a fraction of one item of a list.
    pub fn number_of(&mut self, word: Word, item: usize, at: At<'_, '_>, scale: f64) {
        if let Some(number) = at.number() {
            self.fact(word, item, Given::Number(number / scale), at);
        }
    }

    /// Yes or no under a word.
    pub fn flag(&mut self, word: Word, at: At<'_, '_>) {
        if let Some(flag) = at.flag() {
            self.fact(word, 0, Given::Flag(flag), at);
        }
    }

    /// Any value under a word; `at` is what it was made from.
    pub fn fact(&mut self, word: Word, item: usize, given: Given, at: At<'_, '_>) {
        self.push(word, item, given, at.id());
    }

    /// A value that stands nowhere in the body: the body says it by leaving it out, or by where
    /// something else stands.
    pub fn implied(&mut self, word: Word, item: usize, given: Given) {
        self.push(word, item, given, None);
    }

    fn push(&mut self, word: Word, item: usize, given: Given, node: Option<NodeId>) {
        let Ok(item) = u16::try_from(item) else {
            return;
        };
        if usize::from(item) < crate::bounds::ITEMS_PER_EVENT_MAX {
            self.facts.push(Fact { word, item, given, node });
        }
    }

    /// Notes a value that is accounted for without passing as itself (a version that was checked,
    /// an id that lives on in the identity).
    pub fn uses(&mut self, at: At<'_, '_>) {
        self.used.extend(at.id());
    }

    /// The provider's own id of the event.
    pub fn provider_id(&mut self, at: At<'_, '_>) {
        if at.text().is_some() {
            self.identity.provider_id = at.id();
            self.uses(at);
        }
    }

    /// A part of the identity that is text or a number in the body.
    pub fn identified_by(&mut self, tag: &'static str, at: At<'_, '_>) {
        let part = match (at.text(), at.integer(), at.id()) {
            (Some(_), _, Some(node)) => Part::Text(node),
            (None, Some(number), _) => Part::Number(number),
            _ => return,
        };
        self.identity.parts.push((tag, part));
    }

    /// A part of the identity that the dialect made.
    pub fn identified_by_part(&mut self, tag: &'static str, part: Part) {
        self.identity.parts.push((tag, part));
    }

    /// When it happened, as exactly as is known.
    pub fn happened(&mut self, time: Option<Timestamp>) {
        self.time = time.or(self.time);
    }

    /// Whether the provider gave an id of its own.
    pub fn has_provider_id(&self) -> bool {
        self.identity.provider_id.is_some()
    }
}

/// An event in the common language, or a quarantined one with its reason; personal in all its text.
#[derive(Debug)]
pub struct Normalized<'v> {
    verified: &'v Verified,
    provider: ProviderName,
    dialect: &'static dyn Dialect,
    tree: Tree<'v>,
    draft: Draft,
    kind: Kind,
    reason: Option<QuarantineReason>,
    unreadable: Option<Unreadable>,
}

impl std::fmt::Debug for dyn Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dialect")
    }
}

impl std::fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[personal]")
    }
}

/// Understands an authentic delivery, as far as it can be.
pub fn normalize<'v>(
    verified: &'v Verified,
    provider: ProviderName,
    dialect: &'static dyn Dialect,
) -> Normalized<'v> {
    let parsed = Tree::parse(verified.delivery().body());
    let unreadable = parsed.as_ref().err().copied();
    let mut tree = parsed.unwrap_or_else(|_| Tree::empty());
    let mut draft = Draft::roomy();
    let reading = match unreadable {
        Some(_) => Reading::Malformed,
        None => dialect.read(tree.root(), &mut draft),
    };
    let (kind, reason) = match reading {
        Reading::Event(kind) => (kind, None),
        Reading::Unknown => (Kind::Quarantined, Some(QuarantineReason::UnknownKind)),
        Reading::Malformed => {
            (tree, draft) = (Tree::empty(), Draft::default());
            (Kind::Quarantined, Some(QuarantineReason::Malformed))
        }
    };
    Normalized { verified, provider, dialect, tree, draft, kind, reason, unreadable }
}

impl Normalized<'_> {
    /// The proof it came from.
    pub fn verified(&self) -> &Verified {
        self.verified
    }

    /// The provider that spoke.
    pub fn provider(&self) -> ProviderName {
        self.provider
    }

    /// What happened.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Why it goes to quarantine, if it does.
    pub fn reason(&self) -> Option<QuarantineReason> {
        self.reason
    }

    /// Why the body could not be read, for the log.
    pub fn unreadable(&self) -> Option<Unreadable> {
        self.unreadable
    }

    /// When it happened, if the provider said so.
    pub fn time(&self) -> Option<Timestamp> {
        self.draft.time
    }

    /// What makes it this event.
    pub fn identity(&self) -> &Identity {
        &self.draft.identity
    }

    /// All values with their meaning.
    pub fn facts(&self) -> &[Fact] {
        &self.draft.facts
    }

    /// The first value of a word.
    pub fn fact(&self, word: Word) -> Option<&Fact> {
        self.draft.facts.iter().find(|fact| fact.word == word)
    }

    /// The text at a place of the body.
    pub fn text(&self, node: NodeId) -> Option<Personal<&str>> {
        self.tree.at(node).text().map(Personal::new)
    }

    /// The whole document, to write one of its shape: for the boundary alone.
    pub fn document(&self) -> Personal<At<'_, '_>> {
        Personal::new(self.tree.root())
    }

    /// Whether events of a type tell of a recording or transcript.
    pub fn tells_of_recording(&self, said: &str) -> bool {
        self.dialect.tells_of_recording(said)
    }

    /// Whether the provider documents a key.
    pub fn knows(&self, key: &str) -> bool {
        self.dialect.knows(key)
    }

    /// Whether users choose the keys below this one.
    pub fn is_open(&self, key: &str) -> bool {
        self.dialect.is_open(key)
    }

    /// What is left of the body when the given places have passed: the paths that were removed.
    pub fn removed(&mut self, passed: impl Iterator<Item = NodeId>) -> Removed {
        self.account(passed);
        let dialect = self.dialect;
        self.tree.removed(|key| dialect.knows(key), |key| dialect.is_open(key))
    }

    /// The same with the place of each value: for who explains what was removed.
    pub fn removed_places(
        &mut self,
        passed: impl Iterator<Item = NodeId>,
    ) -> Vec<(String, NodeId)> {
        self.account(passed);
        let dialect = self.dialect;
        self.tree.removed_places(|key| dialect.knows(key), |key| dialect.is_open(key))
    }

    fn account(&mut self, passed: impl Iterator<Item = NodeId>) {
        let used = std::mem::take(&mut self.draft.used);
        for node in passed.chain(used) {
            self.tree.mark_used(node);
        }
    }
}
