//! Steps of retention one by one: how much each does, what a disk that is full, fails or loses its
//! power makes of them, and that the rest of the journal never notices.

use proptest::prelude::*;

use super::retention::{AN_HOUR, HOUR, never, old, one, open_keeping, publish, quick, rows};
use super::retention::{Apart, sequences, sweeping, wait_until, young};
use super::*;
use crate::journal::cursors::Cursors;
use crate::journal::retention::Sweeper;
use crate::journal::shared::Shared;
use crate::journal::tail::Tail;
use crate::journal::tuning::Pace;

/// A closed journal of ten old and published events, of 3,000 bytes each.
fn ten_to_go() -> TempDir {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), sweeping(&disk, never()));
    for number in 1..=10 {
        append(&journal, old(number, 3_000)).unwrap();
    }
    publish(&journal, 10);
    journal.close();
    dir
}

#[test]
fn a_step_does_no_more_than_it_may() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, never()));
    for number in 1..=25 {
        append(&journal, old(number, 100)).unwrap();
    }
    for number in 26..=29 {
        append(&journal, old(number, 2_000)).unwrap();
    }
    append(&journal, young(30, 100)).unwrap();
    publish(&journal, 30);
    journal.close();
    let pace = Pace { rows: 10, bytes: 2_500, pages: 2, spare_pages: 3, ..quick() };
    let mut apart = Apart::new(dir.path(), AN_HOUR, pace);
    let mut seen = Vec::new();
    for _ in 0..20 {
        let before = (rows(&apart.connection), one(&apart.connection, "PRAGMA freelist_count"));
        apart.step();
        let after = (rows(&apart.connection), one(&apart.connection, "PRAGMA freelist_count"));
        let went = before.0 - after.0;
        if went > 0 {
            seen.push(went);
        } else {
            assert!((0..=2).contains(&(before.1 - after.1)), "{before:?} {after:?}");
        }
    }
    assert_eq!(seen, [10, 10, 5, 1, 1, 1, 1], "by rows, by bytes, always one");
    assert_eq!(one(&apart.connection, "PRAGMA freelist_count"), 3);
}

/// A disk on which a commit takes 50 ms.
struct Slow(Clock);

impl Disk for Slow {
    fn commit(&self, transaction: Transaction<'_>) -> rusqlite::Result<()> {
        self.0.advance(Duration::from_millis(50));
        transaction.commit()
    }
}

#[test]
fn the_slower_a_step_the_longer_the_pause_after_it() {
    let dir = ten_to_go();
    let mut apart = Apart::new(dir.path(), AN_HOUR, quick());
    let clock = Clock::manual(Clock::system().now());
    let pace = Pace { look: Duration::ZERO, ..Pace::default() };
    let instance = InstanceName::new("gate-1");
    let mut sweeper = Sweeper::new(AN_HOUR, pace, instance, clock.clone());
    let Apart { connection, identities, shared, .. } = &mut apart;
    sweeper.step(connection, identities, shared, &Slow(clock.clone())).unwrap();
    assert_eq!(sweeper.due_in(), Duration::from_millis(200));
    clock.advance(Duration::from_millis(199));
    sweeper.step(connection, identities, shared, &Slow(clock.clone())).unwrap();
    assert_eq!(sweeper.due_in(), Duration::from_millis(1), "it was not due");
}

#[test]
fn the_connection_waits_for_its_fsync_again_after_a_step() {
    let dir = ten_to_go();
    let mut apart = Apart::new(dir.path(), AN_HOUR, quick());
    let waits = |apart: &Apart| one(&apart.connection, "PRAGMA synchronous");
    assert_eq!(waits(&apart), 2);
    apart.step();
    assert_eq!((rows(&apart.connection), waits(&apart)), (0, 2));
    apart.disk.fail_next(ffi::SQLITE_FULL);
    apart.step();
    assert_eq!(waits(&apart), 2);
}

#[test]
fn a_step_on_a_full_disk_or_under_a_lock_is_taken_again_later() {
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY] {
        let dir = ten_to_go();
        let mut apart = Apart::new(dir.path(), AN_HOUR, quick());
        apart.disk.fail_next(code);
        apart.step();
        assert_eq!(rows(&apart.connection), 10);
        apart.step();
        assert_eq!(rows(&apart.connection), 0);
    }
}

#[test]
fn what_is_published_again_is_not_deleted_until_it_is_through() {
    let dir = ten_to_go();
    let mut apart = Apart::new(dir.path(), AN_HOUR, Pace { spare_pages: 999, ..quick() });
    let live = Lane::Live;
    apart.shared = Shared::new(10, Cursors::load(&apart.connection, &gate()).unwrap(), no_tail());
    apart.shared.cursors().hold_back(&live, 0);
    apart.step();
    assert_eq!(rows(&apart.connection), 10);
    apart.shared.cursors().hold_back(&live, 4);
    apart.step();
    assert_eq!(rows(&apart.connection), 6);
    let again = |through| Advance { lane: Lane::Live, through, published: Vec::new() };
    apart.shared.cursors().advance(again(7), 10).unwrap_err();
    apart.step();
    assert_eq!(rows(&apart.connection), 3);
    let kept = digests::of(&apart.connection, 7).unwrap();
    assert!(kept.is_some(), "the digest where the courier stands is kept");
    apart.shared.cursors().advance(again(10), 10).unwrap_err();
    assert_eq!(apart.shared.cursors().floor(), u64::MAX);
    apart.step();
    assert_eq!(rows(&apart.connection), 0);
}

fn gate() -> InstanceName {
    InstanceName::new("gate-1")
}

fn no_tail() -> Tail {
    Tail::above(10, 9, 999)
}

#[test]
fn a_page_that_cannot_be_read_stops_retention_and_is_shown_and_nothing_else_stops() {
    let dir = ten_to_go();
    let mut apart = Apart::new(dir.path(), AN_HOUR, Pace { rows: 4, ..quick() });
    apart.disk.fail_next(ffi::SQLITE_CORRUPT);
    apart.step();
    assert!(!apart.shared.is_sweeping() && !apart.shared.is_poisoned());
    assert_eq!(rows(&apart.connection), 10);
    assert!(apart.sweeper.due_in() > Duration::from_secs(60));
}

#[test]
fn what_is_old_makes_room_on_a_full_disk() {
    let (dir, disk) = (ten_to_go(), Handles::default());
    disk.fill();
    let sweep = Pace { spare_pages: 999, ..quick() };
    let probe_every = Duration::from_millis(2);
    let tuning = Tuning { probe_every, ..sweeping(&disk, sweep) };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning);
    wait_until(&journal, &disk, |db| rows(db) == 0);
    for number in 11..=15 {
        assert_eq!(append(&journal, young(number, 3_000)), fresh(number));
    }
    let refused = (16..100).map(|number| append(&journal, young(number, 3_000)));
    assert!(refused.into_iter().any(|answer| answer == Err(AppendError::DiskFull)));
}

#[test]
fn a_failed_fsync_of_a_step_poisons_the_journal() {
    for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE] {
        let (dir, disk) = (ten_to_go(), Handles::default());
        disk.fail_next(code);
        let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, quick()));
        let mut health = journal.health();
        wait(health.wait_for(|health| *health == Health::Poisoned)).unwrap();
        journal.close();
        let journal = open(dir.path(), Tuning::default());
        assert_eq!(sequences(&journal), (1..=10).collect::<Vec<_>>());
    }
}

#[test]
fn a_damaged_page_stops_retention_and_not_the_road() {
    let dir = ten_to_go();
    let database = dir.path().join("journal.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let key = b"tenant/3";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    let page = at / 4_096 * 4_096;
    bytes[page..page + 100].fill(0xff);
    std::fs::write(&database, bytes).unwrap();
    let mut apart = Apart::new(dir.path(), AN_HOUR, quick());
    apart.step();
    assert!(apart.sweeper.due_in() > bounds::TROUBLE_REMINDER / 2);
    drop(apart);
    let (disk, tuning) = (Handles::default(), sweeping(&Handles::default(), quick()));
    let journal = open_keeping(dir.path(), AN_HOUR, Tuning { disk: Box::new(disk), ..tuning });
    for number in 11..=40 {
        assert_eq!(append(&journal, young(number, 100)), fresh(number));
    }
    assert_eq!(*journal.health().borrow(), Health::Ok);
}

#[test]
fn a_retention_that_was_stopped_in_the_middle_goes_on() {
    let (dir, disk) = (ten_to_go(), Handles::default());
    let one_row = || Pace { rows: 1, ..quick() };
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, one_row()));
    disk.wait_for_commits(3);
    journal.close();
    let left = sequences(&journal);
    assert!(left.len() < 10, "{left:?}");
    assert_eq!(left, (11 - left.len() as u64..=10).collect::<Vec<_>>());
    let disk = Handles::default();
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, one_row()));
    disk.wait_until(|| rows(&inspect(dir.path())) == 0);
    assert_eq!(append(&journal, old(1, 100)), known(1));
    assert_eq!(append(&journal, old(11, 100)), fresh(11));
}

/// What a journal must show, however far its retention had come when it was cut off: the newest of
/// so many events, everything after the cursor, all identities.
fn is_whole(dir: &Path, events: u64) -> usize {
    let journal = open(dir, Tuning { generation_events: 5, ..Tuning::default() });
    let left = sequences(&journal);
    assert_eq!(left, (events + 1 - left.len() as u64..=events).collect::<Vec<_>>());
    let cursor = journal.cursor(&Lane::Live).unwrap();
    assert!(left.len() as u64 >= events - cursor, "{left:?} after the cursor {cursor}");
    let row = &journal.ledger().unwrap()[0];
    assert_eq!((row.accepted, row.published, row.pending), (events, cursor, events - cursor));
    let gone = events - left.len() as u64;
    assert!(gone == 0 || journal.digest(gone).unwrap().is_some(), "{gone}");
    for number in 1..=events {
        assert_eq!(append(&journal, old(number, 100)), known(number), "{number}");
    }
    assert_eq!(append(&journal, old(events + 1, 100)), fresh(events + 1));
    left.len()
}

#[test]
fn a_kill_during_retention_loses_nothing() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning {
        checkpoint_every: HOUR,
        log_pages: u32::MAX,
        generation_events: 5,
        ..sweeping(&disk, Pace { rows: 1, ..quick() })
    };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning);
    for number in 1..=60 {
        append(&journal, old(number, 3_000)).unwrap();
    }
    publish(&journal, 50);
    for _ in 0..6 {
        // Each time in the middle of a step, before its commit.
        disk.close_gate();
        disk.wait_at_gate();
        let image = opening::crash_image(dir.path());
        is_whole(image.path(), 60);
        let passed = disk.commits();
        disk.open_gate();
        disk.wait_for_commits(passed + 1);
    }
    disk.wait_until(|| rows(&inspect(dir.path())) == 10);
}

#[test]
fn a_power_cut_brings_rows_back_and_loses_nothing() {
    let dir = ten_to_go();
    let mut apart = Apart::new(dir.path(), AN_HOUR, Pace { rows: 4, ..quick() });
    for _ in 0..12 {
        apart.step();
    }
    assert_eq!(rows(&apart.connection), 0);
    let mut seen = Vec::new();
    // What of the log had reached the disk, if nothing had been waited for.
    let log = std::fs::metadata(dir.path().join("journal.db-wal")).unwrap().len();
    for kept in (0..=log).rev().step_by(6_000) {
        let image = opening::crash_image(dir.path());
        let copy = std::fs::File::options().write(true).open(image.path().join("journal.db-wal"));
        copy.unwrap().set_len(kept).unwrap();
        seen.push(is_whole(image.path(), 10));
    }
    seen.dedup();
    assert_eq!(seen, [0, 2, 6, 10]);
}

#[derive(Clone, Debug)]
enum Step {
    Append { number: u64, is_old: bool },
    Publish { by: u64 },
    Sweep,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..60_u64, any::<bool>())
            .prop_map(|(number, is_old)| Step::Append { number, is_old }),
        2 => (0..6_u64).prop_map(|by| Step::Publish { by }),
        3 => Just(Step::Sweep),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What a journal must show: the events it took, by sequence, and how far they are published.
#[derive(Default)]
struct Model {
    taken: Vec<(u64, bool)>,
    published: u64,
}

impl Model {
    fn check(&self, journal: &Journal) {
        let head = self.taken.len() as u64;
        let left = sequences(journal);
        assert_eq!(left, (head + 1 - left.len() as u64..=head).collect::<Vec<_>>());
        let gone = head - left.len() as u64;
        assert!(gone <= self.published, "{gone} of {} are gone", self.published);
        let may_go = self.taken.iter().take_while(|(_, is_old)| *is_old).count() as u64;
        assert!(gone <= may_go, "{gone} are gone, {may_go} may go");
        assert_eq!(journal.cursor(&Lane::Live), Ok(self.published));
        for row in journal.ledger().unwrap() {
            assert_eq!((row.accepted, row.published), (head, self.published));
            assert_eq!(row.pending, head - self.published);
        }
        for (number, _) in &self.taken {
            assert_eq!(append(journal, young(*number, 1)), known(*number), "{number}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn only_the_oldest_published_and_old_go_whatever_happens(steps in steps()) {
        let (dir, disk) = (folder(), Handles::default());
        let tuning = || Tuning {
            generation_events: 5,
            tail_events: 3,
            ..sweeping(&disk, Pace { rows: 2, ..never() })
        };
        let mut journal = open_keeping(dir.path(), AN_HOUR, tuning());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Append { number, is_old } => {
                    let event = if is_old { old(number, 50) } else { young(number, 50) };
                    let is_known = model.taken.iter().any(|(taken, _)| *taken == number);
                    if !is_known {
                        model.taken.push((number, is_old));
                    }
                    let sequence = model.taken.len() as u64;
                    let expected = if is_known { known(number) } else { fresh(sequence) };
                    assert_eq!(append(&journal, event), expected);
                }
                Step::Publish { by } => {
                    model.published = (model.published + by).min(model.taken.len() as u64);
                    publish(&journal, model.published);
                }
                Step::Sweep => {
                    journal.close();
                    Apart::new(dir.path(), AN_HOUR, Pace { rows: 2, ..quick() }).step();
                    journal = open_keeping(dir.path(), AN_HOUR, tuning());
                }
                Step::Reopen => {
                    journal.close();
                    journal = open_keeping(dir.path(), AN_HOUR, tuning());
                    model.check(&journal);
                }
            }
        }
        journal.close();
        let journal = open_keeping(dir.path(), AN_HOUR, tuning());
        model.check(&journal);
    }
}
