//! What is forgotten is in no byte of the file or its log.

use super::*;

/// Whether some bytes stand in the search file or its log.
fn stands(dir: &Path, word: &str) -> bool {
    let files = ["search.db", "search.db-wal"].map(|name| std::fs::read(dir.join(name)));
    let holds = |bytes: &Vec<u8>| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    files.iter().flatten().any(holds)
}

#[test]
fn what_is_forgotten_is_in_no_byte_of_the_file_or_its_log() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=60);
    publish(&journal, 60);
    assert!(stands(dir.path(), "room-3"));
    assert_eq!(search(&journal).forget((30..40).collect()), Ok(true));
    assert!(!stands(dir.path(), "room-3"));
    assert!(stands(dir.path(), "room-4"));
    let with = |term| Wanted { terms: vec![vec![term]], ..Wanted::default() };
    assert_eq!(found(&journal, &with(Term::Room("room-3".into()))), [0; 0]);
    assert_eq!(found(&journal, &with(Term::Room(room_key(33)))), [0; 0]);
    assert_eq!(found(&journal, &with(Term::Session("PA_33".into()))), [0; 0]);
    let person = found(&journal, &with(Term::Person(person(2))));
    assert!(!person.iter().any(|sequence| (30..40).contains(sequence)) && person.len() == 7);
    assert_eq!(found(&journal, &with(Term::Id(id(33)))), [33]);
    let erased = Wanted { state: Some(State::Erased), ..Wanted::default() };
    assert_eq!(found(&journal, &erased), (30..40).rev().collect::<Vec<_>>());
    let (row, _) = search(&journal).event(33).unwrap();
    let row = row.unwrap();
    assert_eq!((row.erased, row.room.as_ref(), row.time), (true, None, None));
    let published = Wanted { state: Some(State::Published), ..Wanted::default() };
    assert!(!found(&journal, &published).contains(&33));
    let quarantined = Wanted { state: Some(State::Quarantined), ..Wanted::default() };
    let counts = search(&journal).reasons(&quarantined, &journal.positions()).unwrap();
    assert_eq!(counts[&QuarantineReason::UnknownKind], 15 - 3 + u64::from(39 % 4 != 3));
}

#[test]
fn what_is_forgotten_before_it_is_followed_is_never_written() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=5);
    assert_eq!(search(&journal).forget(vec![7]), Ok(true));
    keep(&journal, 70..=72);
    let row = |sequence| search(&journal).event(sequence).unwrap().0.unwrap();
    assert!(row(7).erased && row(7).room.is_none() && !row(6).erased);
    let wanted = Wanted { terms: vec![vec![Term::Session("PA_71".into())]], ..Wanted::default() };
    assert_eq!(found(&journal, &wanted), [0; 0]);
}

#[test]
fn a_reader_keeps_the_log_and_that_is_said() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=40);
    let reader = inspect(dir.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM row;").unwrap();
    assert_eq!(search(&journal).forget(vec![3]), Ok(false));
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(search(&journal).forget(Vec::new()), Ok(true));
}

#[test]
fn a_file_that_is_filled_anew_knows_tombstones_as_erased() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=20);
    super::super::super::tests::wait(journal.erase(vec![3, 4], Vec::new())).unwrap();
    journal.close();
    drop(journal);
    for file in ["search.db", "search.db-wal", "search.db-shm"] {
        drop(std::fs::remove_file(dir.path().join(file)));
    }
    let journal = searched(dir.path(), 21..=22);
    let erased = Wanted { state: Some(State::Erased), ..Wanted::default() };
    assert_eq!(found(&journal, &erased), [4, 3]);
    assert_eq!(journal.event(3).unwrap(), None);
}
