//! Letting go what stands in quarantine: what a newer version understands, and what stays.

#![cfg(test)]

use std::sync::Arc;

use hookgate::clock::Clock;
use hookgate::desk::{AuditFilter, Filter, Refusal, ReleaseAsk, Released};
use hookgate::event::{Family, Kind, SourceName};
use hookgate::intake::{Source, Sources};
use hookgate::normalize::daily::Daily;
use hookgate::normalize::{At, Dialect, Draft, Reading};
use hookgate::outcome::Outcome;
use hookgate::providers::{Provider, Providers};
use hookgate::publish::{Embedded, Injected, Received};
use hookgate::scrub::{OnViolation, Recording, Settings};
use serde_json::{Value, json};

use crate::capture::{Room, operator, source_of, source_with, why};
use crate::depot::{Depot, read, settings, until};
use crate::search::{desk_with, noted};

/// Daily as a newer version knows it.
struct Newer;

impl Dialect for Newer {
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading {
        Daily.read(document, draft)
    }

    fn kind_of(&self, said: &str) -> Option<Kind> {
        Daily.kind_of(said).or((said == "whiteboard.saved").then_some(Kind::RoomStarted))
    }

    fn knows(&self, key: &str) -> bool {
        Daily.knows(key)
    }

    fn is_open(&self, key: &str) -> bool {
        Daily.is_open(key)
    }
}

impl Room {
    /// Puts a newer version in the place of Daily's.
    fn renew(&self) {
        let daily = *Providers::standard().get("daily").unwrap();
        let newer = source_of(Provider { dialect: &Newer, ..daily }, &self.clock, false);
        self.sources.replace(vec![Arc::new(newer)]);
    }

    /// Puts a source of Daily's in its place that treats recordings so and stops what looks
    /// personal.
    fn allow(&self, recording: Recording) {
        let daily = *Providers::standard().get("daily").unwrap();
        let strict = source_with(daily, &self.clock, false, |settings| {
            (settings.on_violation, settings.recording) = (OnViolation::Quarantine, recording);
        });
        self.sources.replace(vec![Arc::new(strict)]);
    }

    async fn release(&self, sequence: Option<u64>, filter: Option<Filter>) -> Released {
        self.try_release(sequence, filter).await.unwrap()
    }

    async fn try_release(
        &self,
        sequence: Option<u64>,
        filter: Option<Filter>,
    ) -> Result<Released, Refusal> {
        let ask = ReleaseAsk { reason: why(), filter };
        self.desk.release(&operator(), sequence, ask).await
    }

    /// Waits until so many are found in quarantine.
    async fn found(&self, many: u64) {
        loop {
            let page = self.desk.quarantine(Filter::default()).await.unwrap();
            if page.counts.values().sum::<u64>() == many {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn saved(number: u64) -> Vec<u8> {
    let payload = json!({"room": "consult-0a1b2c3d", "drawn_by": "Zoe Canary"});
    let id = format!("w-{number}");
    json!({"type": "whiteboard.saved", "id": id, "payload": payload}).to_string().into_bytes()
}

#[tokio::test]
async fn what_a_newer_version_understands_is_let_go_once_under_its_own_name() {
    let room = Room::new();
    room.journal.start_search();
    let Outcome::Quarantined(id) = room.take("daily", &saved(1)).await else { panic!("unknown") };
    room.take("daily", &saved(2)).await;
    room.take("daily", b"Zoe {").await;
    let kept = |why: &str| Released { kept: [(why.to_owned(), 1)].into(), ..Released::default() };
    assert_eq!(room.release(Some(1), None).await, kept("unknown_kind"));
    room.renew();
    let one = Released { released: 1, ..Released::default() };
    assert_eq!(room.release(Some(1), None).await, one);
    room.found(3).await;
    let rest = Released { released: 1, already: 1, ..kept("malformed") };
    assert_eq!(room.release(None, Some(Filter::default())).await, rest);
    let rows = room.journal.look_after(3).unwrap();
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [4, 5]);
    assert_eq!((rows[0].id, rows[0].kind), (id, Kind::RoomStarted));
    let detail = room.desk.event(4).await.unwrap();
    assert_eq!((&*detail.row.source, &*detail.row.kind), ("daily", "room.started"));
    assert_eq!(detail.topic.as_deref(), Some("video.lifecycle"));
    assert!(!String::from_utf8_lossy(&rows[0].value).contains("Canary"));
    let ledger = room.journal.ledger().unwrap();
    assert_eq!((ledger[0].quarantined, ledger[0].accepted, ledger.len()), (3, 0, 1));
    let status = room.desk.status().await.unwrap();
    let [released] = &status.released[..] else { panic!("{:?}", status.released) };
    assert_eq!((&*released.source, released.accepted, released.pending), ("daily", 2, 2));
    assert_eq!((status.own_events, status.ledger.len()), (None, 1));
}

#[tokio::test]
async fn what_cannot_be_let_go_stays_and_is_told_by_why() {
    let room = Room::new();
    room.take("daily", b"Zoe {").await;
    let joined = json!({"type": "participant.joined", "id": "j-1", "payload": {}});
    room.take("daily", joined.to_string().as_bytes()).await;
    room.take("daily", &saved(1)).await;
    room.sources.replace(Vec::new());
    for (sequence, why) in [(1, "malformed"), (2, "not_in_quarantine"), (3, "no_source")] {
        let released = room.release(Some(sequence), None).await;
        assert_eq!(released.kept, [(why.to_owned(), 1)].into(), "{sequence}");
        assert_eq!((released.released, released.already), (0, 0));
    }
    let never = room.try_release(Some(99), None).await.unwrap_err();
    assert!(matches!(never, Refusal::NotFound(_)), "{never}");
    for (sequence, filter) in [(None, None), (Some(1), Some(Filter::default()))] {
        let refused = room.try_release(sequence, filter).await.unwrap_err();
        assert!(matches!(refused, Refusal::Invalid { field: "filter", .. }), "{refused}");
    }
    let page = Filter { limit: Some(1), ..Filter::default() };
    let refused = room.try_release(None, Some(page)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { field: "limit", .. }), "{refused}");
    let log = room.desk.audit(AuditFilter::default()).await.unwrap();
    assert_eq!(log.records.len(), 14);
    assert!(log.records.iter().all(|record| record.action == "quarantine.release"));
}

#[tokio::test]
async fn what_was_masked_goes_only_as_its_source_lets_recordings_go_now() {
    let room = Room::new();
    room.allow(Recording::Allowed);
    let ready = json!({"type": "recording.ready-to-download", "id": "r-1", "payload": {
        "recording_id": "6497c79b-f326-4942-aef8-c36a29140ad1", "room_name": "Zoe's room"}});
    let outcome = room.take("daily", ready.to_string().as_bytes()).await;
    assert!(matches!(outcome, Outcome::Quarantined(_)), "{outcome:?}");
    let kept = |why: &str| [(why.to_owned(), 1)].into();
    room.sources.replace(Vec::new());
    assert_eq!(room.release(Some(1), None).await.kept, kept("no_source"));
    room.allow(Recording::Forbidden);
    assert_eq!(room.release(Some(1), None).await.kept, kept("recording_forbidden"));
    room.allow(Recording::Allowed);
    assert_eq!(room.release(Some(1), None).await.released, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_too_large_goes_only_as_its_source_lets_recordings_go_now() {
    let broker = Embedded::start("video", 4).unwrap();
    let depot = Depot::new(settings(broker.brokers()));
    depot.journal.start_search();
    depot.keep_large(1).await;
    broker.inject(&[Injected::TooLarge, Injected::TooLarge]);
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 1).await;
    noted(&depot.journal).await;
    let sources = Arc::new(Sources::new(Vec::new()));
    let desk = desk_with(&depot.journal, sources.clone());
    let released = async || {
        let ask = ReleaseAsk { reason: why(), filter: None };
        desk.release(&operator(), Some(1), ask).await.unwrap()
    };
    let kept = |why: &str| [(why.to_owned(), 1)].into();
    assert_eq!(released().await.kept, kept("no_source"));
    sources.replace(vec![of_depot(Recording::Forbidden)]);
    assert_eq!(released().await.kept, kept("recording_forbidden"));
    sources.replace(vec![of_depot(Recording::Allowed)]);
    assert_eq!(released().await.released, 1);
    depot.drain(courier).await;
}

/// The source that a depot's events come from.
fn of_depot(recording: Recording) -> Arc<Source> {
    let livekit = *Providers::standard().get("livekit").unwrap();
    let change = |settings: &mut Settings| {
        (settings.source, settings.recording) = (SourceName::new("depot"), recording);
    };
    Arc::new(source_with(livekit, &Clock::system(), false, change))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_too_large_is_let_go_and_reaches_its_own_topic_under_its_own_id() {
    let broker = Embedded::start("video", 4).unwrap();
    let depot = Depot::new(settings(broker.brokers()));
    depot.journal.start_search();
    depot.keep(1).await;
    // The same record twice: with what was around it, then alone.
    broker.inject(&[Injected::TooLarge, Injected::TooLarge]);
    let courier = depot.courier();
    until(&courier, |status| status.cursor == 1).await;
    depot.keep(1).await;
    until(&courier, |status| status.cursor == 2).await;
    noted(&depot.journal).await;
    let sources = Sources::new(vec![of_depot(Recording::Allowed)]);
    let desk = desk_with(&depot.journal, Arc::new(sources));
    let page = desk.quarantine(Filter::default()).await.unwrap();
    assert_eq!(page.counts, [("too_large_for_kafka".to_owned(), 1)].into());
    for (released, already) in [(1, 0), (0, 1)] {
        let ask = ReleaseAsk { reason: why(), filter: Some(Filter::default()) };
        let answer = desk.release(&operator(), None, ask).await.unwrap();
        assert_eq!(answer, Released { released, already, ..Released::default() });
    }
    depot.drain(courier).await;
    let records = read(&depot.settings, 3).await;
    assert_eq!(records.len(), 3);
    let of = |sequence: &str| {
        let is = |record: &&Received| record.header("hookgate-sequence") == Some(sequence);
        records.iter().find(is).unwrap()
    };
    let (refused, released) = (of("1"), of("3"));
    let read = |record: &Received| serde_json::from_slice::<Value>(&record.value).unwrap();
    assert_eq!((refused.family, released.family), (Family::Quarantine, Family::Participant));
    assert_eq!((&read(refused)["id"], &refused.key), (&read(released)["id"], &released.key));
    assert_eq!(read(released)["type"], "video.participant.joined");
    assert_eq!(released.header("hookgate-replay-id"), None);
    let status = desk.status().await.unwrap();
    assert_eq!((status.released[0].published, status.released[0].pending), (1, 0));
    assert_eq!((status.ledger[0].accepted, status.ledger[0].published), (2, 2));
}
