//! The file keeps up, goes on where it stopped, and is begun anew when it is not the right one.

use super::super::super::tests::settings;
use super::super::super::{Retention, open as opening};
use super::*;

#[test]
fn a_file_goes_on_where_it_stopped() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=20);
    journal.notes().delivered_again(id(20));
    journal.close();
    assert_eq!(numbers(dir.path(), "SELECT value FROM meta WHERE name = 'through'"), [20]);
    let journal = searched(dir.path(), 21..=30);
    assert_eq!(found(&journal, &Wanted::default()), (1..=30).rev().collect::<Vec<_>>());
    let again = |sequence| search(&journal).event(sequence).unwrap().1.redeliveries;
    assert_eq!((again(20), again(21)), (Some(1), Some(0)));
}

#[test]
fn a_follower_that_begins_late_counts_from_when_it_was_told_to() {
    let dir = temporary();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    let (tell, _standing) = watch::channel(Standing::default());
    let followed = journal.followed().unwrap();
    let follower = Follower::new(followed, tell, Place::default(), Clock::system());
    append(&journal, event(2)).unwrap();
    journal.notes().delivered_again(id(2));
    let (orders, taken) = sync_channel(1);
    orders.send(Order::Stop).unwrap();
    follower.run(&taken);
    let file = inspect(dir.path());
    let times = |sequence| facts(&file, sequence).unwrap().redeliveries;
    assert_eq!((times(1), times(2)), (None, Some(1)));
}

#[test]
fn a_file_that_is_missing_damaged_older_or_foreign_is_filled_anew() {
    let other = temporary();
    searched(other.path(), 1..=40).close();
    let dir = temporary();
    searched(dir.path(), 1..=20).close();
    let path = file::path(dir.path());
    let spoil: [(&str, &dyn Fn()); 5] = [
        ("missing", &|| std::fs::remove_file(&path).unwrap()),
        ("no database", &|| std::fs::write(&path, "something else").unwrap()),
        ("torn", &|| {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4_096..].fill(0xa5);
            std::fs::write(&path, bytes).unwrap();
        }),
        ("older", &|| {
            inspect(dir.path())
                .execute("UPDATE meta SET value = 0 WHERE name = 'version'", [])
                .unwrap();
        }),
        ("foreign", &|| {
            std::fs::copy(file::path(other.path()), &path).unwrap();
        }),
    ];
    for (how, spoil) in spoil {
        spoil();
        let journal = searched(dir.path(), []);
        assert_eq!(found(&journal, &Wanted::default()).len(), 20, "{how}");
        let facts = search(&journal).event(20).unwrap().1;
        assert_eq!(facts.redeliveries, None, "{how}: what was not followed is unknown");
        journal.close();
    }
}

#[test]
fn a_file_of_events_that_the_journal_does_not_have_is_filled_anew() {
    let dir = temporary();
    let copy = temporary();
    searched(dir.path(), 1..=10).close();
    std::fs::copy(dir.path().join("journal.db"), copy.path().join("journal.db")).unwrap();
    searched(dir.path(), 11..=20).close();
    // As after a copy of the journal was put back: the same epoch, other events.
    std::fs::copy(file::path(dir.path()), file::path(copy.path())).unwrap();
    let journal = searched(copy.path(), 31..=45);
    let wanted = Wanted { terms: vec![vec![Term::Id(id(31))]], ..Wanted::default() };
    assert_eq!(found(&journal, &wanted), [11]);
    assert_eq!(found(&journal, &Wanted::default()).len(), 25);
}

#[test]
fn terms_that_were_gathered_are_found_as_those_in_their_places() {
    let dir = temporary();
    let journal = open(dir.path(), Tuning::default());
    for number in 1..=30 {
        append(&journal, event(number)).unwrap();
    }
    journal.start_search();
    caught_up(&journal);
    let wanted = Wanted { terms: vec![vec![Term::Room(room(25))]], ..Wanted::default() };
    let expected: Vec<u64> = (20..30).rev().collect();
    assert_eq!(found(&journal, &wanted), expected);
    journal.close();
    // Half of them are gathered, half stand in their places.
    let mut connection = inspect(dir.path());
    let transaction = connection.transaction().unwrap();
    let mut filler = fill::Filler::load(&transaction).unwrap();
    assert_eq!(filler.settle(&transaction).unwrap(), 30);
    transaction.commit().unwrap();
    assert_eq!(numbers(dir.path(), "SELECT count(*) FROM recent"), [0]);
    let journal = searched(dir.path(), 31..=40);
    assert_eq!(found(&journal, &wanted), expected);
    let wanted = Wanted { terms: vec![vec![Term::Person(person(2))]], ..Wanted::default() };
    assert_eq!(found(&journal, &wanted), [37, 30, 23, 16, 9, 2]);
}

#[test]
fn a_damaged_event_holds_up_none_behind_it() {
    let dir = temporary();
    let journal = open(dir.path(), Tuning::default());
    for number in 1..=30 {
        append(&journal, event(number)).unwrap();
    }
    journal.close();
    let connection = super::super::super::tests::inspect(dir.path());
    connection.execute("UPDATE event SET value = 'x' WHERE sequence IN (7, 30)", []).unwrap();
    drop(connection);
    let journal = searched(dir.path(), [31]);
    let all = found(&journal, &Wanted::default());
    assert_eq!(all.len(), 29);
    assert!(!all.contains(&7) && !all.contains(&30));
}

#[test]
fn what_retention_deleted_is_found_no_more() {
    let dir = temporary();
    searched(dir.path(), 1..=60).close();
    let connection = super::super::super::tests::inspect(dir.path());
    connection.execute("DELETE FROM event WHERE sequence <= 45", []).unwrap();
    drop(connection);
    let mut settings = settings(dir.path());
    settings.retention = Retention { age: std::time::Duration::MAX, bytes_max: u64::MAX };
    let journal = opening::open(settings, Clock::system(), Tuning::default()).unwrap();
    journal.start_search();
    keep(&journal, [61]);
    assert_eq!(search(&journal).forget(Vec::new()), Ok(true));
    assert_eq!(found(&journal, &Wanted::default()), (46..=61).rev().collect::<Vec<_>>());
    let wanted = Wanted { state: Some(State::Quarantined), ..Wanted::default() };
    let counts = search(&journal).reasons(&wanted, &journal.positions()).unwrap();
    assert_eq!(counts, [(QuarantineReason::UnknownKind, 4)].into());
    journal.close();
    for table in ["row", "recent"] {
        assert_eq!(numbers(dir.path(), &format!("SELECT min(sequence) FROM {table}")), [46]);
    }
}
