//! Cursors: how far each lane has come, and the counts that ride with it.
//!
//! Advances gather in memory and go to disk with the next group commit. A cursor never moves
//! backwards and never past the head; the counts of an advance that moves nothing are not taken,
//! so that a lane that starts again from its cursor counts nothing twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, params};

use super::read::Damaged;
use super::writer::Order;
use super::{Advance, Journal, Lane, replays};
use crate::bounds;
use crate::event::{Digest128, InstanceName, ReplayId, SourceName};

mod on_disk;

pub(super) use on_disk::{marks, published, read};

use on_disk::note_name;

/// Where a lane's cursor that is kept in Kafka was committed last. Where there is one, there must
/// be one in Kafka, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Every event up to and including this sequence was published.
    pub sequence: u64,
    /// The digest of that event, where it was known.
    pub digest: Option<Digest128>,
}

impl Journal {
    /// Takes note that Kafka has a lane's cursor here: on disk with the next group commit. Never
    /// waits.
    pub fn mark(&self, lane: &Lane, mark: Marked) {
        if self.inner.shared.cursors().mark(lane, mark) {
            drop(self.inner.queue.try_send(Order::Nudge));
        }
    }

    /// Where Kafka was last known to have a lane's cursor; `None` if it never had it.
    pub fn marked(&self, lane: &Lane) -> Option<Marked> {
        self.inner.shared.cursors().marked(lane)
    }

    /// Forgets a lane that has ended: its cursor and what Kafka has of it. Gone from the disk with
    /// the next group commit. Never waits.
    pub fn end_lane(&self, lane: &Lane) {
        if self.inner.shared.cursors().end(lane) {
            drop(self.inner.queue.try_send(Order::Nudge));
        }
    }

    /// The lanes that have a cursor, on disk or not, with it.
    pub fn lanes(&self) -> Vec<(Lane, u64)> {
        self.inner.shared.cursors().lanes()
    }
}

/// Cursors of one instance, and what is not yet on disk of them.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    through: HashMap<Lane, u64>,
    /// Damaged events that no cursor has passed yet, by the first of each stretch. None overlap.
    damaged: BTreeMap<u64, Damaged>,
    /// The same of sources on hold; it is their own lane that passes them.
    damaged_held: Vec<Damaged>,
    waiting: Moves,
    marked: HashMap<Lane, Marked>,
    /// Where a lane really is, while that is behind its cursor.
    held_back: HashMap<Lane, u64>,
}

/// What a commit takes along.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    lanes: HashMap<Lane, u64>,
    marked: HashMap<Lane, Marked>,
    /// Lanes that have ended.
    ended: HashSet<Lane>,
    /// Events of replays that were published, and given up, since the last commit.
    replayed: HashMap<ReplayId, (u64, u64)>,
    /// Events published since the last commit, by source.
    pub(super) published: HashMap<SourceName, u64>,
    /// Events lost to damage that a cursor has passed since the last commit, by source.
    pub(super) lost: HashMap<SourceName, u64>,
    /// Held events that were published.
    pub(super) released: HashMap<SourceName, u64>,
    /// Held events that were lost.
    pub(super) lost_held: HashMap<SourceName, u64>,
}

/// Why an advance was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// The lane is there or beyond already.
    Behind,
    /// No event has this sequence yet: a defect of the caller, which would skip events to come.
    BeyondHead,
}

impl Cursors {
    /// The cursors that are on disk.
    pub(super) fn load(connection: &Connection, of: &InstanceName) -> rusqlite::Result<Self> {
        let mut statement =
            connection.prepare_cached("SELECT lane, through FROM cursor WHERE instance = ?1")?;
        let mut rows = statement.query([of.as_str()])?;
        let mut through = HashMap::new();
        while let Some(row) = rows.next()? {
            // A lane of a newer version has nobody here to move it.
            if let Some(lane) = row.get_ref(0)?.as_str().ok().and_then(Lane::parse) {
                through.insert(lane, row.get::<_, i64>(1)?.cast_unsigned());
            }
        }
        Ok(Self { through, marked: marks(connection)?, ..Self::default() })
    }

    /// Takes note of a cursor that Kafka has. Whether it is the first that waits, so that the
    /// writer must be told.
    pub(super) fn mark(&mut self, lane: &Lane, mark: Marked) -> bool {
        if self.marked(lane) == Some(mark) {
            return false;
        }
        let first = self.waiting.is_empty();
        self.marked.insert(lane.clone(), mark);
        self.waiting.marked.insert(lane.clone(), mark);
        first
    }

    /// The note of a cursor that Kafka has, on disk or not.
    pub(super) fn marked(&self, lane: &Lane) -> Option<Marked> {
        self.marked.get(lane).copied()
    }

    /// Forgets a lane. Whether that is the first that waits.
    pub(super) fn end(&mut self, lane: &Lane) -> bool {
        let first = self.waiting.is_empty();
        self.through.remove(lane);
        self.marked.remove(lane);
        self.held_back.remove(lane);
        self.waiting.lanes.remove(lane);
        self.waiting.marked.remove(lane);
        self.waiting.ended.insert(lane.clone());
        first
    }

    /// A lane that begins after a sequence, and is on disk already.
    pub(super) fn begin(&mut self, lane: Lane, after: u64) {
        self.waiting.ended.remove(&lane);
        self.through.insert(lane, after);
    }

    /// Every lane with its cursor.
    pub(super) fn lanes(&self) -> Vec<(Lane, u64)> {
        self.through.iter().map(|(lane, through)| (lane.clone(), *through)).collect()
    }

    /// Takes an advance. `Ok(true)` when it is the first that waits, so that the writer must be
    /// told.
    pub(super) fn advance(&mut self, to: Advance, head: u64) -> Result<bool, Ignored> {
        if to.through > head {
            return Err(Ignored::BeyondHead);
        }
        let through = self.through.entry(to.lane.clone()).or_default();
        if let Some(held) = self.held_back.get_mut(&to.lane) {
            *held = to.through.max(*held);
            if *held >= *through {
                self.held_back.remove(&to.lane);
            }
        }
        if to.through <= *through {
            return Err(Ignored::Behind);
        }
        *through = to.through;
        let first = self.waiting.is_empty();
        if to.lane == Lane::Live {
            self.pass_damage(to.through);
        }
        self.waiting.ended.remove(&to.lane);
        match &to.lane {
            Lane::Live => {
                for (source, count) in to.published {
                    *self.waiting.published.entry(source).or_default() += count;
                }
            }
            Lane::Source { source, .. } => {
                for (source, count) in to.published {
                    *self.waiting.released.entry(source).or_default() += count;
                }
                let passed = |damaged: &Damaged| {
                    damaged.source.as_ref() == Some(source) && damaged.last <= to.through
                };
                for damaged in self.damaged_held.extract_if(.., |damaged| passed(damaged)) {
                    *self.waiting.lost_held.entry(source.clone()).or_default() += damaged.count();
                }
            }
            Lane::Replay(id) => {
                let count = to.published.iter().map(|(_, count)| count).sum::<u64>();
                self.waiting.replayed.entry(id.clone()).or_default().0 += count;
            }
        }
        self.waiting.lanes.insert(to.lane, to.through);
        Ok(first)
    }

    /// Counts events that a replay gave up, with its next advance.
    pub(super) fn pass_over(&mut self, id: &ReplayId, count: u64) {
        self.waiting.replayed.entry(id.clone()).or_default().1 += count;
    }

    /// Accounts for damaged events that live traffic has come past.
    fn pass_damage(&mut self, through: u64) {
        let mut beyond = self.damaged.split_off(&(through + 1));
        for mut passed in std::mem::take(&mut self.damaged).into_values() {
            if passed.last > through {
                beyond.insert(through + 1, Damaged { first: through + 1, ..passed.clone() });
                passed.last = through;
            }
            let count = passed.count();
            if let Some(source) = passed.source {
                *self.waiting.lost.entry(source).or_default() += count;
            }
        }
        self.damaged = beyond;
    }

    /// Notes events that can never be published: once the live cursor passes them, they are
    /// accounted for as lost. Each may be told once. Bounded by [`bounds::JOURNAL_DAMAGED_KEPT`].
    pub(super) fn lose(&mut self, mut damaged: Damaged, is_held: bool) {
        if is_held {
            damaged.first = damaged.first.max(self.released(damaged.source.as_ref()) + 1);
            if damaged.first <= damaged.last
                && self.damaged_held.len() < bounds::JOURNAL_DAMAGED_KEPT
            {
                self.damaged_held.push(damaged);
            }
            return;
        }
        damaged.first = damaged.first.max(self.through(&Lane::Live) + 1);
        if damaged.first <= damaged.last && self.damaged.len() < bounds::JOURNAL_DAMAGED_KEPT {
            self.damaged.insert(damaged.first, damaged);
        }
    }

    /// How far a source's own lanes have come.
    fn released(&self, of: Option<&SourceName>) -> u64 {
        let its = |lane: &Lane| matches!(lane, Lane::Source { source, .. } if Some(source) == of);
        let lanes = self.through.iter().filter(|(lane, _)| its(lane));
        lanes.map(|(_, through)| *through).max().unwrap_or_default()
    }

    /// How far a lane has come, on disk or not.
    pub(super) fn through(&self, lane: &Lane) -> u64 {
        self.through.get(lane).copied().unwrap_or_default()
    }

    /// Notes where a lane begins, or begins again: what lies behind that and before its cursor is
    /// still needed, until an advance has come to the cursor.
    pub(super) fn hold_back(&mut self, lane: &Lane, through: u64) {
        if through < self.through(lane) {
            self.held_back.insert(lane.clone(), through);
        } else {
            self.held_back.remove(lane);
        }
    }

    /// What no lane of the ledger needs any more, by where they really are; their cursors on disk
    /// are another bound.
    pub(super) fn floor(&self) -> u64 {
        let counting = self.held_back.iter().filter(|(lane, _)| lane.is_in_ledger());
        counting.map(|(_, through)| *through).min().unwrap_or(u64::MAX)
    }

    /// Whether something waits for a commit.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What waits, for a commit to take along.
    pub(super) fn take(&mut self) -> Moves {
        std::mem::take(&mut self.waiting)
    }

    /// Puts back what a failed commit had taken.
    pub(super) fn restore(&mut self, moves: Moves) {
        for (lane, through) in moves.lanes {
            if self.waiting.ended.contains(&lane) {
                continue;
            }
            let waiting = self.waiting.lanes.entry(lane).or_default();
            *waiting = through.max(*waiting);
        }
        for (lane, mark) in moves.marked {
            if !self.waiting.ended.contains(&lane) {
                self.waiting.marked.entry(lane).or_insert(mark);
            }
        }
        let begun_again = |lane: &Lane| self.waiting.lanes.contains_key(lane);
        let ended: Vec<_> = moves.ended.into_iter().filter(|lane| !begun_again(lane)).collect();
        self.waiting.ended.extend(ended);
        for (id, (published, passed)) in moves.replayed {
            let waiting = self.waiting.replayed.entry(id).or_default();
            (waiting.0, waiting.1) = (waiting.0 + published, waiting.1 + passed);
        }
        let add = |waiting: &mut HashMap<SourceName, u64>, more| {
            for (source, count) in more {
                *waiting.entry(source).or_default() += count;
            }
        };
        add(&mut self.waiting.published, moves.published);
        add(&mut self.waiting.lost, moves.lost);
        add(&mut self.waiting.released, moves.released);
        add(&mut self.waiting.lost_held, moves.lost_held);
    }
}

impl Moves {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.marked.is_empty() && self.ended.is_empty()
    }

    /// Writes the cursors, what Kafka has of them, and the totals of replays. The other counts are
    /// the ledger's.
    pub(super) fn write(&self, connection: &Connection, of: &InstanceName) -> rusqlite::Result<()> {
        for lane in &self.ended {
            connection
                .prepare_cached("DELETE FROM cursor WHERE instance = ?1 AND lane = ?2")?
                .execute(params![of.as_str(), lane.name()])?;
            connection
                .prepare_cached("DELETE FROM meta WHERE name = ?1")?
                .execute([note_name(lane)])?;
        }
        let mut statement = connection.prepare_cached(
            "INSERT INTO cursor(instance, lane, through) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET through = max(through, excluded.through)",
        )?;
        for (lane, through) in &self.lanes {
            statement.execute(params![of.as_str(), lane.name(), through.cast_signed()])?;
        }
        for (id, (published, passed_over)) in &self.replayed {
            replays::count(connection, id, *published, *passed_over)?;
        }
        for (lane, mark) in &self.marked {
            let mut note = mark.sequence.to_le_bytes().to_vec();
            note.extend(mark.digest.iter().flat_map(|digest| digest.0));
            connection
                .prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)")?
                .execute(params![note_name(lane), note])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(through: u64, count: u64) -> Advance {
        Advance { lane: Lane::Live, through, published: vec![(SourceName::new("a"), count)] }
    }

    #[test]
    fn an_advance_that_moves_nothing_counts_nothing() {
        let mut cursors = Cursors::default();
        assert_eq!(cursors.advance(to(5, 5), 9), Ok(true));
        assert_eq!(cursors.advance(to(5, 5), 9), Err(Ignored::Behind));
        assert_eq!(cursors.advance(to(3, 3), 9), Err(Ignored::Behind));
        assert_eq!(cursors.advance(to(10, 5), 9), Err(Ignored::BeyondHead));
        assert_eq!(cursors.advance(to(9, 4), 9), Ok(false));
        assert_eq!(cursors.take().published[&SourceName::new("a")], 9);
        assert_eq!(cursors.advance(to(9, 4), 9), Err(Ignored::Behind));
    }

    #[test]
    fn a_replay_counts_nothing_in_the_ledger_and_a_lane_that_ended_is_known_no_more() {
        let mut cursors = Cursors::default();
        let replay = Lane::Replay(ReplayId::fresh());
        cursors.advance(Advance { lane: replay.clone(), ..to(4, 4) }, 9).unwrap();
        cursors.mark(&replay, Marked { sequence: 4, digest: None });
        assert_eq!(cursors.through(&replay), 4);
        let taken = cursors.take();
        assert!(taken.published.is_empty() && taken.lanes[&replay] == 4);
        cursors.end(&replay);
        cursors.restore(taken);
        assert_eq!((cursors.through(&replay), cursors.marked(&replay)), (0, None));
        let taken = cursors.take();
        assert!(taken.lanes.is_empty() && taken.marked.is_empty() && !taken.is_empty());
    }

    #[test]
    fn what_a_failed_commit_took_is_not_lost() {
        let mut cursors = Cursors::default();
        cursors.advance(to(5, 5), 9).unwrap();
        let taken = cursors.take();
        cursors.advance(to(7, 2), 9).unwrap();
        cursors.restore(taken);
        let moves = cursors.take();
        assert_eq!(moves.lanes[&Lane::Live], 7);
        assert_eq!(moves.published[&SourceName::new("a")], 7);
    }
}
