//! Looking for events: over HTTP, and what is known of them beside the road.

use std::sync::Arc;

use hookgate::audit::Audit;
use hookgate::clock::Clock;
use hookgate::contract::Contract;
use hookgate::desk::{self, Desk, EventState, Filter, Refusal};
use hookgate::intake::Sources;
use hookgate::journal::Journal;
use serde_json::{Value, json};

use crate::depot::{Broker, Depot, read};
use crate::gateway::{DAILY, Gate, LIVEKIT, Plan, VIEWER, event};

/// What no event, refusal or log may say.
const CANARY: &str = "zoe canary 4711";

/// Until the search file knows all that is committed.
async fn searched(journal: &Journal) {
    let head = *journal.head().borrow();
    let mut standing = journal.search().unwrap().standing();
    standing.wait_for(|now| now.through >= head).await.unwrap();
}

/// Until what was noted is written down, too.
pub(crate) async fn noted(journal: &Journal) {
    searched(journal).await;
    let journal = journal.clone();
    let forget = move || journal.search().unwrap().forget(Vec::new());
    assert_eq!(tokio::task::spawn_blocking(forget).await.unwrap(), Ok(true));
}

async fn gate() -> Gate {
    let name = "provider = \"livekit\"\n";
    let with = format!("{name}room_name = '^consult-[0-9a-f]{{8}}$'\n");
    Plan::with(name, &with).start().await
}

/// The events that a question finds, by their sequences.
async fn found(gate: &Gate, query: &str) -> Vec<u64> {
    let answer = gate.call(VIEWER, &format!("GET /admin/v1/events?{query}"), "").await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    sequences(&answer.json())
}

fn sequences(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

async fn keep(gate: &Gate, route: &str, body: &str) -> String {
    let answer = gate.post(&gate.signed(route, body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.outcome()
}

fn joined(id: &str, room: &str, user: &str) -> String {
    format!(
        r#"{{"version":"1.0.0","type":"participant.joined","id":"{id}","payload":{{"room":"{room}",
        "user_id":"{user}","session_id":"33333333-cccc-4ccc-8ccc-333333333333",
        "joined_at":1795168800.5}},"event_ts":1795168800.6}}"#
    )
}

#[tokio::test]
async fn an_event_is_found_by_whatever_is_known_of_it() {
    let gate = gate().await;
    keep(&gate, DAILY, &event(DAILY, "m-1")).await;
    keep(&gate, LIVEKIT, &event(LIVEKIT, "EV_1")).await;
    keep(&gate, DAILY, &joined("j-1", CANARY, "user canary")).await;
    keep(&gate, DAILY, r#"{"type":"meeting.danced","id":"d-1"}"#).await;
    searched(gate.app.journal()).await;
    let page = gate.call(VIEWER, "GET /admin/v1/events", "").await.json();
    assert_eq!(sequences(&page), [4, 3, 2, 1]);
    assert_eq!(page["searched_through"], 4);
    let row = &page["events"][2];
    assert_eq!((&row["source"], &row["kind"]), (&json!("livekit"), &json!("room.started")));
    assert_eq!((&row["room"], &row["state"]), (&json!("consult-0a1b2c3d"), &json!("pending")));
    let of = |row: usize, field: &str| page["events"][row][field].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("source=daily".to_owned(), vec![4, 3, 1]),
        ("tenant=tenant-fixtures&limit=2".to_owned(), vec![4, 3]),
        ("kind=participant.*".to_owned(), vec![3]),
        ("kind=room.started&source=daily".to_owned(), vec![1]),
        ("family=lifecycle".to_owned(), vec![2, 1]),
        ("state=quarantined".to_owned(), vec![4]),
        ("state=published".to_owned(), vec![]),
        ("reason=unknown_kind".to_owned(), vec![4]),
        ("since=1h".to_owned(), vec![4, 3, 2, 1]),
        ("until=1h".to_owned(), vec![]),
        ("room=consult-0a1b2c3d".to_owned(), vec![2]),
        (format!("room={}", of(3, "room")), vec![1]),
        (format!("event_id={}", of(1, "event_id")), vec![3]),
    ] {
        assert_eq!(found(&gate, &query).await, expected, "{query}");
    }
    let quarantine = gate.call(VIEWER, "GET /admin/v1/quarantine", "").await.json();
    assert_eq!(
        (sequences(&quarantine), &quarantine["counts"]),
        (vec![4], &json!({"unknown_kind": 1}))
    );
}

#[tokio::test]
async fn a_rooms_own_name_and_a_providers_id_find_their_events_from_a_body_alone() {
    let gate = gate().await;
    keep(&gate, DAILY, &joined("j-1", CANARY, "user canary")).await;
    keep(&gate, DAILY, &joined("j-2", "consult-0a1b2c3d", "someone else")).await;
    keep(&gate, LIVEKIT, &event(LIVEKIT, "EV_1")).await;
    searched(gate.app.journal()).await;
    let search = |body: Value| {
        let gate = &gate;
        async move {
            let call = "POST /admin/v1/events/search";
            let answer = gate.call(VIEWER, call, &body.to_string()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(!answer.body.contains("canary"), "{answer:?}");
            sequences(&answer.json())
        }
    };
    assert_eq!(search(json!({"room": CANARY})).await, [1]);
    assert_eq!(search(json!({"participant": "user canary"})).await, [1]);
    assert_eq!(search(json!({"room": "consult-0a1b2c3d"})).await, [3, 2]);
    assert_eq!(search(json!({"room": "consult-0a1b2c3d", "source": "daily"})).await, [2]);
    assert_eq!(search(json!({"room": "another canary"})).await, [0; 0]);
    let in_files = ["journal.db", "journal.db-wal", "search.db", "search.db-wal"];
    for name in in_files {
        let bytes = std::fs::read(gate.folder.path().join("journal").join(name)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{name}");
    }
}

#[tokio::test]
async fn a_filter_that_is_not_one_is_refused_by_its_fields_name() {
    let gate = gate().await;
    for (query, field) in [
        ("since=yesterday", "since"),
        ("until=2026-11-20", "until"),
        ("since=2w", "since"),
        ("kind=recording.canary", "kind"),
        ("kind=rec*", "kind"),
        ("family=canary", "family"),
        ("reason=canary", "reason"),
        ("room=zoe-canary", "room"),
        ("participant=zoe-canary", "participant"),
        ("event_id=ev1_canary", "event_id"),
        ("source=zoe%20canary", "source"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=canary", "cursor"),
    ] {
        let answer = gate.call(VIEWER, &format!("GET /admin/v1/events?{query}"), "").await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{answer:?}");
        assert!(!answer.body.contains("canary"), "{answer:?}");
    }
    let tail = gate.call(VIEWER, "GET /admin/v1/events/tail?limit=3", "").await;
    assert_eq!((tail.status, &tail.json()["field"]), (400, &json!("limit")));
    let quarantine = gate.call(VIEWER, "GET /admin/v1/quarantine?state=pending", "").await;
    assert_eq!((quarantine.status, &quarantine.json()["field"]), (400, &json!("state")));
}

#[tokio::test]
async fn pages_follow_each_other_and_one_event_is_shown_whole() {
    let gate = gate().await;
    for number in 0..5 {
        keep(&gate, DAILY, &event(DAILY, &format!("m-{number}"))).await;
    }
    assert_eq!(keep(&gate, DAILY, &event(DAILY, "m-2")).await, "duplicate");
    noted(gate.app.journal()).await;
    let mut all = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let answer = gate.call(VIEWER, &format!("GET /admin/v1/events?{query}"), "").await;
        let page = answer.json();
        all.extend(sequences(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
        keep(&gate, DAILY, &event(DAILY, &format!("later-{}", all.len()))).await;
    }
    assert_eq!(all, [5, 4, 3, 2, 1]);
    let shown = gate.call(VIEWER, "GET /admin/v1/events/3", "").await.json();
    assert_eq!((&shown["answered"], &shown["redeliveries"]), (&json!("accepted"), &json!(1)));
    assert_eq!((&shown["topic"], shown.get("receipt")), (&json!("video.lifecycle"), None));
    assert_eq!(shown["event"]["id"], shown["event_id"]);
    assert!(shown["key"].as_str().unwrap().starts_with("tenant-fixtures/k1_"));
    assert_eq!(shown["removed"], shown["event"]["data"]["removed"]);
    assert_eq!(gate.call(VIEWER, "GET /admin/v1/events/99", "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_on_kafka_tells_where_it_stands() {
    let broker = Broker::any();
    let depot = Depot::new(broker.settings());
    depot.journal.start_search();
    depot.keep(30).await;
    // Closing takes in what was noted; reading goes on.
    depot.drain(depot.courier()).await;
    let desk = desk(&depot.journal);
    for record in read(&depot.settings, 30).await {
        let sequence = record.header("hookgate-sequence").unwrap().parse().unwrap();
        let shown = desk.event(sequence).await.unwrap();
        assert_eq!(shown.row.state, EventState::Published);
        let receipt = shown.receipt.unwrap();
        assert_eq!(
            (receipt.topic, receipt.partition, receipt.offset),
            (format!("video.{}", record.family.as_str()), record.partition, record.offset)
        );
    }
}

#[tokio::test]
async fn who_follows_reads_each_event_once_from_where_it_stopped() {
    let gate = gate().await;
    for number in 0..3 {
        keep(&gate, DAILY, &event(DAILY, &format!("m-{number}"))).await;
    }
    let desk = desk(gate.app.journal());
    let filter = || Filter { source: Some("daily".to_owned()), ..Filter::default() };
    let mut old = desk.tail(filter(), Some(1)).await.unwrap();
    let mut new = desk.tail(filter(), None).await.unwrap();
    keep(&gate, LIVEKIT, &event(LIVEKIT, "EV_1")).await;
    keep(&gate, DAILY, &event(DAILY, "m-9")).await;
    for expected in [2, 3, 5] {
        assert_eq!(old.recv().await.unwrap().sequence, expected);
    }
    assert_eq!(new.recv().await.unwrap().sequence, 5);
}

#[tokio::test]
async fn without_a_search_file_lists_are_refused_and_events_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = hookgate::journal::Settings {
        dir: folder.path().to_owned(),
        instance: hookgate::event::InstanceName::new("gate-test"),
        retention: hookgate::journal::Retention::default(),
        on_commit: Arc::new(|_| {}),
    };
    let desk = desk(&Journal::open(settings, Clock::system()).unwrap());
    let refused = desk.events(Filter::default(), false).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert!(matches!(desk.event(1).await, Err(Refusal::NotFound(_))));
}

pub(crate) fn desk(journal: &Journal) -> Desk {
    desk_with(journal, Arc::new(Sources::new(Vec::new())))
}

/// A desk that knows these sources.
pub(crate) fn desk_with(journal: &Journal, sources: Arc<Sources>) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let (audit, clock) = (Audit::open(folder.path(), Clock::system()), Clock::system());
    let alone = desk::Parts::alone(journal.clone(), sources, audit, clock);
    Desk::new(desk::Parts { contract: Contract::of("video"), ..alone })
}
