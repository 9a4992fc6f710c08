//! What is found, and in which order.

use super::*;

/// Sequence and number are the same here: events are kept from 1 on.
fn expected(means: impl Fn(u64) -> bool) -> Vec<u64> {
    (1..=200).rev().filter(|number| means(*number)).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_filter_finds_what_it_says_the_newest_first() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=200);
    publish(&journal, 150);
    let kind = |number: u64| KINDS[number as usize % 4];
    let all = Wanted::default;
    let quarantined = |number| kind(number) == Kind::Quarantined;
    let one = |term| vec![vec![term]];
    for (wanted, means) in [
        (all(), &(|_| true) as &dyn Fn(u64) -> bool),
        (Wanted { source: text("odd"), ..all() }, &|n| n % 2 == 1),
        (Wanted { source: text("nobody"), ..all() }, &|_| false),
        (Wanted { tenant: text("t-even"), ..all() }, &|n| n % 2 == 0),
        (Wanted { kinds: Some(vec![Kind::RoomStarted, Kind::RecordingReady]), ..all() }, &|n| {
            n % 4 < 2
        }),
        (Wanted { since: Some(at(120)), ..all() }, &|n| n >= 120),
        (Wanted { until: Some(at(30)), since: Some(at(11)), ..all() }, &|n| (11..30).contains(&n)),
        (Wanted { terms: one(Term::Room(room(57))), ..all() }, &|n| n / 10 == 5),
        (Wanted { terms: one(Term::Room(room_key(77))), ..all() }, &|n| n / 10 == 7),
        (Wanted { terms: one(Term::Person(person(3))), ..all() }, &|n| n % 7 == 3),
        (Wanted { terms: one(Term::Session("PA_42".into())), ..all() }, &|n| n == 42),
        (Wanted { terms: one(Term::Id(id(99))), ..all() }, &|n| n == 99),
        (
            Wanted {
                terms: vec![
                    vec![Term::Room(room(50)), Term::Room(room(60))],
                    vec![Term::Person(person(5))],
                ],
                ..all()
            },
            &|n| (50..70).contains(&n) && n % 7 == 5,
        ),
        (Wanted { state: Some(State::Pending), ..all() }, &|n| n > 150 && !quarantined(n)),
        (Wanted { state: Some(State::Published), ..all() }, &|n| n <= 150 && !quarantined(n)),
        (Wanted { state: Some(State::Quarantined), ..all() }, &quarantined),
        (Wanted { state: Some(State::Held), ..all() }, &|_| false),
        (Wanted { state: Some(State::Erased), ..all() }, &|_| false),
        (Wanted { reason: Some(QuarantineReason::UnknownKind), ..all() }, &quarantined),
        (Wanted { reason: Some(QuarantineReason::Malformed), ..all() }, &|_| false),
        (
            Wanted {
                source: text("even"),
                kinds: Some(vec![Kind::ParticipantJoined]),
                state: Some(State::Published),
                since: Some(at(100)),
                terms: one(Term::Person(person(4))),
                ..all()
            },
            &|n| n % 4 == 2 && (100..=150).contains(&n) && n % 7 == 4,
        ),
    ] {
        assert_eq!(found(&journal, &wanted), expected(means), "{wanted:?}");
    }
}

#[test]
fn pages_are_stable_while_new_events_come() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=10);
    let wanted = Wanted { source: text("odd"), ..Wanted::default() };
    let at = journal.positions();
    let first = search(&journal).page(&wanted, &at, u64::MAX, 2).unwrap();
    assert_eq!(first.rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [9, 7]);
    keep(&journal, 11..=20);
    let second = search(&journal).page(&wanted, &at, 7, 2).unwrap();
    assert_eq!(second.rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [5, 3]);
    let last = search(&journal).page(&wanted, &at, 3, 2).unwrap();
    assert_eq!((last.rows.len(), last.more), (1, false));
}

#[test]
fn a_row_tells_what_its_event_says() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=11);
    let (row, _) = search(&journal).event(11).unwrap();
    let row = row.unwrap();
    assert_eq!((row.id, row.source.as_str(), row.kind), (id(11), "odd", Kind::Quarantined));
    assert_eq!((row.tenant, row.room), (text("t-odd"), Some(room(11))));
    assert_eq!((row.received, row.time), (at(11), Some(at(11))));
    assert_eq!(row.reason, Some(QuarantineReason::UnknownKind));
    assert_eq!(search(&journal).event(12).unwrap().0, None);
    let (seen, _) = Row::of(&journal.event(11).unwrap().unwrap());
    assert_eq!(search(&journal).event(11).unwrap().0, Some(seen));
}

#[test]
fn a_clock_that_steps_back_hides_nothing() {
    let dir = temporary();
    let journal = searched(dir.path(), (1..=5).chain([900, 901]).chain(6..=10));
    let wanted = Wanted { since: Some(at(4)), until: Some(at(8)), ..Wanted::default() };
    assert_eq!(found(&journal, &wanted), [9, 8, 5, 4]);
}

#[test]
fn quarantine_is_counted_by_reason() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=40);
    let positions = journal.positions();
    let count = |wanted| search(&journal).reasons(&wanted, &positions).unwrap();
    let wanted = Wanted { state: Some(State::Quarantined), ..Wanted::default() };
    let unknown = QuarantineReason::UnknownKind;
    assert_eq!(count(wanted.clone()), [(unknown, 10)].into());
    let narrow = Wanted { since: Some(at(21)), ..wanted.clone() };
    assert_eq!(count(narrow), [(unknown, 5)].into());
    journal.notes().published(6, Family::Quarantine, 0, 1);
    journal.notes().published(7, Family::Quarantine, 0, 2);
    keep(&journal, [41]);
    noted(&journal, 6);
    let large = QuarantineReason::TooLargeForKafka;
    assert_eq!(count(wanted.clone()), [(unknown, 10), (large, 1)].into());
    let wanted = Wanted { reason: Some(large), ..Wanted::default() };
    assert_eq!(found(&journal, &wanted), [6]);
    let wanted =
        Wanted { state: Some(State::Quarantined), since: Some(at(6)), ..Wanted::default() };
    assert_eq!(found(&journal, &wanted).last(), Some(&6));
}

#[test]
fn receipts_and_repeated_deliveries_are_noted_beside_the_road() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=5);
    let facts = |sequence| search(&journal).event(sequence).unwrap().1;
    assert_eq!(facts(3), Facts { receipt: None, redeliveries: Some(0) });
    journal.notes().delivered_again(id(3));
    journal.notes().delivered_again(id(3));
    journal.notes().delivered_again(id(77));
    journal.notes().published(3, Family::Lifecycle, 7, 1_234);
    noted(&journal, 3);
    let receipt = Some((Family::Lifecycle, 7, 1_234));
    assert_eq!(facts(3), Facts { receipt, redeliveries: Some(2) });
    assert_eq!(facts(4), Facts { receipt: None, redeliveries: Some(0) });
}

/// Until a receipt was written down: what was noted before it was, too.
fn noted(journal: &Journal, sequence: u64) {
    // A forgetting of nothing is answered after what was noted before it.
    assert_eq!(search(journal).forget(Vec::new()), Ok(true));
    assert!(search(journal).event(sequence).unwrap().1.receipt.is_some());
}

#[test]
fn many_notes_that_nobody_takes_are_let_go() {
    let dir = temporary();
    let journal = open(dir.path(), Tuning::default());
    for sequence in 0..2 * bounds::SEARCH_NOTES as u64 {
        journal.notes().delivered_again(id(sequence));
    }
    append(&journal, event(1)).unwrap();
    journal.start_search();
    caught_up(&journal);
    assert_eq!(search(&journal).forget(Vec::new()), Ok(true));
    assert_eq!(search(&journal).event(1).unwrap().1.redeliveries, None);
    keep(&journal, [2]);
    assert_eq!(search(&journal).event(2).unwrap().1.redeliveries, Some(0));
}

#[test]
fn a_question_that_takes_too_long_is_ended() {
    let dir = temporary();
    let journal = searched(dir.path(), 1..=20);
    let ended = search(&journal).ask(|connection, _| {
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                   SELECT count(*) FROM n";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(Some)
    });
    assert_eq!(ended, Err(SearchError::TooSlow));
    assert_eq!(found(&journal, &Wanted::default()).len(), 20);
}
