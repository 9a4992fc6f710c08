//! How an event stands: not kept anywhere, but told from where the lanes are.

use std::collections::BTreeMap;

use super::query::Row;
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
    /// Sources with a lane of their own: what is behind its cursor is held, or on its way out.
    pub held: BTreeMap<String, u64>,
}

impl Positions {
    /// Sequences, first and last, among which events of a source can be found that stand so, if
    /// they are neither in quarantine nor erased.
    pub(super) fn ranges(&self, state: State, source: &str) -> Vec<(u64, u64)> {
        let lane = self.held.get(source);
        let through = *lane.unwrap_or(&self.live);
        let behind = (through.saturating_add(1), u64::MAX);
        match state {
            State::Published => vec![(0, through)],
            State::Held if lane.is_some() => vec![behind],
            State::Pending if lane.is_none() => vec![behind],
            State::Pending | State::Held | State::Quarantined | State::Erased => Vec::new(),
        }
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
