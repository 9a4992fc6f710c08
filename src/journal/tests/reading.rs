//! Reading: pages, damage, memory and disk alike.

use super::*;
use crate::bounds;

/// A tail that keeps nothing, so that every read is of the disk.
fn from_disk() -> Tuning {
    Tuning { tail_events: 0, ..Tuning::default() }
}

fn sequences(rows: &[Stored]) -> Vec<u64> {
    rows.iter().map(|row| row.sequence).collect()
}

#[test]
fn an_event_reads_back_as_it_came_from_memory_and_from_disk() {
    for tuning in [Tuning::default(), from_disk()] {
        let dir = folder();
        let journal = open(dir.path(), tuning);
        let sent = event_from(7, "b", Kind::DialoutError, 300);
        append(&journal, sent.clone()).unwrap();
        let rows = journal.read_after(&Lane::Live, 0).unwrap();
        let expected = Stored {
            sequence: 1,
            id: sent.id(),
            source: sent.source().clone(),
            kind: sent.kind(),
            received: sent.received(),
            key: sent.key().clone(),
            value: sent.value().clone(),
        };
        assert_eq!(rows, [expected]);
        assert_eq!(journal.read_after(&Lane::Live, 1).unwrap(), []);
        assert_eq!(journal.read_after(&Lane::Live, 99).unwrap(), []);
    }
}

#[test]
fn the_oldest_event_is_the_first_that_is_there() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(journal.oldest().unwrap(), None);
    for number in [3, 7] {
        append(&journal, event(number)).unwrap();
    }
    assert_eq!(journal.oldest().unwrap(), Some(event(3).received()));
}

#[test]
fn a_page_is_bounded_in_rows() {
    for tuning in [Tuning::default(), from_disk()] {
        let dir = folder();
        let journal = open(dir.path(), tuning);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let total = bounds::JOURNAL_READ_EVENTS as u64 + 10;
        runtime.block_on(async {
            let mut appending = tokio::task::JoinSet::new();
            for number in 0..total {
                let journal = journal.clone();
                appending.spawn(async move { journal.append(event(number)).await });
            }
            while let Some(answer) = appending.join_next().await {
                answer.unwrap().unwrap();
            }
        });
        let page = journal.read_after(&Lane::Live, 0).unwrap();
        assert_eq!(page.len(), bounds::JOURNAL_READ_EVENTS);
        let rest = journal.read_after(&Lane::Live, page.last().unwrap().sequence).unwrap();
        assert_eq!(rest.len(), 10);
        assert_eq!(rest.last().unwrap().sequence, total);
    }
}

#[test]
fn a_page_is_bounded_in_bytes_but_never_empty() {
    for tuning in [Tuning::default(), from_disk()] {
        let dir = folder();
        let journal = open(dir.path(), tuning);
        let large = bounds::JOURNAL_READ_BYTES;
        for (number, bytes) in [(0, large / 2), (1, large / 4), (2, large * 2), (3, 10)] {
            let event = event_from(number, "a", Kind::RoomStarted, bytes);
            append(&journal, event).unwrap();
        }
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap()), [1, 2]);
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 2).unwrap()), [3]);
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 3).unwrap()), [4]);
    }
}

#[test]
fn a_damaged_row_is_passed_over_and_counted() {
    for damage in [
        "value = x'00'",
        "key = key || x'00'",
        "id = randomblob(16)",
        "received = received + 1",
        "kind = 'room.ended'",
        "source = 99",
        "value = NULL",
    ] {
        let dir = folder();
        let journal = open(dir.path(), from_disk());
        for number in 0..4 {
            append(&journal, event(number)).unwrap();
        }
        let by_hand = inspect(dir.path());
        by_hand.execute_batch("PRAGMA writable_schema = ON").unwrap();
        let sql = format!("UPDATE OR IGNORE event SET {damage} WHERE sequence = 3");
        if by_hand.execute(&sql, []).unwrap() == 0 {
            continue; // The table's own rules forbid it.
        }
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 0).unwrap()), [1, 2, 4], "{damage}");
        assert_eq!(sequences(&journal.read_after(&Lane::Live, 2).unwrap()), [4]);
        assert_eq!(journal.damaged_events(), 1, "{damage}");
    }
}

#[test]
fn a_kind_of_a_newer_version_is_named() {
    let dir = folder();
    let journal = open(dir.path(), from_disk());
    append(&journal, event(1)).unwrap();
    let sent = event(1);
    let row = schema::Row {
        sequence: 1,
        id: sent.id().0.0,
        source: 1,
        kind: "hologram.started",
        received: sent.received().millis(),
        key: sent.key(),
        value: sent.value(),
    };
    let by_hand = inspect(dir.path());
    by_hand.execute("DELETE FROM event", []).unwrap();
    row.insert(&by_hand).unwrap();
    let error = journal.read_after(&Lane::Live, 0).unwrap_err();
    assert_eq!(error, ReadError::UnknownKind { sequence: 1 });
}

#[test]
fn a_reader_that_falls_behind_the_tail_misses_nothing() {
    let dir = folder();
    let tuning = Tuning { tail_events: 4, ..Tuning::default() };
    let journal = open(dir.path(), tuning);
    for number in 0..20 {
        append(&journal, event(number)).unwrap();
    }
    for sequence in 0..20 {
        let read = sequences(&journal.read_after(&Lane::Live, sequence).unwrap());
        assert_eq!(read, (sequence + 1..=20).collect::<Vec<_>>());
    }
}

#[test]
fn many_readers_share_a_few_connections() {
    let dir = folder();
    let journal = open(dir.path(), from_disk());
    append(&journal, event(1)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..bounds::JOURNAL_READERS * 4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 1);
                }
            });
        }
    });
}

#[test]
fn bytes_on_disk_and_bytes_free_are_known() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event_from(1, "a", Kind::RoomStarted, 300_000)).unwrap();
    assert!(journal.bytes() > 300_000);
    journal.close();
    let database = std::fs::metadata(dir.path().join("journal.db")).unwrap();
    assert_eq!(journal.bytes(), database.len());
    assert!(journal.disk_free().is_some_and(|free| free > 0));
}
