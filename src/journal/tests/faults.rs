//! Disks that are full, and disks that fail.

use super::*;

/// Fills the journal until it refuses; returns how many events it took.
fn fill(journal: &Journal) -> u64 {
    for number in 1..10_000 {
        let large = event_from(number, "a", Kind::RoomStarted, 3_000);
        match append(journal, large) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, AppendError::DiskFull);
                return number - 1;
            }
        }
    }
    panic!("the disk never filled");
}

fn full(dir: &Path, disk: &Handles) -> (Journal, u64) {
    let tuning = Tuning { probe_every: Duration::from_millis(2), ..disk.tuning() };
    let journal = open(dir, tuning);
    append(&journal, event(0)).unwrap();
    disk.fill();
    let taken = fill(&journal) + 1;
    (journal, taken)
}

#[test]
fn a_full_disk_sheds_at_once_and_recovers_by_itself() {
    let (dir, disk) = (folder(), Handles::default());
    let (journal, taken) = full(dir.path(), &disk);
    assert_eq!(*journal.health().borrow(), Health::DiskFull);
    let mut refused = Box::pin(journal.append(event(20_000)));
    assert!(is_ready(&mut refused), "it must not be queued");
    assert_eq!(*journal.head().borrow(), taken);
    disk.make_room();
    let mut health = journal.health();
    wait(health.wait_for(|health| *health == Health::Ok)).unwrap();
    assert_eq!(append(&journal, event(20_000)), fresh(taken + 1));
    assert_eq!(journal.ledger().unwrap()[0].accepted, taken + 1);
    assert_eq!(count(dir.path(), "probe"), 0);
}

#[test]
fn an_event_refused_by_a_full_disk_is_no_duplicate_afterwards() {
    let (dir, disk) = (folder(), Handles::default());
    let (journal, taken) = full(dir.path(), &disk);
    disk.make_room();
    wait(journal.health().wait_for(|health| *health == Health::Ok)).unwrap();
    let refused = event_from(taken, "a", Kind::RoomStarted, 3_000);
    assert_eq!(append(&journal, refused), fresh(taken + 1));
}

#[test]
fn a_cursor_that_met_a_full_disk_is_written_when_there_is_room() {
    let (dir, disk) = (folder(), Handles::default());
    let (journal, taken) = full(dir.path(), &disk);
    journal.advance(Advance {
        lane: Lane::Live,
        through: taken,
        published: vec![(SourceName::new("a"), taken)],
    });
    disk.make_room();
    wait(journal.health().wait_for(|health| *health == Health::Ok)).unwrap();
    journal.close();
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(journal.cursor(&Lane::Live), Ok(taken));
    assert_eq!(journal.ledger().unwrap()[0].pending, 0);
}

#[test]
fn a_full_journal_closes_and_opens_again() {
    let (dir, disk) = (folder(), Handles::default());
    let (journal, taken) = full(dir.path(), &disk);
    journal.close();
    assert_eq!(append(&journal, event(20_000)), Err(AppendError::Closed));
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(append(&journal, event(20_000)), fresh(taken + 1));
}

#[test]
fn a_failed_commit_poisons_for_good() {
    for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT] {
        let (dir, disk) = (folder(), Handles::default());
        let journal = open(dir.path(), disk.tuning());
        append(&journal, event(1)).unwrap();
        disk.fail_next(code);
        assert_eq!(append(&journal, event(2)), Err(AppendError::Poisoned));
        assert_eq!(*journal.health().borrow(), Health::Poisoned);
        // The disk would work again; nobody asks it.
        assert_eq!(append(&journal, event(3)), Err(AppendError::Poisoned));
        journal.advance(Advance { lane: Lane::Live, through: 1, published: vec![] });
        journal.close();
        assert_eq!(disk.commits(), 1);
        assert_eq!(append(&journal, event(3)), Err(AppendError::Poisoned));

        let journal = open(dir.path(), Tuning::default());
        assert_eq!(journal.cursor(&Lane::Live), Ok(0));
        assert_eq!(append(&journal, event(1)), known(1));
        assert_eq!(append(&journal, event(2)), fresh(2));
    }
}

#[test]
fn everybody_in_a_failed_commit_and_in_the_queue_is_told() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let first = queue(&journal, event(1));
    disk.wait_at_gate();
    let others: Vec<_> = (2..9).map(|n| queue(&journal, event(n))).collect();
    disk.fail_next(ffi::SQLITE_IOERR_FSYNC);
    disk.open_gate();
    assert_eq!(wait(first), fresh(1));
    for other in others {
        assert_eq!(wait(other), Err(AppendError::Poisoned));
    }
    assert_eq!(count(dir.path(), "event"), 1);
}

#[test]
fn a_poisoned_journal_copies_nothing_into_the_database() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { checkpoint_every: Duration::from_secs(3_600), ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    append(&journal, event(1)).unwrap();
    let database = dir.path().join("journal.db");
    let before = std::fs::metadata(&database).unwrap().len();
    disk.fail_next(ffi::SQLITE_IOERR_FSYNC);
    append(&journal, event(2)).unwrap_err();
    journal.close();
    drop(journal);
    assert_eq!(std::fs::metadata(&database).unwrap().len(), before);
    let log = std::fs::metadata(dir.path().join("journal.db-wal")).unwrap();
    assert!(log.len() > 0);
}

#[test]
fn a_lock_held_by_another_program_fails_a_batch_and_no_more() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.fail_next(ffi::SQLITE_BUSY);
    assert_eq!(append(&journal, event(1)), Err(AppendError::QueueFull));
    assert_eq!(*journal.health().borrow(), Health::Ok);
    assert_eq!(append(&journal, event(1)), fresh(1));
}

#[test]
fn a_writer_that_ends_by_a_defect_does_not_look_alive() {
    let dir = folder();
    let mut settings = settings(dir.path());
    settings.on_commit = Arc::new(|_| panic!("a defect"));
    let journal = open::open(settings, Clock::system(), Tuning::default()).unwrap();
    // Answered before the defect: it is on disk.
    assert_eq!(append(&journal, event(1)), fresh(1));
    let mut health = journal.health();
    wait(health.wait_for(|health| *health == Health::Poisoned)).unwrap();
    assert_eq!(append(&journal, event(2)), Err(AppendError::Poisoned));
    journal.close();
}

#[test]
fn the_log_starts_again_under_load_without_the_checkpointer() {
    let dir = folder();
    let tuning =
        Tuning { checkpoint_every: Duration::from_secs(3_600), log_pages: 50, ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    for number in 0..500 {
        append(&journal, event_from(number, "a", Kind::RoomStarted, 2_000)).unwrap();
    }
    let log = std::fs::metadata(dir.path().join("journal.db-wal")).unwrap();
    assert!(log.len() < 100 * 4_120, "{} bytes", log.len());
}
