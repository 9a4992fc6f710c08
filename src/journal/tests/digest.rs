//! Digests: what they cover, and that they outlive their rows.

use super::super::digests;
use super::*;

fn two_events() -> (TempDir, Connection) {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    append(&journal, event(2)).unwrap();
    journal.close();
    let connection = inspect(dir.path());
    (dir, connection)
}

#[test]
fn a_digest_covers_every_column_that_is_published() {
    let (_dir, connection) = two_events();
    let before = digests::of(&connection, 1).unwrap().unwrap();
    assert_eq!(digests::of(&connection, 1).unwrap(), Some(before));
    assert_ne!(digests::of(&connection, 2).unwrap(), Some(before));
    for change in [
        "UPDATE event SET id = zeroblob(16)",
        "UPDATE event SET kind = 'room.ended'",
        "UPDATE event SET received = received + 1",
        "UPDATE event SET key = x'00'",
        "UPDATE event SET value = x'00'",
        "UPDATE event SET value = 'a text'",
        "UPDATE source SET name = 'b'",
        "DELETE FROM event WHERE sequence = 1; UPDATE event SET sequence = 1",
    ] {
        connection.execute_batch(&format!("BEGIN; {change}")).unwrap();
        assert_ne!(digests::of(&connection, 1).unwrap(), Some(before), "{change}");
        connection.execute_batch("ROLLBACK").unwrap();
    }
}

#[test]
fn an_event_in_hand_has_the_digest_of_its_row() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    let rows = journal.read_after(0).unwrap();
    assert_eq!(journal.digest(1).unwrap(), Some(rows[0].digest()));
    assert_eq!(journal.digest(2).unwrap(), None);
}

#[test]
fn a_digest_that_was_kept_outlives_its_row() {
    let (_dir, connection) = two_events();
    let before = digests::of(&connection, 1).unwrap();
    assert!(before.is_some());
    digests::keep(&connection, 1).unwrap();
    connection.execute_batch("DELETE FROM event").unwrap();
    assert_eq!(digests::of(&connection, 1).unwrap(), before);
    assert_eq!(digests::of(&connection, 2).unwrap(), None);
    digests::keep(&connection, 1).unwrap();
    digests::keep(&connection, 3).unwrap();
    assert_eq!(digests::of(&connection, 1).unwrap(), before);
    assert_eq!(digests::of(&connection, 3).unwrap(), None);
}

#[test]
fn every_journal_has_an_epoch_of_its_own_that_it_keeps() {
    let (dir, other) = (folder(), folder());
    let epoch = |dir: &TempDir| {
        let journal = open(dir.path(), Tuning::default());
        journal.close();
        journal.epoch()
    };
    let first = epoch(&dir);
    assert_eq!(epoch(&dir), first);
    assert_ne!(epoch(&other), first);
}
