//! Cursors and the ledger.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;

fn to(through: u64, published: &[(&str, u64)]) -> Advance {
    Advance {
        lane: Lane::Live,
        through,
        published: published
            .iter()
            .map(|(source, count)| (SourceName::new(source), *count))
            .collect(),
    }
}

/// The cursor that a restart would find.
fn on_disk(dir: &Path) -> u64 {
    cursors::read(&inspect(dir), &InstanceName::new("gate-1"), &Lane::Live).unwrap()
}

#[test]
fn a_lane_that_starts_again_before_its_cursor_is_on_disk_counts_nothing_twice() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { cursor_within: Duration::from_secs(3_600), ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    for n in 0..3 {
        append(&journal, event(n)).unwrap();
    }
    journal.advance(to(2, &[("a", 2)]));
    assert_eq!(on_disk(dir.path()), 0);
    assert_eq!(journal.cursor(&Lane::Live), Ok(2));
    journal.advance(to(3, &[("a", 1)]));
    journal.close();
    assert_eq!(on_disk(dir.path()), 3);
    let row = &journal.ledger().unwrap()[0];
    assert_eq!((row.accepted, row.published, row.pending), (3, 3, 0));
}

#[test]
fn a_cursor_is_on_disk_though_no_event_comes() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { cursor_within: Duration::from_millis(1), ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    append(&journal, event(1)).unwrap();
    assert_eq!(on_disk(dir.path()), 0);
    journal.advance(to(1, &[("a", 1)]));
    disk.wait_for_commits(2);
    assert_eq!(on_disk(dir.path()), 1);
}

#[test]
fn a_cursor_rides_in_the_next_commit() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { cursor_within: Duration::from_secs(3_600), ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    append(&journal, event(1)).unwrap();
    journal.advance(to(1, &[("a", 1)]));
    append(&journal, event(2)).unwrap();
    assert_eq!(disk.commits(), 2);
    assert_eq!(on_disk(dir.path()), 1);
    let row = &journal.ledger().unwrap()[0];
    assert_eq!((row.accepted, row.published, row.pending), (2, 1, 1));
}

#[test]
fn a_cursor_never_moves_backwards_nor_past_the_head() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for n in 0..5 {
        append(&journal, event(n)).unwrap();
    }
    journal.advance(to(4, &[("a", 4)]));
    journal.advance(to(2, &[("a", 2)]));
    journal.advance(to(9, &[("a", 5)]));
    journal.close();
    assert_eq!(on_disk(dir.path()), 4);
    let journal = open(dir.path(), Tuning::default());
    journal.advance(to(4, &[("a", 4)]));
    journal.advance(to(3, &[("a", 3)]));
    journal.close();
    assert_eq!(on_disk(dir.path()), 4);
    assert_eq!(journal.ledger().unwrap()[0].published, 4);
}

#[test]
fn a_cursor_is_on_disk_after_closing() {
    let dir = folder();
    let tuning = Tuning { cursor_within: Duration::from_secs(3_600), ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    append(&journal, event(1)).unwrap();
    journal.advance(to(1, &[("a", 1)]));
    journal.close();
    assert_eq!(on_disk(dir.path()), 1);
}

#[test]
fn a_journal_that_is_dropped_writes_what_it_has_and_lets_go() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    journal.advance(to(1, &[("a", 1)]));
    let lock = std::fs::File::open(dir.path().join("journal.lock")).unwrap();
    drop(journal);
    lock.lock().unwrap();
    drop(lock);
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(journal.cursor(&Lane::Live), Ok(1));
}

#[test]
fn the_time_of_a_sources_last_event_survives_a_restart() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for n in [7, 9, 8] {
        append(&journal, event(n)).unwrap();
    }
    journal.close();
    let journal = open(dir.path(), Tuning::default());
    let last = journal.ledger().unwrap()[0].last_received;
    assert_eq!(last, Some(Timestamp::from_millis(1_009)));
}

#[test]
fn a_caller_that_publishes_what_was_never_taken_makes_the_ledger_wrong() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    journal.advance(to(1, &[("a", 1), ("ghost", 1)]));
    journal.close();
    let ghost = journal.ledger().unwrap().remove(1);
    assert_eq!((ghost.accepted, ghost.published, ghost.pending), (0, 1, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Append { number: u64, quarantined: bool },
    Advance { by: u64 },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..40_u64, any::<bool>())
            .prop_map(|(number, quarantined)| Step::Append { number, quarantined }),
        2 => (0..6_u64).prop_map(|by| Step::Advance { by }),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What a journal must show.
#[derive(Default)]
struct Model {
    known: HashSet<u64>,
    rows: Vec<(u64, bool)>,
    cursor: usize,
}

const SOURCES: [&str; 3] = ["a", "b", "c"];

fn source_of(number: u64) -> &'static str {
    SOURCES[usize::try_from(number % 3).unwrap()]
}

impl Model {
    fn append(&mut self, number: u64, quarantined: bool) -> Journaled {
        if !self.known.insert(number) {
            return Journaled::Duplicate { id: id(number) };
        }
        self.rows.push((number, quarantined));
        Journaled::Fresh { sequence: self.rows.len() as u64 }
    }

    fn advance(&mut self, by: u64) -> Advance {
        let until = (self.cursor + usize::try_from(by).unwrap()).min(self.rows.len());
        let mut published = BTreeMap::new();
        for (number, _) in &self.rows[self.cursor..until] {
            *published.entry(source_of(*number)).or_insert(0) += 1;
        }
        self.cursor = until;
        to(until as u64, &published.into_iter().collect::<Vec<_>>())
    }

    fn check(&self, journal: &Journal) {
        assert_eq!(journal.cursor(&Lane::Live), Ok(self.cursor as u64));
        let mut sequence = 0;
        let mut read = Vec::new();
        loop {
            let page = journal.read_after(&Lane::Live, sequence).unwrap();
            let Some(last) = page.last() else { break };
            sequence = last.sequence;
            read.extend(page.iter().map(|row| (row.sequence, row.id)));
        }
        let expected = self.rows.iter().map(|(number, _)| id(*number));
        assert_eq!(read, (1..).zip(expected).collect::<Vec<_>>());
        for row in journal.ledger().unwrap() {
            let name = row.source.as_str().to_owned();
            let of_it = |from: usize, quarantined: Option<bool>| {
                let mine = |(number, q): &&(u64, bool)| {
                    source_of(*number) == name && quarantined.is_none_or(|wanted| *q == wanted)
                };
                self.rows[from..].iter().filter(mine).count() as u64
            };
            assert_eq!(row.accepted, of_it(0, Some(false)));
            assert_eq!(row.quarantined, of_it(0, Some(true)));
            assert_eq!(row.pending, of_it(self.cursor, None));
            let placed = row.published + row.pending + row.held + row.erased_unpublished;
            assert_eq!(row.accepted + row.quarantined, placed);
        }
    }
}

fn small() -> Tuning {
    Tuning { generation_events: 5, tail_events: 3, ..Tuning::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_ledger_balances_whatever_happens(steps in steps()) {
        let dir = folder();
        let mut journal = open(dir.path(), small());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Append { number, quarantined } => {
                    let kind = if quarantined { Kind::Quarantined } else { Kind::RoomStarted };
                    let answer = append(&journal, event_from(number, source_of(number), kind, 50));
                    assert_eq!(answer, Ok(model.append(number, quarantined)));
                }
                Step::Advance { by } => journal.advance(model.advance(by)),
                Step::Reopen => {
                    journal.close();
                    journal = open(dir.path(), small());
                    model.check(&journal);
                }
            }
        }
        journal.close();
        model.check(&journal);
    }
}
