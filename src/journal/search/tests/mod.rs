//! The search file as its callers see it, beside a real journal.

use std::path::Path;

use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::tests::{append, folder, id, open};
use super::super::tuning::Tuning;
use super::super::{Advance, Journal, Lane};
use super::*;
use crate::clock::Timestamp;
use crate::event::{Kind, SourceName};
use crate::scrub::Clean;
use crate::scrub::names::RoomKey;

mod follow;
mod forget;
mod plan;
mod questions;

/// Of every fourth event the kind, in turn.
const KINDS: [Kind; 4] =
    [Kind::RoomStarted, Kind::RecordingReady, Kind::ParticipantJoined, Kind::Quarantined];

/// An event told by its number: two sources, four kinds, rooms of ten events each, a person in
/// seven, a second apart.
fn event(number: u64) -> Clean {
    let kind = KINDS[number as usize % 4];
    let source = if number.is_multiple_of(2) { "even" } else { "odd" };
    let reason = (kind == Kind::Quarantined).then_some(QuarantineReason::UnknownKind);
    let said = reason.map_or(String::new(), |_| r#""reason":"unknown_kind","#.to_owned());
    let value = format!(
        r#"{{"specversion":"1.0","subject":"{}","time":"{}","tenant":"t-{source}","data":{{{said}
        "room":{{"id":"RM_{}"}},"participant":{{"session_id":"PA_{number}","ref":"{}"}},
        "removed":["/label"]}}}}"#,
        room(number),
        at(number),
        number / 10,
        person(number),
    );
    let key = Bytes::from(format!("t-{source}/{}", room_key(number)));
    let (source, received) = (SourceName::new(source), at(number));
    Clean::for_test(id(number), source, kind, reason, received, key, value.into())
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_millis(1_000 * number.cast_signed())
}

fn room(number: u64) -> String {
    format!("room-{}", number / 10)
}

fn room_key(number: u64) -> String {
    RoomKey(Digest128(u128::from(number / 10).to_be_bytes())).to_string()
}

fn person(number: u64) -> String {
    format!("p1_{}", number % 7)
}

/// A journal with these events, and its search file, which knows them all.
fn searched(dir: &Path, events: impl IntoIterator<Item = u64>) -> Journal {
    let journal = open(dir, Tuning::default());
    journal.start_search();
    keep(&journal, events);
    journal
}

fn keep(journal: &Journal, events: impl IntoIterator<Item = u64>) {
    for number in events {
        append(journal, event(number)).unwrap();
    }
    caught_up(journal);
}

fn search(journal: &Journal) -> &Search {
    journal.search().unwrap()
}

/// Until the search file knows all that is committed.
fn caught_up(journal: &Journal) -> Standing {
    let head = *journal.head().borrow();
    let mut standing = search(journal).standing();
    super::super::tests::wait(async move {
        *standing.wait_for(|now| now.through >= head && !now.rebuilding).await.unwrap()
    })
}

fn publish(journal: &Journal, through: u64) {
    journal.advance(Advance { lane: Lane::Live, through, published: Vec::new() });
}

/// What a question finds, all pages of three together.
fn found(journal: &Journal, wanted: &Wanted) -> Vec<u64> {
    let (mut all, mut before) = (Vec::new(), u64::MAX);
    loop {
        let page = search(journal).page(wanted, &journal.positions(), before, 3).unwrap();
        all.extend(page.rows.iter().map(|row| row.sequence));
        before = all.last().copied().unwrap_or_default();
        if !page.more {
            return all;
        }
        assert_eq!(page.rows.len(), 3);
    }
}

/// Somebody else's look at the search file.
fn inspect(dir: &Path) -> Connection {
    Connection::open(file::path(dir)).unwrap()
}

fn numbers(dir: &Path, sql: &str) -> Vec<i64> {
    let connection = inspect(dir);
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn temporary() -> TempDir {
    folder()
}
