//! Holds what was answered against what consumers read, what the journal keeps and what the
//! gateway's own ledger says.
//!
//! - **lost**: answered 200, and not on Kafka.
//! - **doubled**: further records of an event that is on Kafka already.
//! - **disordered**: within a key, a record after one that was taken later; by the sequences, and by
//!   what the senders know: whatever was answered before another was sent comes before it.
//! - **unexplained**: on Kafka, never sent; or under another topic, key or value than the rules say.
//! - **forged**: a forgery on Kafka, or answered 200.
//! - **misanswered**: an answer that no rule allows: another event's name, an event that is fresh
//!   twice, an authentic delivery refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};
use hookgate::event::{Digest128, EventId, Family};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::notes::{Answer, Book};
use crate::topics::Record;

/// What this run's faults allow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leave {
    /// Records may be there more than once: a courier that begins again after a crash.
    pub(crate) doubled: bool,
    /// Authentic deliveries may be refused for their age: the gateway's clock was stepped.
    pub(crate) aged: bool,
    /// Events may stand in quarantine for being too large for Kafka.
    pub(crate) too_large: bool,
}

/// The books, added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) deliveries: usize,
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    pub(crate) silent: usize,
    pub(crate) records: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) disordered: usize,
    pub(crate) unexplained: usize,
    pub(crate) forged: usize,
    pub(crate) misanswered: usize,
    /// Where the gateway's own books differ from these.
    pub(crate) ledger: Vec<String>,
    /// The first examples of what is wrong.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// Whether everything is as promised.
    pub(crate) fn is_good(&self, leave: Leave) -> bool {
        let faults = self.lost + self.disordered + self.unexplained + self.forged;
        let doubled = if leave.doubled { 0 } else { self.doubled };
        faults + self.misanswered + doubled == 0 && self.ledger.is_empty()
    }

    fn blame(&mut self, text: String) {
        if self.examples.len() < 20 {
            self.examples.push(text);
        }
    }
}

/// A value's fingerprint, without the moments that no sender can know.
pub(crate) fn digest(value: &[u8]) -> u64 {
    let mut event: Value = serde_json::from_slice(value).unwrap_or_default();
    if let Some(members) = event.as_object_mut() {
        members.remove("receivedtime");
        if members["type"] == "video.quarantined" {
            members.remove("time");
        }
    }
    let mut hasher = DefaultHasher::new();
    event.to_string().hash(&mut hasher);
    hasher.finish()
}

/// All that is known of one event.
#[derive(Default)]
struct Fate {
    /// Its first among the sent.
    of: usize,
    forged: bool,
    /// Ticks: first sent, first answered 200.
    first_sent: u64,
    promised: Option<u64>,
    fresh: usize,
}

/// Judges a chapter.
pub(crate) fn judge(
    book: &Book,
    records: &[Record],
    journal: &[(u64, String)],
    ledger: &[Value],
    leave: Leave,
) -> Verdict {
    let mut verdict = Verdict { records: records.len(), ..Verdict::default() };
    let fates = answers(book, leave, &mut verdict);
    let found = kafka(book, records, &fates, leave, &mut verdict);
    order(book, &fates, &found, &mut verdict);
    kept(&fates, &found, journal, &mut verdict);
    totals(book, &fates, journal, &found, ledger, &mut verdict);
    verdict
}

/// What the senders saw.
fn answers<'a>(book: &'a Book, leave: Leave, verdict: &mut Verdict) -> HashMap<&'a str, Fate> {
    let mut fates: HashMap<&str, Fate> = HashMap::new();
    verdict.deliveries = book.attempts.len();
    for attempt in &book.attempts {
        let sent = &book.sent[attempt.of];
        let id = sent.expected.id.as_str();
        let fate = fates.entry(id).or_insert_with(|| Fate {
            of: attempt.of,
            forged: sent.forged,
            first_sent: attempt.began,
            ..Fate::default()
        });
        fate.first_sent = fate.first_sent.min(attempt.began);
        let Answer::Came { status, outcome, event_id, .. } = &attempt.answer else {
            verdict.silent += 1;
            continue;
        };
        if *status != 200 {
            verdict.refused += 1;
        }
        if sent.forged && *status == 200 {
            verdict.forged += 1;
            verdict.blame(format!("a forgery was answered 200 {outcome}"));
            continue;
        }
        let quarantined = sent.expected.family == Family::Quarantine;
        let named = event_id.as_deref() == Some(id);
        let right = match (status, outcome.as_str()) {
            (200, "accepted") => named && !quarantined,
            (200, "quarantined") => named && quarantined,
            (200, "duplicate") => named,
            (401, "bad_signature") => sent.forged || leave.aged,
            (503, "overloaded" | "draining" | "journal_unavailable") => true,
            _ => false,
        };
        if !right {
            verdict.misanswered += 1;
            verdict.blame(format!("{id} of {}: answered {status} {outcome}", sent.source));
        }
        if *status == 200 {
            fate.promised = Some(fate.promised.map_or(attempt.ended, |at| at.min(attempt.ended)));
            fate.fresh += usize::from(outcome != "duplicate");
        }
    }
    for (id, fate) in &fates {
        verdict.taken += usize::from(fate.promised.is_some());
        if fate.fresh > 1 {
            verdict.misanswered += 1;
            verdict.blame(format!("{id} was fresh {} times", fate.fresh));
        }
    }
    fates
}

/// What consumers read; the first record of every event, with its place among all.
fn kafka<'a>(
    book: &Book,
    records: &'a [Record],
    fates: &HashMap<&str, Fate>,
    leave: Leave,
    verdict: &mut Verdict,
) -> HashMap<&'a str, &'a Record> {
    let mut found: HashMap<&str, &Record> = HashMap::new();
    let mut last: HashMap<(Family, &[u8]), u64> = HashMap::new();
    let mut partitions: HashMap<&[u8], i32> = HashMap::new();
    for record in records {
        let known = fates.get(record.id.as_str());
        let Some(fate) = known else {
            verdict.unexplained += 1;
            verdict.blame(format!("{} is on Kafka and was never sent", record.id));
            continue;
        };
        if fate.forged {
            verdict.forged += 1;
            verdict.blame(format!("the forgery {} is on Kafka", record.id));
        }
        let expected = &book.sent[fate.of].expected;
        let too_large = leave.too_large && record.reason.as_deref() == Some("too_large_for_kafka");
        let same = record.family == expected.family && record.digest == expected.digest;
        if record.key != expected.key || !(same || too_large) {
            verdict.unexplained += 1;
            let family = record.family.as_str();
            verdict.blame(format!("{} on {family} is not what was sent", record.id));
        }
        let partition = *partitions.entry(&record.key).or_insert(record.partition);
        if let Some(first) = found.get(record.id.as_str()) {
            verdict.doubled += 1;
            if first.sequence != record.sequence {
                verdict.disordered += 1;
                verdict.blame(format!("{} stands under two sequences", record.id));
            }
            continue;
        }
        found.insert(&record.id, record);
        let before = last.insert((record.family, &record.key), record.sequence);
        if before >= Some(record.sequence) || partition != record.partition {
            verdict.disordered += 1;
            verdict.blame(format!("{} comes after sequence {before:?}", record.sequence));
        }
    }
    for (id, fate) in fates {
        if fate.promised.is_some() && !found.contains_key(id) {
            verdict.lost += 1;
            verdict.blame(format!("{id} was answered 200 and is not on Kafka"));
        }
    }
    found
}

/// What was answered before another event of the same topic and key was sent comes before it.
fn order(
    book: &Book,
    fates: &HashMap<&str, Fate>,
    found: &HashMap<&str, &Record>,
    verdict: &mut Verdict,
) {
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, fate) in fates {
        if let (Some(promised), Some(record)) = (fate.promised, found.get(id)) {
            let expected = &book.sent[fate.of].expected;
            let place = (expected.family.as_str(), expected.key.as_slice());
            let times = (fate.first_sent, promised, record.sequence);
            keys.entry(place).or_default().push(times);
        }
    }
    for mut events in keys.into_values() {
        let mut promised = events.clone();
        promised.sort_unstable_by_key(|(_, promised, _)| *promised);
        let mut promised = promised.into_iter().peekable();
        events.sort_unstable();
        let mut highest = 0;
        for (sent, _, sequence) in events {
            while let Some((_, _, before)) = promised.next_if(|(_, at, _)| *at < sent) {
                highest = highest.max(before);
            }
            if sequence <= highest {
                verdict.disordered += 1;
                verdict.blame(format!("{sequence} was sent after {highest} was answered"));
            }
        }
    }
}

/// What the journal keeps: everything that was answered 200, once, and nothing that was not sent;
/// under the sequence that consumers read.
fn kept(
    fates: &HashMap<&str, Fate>,
    found: &HashMap<&str, &Record>,
    journal: &[(u64, String)],
    verdict: &mut Verdict,
) {
    let rows: HashMap<&str, u64> = journal.iter().map(|(at, id)| (id.as_str(), *at)).collect();
    let mut say = |text: String| {
        if verdict.ledger.len() < 20 {
            verdict.ledger.push(text);
        }
    };
    if rows.len() != journal.len() {
        say(format!("the journal holds {} events in {} rows", rows.len(), journal.len()));
    }
    for (id, fate) in fates {
        if fate.promised.is_some() && !rows.contains_key(id) {
            say(format!("{id} was answered 200 and is not in the journal"));
        }
    }
    for (id, sequence) in &rows {
        match fates.get(id) {
            None => say(format!("the journal's {id} was never sent")),
            Some(fate) if fate.forged => say(format!("the forgery {id} is in the journal")),
            Some(_) => {}
        }
        match found.get(id) {
            None => say(format!("the journal's {id} is not on Kafka after the drain")),
            Some(record) if record.sequence != *sequence => {
                say(format!("{id} is {sequence} in the journal, {} on Kafka", record.sequence));
            }
            Some(_) => {}
        }
    }
}

/// The ledger that the gateway said when it stopped.
fn totals(
    book: &Book,
    fates: &HashMap<&str, Fate>,
    journal: &[(u64, String)],
    found: &HashMap<&str, &Record>,
    ledger: &[Value],
    verdict: &mut Verdict,
) {
    for source in ["daily", "livekit"] {
        let of_source =
            |id: &str| fates.get(id).is_some_and(|fate| book.sent[fate.of].source == source);
        let rows: BTreeSet<_> =
            journal.iter().map(|(_, id)| id.as_str()).filter(|id| of_source(id)).collect();
        let quarantined = rows.iter().filter(|id| {
            fates
                .get(**id)
                .is_some_and(|fate| book.sent[fate.of].expected.family == Family::Quarantine)
        });
        let name = format!("/sources/{source}");
        let on_kafka = found.values().filter(|record| record.source == name).count() as u64;
        let quarantined = quarantined.count() as u64;
        let truth = [
            ("accepted", rows.len() as u64 - quarantined),
            ("quarantined", quarantined),
            ("published", on_kafka),
            ("pending", 0),
            ("held", 0),
            ("erased_unpublished", 0),
        ];
        let row = ledger.iter().find(|row| row["source"] == source);
        for (what, count) in truth {
            // A source that never took anything has no line.
            let said = row.map_or(Some(0), |row| row[what].as_u64());
            if said != Some(count) {
                verdict.ledger.push(format!("{source}: {what} is {said:?}, truly {count}"));
            }
        }
    }
}

/// The rows of a journal that nobody has open: sequence and event.
pub(crate) fn rows(journal: &Path) -> Result<Vec<(u64, String)>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(journal.join("journal.db"), flags)
        .context("the journal cannot be opened")?;
    let mut statement = connection.prepare("SELECT sequence, id FROM event ORDER BY sequence")?;
    let rows = statement.query_map([], |row| {
        let id: [u8; 16] = row.get(1)?;
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), EventId(Digest128(id)).to_string()))
    })?;
    rows.map(|row| row.context("a row of the journal")).collect()
}
