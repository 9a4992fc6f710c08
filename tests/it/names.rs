//! The names that events carry while keys are replaced, over restarts and through every door.

use std::collections::BTreeMap;
use std::time::Duration;

use hookgate::clock::{Clock, Timestamp};
use hookgate::scrub::{FormerKey, PseudonymKey};
use hookgate::secret::Secret;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::gateway::{DAILY, Gate, OPERATOR, Plan, VIEWER};
use crate::proof::PATIENCE;

const HER: &str = "22222222-bbbb-4bbb-8bbb-222222222222";
const ROOM: &str = "Zoe's room";
const TENANT: &str = "tenant-fixtures";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// She joins or leaves her room; each time another connection.
fn presence(kind: &str, number: u64, now: Timestamp) -> String {
    let at = now.seconds();
    json!({
        "version": "1.0.0", "type": format!("participant.{kind}"), "id": format!("a-{number}"),
        "payload": {
            "room": ROOM, "user_id": HER, "user_name": "Zoe", "duration": 60,
            "session_id": format!("33333333-cccc-4ccc-8ccc-{number:012}"), "joined_at": at,
        },
        "event_ts": at,
    })
    .to_string()
}

async fn post(gate: &Gate, body: &str) -> (String, String) {
    let answer = gate.post(&gate.signed(DAILY, body)).await;
    let id = answer.json()["event_id"].as_str().unwrap().to_owned();
    (answer.outcome(), id)
}

/// An event as consumers read it, and its record key.
#[derive(Debug)]
struct Read {
    id: String,
    key: String,
    value: Value,
}

impl Read {
    fn at(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).map(|text| text.as_str().unwrap())
    }

    /// The person, and what they were called before.
    fn person(&self) -> (&str, Option<&str>) {
        let of = "/data/participant";
        (self.at(&format!("{of}/ref")).unwrap(), self.at(&format!("{of}/previous_ref")))
    }

    fn room(&self) -> (&str, Option<&str>) {
        (self.at("/data/room/ref").unwrap(), self.at("/data/room/previous_ref"))
    }
}

fn all(gate: &Gate) -> Vec<Read> {
    let rows = gate.app.journal().look_after(0).unwrap().into_iter();
    let read = rows.map(|row| Read {
        id: row.id.to_string(),
        key: String::from_utf8(row.key.to_vec()).unwrap(),
        value: serde_json::from_slice(&row.value).unwrap(),
    });
    read.collect()
}

fn is_of(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.len() == 26)
}

fn secret(byte: u8) -> Secret {
    Secret::new(vec![byte; 32])
}

/// The pseudonyms rotate: events carry those before until this moment.
fn rotated(plan: &mut Plan, until: Timestamp) {
    let before = plan.config.keys.pseudonym.clone();
    plan.config.keys.pseudonym = PseudonymKey {
        key: secret(0x33),
        version: before.version + 1,
        former: Some(FormerKey { key: before.key, version: before.version, until }),
    };
}

fn rekeyed(plan: &mut Plan, with_the_one_before: bool) {
    let before = std::mem::replace(&mut plan.config.keys.identity, secret(0x44));
    plan.config.keys.former_identity = with_the_one_before.then_some(before);
}

async fn status(gate: &Gate) -> Value {
    gate.call(VIEWER, "GET /admin/v1/status", "").await.json()
}

/// Sequences that a search finds, once the search file knows all that is there.
async fn found(gate: &Gate, filter: Value) -> Vec<u64> {
    let journal = gate.app.journal();
    let head = *journal.head().borrow();
    let mut standing = journal.search().unwrap().standing();
    let follows = standing.wait_for(|now| now.through >= head && !now.rebuilding);
    timeout(PATIENCE, follows).await.expect("the search file follows").unwrap();
    let answer = gate.call(VIEWER, "POST /admin/v1/events/search", &filter.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = answer.json();
    let rows = page["events"].as_array().unwrap().iter();
    rows.map(|row| row["sequence"].as_u64().unwrap()).rev().collect()
}

async fn asked(gate: &Gate, call: &str, ask: Value) -> Value {
    let mut ask = ask;
    ask["reason"] = json!("ticket 17");
    let answer = gate.call(OPERATOR, &format!("POST /admin/v1/{call}"), &ask.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_over_restarts_and_consumers_can_join() {
    let clock = Clock::manual(Timestamp::parse("2026-11-20T10:00:00Z").unwrap());
    let gate = Plan::new().clock(clock.clone()).start().await;
    let first = presence("joined", 1, clock.now());
    let (outcome, first_id) = post(&gate, &first).await;
    assert_eq!(outcome, "accepted");

    // The pseudonyms rotate, with an overlap of a day. The first retry is known by its id.
    let until = clock.now().plus(DAY);
    let gate = gate.again_with(|plan| rotated(plan, until)).await;
    assert_eq!(post(&gate, &first).await, ("duplicate".to_owned(), first_id.clone()));
    post(&gate, &presence("left", 2, clock.now())).await;
    clock.advance(DAY);
    let second = presence("joined", 3, clock.now());
    post(&gate, &second).await;
    let read = all(&gate);
    let [one, two, three] = read.as_slice() else { panic!("{read:?}") };
    assert!(is_of(one.person().0, "p1_") && one.person().1.is_none(), "{one:?}");
    assert!(is_of(two.person().0, "p2_") && is_of(two.room().0, "r2_"), "{two:?}");
    assert_eq!(two.person().1, Some(one.person().0));
    assert_eq!((two.room().1, two.at("/subject")), (Some(one.room().0), Some(two.room().0)));
    assert_eq!((three.person(), three.room()), ((two.person().0, None), (two.room().0, None)));
    // What hangs on identity has not moved.
    assert!(is_of(&one.key, &format!("{TENANT}/k1_")), "{one:?}");
    assert!(read.iter().all(|event| event.key == one.key), "{read:?}");

    // The key of ids is replaced as well. What is known keeps its name.
    let change = |plan: &mut Plan| {
        rotated(plan, until);
        rekeyed(plan, true);
    };
    let gate = gate.again_with(change).await;
    assert_eq!(post(&gate, &first).await, ("duplicate".to_owned(), first_id.clone()));
    assert_eq!(post(&gate, &second).await, ("duplicate".to_owned(), three.id.clone()));
    let third = presence("left", 4, clock.now());
    let (outcome, third_id) = post(&gate, &third).await;
    assert_eq!(outcome, "accepted");
    assert_eq!(post(&gate, &third).await, ("duplicate".to_owned(), third_id));
    let read = all(&gate);
    let last = read.last().unwrap();
    assert!(is_of(&last.key, &format!("{TENANT}/k1_")) && last.key != one.key, "{last:?}");
    assert_eq!(last.person(), (two.person().0, None));

    // A consumer that has read them all knows her as one, and her room too.
    for name in [Read::person as fn(&Read) -> (&str, Option<&str>), Read::room] {
        let now: BTreeMap<_, _> = read
            .iter()
            .filter_map(|event| name(event).1.map(|before| (before, name(event).0)))
            .collect();
        let mut known: Vec<_> = read.iter().map(|event| name(event).0).collect();
        known.iter_mut().for_each(|name| *name = now.get(name).copied().unwrap_or(name));
        known.dedup();
        assert_eq!(known.len(), 1, "{read:?}");
    }

    // What is needed of the keys before, and until when.
    let told = status(&gate).await;
    let keys = told["keys"].as_array().unwrap();
    assert_eq!((&keys[0]["names"], &keys[1]["former_version"]), (&json!("ids"), &json!(1)));
    let needed = |key: &Value| key["former_needed_until"].as_str().unwrap().to_owned();
    assert!(needed(&keys[0]) > clock.now().plus(29 * DAY).to_string(), "{told}");
    assert!(needed(&keys[1]).starts_with("2026-12-20T10:00:00"), "{told}");
    assert!(!told["warnings"].to_string().contains("journal was written"), "{told}");

    // Without it the retry is taken for new: that is said.
    let change = |plan: &mut Plan| {
        rotated(plan, until);
        rekeyed(plan, false);
    };
    let gate = gate.again_with(change).await;
    let told = status(&gate).await["warnings"].to_string();
    assert!(told.contains("keys.previous.identity"), "{told}");
    let (outcome, again) = post(&gate, &first).await;
    assert!(outcome == "accepted" && again != first_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_knows_who_is_meant_before_and_after_a_rotation() {
    let clock = Clock::manual(Timestamp::parse("2026-11-20T10:00:00Z").unwrap());
    let gate = Plan::new().clock(clock.clone()).start().await;
    let until = clock.now().plus(DAY);
    post(&gate, &presence("joined", 1, clock.now())).await;
    let change = |plan: &mut Plan| {
        rotated(plan, until);
        rekeyed(plan, true);
    };
    let gate = gate.again_with(change).await;
    post(&gate, &presence("left", 2, clock.now())).await;
    clock.advance(DAY);
    post(&gate, &presence("joined", 3, clock.now())).await;
    let read = all(&gate);
    let (now, before) = read[1].person();
    let (room, room_before) = read[1].room();
    let (before, room_before) = (before.unwrap(), room_before.unwrap());
    let in_key = |event: &Read| event.key.split_once('/').unwrap().1.to_owned();
    let (key, key_before) = (in_key(&read[2]), in_key(&read[0]));

    for (filter, sequences) in [
        (json!({"participant": HER}), &[1, 2, 3][..]),
        (json!({"participant": before}), &[1, 2]),
        (json!({"participant": now}), &[2, 3]),
        (json!({"room": ROOM}), &[1, 2, 3]),
        (json!({"room": room_before}), &[1, 2]),
        (json!({"room": room}), &[2, 3]),
        (json!({"room": key_before}), &[1]),
        (json!({"room": key}), &[2, 3]),
    ] {
        assert_eq!(found(&gate, filter.clone()).await, sequences, "{filter}");
    }

    let names = asked(&gate, "pseudonym", json!({"tenant": TENANT, "participant": HER})).await;
    assert_eq!(names["participant"], Value::Null, "three providers have each their own: {names}");
    let at = |provider: &str| {
        let providers = names["providers"].as_array().unwrap();
        providers.iter().find(|names| names["provider"] == provider).unwrap().clone()
    };
    assert_eq!(at("daily")["participants"], json!([now, before]));
    assert_ne!(at("livekit")["participants"], at("daily")["participants"]);
    let names = asked(&gate, "pseudonym", json!({"source": "daily", "room": ROOM})).await;
    assert_eq!((&names["room"], &names["room_key"]), (&json!(room), &json!(key)), "{names}");
    assert_eq!(names["providers"][0]["rooms"], json!([room, room_before]));
    assert_eq!(names["providers"][0]["room_keys"], json!([key, key_before]));
    let audit = gate.call(VIEWER, "GET /admin/v1/audit", "").await;
    assert!(audit.body.contains(now) && !audit.body.contains(HER), "{audit:?}");
    assert!(audit.body.contains(room) && !audit.body.contains("Zoe"), "{audit:?}");

    // By the oldest name alone all of hers is found, and told under both.
    let told = asked(&gate, "forget", json!({"tenant": TENANT, "participant": before})).await;
    assert_eq!(told["events"], 3, "{told}");
    let erasure = all(&gate).pop().unwrap();
    assert_eq!(erasure.at("/data/erasure/ref"), Some(now));
    assert_eq!(erasure.value["data"]["erasure"]["other_refs"], json!([before]));
    let again = asked(&gate, "forget", json!({"tenant": TENANT, "participant": HER})).await;
    assert_eq!((&again["events"], &again["already"]), (&json!(0), &json!(3)), "{again}");
}

/// The tenant gets a key of its own, at this version.
fn own_key(plan: &mut Plan, key: u8, version: u8) {
    for source in &mut plan.config.sources {
        let own = PseudonymKey { version, ..PseudonymKey::first(secret(key)) };
        source.boundary.pseudonym_key = Some(own);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_tenants_own_key_its_pseudonyms_are_out_of_everybodys_reach() {
    let clock = Clock::manual(Timestamp::parse("2026-11-20T10:00:00Z").unwrap());
    let mut plan = Plan::new().clock(clock.clone());
    own_key(&mut plan, 0x55, 1);
    let gate = plan.start().await;
    post(&gate, &presence("joined", 1, clock.now())).await;
    let read = all(&gate);
    let (person, room) = (read[0].person().0.to_owned(), read[0].room().0.to_owned());
    assert_eq!(found(&gate, json!({"participant": HER})).await, [1]);

    let gate = gate.again_with(|plan| own_key(plan, 0x66, 2)).await;
    let by_id = json!({"participant": HER});
    assert_eq!(found(&gate, by_id.clone()).await, [0; 0]);
    assert_eq!(found(&gate, json!({"participant": person})).await, [1], "by itself it is found");
    let names = [
        asked(&gate, "pseudonym", json!({"tenant": TENANT, "participant": HER})).await,
        asked(&gate, "pseudonym", json!({"source": "daily", "room": ROOM})).await,
        asked(&gate, "forget", json!({"tenant": TENANT, "participant": HER})).await,
    ];
    assert_eq!(names[2]["events"], 0);
    for answer in names.iter().map(Value::to_string) {
        assert!(!answer.contains(&person) && !answer.contains(&room), "{answer}");
    }
    // Record keys hang on the key of ids: rooms are still known by theirs.
    let key = read[0].key.split_once('/').unwrap().1;
    assert_eq!(names[1]["room_key"], json!(key));
    let told = status(&gate).await["warnings"].to_string();
    assert!(told.contains("the pseudonyms of tenant-fixtures changed"), "{told}");
    assert!(told.contains("unless it was destroyed"), "{told}");
    post(&gate, &presence("left", 2, clock.now())).await;
    let after = all(&gate).pop().unwrap();
    assert!(is_of(after.person().0, "p2_") && after.person().1.is_none(), "{after:?}");
}
