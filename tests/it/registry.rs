//! Schemas at a registry: that every record says of which it is, that none goes out before that is
//! known, and what is said where the registry is away or does not take them.

#![cfg(test)]

use std::time::Duration;

use hookgate::courier::Kafka;
use hookgate::event::Family;
use hookgate::publish::{Embedded, Framing, Received, Settings, Tail};
use serde_json::{Value, json};

use crate::depot::{Broker, Depot, read, settings, until, waits_for};
use crate::gateway::{DAILY, OPERATOR, Plan, event};
use crate::registrar::{self, Fake, Mood, Nowhere, account, guid};
#[cfg(feature = "tls")]
use crate::tls::authority::Authority;

const HEADER: &str = "__value_schema_id";
const FAILURES: &str = "hookgate_publish_failures_total{reason=\"registry\"}";

fn header<'r>(record: &'r Received, name: &str) -> Option<&'r [u8]> {
    let found = record.headers.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_slice())
}

/// Events of every family, quarantine with them, as they are read behind this registry.
async fn published(fake: &Fake, framing: Framing) -> (Settings, Vec<Received>) {
    let broker = Broker::any();
    let settings = Settings { registry: Some(fake.settings(framing)), ..broker.settings() };
    let depot = Depot::new(settings);
    depot.keep(6).await;
    depot.keep_unknown().await;
    depot.drain(depot.courier()).await;
    let records = read(&depot.settings, 7).await;
    assert!(Family::ALL.iter().all(|family| records.iter().any(|one| one.family == *family)));
    assert_eq!(depot.metric(FAILURES), 0.0);
    (depot.settings.clone(), records)
}

/// The value as JSON, valid by the schema that the id means.
#[track_caller]
fn valid(fake: &Fake, id: u32, value: &[u8]) -> Value {
    let event: Value = serde_json::from_slice(value).unwrap();
    jsonschema::validator_for(&fake.schema(id)).unwrap().validate(&event).unwrap();
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_schema_stands_in_a_header_and_the_value_is_left_as_it_is() {
    for guids in [true, false] {
        let fake = Fake::start(Mood { guids, ..Mood::default() });
        let (settings, records) = published(&fake, Framing::Header).await;
        for record in &records {
            let id = fake.id(&settings.topic(record.family));
            let expected = match guids {
                true => [&[1][..], &guid(id)].concat(),
                false => [&[0][..], &id.to_be_bytes()].concat(),
            };
            assert_eq!(header(record, HEADER), Some(expected.as_slice()));
            assert_eq!(record.headers.len(), 4);
            let event = valid(&fake, id, &record.value);
            let family = format!("urn:hookgate:{}:1", record.family.as_str());
            assert_eq!(event["dataschema"], family);
        }
        let topics = Family::ALL.map(|family| settings.topic(family));
        let subjects = topics.map(|topic| format!("POST /subjects/{topic}-value/versions"));
        assert_eq!(fake.asked(), subjects, "each is registered once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_wire_format_it_stands_in_front_of_the_value() {
    let fake = Fake::start(Mood { guids: true, ..Mood::default() });
    let (settings, records) = published(&fake, Framing::Wire).await;
    for record in &records {
        let id = fake.id(&settings.topic(record.family));
        let (frame, value) = record.value.split_at(5);
        assert_eq!(frame, [&[0][..], &id.to_be_bytes()].concat());
        valid(&fake, id, value);
        assert_eq!((header(record, HEADER), record.headers.len()), (None, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_waits_for_a_registry_that_is_away_and_deliveries_do_not() {
    let (broker, nowhere) = (Embedded::start("video", 4).unwrap(), Nowhere::new());
    let registry = registrar::settings(nowhere.address(), Framing::Header);
    let depot = Depot::new(Settings { registry: Some(registry), ..settings(broker.brokers()) });
    let courier = depot.courier();
    depot.keep(30).await;
    let away = |kafka: &Kafka| matches!(kafka, Kafka::Down { reason } if reason == "schema registry: no connection");
    let status = until(&courier, |status| away(&status.kafka)).await;
    assert_eq!((status.cursor, status.in_flight), (0, 0));
    until_counted(&depot).await;
    assert_eq!(depot.metric("hookgate_kafka_up"), 0.0);
    assert_eq!(depot.head(), 30);
    let _fake = Fake::at(nowhere, Mood::default());
    until(&courier, |status| status.kafka == Kafka::Up && status.cursor == 30).await;
    depot.drain(courier).await;
    assert_eq!(read(&depot.settings, 30).await.len(), 30);
}

/// Waits until a failure of the registry has been counted.
async fn until_counted(depot: &Depot) {
    let counted = async {
        while depot.metric(FAILURES) == 0.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.unwrap();
}

/// What is said of a registry of a mood, until it is of a better one; then events go out.
async fn recovers(worse: impl FnOnce(&Fake), words: &str, better: impl FnOnce(&Fake)) {
    let (broker, fake) = (Embedded::start("video", 4).unwrap(), Fake::start(Mood::default()));
    worse(&fake);
    let registry = fake.settings(Framing::Header);
    let depot = Depot::new(Settings { registry: Some(registry), ..settings(broker.brokers()) });
    let courier = depot.courier();
    depot.keep(3).await;
    let said = |kafka: &Kafka| match kafka {
        Kafka::Up => false,
        Kafka::Down { reason } | Kafka::Waiting { reason } => reason.contains(words),
    };
    let status = until(&courier, |status| said(&status.kafka)).await;
    assert_eq!((status.cursor, status.in_flight), (0, 0));
    until_counted(&depot).await;
    better(&fake);
    until(&courier, |status| status.kafka == Kafka::Up && status.cursor == 3).await;
    depot.drain(courier).await;
    assert!(read(&depot.settings, 3).await.iter().all(|one| header(one, HEADER).is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_the_subject_and_what_to_set_and_its_end_is_noticed() {
    let words = "the schema of video.participant-value incompatible with an earlier one (409): \
         set this subject's compatibility to FORWARD";
    let older = |fake: &Fake| {
        fake.register("video.participant-value", r#"{"type":"object"}"#);
        fake.mood(|mood| mood.strict = true);
    };
    recovers(older, words, |fake| fake.mood(|mood| mood.strict = false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_for_a_while_is_asked_again() {
    for status in [503, 500, 429] {
        let words = format!("schema registry: it answers {status}");
        let worse = |fake: &Fake| fake.mood(|mood| mood.status = Some(status));
        recovers(worse, &words, |fake| fake.mood(|mood| mood.status = None)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_registry_says_and_what_is_too_long_needs_a_human() {
    let strange = |fake: &Fake| fake.mood(|mood| mood.status = Some(302));
    let words = "it answers 302, which no registry does";
    recovers(strange, words, |fake| fake.mood(|mood| mood.status = None)).await;
    let long = |fake: &Fake| fake.mood(|mood| mood.padding = 1024 * 1024);
    recovers(long, "its answer is too long", |fake| fake.mood(|mood| mood.padding = 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_shown_to_the_registry_and_a_refused_one_is_told_without_its_password() {
    let broker = Embedded::start("video", 4).unwrap();
    let known = Some(("gate".to_owned(), "canary-of-a-password".to_owned()));
    let fake = Fake::start(Mood { account: known, ..Mood::default() });
    for password in ["canary-of-another", "canary-of-a-password"] {
        let mut registry = fake.settings(Framing::Header);
        registry.account = Some(account("gate", password));
        let settings = Settings { registry: Some(registry), ..settings(broker.brokers()) };
        assert!(!format!("{settings:?}").contains("canary"));
        let depot = Depot::new(settings);
        depot.keep(1).await;
        let courier = depot.courier();
        if password == "canary-of-a-password" {
            depot.drain(courier).await;
        } else {
            let words = "it refuses our account for video.recording-value (401)";
            let status = until(&courier, |status| waits_for(status, words)).await;
            assert!(!format!("{status:?}").contains("canary"));
        }
    }
}

#[cfg(feature = "tls")]
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_believed_by_the_authority_that_is_configured_and_by_no_other() {
    let (authority, other) = (Authority::new(), Authority::new());
    let issued = authority.server(2099);
    let (broker, fake) =
        (Embedded::start("video", 4).unwrap(), Fake::encrypted(&issued.cert, &issued.key));
    for (trusted, is_ours) in [(other.pem(), false), (authority.pem(), true)] {
        let registry = Some(fake.trusted(&trusted));
        let depot = Depot::new(Settings { registry, ..settings(broker.brokers()) });
        depot.keep(1).await;
        let courier = depot.courier();
        if is_ours {
            depot.drain(courier).await;
        } else {
            let away = "schema registry: no connection";
            let so = |kafka: &Kafka| matches!(kafka, Kafka::Down { reason } if reason == away);
            until(&courier, |status| so(&status.kafka)).await;
            assert!(fake.asked().is_empty(), "nothing is said to whom it does not believe");
        }
    }
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_may_be_registered_schemas_are_only_looked_up() {
    let (broker, fake) = (Embedded::start("video", 4).unwrap(), Fake::start(Mood::default()));
    let registry =
        hookgate::publish::Registry { register: false, ..fake.settings(Framing::Header) };
    let schemas = registry.schemas.clone();
    let depot = Depot::new(Settings { registry: Some(registry), ..settings(broker.brokers()) });
    let courier = depot.courier();
    depot.keep(3).await;
    let words = "video.recording-value has not the schema of this version: register it";
    until(&courier, |status| waits_for(status, words)).await;
    for (family, schema) in &schemas {
        fake.register(&format!("video.{}-value", family.as_str()), schema);
    }
    until(&courier, |status| status.cursor == 3).await;
    depot.drain(courier).await;
    assert!(!fake.asked().iter().any(|line| line.ends_with("/versions")));
}

/// The next record behind so many in a topic.
async fn record(tail: &Tail, so: impl Fn(&Received) -> bool) -> Received {
    loop {
        let next = tokio::time::timeout(crate::depot::PATIENCE, tail.next()).await;
        let next = next.unwrap().unwrap();
        if so(&next) {
            return next;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_and_erasures_say_of_which_schema_they_are_too() {
    let (broker, fake) = (Embedded::start("video", 4).unwrap(), Fake::start(Mood::default()));
    let brokers = format!("brokers = \"{}\"", broker.brokers());
    let mut plan = Plan::with("brokers = \"127.0.0.1:1\"", &brokers);
    plan.parts.publish = true;
    plan.config.kafka.registry = Some(fake.settings(Framing::Header));
    let kafka = plan.config.kafka.clone();
    let gate = plan.start().await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let published = r#"hookgate_published_total{topic="video.lifecycle"}"#;
    gate.until(published, 1.0).await;

    let ask = json!({"filter": {}, "reason": "a consumer asks"});
    let run = gate.call(OPERATOR, "POST /admin/v1/replays", &ask.to_string()).await;
    assert_eq!(run.status, 200, "{run:?}");
    gate.until(r#"hookgate_replayed_total{topic="video.lifecycle"}"#, 1.0).await;
    let ask = json!({"tenant": "tenant-fixtures", "room": "consult-0a1b2c3d", "reason": "x"});
    let forgotten = gate.call(OPERATOR, "POST /admin/v1/forget", &ask.to_string()).await;
    assert_eq!(forgotten.status, 200, "{forgotten:?}");
    gate.until(published, 2.0).await;

    let tail = tokio::task::spawn_blocking(move || Tail::open(&kafka)).await.unwrap().unwrap();
    let replayed = record(&tail, |one| header(one, "hookgate-replay-id").is_some()).await;
    let erased = record(&tail, |one| one.header("hookgate-sequence") == Some("2")).await;
    let id = fake.id("video.lifecycle");
    for one in [&replayed, &erased] {
        assert_eq!(header(one, HEADER), Some([&[0][..], &id.to_be_bytes()].concat().as_slice()));
        valid(&fake, id, &one.value);
    }
    assert!(String::from_utf8_lossy(&erased.value).contains("video.room.erased"));
    assert_eq!(fake.asked().len(), 4, "what is known is not asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_says_why_nothing_goes_out_and_the_document_where_ids_stand() {
    let broker = Embedded::start("video", 4).unwrap();
    let brokers = format!("brokers = \"{}\"", broker.brokers());
    let mut plan = Plan::with("brokers = \"127.0.0.1:1\"", &brokers);
    plan.parts.publish = true;
    let nowhere = Nowhere::new();
    plan.config.kafka.registry = Some(registrar::settings(nowhere.address(), Framing::Header));
    let gate = plan.start().await;
    let said = async {
        loop {
            let ready = gate.ask("/readyz").await;
            assert_eq!(ready.status, 200, "{ready:?}");
            let kafka = ready.json()["checks"]["kafka"].clone();
            if kafka["reason"].as_str().is_some_and(|it| it.starts_with("schema registry: no")) {
                break kafka;
            }
        }
    };
    let kafka = tokio::time::timeout(crate::depot::PATIENCE, said).await.unwrap();
    assert_eq!(kafka["status"], "degraded");
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let document = gate.call(OPERATOR, "GET /admin/v1/asyncapi.json", "").await.json();
    let record = &document["components"]["messageTraits"]["record"];
    assert!(record["headers"]["properties"][HEADER].is_object(), "{record}");
    assert_eq!(record["bindings"]["kafka"]["schemaIdLocation"], "header");
}
