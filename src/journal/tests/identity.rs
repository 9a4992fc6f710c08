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
        assert_eq!(answer, Ok(Journaled::Duplicate), "{number}");
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
        (number, count(dir, &format!("identity_{number}")), sealed)
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
fn an_identity_outlives_its_row_and_a_sequence_is_never_given_again() {
    let dir = folder();
    let journal = open(dir.path(), small());
    fill(&journal, 0..3);
    inspect(dir.path()).execute("DELETE FROM event WHERE sequence >= 2", []).unwrap();
    assert_eq!(append(&journal, event(2)), Ok(Journaled::Duplicate));
    journal.close();
    let journal = open(dir.path(), small());
    assert_eq!(*journal.head().borrow(), 3);
    assert_eq!(append(&journal, event(2)), Ok(Journaled::Duplicate));
    assert_eq!(append(&journal, event(3)), fresh(4));
    let sequences: Vec<_> = journal.read_after(0).unwrap();
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
    assert_eq!(append(&journal, twin), Ok(Journaled::Duplicate));
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
