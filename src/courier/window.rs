//! The events between the cursor and the end of what was read: which are sent, which acknowledged.
//!
//! Pure. A slot's number never changes and is never used again, so that a report finds its event
//! whatever happened meanwhile. The window's front is the oldest event that is not acknowledged.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Family, SourceName};
use crate::journal::{Lane, Stored};
use crate::publish::Record;

/// See the header.
pub(super) struct Window {
    /// The number of the front slot.
    base: usize,
    slots: VecDeque<Slot>,
    /// Slots before this one were sent, acknowledged or belong to a family that is held.
    next: usize,
    outstanding: usize,
    bytes: usize,
    /// Room for so many records and bytes.
    room: (usize, usize),
    /// Events up to this sequence are known to be published, also those not read yet.
    published: u64,
    /// Some may have been erased that are not done with.
    erased: bool,
}

struct Slot {
    event: Stored,
    /// What is sent in the event's place, once it proved too large.
    oversized: Option<Bytes>,
    /// What it counts as when it is done with.
    counts: Counts,
    /// It was erased: whenever it waits, it is given up.
    erased: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// The brokers have it.
    Published,
    /// It was given up.
    PassedOver,
    /// It is counted elsewhere.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Sent,
    Acknowledged,
}

/// How far the contiguous acknowledged prefix reaches.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    /// The last sequence of it.
    pub(super) through: u64,
    /// How many events of each source it adds.
    pub(super) published: Vec<(SourceName, u64)>,
    /// How many events of it were given up.
    pub(super) passed: u64,
}

impl Slot {
    fn family(&self) -> Family {
        match self.oversized {
            Some(_) => Family::Quarantine,
            None => self.event.kind.family(),
        }
    }

    fn record(&self) -> Record {
        Record {
            id: self.event.id,
            family: self.family(),
            key: self.event.key.clone(),
            value: self.oversized.as_ref().unwrap_or(&self.event.value).clone(),
            sequence: self.event.sequence,
        }
    }

    /// Done with: the place in the row is kept, the content is no longer needed. The bytes freed.
    fn acknowledge(&mut self) -> usize {
        let bytes = self.bytes();
        self.state = State::Acknowledged;
        self.event.value = Bytes::new();
        self.event.key = Bytes::new();
        self.oversized = None;
        bytes
    }

    fn bytes(&self) -> usize {
        self.event.key.len() + self.event.value.len()
    }
}

impl Window {
    /// An empty one for a lane: live traffic has the most room.
    pub(super) fn of(lane: &Lane) -> Self {
        let room = match lane {
            Lane::Live => (bounds::IN_FLIGHT_RECORDS, bounds::IN_FLIGHT_BYTES),
            Lane::Source { .. } | Lane::Replay(_) => {
                (bounds::SIDE_IN_FLIGHT_RECORDS, bounds::SIDE_IN_FLIGHT_BYTES)
            }
        };
        Self {
            base: 0,
            slots: VecDeque::new(),
            next: 0,
            outstanding: 0,
            bytes: 0,
            room,
            published: 0,
            erased: false,
        }
    }

    /// Whether another event may be taken in.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.room.0 && self.bytes < self.room.1
    }

    /// Takes the next event of the journal in.
    pub(super) fn push(&mut self, event: Stored) {
        let (counts, state) = (Counts::Published, State::Waiting);
        let mut slot = Slot { event, oversized: None, counts, erased: false, state };
        if slot.event.sequence <= self.published {
            slot.acknowledge();
        }
        self.bytes += slot.bytes();
        self.slots.push_back(slot);
    }

    /// The oldest event that waits, is not beyond `through` and of no held family, with its slot.
    /// The same one until it is [`Window::sent`].
    pub(super) fn next_to_send(
        &mut self,
        through: Option<usize>,
        held: impl Fn(Family) -> bool,
    ) -> Option<(usize, Record)> {
        let end = self.end().min(through.map_or(usize::MAX, |last| last + 1));
        self.next = self.next.max(self.base);
        while self.next < end {
            let slot = self.slots.get(self.next - self.base)?;
            if slot.state == State::Waiting && !held(slot.family()) {
                break;
            }
            self.next += 1;
        }
        if self.next >= end {
            return None;
        }
        let slot = self.slots.get(self.next - self.base)?;
        Some((self.next, slot.record()))
    }

    /// Notes that a slot was handed to the client.
    pub(super) fn sent(&mut self, slot: usize) {
        if let Some(found) = self.slot(slot) {
            found.state = State::Sent;
            self.outstanding += 1;
            self.next = slot + 1;
        }
    }

    /// Notes that the brokers have the event.
    pub(super) fn acknowledged(&mut self, slot: usize) {
        let Some(found) = self.slot(slot) else { return };
        if found.state == State::Sent {
            let bytes = found.acknowledge();
            self.outstanding -= 1;
            self.bytes -= bytes;
        }
    }

    /// Notes that the brokers have every event up to this sequence, whatever was heard of them.
    pub(super) fn published_through(&mut self, sequence: u64) {
        self.published = self.published.max(sequence);
        for slot in self.slots.iter_mut().take_while(|slot| slot.event.sequence <= sequence) {
            match slot.state {
                State::Acknowledged => continue,
                State::Sent => self.outstanding -= 1,
                State::Waiting => {}
            }
            self.bytes -= slot.acknowledge();
        }
    }

    /// Notes that a sent event did not arrive and waits again. It is sent again only after
    /// [`Window::rewind`] or [`Window::rewind_to`].
    pub(super) fn waits_again(&mut self, slot: usize) {
        let Some(found) = self.slot(slot) else { return };
        if found.state == State::Sent {
            found.state = State::Waiting;
            self.outstanding -= 1;
        }
    }

    /// Whether the slot is already its event's stand-in in quarantine.
    pub(super) fn is_oversized(&mut self, slot: usize) -> bool {
        self.slot(slot).is_some_and(|slot| slot.oversized.is_some())
    }

    /// The family that a slot is sent to.
    pub(super) fn family(&mut self, slot: usize) -> Option<Family> {
        self.slot(slot).map(|slot| slot.family())
    }

    /// The event of a slot.
    pub(super) fn event(&mut self, slot: usize) -> Option<&Stored> {
        self.slot(slot).map(|slot| &slot.event)
    }

    /// Lets a quarantine record stand in for an event that proved too large.
    pub(super) fn stand_in(&mut self, slot: usize, record: Bytes) {
        if let Some(found) = self.slot(slot) {
            found.oversized = Some(record);
        }
    }

    /// Gives up an event that waits: it is done with, and not published.
    pub(super) fn pass_over(&mut self, slot: usize) {
        let Some(found) = self.slot(slot) else { return };
        if found.state == State::Waiting {
            found.counts = Counts::PassedOver;
            let bytes = found.acknowledge();
            self.bytes -= bytes;
        }
    }

    /// The sequences of those that are not done with.
    pub(super) fn open(&self) -> Vec<u64> {
        let open = self.slots.iter().filter(|slot| slot.state != State::Acknowledged);
        open.map(|slot| slot.event.sequence).collect()
    }

    /// Notes that these were erased.
    pub(super) fn erase(&mut self, sequences: &[u64]) {
        for sequence in sequences {
            let place = self.slots.binary_search_by_key(sequence, |slot| slot.event.sequence);
            let slot = place.ok().and_then(|place| self.slots.get_mut(place));
            if let Some(slot) = slot.filter(|slot| slot.state != State::Acknowledged) {
                slot.erased = true;
                self.erased = true;
            }
        }
    }

    /// Gives up what waits and was erased: done with, not published. What is on its way may go out.
    pub(super) fn give_up_erased(&mut self) -> Vec<(u64, SourceName)> {
        let mut given_up = Vec::new();
        if !std::mem::take(&mut self.erased) {
            return given_up;
        }
        for slot in self.slots.iter_mut().filter(|slot| slot.erased) {
            match slot.state {
                State::Acknowledged => {}
                State::Sent => self.erased = true,
                State::Waiting => {
                    slot.counts = Counts::Nothing;
                    self.bytes -= slot.acknowledge();
                    given_up.push((slot.event.sequence, slot.event.source.clone()));
                }
            }
        }
        given_up
    }

    /// Starts sending from the front again: what waits is found again.
    pub(super) fn rewind(&mut self) {
        self.next = self.base;
    }

    /// Starts sending from this slot again, if it lies behind.
    pub(super) fn rewind_to(&mut self, slot: usize) {
        self.next = self.next.min(slot);
    }

    /// Takes the acknowledged prefix out, as far as `through`. Events up to `counted` add nothing:
    /// they are counted.
    pub(super) fn advance(&mut self, counted: u64, through: u64) -> Option<Prefix> {
        let mut last = None;
        let mut passed = 0;
        let mut published = BTreeMap::<SourceName, u64>::new();
        let done =
            |slot: &mut Slot| slot.state == State::Acknowledged && slot.event.sequence <= through;
        while let Some(front) = self.slots.pop_front_if(done) {
            last = Some(front.event.sequence);
            if front.event.sequence > counted {
                match front.counts {
                    Counts::Published => *published.entry(front.event.source).or_default() += 1,
                    Counts::PassedOver => passed += 1,
                    Counts::Nothing => {}
                }
            }
            self.base += 1;
        }
        let published = published.into_iter().collect();
        Some(Prefix { through: last?, published, passed })
    }

    /// The last event of the acknowledged prefix; `None` where there is none.
    pub(super) fn settled_through(&self) -> Option<u64> {
        let done = |slot: &&Slot| slot.state == State::Acknowledged;
        self.slots.iter().take_while(done).last().map(|slot| slot.event.sequence)
    }

    /// The number of the front slot.
    pub(super) fn front(&self) -> usize {
        self.base
    }

    /// Events handed over whose fate is not told yet.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Events in the window, acknowledged ones beyond the front too.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether a slot is done with. One that does not exist yet is not.
    pub(super) fn is_settled(&self, slot: usize) -> bool {
        let Some(place) = slot.checked_sub(self.base) else {
            return true;
        };
        let found = self.slots.get(place);
        found.is_some_and(|slot| slot.state == State::Acknowledged)
    }

    /// Whether a slot up to this one must still be sent alone: one that is neither done with nor of
    /// a held family, which may wait for days.
    pub(super) fn has_suspects(&self, last: usize, held: impl Fn(Family) -> bool) -> bool {
        let count = (last + 1).saturating_sub(self.base).min(self.slots.len());
        let suspect = |slot: &Slot| slot.state != State::Acknowledged && !held(slot.family());
        self.slots.range(..count).any(suspect)
    }

    /// The number of the last slot that was sent or passed, if there is one.
    pub(super) fn last_tried(&self) -> Option<usize> {
        self.next.max(self.base).checked_sub(1)
    }

    /// When the oldest event that is not acknowledged was received.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.slots.front().map(|slot| slot.event.received)
    }

    fn end(&self) -> usize {
        self.base + self.slots.len()
    }

    fn slot(&mut self, slot: usize) -> Option<&mut Slot> {
        self.slots.get_mut(slot.checked_sub(self.base)?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::{Digest128, EventId, Kind};

    pub(in crate::courier) fn stored(sequence: u64, kind: Kind) -> Stored {
        Stored {
            sequence,
            id: EventId(Digest128([0; 16])),
            source: SourceName::new(if sequence.is_multiple_of(2) { "even" } else { "odd" }),
            kind,
            received: Timestamp::from_millis(sequence.cast_signed()),
            key: Bytes::from_static(b"k"),
            value: Bytes::from_static(b"value"),
        }
    }

    fn window(sequences: impl IntoIterator<Item = u64>) -> Window {
        let mut window = Window::of(&Lane::Live);
        for sequence in sequences {
            window.push(stored(sequence, Kind::RoomStarted));
        }
        window
    }

    fn send_all(window: &mut Window) -> Vec<u64> {
        let mut sent = Vec::new();
        while let Some((slot, record)) = window.next_to_send(None, |_| false) {
            sent.push(record.sequence);
            window.sent(slot);
        }
        sent
    }

    #[test]
    fn the_prefix_ends_at_the_first_gap_and_counts_by_source() {
        let mut window = window([5, 6, 9, 10]);
        assert_eq!(send_all(&mut window), [5, 6, 9, 10]);
        for slot in [0, 1, 3] {
            window.acknowledged(slot);
        }
        let published = [("even", 1), ("odd", 1)].map(|(name, n)| (SourceName::new(name), n));
        let prefix = window.advance(0, u64::MAX).unwrap();
        assert_eq!((prefix.through, prefix.published), (6, published.to_vec()));
        assert_eq!(window.advance(0, u64::MAX), None);
        window.acknowledged(2);
        assert_eq!(window.advance(0, u64::MAX).unwrap().through, 10);
        assert_eq!((window.len(), window.outstanding(), window.bytes), (0, 0, 0));
    }

    #[test]
    fn what_was_acknowledged_beyond_the_gap_is_not_sent_again() {
        let mut window = window(1..=4);
        send_all(&mut window);
        window.acknowledged(2);
        for slot in [0, 1, 3] {
            window.waits_again(slot);
        }
        window.rewind();
        assert_eq!(send_all(&mut window), [1, 2, 4]);
    }

    #[test]
    fn a_held_family_is_passed_over_and_found_again() {
        let mut window = Window::of(&Lane::Live);
        for (sequence, kind) in [(1, Kind::RoomStarted), (2, Kind::TrackPublished)] {
            window.push(stored(sequence, kind));
        }
        let held = |family| family == Family::Lifecycle;
        let (slot, record) = window.next_to_send(None, held).unwrap();
        assert_eq!((slot, record.sequence), (1, 2));
        window.sent(slot);
        assert!(window.next_to_send(None, held).is_none());
        window.rewind();
        assert_eq!(send_all(&mut window), [1]);
    }

    #[test]
    fn a_stand_in_goes_to_quarantine_under_the_same_key_and_sequence() {
        let mut window = window([7]);
        send_all(&mut window);
        window.waits_again(0);
        window.stand_in(0, Bytes::from_static(b"short"));
        window.rewind_to(0);
        let (slot, record) = window.next_to_send(None, |_| false).unwrap();
        assert_eq!(
            (slot, record.family, &record.key[..], &record.value[..], record.sequence),
            (0, Family::Quarantine, &b"k"[..], &b"short"[..], 7)
        );
    }

    #[test]
    fn nothing_beyond_the_limit_is_sent() {
        let mut window = window(1..=3);
        let (slot, _) = window.next_to_send(Some(0), |_| false).unwrap();
        window.sent(slot);
        assert!(window.next_to_send(Some(0), |_| false).is_none());
        assert!(window.has_suspects(0, |_| false) && !window.has_suspects(0, |_| true));
        window.acknowledged(0);
        assert!(!window.has_suspects(0, |_| false) && window.has_suspects(1, |_| false));
        window.advance(0, u64::MAX);
        assert!(!window.has_suspects(0, |_| false));
        assert!(window.is_settled(0) && !window.is_settled(1) && !window.is_settled(9));
        assert_eq!(send_all(&mut window), [2, 3]);
    }

    #[test]
    fn what_is_known_to_be_published_is_not_sent_read_or_not_and_is_counted_once() {
        let mut window = window(1..=3);
        let (slot, _) = window.next_to_send(None, |_| false).unwrap();
        window.sent(slot);
        window.published_through(4);
        window.push(stored(4, Kind::RoomStarted));
        window.push(stored(5, Kind::RoomStarted));
        let published = vec![(SourceName::new("even"), 1), (SourceName::new("odd"), 1)];
        assert_eq!(window.advance(2, u64::MAX), Some(Prefix { through: 4, published, passed: 0 }));
        assert_eq!(window.outstanding(), 0);
        window.rewind();
        assert_eq!(send_all(&mut window), [5]);
        window.published_through(5);
        assert_eq!((window.advance(5, u64::MAX).unwrap().published, window.bytes), (Vec::new(), 0));
    }

    #[test]
    fn what_was_erased_is_given_up_when_it_waits_and_counted_elsewhere() {
        let mut window = window(1..=5);
        for _ in 0..2 {
            let (slot, _) = window.next_to_send(None, |_| false).unwrap();
            window.sent(slot);
        }
        assert_eq!(window.open(), [1, 2, 3, 4, 5]);
        window.erase(&[1, 2, 4, 9]);
        assert_eq!(window.give_up_erased(), [(4, SourceName::new("even"))]);
        assert_eq!(send_all(&mut window), [3, 5]);
        // One went out, of two nothing was heard: it is not sent again.
        window.acknowledged(0);
        window.waits_again(1);
        window.rewind();
        assert_eq!(window.give_up_erased(), [(2, SourceName::new("even"))]);
        assert_eq!(send_all(&mut window), Vec::<u64>::new());
        assert_eq!(window.give_up_erased(), []);
        window.acknowledged(2);
        window.acknowledged(4);
        let published = vec![(SourceName::new("odd"), 3)];
        assert_eq!(window.advance(0, u64::MAX), Some(Prefix { through: 5, published, passed: 0 }));
        assert_eq!((window.outstanding(), window.bytes), (0, 0));
    }

    #[test]
    fn what_is_given_up_is_counted_apart_and_the_prefix_goes_no_further_than_it_may() {
        let mut window = window(1..=3);
        send_all(&mut window);
        window.waits_again(1);
        window.pass_over(1);
        window.acknowledged(0);
        window.acknowledged(2);
        assert_eq!(window.settled_through(), Some(3));
        assert_eq!(window.advance(0, 1).unwrap().through, 1);
        let published = vec![(SourceName::new("odd"), 1)];
        let rest = Prefix { through: 3, published, passed: 1 };
        assert_eq!(window.advance(0, u64::MAX), Some(rest));
        assert_eq!((window.len(), window.outstanding(), window.bytes), (0, 0, 0));
    }

    #[test]
    fn a_report_that_comes_twice_or_late_changes_nothing() {
        let mut window = window([1]);
        send_all(&mut window);
        window.acknowledged(0);
        window.acknowledged(0);
        window.waits_again(0);
        window.advance(0, u64::MAX);
        window.acknowledged(0);
        assert_eq!((window.outstanding(), window.len()), (0, 0));
    }
}
