//! A write-ahead log that is damaged behind what was committed.

use super::damage::all;
use super::*;

/// A crash image whose log holds so many events, each with a commit of its own.
fn with_a_log(events: u64) -> TempDir {
    let dir = folder();
    let tuning = Tuning {
        checkpoint_every: Duration::from_secs(3_600),
        log_pages: u32::MAX,
        ..Tuning::default()
    };
    let journal = open(dir.path(), tuning);
    for number in 1..=events {
        append(&journal, event(number)).unwrap();
    }
    super::opening::crash_image(dir.path())
}

const FRAME: usize = 24 + 4_096;

/// Changes a byte in the frame at this share of the log.
fn tear_log(dir: &TempDir, share: f64) {
    let path = dir.path().join("journal.db-wal");
    let mut bytes = std::fs::read(&path).unwrap();
    let frames = (bytes.len() - 32) / FRAME;
    let at = ((frames - 1) as f64 * share) as usize;
    bytes[32 + at * FRAME + 1_000] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_log_that_is_damaged_behind_acknowledged_events_is_said_and_gives_no_number_again() {
    let dir = with_a_log(50);
    tear_log(&dir, 0.5);
    let log = dir.path().join("journal.db-wal");
    let cut = log::cut(&log).unwrap().expect("acknowledged commits are cut off");
    assert!((15..50).contains(&cut.commits), "{cut:?}");
    let slow = Duration::from_secs(3_600);
    let journal = open(dir.path(), Tuning { checkpoint_every: slow, ..Tuning::default() });
    let image = super::opening::crash_image(dir.path());
    let again = log::cut(&image.path().join("journal.db-wal")).unwrap();
    assert_eq!(again, None, "killed now, the next start does not meet it again");
    let read = all(&journal);
    assert!(read.len() > 10 && read.len() < 40, "{read:?}");
    let Ok(Journaled::Fresh { sequence }) = append(&journal, event(1_000)) else {
        panic!("it takes nothing");
    };
    assert!(sequence > 50, "{sequence}");
    assert_eq!(all(&journal).last(), Some(&sequence));
    journal.close();
    assert_eq!(log::cut(&log).unwrap(), None);
}

#[test]
fn a_log_that_ends_in_its_last_commit_is_what_a_crash_leaves() {
    let dir = with_a_log(50);
    let log = dir.path().join("journal.db-wal");
    assert_eq!(log::cut(&log).unwrap(), None);
    tear_log(&dir, 1.0);
    assert_eq!(log::cut(&log).unwrap(), None);
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(all(&journal).len(), 49);
    assert_eq!(append(&journal, event(50)), fresh(50));
    drop(journal);
    let dir = with_a_log(5);
    let log = dir.path().join("journal.db-wal");
    let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(file.metadata().unwrap().len() - 100).unwrap();
    assert_eq!(log::cut(&log).unwrap(), None);
    file.set_len(0).unwrap();
    assert_eq!(log::cut(&log).unwrap(), None);
}
