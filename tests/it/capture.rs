//! What operators get of deliveries and ids: pseudonyms, and deliveries as test cases.
//!
//! The desk over real rooms, without a port: an intake that takes signed deliveries, and the desk
//! that is asked beside it.

#![cfg(test)]

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookgate::audit::Audit;
use hookgate::bounds::{BODY_BYTES_MAX_DEFAULT, CAPTURE_DELIVERIES_MAX};
use hookgate::cli::fixture::Fixture;
use hookgate::clock::Clock;
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::desk::{
    self, Actor, CaptureAsk, CapturedDelivery, Desk, PseudonymAsk, Reason, Refusal, Role,
};
use hookgate::event::{Family, InstanceName, Mode, SourceName, TenantName};
use hookgate::intake::{Admission, Caller, Intake, Source, Sources, Terms};
use hookgate::journal::{self, Journal};
use hookgate::outcome::Outcome;
use hookgate::providers::{Provider, Providers};
use hookgate::scrub::{Boundary, Keys, Settings};
use hookgate::secret::Secret;
use hookgate::telemetry::{Lists, SourceLabels, Telemetry};
use hookgate::throttle::Rate;
use hookgate::verify::{ApiKey, Credentials, SigningSecret};
use regex::Regex;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::fixtures::{CANARIES, bodies, fixtures, places, stored_event};

const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LIVEKIT_SECRET: &str = "fixture-secret-of-at-least-32-characters";

/// A desk with two sources.
pub(crate) struct Room {
    pub(crate) desk: Desk,
    pub(crate) journal: Journal,
    pub(crate) sources: Arc<Sources>,
    pub(crate) clock: Clock,
    intake: Intake,
    _folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let settings = journal::Settings {
            dir: folder.path().join("journal"),
            instance: InstanceName::new("gate-test"),
            retention: journal::Retention::default(),
            on_commit: Arc::new(|_| {}),
        };
        let journal = Journal::open(settings, clock.clone()).unwrap();
        let named = ["daily", "livekit"].map(|name| Arc::new(source(name, &clock, true)));
        let sources = Arc::new(Sources::new(named.into()));
        let intake = Intake::new(journal.clone(), clock.clone());
        let audit = Audit::open(folder.path(), clock.clone());
        let desk =
            Desk::new(desk::Parts::alone(journal.clone(), sources.clone(), audit, clock.clone()));
        Self { desk, journal, sources, clock, intake, _folder: folder }
    }

    /// Takes a body that its provider has signed.
    pub(crate) async fn take(&self, source: &str, body: &[u8]) -> Outcome {
        let source = self.sources.named(&SourceName::new(source)).unwrap();
        let now = self.clock.now();
        let (peer, request_id) = (Peer::new(IpAddr::from([192, 0, 2, 1])), RequestId::fresh(1));
        let mut head = Head::new(source.name.clone(), now, peer, request_id.clone());
        for (name, value) in source.scheme().sign(body, now) {
            head = head.with(name, value.as_bytes());
        }
        let caller = Caller { request_id, peer, since: self.clock.steady() };
        let claim = self.intake.open(&source, head, &caller).unwrap();
        let body = Body::new(Bytes::copy_from_slice(body), BODY_BYTES_MAX_DEFAULT).unwrap();
        self.intake.take(&source, claim, body, &caller, None).await
    }

    async fn capture(&self, source: &str, count: u32) -> Receiver<CapturedDelivery> {
        self.try_capture(source, count).await.unwrap()
    }

    async fn try_capture(
        &self,
        source: &str,
        count: u32,
    ) -> Result<Receiver<CapturedDelivery>, Refusal> {
        let ask = CaptureAsk { source: source.to_owned(), count, reason: why() };
        self.desk.capture(&operator(), ask).await
    }
}

/// A delivery of Daily's that no other one is equal to.
fn joined(number: u64) -> Vec<u8> {
    let payload = json!({"room": "Zoes room", "user_name": "Zoe Canary", "n": number});
    let body = json!({"type": "participant.joined", "id": format!("j-{number}"),
        "payload": payload});
    body.to_string().into_bytes()
}

fn source(name: &str, clock: &Clock, captures: bool) -> Source {
    source_of(*Providers::standard().get(name).unwrap(), clock, captures)
}

/// A source of a provider, called as that.
pub(crate) fn source_of(provider: Provider, clock: &Clock, captures: bool) -> Source {
    source_with(provider, clock, captures, |_| {})
}

/// The same with a boundary of its own, called as that one says.
pub(crate) fn source_with(
    provider: Provider,
    clock: &Clock,
    captures: bool,
    change: impl FnOnce(&mut Settings),
) -> Source {
    let name = provider.name.as_str();
    let signing = |label: &str, secret: &str| SigningSecret {
        label: label.to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        not_after: None,
    };
    let credentials = match name {
        "daily" => {
            Credentials { secrets: vec![signing("daily", DAILY_SECRET)], ..Credentials::default() }
        }
        _ => {
            let signing = signing("APIfixture", LIVEKIT_SECRET);
            let key = ApiKey { api_key: "APIfixture".to_owned(), signing };
            Credentials { keys: vec![key], ..Credentials::default() }
        }
    };
    let ready = (provider.build)(credentials, clock.now());
    let ready = ready.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let (source, tenant) = (SourceName::new(name), TenantName::new("tenant-fixtures"));
    let mut settings = Settings {
        role_labels: ["Doctor", "Patient"].map(str::to_owned).to_vec(),
        room_name: Some(Regex::new("^consult-[0-9a-f]{8}$").unwrap()),
        ..Settings::new(source, tenant, provider.name)
    };
    change(&mut settings);
    let keys = Keys::new(Secret::new(vec![0x11; 32]), Secret::new(vec![0x22; 32]));
    let lists = Lists { refusals: &[], rules: &[], detectors: &[], failures: &[] };
    let topics = Family::ALL.map(|family| (family, family.as_str().to_owned()));
    let telemetry = Telemetry::new(&lists, &topics).unwrap();
    let name = settings.source.clone();
    let meters = telemetry.source(&SourceLabels { source: &name, secrets: Vec::new() }, &lists);
    let boundary = Boundary::new(settings, &keys);
    let rate = Rate { per_second: 1_000.try_into().unwrap(), burst: 1_000.try_into().unwrap() };
    let admission = Arc::new(Admission::new(rate, clock.clone()));
    let (scheme, mode) = (ready.scheme, Mode::Live);
    Source::new(Terms { name, provider, scheme, boundary, admission, mode }, meters)
        .with_capture(captures)
}

pub(crate) fn operator() -> Actor {
    Actor { name: "anna".to_owned(), role: Role::Operator }
}

pub(crate) fn why() -> Reason {
    "a test".to_owned().try_into().unwrap()
}

fn ask(participant: Option<&str>, room: Option<&str>) -> PseudonymAsk {
    PseudonymAsk {
        source: Some("daily".to_owned()),
        tenant: None,
        participant: participant.map(str::to_owned),
        room: room.map(str::to_owned),
        reason: why(),
    }
}

#[tokio::test]
async fn a_pseudonym_is_the_one_that_events_carry() {
    let room = Room::new();
    // As `fixtures/daily/participant.joined` leaves.
    let asked = ask(Some("22222222-bbbb-4bbb-8bbb-222222222222"), Some("Zoë's room"));
    let given = room.desk.pseudonym(&operator(), asked).await.unwrap();
    assert_eq!(given.participant.as_deref(), Some("p1_cyxb3inqmwzwav4ufiomlcyfsu"));
    assert!(given.room.unwrap().starts_with("r1_") && given.room_key.unwrap().starts_with("k1_"));
    assert!(!given.room_by_name);
    let seen = room.desk.pseudonym(&operator(), ask(None, Some("consult-0a1b2c3d"))).await.unwrap();
    assert!(seen.room_by_name && seen.participant.is_none());
    let log = room.desk.audit(desk::AuditFilter::default()).await.unwrap();
    let shown = serde_json::to_string(&log).unwrap();
    assert!(shown.contains("p1_cyxb3inqmwzwav4ufiomlcyfsu r1_"), "{shown}");
    assert!(!shown.contains("22222222-bbbb") && !shown.contains("Zo"), "{shown}");
    assert!(!shown.contains("consult-0a1b2c3d"), "{shown}");
}

#[tokio::test]
async fn an_ask_for_a_pseudonym_that_cannot_be_answered_names_the_field_and_never_the_id() {
    let room = Room::new();
    let long = "zoe".repeat(2_000);
    for (asked, field) in [
        (ask(None, None), "participant"),
        (ask(Some(""), None), "participant"),
        (ask(None, Some(&long)), "room"),
    ] {
        assert!(!format!("{asked:?}").contains("zoe"), "{asked:?}");
        let refused = room.desk.pseudonym(&operator(), asked).await.unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field: of, .. } if *of == field));
        assert!(!refused.to_string().contains("zoe"), "{refused}");
    }
    for whose in [(None, None), (Some("daily"), Some("tenant-fixtures"))] {
        let [source, tenant] = [whose.0, whose.1].map(|name| name.map(str::to_owned));
        let asked = PseudonymAsk { source, tenant, ..ask(Some("zoe"), None) };
        let refused = room.desk.pseudonym(&operator(), asked).await.unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field: "source", .. }), "{refused}");
    }
    let nobody = Some("zoe".to_owned());
    let asked = PseudonymAsk { source: None, tenant: nobody, ..ask(Some("zoe"), None) };
    let refused = room.desk.pseudonym(&operator(), asked).await.unwrap_err();
    let text = "there is no such tenant: configured sources are of tenant-fixtures";
    assert_eq!(refused, Refusal::NotFound(text.to_owned()));
    let elsewhere = PseudonymAsk { source: Some("zoe".to_owned()), ..ask(Some("zoe"), None) };
    let refused = room.desk.pseudonym(&operator(), elsewhere).await.unwrap_err();
    assert_eq!(
        refused,
        Refusal::NotFound("there is no such source: configured are daily, livekit".to_owned())
    );
    let log = room.desk.audit(desk::AuditFilter::default()).await.unwrap();
    assert_eq!(log.records.len(), 14);
    assert!(!serde_json::to_string(&log).unwrap().contains("zoe"));
}

/// A body of a stored request with a name in every text and a key with a name in every object.
fn full_of_persons(body: &Value, number: usize) -> Value {
    let mut full = body.clone();
    for (place, pointer) in places(body, Value::is_string).into_iter().enumerate() {
        if !["/type", "/event", "/version"].contains(&pointer.as_str()) {
            let canary = CANARIES[(place + number) % CANARIES.len()];
            *full.pointer_mut(&pointer).unwrap() = format!("{canary} {place}-{number}").into();
        }
    }
    for pointer in places(&full.clone(), Value::is_object) {
        let object = full.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
        object
            .insert(CANARIES[0].to_owned(), json!({CANARIES[2]: [CANARIES[3], 4_711_471_147_u64]}));
        object.insert(CANARIES[1].to_owned(), CANARIES[4].into());
    }
    full
}

#[tokio::test]
async fn nothing_of_a_person_is_in_what_is_captured_and_each_is_a_test_case_as_it_stands() {
    for provider in ["daily", "livekit"] {
        let room = Room::new();
        let requests = Fixture::read_all(&[fixtures(provider)]).unwrap();
        let bodies = bodies(&requests);
        let count = 2 * bodies.len();
        let mut captured = room.capture(provider, u32::try_from(count).unwrap()).await;
        for (number, (request, body)) in bodies.iter().enumerate() {
            let full = full_of_persons(body, number).to_string().into_bytes();
            for body in [&full, &body.to_string().into_bytes()] {
                let outcome = room.take(provider, body).await;
                let kept = matches!(outcome, Outcome::Accepted(_) | Outcome::Quarantined(_));
                assert!(kept, "{} {outcome:?}", request.name());
                let given = captured.recv().await.unwrap();
                assert_eq!(given.passed_over, 0, "{}", request.name());
                let again = Fixture::parse(Path::new("x"), given.request.as_bytes()).unwrap();
                // The signature is left out: letters stand in it by chance.
                let body = String::from_utf8_lossy(&again.body);
                let shown = format!("{body} {} {}", given.event, given.name).to_lowercase();
                for gone in ["canary", "zoë", "4711471147"] {
                    assert!(!shown.contains(gone), "{}: {shown}", request.name());
                }
                assert_eq!(stored_event(provider, &again), given.event);
                let known = !matches!(outcome, Outcome::Quarantined(_));
                assert_eq!(given.name != "unknown", known, "{}", given.name);
            }
        }
        assert!(captured.recv().await.is_none(), "all were given");
    }
}

#[tokio::test]
async fn only_what_brings_something_new_is_captured_and_what_cannot_be_is_counted() {
    let room = Room::new();
    let mut captured = room.capture("daily", 2).await;
    room.take("daily", &joined(1)).await;
    assert_eq!(captured.recv().await.unwrap().passed_over, 0);
    assert!(matches!(room.take("daily", &joined(1)).await, Outcome::Duplicate(_)));
    assert!(matches!(room.take("daily", b"Zoe {").await, Outcome::Quarantined(_)));
    room.take("daily", &joined(2)).await;
    assert_eq!(captured.recv().await.unwrap().passed_over, 1);
    assert!(captured.recv().await.is_none());
}

#[tokio::test]
async fn a_capture_that_nobody_reads_slows_no_delivery_and_counts_what_it_passes_over() {
    let room = Room::new();
    let mut captured = room.capture("daily", CAPTURE_DELIVERIES_MAX).await;
    for number in 0..60 {
        assert!(matches!(room.take("daily", &joined(number)).await, Outcome::Accepted(_)));
    }
    let (mut given, mut passed_over) = (0, 0);
    while given + passed_over < 60 {
        let one = captured.recv().await.unwrap();
        (given, passed_over) = (given + 1, passed_over + one.passed_over);
    }
    assert_eq!(given + passed_over, 60);
    assert!(passed_over > 0, "{given}");
}

#[tokio::test]
async fn a_capture_needs_leave_a_count_and_a_source_that_is_not_being_captured() {
    let room = Room::new();
    for count in [0, CAPTURE_DELIVERIES_MAX + 1] {
        let refused = room.try_capture("daily", count).await.unwrap_err();
        assert!(matches!(refused, Refusal::Invalid { field: "count", .. }), "{refused}");
    }
    let refused = room.try_capture("zoe", 1).await.unwrap_err();
    assert!(matches!(refused, Refusal::NotFound(_)), "{refused}");
    let log = room.desk.audit(desk::AuditFilter::default()).await.unwrap();
    assert!(!serde_json::to_string(&log).unwrap().contains("zoe"));
    assert_eq!(log.records[2].target.as_deref(), Some("source daily"));
    let first = room.capture("daily", 1).await;
    let refused = room.try_capture("daily", 1).await.unwrap_err();
    assert!(refused.to_string().contains("captured already"), "{refused}");
    let second = room.capture("livekit", 1).await;
    let refused = room.try_capture("daily", 1).await.unwrap_err();
    assert!(refused.to_string().contains("as many sources as can be"), "{refused}");
    drop((first, second));
    // Ends as soon as its task has seen that nobody listens.
    while room.try_capture("daily", 1).await.is_err() {
        tokio::task::yield_now().await;
    }
    let silent = Arc::new(source("daily", &room.clock, false));
    room.sources.replace(vec![silent]);
    let refused = room.try_capture("daily", 1).await.unwrap_err();
    assert!(refused.to_string().contains("capture = true"), "{refused}");
}

#[tokio::test]
async fn a_capture_goes_on_over_a_reload_unless_that_forbids_it() {
    let room = Room::new();
    let mut captured = room.capture("daily", 2).await;
    room.take("daily", &joined(0)).await;
    let first = captured.recv().await.unwrap();
    room.sources.replace(vec![Arc::new(source("daily", &room.clock, true))]);
    let mut number = 0;
    let second = loop {
        number += 1;
        room.take("daily", &joined(number)).await;
        if let Ok(next) = timeout(Duration::from_millis(50), captured.recv()).await {
            break next.unwrap();
        }
    };
    let room_of = |given: &CapturedDelivery| {
        let event: Value = serde_json::from_str(&given.event).unwrap();
        event["data"]["room"]["ref"].clone()
    };
    assert!(room_of(&first).is_string() && room_of(&first) == room_of(&second));
    let mut captured = room.capture("daily", 2).await;
    room.sources.replace(vec![Arc::new(source("daily", &room.clock, false))]);
    assert!(captured.recv().await.is_none());
}
