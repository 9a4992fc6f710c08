//! The notes of keys: what replaces what, until when an earlier one is needed, and where its
//! identities are looked for.

use super::retention::{
    AN_HOUR, HOUR, age_generations, generations, old, open_keeping, publish, quick, sweeping,
};
use super::*;
use crate::event::TenantName;
use crate::journal::identities::Identities;
use crate::scrub::{InUse, KeyedNames, Mark};

const A: Mark = mark(1, 1);
const B: Mark = mark(2, 1);
const C: Mark = mark(3, 1);

const fn mark(key: u8, version: u8) -> Mark {
    Mark { fingerprint: Digest128([key; 16]), version }
}

fn ids(now: Mark, former: Option<Mark>) -> InUse {
    InUse { names: KeyedNames::Ids, now, former }
}

fn pseudonyms(now: Mark, former: Option<Mark>) -> InUse {
    InUse { names: tenant(), now, former }
}

fn tenant() -> KeyedNames {
    KeyedNames::Pseudonyms(TenantName::new("t"))
}

fn note(journal: &Journal, in_use: InUse) {
    wait(journal.written_under(vec![in_use])).unwrap();
}

/// The keys before, as far as they are noted.
fn before(journal: &Journal, names: &KeyedNames) -> Vec<Option<Mark>> {
    journal.keys().unwrap()[names].before.iter().map(|before| before.mark).collect()
}

#[test]
fn a_key_is_noted_once_and_its_successor_beside_it() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    note(&journal, ids(A, None));
    let first = journal.keys().unwrap();
    assert_eq!((first[&KeyedNames::Ids].now, before(&journal, &KeyedNames::Ids)), (A, vec![]));
    append(&journal, event(1)).unwrap();
    let commits = disk.commits();
    note(&journal, ids(A, None));
    assert_eq!((disk.commits(), journal.keys().unwrap()), (commits, first));
    journal.close();
    let journal = open(dir.path(), Tuning::default());
    note(&journal, ids(B, Some(A)));
    note(&journal, ids(B, Some(A)));
    let noted = journal.keys().unwrap().remove(&KeyedNames::Ids).unwrap();
    assert_eq!((noted.now, noted.former), (B, Some(A)));
    assert_eq!(before(&journal, &KeyedNames::Ids), [Some(A)]);
    // The one before is in force again: what came in between is what is before.
    append(&journal, event(2)).unwrap();
    note(&journal, ids(A, Some(B)));
    assert_eq!(before(&journal, &KeyedNames::Ids), [Some(B)]);
}

#[test]
fn a_key_under_which_nothing_was_written_leaves_no_note() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for names in [ids as fn(Mark, Option<Mark>) -> InUse, pseudonyms] {
        note(&journal, names(A, None));
        note(&journal, names(B, None));
    }
    assert_eq!(before(&journal, &KeyedNames::Ids), []);
    assert_eq!(before(&journal, &tenant()), []);
}

#[test]
fn what_was_there_before_the_first_note_is_of_a_key_that_nobody_knows() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    append(&journal, event(1)).unwrap();
    note(&journal, ids(A, None));
    note(&journal, ids(B, Some(C)));
    assert_eq!(before(&journal, &KeyedNames::Ids), [None, Some(A)]);
    // So it may have been that one.
    let noted = journal.keys().unwrap().remove(&KeyedNames::Ids).unwrap();
    assert_eq!(noted.former_through(), Some(1));
}

#[test]
fn a_note_that_could_not_be_written_is_none_and_costs_no_duplicate() {
    let (dir, disk) = (folder(), Handles::default());
    let probe_every = Duration::from_millis(2);
    let journal = open(dir.path(), Tuning { probe_every, ..disk.tuning() });
    note(&journal, ids(A, None));
    append(&journal, event(1)).unwrap();
    disk.fail_next(ffi::SQLITE_FULL);
    let noted = wait(journal.written_under(vec![ids(B, Some(A))]));
    assert_eq!(noted, Err(AppendError::DiskFull));
    wait(journal.health().wait_for(|health| *health == Health::Ok)).unwrap();
    assert_eq!(journal.keys().unwrap()[&KeyedNames::Ids].now, A);
    assert_eq!(append(&journal, event(900).with_former(id(1))), known(1));
}

#[test]
fn of_many_keys_before_the_earliest_are_not_told_apart() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for number in 0..30 {
        append(&journal, event(u64::from(number))).unwrap();
        note(&journal, pseudonyms(mark(number, number), None));
    }
    let noted = before(&journal, &tenant());
    assert_eq!((noted.len(), noted[0]), (bounds::KEYS_NOTED, None));
    assert_eq!(noted.last(), Some(&Some(mark(28, 28))));
}

#[test]
fn pseudonyms_of_a_key_before_are_told_of_until_their_last_row_has_gone() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open_keeping(dir.path(), AN_HOUR, sweeping(&disk, quick()));
    note(&journal, pseudonyms(A, None));
    for number in 1..=3 {
        append(&journal, old(number, 100)).unwrap();
    }
    note(&journal, pseudonyms(mark(1, 2), None));
    append(&journal, event(4)).unwrap();
    assert_eq!(before(&journal, &tenant()), [Some(A)]);
    publish(&journal, 2);
    disk.wait_until(|| count(dir.path(), "event") == 2);
    assert_eq!(before(&journal, &tenant()), [Some(A)]);
    publish(&journal, 3);
    disk.wait_until(|| count(dir.path(), "event") == 1);
    assert_eq!(before(&journal, &tenant()), []);
    // And is forgotten with the next note.
    note(&journal, pseudonyms(mark(1, 2), Some(A)));
    let text: String = inspect(dir.path())
        .query_row("SELECT value FROM meta WHERE name = 'keys'", [], |row| row.get(0))
        .unwrap();
    assert!(text.contains(r#""before":[]"#), "{text}");
}

#[test]
fn a_key_of_ids_is_needed_until_the_last_identity_under_it_has_expired() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = || Tuning { generation_events: 1_000, ..sweeping(&disk, quick()) };
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    note(&journal, ids(A, None));
    for number in 1..=5 {
        append(&journal, old(number, 100)).unwrap();
    }
    journal.close();
    // Far from full, the generation ends with its key.
    let journal = open_keeping(dir.path(), AN_HOUR, tuning());
    note(&journal, ids(B, Some(A)));
    let again = |number: u64| old(number + 900, 100).with_former(id(number));
    for number in 1..=5 {
        assert_eq!(append(&journal, again(number)), known(number));
    }
    assert_eq!(append(&journal, again(6)), fresh(6));
    assert_eq!(generations(dir.path()), [1, 2]);
    assert_eq!(append(&journal, again(7)), fresh(7));
    let sealed = || {
        let noted = journal.keys().unwrap().remove(&KeyedNames::Ids).unwrap();
        noted.before.first().map(|before| before.sealed)
    };
    disk.wait_until(|| sealed().flatten().is_some());
    publish(&journal, 7);
    age_generations(dir.path(), 8 * 24 * HOUR);
    disk.wait_until(|| generations(dir.path())[0] == 2);
    assert_eq!(sealed(), None);
    assert_eq!(append(&journal, again(7)), known(907));
    assert_eq!(append(&journal, again(1)), fresh(8), "it is forgotten");
}

#[test]
fn an_id_under_the_key_before_is_looked_for_in_its_own_generations_alone() {
    let dir = folder();
    let journal = open(dir.path(), Tuning { generation_events: 5, ..Tuning::default() });
    note(&journal, ids(A, None));
    for number in 1..=7 {
        append(&journal, event(number)).unwrap();
    }
    note(&journal, ids(B, Some(A)));
    for number in 11..=23 {
        append(&journal, event(number)).unwrap();
    }
    journal.close();
    let noted = journal.keys().unwrap().remove(&KeyedNames::Ids).unwrap();
    let connection = inspect(dir.path());
    let mut identities = Identities::load(&connection, 5).unwrap();
    identities.follow(Some(&noted));
    for (former, is_known) in [(1, true), (5, true), (7, true), (11, false), (23, false)] {
        let (id, former) = (event(500 + former).id().0.0, event(former).id().0.0);
        identities.begin_transaction();
        let found = identities.insert(&connection, &id, Some(&former)).unwrap();
        assert_eq!(found, is_known.then_some(former));
    }
}
