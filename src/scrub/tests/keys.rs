//! Keys that change: what moves, what stays, and for how long both stand side by side.

use super::*;
use crate::scrub::{FormerKey, PseudonymKey};

const RECEIVED: i64 = 1_795_168_800_301;

fn secret(byte: u8) -> Secret {
    Secret::new(vec![byte; 32])
}

/// The keys after pseudonyms changed, with the former ones until a moment.
fn changed(until: i64) -> Keys {
    let former = FormerKey { key: secret(0x22), version: 1, until: Timestamp::from_millis(until) };
    let pseudonym = PseudonymKey { key: secret(0x33), version: 2, former: Some(former) };
    Keys { pseudonym, ..keys() }
}

fn scrubbed(keys: &Keys, settings: Settings) -> Clean {
    let body = with(joined(), "room", json!("Zoë's room")).to_string();
    scrub_raw(settings, keys, body.as_bytes())
}

#[test]
fn while_pseudonyms_change_both_stand_in_an_event_so_that_consumers_can_join() {
    let before = event(&scrubbed(&keys(), settings()));
    let after = scrubbed(&changed(RECEIVED + 1), settings());
    let now = event(&after);
    for section in ["participant", "room"] {
        let (old, new) = (&before["data"][section], &now["data"][section]);
        assert_eq!(new["previous_ref"], old["ref"], "{section}");
        assert_ne!(new["ref"], old["ref"]);
        assert_eq!(new["ref"].as_str().unwrap().get(1..3), Some("2_"));
    }
    assert_eq!(now["subject"], now["data"]["room"]["ref"]);
    let validator = jsonschema::validator_for(&closed_schema(after.kind().family())).unwrap();
    validator.validate(&now).unwrap();
    for until in [RECEIVED, RECEIVED - 1, 0] {
        let late = event(&scrubbed(&changed(until), settings()));
        assert!(late["data"]["participant"].get("previous_ref").is_none(), "{until}");
        assert_eq!(late["data"]["participant"]["ref"], now["data"]["participant"]["ref"]);
    }
}

#[test]
fn ids_and_record_keys_do_not_move_when_pseudonyms_change() {
    let (before, after) = (scrubbed(&keys(), settings()), scrubbed(&changed(0), settings()));
    assert_eq!((before.id(), before.key()), (after.id(), after.key()));
    assert_eq!((before.former_id(), after.former_id()), (None, None));
}

#[test]
fn after_a_change_of_identity_an_event_is_known_by_its_former_id_too() {
    let rolled = Keys { identity: secret(0x44), former_identity: Some(secret(0x11)), ..keys() };
    let (before, after) = (scrubbed(&keys(), settings()), scrubbed(&rolled, settings()));
    assert_ne!(before.id(), after.id());
    assert_eq!(after.former_id(), Some(before.id()));
    let unreadable = |keys| scrub_raw(settings(), keys, b"{\"kind\":");
    assert_eq!(unreadable(&rolled).former_id(), Some(unreadable(&keys()).id()));
}

#[test]
fn a_tenants_own_key_stands_for_the_root_and_can_follow_it() {
    let person = |settings| {
        let event = event(&scrubbed(&keys(), settings));
        event["data"]["participant"].clone()
    };
    let derived = person(settings());
    let key = PseudonymKey::first(secret(0x55));
    let own = person(Settings { pseudonym_key: Some(key.clone()), ..settings() });
    assert_ne!(own["ref"], derived["ref"]);
    let former =
        Some(FormerKey { key: secret(0x22), version: 1, until: Timestamp::from_millis(i64::MAX) });
    let next = PseudonymKey { version: 2, former, ..key };
    let moved = person(Settings { pseudonym_key: Some(next), ..settings() });
    assert_eq!(moved["previous_ref"], derived["ref"]);
}

#[test]
fn every_name_there_is_a_key_for_can_be_asked_the_one_in_force_first() {
    let boundary = Boundary::new(settings(), &changed(0));
    let persons = boundary.persons(Personal::new(UUID));
    assert_eq!(persons.len(), 2);
    assert_eq!(persons.iter().map(|person| person.version).collect::<Vec<_>>(), [2, 1]);
    let before = Boundary::new(settings(), &keys());
    assert_eq!(persons[1..], before.persons(Personal::new(UUID)));
    assert_eq!(boundary.rooms(Personal::new("Zoë")).len(), 2);
    assert_eq!(boundary.room_keys(Personal::new("Zoë")).len(), 1);
    let rolled = Keys { former_identity: Some(secret(0x44)), ..keys() };
    assert_eq!(Boundary::new(settings(), &rolled).room_keys(Personal::new("Zoë")).len(), 2);
}

#[test]
fn a_name_of_the_gateway_is_known_by_its_form() {
    use crate::scrub::names::is_name;
    let digest = "wzyxrn2edjeufobq6eijappl7i";
    for good in ["p1_", "p2_", "p99_"] {
        assert!(is_name(&format!("{good}{digest}"), 'p'), "{good}");
    }
    for wrong in ["p_", "p0_", "p100_", "r1_", "1_", "pp1_", "p1"] {
        assert!(!is_name(&format!("{wrong}{digest}"), 'p'), "{wrong}");
    }
    assert!(!is_name(&format!("p1_{}", &digest[1..]), 'p'));
}
