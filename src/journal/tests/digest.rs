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
    let row = stored(1, 100);
    assert_eq!(digests::of(&connection, 1).unwrap(), Some(row.digest()));
    let changes: [fn(&mut Stored); 7] = [
        |row| row.sequence = 2,
        |row| row.id = EventId(Digest128([0; 16])),
        |row| row.source = SourceName::new("b"),
        |row| row.kind = Kind::RoomEnded,
        |row| row.received = Timestamp::from_millis(1),
        |row| row.key = Bytes::new(),
        |row| row.value = Bytes::new(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = row.clone();
        change(&mut changed);
        assert_ne!(changed.digest(), row.digest(), "{number}");
    }
    connection.execute_batch("UPDATE source SET name = 'b'").unwrap();
    assert_ne!(digests::of(&connection, 1).unwrap(), Some(row.digest()));
}

#[test]
fn what_its_checksum_does_not_vouch_for_has_no_digest() {
    let (_dir, connection) = two_events();
    for change in [
        "id = zeroblob(16)",
        "kind = 'room.ended'",
        "received = received + 1",
        "key = x'00'",
        "value = x'00'",
        "value = 'a text'",
        "crc = crc + 1",
    ] {
        connection.execute_batch(&format!("BEGIN; UPDATE event SET {change}")).unwrap();
        assert_eq!(digests::of(&connection, 1).unwrap(), None, "{change}");
        connection.execute_batch("ROLLBACK").unwrap();
    }
    assert!(digests::of(&connection, 1).unwrap().is_some());
}

#[test]
fn an_event_in_hand_has_the_digest_of_its_row() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    let rows = journal.read_after(&Lane::Live, 0).unwrap();
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
