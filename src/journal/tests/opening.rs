//! Opening: locks, foreign and damaged files, crash images, modes, settings.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn refusal(dir: &Path) -> OpenError {
    match Journal::open(settings(dir), Clock::system()) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

/// A closed journal with three events.
fn made() -> TempDir {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for number in 0..3 {
        append(&journal, event(number)).unwrap();
    }
    journal.close();
    dir
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_closed() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::Locked));
    let text = error.to_string();
    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
    assert!(text.contains("in use by another process"), "{text}");
    journal.close();
    open(dir.path(), Tuning::default()).close();
}

#[test]
fn sequences_and_identities_go_on_after_a_restart() {
    let dir = made();
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(append(&journal, event(1)), known(1));
    assert_eq!(append(&journal, event(3)), fresh(4));
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 4);
}

#[test]
fn the_settings_that_promises_rest_on_are_in_force() {
    let dir = made();
    let connection = inspect(dir.path());
    let pragma = |name: &str| -> String {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    };
    assert_eq!(pragma("auto_vacuum"), "Integer(2)");
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    let writing = schema::open_writing(&dir.path().join("journal.db")).unwrap();
    schema::configure(&writing).unwrap();
    schema::check(&writing).unwrap();
}

#[test]
fn a_database_without_auto_vacuum_is_refused() {
    let dir = made();
    inspect(dir.path())
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;
             PRAGMA journal_mode = WAL;",
        )
        .unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::Setting("auto_vacuum")));
}

#[test]
fn what_is_deleted_is_gone_from_the_file() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    let canary = b"canary-canary-canary";
    let event = Clean::for_test(
        id(1),
        SourceName::new("a"),
        Kind::RoomStarted,
        None,
        Timestamp::default(),
        Bytes::new(),
        Bytes::from_static(canary),
    );
    append(&journal, event).unwrap();
    journal.close();
    let database = dir.path().join("journal.db");
    let holds = || {
        let bytes = std::fs::read(&database).unwrap();
        bytes.windows(canary.len()).any(|window| window == canary)
    };
    assert!(holds());
    let writing = schema::open_writing(&database).unwrap();
    schema::configure(&writing).unwrap();
    writing.execute("DELETE FROM event", []).unwrap();
    checkpoint::truncate(&writing).unwrap();
    assert!(!holds());
}

#[test]
fn folder_and_files_are_for_their_owner_alone() {
    let temp = folder();
    let dir = temp.path().join("deep/journal");
    let journal = open(&dir, Tuning::default());
    append(&journal, event(1)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let expected = ["journal.db", "journal.db-shm", "journal.db-wal", "journal.lock"];
    assert_eq!(names, expected);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let dir = folder();
    let database = dir.path().join("journal.db");
    std::fs::write(&database, "no database, but somebody's text").unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::Damaged(_)), "{error}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
    let left = std::fs::read_to_string(&database).unwrap();
    assert_eq!(left, "no database, but somebody's text");
}

#[test]
fn a_damaged_first_page_is_named() {
    let dir = made();
    let database = dir.path().join("journal.db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[100..400].fill(0xff);
    std::fs::write(&database, bytes).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::Damaged(_)), "{error}");
}

#[test]
fn somebody_elses_database_is_refused_unchanged() {
    let dir = folder();
    let other = inspect(dir.path());
    other.execute_batch("CREATE TABLE theirs(a)").unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::NotAJournal), "{error}");
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[test]
fn a_journal_of_a_newer_version_is_refused() {
    let dir = made();
    let newer = "UPDATE meta SET value = value + 1 WHERE name = 'schema'";
    inspect(dir.path()).execute(newer, []).unwrap();
    let text = refusal(dir.path()).to_string();
    assert!(text.contains("newer hookgate"), "{text}");
}

#[test]
fn a_journal_of_another_instance_is_refused() {
    let dir = made();
    let mut settings = settings(dir.path());
    settings.instance = InstanceName::new("gate-2");
    let error = Journal::open(settings, Clock::system()).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("\"gate-1\", not \"gate-2\""), "{text}");
}

#[test]
fn a_head_behind_its_rows_is_damage() {
    let dir = made();
    let back = "UPDATE meta SET value = 2 WHERE name = 'head'";
    inspect(dir.path()).execute(back, []).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error.obstacle(), Obstacle::Damaged(_)), "{error}");
}

/// Copies the files as a crash at this moment would leave them. Checkpoints must be off, so that
/// the database stands still while the log grows. By another process: one that opens and closes
/// a database's files drops SQLite's locks on them.
pub(super) fn crash_image(from: &Path) -> TempDir {
    let image = folder();
    for name in ["journal.db", "journal.db-wal"] {
        let status = std::process::Command::new("cp")
            .arg(from.join(name))
            .arg(image.path())
            .status()
            .unwrap();
        assert!(status.success());
    }
    image
}

#[test]
fn every_acknowledged_event_is_in_a_crash_image_taken_under_load() {
    let dir = folder();
    let tuning = || Tuning {
        checkpoint_every: Duration::from_secs(3_600),
        log_pages: u32::MAX,
        generation_events: 50,
        ..Tuning::default()
    };
    let journal = open(dir.path(), tuning());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let grown = Arc::new(Condvar::new());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let senders: Vec<_> = (0..4_u64)
        .map(|sender| {
            let (journal, acknowledged) = (journal.clone(), Arc::clone(&acknowledged));
            let (grown, stop) = (Arc::clone(&grown), Arc::clone(&stop));
            std::thread::spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let number = number * 4 + sender;
                    let answer = append(&journal, event(number));
                    acknowledged.lock().unwrap().push((number, answer));
                    grown.notify_all();
                }
            })
        })
        .collect();
    for rounds in 1..=5 {
        let known = grown
            .wait_while(acknowledged.lock().unwrap(), |all| {
                all.len() < rounds * 60 && all.iter().all(|(_, answer)| answer.is_ok())
            })
            .unwrap()
            .clone();
        let image = crash_image(dir.path());
        let reopened = open(image.path(), tuning());
        let head = *reopened.head().borrow();
        assert_eq!(reopened.ledger().unwrap()[0].accepted, head);
        for (number, answer) in known {
            assert!(matches!(answer, Ok(Journaled::Fresh { .. })), "{answer:?}");
            let answer = append(&reopened, event(number));
            assert_eq!(answer, super::known(number), "{number}");
        }
        let next = append(&reopened, event(u64::MAX));
        assert_eq!(next, fresh(head + 1));
    }
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.join().unwrap();
    }
}
