//! Tombstones: what is gone, what stays, and what the ledger makes of them.

use super::*;

const CANARY: &[u8] = b"canary-session-0a1b2c3d";

/// An event with the canary in its key and value, `bytes` long.
fn marked(number: u64, bytes: usize) -> Clean {
    let plain = event_from(number, "a", Kind::ParticipantJoined, 1);
    let fill = |bytes: usize| Bytes::from(CANARY.repeat(bytes / CANARY.len() + 1));
    Clean::for_test(
        plain.id(),
        plain.source().clone(),
        plain.kind(),
        None,
        plain.received(),
        fill(1),
        fill(bytes),
    )
}

fn keep(journal: &Journal, numbers: std::ops::RangeInclusive<u64>, bytes: usize) {
    for number in numbers {
        append(journal, marked(number, bytes)).unwrap();
    }
}

/// What tells of an erasure.
fn telling(number: u64) -> Clean {
    event_from(number, SourceName::OURS, Kind::ParticipantErased, 100)
}

fn erase(journal: &Journal, sequences: &[u64]) -> Entombed {
    wait(journal.erase(sequences.to_vec(), vec![telling(1_000 + sequences[0])])).unwrap()
}

/// How often the canary stands in the bytes of the journal's files.
fn canaries(dir: &Path) -> usize {
    let files = ["journal.db", "journal.db-wal"].map(|name| std::fs::read(dir.join(name)));
    let count = |bytes: Vec<u8>| bytes.windows(CANARY.len()).filter(|w| *w == CANARY).count();
    files.into_iter().flatten().map(count).sum()
}

fn sequences(rows: &[Stored]) -> Vec<u64> {
    rows.iter().map(|row| row.sequence).collect()
}

fn publish(journal: &Journal, through: u64, counts: &[(&str, u64)]) {
    let published = counts.iter().map(|(name, count)| (SourceName::new(name), *count)).collect();
    journal.advance(Advance { lane: Lane::Live, through, published });
}

fn totals(row: &LedgerRow) -> [u64; 5] {
    [row.accepted, row.quarantined, row.published, row.pending, row.erased_unpublished]
}

#[test]
fn erased_content_is_in_no_byte_of_the_files_and_its_place_identity_and_digest_stay() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    // On leaf pages, on overflow pages, and beside what stays.
    for (number, bytes) in [(1, 100), (2, 9_000), (4, 100_000)] {
        append(&journal, marked(number, bytes)).unwrap();
        append(&journal, event(100 + number)).unwrap();
    }
    assert!(canaries(dir.path()) > 1_000);
    let digests = [1, 3, 5].map(|at| journal.digest(at).unwrap());
    assert!(digests.iter().all(Option::is_some));
    let done = erase(&journal, &[1, 3, 5]);
    assert_eq!(done, Entombed { events: 3, unpublished: 3 });
    assert!(journal.is_erasure_pending());
    assert_eq!(wait(journal.scour()), Ok(true));
    assert!(!journal.is_erasure_pending());
    assert_eq!(canaries(dir.path()), 0);
    assert_eq!([1, 3, 5].map(|at| journal.digest(at).unwrap()), digests);
    for number in [1, 2, 4] {
        assert_eq!(append(&journal, marked(number, 100)), known(number));
    }
    assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap()), [2, 4, 6, 7]);
    assert_eq!(sequences(&journal.slice(0, 6).unwrap().rows), [2, 4, 6]);
    assert_eq!(erase(&journal, &[1, 3, 5, 99]), Entombed::default());
}

#[test]
fn a_restart_and_every_check_take_a_tombstone_for_what_it_is() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    keep(&journal, 1..=50, 500);
    let digest = journal.digest(7).unwrap();
    erase(&journal, &(1..=40).collect::<Vec<_>>());
    wait(journal.scour()).unwrap();
    journal.close();
    // The note of a clean end away, so that every row is looked at.
    inspect(dir.path()).execute("DELETE FROM meta WHERE name = 'closed_at'", []).unwrap();
    let tuning = Tuning { patrol_pause: Duration::ZERO, ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    let mut looked = journal.inner.shared.looked_through.subscribe();
    wait(looked.wait_for(|looked| *looked)).unwrap();
    assert_eq!(journal.damaged_events(), 0);
    assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap())[..2], [41, 42]);
    assert_eq!(journal.digest(7).unwrap(), digest);
    assert_eq!(append(&journal, marked(7, 500)), known(7));
    let findings = check(dir.path(), &mut |_| {}).unwrap();
    assert!(findings.iter().all(|finding| finding.wrong_count == 0), "{findings:?}");
    let rows = findings.iter().find(|finding| finding.part == Part::Rows).unwrap();
    assert_eq!(rows.looked_at, 51);
}

#[test]
fn as_long_as_somebody_reads_what_is_erased_is_pending_and_no_longer() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, marked(1, 5_000)).unwrap();
    let reader = inspect(dir.path());
    let view = reader.unchecked_transaction().unwrap();
    let count: i64 = view.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
    erase(&journal, &[1]);
    assert_eq!(wait(journal.scour()), Ok(false));
    assert!(journal.is_erasure_pending() && canaries(dir.path()) > 0);
    // The erased is not read, but a process that ends now must not forget that it still stands
    // there.
    assert!(schema::is_unscoured(&inspect(dir.path())).unwrap());
    drop(view);
    assert_eq!(wait(journal.scour()), Ok(true));
    assert_eq!(canaries(dir.path()), 0);
}

#[test]
fn what_an_earlier_process_could_not_finish_the_next_one_does() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, marked(1, 5_000)).unwrap();
    erase(&journal, &[1]);
    // The folder as a kill at this moment leaves it.
    let image = folder();
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(dir.path().join(file), image.path().join(file)).unwrap();
    }
    assert!(canaries(image.path()) > 0);
    let journal = open(image.path(), Tuning::default());
    assert_eq!(wait(journal.scour()), Ok(true));
    assert_eq!(canaries(image.path()), 0);
}

#[test]
fn what_is_held_is_not_taken_for_published_once_live_traffic_has_passed_it() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    keep(&journal, 1..=2, 100);
    wait(journal.hold(vec![SourceName::new("a")])).unwrap();
    keep(&journal, 3..=4, 100);
    publish(&journal, 4, &[("a", 2)]);
    assert_eq!(erase(&journal, &[1, 3, 4]), Entombed { events: 3, unpublished: 2 });
}

#[test]
fn the_ledger_balances_whatever_the_courier_had_in_its_hands() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    keep(&journal, 1..=10, 100);
    // 1 to 4 are published; the courier has read all ten.
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 10);
    publish(&journal, 4, &[("a", 4)]);
    assert_eq!(erase(&journal, &[2, 6, 8]), Entombed { events: 3, unpublished: 2 });
    // What it had in its hands goes out, before the event that tells of it.
    assert_eq!(sequences(&journal.read_after(&Lane::Live, 10).unwrap()), [11]);
    publish(&journal, 11, &[("a", 6), (SourceName::OURS, 1)]);
    // What it had not counts as erased, once.
    keep(&journal, 11..=14, 100);
    assert_eq!(erase(&journal, &[12, 13]), Entombed { events: 2, unpublished: 2 });
    for _ in 0..2 {
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 11).unwrap()), [14, 15, 16]);
    }
    publish(&journal, 16, &[("a", 2), (SourceName::OURS, 1)]);
    journal.close();
    let ledger = journal.ledger().unwrap();
    assert_eq!(ledger.iter().map(totals).collect::<Vec<_>>(), [[14, 0, 12, 0, 2]]);
    assert_eq!(totals(&journal.own_events().unwrap().unwrap()), [2, 0, 2, 0, 0]);
}

#[test]
fn what_the_courier_gives_up_counts_as_erased_and_what_others_meet_not_at_all() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    let mut erasures = journal.erasures();
    keep(&journal, 1..=6, 100);
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 6);
    wait(journal.hold(vec![SourceName::new("b")])).unwrap();
    erase(&journal, &[2, 4]);
    assert_eq!(erasures.heard(), Heard::These(vec![2, 4]));
    // Another lane and a replay read past what the courier of live traffic has in its hands.
    let held = Lane::Source { source: SourceName::new("b"), since: 6 };
    let replay = Lane::Replay(crate::event::ReplayId::parse("rp_abcdefgh2345").unwrap());
    for lane in [&held, &replay] {
        assert_eq!(sequences(&journal.read_after(lane, 0).unwrap()), [1, 3, 5, 6, 7]);
    }
    // Two goes out all the same; four is given up, once.
    for _ in 0..2 {
        journal.given_up(&Lane::Live, &[(4, SourceName::new("a"))]);
    }
    publish(&journal, 7, &[("a", 5), (SourceName::OURS, 1)]);
    journal.close();
    assert_eq!(totals(&journal.ledger().unwrap()[0]), [6, 0, 5, 0, 1]);
}

#[test]
fn who_hears_too_little_of_erasures_is_told_so_and_asks() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    let mut erasures = journal.erasures();
    let steps = crate::bounds::ERASURES_TOLD as u64 + 1;
    keep(&journal, 1..=steps, 100);
    for sequence in 1..=steps {
        wait(journal.erase(vec![sequence], Vec::new())).unwrap();
    }
    assert_eq!(erasures.heard(), Heard::TooMany);
    assert_eq!(erasures.heard(), Heard::TooMany, "until it is known");
    append(&journal, event(500)).unwrap();
    assert_eq!(journal.tombstones(&[1, steps, steps + 1, 999]).unwrap(), [1, steps]);
    erasures.known();
    assert_eq!(erasures.heard(), Heard::These(Vec::new()));
}

#[test]
fn what_was_erased_before_a_restart_counts_when_the_cursor_passes_it() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    keep(&journal, 1..=5, 100);
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 5);
    erase(&journal, &[1, 3, 5]);
    journal.close();
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap()), [2, 4, 6]);
    publish(&journal, 6, &[("a", 2), (SourceName::OURS, 1)]);
    journal.close();
    assert_eq!(totals(&journal.ledger().unwrap()[0]), [5, 0, 2, 0, 3]);
}

#[test]
fn a_full_disk_erases_nothing_and_says_so() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    append(&journal, marked(1, 100)).unwrap();
    disk.fail_next(ffi::SQLITE_FULL);
    assert_eq!(wait(journal.erase(vec![1], Vec::new())), Err(AppendError::DiskFull));
    assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap()), [1]);
}

#[test]
fn deliveries_queued_with_an_erasure_are_all_answered() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    append(&journal, marked(1, 100)).unwrap();
    disk.close_gate();
    let mut first = queue(&journal, event(2));
    disk.wait_at_gate();
    let second = queue(&journal, event(3));
    let mut erasing = Box::pin(journal.erase(vec![1, 2], vec![telling(9)]));
    assert!(!is_ready(&mut erasing));
    let third = queue(&journal, event(4));
    disk.open_gate();
    assert_eq!(wait(&mut first), fresh(2));
    assert_eq!(wait(second), fresh(3));
    assert_eq!(wait(erasing), Ok(Entombed { events: 2, unpublished: 2 }));
    assert_eq!(wait(third), fresh(5));
}
