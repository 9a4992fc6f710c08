//! Following a person or a room through the journal's events. Pure.
//!
//! It begins with names (pseudonyms under every key that is held, a room's name) and ends with all
//! events that carry one of them, or an id of a session that an event with one of them tells of. So
//! an event that knows a person only by their connection is found as well, and so is one under an
//! older pseudonym. It takes passes over all events, until one finds no new name or session.
//!
//! Ids and pseudonyms are looked for wherever they stand in an event: they are long enough to be no
//! other word. A room's own name may be any word, so it counts only where a room's name stands.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use serde::Deserialize;

use crate::bounds;
use crate::event::EventId;
use crate::journal::Stored;
use crate::scrub::Told;
use crate::scrub::names::is_name;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// A person.
    Participant,
    /// A room.
    Room,
}

/// See the header.
#[derive(Debug)]
pub(super) struct Trace {
    whom: Whom,
    tenant: String,
    /// Names of rooms as they stand in events.
    rooms: BTreeSet<String>,
    /// Pseudonyms and ids.
    marks: HashSet<Vec<u8>>,
    /// The lengths of those.
    lengths: BTreeSet<usize>,
    /// Names that events were found under.
    found: BTreeSet<String>,
    /// Ids of sessions among the marks.
    sessions: u64,
    /// What was found and is not taken yet.
    events: BTreeMap<u64, EventId>,
    keys: BTreeSet<Bytes>,
    /// Events that an earlier erasure took.
    already: u64,
    /// The pass under way learned something that earlier events may be known by.
    has_grown: bool,
    /// More was learned than is followed.
    is_cut: bool,
}

/// What is read of an event.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    room: Room<'a>,
    #[serde(borrow, default)]
    participant: Person<'a>,
    #[serde(borrow, default)]
    recording: Thing<'a>,
    #[serde(borrow, default)]
    transcript: Thing<'a>,
    #[serde(borrow, default)]
    stream: Thing<'a>,
}

#[derive(Default, Deserialize)]
struct Room<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    previous_ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Person<'a> {
    #[serde(borrow)]
    r#ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    previous_ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Thing<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

impl Trace {
    /// Of these names; a name that is no pseudonym is a room's own.
    pub(super) fn new(whom: Whom, tenant: &str, names: &[String]) -> Self {
        let mut trace = Self {
            whom,
            tenant: tenant.to_owned(),
            rooms: BTreeSet::new(),
            marks: HashSet::new(),
            lengths: BTreeSet::new(),
            found: BTreeSet::new(),
            sessions: 0,
            events: BTreeMap::new(),
            keys: BTreeSet::new(),
            already: 0,
            has_grown: false,
            is_cut: false,
        };
        names.iter().for_each(|name| trace.follow(name));
        trace
    }

    /// A pass begins.
    pub(super) fn begin_pass(&mut self) {
        (self.has_grown, self.already) = (false, 0);
    }

    /// Whether another pass may find more.
    pub(super) fn has_grown(&self) -> bool {
        self.has_grown
    }

    /// Whether as much is in hand as may be: it has to be taken first.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= bounds::FORGET_EVENTS
    }

    /// Looks at one event.
    pub(super) fn look(&mut self, event: &Stored) {
        if event.kind.is_ours() {
            let told = Told::read(&event.value).filter(|told| told.tenant == self.tenant);
            if let Some(told) = told.filter(|told| self.is_about(told)) {
                self.already += told.events();
            }
            return;
        }
        if !is_of(&event.key, &self.tenant) || self.events.contains_key(&event.sequence) {
            return;
        }
        let marked = self.is_marked(&event.value) || self.is_marked(&event.key);
        if !marked && self.rooms.is_empty() {
            return;
        }
        let seen: Option<Seen<'_>> = serde_json::from_slice(&event.value).ok();
        let Some(seen) = seen.filter(|seen| seen.tenant == self.tenant) else { return };
        let named = self.is_in_room(&seen);
        if !marked && !named {
            return;
        }
        match self.whom {
            Whom::Participant => self.learn_person(&seen.data),
            Whom::Room => self.learn_room(&seen, &event.key, named),
        }
        self.events.insert(event.sequence, event.id);
        if self.keys.len() < 2 {
            self.keys.insert(event.key.clone());
        }
    }

    /// Takes what was found: sequences in order, with their ids.
    pub(super) fn take(&mut self) -> BTreeMap<u64, EventId> {
        std::mem::take(&mut self.events)
    }

    /// The record key of all that was found, where it is one.
    pub(super) fn only_key(&self) -> Option<&Bytes> {
        self.keys.first().filter(|_| self.keys.len() == 1)
    }

    /// The names that events were found under, those that consumers know best first.
    pub(super) fn found(&self) -> Vec<&str> {
        let mut found: Vec<&str> = self.found.iter().map(String::as_str).collect();
        found.sort_by_key(|name| (is_name(name, 'k'), Reverse(version_of(name)), *name));
        found
    }

    /// Events that earlier erasures took, as they told.
    pub(super) fn already(&self) -> u64 {
        self.already
    }

    /// Sessions that were followed.
    pub(super) fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Whether there were more of them than are followed.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn is_about(&self, told: &Told<'_>) -> bool {
        let marks = self.marks.iter().filter_map(|mark| std::str::from_utf8(mark).ok());
        marks.chain(self.rooms.iter().map(String::as_str)).any(|name| told.is_of(name))
    }

    /// Whether a pseudonym or an id that is followed stands there.
    fn is_marked(&self, text: &[u8]) -> bool {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let shortest = self.lengths.first().copied().unwrap_or(usize::MAX);
        let words = text.split(|byte| !is_part(byte)).filter(|word| word.len() >= shortest);
        let mut parts = words.flat_map(|word| {
            // Where it is glued to another word, such as in a storage key.
            let fitting = self.lengths.range(..=word.len());
            fitting.flat_map(move |length| word.windows(*length))
        });
        parts.any(|part| self.marks.contains(part))
    }

    fn is_in_room(&self, seen: &Seen<'_>) -> bool {
        let names = [&seen.subject, &seen.data.room.name];
        names.into_iter().flatten().any(|name| self.rooms.contains(&**name))
    }

    fn learn_person(&mut self, data: &Data<'_>) {
        let person = &data.participant;
        let names = [person.r#ref.as_deref(), person.previous_ref.as_deref()];
        let ids = names.into_iter().chain([person.session_id.as_deref()]);
        // A recording that they began is theirs; who is in it need not be.
        if !ids.flatten().any(|id| self.is_followed(id)) {
            return;
        }
        names.into_iter().flatten().for_each(|name| self.learn_name(name));
        self.learn_session(person.session_id.as_deref());
    }

    fn learn_room(&mut self, seen: &Seen<'_>, key: &[u8], named: bool) {
        let room = &seen.data.room;
        let in_key = std::str::from_utf8(key).ok().and_then(|key| key.rsplit('/').next());
        let in_key = in_key.filter(|name| is_name(name, 'k'));
        let names = [room.r#ref.as_deref(), room.previous_ref.as_deref(), in_key];
        let ids = names.into_iter().chain([room.id.as_deref(), room.session_id.as_deref()]);
        if !named && !ids.flatten().any(|id| self.is_followed(id)) {
            return;
        }
        let names = names.into_iter().chain([room.name.as_deref()]);
        names.flatten().for_each(|name| self.learn_name(name));
        let Data { participant, recording, transcript, stream, .. } = &seen.data;
        let things = [&recording.id, &transcript.id, &stream.id, &participant.session_id];
        for id in [&room.id, &room.session_id].into_iter().chain(things) {
            self.learn_session(id.as_deref());
        }
    }

    fn is_followed(&self, id: &str) -> bool {
        self.marks.contains(id.as_bytes())
    }

    fn learn_name(&mut self, name: &str) {
        self.found.insert(name.to_owned());
        if !self.is_followed(name) && !self.rooms.contains(name) {
            self.has_grown = true;
            self.follow(name);
        }
    }

    fn learn_session(&mut self, id: Option<&str>) {
        let Some(id) = id.filter(|id| !self.is_followed(id)) else { return };
        if self.marks.len() >= bounds::FORGET_SESSIONS {
            self.is_cut = true;
            return;
        }
        self.has_grown = true;
        self.sessions += 1;
        self.mark(id);
    }

    fn follow(&mut self, name: &str) {
        if is_pseudonym(name) {
            self.mark(name);
        } else {
            self.rooms.insert(name.to_owned());
        }
    }

    fn mark(&mut self, id: &str) {
        self.lengths.insert(id.len());
        self.marks.insert(id.as_bytes().to_vec());
    }
}

/// Whether a text has the form of a pseudonym.
pub(super) fn is_pseudonym(text: &str) -> bool {
    ['p', 'r', 'k'].into_iter().any(|letter| is_name(text, letter))
}

/// The version of the key that a pseudonym was made with; what is none is above them all.
fn version_of(name: &str) -> u8 {
    let version = name.get(1..).and_then(|rest| rest.split_once('_'));
    version.filter(|_| is_pseudonym(name)).and_then(|(of, _)| of.parse().ok()).unwrap_or(u8::MAX)
}

/// Whether a record key is a tenant's.
fn is_of(key: &[u8], tenant: &str) -> bool {
    key.strip_prefix(tenant.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Timestamp;
    use crate::event::{Digest128, Kind, SourceName};

    const HER: &str = "p1_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    const OLD: &str = "p1_eeeeeeeeeeeeeeeeeeeeeeeeee";
    const HIM: &str = "p1_iiiiiiiiiiiiiiiiiiiiiiiiii";
    const ROOM: &str = "r1_mmmmmmmmmmmmmmmmmmmmmmmmmm";
    const KEY: &str = "k1_qqqqqqqqqqqqqqqqqqqqqqqqqq";
    const ONE: &str = "0e0ce5b5-2ac1-4c09-8a9d-3a6d2d3a5f11";
    const TWO: &str = "1f1df6c6-3bd2-4d1a-9bae-4b7e3e4b6022";

    fn event(sequence: u64, tenant: &str, key: &str, data: Value) -> Stored {
        let room = data.pointer("/room/name").or(data.pointer("/room/ref")).cloned();
        let value = json!({"tenant": tenant, "subject": room, "data": data}).to_string();
        Stored {
            sequence,
            id: EventId(Digest128(u128::from(sequence).to_be_bytes())),
            source: SourceName::new("a"),
            kind: Kind::ParticipantJoined,
            received: Timestamp::from_millis(0),
            key: format!("{tenant}/{key}").into(),
            value: value.into(),
        }
    }

    fn person(sequence: u64, session: &str, of: &str) -> Stored {
        event(sequence, "t", "x", json!({"participant": {"session_id": session, "ref": of}}))
    }

    /// Passes until nothing new is learned.
    fn traced(mut trace: Trace, events: &[Stored]) -> (Vec<u64>, Trace) {
        let mut passes = 0;
        loop {
            trace.begin_pass();
            events.iter().for_each(|event| trace.look(event));
            passes += 1;
            assert!(passes < 10);
            if !trace.has_grown() {
                return (trace.take().into_keys().collect(), trace);
            }
        }
    }

    fn of_person(tenant: &str, name: &str) -> Trace {
        Trace::new(Whom::Participant, tenant, &[name.to_owned()])
    }

    #[test]
    fn sessions_lead_to_events_without_the_name_and_under_an_older_one() {
        let bare = |at, id: &str| event(at, "t", id, json!({"participant": {"session_id": id}}));
        let events = [
            bare(1, TWO),
            person(2, TWO, OLD),
            person(3, ONE, OLD),
            person(4, ONE, HER),
            bare(5, ONE),
            person(6, "PA_abcdefghijkl", HIM),
            event(7, "t", "x", json!({"recording": {"id": TWO, "started_by": ONE}})),
            event(8, "t", "x", json!({"files": [{"storage_key": format!("a/of_{ONE}.mp4")}]})),
            event(9, "other", "x", json!({"participant": {"session_id": ONE, "ref": HER}})),
        ];
        let (found, trace) = traced(of_person("t", HER), &events);
        assert_eq!(found, [1, 2, 3, 4, 5, 7, 8]);
        assert_eq!((trace.found(), trace.sessions()), (vec![HER, OLD], 2));
        assert_eq!(trace.only_key(), None);
        assert_eq!(traced(of_person("t", HIM), &events).0, [6]);
        assert!(traced(of_person("tt", HER), &events).0.is_empty());
    }

    #[test]
    fn a_recording_that_someone_began_does_not_lead_to_who_else_is_in_it() {
        let mixed = json!({
            "participant": {"session_id": TWO, "ref": HIM}, "recording": {"started_by": ONE},
        });
        let events = [person(1, ONE, HER), event(2, "t", "x", mixed), person(3, TWO, HIM)];
        assert_eq!(traced(of_person("t", HER), &events).0, [1, 2]);
    }

    #[test]
    fn an_event_with_two_pseudonyms_belongs_to_both_and_leads_from_one_to_the_other() {
        let now = HER.replace("p1_", "p10_");
        let older = HER.replace("p1_", "p9_");
        let both = json!({"participant": {"ref": now, "previous_ref": older}});
        let events = [
            person(1, "PA_abcdefghijkl", &older),
            event(2, "t", "x", both),
            person(3, "PA_mnopqrstuvwx", &now),
            person(4, "PA_yzabcdefghij", HIM),
        ];
        for name in [&now, &older] {
            let (found, trace) = traced(of_person("t", name), &events);
            assert_eq!(found, [1, 2, 3], "{name}");
            assert_eq!(trace.found(), [&now, &older], "the newest first");
        }
        let (after, rekeyed) = (ROOM.replace("r1_", "r2_"), KEY.replace('q', "u"));
        let both = json!({"room": {"ref": after, "previous_ref": ROOM}});
        let events = [
            event(1, "t", KEY, json!({"room": {"ref": ROOM}})),
            event(2, "t", KEY, both),
            event(3, "t", &rekeyed, json!({"room": {"ref": after}})),
            event(4, "t", &rekeyed, json!({"recording": {"id": TWO}})),
        ];
        for name in [ROOM, KEY, &after, &rekeyed] {
            let trace = Trace::new(Whom::Room, "t", &[name.to_owned()]);
            let (found, trace) = traced(trace, &events);
            assert_eq!(found, [1, 2, 3, 4], "{name}");
            assert_eq!(trace.found(), [&after, ROOM, KEY, &rekeyed]);
        }
    }

    #[test]
    fn a_room_is_found_by_any_of_its_names_and_by_what_was_made_in_it() {
        let events = [
            event(1, "t", TWO, json!({"recording": {"id": TWO}})),
            event(2, "t", KEY, json!({"room": {"ref": ROOM, "session_id": ONE}})),
            event(3, "t", KEY, json!({"room": {"ref": ROOM}, "recording": {"id": TWO}})),
            event(4, "t", ONE, json!({"room": {"session_id": ONE}})),
            event(5, "t", "x", json!({"room": {"name": "other"}})),
        ];
        for name in [ROOM, KEY] {
            let trace = Trace::new(Whom::Room, "t", &[name.to_owned()]);
            let (found, trace) = traced(trace, &events);
            assert_eq!(found, [1, 2, 3, 4], "{name}");
            assert_eq!(trace.found(), [ROOM, KEY]);
        }
    }

    #[test]
    fn a_rooms_own_name_counts_only_where_a_rooms_name_stands() {
        let named = json!({"room": {"name": "daily", "session_id": ONE}});
        let events = [
            event(1, "t", "daily", named),
            event(2, "t", "x", json!({"provider": "daily", "participant": {"role": "daily"}})),
        ];
        let trace = Trace::new(Whom::Room, "t", &["daily".to_owned()]);
        let (found, trace) = traced(trace, &events);
        assert_eq!(found, [1]);
        assert_eq!(trace.only_key().map(|key| &key[..]), Some(&b"t/daily"[..]));
    }
}
