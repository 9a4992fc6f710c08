//! Copies of a journal, and the way back.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn copied(dir: &Path, to: &Path) -> Result<Copy, BackupError> {
    backup(dir, to, Timestamp::from_millis(5_000), &mut |_| {})
}

fn restored(from: &Path, dir: &Path) -> Result<Copy, BackupError> {
    let of = InstanceName::new("gate-1");
    restore(from, dir, Some(&of), &mut |_| {}, &mut |_| {})
}

/// A closed journal of so many events, all but the last published.
fn made(count: u64) -> TempDir {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    (1..=count).for_each(|number| assert_eq!(append(&journal, event(number)), fresh(number)));
    let published = vec![(SourceName::new("a"), count - 1)];
    journal.advance(Advance { lane: Lane::Live, through: count - 1, published });
    journal.close();
    dir
}

#[test]
fn a_copy_comes_back_as_a_journal_of_a_new_epoch() {
    let (dir, place) = (made(300), folder());
    let file = place.path().join("journal.backup");
    let mut told = Vec::new();
    let now = Timestamp::from_millis(5_000);
    let copy = backup(dir.path(), &file, now, &mut |copied| told.push(copied)).unwrap();
    assert_eq!((copy.head, copy.instance.as_str()), (300, "gate-1"));
    assert!(told.last().is_some_and(|copied| copied.done == copied.of && copied.of > 0));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    let new = place.path().join("restored");
    let restored = restored(&file, &new).unwrap();
    assert_eq!((restored.head, restored.made), (300, Some(now)));
    let (one, other) = (open(dir.path(), Tuning::default()), open(&new, Tuning::default()));
    assert_ne!(one.epoch(), other.epoch());
    assert_eq!(other.cursor(&Lane::Live), Ok(299));
    assert_eq!(other.ledger().unwrap(), one.ledger().unwrap());
    assert_eq!(append(&other, event(7)), known(7));
    assert_eq!(append(&other, event(301)), fresh(301));
    assert_eq!(other.read_after(&Lane::Live, 299).unwrap().len(), 2);
}

#[test]
fn nothing_is_overwritten() {
    let (dir, place) = (made(5), folder());
    let file = place.path().join("journal.backup");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(copied(dir.path(), &file), Err(BackupError::Exists(_))));
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    std::fs::remove_file(&file).unwrap();
    copied(dir.path(), &file).unwrap();
    let refused = restored(&file, dir.path()).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
}

#[test]
fn no_copy_is_made_of_what_is_no_journal_and_none_is_left_behind() {
    let (empty, place) = (folder(), folder());
    let file = place.path().join("journal.backup");
    assert!(copied(empty.path(), &file).is_err());
    std::fs::write(empty.path().join("journal.db"), "not a database at all").unwrap();
    assert!(copied(empty.path(), &file).is_err());
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_copy_or_another_instances_becomes_no_journal() {
    let (dir, place) = (made(300), folder());
    let file = place.path().join("journal.backup");
    copied(dir.path(), &file).unwrap();
    let new = place.path().join("restored");
    let other = InstanceName::new("gate-2");
    let refused = restore(&file, &new, Some(&other), &mut |_| {}, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("\"gate-1\", not \"gate-2\""), "{refused}");
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.windows(50).position(|part| part == [b'v'; 50]).unwrap();
    bytes[place + 7] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = restored(&file, &new).unwrap_err();
    assert!(matches!(refused, BackupError::Damaged(1)), "{refused}");
    assert!(!new.join("journal.db").exists() && !new.join("restoring").exists());
}
