//! How an event stands: not kept anywhere, but told from where the lanes are.

use std::collections::BTreeMap;

use super::wanted::Row;
use crate::event::Kind;

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// On disk, on its way to Kafka.
    Pending,
    /// Kept back: its source is on hold.
    Held,
    /// On Kafka.
    Published,
    /// What could not pass.
    Quarantined,
    /// Its content is gone.
    Erased,
}

/// Where the lanes are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// Every event of live traffic up to and including this sequence is published.
    pub live: u64,
    /// Sources with a lane of their own.
    pub held: BTreeMap<String, Held>,
}

/// A stretch of a source's events that is held, or on its way out; live traffic has the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// It begins behind this sequence.
    pub since: u64,
    /// It ends with this one, where that is settled.
    pub until: Option<u64>,
    /// Its lane has come so far.
    pub through: u64,
}

impl Positions {
    /// Sequences, first and last, among which events of a source can be found that stand so, if
    /// they are neither in quarantine nor erased.
    pub(super) fn ranges(&self, state: State, source: &str) -> Vec<(u64, u64)> {
        let after = |sequence: u64| sequence.saturating_add(1);
        let (live, last) = (self.live, u64::MAX);
        let mut ranges = match (state, self.held.get(source)) {
            (State::Published, None) => vec![(0, live)],
            (State::Pending, None) => vec![(after(live), last)],
            (State::Published, Some(Held { since, until, through })) => {
                let until = until.unwrap_or(last);
                let through = (*through).min(until);
                vec![(0, live.min(*since)), (after(*since), through), (after(until), live)]
            }
            (State::Pending, Some(Held { since, until, .. })) => {
                let behind = until.map_or((1, 0), |until| (after(until.max(live)), last));
                vec![(after(live), *since), behind]
            }
            (State::Held, Some(Held { since, until, through })) => {
                vec![(after(*since.max(through)), until.unwrap_or(last))]
            }
            (State::Held, None) | (State::Quarantined | State::Erased, _) => Vec::new(),
        };
        ranges.retain(|(first, last)| first <= last);
        ranges
    }
}

/// How an event stands. What is erased is erased whatever else; what is in quarantine stays there.
pub fn state_of(row: &Row, at: &Positions) -> State {
    if row.erased {
        return State::Erased;
    }
    if row.kind == Kind::Quarantined || row.oversized {
        return State::Quarantined;
    }
    let within = |state| {
        let found = at.ranges(state, &row.source);
        found.iter().any(|(first, last)| (*first..=*last).contains(&row.sequence))
    };
    [State::Held, State::Published]
        .into_iter()
        .find(|state| within(*state))
        .unwrap_or(State::Pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letter of each sequence from 1 to 9, as all ranges together say it.
    fn states(live: u64, held: Option<(u64, Option<u64>, u64)>) -> String {
        let held = held.map(|(since, until, through)| Held { since, until, through });
        let at =
            Positions { live, held: held.map(|held| ("a".to_owned(), held)).into_iter().collect() };
        let letters = [(State::Published, 'P'), (State::Pending, 'w'), (State::Held, 'h')];
        let told = |sequence: u64| {
            let within = |state| {
                at.ranges(state, "a").iter().any(|(from, to)| (*from..=*to).contains(&sequence))
            };
            let mut told = letters.iter().filter(|(state, _)| within(*state));
            let (Some((_, letter)), None) = (told.next(), told.next()) else {
                panic!("{sequence} stands in no state, or in two: {at:?}");
            };
            *letter
        };
        (1..=9).map(told).collect()
    }

    #[test]
    fn an_event_of_a_source_on_hold_stands_as_the_lane_that_has_it() {
        assert_eq!(states(4, None), "PPPPwwwww");
        assert_eq!(states(3, Some((6, None, 6))), "PPPwwwhhh", "pending before its hold");
        assert_eq!(states(9, Some((3, None, 0))), "PPPhhhhhh");
        assert_eq!(states(9, Some((3, None, 5))), "PPPPPhhhh");
        assert_eq!(states(4, Some((3, Some(7), 5))), "PPPPPhhww", "settled: live has the rest");
        assert_eq!(states(8, Some((3, Some(7), 7))), "PPPPPPPPw");
    }
}
