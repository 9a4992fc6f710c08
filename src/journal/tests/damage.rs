//! Damage: rows, pages, and what becomes of the events on them.

use std::path::PathBuf;

use super::*;

/// A closed journal with so many events of about a kilobyte, so that a page holds about three.
fn made(events: u64) -> TempDir {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for number in 1..=events {
        append(&journal, event_from(number, "a", Kind::RoomStarted, 1_000)).unwrap();
    }
    journal.close();
    dir
}

/// As the process would have left it had it been killed after the last event.
fn uncleanly_ended(dir: &TempDir) {
    inspect(dir.path()).execute("DELETE FROM meta WHERE name = 'closed_at'", []).unwrap();
}

fn database(dir: &TempDir) -> PathBuf {
    dir.path().join("journal.db")
}

/// Overwrites the page on which this event's row lies.
fn tear_page_of(dir: &TempDir, number: u64) {
    let mut bytes = std::fs::read(database(dir)).unwrap();
    let key = format!("tenant/{number}v");
    let found = bytes.windows(key.len()).position(|window| window == key.as_bytes());
    let page = found.unwrap() / 4_096 * 4_096;
    bytes[page..page + 4_096].fill(0xa5);
    std::fs::write(database(dir), bytes).unwrap();
}

fn tear_row(dir: &TempDir, sequence: u64) {
    let sql = "UPDATE event SET value = x'00' WHERE sequence = ?1";
    assert_eq!(inspect(dir.path()).execute(sql, [sequence.cast_signed()]).unwrap(), 1);
}

/// Everything that can be read, page by page.
pub(super) fn all(journal: &Journal) -> Vec<u64> {
    let mut read: Vec<u64> = Vec::new();
    loop {
        let page = journal.read_after(&Lane::Live, read.last().copied().unwrap_or(0)).unwrap();
        if page.is_empty() {
            return read;
        }
        read.extend(page.iter().map(|row| row.sequence));
    }
}

fn until_looked_through(journal: &Journal) {
    let mut looked = journal.inner.shared.looked_through.subscribe();
    wait(async {
        looked.wait_for(|looked| *looked).await.unwrap();
    });
}

#[test]
fn a_torn_page_costs_its_own_rows_and_no_other() {
    let dir = made(300);
    tear_page_of(&dir, 150);
    let journal = open(dir.path(), Tuning::default());
    let read = all(&journal);
    let lost = 300 - read.len() as u64;
    assert!((1..=8).contains(&lost), "{lost}");
    assert!(!read.contains(&150) && read.contains(&300), "{read:?}");
    assert_eq!(journal.damaged_events(), lost);
    assert_eq!(append(&journal, event(301)), fresh(301));
    assert_eq!(all(&journal).last(), Some(&301));
}

#[test]
fn an_event_lost_to_damage_is_accounted_for_when_the_cursor_passes_it() {
    let dir = made(4);
    tear_row(&dir, 2);
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(all(&journal), [1, 3, 4]);
    let published = vec![(SourceName::new("a"), 1)];
    journal.advance(Advance { lane: Lane::Live, through: 1, published: published.clone() });
    journal.advance(Advance { lane: Lane::Live, through: 3, published });
    journal.close();
    let ledger = &journal.ledger().unwrap()[0];
    assert_eq!((ledger.published, ledger.erased_unpublished, ledger.pending), (2, 1, 1));
    assert_eq!(ledger.accepted, 4);
}

#[test]
fn a_torn_row_or_page_at_kafkas_cursor_has_the_digest_that_was_noted_there_or_none() {
    let harm: [fn(&TempDir); 2] = [|dir| tear_row(dir, 150), |dir| tear_page_of(dir, 150)];
    for harm in harm {
        for noted in [true, false] {
            let dir = made(300);
            let journal = open(dir.path(), Tuning::default());
            let digest = journal.digest(150).unwrap();
            assert!(digest.is_some());
            if noted {
                journal.mark(&Lane::Live, Marked { sequence: 150, digest });
            }
            journal.close();
            harm(&dir);
            let journal = open(dir.path(), Tuning::default());
            assert_eq!(journal.marked(&Lane::Live).is_some(), noted);
            assert_eq!(journal.digest(150).unwrap(), digest.filter(|_| noted));
            journal.close();
            let glance = Glance::at(dir.path(), journal.instance());
            assert_eq!(glance.unwrap().digest(150).unwrap(), digest.filter(|_| noted));
        }
    }
}

#[test]
fn who_looks_from_outside_counts_the_events_that_are_still_there() {
    let dir = made(10);
    inspect(dir.path()).execute("DELETE FROM event WHERE sequence IN (4, 6)", []).unwrap();
    let journal = open(dir.path(), Tuning::default());
    let glance = Glance::at(dir.path(), journal.instance()).unwrap();
    assert_eq!([0, 4, 6, 10].map(|at| glance.events_after(at).unwrap()), [8, 5, 4, 0]);
}

#[test]
fn a_long_run_of_damage_up_to_the_head_is_an_error_and_passes_over_nothing() {
    let dir = made(3);
    let journal = open(dir.path(), Tuning::default());
    let by_hand = inspect(dir.path());
    by_hand
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO event SELECT i, zeroblob(16), 1, 'room.started', 0, x'', x'', 0 FROM n;
             UPDATE meta SET value = 2000 WHERE name = 'head';",
        )
        .unwrap();
    journal.close();
    drop(journal);
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(sequences_after(&journal, 0), [1, 2, 3]);
    let error = journal.read_after(&Lane::Live, 3).unwrap_err();
    assert!(matches!(error, ReadError::Sqlite(_)), "{error}");
    assert_eq!(journal.damaged_events(), 0);
    assert_eq!(journal.unreadable(), Some(error));
    assert_eq!(sequences_after(&journal, 0), [1, 2, 3]);
    assert_eq!(journal.unreadable(), None);
    // With a whole row behind it the run is a hole like any other.
    assert_eq!(append(&journal, event(2_001)), fresh(2_001));
    journal.close();
    drop(journal);
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(sequences_after(&journal, 3), [2_001]);
    assert_eq!(journal.damaged_events(), 1_997);
    journal.advance(Advance { lane: Lane::Live, through: 2_001, published: Vec::new() });
    journal.close();
    assert_eq!(journal.ledger().unwrap()[0].erased_unpublished, 1_997);
}

/// A closed journal with so many events, of which all but the first were written by hand, fast.
fn large(events: u64) -> TempDir {
    let dir = made(1);
    let mut by_hand = inspect(dir.path());
    let transaction = by_hand.transaction().unwrap();
    for sequence in 2..=events {
        let event = stored(sequence, 1_000);
        let row = schema::Row {
            sequence,
            id: event.id.0.0,
            source: 1,
            kind: event.kind.as_str(),
            received: event.received.millis(),
            key: &event.key,
            value: &event.value,
        };
        row.insert(&transaction).unwrap();
    }
    schema::set_head(&transaction, events).unwrap();
    let sql = "UPDATE source SET accepted = ?1, pending = ?1";
    transaction.execute(sql, [events.cast_signed()]).unwrap();
    transaction.commit().unwrap();
    by_hand.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())).unwrap();
    dir
}

/// Overwrites the first page of a table's inner ones that lies below its root.
fn tear_inner_page(dir: &TempDir) {
    let mut bytes = std::fs::read(database(dir)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'event'";
    let root: i64 = inspect(dir.path()).query_row(sql, [], |row| row.get(0)).unwrap();
    // Of the file's pages some are a map, one in 820: <https://sqlite.org/fileformat2.html>.
    let is_inner = |at: &usize| bytes[at * 4_096] == 5 && *at as i64 + 1 != root && at % 820 != 1;
    let torn = (1..bytes.len() / 4_096).find(is_inner).unwrap() * 4_096;
    bytes[torn..torn + 4_096].fill(0xa5);
    std::fs::write(database(dir), bytes).unwrap();
}

#[test]
fn a_torn_inner_page_hides_thousands_of_rows_and_holds_up_none_behind_them() {
    let dir = large(5_000);
    tear_inner_page(&dir);
    uncleanly_ended(&dir);
    let tuning = Tuning { patrol_pause: Duration::from_millis(1), ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    let read = all(&journal);
    let lost = 5_000 - read.len() as u64;
    assert!(lost > bounds::JOURNAL_DAMAGED_RUN as u64, "{lost}");
    assert_eq!(read.last(), Some(&5_000));
    until_looked_through(&journal);
    assert_eq!(journal.damaged_events(), lost, "the patrol met the same ones");
    assert_eq!(append(&journal, event(5_001)), fresh(5_001));
    let findings = checked(&dir);
    assert!(findings[3].unfinished.is_none(), "{findings:?}");
    assert_eq!(findings[3].wrong_count, lost);
}

#[test]
fn damage_that_is_met_twice_in_other_pieces_is_counted_once() {
    let dir = made(1);
    let journal = open(dir.path(), Tuning::default());
    let shared = &journal.inner.shared;
    let met = |first, last| vec![read::Damaged { first, last, source: None }];
    for (first, last, count) in
        [(5, 9, 5), (5, 9, 5), (7, 12, 8), (20, 20, 9), (1, 30, 30), (2, 31, 31), (40, 41, 33)]
    {
        shared.damaged(met(first, last));
        assert_eq!(journal.damaged_events(), count, "{first} to {last}");
    }
}

fn sequences_after(journal: &Journal, sequence: u64) -> Vec<u64> {
    journal.read_after(&Lane::Live, sequence).unwrap().iter().map(|row| row.sequence).collect()
}

#[test]
fn after_an_unclean_end_every_row_is_looked_at_beside_the_traffic() {
    let dir = made(2_500);
    tear_row(&dir, 7);
    tear_page_of(&dir, 2_000);
    uncleanly_ended(&dir);
    let tuning = Tuning { patrol_pause: Duration::from_millis(1), ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    assert_eq!(append(&journal, event(5_000)), fresh(2_501));
    until_looked_through(&journal);
    assert!((2..=9).contains(&journal.damaged_events()), "{}", journal.damaged_events());
}

#[test]
fn after_a_clean_end_no_row_is_looked_at() {
    let dir = made(10);
    tear_row(&dir, 7);
    let journal = open(dir.path(), Tuning::default());
    assert!(*journal.inner.shared.looked_through.borrow());
    journal.close();
    assert_eq!(journal.damaged_events(), 0);
}

#[test]
fn an_end_is_clean_only_when_the_earlier_unclean_one_was_looked_through() {
    let dir = made(10);
    uncleanly_ended(&dir);
    let slow = || Tuning { patrol_pause: Duration::from_secs(3_600), ..Tuning::default() };
    let looks = |journal: &Journal| !*journal.inner.shared.looked_through.borrow();
    for _ in 0..2 {
        let journal = open(dir.path(), slow());
        assert!(looks(&journal));
        journal.close();
    }
    let journal = open(dir.path(), Tuning::default());
    until_looked_through(&journal);
    journal.close();
    let journal = open(dir.path(), slow());
    assert!(!looks(&journal));
    append(&journal, event(11)).unwrap();
    let image = super::opening::crash_image(dir.path());
    assert!(looks(&open(image.path(), slow())));
}

#[test]
fn a_database_cut_off_at_its_end_is_refused_at_the_start() {
    let dir = made(300);
    let file = std::fs::OpenOptions::new().write(true).open(database(&dir)).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let error = Journal::open(settings(dir.path()), Clock::system()).err().unwrap();
    assert!(matches!(error.obstacle(), Obstacle::Damaged(_)), "{error}");
}

fn checked(dir: &TempDir) -> Vec<check::Finding> {
    check(dir.path(), &mut |_| {}).unwrap()
}

fn wrong(dir: &TempDir) -> Vec<(Part, u64)> {
    let findings = checked(dir).into_iter().filter(|finding| finding.wrong_count > 0);
    findings.map(|finding| (finding.part, finding.wrong_count)).collect()
}

#[test]
fn the_full_check_finds_a_whole_journal_good_open_or_closed() {
    let dir = made(300);
    let look = || {
        assert_eq!(wrong(&dir), []);
        let seen: Vec<_> = checked(&dir).into_iter().map(|finding| finding.looked_at).collect();
        assert_eq!((seen[2], seen[3], seen[4]), (1, 300, 300));
        assert!(seen[0] > 100, "{seen:?}");
        assert!(checked(&dir).iter().all(|finding| finding.unfinished.is_none()));
    };
    look();
    let _journal = open(dir.path(), Tuning::default());
    look();
}

#[test]
fn the_full_check_names_each_kind_of_damage() {
    for (sql, part) in [
        ("UPDATE event SET received = received + 1 WHERE sequence = 3", Part::Rows),
        ("DELETE FROM arrival_1 WHERE number = 3", Part::Identities),
        ("UPDATE meta SET value = 9 WHERE name = 'head'", Part::Order),
        ("INSERT INTO cursor VALUES ('gate-1', 'live', 11)", Part::Order),
        ("UPDATE source SET pending = pending + 1", Part::Ledger),
        ("UPDATE source SET pending = -1, accepted = accepted - 11", Part::Ledger),
    ] {
        let dir = made(10);
        assert_eq!(inspect(dir.path()).execute(sql, []).unwrap(), 1, "{sql}");
        assert_eq!(wrong(&dir), [(part, 1)], "{sql}");
        let findings = checked(&dir);
        let finding = findings.iter().find(|finding| finding.part == part).unwrap();
        assert!(!finding.wrong[0].is_empty(), "{finding:?}");
    }
}

#[test]
fn the_full_check_looks_into_generations_that_are_sealed() {
    let dir = folder();
    let tuning = Tuning { generation_events: 20, settled: 10, ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    for number in 0..100 {
        append(&journal, event(number)).unwrap();
    }
    journal.close();
    assert_eq!(wrong(&dir), []);
    let sql = "DELETE FROM identity_1 WHERE id = (SELECT id FROM event WHERE sequence = 7)";
    assert_eq!(inspect(dir.path()).execute(sql, []).unwrap(), 1);
    assert_eq!(wrong(&dir), [(Part::Identities, 1)]);
}

#[test]
fn the_full_check_sees_a_torn_page_from_two_sides() {
    let dir = made(300);
    tear_page_of(&dir, 150);
    let wrong = wrong(&dir);
    assert_eq!(wrong[0].0, Part::Pages);
    assert_eq!(wrong[1].0, Part::Rows);
    assert!((1..=8).contains(&wrong[1].1), "{wrong:?}");
}

#[test]
fn generations_that_begin_during_the_check_are_known_to_it() {
    let dir = folder();
    let tuning = || Tuning { generation_events: 20, batch_events: 1, ..Tuning::default() };
    let journal = open(dir.path(), tuning());
    for number in 0..50 {
        append(&journal, event(number)).unwrap();
    }
    let mut more = 50;
    let findings = check(dir.path(), &mut |progress| {
        if matches!(progress, Progress::Begins(Part::Rows)) {
            for number in more..more + 50 {
                append(&journal, event(number)).unwrap();
            }
            more += 50;
        }
    });
    let findings = findings.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong_count == 0), "{findings:?}");
    assert_eq!(findings[4].looked_at, 100);
}

#[test]
fn a_folder_without_a_journal_cannot_be_checked() {
    let dir = folder();
    let error = check(dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error.obstacle(), Obstacle::File(_)), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
