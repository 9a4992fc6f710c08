//! Only what is listed leaves: each field of an event is one that its policy lets out with that
//! kind, in the form that this field takes; whatever JSON was sent.
//!
//! The forms are said here once more, field by field and apart from the boundary's own table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use hookgate::clock::Timestamp;
use hookgate::event::Kind;
use hookgate::scrub::policy::{Action, Policy};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use regex::Regex;
use serde_json::Value;

use crate::json::Json;
use crate::roads::{ARTIFACT_KEY, ROLE_LABELS, ROOM_NAME, Road, bodies};

const RECEIVED: Timestamp = Timestamp::from_millis(1_795_168_860_000);

/// What an event says of itself, and no policy speaks of.
const OWN: [&str; 7] = [
    "removed",
    "removed_more",
    "violations",
    "violations_more",
    "findings",
    "reason",
    "length_bytes",
];

/// Every field of an event's data, as policies name it, with its value.
pub(crate) fn fields(event: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in event["data"].as_object().unwrap() {
        if !OWN.contains(&name.as_str()) {
            below(name, value, &mut found);
        }
    }
    found
}

fn below<'e>(path: &str, value: &'e Value, found: &mut Vec<(String, &'e Value)>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| below(&format!("{path}.{name}"), value, found));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| below(&format!("{path}[]"), item, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.push((path.to_owned(), value));
        }
    }
}

/// The field of the policy behind a field of an event: pseudonyms stand beside it.
fn listed_as(field: &str) -> &str {
    match field {
        "room.ref" | "room.previous_ref" => "room.name",
        "participant.previous_ref" => "participant.ref",
        other => other,
    }
}

/// Fails where a field is not on the list or has not its form.
pub(crate) fn assert_listed(event: &Value, policy: &Policy) {
    let stray = stray(event, policy);
    assert!(stray.is_none(), "{}: {event}", stray.unwrap());
}

/// The first field that is not on the list or has not its form, in words.
fn stray(event: &Value, policy: &Policy) -> Option<String> {
    let kind = event["type"].as_str().unwrap().strip_prefix("video.").unwrap();
    let kind = Kind::parse(kind).unwrap();
    for (field, value) in fields(event) {
        let action = policy.action_of(kind, listed_as(&field));
        let lets = matches!(
            action,
            Some(Action::Pass | Action::Pseudonym | Action::Role | Action::Bucket)
        );
        if !lets {
            return Some(format!("{field} left with {kind}, but the policy says {action:?}"));
        }
        if !has_form(&field, value) {
            return Some(format!("{field} = {value} left"));
        }
    }
    None
}

fn has_form(field: &str, value: &Value) -> bool {
    let last = field.rsplit('.').next().unwrap();
    let text = match (value, last) {
        (Value::Bool(_), _) => return FLAGS.contains(&field),
        (Value::Number(number), "size_bytes") => return number.as_u64().is_some(),
        (Value::Number(number), "duration_seconds" | "participant_minutes") => {
            return number.as_f64().is_some_and(|number| number.abs() < 1e7);
        }
        (Value::Number(number), _) => {
            return NUMBERS.contains(&last) && number.as_u64().is_some_and(|n| n < 1_000_000);
        }
        (Value::String(text), _) => text.as_str(),
        (Value::Null | Value::Array(_) | Value::Object(_), _) => return false,
    };
    let form = match (field, last) {
        ("room.name", _) => ROOM_NAME,
        (_, "storage_key") => ARTIFACT_KEY,
        ("participant.role", _) => return ROLE_LABELS.contains(&text) || text == "Participant",
        ("room.ref" | "room.previous_ref", _) => "^r[1-9][0-9]?_[a-z2-7]{26}$",
        ("participant.ref" | "participant.previous_ref", _) => "^p[1-9][0-9]?_[a-z2-7]{26}$",
        ("provider_event.type", _) => "^[a-z]+([._-][a-z]+)*$",
        ("provider_event.id", _) => "^EV_[A-Za-z0-9]{12}$",
        ("provider_event.version", _) => "^[0-9]{1,3}([.][0-9]{1,3}){0,2}$",
        ("track.mime_type", _) => "^(audio|video)/[A-Za-z0-9-]{1,8}$",
        (_, "region") => "^[a-z]+(-[a-z0-9]+)+$",
        ("call.at", _) => MOMENT,
        (_, "id" | "started_by") => ID,
        _ if last.ends_with("_at") => MOMENT,
        _ if last.ends_with("_id") => ID,
        // A word of ours.
        _ => "^[a-z][a-z0-9]*([_.-][a-z0-9]+)*$",
    };
    matches(form, text)
}

const MOMENT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$";
const ID: &str =
    "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Z]{2,4}_[A-Za-z0-9]{8,24})$";
const NUMBERS: [&str; 6] =
    ["width", "height", "parts", "retries", "error_code", "participants_max"];
const FLAGS: [&str; 10] = [
    "participant.owner",
    "participant.permissions.send",
    "participant.permissions.receive",
    "participant.permissions.send_data",
    "participant.permissions.administer",
    "participant.permissions.be_seen",
    "track.muted",
    "track.simulcast",
    "call.sip_refer",
    "ingress.reusable",
];

fn matches(form: &str, text: &str) -> bool {
    thread_local! {
        static READY: std::cell::RefCell<std::collections::BTreeMap<String, Regex>> =
            std::cell::RefCell::default();
    }
    READY.with_borrow_mut(|ready| {
        let regex = ready.entry(form.to_owned()).or_insert_with(|| Regex::new(form).unwrap());
        regex.is_match(text)
    })
}

/// What stands in a place of a provider's stored bodies, all of them together.
#[derive(Default)]
struct Shape {
    fields: BTreeMap<String, Shape>,
    items: Option<Box<Shape>>,
    /// Scalars, as they are written.
    seen: Vec<String>,
}

impl Shape {
    fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                self.fields.entry(quoted(key)).or_default().learn(value);
            }),
            Value::Array(items) => {
                let shape = self.items.get_or_insert_default();
                items.iter().for_each(|item| shape.learn(item));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.seen.push(value.to_string());
            }
        }
    }

    /// JSON that has something of this shape: fields of all events at once or none, values that
    /// stood there and others, things in the place of others.
    fn grow(&self, root: &Self, rng: &mut StdRng, depth: usize) -> Json {
        if depth > 0 && rng.random_range(0..20) == 0 {
            return anything(root, rng, depth);
        }
        let items = self.items.as_ref().filter(|_| self.fields.is_empty() || rng.random());
        if let Some(items) = items {
            let many = rng.random_range(0..4);
            return Json::List((0..many).map(|_| items.grow(root, rng, depth + 1)).collect());
        }
        if self.fields.is_empty() {
            let seen = self.seen.get(rng.random_range(0..self.seen.len().max(1)));
            let seen = seen.filter(|_| rng.random_range(0..3) > 0).cloned();
            return Json::Scalar(seen.unwrap_or_else(|| scalar(rng)));
        }
        let mut fields = Vec::new();
        for (key, shape) in &self.fields {
            if depth == 0 || rng.random_range(0..4) > 0 {
                fields.push((key.clone(), shape.grow(root, rng, depth + 1)));
            }
            if rng.random_range(0..30) == 0 {
                let key = if rng.random() { scalar_text(rng) } else { key.clone() };
                fields.push((key, anything(root, rng, depth + 1)));
            }
        }
        Json::Map(fields)
    }
}

fn anything(root: &Shape, rng: &mut StdRng, depth: usize) -> Json {
    let list = |json| Json::List(vec![json]);
    let map = |key, json| Json::Map(vec![(key, json)]);
    match rng.random_range(0..5) {
        _ if depth > 12 => Json::Scalar(scalar(rng)),
        0 => list(anything(root, rng, depth + 1)),
        1 => map(scalar_text(rng), anything(root, rng, depth + 1)),
        2 => {
            let place = rng.random_range(0..root.fields.len());
            root.fields.values().nth(place).unwrap().grow(root, rng, depth + 1)
        }
        _ => Json::Scalar(scalar(rng)),
    }
}

/// A value as anybody could write it; forms that pass somewhere are among them.
fn scalar(rng: &mut StdRng) -> String {
    match rng.random_range(0..10) {
        0 => rng.random::<i64>().to_string(),
        1 => rng.random_range(0..100_000).to_string(),
        2 => format!("{}.25", rng.random_range(1_500_000_000_u64..1_900_000_000)),
        3 => ["null", "true", "false", "1e99", "-0", "{}", "[]"][rng.random_range(0..7)].to_owned(),
        _ => scalar_text(rng),
    }
}

fn scalar_text(rng: &mut StdRng) -> String {
    let word = |rng: &mut StdRng, among: &[u8], many: usize| -> String {
        (0..many).map(|_| among[rng.random_range(0..among.len())] as char).collect()
    };
    let (hex, letters) = (b"0123456789abcdef", b"abcdefghijklmnopqrstuvwxyzABCXYZ0123456789");
    let small = &letters[..26];
    let uuid = |rng: &mut StdRng| {
        let parts = [8, 4, 4, 4, 12].map(|many| word(rng, hex, many));
        parts.join("-")
    };
    let text = match rng.random_range(0..14) {
        0 => uuid(rng),
        1 => format!("EV_{}", word(rng, letters, 12)),
        2 => format!("PA_{}", word(rng, letters, 12)),
        3 => format!("consult-{}", word(rng, hex, 8)),
        4 => format!("recordings/{}/{}.mp4", uuid(rng), word(rng, small, 5)),
        5 => format!("us-{}-1", word(rng, small, 5)),
        6 => rng.random_range(1_500_000_000_u64..1_900_000_000).to_string(),
        7 => rng.random_range(1_500_000_000_000_u64..1_900_000_000_000).to_string(),
        8 => format!("+1 555 0100{}", rng.random_range(10..9_999)),
        9 => format!("{}@example.invalid", word(rng, small, 7)),
        10 => format!("video/{}", word(rng, letters, 4)),
        11 => ["EGRESS_COMPLETE", "CAMERA", "finished", "Patient", "doctor"]
            [rng.random_range(0..5)]
        .to_owned(),
        12 => word(rng, small, 9),
        _ => format!("Zoë {}", word(rng, small, 7)),
    };
    quoted(&text)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A provider: its road, its stored bodies, what they look like together, the events they tell of.
struct Provider {
    road: Road,
    bodies: Vec<Vec<u8>>,
    shape: Shape,
    types: Vec<String>,
}

static BOTH: LazyLock<[Provider; 2]> = LazyLock::new(|| {
    let of = |place: usize, folder: &str| {
        let (bodies, mut shape, mut types) = (bodies(folder), Shape::default(), BTreeSet::new());
        for body in &bodies {
            let Ok(body) = serde_json::from_slice::<Value>(body) else { continue };
            let said = body.get("type").or(body.get("event"));
            types.extend(said.map(Value::to_string));
            shape.learn(&body);
        }
        Provider { road: road(place), bodies, shape, types: types.into_iter().collect() }
    };
    [of(0, "daily"), of(1, "livekit")]
});

/// A document of a provider: of an event that is known, as a rule, and the rest is anything.
fn document(place: usize, seed: u64) -> Json {
    let mut rng = StdRng::seed_from_u64(seed);
    let Provider { shape, types, .. } = &BOTH[place];
    if rng.random_range(0..20) == 0 {
        return anything(shape, &mut rng, 1);
    }
    let mut json = shape.grow(shape, &mut rng, 0);
    let name = if place == 0 { r#""type""# } else { r#""event""# };
    if let Json::Map(fields) = &mut json {
        let said = types[rng.random_range(0..types.len())].clone();
        fields.push((name.to_owned(), Json::Scalar(said)));
    }
    json
}

fn road(place: usize) -> Road {
    if place == 0 { Road::daily() } else { Road::livekit() }
}

/// Every field that leaves with some kind.
static FIELDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let rows = Policy::kinds().flat_map(|kind| Policy::standard().rows(kind));
    let fields: BTreeSet<_> = rows.map(|row| row.field).collect();
    fields.into_iter().filter(|field| field.contains('.')).collect()
});

proptest! {
    #[test]
    fn of_any_json_under_a_good_signature_only_what_is_listed_leaves(
        place in 0_usize..2,
        seed in any::<u64>(),
    ) {
        let json = document(place, seed);
        let taken = BOTH[place].road.take(json.to_string().as_bytes(), RECEIVED);
        let (clean, _) = taken.unwrap();
        let event: Value = serde_json::from_slice(clean.value()).unwrap();
        assert_listed(&event, &Policy::standard());
    }

    #[test]
    fn a_field_that_a_policy_drops_leaves_with_no_body(
        place in 0_usize..2,
        seed in any::<u64>(),
        which in any::<prop::sample::Index>(),
        stored in any::<prop::sample::Index>(),
    ) {
        let field = which.get(&FIELDS);
        let rule = format!("[[rule]]\nfields = [\"{field}\"]\nkinds = [\"*\"]\n");
        let rule = rule + "action = \"drop\"\nreason = \"a test\"\n";
        let policy = Arc::new(Policy::standard().with(&rule).unwrap());
        let road = road(place).with_policy(Arc::clone(&policy));
        let stored = stored.get(&BOTH[place].bodies).clone();
        for body in [document(place, seed).to_string().into_bytes(), stored] {
            let (clean, _) = road.take(&body, RECEIVED).unwrap();
            let event: Value = serde_json::from_slice(clean.value()).unwrap();
            assert_listed(&event, &policy);
            let left = fields(&event).into_iter().find(|(left, _)| listed_as(left) == *field);
            prop_assert!(left.is_none(), "{:?} left", left);
        }
    }
}

#[test]
fn the_documents_that_are_made_reach_most_of_what_may_leave() {
    let (mut reached, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..1_500 {
        let place = usize::from(seed % 2 == 0);
        let json = document(place, seed);
        let taken = BOTH[place].road.take(json.to_string().as_bytes(), RECEIVED);
        let event: Value = serde_json::from_slice(taken.unwrap().0.value()).unwrap();
        kinds.insert(event["type"].to_string());
        reached.extend(fields(&event).into_iter().map(|(field, _)| field));
    }
    let missed: Vec<_> = FIELDS.iter().filter(|field| !reached.contains(*field)).collect();
    assert!(missed.len() < FIELDS.len() / 3, "{} of {}: {missed:?}", missed.len(), FIELDS.len());
    assert!(kinds.len() > 40, "{kinds:?}");
}

#[test]
fn a_field_that_is_not_listed_or_has_not_its_form_is_seen() {
    let event = |data: Value| serde_json::json!({"type": "video.participant.joined", "data": data});
    let seen = |data: Value| stray(&event(data), &Policy::standard()).is_some();
    let json = serde_json::from_str::<Value>;
    assert!(!seen(
        json(r#"{"participant":{"role":"Patient","owner":true},"removed":[]}"#).unwrap()
    ));
    for wrong in [
        r#"{"participant":{"user_name":"zoe"}}"#,
        r#"{"recording":{"status":"finished"}}"#,
        r#"{"participant":{"role":"Zoe"}}"#,
        r#"{"participant":{"session_id":"zoe"}}"#,
        r#"{"participant":{"duration_seconds":15550100123}}"#,
        r#"{"participant":{"state":"Zoë"}}"#,
        r#"{"participant":{"state":true}}"#,
        r#"{"room":{"name":"zoe"}}"#,
        r#"{"files":[{"size_bytes":1}]}"#,
    ] {
        assert!(seen(json(wrong).unwrap()), "{wrong}");
    }
}
