//! Retention where sources are kept for different times.

use super::retention::{Apart, HOUR, old, publish, quick, sweeping};
use super::*;
use crate::journal::tuning::Pace;

/// A closed journal of `count` published events of two hours ago: every third of source "b".
fn two_sources(count: u64) -> TempDir {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), sweeping(&disk, super::retention::never()));
    for number in 1..=count {
        let event = old(number, 100);
        let source = SourceName::new(if number.is_multiple_of(3) { "b" } else { "a" });
        let (kind, at) = (event.kind(), event.received());
        let (key, value) = (event.key().clone(), event.value().clone());
        let event = Clean::for_test(event.id(), source, kind, None, at, key, value);
        append(&journal, event).unwrap();
    }
    publish(&journal, count);
    journal.close();
    dir
}

fn swept(dir: &TempDir, keep: Retention, ages: &[(&str, Duration)], pace: Pace) -> Vec<i64> {
    let mut apart = Apart::new(dir.path(), keep, pace);
    let ages = ages.iter().map(|(source, age)| (SourceName::new(source), *age));
    apart.shared.set_ages(ages.collect());
    (0..60).for_each(|_| apart.step());
    let mut statement = apart.connection.prepare("SELECT sequence FROM event").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_longer_retention_keeps_its_events_while_all_others_go() {
    let dir = two_sources(20);
    let keep = Retention { age: HOUR, bytes_max: u64::MAX };
    let pace = Pace { rows: 4, ..quick() };
    assert_eq!(swept(&dir, keep, &[("b", 3 * HOUR)], pace), [3, 6, 9, 12, 15, 18]);
}

#[test]
fn a_shorter_retention_deletes_its_events_while_all_others_stay() {
    let dir = two_sources(20);
    let keep = Retention { age: 3 * HOUR, bytes_max: u64::MAX };
    let left = swept(&dir, keep, &[("b", HOUR)], Pace { rows: 4, ..quick() });
    assert_eq!(left.len(), 14);
    assert!(left.iter().all(|sequence| sequence % 3 != 0), "{left:?}");
    // Whose events they are may change: what is too old by the new word goes as well.
    let keep = Retention { age: 3 * HOUR, bytes_max: u64::MAX };
    assert_eq!(swept(&dir, keep, &[("a", HOUR)], quick()), [0; 0]);
}

#[test]
fn what_is_not_published_stays_whatever_its_retention() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), sweeping(&disk, super::retention::never()));
    (1..=6).for_each(|number| assert_eq!(append(&journal, old(number, 100)), fresh(number)));
    publish(&journal, 4);
    journal.close();
    let keep = Retention { age: 3 * HOUR, bytes_max: u64::MAX };
    assert_eq!(swept(&dir, keep, &[("a", HOUR)], quick()), [5, 6]);
}

#[test]
fn the_digest_where_a_cursor_may_stand_outlives_its_row() {
    let dir = two_sources(9);
    let before = digests::of(&inspect(dir.path()), 9).unwrap();
    let keep = Retention { age: 3 * HOUR, bytes_max: u64::MAX };
    let left = swept(&dir, keep, &[("b", HOUR)], Pace { rows: 3, ..quick() });
    assert_eq!(left, [1, 2, 4, 5, 7, 8]);
    assert_eq!(digests::of(&inspect(dir.path()), 9).unwrap(), before);
    assert_eq!(count(dir.path(), "digest"), 1);
}

#[test]
fn too_large_a_journal_loses_its_oldest_events_whosever_they_are() {
    let dir = two_sources(20);
    let keep = Retention { age: 9 * HOUR, bytes_max: 1 };
    assert_eq!(swept(&dir, keep, &[("b", 99 * HOUR)], quick()), [0; 0]);
}
