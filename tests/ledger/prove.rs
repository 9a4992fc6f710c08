//! The judge on trial: books that agree are good, and each kind of wrong is found in books that were
//! tampered with. Runs before every run: a judge that cannot condemn proves nothing.

use anyhow::{Result, ensure};
use hookgate::event::Family;
use serde_json::{Value, json};

use crate::judge::{Leave, Verdict, judge};
use crate::notes::{Answer, Attempt, Book, Expected, Sent};
use crate::topics::Record;

/// All that a judge is given.
#[derive(Clone)]
struct Case {
    book: Book,
    records: Vec<Record>,
    journal: Vec<(u64, String)>,
    ledger: Vec<Value>,
}

/// Six events of one room, a forgery, and what a faultless gateway makes of them.
fn faultless() -> Case {
    let mut case = Case {
        book: Book::default(),
        records: Vec::new(),
        journal: Vec::new(),
        ledger: vec![json!({"source": "daily", "accepted": 6, "quarantined": 0, "published": 6,
                   "pending": 0, "held": 0, "erased_unpublished": 0})],
    };
    for number in 0..7_u64 {
        let (id, forged) = (format!("ev1_{number}"), number == 6);
        let expected = Expected {
            id: id.clone(),
            family: Family::Participant,
            key: b"t/r".to_vec(),
            digest: number,
        };
        case.book.sent.push(Sent { source: "daily", forged, expected });
        let (status, outcome) = if forged { (401, "bad_signature") } else { (200, "accepted") };
        let answer = Answer::Came {
            status,
            outcome: outcome.to_owned(),
            event_id: (!forged).then(|| id.clone()),
            retry_after: None,
        };
        let (began, ended) = (number * 2, number * 2 + 1);
        let of = number as usize;
        let at = std::time::Duration::from_millis(number);
        case.book.attempts.push(Attempt { of, began, ended, at, answer });
        if !forged {
            case.journal.push((number + 1, id.clone()));
            case.records.push(Record {
                family: Family::Participant,
                partition: 0,
                key: b"t/r".to_vec(),
                id,
                source: "/sources/daily".to_owned(),
                sequence: number + 1,
                digest: number,
                reason: None,
            });
        }
    }
    case
}

impl Case {
    fn judged(&self) -> Verdict {
        judge(&self.book, &self.records, &self.journal, &self.ledger, Leave::default())
    }
}

/// What is done to the books, and the count that must show it.
type Trial = (&'static str, fn(&mut Case), fn(&Verdict) -> bool);

const TRIALS: [Trial; 11] = [
    ("a lost event", |case| drop(case.records.remove(2)), |found| found.lost == 1),
    (
        "a doubled record",
        |case| case.records.push(case.records[5].clone()),
        |found| found.doubled == 1,
    ),
    ("two records in turn", |case| case.records.swap(1, 2), |found| found.disordered > 0),
    (
        "an event that was taken before one that was answered before it was sent",
        |case| {
            case.records[1].sequence = 3;
            case.records[2].sequence = 2;
            case.records.swap(1, 2);
        },
        |found| found.disordered > 0,
    ),
    (
        "a record that nobody sent",
        |case| case.records[0].id = "ev1_x".to_owned(),
        |found| found.unexplained == 1,
    ),
    ("a changed record", |case| case.records[0].digest = 99, |found| found.unexplained == 1),
    (
        "a forgery on Kafka",
        |case| {
            case.records[5].id = "ev1_6".to_owned();
            case.records[5].digest = 6;
        },
        |found| found.forged == 1,
    ),
    (
        "a forgery that was answered 200",
        |case| case.book.attempts[6].answer = case.book.attempts[5].answer.clone(),
        |found| found.forged == 1,
    ),
    (
        "an event that was fresh twice",
        |case| case.book.attempts.push(case.book.attempts[0].clone()),
        |found| found.misanswered == 1,
    ),
    (
        "a ledger that counts one too few",
        |case| case.ledger[0]["published"] = json!(5),
        |found| found.ledger.len() == 1,
    ),
    (
        "a journal without an event",
        |case| drop(case.journal.remove(0)),
        |found| !found.ledger.is_empty(),
    ),
];

/// Tries the judge.
pub(crate) fn prove() -> Result<()> {
    let verdict = faultless().judged();
    ensure!(verdict.is_good(Leave::default()), "the judge condemns good books: {verdict:?}");
    for (what, tamper, shows) in TRIALS {
        let mut case = faultless();
        tamper(&mut case);
        let verdict = case.judged();
        let found = shows(&verdict) && !verdict.is_good(Leave::default());
        ensure!(found, "the judge does not see {what}: {verdict:?}");
    }
    Ok(())
}
