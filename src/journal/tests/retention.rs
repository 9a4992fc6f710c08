//! Retention: what goes, what stays, and what the road notices of it.

use super::*;
use crate::journal::cursors::Cursors;
use crate::journal::identities::Identities;
use crate::journal::retention::Sweeper;
use crate::journal::shared::Shared;
use crate::journal::tail::Tail;
use crate::journal::tuning::Pace;

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// Kept for an hour, and as many bytes as they like.
pub(super) const AN_HOUR: Retention = Retention { age: HOUR, bytes_max: u64::MAX };

/// Steps that follow each other at once.
pub(super) fn quick() -> Pace {
    let soon = Duration::from_millis(1);
    Pace {
        pause: soon,
        pause_steps: 0,
        look: soon,
        spare_pages: 0,
        log_bytes: 0,
        // What a step does hangs on no clock.
        time: HOUR,
        ..Pace::default()
    }
}

/// Steps that never come.
pub(super) fn never() -> Pace {
    Pace { look: HOUR, ..Pace::default() }
}

pub(super) fn open_keeping(dir: &Path, retention: Retention, tuning: Tuning) -> Journal {
    let settings = Settings { retention, ..settings(dir) };
    open::open(settings, Clock::system(), tuning).unwrap()
}

pub(super) fn sweeping(disk: &Handles, sweep: Pace) -> Tuning {
    Tuning { sweep, cursor_within: Duration::from_millis(1), ..disk.tuning() }
}

/// An event that was received two hours ago.
pub(super) fn old(number: u64, bytes: usize) -> Clean {
    received(number, Clock::system().now().minus(2 * HOUR), bytes)
}

pub(super) fn young(number: u64, bytes: usize) -> Clean {
    received(number, Clock::system().now(), bytes)
}

fn received(number: u64, at: Timestamp, bytes: usize) -> Clean {
    let event = event_from(number, "a", Kind::RoomStarted, bytes);
    Clean::for_test(
        event.id(),
        event.source().clone(),
        event.kind(),
        None,
        at,
        event.key().clone(),
        event.value().clone(),
    )
}

pub(super) fn publish(journal: &Journal, through: u64) {
    let count = through - journal.cursor(&Lane::Live).unwrap();
    let published = vec![(SourceName::new("a"), count)];
    journal.advance(Advance { lane: Lane::Live, through, published });
}

/// Until the database shows it, looked at after each commit: retention works by itself. Then until
/// the writer has ended its step: it answers in between.
pub(super) fn wait_until(journal: &Journal, disk: &Handles, what: impl Fn(&Connection) -> bool) {
    let connection = inspect(&journal.inner.files.dir);
    disk.wait_until(|| what(&connection));
    assert_eq!(append(journal, event(1)), known(1));
}

pub(super) fn one(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

pub(super) fn rows(connection: &Connection) -> i64 {
    one(connection, "SELECT count(*) FROM event")
}

pub(super) fn sequences(journal: &Journal) -> Vec<u64> {
    journal.read_after(&Lane::Live, 0).unwrap().iter().map(|row| row.sequence).collect()
}

fn file_bytes(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("journal.db")).unwrap().len()
}

/// The generations on disk.
pub(super) fn generations(dir: &Path) -> Vec<i64> {
    let connection = inspect(dir);
    let mut statement =
        connection.prepare("SELECT number FROM generation ORDER BY number").unwrap();
    let numbers = statement.query_map([], |row| row.get(0)).unwrap();
    numbers.map(Result::unwrap).collect()
}

/// As if the sealed generations had been sealed so long before.
pub(super) fn age_generations(dir: &Path, by: Duration) {
    let sql = format!("UPDATE generation SET sealed_at = sealed_at - {}", by.as_millis());
    inspect(dir).execute(&sql, []).unwrap();
}

/// Steps that are taken one by one, beside or without a journal.
pub(super) struct Apart {
    pub(super) connection: Connection,
    pub(super) identities: Identities,
    pub(super) shared: Shared,
    pub(super) sweeper: Sweeper,
    pub(super) disk: Handles,
}

impl Apart {
    pub(super) fn new(dir: &Path, keep: Retention, pace: Pace) -> Self {
        let connection = schema::open_writing(&dir.join("journal.db")).unwrap();
        schema::configure(&connection).unwrap();
        let pace = Pace { pause: Duration::ZERO, look: Duration::ZERO, ..pace };
        Self {
            identities: Identities::load(&connection, 3).unwrap(),
            connection,
            shared: Shared::new(99, Cursors::default(), Tail::above(99, 9, 999)),
            sweeper: Sweeper::new(keep, pace, InstanceName::new("gate-1"), Clock::system()),
            disk: Handles::default(),
        }
    }

    pub(super) fn step(&mut self) {
        let Self { connection, identities, shared, sweeper, disk } = self;
        sweeper.step(connection, identities, shared, disk).unwrap();
    }
}

#[test]
fn what_is_published_and_old_goes_and_nothing_else() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, quick()));
    for number in 1..=4 {
        append(&journal, old(number, 100)).unwrap();
    }
    append(&journal, young(5, 100)).unwrap();
    append(&journal, old(6, 100)).unwrap();
    publish(&journal, 3);
    wait_until(&journal, &disk, |db| rows(db) == 3);
    assert_eq!(sequences(&journal), [4, 5, 6]);
    publish(&journal, 6);
    // The young one keeps what came after it: there are no holes.
    wait_until(&journal, &disk, |db| rows(db) == 2);
    assert_eq!(sequences(&journal), [5, 6]);
    journal.close();
    assert_eq!(sequences(&journal), [5, 6]);
}

#[test]
fn a_quarantined_event_goes_like_all_others() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, quick()));
    append(&journal, event_from(1, "a", Kind::Quarantined, 100)).unwrap();
    append(&journal, event_from(2, "a", Kind::Quarantined, 100)).unwrap();
    publish(&journal, 1);
    wait_until(&journal, &disk, |db| rows(db) == 1);
    assert_eq!(sequences(&journal), [2]);
}

#[test]
fn a_cursor_that_is_not_on_disk_lets_nothing_go() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { sweep: never(), cursor_within: HOUR, ..disk.tuning() };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning);
    append(&journal, old(1, 100)).unwrap();
    publish(&journal, 1);
    let mut apart = Apart::new(dir.path(), AN_HOUR, quick());
    apart.step();
    assert_eq!(rows(&apart.connection), 1);
    journal.close();
    apart.step();
    assert_eq!(rows(&apart.connection), 0);
}

#[test]
fn the_oldest_published_go_when_the_journal_is_too_large_and_the_file_shrinks() {
    const MAX: u64 = 1024 * 1024;
    let (dir, disk) = (folder(), Handles::default());
    let keep = Retention { age: Duration::MAX, bytes_max: MAX };
    let pace = Pace { rows: 10, ..quick() };
    let journal = open_keeping(dir.path(), keep, sweeping(&disk, pace));
    for number in 1..=600 {
        append(&journal, young(number, 3_000)).unwrap();
    }
    publish(&journal, 600);
    let pages = |db: &Connection| one(db, "PRAGMA page_count").unsigned_abs();
    wait_until(&journal, &disk, |db| pages(db) * 4_096 <= MAX);
    journal.close();
    assert!(file_bytes(dir.path()) <= MAX, "{}", file_bytes(dir.path()));
    let left = sequences(&journal);
    assert_eq!(left.last(), Some(&600), "the newest stay");
    assert!(left.len() > 200, "no more went than had to: {} are left", left.len());
}

#[test]
fn what_is_not_published_stays_however_large_the_journal_is() {
    let (dir, disk) = (folder(), Handles::default());
    let keep = Retention { age: HOUR, bytes_max: 1 };
    let journal = open_keeping(dir.path(), keep, sweeping(&disk, quick()));
    for number in 1..=100 {
        append(&journal, old(number, 3_000)).unwrap();
    }
    publish(&journal, 10);
    wait_until(&journal, &disk, |db| rows(db) == 90);
    for number in 101..=200 {
        append(&journal, old(number, 3_000)).unwrap();
    }
    assert_eq!(sequences(&journal), (11..=200).collect::<Vec<_>>());
}

#[test]
fn space_is_given_back_but_for_the_spare_pages() {
    let (dir, disk) = (folder(), Handles::default());
    let pace = Pace { spare_pages: 20, pages: 7, ..quick() };
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, pace));
    for number in 1..=400 {
        append(&journal, old(number, 3_000)).unwrap();
    }
    publish(&journal, 400);
    wait_until(&journal, &disk, |db| rows(db) == 0 && one(db, "PRAGMA freelist_count") <= 20);
    journal.close();
    assert!(file_bytes(dir.path()) < 60 * 4_096, "{}", file_bytes(dir.path()));
}

#[test]
fn ledger_head_and_sequences_are_as_if_nothing_had_gone() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, quick()));
    for number in 1..=5 {
        append(&journal, old(number, 100)).unwrap();
    }
    publish(&journal, 5);
    wait_until(&journal, &disk, |db| rows(db) == 0);
    let before = journal.ledger().unwrap();
    let totals = |row: &LedgerRow| (row.accepted, row.published, row.pending);
    assert_eq!(totals(&before[0]), (5, 5, 0));
    journal.close();
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, never()));
    assert_eq!(journal.ledger().unwrap(), before);
    assert_eq!(*journal.head().borrow(), 5);
    assert_eq!(journal.cursor(&Lane::Live), Ok(5));
    assert_eq!(append(&journal, old(6, 100)), fresh(6));
    assert_eq!(sequences(&journal), [6]);
}

#[test]
fn the_digest_of_the_last_row_that_went_is_kept_and_earlier_ones_are_not() {
    let (dir, disk) = (folder(), Handles::default());
    let pace = Pace { rows: 2, ..quick() };
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, pace));
    for number in 1..=5 {
        append(&journal, old(number, 100)).unwrap();
    }
    let last = journal.digest(5).unwrap();
    assert!(last.is_some());
    publish(&journal, 5);
    wait_until(&journal, &disk, |db| rows(db) == 0);
    assert_eq!(journal.digest(5), Ok(last));
    assert_eq!(count(dir.path(), "digest"), 1);
}

#[test]
fn a_reader_passes_over_what_went_while_it_read() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { tail_events: 4, ..sweeping(&disk, quick()) };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning);
    for number in 1..=10 {
        append(&journal, old(number, 100)).unwrap();
    }
    let page = journal.read_after(&Lane::Live, 2).unwrap();
    assert_eq!(page[0].sequence, 3);
    publish(&journal, 8);
    wait_until(&journal, &disk, |db| rows(db) == 2);
    append(&journal, old(11, 100)).unwrap();
    for after in [0, 2, 7, 8] {
        let left: Vec<_> = journal.read_after(&Lane::Live, after).unwrap();
        let left: Vec<_> = left.iter().map(|row| row.sequence).collect();
        assert_eq!(left, [9, 10, 11], "after {after}");
    }
    assert_eq!(journal.read_after(&Lane::Live, 9).unwrap()[0].sequence, 10);
}

#[test]
fn an_identity_is_known_after_its_row_went_and_after_a_restart() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = || Tuning { generation_events: 3, ..sweeping(&disk, quick()) };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    for number in 1..=8 {
        append(&journal, old(number, 100)).unwrap();
    }
    publish(&journal, 8);
    wait_until(&journal, &disk, |db| rows(db) == 0);
    journal.close();
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    for number in 1..=8 {
        let again = append(&journal, old(number, 100));
        assert_eq!(again, known(number), "{number}");
    }
}

#[test]
fn a_generation_goes_when_it_is_old_and_none_of_its_rows_is_left() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = || Tuning { generation_events: 3, ..sweeping(&disk, quick()) };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    for number in 1..=8 {
        append(&journal, old(number, 100)).unwrap();
    }
    // Two are sealed, and old enough; one row of the second will be left.
    age_generations(dir.path(), 8 * 24 * HOUR);
    publish(&journal, 5);
    disk.wait_until(|| generations(dir.path())[0] == 2);
    assert_eq!(rows(&inspect(dir.path())), 3);
    assert_eq!(generations(dir.path()), [2, 3]);
    assert_eq!(append(&journal, old(4, 100)), known(4));
    assert_eq!(append(&journal, old(1, 100)), fresh(9), "it is forgotten");
    publish(&journal, 8);
    disk.wait_until(|| generations(dir.path())[0] == 3);
    // The last one is sealed since a moment, the open one not at all.
    assert_eq!(generations(dir.path()), [3, 4]);
    journal.close();
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    for number in [1, 7, 8] {
        let again = append(&journal, old(number, 100));
        assert_eq!(again, known(number), "{number}");
    }
}

#[test]
fn a_generation_stays_for_seven_days_and_for_as_long_as_retention() {
    let hours = |hours: u32| HOUR * hours;
    for (keep, sealed, stays) in [
        (HOUR, hours(7 * 24 - 1), true),
        (HOUR, hours(7 * 24 + 1), false),
        (hours(30 * 24), hours(30 * 24 - 1), true),
        (hours(30 * 24), hours(30 * 24 + 1), false),
    ] {
        let (dir, disk) = (folder(), Handles::default());
        let tuning = || Tuning { generation_events: 3, ..sweeping(&disk, never()) };
        let journal = open(dir.path(), tuning());
        for number in 1..=4 {
            append(&journal, old(number, 100)).unwrap();
        }
        journal.close();
        let sql = format!(
            "DELETE FROM event; UPDATE generation SET sealed_at = sealed_at - {}",
            sealed.as_millis()
        );
        inspect(dir.path()).execute_batch(&sql).unwrap();
        let keep = Retention { age: keep, bytes_max: u64::MAX };
        Apart::new(dir.path(), keep, Pace { spare_pages: 999, ..quick() }).step();
        assert_eq!(generations(dir.path()).len(), if stays { 2 } else { 1 }, "{keep:?} {sealed:?}");
    }
}

#[test]
fn a_generation_goes_in_parts_and_is_known_no_more_after_the_last() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { generation_events: 10, ..sweeping(&disk, never()) };
    let journal = open(dir.path(), tuning);
    for number in 1..=12 {
        append(&journal, old(number, 100)).unwrap();
    }
    journal.close();
    age_generations(dir.path(), 8 * 24 * HOUR);
    inspect(dir.path()).execute("DELETE FROM event", []).unwrap();
    let pace = Pace { identities: 4, spare_pages: 999, ..quick() };
    let mut apart = Apart::new(dir.path(), AN_HOUR, pace);
    for left in [6, 2] {
        apart.step();
        assert_eq!(one(&apart.connection, "SELECT count(*) FROM identity_1"), left);
        // Cut off here, what is left of it is still a generation.
        Identities::load(&apart.connection, 10).unwrap();
    }
    apart.step();
    assert_eq!(generations(dir.path()), [2]);
    for known in [1, 11] {
        let id = event(known).id().0.0;
        let found = apart.identities.insert(&apart.connection, &id, None);
        assert_eq!(found, Ok((known == 11).then_some(id)), "{known}");
    }
}
