//! What operators get of deliveries and ids: pseudonyms, and deliveries as test cases.
//!
//! The desk over real rooms, without a port: an intake that takes signed deliveries, and the desk
//! that is asked beside it.

#![cfg(test)]

use std::sync::Arc;

use hookgate::audit::Audit;
use hookgate::clock::Clock;
use hookgate::desk::{self, Actor, Desk, PseudonymAsk, Reason, Refusal, Role};
use hookgate::event::{Family, InstanceName, Mode, SourceName, TenantName};
use hookgate::intake::{Admission, Source, Sources, Terms};
use hookgate::journal::{self, Journal};
use hookgate::providers::Providers;
use hookgate::scrub::{Boundary, Keys, Settings};
use hookgate::secret::Secret;
use hookgate::telemetry::{Lists, SourceLabels, Telemetry};
use hookgate::throttle::Rate;
use hookgate::verify::{ApiKey, Credentials, SigningSecret};
use regex::Regex;

const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LIVEKIT_SECRET: &str = "fixture-secret-of-at-least-32-characters";

/// A desk with two sources.
struct Room {
    desk: Desk,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let settings = journal::Settings {
            dir: folder.path().join("journal"),
            instance: InstanceName::new("gate-test"),
            retention: journal::Retention::default(),
            on_commit: Arc::new(|_| {}),
        };
        let journal = Journal::open(settings, clock.clone()).unwrap();
        let sources = ["daily", "livekit"].map(|name| Arc::new(source(name, &clock)));
        let sources = Arc::new(Sources::new(sources.into()));
        let topics = Family::ALL.map(|family| (family, family.as_str().to_owned()));
        let audit = Audit::open(folder.path(), clock.clone());
        let (running, replays) = (Arc::new(desk::Still), None);
        let desk = desk::Parts { journal, sources, topics, audit, replays, clock, running };
        let desk = Desk::new(desk);
        Self { desk, _folder: folder }
    }
}

fn source(name: &str, clock: &Clock) -> Source {
    let provider = *Providers::standard().get(name).unwrap();
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
    let settings = Settings {
        source: SourceName::new(name),
        tenant: TenantName::new("tenant-fixtures"),
        provider: provider.name,
        role_labels: ["Doctor", "Patient"].map(str::to_owned).to_vec(),
        room_name: Some(Regex::new("^consult-[0-9a-f]{8}$").unwrap()),
        artifact_key: None,
    };
    let keys =
        Keys { identity: Secret::new(vec![0x11; 32]), pseudonym: Secret::new(vec![0x22; 32]) };
    let lists = Lists { refusals: &[], rules: &[], failures: &[] };
    let topics = Family::ALL.map(|family| (family, family.as_str().to_owned()));
    let telemetry = Telemetry::new(&lists, &topics).unwrap();
    let name = SourceName::new(name);
    let meters = telemetry.source(&SourceLabels { source: &name, secrets: Vec::new() }, &lists);
    let boundary = Boundary::new(settings, &keys);
    let rate = Rate { per_second: 1_000.try_into().unwrap(), burst: 1_000.try_into().unwrap() };
    let admission = Arc::new(Admission::new(rate, clock.clone()));
    let (scheme, mode) = (ready.scheme, Mode::Live);
    Source::new(Terms { name, provider, scheme, boundary, admission, mode }, meters)
}

fn operator() -> Actor {
    Actor { name: "anna".to_owned(), role: Role::Operator }
}

fn why() -> Reason {
    "a test".to_owned().try_into().unwrap()
}

fn ask(participant: Option<&str>, room: Option<&str>) -> PseudonymAsk {
    PseudonymAsk {
        source: "daily".to_owned(),
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
    let elsewhere = PseudonymAsk { source: "zoe".to_owned(), ..ask(Some("zoe"), None) };
    let refused = room.desk.pseudonym(&operator(), elsewhere).await.unwrap_err();
    assert_eq!(
        refused,
        Refusal::NotFound("there is no such source: configured are daily, livekit".to_owned())
    );
}
