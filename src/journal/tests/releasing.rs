//! Events let go out of quarantine: rows of their own, once, beside the ledger.

use super::*;
use crate::event::QuarantineReason;
use crate::scrub::Masked;

/// A record of quarantine with a masked event behind it.
fn record(number: u64) -> Clean {
    let plain = event_from(number, "a", Kind::Quarantined, 100);
    let masked = Masked {
        kind: Kind::ParticipantJoined,
        key: Bytes::from_static(b"masked-key"),
        value: Bytes::from_static(b"masked-canary-value"),
    };
    Clean::for_test(
        plain.id(),
        plain.source().clone(),
        plain.kind(),
        Some(QuarantineReason::PiiViolation),
        plain.received(),
        plain.key().clone(),
        plain.value().clone(),
    )
    .with_masked(masked)
}

/// The event of a number as it is let go.
fn let_go(of: u64) -> Release {
    let source = SourceName::new("a").released();
    let plain = event_from(of, source.as_str(), Kind::ParticipantJoined, 50);
    Release { of, event: plain }
}

fn release(journal: &Journal, numbers: &[u64]) -> Vec<LetGo> {
    wait(journal.release(numbers.iter().copied().map(let_go).collect())).unwrap()
}

#[test]
fn a_released_event_is_a_row_of_its_own_under_the_same_id_once_and_for_all() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for number in 1..=3 {
        append(&journal, record(number)).unwrap();
    }
    assert_eq!(release(&journal, &[1, 2]), [4, 5].map(|sequence| LetGo::Now { sequence }));
    let again = [LetGo::Before, LetGo::Now { sequence: 6 }];
    assert_eq!(release(&journal, &[2, 3]), again);
    assert_eq!(*journal.head().borrow(), 6);
    assert_eq!(append(&journal, record(1)), known(1));
    for journal in [journal.clone(), {
        journal.close();
        open(dir.path(), Tuning::default())
    }] {
        let rows = journal.read_after(&Lane::Live, 0).unwrap();
        let seen: Vec<_> = rows.iter().map(|row| (row.sequence, row.id, row.kind)).collect();
        assert_eq!(seen[3], (4, id(1), Kind::ParticipantJoined));
        assert_eq!((seen[0].1, seen.len()), (id(1), 6));
        assert_eq!((rows[3].source.origin(), rows[3].source.is_released()), ("a", true));
        assert!(journal.is_released(2).unwrap() && !journal.is_released(4).unwrap());
    }
}

#[test]
fn released_events_stand_beside_the_ledger_with_totals_of_their_own() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, record(1)).unwrap();
    release(&journal, &[1]);
    let published = vec![(SourceName::new("a"), 1), (SourceName::new("a").released(), 1)];
    journal.advance(Advance { lane: Lane::Live, through: 2, published });
    journal.close();
    let ledger = journal.ledger().unwrap();
    assert_eq!(ledger.len(), 1);
    let totals = |row: &LedgerRow| (row.accepted, row.quarantined, row.published, row.pending);
    assert_eq!(totals(&ledger[0]), (0, 1, 1, 0));
    let released = journal.released().unwrap();
    assert_eq!((released[0].source.as_str(), totals(&released[0])), ("a", (1, 0, 1, 0)));
}

#[test]
fn a_release_that_cannot_be_written_lets_nothing_go() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    append(&journal, record(1)).unwrap();
    disk.fail_next(rusqlite::ffi::SQLITE_FULL);
    let refused = wait(journal.release(vec![let_go(1)]));
    assert_eq!(refused, Err(AppendError::DiskFull));
    assert!(!journal.is_released(1).unwrap());
    assert_eq!(*journal.head().borrow(), 1);
}

#[test]
fn what_was_masked_is_kept_behind_its_record_and_goes_with_it() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, record(1)).unwrap();
    append(&journal, event(2)).unwrap();
    let rows = journal.read_after(&Lane::Live, 0).unwrap();
    let masked = journal.masked(&rows[0]).unwrap().unwrap();
    assert_eq!(masked.kind, Kind::ParticipantJoined);
    assert_eq!(&masked.value[..], b"masked-canary-value");
    assert_eq!(journal.masked(&rows[1]).unwrap(), None);
    inspect(dir.path()).execute("UPDATE masked SET value = x'00'", []).unwrap();
    assert_eq!(journal.masked(&rows[0]).unwrap(), None, "damaged");
    wait(journal.erase(vec![1], Vec::new())).unwrap();
    assert_eq!(count(dir.path(), "masked"), 0);
}
