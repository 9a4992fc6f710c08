//! Whatever is authentic becomes an event: one that its schema takes, that names nobody, and that
//! is no longer than an event can be.
//!
//! An input is a body. What may leave is said here once more and apart from the boundary's own
//! table: nothing that is not ASCII, and no text that has none of the forms below.

use std::sync::LazyLock;

use hookgate::bounds::REMOVED_PATHS_MAX;
use hookgate::clock::Timestamp;
use hookgate::event::{Family, QuarantineReason};
use hookgate::scrub::policy::Policy;
use hookgate::scrub::{Clean, closed_schema};
use jsonschema::Validator;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use regex::Regex;
use serde_json::Value;

use crate::engine::{Entry, fingerprint, search};
use crate::json::{self, Json};
use crate::listed::assert_listed;
use crate::roads::{ROLE_LABELS, Road, bodies};

const RECEIVED: Timestamp = Timestamp::from_millis(1_795_168_860_000);

/// Bytes of the longest event and its key. Every list, path and text in it has a bound, so it does
/// not grow with the body.
const EVENT_BYTES_MAX: usize = 96 * 1_024;

const WORDS: [&str; 18] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud83d",
    "\u{eb}",
    "{\"a\":",
    "[[[[[[[[",
    "]]]]]]]]",
    "null",
    ",",
    ":",
    "{}",
    "\"id\":\"x\",",
    "\"payload\":{",
    "\"type\":\"participant.joined\",",
    "\"event\":\"egress_ended\",",
    "\"room\":{\"name\":\"Zoë\"},",
    "1e999",
];

/// Bytes that understanding and scrubbing may hold for a body: the body, its copy where its text is
/// mended, a tree whose nodes are bounded in number, and an event.
fn memory(input: &[u8]) -> u64 {
    1_024 * 1_024 + 192 * input.len() as u64
}

#[test]
fn no_body_of_daily_makes_an_event_that_is_none() {
    events("daily-normalize", &Road::daily(), bodies("daily"));
}

#[test]
fn no_body_of_livekit_makes_an_event_that_is_none() {
    let bodies = [bodies("livekit"), bodies("livekit-call")].concat();
    events("livekit-normalize", &Road::livekit(), bodies);
}

fn events(name: &'static str, road: &Road, seeds: Vec<Vec<u8>>) {
    search(Entry {
        name,
        seeds,
        words: &WORDS,
        reshape: json::reshape,
        memory,
        judge: &|body| match road.take(body, RECEIVED) {
            Some((clean, printed)) => unmeasured(|| look(&clean, &printed)),
            None => 0,
        },
    });
}

/// What judges is not what is measured.
fn unmeasured<T>(judge: impl FnOnce() -> T) -> T {
    let mut judged = None;
    allocation_counter::opt_out(|| judged = Some(judge()));
    judged.unwrap()
}

/// Looks at an event; what tells it from others.
fn look(clean: &Clean, printed: &str) -> u64 {
    let text = std::str::from_utf8(clean.value()).unwrap();
    let key = std::str::from_utf8(clean.key()).unwrap();
    assert!(text.is_ascii() && key.is_ascii() && printed.is_ascii(), "{text} {key} {printed}");
    let length = text.len() + key.len();
    assert!(length <= EVENT_BYTES_MAX, "an event of {length} bytes");
    let event: Value = serde_json::from_str(text).unwrap();
    if let Err(error) = validator(clean.kind().family()).validate(&event) {
        panic!("{error}: {text}");
    }
    assert_listed(&event, &Policy::standard());
    each_text(&event, &mut |text| assert!(may_leave(text), "{text:?} left"));
    let (tenant, rest) = key.split_once('/').unwrap();
    assert!(tenant == "tenant-fixtures" && may_leave(rest), "{key}");
    let removed = event["data"]["removed"].as_array().map_or(0, Vec::len);
    assert!(removed <= REMOVED_PATHS_MAX, "{removed}");
    fingerprint(&(shape(&event), clean.reason().map(QuarantineReason::as_str)))
}

/// The keys of an event and the texts of our own in it.
fn shape(event: &Value) -> String {
    match event {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}:{},", shape(value))).collect()
        }
        Value::Array(items) => {
            format!("[{}{}]", items.len().min(3), items.first().map(shape).unwrap_or_default())
        }
        Value::String(text) if text.len() < 20 && !text.contains('/') => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => String::new(),
    }
}

fn each_text(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, each)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text has a form that cannot name a person, or is a path of a removed value.
fn may_leave(text: &str) -> bool {
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        let forms = [
            // An id, a pseudonym, a LiveKit sid.
            "(?i:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})",
            "(ev1|p1|r1|k1)_[a-z2-7]{26}",
            "[A-Z]{2,4}_[A-Za-z0-9]{8,24}",
            // Words of our own, types, versions, regions, media types, moments.
            "[a-z]+([._-][a-z]+)*",
            "[0-9]{1,3}([.][0-9]{1,3}){0,3}",
            "[a-z]+(-[a-z0-9]+)+",
            "(audio|video)/[A-Za-z0-9-]{1,8}",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z",
            // What the configuration lets out.
            "consult-[0-9a-f]{8}",
            "recordings/[0-9a-f-]{36}/[A-Za-z0-9._-]+",
            // The envelope's own.
            "1[.]0|/sources/[a-z]+|application/json|urn:hookgate:[a-z]+:1",
            // A path: keys of the providers' own, and stars.
            "(/([A-Za-z0-9_]+|[*]))*",
        ];
        Regex::new(&format!("^(?:{})$", forms.join("|"))).unwrap()
    });
    FORMS.is_match(text) || ROLE_LABELS.contains(&text) || text == "Participant"
}

fn validator(family: Family) -> &'static Validator {
    static ALL: LazyLock<Vec<(Family, Validator)>> = LazyLock::new(|| {
        let strict = jsonschema::options().should_validate_formats(true);
        Family::ALL.map(|family| (family, strict.build(&closed_schema(family)).unwrap())).into()
    });
    ALL.iter().find(|(of, _)| *of == family).map(|(_, validator)| validator).unwrap()
}

/// The road of a provider by its place, and its stored bodies.
fn provider(place: usize) -> &'static (Road, Vec<Vec<u8>>) {
    static BOTH: LazyLock<[(Road, Vec<Vec<u8>>); 2]> =
        LazyLock::new(|| [(Road::daily(), bodies("daily")), (Road::livekit(), bodies("livekit"))]);
    &BOTH[place]
}

/// A stored body, changed so many times.
fn changed(place: usize, which: &prop::sample::Index, seed: u64, changes: usize) -> Option<Json> {
    let body = which.get(&provider(place).1);
    let (mut json, mut rng) = (Json::read(body)?, StdRng::seed_from_u64(seed));
    (0..changes).for_each(|_| json.change(&mut rng));
    Some(json)
}

fn unreadable(clean: &Clean) -> bool {
    clean.reason() == Some(QuarantineReason::Malformed)
}

proptest! {
    #[test]
    fn any_bytes_under_a_good_signature_become_one_clean_event(
        place in 0_usize..2,
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (clean, printed) = provider(place).0.take(&body, RECEIVED).unwrap();
        look(&clean, &printed);
    }

    #[test]
    fn an_identity_does_not_depend_on_the_order_of_keys_or_on_unknown_ones(
        place in 0_usize..2,
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        changes in 0_usize..6,
        key in "x_[a-z]{1,9}|x[A-Z]{1,9}",
    ) {
        let Some(json) = changed(place, &which, seed, changes) else { return Ok(()) };
        let road = &provider(place).0;
        let take = |json: &Json| road.take(json.to_string().as_bytes(), RECEIVED).unwrap().0;
        let first = take(&json);
        if unreadable(&first) {
            return Ok(());
        }
        let (mut other, mut rng) = (json, StdRng::seed_from_u64(seed));
        other.each_map(&mut |fields| {
            fields.push((format!("\"{key}\""), Json::Scalar("\"Zoë\"".to_owned())));
        });
        other.shuffle(&mut rng);
        let second = take(&other);
        if unreadable(&second) {
            return Ok(());
        }
        prop_assert_eq!(first.id(), second.id(), "{}\n{}", other, String::from_utf8_lossy(first.value()));
        prop_assert_eq!(first.key(), second.key());
    }

    #[test]
    fn the_same_body_is_the_same_bytes_whenever_it_is_read(
        place in 0_usize..2,
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        changes in 0_usize..12,
    ) {
        let Some(json) = changed(place, &which, seed, changes) else { return Ok(()) };
        let body = json.to_string();
        let road = &provider(place).0;
        let (first, printed) = road.take(body.as_bytes(), RECEIVED).unwrap();
        look(&first, &printed);
        let (second, _) = road.take(body.as_bytes(), RECEIVED).unwrap();
        prop_assert_eq!(first.value(), second.value());
        prop_assert_eq!((first.id(), first.key()), (second.id(), second.key()));
    }
}
