//! Identities: generations, filters, restarts.

use super::*;

fn small() -> Tuning {
    Tuning { generation_events: 10, ..Tuning::default() }
}

fn fill(journal: &Journal, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let sequence = number + 1;
        assert_eq!(append(journal, event(number)), fresh(sequence), "{number}");
    }
}

fn all_are_known(journal: &Journal, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let answer = append(journal, event(number));
        assert_eq!(answer, super::known(number), "{number}");
    }
}

fn generations(dir: &Path) -> Vec<(i64, i64, bool)> {
    let connection = inspect(dir);
    let mut statement = connection
        .prepare("SELECT number, filter IS NOT NULL AND sealed_at IS NOT NULL FROM generation")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(|row| {
        let (number, sealed): (i64, bool) = row.unwrap();
        let table = if sealed { "identity" } else { "arrival" };
        (number, count(dir, &format!("{table}_{number}")), sealed)
    })
    .collect()
}

#[test]
fn a_duplicate_is_found_in_every_generation_and_after_a_restart() {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..35);
    all_are_known(&journal, 0..35);
    let expected = [(1, 10, true), (2, 10, true), (3, 10, true), (4, 5, false)];
    assert_eq!(generations(dir.path()), expected);
    journal.close();
    let journal = open(dir.path(), small());
    all_are_known(&journal, 0..35);
    fill(&journal, 35..50);
    all_are_known(&journal, 0..50);
}

#[test]
fn a_generation_is_settled_in_slices_and_known_all_the_while() {
    let slow = || Tuning { settled: 2, ..small() };
    let dir = folder();
    let journal = open(dir.path(), slow());
    fill(&journal, 0..13);
    all_are_known(&journal, 0..13);
    // Full at the tenth; three commits since have settled two each.
    assert_eq!(generations(dir.path()), [(1, 10, false), (2, 3, false)]);
    assert_eq!(count(dir.path(), "identity_1"), 6);
    journal.close();
    let journal = open(dir.path(), slow());
    all_are_known(&journal, 0..13);
    fill(&journal, 13..16);
    assert_eq!(generations(dir.path()), [(1, 10, true), (2, 6, false)]);
    let tables =
        "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' AND name GLOB '*_1'";
    let tables: String = inspect(dir.path()).query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, "identity_1");
    all_are_known(&journal, 0..16);
}

#[test]
fn a_generation_waits_with_being_full_until_the_one_before_it_is_sealed() {
    let dir = folder();
    let journal = open(dir.path(), Tuning { settled: 1, ..small() });
    fill(&journal, 0..22);
    // Ten slices and an empty one, which finds nothing left.
    assert_eq!(generations(dir.path()), [(1, 10, true), (2, 11, false), (3, 1, false)]);
    fill(&journal, 22..60);
    all_are_known(&journal, 0..60);
}

#[test]
fn a_commit_that_fails_settles_nothing() {
    let (dir, disk) = (folder(), Handles::default());
    let probe_every = Duration::from_millis(2);
    let tuning = Tuning { settled: 2, generation_events: 10, probe_every, ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    fill(&journal, 0..12);
    assert_eq!(count(dir.path(), "identity_1"), 4);
    disk.fail_next(ffi::SQLITE_FULL);
    assert_eq!(append(&journal, event(12)), Err(AppendError::DiskFull));
    wait(journal.health().wait_for(|health| *health == Health::Ok)).unwrap();
    // The next commit settles nothing of its own.
    wait(journal.erase(vec![1], Vec::new())).unwrap();
    fill(&journal, 12..20);
    all_are_known(&journal, 0..20);
    let settled = "SELECT count(*) FROM identity_1 i JOIN event e ON e.id = i.id";
    let found: i64 = inspect(dir.path()).query_row(settled, [], |row| row.get(0)).unwrap();
    assert_eq!(found, 10);
}

#[test]
fn an_identity_outlives_its_row_and_a_sequence_is_never_given_again() {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..3);
    inspect(dir.path()).execute("DELETE FROM event WHERE sequence >= 2", []).unwrap();
    assert_eq!(append(&journal, event(2)), known(2));
    journal.close();
    let journal = open(dir.path(), small());
    assert_eq!(*journal.head().borrow(), 3);
    assert_eq!(append(&journal, event(2)), known(2));
    assert_eq!(append(&journal, event(3)), fresh(4));
    let sequences: Vec<_> = journal.read_after(&Lane::Live, 0).unwrap();
    let sequences: Vec<_> = sequences.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [1, 4]);
}

fn filters(dir: &Path) -> Vec<Vec<u8>> {
    let connection = inspect(dir);
    let mut statement = connection
        .prepare("SELECT filter FROM generation WHERE filter IS NOT NULL ORDER BY number")
        .unwrap();
    let filters = statement.query_map([], |row| row.get(0)).unwrap();
    filters.map(Result::unwrap).collect()
}

/// Changes the first sealed filter while the journal is closed: everything is still known, and the
/// filter is stored again as it was.
fn is_built_again(change: impl Fn(&mut Vec<u8>)) {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..25);
    journal.close();
    let whole = filters(dir.path());
    let mut changed = whole[0].clone();
    change(&mut changed);
    assert_ne!(changed, whole[0]);
    inspect(dir.path())
        .execute("UPDATE generation SET filter = ?1 WHERE number = 1", [changed])
        .unwrap();
    let journal = open(dir.path(), small());
    all_are_known(&journal, 0..25);
    journal.close();
    assert_eq!(filters(dir.path()), whole);
}

#[test]
fn a_damaged_filter_is_built_again_from_its_table() {
    is_built_again(|filter| filter.fill(0));
    is_built_again(|filter| filter.truncate(12));
    is_built_again(Vec::clear);
    // A bit too many: no identity is forgotten, only the checksum tells.
    is_built_again(|filter| {
        let byte = filter.iter_mut().find(|byte| **byte != 0xff).unwrap();
        *byte |= byte.wrapping_add(1);
    });
}

#[test]
fn a_missing_filter_is_built_again_from_its_table() {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..25);
    journal.close();
    let whole = filters(dir.path());
    inspect(dir.path()).execute("UPDATE generation SET filter = NULL", []).unwrap();
    let journal = open(dir.path(), small());
    all_are_known(&journal, 0..25);
    journal.close();
    assert_eq!(filters(dir.path()), whole);
}

#[test]
fn a_filter_that_does_not_know_its_table_is_not_believed_though_its_checksum_holds() {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..15);
    journal.close();
    // The same bits over another table: what a changed hash would look like.
    inspect(dir.path())
        .execute_batch(
            "DELETE FROM identity_1;
             INSERT INTO identity_1(id) SELECT randomblob(16) FROM event LIMIT 9;
             INSERT INTO identity_1(id) VALUES (x'000102030405060708090a0b0c0d0e0f');",
        )
        .unwrap();
    let journal = open(dir.path(), small());
    let known = EventId(Digest128(std::array::from_fn(|i| i as u8)));
    let event = event(99);
    let twin = Clean::for_test(
        known,
        event.source().clone(),
        event.kind(),
        None,
        event.received(),
        event.key().clone(),
        event.value().clone(),
    );
    assert_eq!(append(&journal, twin), Ok(Journaled::Duplicate { id: known }));
}

#[test]
fn a_generation_that_was_full_when_the_process_ended_is_sealed_later() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { generation_events: 1_000, ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    fill(&journal, 0..12);
    journal.close();
    let journal = open(dir.path(), small());
    fill(&journal, 12..14);
    all_are_known(&journal, 0..14);
    journal.close();
    assert_eq!(generations(dir.path()), [(1, 13, true), (2, 1, false)]);
}

/// The event of this number as it comes after the identity key was replaced: under another id, with
/// the one it had.
fn renamed(number: u64) -> Clean {
    let event = event(number);
    let renamed = Clean::for_test(
        id(number + RENAMED),
        event.source().clone(),
        event.kind(),
        None,
        event.received(),
        event.key().clone(),
        event.value().clone(),
    );
    renamed.with_former(id(number))
}

/// What tells the new id of an event from its old one.
const RENAMED: u64 = 1_000_000;

#[test]
fn an_event_is_known_by_the_id_it_has_or_the_one_it_had_in_every_generation() {
    let slow = || Tuning { settled: 2, ..small() };
    let dir = folder();
    let journal = open(dir.path(), slow());
    fill(&journal, 0..23);
    for number in 23..25 {
        assert_eq!(append(&journal, renamed(number)), fresh(number + 1));
    }
    assert_eq!(generations(dir.path()), [(1, 10, true), (2, 10, false), (3, 5, false)]);
    for reopened in [false, true] {
        let journal = if reopened { open(dir.path(), slow()) } else { journal.clone() };
        for number in 0..23 {
            assert_eq!(append(&journal, renamed(number)), known(number), "{number}");
        }
        for number in 23..25 {
            assert_eq!(append(&journal, renamed(number)), known(number + RENAMED), "{number}");
        }
        journal.close();
    }
    // A look leaves nothing behind: not even the new id of what is known by its old one.
    let rows = generations(dir.path()).iter().map(|(_, rows, _)| *rows).sum::<i64>();
    assert_eq!((rows, count(dir.path(), "event")), (25, 25));
}

#[test]
fn inside_one_batch_an_event_is_known_by_the_id_it_had() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let first = queue(&journal, event(0));
    disk.wait_at_gate();
    let batch: Vec<_> = [event(1), renamed(1), renamed(2), renamed(2), renamed(0)]
        .map(|event| queue(&journal, event))
        .into_iter()
        .collect();
    disk.open_gate();
    wait(first).unwrap();
    let answers: Vec<_> = batch.into_iter().map(wait).collect();
    let expected = [fresh(2), known(1), fresh(3), known(2 + RENAMED), known(0)];
    assert_eq!(answers, expected);
}

#[test]
fn what_was_rolled_back_is_known_by_neither_of_its_ids() {
    let (dir, disk) = (folder(), Handles::default());
    let probe_every = Duration::from_millis(2);
    let journal = open(dir.path(), Tuning { probe_every, ..disk.tuning() });
    for _ in 0..2 {
        disk.fail_next(ffi::SQLITE_FULL);
        assert_eq!(append(&journal, renamed(1)), Err(AppendError::DiskFull));
        wait(journal.health().wait_for(|health| *health == Health::Ok)).unwrap();
    }
    assert_eq!(append(&journal, event(1)), fresh(1));
    assert_eq!(append(&journal, renamed(1)), known(1));
}
