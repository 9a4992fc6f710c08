//! Both real dialects, with the bodies of all stored requests and with bodies full of persons.

use std::path::Path;

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};

use super::super::tests::verified;
use super::*;
use crate::normalize::daily::Daily;
use crate::normalize::livekit::LiveKit;
use crate::normalize::{Dialect, normalize};
use crate::scrub::Settings;

const RECEIVED: Timestamp = Timestamp::from_millis(1_795_168_800_301);
const DIALECTS: [(&str, &dyn Dialect); 2] = [("daily", &Daily), ("livekit", &LiveKit)];

fn boundary(provider: &'static str) -> Boundary {
    let provider = crate::event::ProviderName::new(provider);
    let visible = Regex::new("^visit-[0-9]+$").unwrap();
    let labels = ["Nurse".to_owned(), "Doctor".to_owned()];
    let settings = Settings {
        room_name: Some(visible),
        role_labels: labels.into(),
        ..stage::settings(provider)
    };
    Boundary::new(settings, &stage::keys())
}

fn made(provider: &'static str, body: &[u8], by: &Maker) -> Option<MadeUp> {
    let (_, dialect) = DIALECTS.into_iter().find(|(name, _)| *name == provider).unwrap();
    let verified = verified(RECEIVED, body);
    let name = crate::event::ProviderName::new(provider);
    boundary(provider).made_up(&normalize(&verified, name, dialect), by)
}

fn maker() -> Maker {
    Maker::new([7; 32])
}

fn text(made: &MadeUp) -> &str {
    std::str::from_utf8(&made.body).unwrap()
}

/// The bodies of the stored requests of a provider.
fn stored(provider: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bodies = folders.map(|folder| {
        let request = std::fs::read(folder.join("request.http")).unwrap();
        let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (folder.file_name().unwrap().to_str().unwrap().to_owned(), request[head + 4..].to_vec())
    });
    bodies.collect()
}

fn parsed(made: &MadeUp) -> Value {
    serde_json::from_slice(&made.body).unwrap()
}

/// A body of Daily's with these beside what it must have.
fn daily(payload: Value) -> Vec<u8> {
    let mut body = json!({
        "version": "1.0.0", "type": "participant.joined", "id": "j-1",
        "payload": {"room": "visit-12", "joined_at": 1_795_168_800.5}, "event_ts": 1_795_168_801
    });
    for (key, value) in payload.as_object().unwrap() {
        body["payload"][key] = value.clone();
    }
    body.to_string().into_bytes()
}

#[test]
fn of_every_stored_request_the_same_event_is_made_with_the_same_documented_keys() {
    fn keys(value: &Value, dialect: &dyn Dialect, found: &mut Vec<String>) {
        for (key, below) in value.as_object().into_iter().flatten() {
            if dialect.knows(key) {
                found.push(key.clone());
            }
            if !dialect.is_open(key) {
                keys(below, dialect, found);
            }
        }
        value.as_array().into_iter().flatten().for_each(|item| keys(item, dialect, found));
    }
    for (provider, dialect) in DIALECTS {
        for (name, body) in stored(provider) {
            let Some(made) = made(provider, &body, &maker()) else {
                assert_eq!(name, "malformed");
                continue;
            };
            let (mut before, mut after) = (Vec::new(), Vec::new());
            keys(&serde_json::from_slice(&body).unwrap(), dialect, &mut before);
            keys(&parsed(&made), dialect, &mut after);
            before.sort_unstable();
            after.sort_unstable();
            assert_eq!(before, after, "{name}");
            let of = |body: &[u8]| {
                let verified = verified(RECEIVED, body);
                let provider = crate::event::ProviderName::new(provider);
                let event = normalize(&verified, provider, dialect);
                (event.kind(), event.facts().len())
            };
            assert_eq!(of(&body), of(&made.body), "{name}");
        }
    }
}

#[test]
fn the_same_value_becomes_the_same_one_throughout_a_capture_and_another_in_the_next() {
    let session = "6497c79b-f326-4942-aef8-c36a29140ad1";
    let one = daily(json!({"session_id": session, "user_name": "Zoe", "x": "Zoe"}));
    let other = daily(json!({"y": format!("a {session}"), "session_id": session.to_uppercase()}));
    let (one, other) = (made("daily", &one, &maker()), made("daily", &other, &maker()));
    let (one, other) = (parsed(&one.unwrap()), parsed(&other.unwrap()));
    let id = one["payload"]["session_id"].as_str().unwrap();
    assert_ne!(id, session);
    assert_eq!(other["payload"]["session_id"].as_str().unwrap().to_lowercase(), id);
    assert!(other["payload"].to_string().contains(id));
    assert_eq!(one["payload"]["room"], other["payload"]["room"]);
    let same = one["payload"]["user_name"].as_str().unwrap();
    assert_eq!(one["payload"].to_string().matches(same).count(), 2);
    let next = made("daily", &daily(json!({"session_id": session})), &Maker::new([8; 32])).unwrap();
    assert_ne!(parsed(&next)["payload"]["session_id"], id);
}

#[test]
fn moments_move_together_and_keep_their_distance() {
    let body = daily(json!({"will_eject_at": "1795172400"}));
    let made = made("daily", &body, &maker()).unwrap();
    let event = parsed(&made);
    let at = |pointer: &str| event.pointer(pointer).unwrap().clone();
    let joined = at("/payload/joined_at").as_f64().unwrap();
    assert_eq!(at("/event_ts").as_f64().unwrap() - joined, 0.5);
    let eject: f64 = at("/payload/will_eject_at").as_str().unwrap().parse().unwrap();
    assert_eq!(eject - joined, 3_599.5);
    assert_eq!(made.received.seconds(), joined.floor());
    assert!((30.0 * 86_400.0..396.0 * 86_400.0).contains(&(1_795_168_800.5 - joined)));
}

#[test]
fn what_is_made_up_keeps_its_form_and_belongs_to_nobody() {
    let of = |text: &str| {
        let made = made("daily", &daily(json!({"user_name": text})), &maker()).unwrap();
        parsed(&made)["payload"]["user_name"].as_str().unwrap().to_owned()
    };
    let fits = |text: &str, form: &str| {
        let made = of(text);
        assert!(Regex::new(&format!("^{form}$")).unwrap().is_match(&made), "{text}: {made}");
        assert_ne!(made, text);
    };
    fits("zoe.maria@clinic.org", "[a-z]{3}\\.[a-z]{5}@[a-z]{6}\\.example\\.invalid");
    let way = "/[a-z]/[a-z]{3}\\?[a-z]=[0-9]#[a-z]";
    fits(
        "https://zoe:pw@clinic.org:8443/a/zoe?x=1#y",
        &format!("https://[a-z]{{3}}:[a-z]{{2}}@[a-z]{{6}}\\.example\\.invalid:8443{way}"),
    );
    fits("sip:+4915112345678@voip.net", "sip:\\+155501[0-9]{7}@[a-z]{6}\\.example\\.invalid");
    fits("+49 151", "\\+[0-9]{2} [0-9]{3}");
    fits("+4915112345678", "\\+155501[0-9]{7}");
    fits("1984-03-12", "(19|20)[0-9]{2}-[01][0-9]-[0-2][0-9]");
    fits("10.1.2.3", "192\\.0\\.2\\.[0-9]+");
    fits("fe80::1", "2001:db8::[0-9a-f]+");
    fits("6497C79B-F326-4942-AEF8-C36A29140AD1", "[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F-]{21}");
    fits("PA_zUyTCjpwWpmD", "PA_[0-9A-Za-z]{12}");
    fits("ANNA_zUyTCjpwWpmD", "[A-Z]{4}_[A-Za-z]{12}");
    fits("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJB", "eyJ[0-9A-Za-z]{17}\\.eyJ[0-9A-Za-z]+");
    fits("Zoë Müller-VAN Gogh", "[A-Z][a-z][^a-z] [A-Z][^a-z][a-z]{4}-[A-Z]{3} [A-Z][a-z]{3}");
    let moved = of("2026-11-20T10:00:00.027+02:00");
    assert!(Timestamp::parse(&moved).is_some() && moved.ends_with("+00:00"), "{moved}");
    let json: Value = serde_json::from_str(&of(r#"{"patient":"Zoe","ok":[true,12]}"#)).unwrap();
    assert!(json.as_object().unwrap().values().any(Value::is_array), "{json}");
}

#[test]
fn a_room_and_a_role_that_may_leave_become_such_as_the_fixtures_let_out() {
    let body = daily(json!({"user_name": "Nurse", "other": "visit-12"}));
    let event = parsed(&made("daily", &body, &maker()).unwrap());
    let (room, role) = (&event["payload"]["room"], event["payload"]["user_name"].as_str().unwrap());
    let visible = stage::settings(crate::event::ProviderName::new("daily")).room_name.unwrap();
    assert!(visible.is_match(room.as_str().unwrap()), "{room}");
    assert!(stage::ROLE_LABELS.contains(&role), "{role}");
    let again = event["payload"].as_object().unwrap().values().filter(|value| *value == room);
    assert_eq!(again.count(), 2);
    let hidden = daily(json!({"room": "Zoe and Anna"}));
    let event = parsed(&made("daily", &hidden, &maker()).unwrap());
    assert!(!visible.is_match(event["payload"]["room"].as_str().unwrap()));
}

#[test]
fn what_is_no_json_is_not_made_up() {
    for body in ["", "zoe", "{\"type\":", "[]", "{\"type\":7}"] {
        assert_eq!(made("daily", body.as_bytes(), &maker()), None, "{body}");
    }
}

/// Texts as persons write them, each with a word that no made-up word can be by chance alone.
fn personal() -> impl Strategy<Value = String> {
    let word = "[A-Z]?[a-zëøñ山🙂]{4,9}";
    let text = prop_oneof![
        word.prop_map(|a| a),
        (word, word).prop_map(|(a, b)| format!("{a} {b}")),
        (word, word).prop_map(|(a, b)| format!("{a}.{b}@{b}.org")),
        (word, word).prop_map(|(a, b)| format!("https://{a}.org/{b}?name={a}")),
        word.prop_map(|a| format!("{{\"{a}\": [\"{a}\"]}}")),
        word.prop_map(|a| format!("\u{202e}{a}\u{0301}\n\t\"{a}\\")),
        word.prop_map(|a| format!("{a}_12345678 PA_{a}")),
        "[+][1-9][0-9]{9,12}",
        "[0-9]{7,18}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
    ];
    text.boxed()
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        personal().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Keys that one provider or the other documents.
#[rustfmt::skip]
const DOCUMENTED: [&str; 19] = [
    "user_id", "user_name", "room", "room_name", "session_id", "sip_headers", "permissions",
    "layout", "status", "name", "identity", "metadata", "attributes", "sid",
    "joinedAt", "tracks", "s3_key", "region", "role",
];

/// Those, and others.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(DOCUMENTED.to_vec()).prop_map(str::to_owned), personal()]
}

/// Every text and every key of a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(pairs) => {
            for (key, below) in pairs {
                found.push(key.clone());
                texts(below, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn no_text_of_an_original_stands_in_what_was_made(
        parts in prop::collection::vec((key(), anything()), 1..6),
        seed in any::<[u8; 32]>(),
    ) {
        let kinds = [("type", "participant.joined"), ("event", "participant_joined")];
        for ((provider, dialect), (kind, name)) in DIALECTS.into_iter().zip(kinds) {
            let mut body = json!({kind: name, "payload": {}, "participant": {}, "room": {}});
            for (key, value) in &parts {
                for place in ["payload", "participant", "room"] {
                    body[place][key] = value.clone();
                }
                if ![kind, "room"].contains(&&**key) {
                    body[key] = value.clone();
                }
            }
            let body = body.to_string();
            let by = Maker::new(seed);
            let Some(made) = made(provider, body.as_bytes(), &by) else {
                return Err(TestCaseError::fail("nothing was made"));
            };
            prop_assert!(serde_json::from_slice::<Value>(&made.body).is_ok());
            let after = text(&made).to_lowercase();
            let mut originals = Vec::new();
            for (key, value) in &parts {
                originals.push(key.clone());
                texts(value, &mut originals);
            }
            for original in originals {
                let own = dialect.knows(&original) || DOCUMENTED.contains(&&*original);
                if own || original.chars().count() <= 3 {
                    continue;
                }
                prop_assert!(!after.contains(&original.to_lowercase()), "{original}: {after}");
                for word in original.split(|c: char| !c.is_alphanumeric()) {
                    // Four digits of a UUID stand in others, too; `name` in documented keys.
                    let common = word.bytes().all(|byte| byte.is_ascii_hexdigit());
                    let frame = common || ["https", "name"].contains(&word);
                    if word.chars().count() > 3 && !frame {
                        prop_assert!(!after.contains(&word.to_lowercase()), "{word}: {after}");
                    }
                }
            }
        }
    }
}
