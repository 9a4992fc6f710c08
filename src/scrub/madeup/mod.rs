//! Deliveries of the same shape with nobody in them: what a capture writes down.
//!
//! Of a body that was understood a new one is made, value by value. What stays: the keys that the
//! provider documents, words of closed lists, the type of the event, versions, regions, and the
//! numbers and answers that may leave. Moments that may leave all move by the same time. Everything
//! else, ids too, becomes a made-up value of the same form; the same value becomes the same one
//! throughout a capture, so that rooms, sessions and recordings still belong together. A room that
//! may leave by its name and a storage key that may leave become such as the fixtures let out.
//!
//! Promises: no text of four letters or more of what was made up stands in what was made; where
//! that cannot be had, nothing is made. The key is one capture's and is forgotten with it. Pure: no
//! clock, no chance of its own.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use zeroize::Zeroizing;

use self::draw::Draw;
use self::originals::{Gathered, Originals};
use self::text::Drawn;
use self::writer::Writer;
use super::Boundary;
use super::judge::{Judged, Verdict};
use super::shape::Form;
use super::table::{self, Rule};
use crate::clock::Timestamp;
use crate::event::{Kind, QuarantineReason};
use crate::normalize::{At, Fact, Given, NodeId, Normalized, Personal, Word};

mod draw;
mod originals;
pub mod stage;
mod text;
mod writer;

/// How often a value is drawn before it is given up.
const TURNS_MAX: u32 = 32;
/// Days by which moments move, at least and at most beyond that.
const DAYS: (usize, usize) = (30, 365);
const DAY_SECONDS: i64 = 86_400;

/// The one who makes up, with a key of one capture.
pub struct Maker {
    key: Zeroizing<[u8; 32]>,
    seconds: i64,
}

/// A made-up delivery, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeUp {
    /// What the provider calls the event; `None` where it is not on its list.
    pub name: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// When it would have come.
    pub received: Timestamp,
}

impl Maker {
    /// One with a fresh key of 32 random bytes, which nobody else may know.
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let mut draw = Draw::new(&key, "moments", "", 0);
        let days = i64::try_from(DAYS.0 + draw.below(DAYS.1)).unwrap_or(DAY_SECONDS);
        let within = i64::try_from(draw.below(86_399) + 1).unwrap_or(1);
        Self { key, seconds: -(days * DAY_SECONDS + within) }
    }
}

impl Boundary {
    /// A delivery of the same shape with nobody in it. `None` for one that is not JSON, or of which
    /// nothing can be made that holds nothing of it.
    pub fn made_up(&self, event: &Normalized<'_>, by: &Maker) -> Option<MadeUp> {
        if event.reason() == Some(QuarantineReason::Malformed) {
            return None;
        }
        let fates = Fates::new(self, event);
        let root = event.document().expose();
        let mut gathered = Gathered::default();
        fates.gather(root, Below::default(), &mut gathered);
        let guarded = Guarded { by, originals: gathered.ready()?, failed: Cell::new(false) };
        let mut body = String::new();
        Writer { fates: &fates, by: &guarded }.value(root, "", Below::default(), &mut body);
        let received = event.verified().delivery().head().received();
        (!guarded.failed.get()).then(|| MadeUp {
            name: name(event),
            body: body.into_bytes(),
            received: by.after(received),
        })
    }
}

impl Maker {
    /// The moment that stands for one, in whole seconds.
    fn after(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_millis((time.millis().div_euclid(1_000) + self.seconds) * 1_000)
    }
}

fn name(event: &Normalized<'_>) -> Option<String> {
    let fact = event.fact(Word::EventType).filter(|_| event.kind() != Kind::Quarantined)?;
    match fact.given {
        Given::Word(word) => Some(word.to_owned()),
        Given::Text(node) => event.text(node).map(|text| text.expose().to_owned()),
        Given::Count(_) | Given::Number(_) | Given::Moment(_) | Given::Flag(_) => None,
    }
}

/// A maker that draws again what holds anything of the original.
struct Guarded<'m> {
    by: &'m Maker,
    originals: Originals,
    failed: Cell<bool>,
}

impl Drawn for Guarded<'_> {
    fn drawn(&self, sort: &str, value: &str, make: impl Fn(&mut Draw) -> String) -> String {
        let turns =
            (0..TURNS_MAX).map(|turn| make(&mut Draw::new(&self.by.key, sort, value, turn)));
        let mut fitting = turns.filter(|made| !self.originals.stand_in(made));
        fitting.next().unwrap_or_else(|| {
            self.failed.set(true);
            String::new()
        })
    }

    fn moved(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_millis(time.millis() + self.by.seconds * 1_000)
    }
}

/// What becomes of a value that does not simply become another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It may leave and says nothing of anybody.
    Stays,
    /// A moment that may leave.
    Moves,
    /// A room's name that may leave.
    Room,
    /// A role label.
    Label,
    /// A storage key that may leave.
    Artifact,
}

/// What becomes of the values of one event.
struct Fates<'e> {
    event: &'e Normalized<'e>,
    fates: HashMap<NodeId, Fate>,
    /// Everything that has a word.
    told: HashSet<NodeId>,
    /// Names of rooms that may leave, wherever they stand.
    rooms: HashSet<&'e str>,
    /// Seconds of the moments that are told.
    moments: HashSet<i64>,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    /// Below a key under which users choose the keys.
    open: bool,
    /// Below a value that is accounted for as a whole.
    accounted: bool,
    /// In a text that is JSON itself: nothing of it is documented.
    inner: bool,
    /// Under a key that stands as it is.
    known: bool,
}

impl<'e> Fates<'e> {
    fn new(boundary: &Boundary, event: &'e Normalized<'e>) -> Self {
        let judged = Judged::new(boundary, event);
        let mut found = Self {
            event,
            fates: HashMap::new(),
            told: HashSet::new(),
            rooms: HashSet::new(),
            moments: event.time().map(second).into_iter().collect(),
        };
        for (fact, verdict) in judged.of(event.facts()) {
            let Some(node) = fact.node else { continue };
            found.told.insert(node);
            let fate = fate(event, fact, verdict);
            found
                .fates
                .extend(fate.filter(|_| !found.fates.contains_key(&node)).map(|f| (node, f)));
            if fate == Some(Fate::Room) {
                found.rooms.extend(event.text(node).map(Personal::expose));
            }
            if let Given::Moment(time) = fact.given {
                found.moments.insert(second(time));
            }
        }
        found
    }

    fn fate(&self, at: At<'_, '_>, below: Below) -> Option<Fate> {
        self.fates.get(&at.id()?).copied().filter(|_| !below.inner)
    }

    /// Whether a key may stand as it is.
    fn keeps(&self, key: &str, at: At<'_, '_>, below: Below) -> bool {
        let told = at.id().is_some_and(|node| self.told.contains(&node));
        !below.inner && ((!below.open && self.event.knows(key)) || told)
    }

    /// Where the value under a key stands.
    fn below(&self, key: &str, at: At<'_, '_>, below: Below) -> Below {
        Below {
            open: below.open || self.event.is_open(key),
            accounted: below.accounted || self.fate(at, below).is_some(),
            inner: below.inner,
            known: self.keeps(key, at, below),
        }
    }

    /// Whether it is a moment that stands elsewhere, too: as a fact, or as the event's time.
    fn is_moment(&self, at: At<'_, '_>, below: Below) -> bool {
        let same = at.time().is_some_and(|time| self.moments.contains(&second(time)));
        same && below.known && !below.open && !below.inner
    }
}

fn second(time: Timestamp) -> i64 {
    time.millis().div_euclid(1_000)
}

fn fate(event: &Normalized<'_>, fact: &Fact, verdict: Verdict<'_>) -> Option<Fate> {
    let rule = table::rule(fact.word);
    match (verdict, rule) {
        (Verdict::Role(_), _) => Some(Fate::Label),
        (Verdict::Person(..) | Verdict::Room(..) | Verdict::Stays(_), _) => None,
        (Verdict::Passes | Verdict::Coarse, Rule::Moment) => {
            let own = event.document().expose().within(fact.node?).time();
            matches!(fact.given, Given::Moment(time) if own == Some(time)).then_some(Fate::Moves)
        }
        (Verdict::Passes | Verdict::Coarse, Rule::Room) => Some(Fate::Room),
        (Verdict::Passes | Verdict::Coarse, Rule::Artifact) => Some(Fate::Artifact),
        (Verdict::Passes | Verdict::Coarse, Rule::Text(Form::Id | Form::EventRef)) => None,
        (
            Verdict::Passes | Verdict::Coarse,
            Rule::Text(_) | Rule::Ours | Rule::Count | Rule::Bytes | Rule::Amount | Rule::Flag,
        ) => Some(Fate::Stays),
        (Verdict::Passes | Verdict::Coarse, Rule::Person | Rule::Label) => None,
    }
}

#[cfg(test)]
mod tests;
