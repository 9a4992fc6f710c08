//! Stored requests along the rules of the road: verified, normalized, scrubbed, compared.
//!
//! `fixtures/<provider>/<event>/` holds the request as it arrives and the event as it leaves;
//! adding a case is adding a folder. `HOOKGATE_REWRITE=1` writes the events anew: read the diff.
//!
//! The canary tests put a name into every text and every key of every body, sign it, and look for
//! it in everything that leaves the boundary.

#![cfg(test)]

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hookgate::bounds::BODY_BYTES_MAX_DEFAULT;
use hookgate::cli::fixture::Fixture;
use hookgate::clock::Timestamp;
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::{Family, SourceName};
use hookgate::normalize::normalize;
use hookgate::providers::{Provider, Providers};
use hookgate::scrub::madeup::stage::{self, indented};
use hookgate::scrub::{Boundary, Clean, closed_schema};
use hookgate::secret::Secret;
use hookgate::verify::{ApiKey, Authentic, Credentials, SigningSecret, Verifier};
use serde_json::{Value, json};

/// The rules of the road for one source.
struct Road {
    provider: Provider,
    source: SourceName,
    verifier: Verifier,
    boundary: Boundary,
}

impl Road {
    fn daily() -> Self {
        let secret = signing("daily", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let credentials = Credentials { secrets: vec![secret], ..Credentials::default() };
        Self::of("daily", credentials)
    }

    fn livekit(api_key: &str, secret: &str) -> Self {
        let key = ApiKey { api_key: api_key.to_owned(), signing: signing(api_key, secret) };
        let credentials = Credentials { keys: vec![key], ..Credentials::default() };
        Self::of("livekit", credentials)
    }

    fn of(name: &str, credentials: Credentials) -> Self {
        let provider = *Providers::standard().get(name).unwrap();
        let ready = (provider.build)(credentials, Timestamp::from_millis(0));
        let ready = ready.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let source = SourceName::new(name);
        let boundary = Boundary::new(stage::settings(provider.name), &stage::keys());
        Self { provider, source, verifier: Verifier::new(ready.scheme), boundary }
    }

    /// The event of a stored request, as it was signed.
    fn take(&self, fixture: &Fixture) -> Clean {
        let headers = fixture.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        self.walk(headers, &fixture.body, received(fixture)).0
    }

    /// The event of another body, signed anew; and what is seen on the way when it is printed.
    fn take_signed(&self, body: &[u8], received: Timestamp) -> (Clean, String) {
        let signed = self.verifier.scheme().sign(body, received);
        let headers = signed.iter().map(|(name, value)| (*name, value.as_str()));
        self.walk(headers, body, received)
    }

    fn walk<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &[u8],
        received: Timestamp,
    ) -> (Clean, String) {
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let mut head = Head::new(self.source.clone(), received, peer, RequestId::fresh(1));
        let wanted = self.verifier.scheme().headers();
        for (name, value) in headers {
            if let Some(name) = wanted.iter().find(|wanted| **wanted == name) {
                head = head.with(name, value.as_bytes());
            }
        }
        let claim = self.verifier.open(head).unwrap();
        let body = Body::new(Bytes::copy_from_slice(body), BODY_BYTES_MAX_DEFAULT).unwrap();
        let Authentic::Event(verified) = self.verifier.verify(claim, body).unwrap() else {
            panic!("an event, not a ping");
        };
        let event = normalize(&verified, self.provider.name, self.provider.dialect);
        let printed = format!("{verified:?} {event:?} {:?}", event.unreadable());
        (self.boundary.scrub(event), printed)
    }
}

fn signing(label: &str, secret: &str) -> SigningSecret {
    SigningSecret {
        label: label.to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        not_after: None,
    }
}

/// When a stored request came: at the time it was signed.
pub(crate) fn received(fixture: &Fixture) -> Timestamp {
    if let Some(millis) = fixture.header("x-webhook-timestamp") {
        return Timestamp::from_millis(millis.parse().unwrap());
    }
    let token = fixture.header("authorization").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    Timestamp::from_millis(claims["nbf"].as_i64().unwrap() * 1_000)
}

/// The event of a request of a provider, as it is stored beside it.
pub(crate) fn stored_event(provider: &str, request: &Fixture) -> String {
    let road = match provider {
        "daily" => Road::daily(),
        _ => Road::livekit("APIfixture", "fixture-secret-of-at-least-32-characters"),
    };
    indented(road.take(request).value())
}

/// Every road with the stored requests that come along it.
fn stored() -> Vec<(Road, Vec<Fixture>)> {
    let read = |folder: &str| Fixture::read_all(&[fixtures(folder)]).unwrap();
    let own = Road::livekit("APIfixture", "fixture-secret-of-at-least-32-characters");
    let call = Road::livekit("holdoutkey", "holdout-secret-of-at-least-32-characters");
    vec![(Road::daily(), read("daily")), (own, read("livekit")), (call, read("livekit-call"))]
}

pub(crate) fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)
}

#[test]
fn every_stored_request_leaves_as_its_stored_event() {
    let rewrite = std::env::var_os("HOOKGATE_REWRITE").is_some_and(|value| value == "1");
    let mut differing = Vec::new();
    for (road, requests) in stored() {
        for request in requests.iter().filter(|request| request.path.ends_with("request.http")) {
            let event = indented(road.take(request).value());
            let path = request.path.with_file_name("event.json");
            if rewrite {
                std::fs::write(&path, &event).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            if kept != event {
                differing.push(format!("{} is not:\n{event}", path.display()));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_event_of_a_stored_request_validates_against_the_schema_of_its_family() {
    let (schemas, mut seen) = (Schemas::new(), Vec::new());
    for (road, requests) in stored() {
        for request in requests {
            let clean = road.take(&request);
            schemas.validate(&clean, &request);
            seen.push(clean.kind().family());
        }
    }
    assert!(Family::ALL.iter().all(|family| seen.contains(family)));
}

#[test]
fn whatever_stands_in_a_field_the_event_validates() {
    let schemas = Schemas::new();
    let odd = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("253402300800000"),
        json!([{"a": [1]}]),
        json!({"name": {}}),
    ];
    for (road, requests) in stored() {
        for (request, body) in bodies(&requests) {
            for pointer in places(&body, |_| true) {
                for value in &odd {
                    let mut body = body.clone();
                    *body.pointer_mut(&pointer).unwrap() = value.clone();
                    let bytes = body.to_string();
                    let (clean, _) = road.take_signed(bytes.as_bytes(), received(request));
                    schemas.validate(&clean, request);
                }
            }
        }
    }
}

/// What the gate is held to, ready to judge.
struct Schemas([(Family, jsonschema::Validator); 4]);

impl Schemas {
    fn new() -> Self {
        let strict = jsonschema::options().should_validate_formats(true);
        let ready = |family| strict.build(&closed_schema(family)).unwrap();
        Self(Family::ALL.map(|family| (family, ready(family))))
    }

    fn validate(&self, clean: &Clean, request: &Fixture) {
        let family = clean.kind().family();
        let (_, validator) = self.0.iter().find(|(of, _)| *of == family).unwrap();
        let event: Value = serde_json::from_slice(clean.value()).unwrap();
        if let Err(error) = validator.validate(&event) {
            panic!("{}: {error}", request.path.display());
        }
    }
}

#[test]
fn a_request_that_comes_twice_is_the_same_event_and_two_requests_are_two() {
    for (road, requests) in stored() {
        let mut ids = Vec::new();
        for request in &requests {
            let (first, second) = (road.take(request), road.take(request));
            assert_eq!(first.id(), second.id());
            assert_eq!(first.value(), second.value());
            assert!(!ids.contains(&first.id()), "{}", request.path.display());
            ids.push(first.id());
        }
    }
}

/// Names in the forms that they come in. Each holds `canary` in some case.
pub(crate) const CANARIES: [&str; 5] = [
    "Zoë-CANARY-4711",
    "Zoë \"CANARY\"\n\\u0043\u{2028}",
    "zoe.canary@example.invalid",
    "zoe-canary-1",
    "zoecanary",
];

#[test]
fn no_name_in_any_text_of_any_body_leaves() {
    let mut leaks = Vec::new();
    for (road, requests) in stored() {
        for (request, body) in bodies(&requests) {
            for pointer in places(&body, Value::is_string) {
                for canary in CANARIES {
                    // The provider's own event type may stand as it is where it looks like one.
                    let is_type = matches!(pointer.as_str(), "/type" | "/event");
                    if is_type && matches!(canary, "zoecanary" | "zoe-canary-1") {
                        continue;
                    }
                    let mut body = body.clone();
                    *body.pointer_mut(&pointer).unwrap() = canary.into();
                    if !silent(&road, &body, received(request)) {
                        leaks.push(format!("{} {pointer} {canary}", request.name()));
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn no_name_in_any_key_of_any_body_leaves() {
    let mut leaks = Vec::new();
    for (road, requests) in stored() {
        for (request, body) in bodies(&requests) {
            for pointer in places(&body, Value::is_object) {
                let keys: Vec<_> =
                    body.pointer(&pointer).unwrap().as_object().unwrap().keys().collect();
                let renamed = keys.iter().map(|key| {
                    let mut body = body.clone();
                    let object = body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
                    let value = object.remove(*key).unwrap();
                    object.insert(CANARIES[0].to_owned(), value);
                    body
                });
                let added = CANARIES.iter().flat_map(|canary| {
                    [Value::from("x"), json!({"deep": [1]})].map(|value| {
                        let mut body = body.clone();
                        body.pointer_mut(&pointer).unwrap()[*canary] = value;
                        body
                    })
                });
                for body in renamed.chain(added) {
                    if !silent(&road, &body, received(request)) {
                        leaks.push(format!("{} {pointer}", request.name()));
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn no_name_in_a_body_that_cannot_be_read_leaves() {
    for (road, requests) in stored() {
        let whole = &requests[0].body;
        for canary in CANARIES {
            let bodies = [
                canary.as_bytes().to_vec(),
                [b"\"", canary.as_bytes()].concat(),
                [&whole[..whole.len() - 1], b",\"a\":\"", canary.as_bytes()].concat(),
                [&b"["[..], &b"[".repeat(40), canary.as_bytes()].concat(),
            ];
            for body in bodies {
                let (clean, printed) = road.take_signed(&body, received(&requests[0]));
                assert!(!names(&clean, &printed), "{}", clean.id());
            }
        }
    }
}

/// Stored requests whose bodies are JSON.
pub(crate) fn bodies(requests: &[Fixture]) -> Vec<(&Fixture, Value)> {
    let mut found = Vec::new();
    for request in requests {
        if let Ok(body) = serde_json::from_slice(&request.body) {
            found.push((request, body));
        }
    }
    found
}

fn silent(road: &Road, body: &Value, received: Timestamp) -> bool {
    let (clean, printed) = road.take_signed(body.to_string().as_bytes(), received);
    !names(&clean, &printed)
}

/// Whether anything that leaves the boundary, or is printed on the way, holds a canary.
fn names(clean: &Clean, printed: &str) -> bool {
    let key = String::from_utf8_lossy(clean.key());
    let value = String::from_utf8_lossy(clean.value());
    let shown = format!("{clean:?} {:?} {}", clean.removed(), clean.id());
    [&*key, &*value, &*shown, printed].iter().any(|text| text.to_lowercase().contains("canary"))
}

/// JSON pointers of every value of a sort.
pub(crate) fn places(body: &Value, sort: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    visit(body, "", &mut |pointer, value| {
        if sort(value) {
            found.push(pointer.to_owned());
        }
    });
    found
}

fn visit(value: &Value, pointer: &str, each: &mut impl FnMut(&str, &Value)) {
    each(pointer, value);
    for (key, below) in value.as_object().into_iter().flatten() {
        let key = key.replace('~', "~0").replace('/', "~1");
        visit(below, &format!("{pointer}/{key}"), each);
    }
    for (index, below) in value.as_array().into_iter().flatten().enumerate() {
        visit(below, &format!("{pointer}/{index}"), each);
    }
}
