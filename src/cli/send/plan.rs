//! What is sent, in which order, and by whom.
//!
//! A repetition plays every fixture once. Within it the fixtures of one room go one after another,
//! as providers send them, each waiting for the answer to the one before; rooms and repetitions
//! run side by side over the connections. Fixtures without a room count as one room of their own.
//! Forgeries and second copies are sent in addition, never instead, and are spread evenly.

use std::collections::HashMap;

use serde_json::Value;

use crate::cli::fixture::Fixture;

/// The whole of what is to be sent.
pub(super) struct Plan {
    /// The stored requests.
    pub(super) fixtures: Vec<Fixture>,
    /// Places of fixtures, a room each, in the order of the files.
    rooms: Vec<Vec<usize>>,
    repeat: u64,
    duplicates: Share,
    forgeries: Share,
}

/// One fixture's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Which repetition, from 0.
    pub(super) repetition: u64,
    /// The place of the fixture.
    pub(super) fixture: usize,
    /// Its place among all turns.
    pub(super) number: u64,
}

/// A part of all turns, spread evenly: deterministic, and off by a turn at most.
#[derive(Clone, Copy, Debug)]
struct Share {
    ratio: f64,
    phase: f64,
}

impl Plan {
    /// A plan over these fixtures. The seed decides which turns are doubled and forged.
    pub(super) fn new(
        fixtures: Vec<Fixture>,
        repeat: u64,
        (duplicates, forgeries): (f64, f64),
        seed: u64,
    ) -> Self {
        let mut places: HashMap<Option<String>, usize> = HashMap::new();
        let mut rooms: Vec<Vec<usize>> = Vec::new();
        for (place, fixture) in fixtures.iter().enumerate() {
            let room = *places.entry(room(&fixture.body)).or_insert(rooms.len());
            match rooms.get_mut(room) {
                Some(members) => members.push(place),
                None => rooms.push(vec![place]),
            }
        }
        let phase = |bits: u64| (bits & 0xffff_ffff) as f64 / f64::from(u32::MAX) * 0.999;
        Self {
            fixtures,
            rooms,
            repeat,
            duplicates: Share { ratio: duplicates, phase: phase(seed) },
            forgeries: Share { ratio: forgeries, phase: phase(seed >> 32) },
        }
    }

    /// Turns of all repetitions.
    pub(super) fn turns(&self) -> u64 {
        self.repeat.saturating_mul(self.fixtures.len() as u64)
    }

    /// Deliveries, with forgeries and second copies.
    pub(super) fn deliveries(&self) -> u64 {
        let turns = self.turns();
        turns + self.duplicates.among(turns) + self.forgeries.among(turns)
    }

    /// The turns of one lane out of `lanes`, in order.
    pub(super) fn lane(&self, lane: usize, lanes: usize) -> impl Iterator<Item = Turn> + '_ {
        let rooms = self.rooms.len() as u64;
        let all = self.repeat.saturating_mul(rooms);
        let per_repetition = self.fixtures.len() as u64;
        (lane as u64..all).step_by(lanes.max(1)).flat_map(move |place| {
            let repetition = place / rooms.max(1);
            let room = usize::try_from(place % rooms.max(1)).unwrap_or(0);
            let members = self.rooms.get(room).into_iter().flatten();
            members.map(move |&fixture| Turn {
                repetition,
                fixture,
                number: repetition * per_repetition + fixture as u64,
            })
        })
    }

    /// Whether this turn is sent twice.
    pub(super) fn is_doubled(&self, turn: Turn) -> bool {
        self.duplicates.takes(turn.number)
    }

    /// Whether a forgery goes before this turn.
    pub(super) fn is_forged(&self, turn: Turn) -> bool {
        self.forgeries.takes(turn.number)
    }
}

impl Share {
    fn among(self, turns: u64) -> u64 {
        (turns as f64 * self.ratio + self.phase).floor() as u64
    }

    fn takes(self, number: u64) -> bool {
        self.among(number + 1) > self.among(number)
    }
}

/// The room a body speaks of, where either provider would write it.
fn room(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let places = [
        "/payload/room",
        "/payload/room_name",
        "/room/name",
        "/egressInfo/roomName",
        "/ingressInfo/roomName",
        "/job/room/name",
    ];
    places.iter().find_map(|place| Some(body.pointer(place)?.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(repeat: u64, ratios: (f64, f64)) -> Plan {
        let bodies = [
            r#"{"payload":{"room":"a"}}"#,
            r#"{"room":{"name":"b"}}"#,
            r#"{"egressInfo":{"roomName":"a"}}"#,
            r#"{"test":"test"}"#,
        ];
        let fixture = |body: &str| Fixture {
            path: "x.http".into(),
            method: "POST".to_owned(),
            route: "/".to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        Plan::new(bodies.map(fixture).into(), repeat, ratios, 7)
    }

    #[test]
    fn every_turn_is_on_exactly_one_lane_and_rooms_keep_their_order() {
        let plan = plan(5, (0.0, 0.0));
        let mut seen = Vec::new();
        for lane in 0..3 {
            let turns: Vec<Turn> = plan.lane(lane, 3).collect();
            for pair in turns.windows(2) {
                let same = pair[0].repetition == pair[1].repetition;
                if same && (pair[0].fixture, pair[1].fixture) == (2, 0) {
                    panic!("the second of room a before its first");
                }
            }
            seen.extend(turns.iter().map(|turn| turn.number));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..20).collect::<Vec<u64>>());
        let one: Vec<usize> = plan.lane(0, 1).map(|turn| turn.fixture).collect();
        assert_eq!(one[..4], [0, 2, 1, 3]);
    }

    #[test]
    fn shares_are_spread_evenly_and_counted_beforehand() {
        for ratio in [0.0, 0.1, 0.5, 1.0] {
            let plan = plan(25, (ratio, ratio));
            let turns: Vec<Turn> = plan.lane(0, 1).collect();
            let doubled = turns.iter().filter(|turn| plan.is_doubled(**turn)).count();
            let forged = turns.iter().filter(|turn| plan.is_forged(**turn)).count();
            assert!((doubled as f64 - 100.0 * ratio).abs() <= 1.0, "{ratio}: {doubled}");
            assert_eq!(plan.deliveries(), (100 + doubled + forged) as u64);
        }
    }
}
