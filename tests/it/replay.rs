//! A part of the journal onto Kafka again: what consumers read, and what live traffic feels of it.
//!
//! On the embedded broker, or on the real one that the environment names where nothing is injected.

#![cfg(test)]

use std::time::Duration;

use hookgate::bounds::REPLAY_BACKLOG_MAX;
use hookgate::clock::Clock;
use hookgate::courier::{Courier, Kafka};
use hookgate::event::{QuarantineReason, ReplayId};
use hookgate::journal::{How, LedgerRow};
use hookgate::publish::{Embedded, Injected, Received, Settings, Tail};
use hookgate::replay::{Asked, Choice, Counted, Parts, ReplayError, Replays, Standing};

use crate::depot::{Broker, Depot, PATIENCE, assert_in_order, sequences, settings, until};

/// A depot whose events are all on Kafka, with the courier that brought them there.
async fn published(settings: Settings, count: u64) -> (Depot, Courier) {
    let depot = Depot::new(settings);
    depot.keep(count).await;
    let courier = depot.courier();
    until(&courier, |status| status.cursor == count && status.kafka == Kafka::Up).await;
    (depot, courier)
}

async fn replays(depot: &Depot, courier: &Courier, clock: Clock) -> Replays {
    let parts = Parts {
        journal: depot.journal.clone(),
        settings: depot.settings.clone(),
        clock,
        telemetry: depot.telemetry.clone(),
        live: courier.status(),
    };
    Replays::start(parts).await.unwrap()
}

fn asked(depot: &Depot, choice: Choice, rate: u32) -> Asked {
    Asked {
        choice,
        rate,
        to_prefix: depot.settings.topic_prefix.clone(),
        by: "ops".to_owned(),
        reason: "a test".to_owned(),
    }
}

fn room(number: u64) -> Choice {
    Choice { rooms: vec![format!("room-{number}")], ..Choice::default() }
}

fn count(depot: &Depot, choice: &Choice) -> Counted {
    let clock = Clock::system();
    Counted::of(choice, &depot.journal, depot.head(), &clock, PATIENCE).unwrap()
}

async fn begin(replays: &Replays, depot: &Depot, asked: Asked) -> ReplayId {
    let counted = count(depot, &asked.choice);
    replays.begin(asked, &counted).await.unwrap().replay.id
}

/// Looks at a replay until it stands so.
async fn stands(replays: &Replays, id: &ReplayId, so: impl Fn(&Standing) -> bool) -> Standing {
    let looking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        loop {
            tick.tick().await;
            let standing = replays.report(id).await.unwrap().unwrap();
            if so(&standing) {
                return standing;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(standing) => standing,
        Err(_) => panic!("it stays {:?}", replays.report(id).await),
    }
}

fn ended(standing: &Standing) -> Option<How> {
    standing.replay.ending.as_ref().map(|ending| ending.how)
}

async fn done(replays: &Replays, id: &ReplayId) -> Standing {
    let standing = stands(replays, id, |standing| ended(standing).is_some()).await;
    assert_eq!(ended(&standing), Some(How::Done), "{standing:?}");
    standing
}

/// Reads so many records from the beginning, live ones and others.
async fn read(settings: &Settings, count: usize) -> Vec<Received> {
    let settings = settings.clone();
    let tail = tokio::task::spawn_blocking(move || Tail::open(&settings));
    let tail = tail.await.unwrap().unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        let next = tokio::time::timeout(PATIENCE, tail.next()).await;
        records.push(next.unwrap_or_else(|_| panic!("only {} came", records.len())).unwrap());
    }
    while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), tail.next()).await {
        records.push(more.unwrap());
    }
    records
}

/// Live records, and those of a replay.
fn apart(records: Vec<Received>, id: &ReplayId) -> (Vec<Received>, Vec<Received>) {
    let of = |record: &Received| record.header("hookgate-replay-id") == Some(id.as_str());
    let (again, live) = records.into_iter().partition(of);
    (live, again)
}

fn ledger(depot: &Depot) -> Vec<LedgerRow> {
    depot.journal.ledger().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_the_same_with_the_search_file_and_without() {
    let mut depot = Depot::new(settings("127.0.0.1:1"));
    depot.keep(2_100).await;
    depot.keep_unknown().await;
    let middle = Clock::system().now();
    depot.keep(2_100).await;
    let event = depot.journal.event(7).unwrap().unwrap();
    let (all, text) = (Choice::default, |text: &str| Some(text.to_owned()));
    let key = std::str::from_utf8(&event.key).unwrap().split_once('/').unwrap().1.to_owned();
    let choices = [
        all(),
        room(3),
        Choice { rooms: vec![key, "room-nobody".to_owned()], ..all() },
        Choice { until: Some(middle), ..room(3) },
        Choice { since: Some(middle), ..all() },
        Choice { until: Some(event.received), ..all() },
        Choice { event_id: Some(event.id.to_string()), ..all() },
        Choice { event_id: text("ev1_no"), ..all() },
        Choice { kind: text("participant.*"), source: text("depot"), ..all() },
        Choice { family: text("recording"), tenant: text("tenant-other"), ..all() },
        Choice { quarantined: Some(true), ..all() },
        Choice { quarantined: Some(false), family: text("quarantine"), ..all() },
        Choice { reason: Some(QuarantineReason::UnknownKind), ..all() },
    ];
    let each = |depot: &Depot| choices.iter().map(|choice| count(depot, choice)).collect();
    let read: Vec<Counted> = each(&depot);
    assert_eq!((read[0].events, read[1].events, read[6].events), (4_201, 600, 1));
    assert_eq!((read[10].events, read[12].events), (1, 1));

    depot.journal.start_search();
    let mut standing = depot.journal.search().unwrap().standing();
    standing.wait_for(|now| now.through >= 4_201).await.unwrap();
    assert_eq!(each(&depot), read);

    // What the file does not know yet is counted, too.
    depot.keep(70).await;
    let early: Vec<Counted> = each(&depot);
    depot.reopen();
    assert_eq!(each(&depot), early);
    assert_eq!(early[1].events, 610);
    let (choice, clock) = (all(), Clock::system());
    let half = Counted::of(&choice, &depot.journal, 2_000, &clock, PATIENCE).unwrap();
    depot.journal.start_search();
    let mut standing = depot.journal.search().unwrap().standing();
    standing.wait_for(|now| now.through >= 4_201).await.unwrap();
    assert_eq!(Counted::of(&choice, &depot.journal, 2_000, &clock, PATIENCE), Ok(half));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_publishes_the_same_events_again_marked_and_in_order() {
    let broker = Broker::any();
    let (depot, courier) = published(broker.settings(), 210).await;
    let replays = replays(&depot, &courier, Clock::system()).await;
    let counted = count(&depot, &room(3));
    assert_eq!(counted.events, 30);
    let id = begin(&replays, &depot, asked(&depot, room(3), 10_000)).await;
    let standing = done(&replays, &id).await;
    assert_eq!((standing.replay.total, standing.replay.published, standing.gone()), (30, 30, 0));
    assert_eq!(standing.position, counted.last.unwrap().0);

    let (live, again) = apart(read(&depot.settings, 240).await, &id);
    assert_eq!((live.len(), again.len()), (210, 30));
    assert_in_order(&again);
    for record in &again {
        let sequence = record.header("hookgate-sequence").unwrap();
        let first = live.iter().find(|live| live.header("hookgate-sequence") == Some(sequence));
        let first = first.unwrap();
        assert_eq!(
            (&first.key, &first.value, first.family, first.partition),
            (&record.key, &record.value, record.family, record.partition)
        );
        assert_eq!(record.header("hookgate-instance"), Some("gate-1"));
        assert_eq!(record.headers.len(), 4);
    }
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_leaves_ledger_and_live_counts_alone() {
    let broker = Broker::any();
    let (mut depot, courier) = published(broker.settings(), 63).await;
    depot.drain(courier).await;
    depot.reopen();
    let courier = depot.courier();
    until(&courier, |status| status.kafka == Kafka::Up).await;
    let replays = replays(&depot, &courier, Clock::system()).await;
    let before = ledger(&depot);
    let topic = format!("topic=\"{}.recording\"", depot.settings.topic_prefix);
    let live = format!("hookgate_published_total{{{topic}}}");
    let again = format!("hookgate_replayed_total{{{topic}}}");
    let counted = (depot.metric(&live), depot.metric(&again));
    let choice = Choice { kind: Some("recording.*".to_owned()), ..Choice::default() };
    let id = begin(&replays, &depot, asked(&depot, choice, 10_000)).await;
    done(&replays, &id).await;
    assert_eq!(ledger(&depot), before);
    assert_eq!(counted, (21.0, 0.0));
    assert_eq!((depot.metric(&live), depot.metric(&again)), (21.0, 21.0));
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_no_faster_than_it_was_told() {
    let (_broker, settings) = embedded();
    let (depot, courier) = published(settings, 50).await;
    let clock = Clock::manual(Clock::system().now());
    let replays = replays(&depot, &courier, clock.clone()).await;
    let id = begin(&replays, &depot, asked(&depot, Choice::default(), 100)).await;
    // A tenth of a second's worth, and then none before time has passed.
    for step in 1..=3 {
        let standing = stands(&replays, &id, |now| now.replay.published >= step * 10).await;
        assert_eq!(standing.replay.published, step * 10);
        clock.advance(Duration::from_millis(100));
    }
    clock.advance(Duration::from_secs(1));
    stands(&replays, &id, |now| {
        now.replay.published == 50 || ended(now).is_some() || {
            clock.advance(Duration::from_millis(100));
            false
        }
    })
    .await;
    done(&replays, &id).await;
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_replay_publishes_no_more_and_keeps_what_it_did() {
    let (_broker, settings) = embedded();
    let (depot, courier) = published(settings, 50).await;
    let clock = Clock::manual(Clock::system().now());
    let replays = replays(&depot, &courier, clock.clone()).await;
    let id = begin(&replays, &depot, asked(&depot, Choice::default(), 200)).await;
    stands(&replays, &id, |now| now.replay.published == 20).await;
    let cancelled = replays.cancel(&id).await.unwrap();
    assert_eq!(ended(&cancelled), Some(How::Cancelled));
    assert_eq!((cancelled.replay.published, cancelled.position), (20, 20));
    clock.advance(Duration::from_secs(60));
    assert_eq!(replays.cancel(&id).await, Err(ReplayError::Over));
    assert_eq!(replays.cancel(&ReplayId::fresh()).await, Err(ReplayError::Unknown));
    let (_, again) = apart(read(&depot.settings, 70).await, &id);
    assert_eq!(sequences(&again).len(), 20);
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_on_after_a_restart_where_it_was() {
    let (_broker, settings) = embedded();
    let (mut depot, courier) = published(settings, 100).await;
    let clock = Clock::manual(Clock::system().now());
    let first = replays(&depot, &courier, clock.clone()).await;
    let id = begin(&first, &depot, asked(&depot, Choice::default(), 300)).await;
    stands(&first, &id, |now| now.replay.published == 30).await;
    first.stop(PATIENCE).await;
    depot.drain(courier).await;

    depot.reopen();
    let courier = depot.courier();
    let second = replays(&depot, &courier, Clock::system()).await;
    let standing = done(&second, &id).await;
    assert_eq!((standing.replay.published, standing.position), (100, 100));
    let (_, again) = apart(read(&depot.settings, 200).await, &id);
    assert_eq!(again.len(), 100, "nothing is published twice by a replay that came to rest");
    assert_in_order(&again);
    assert_eq!(second.list().await.unwrap().len(), 1);
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_waits_while_live_traffic_does() {
    let (broker, settings) = embedded();
    let (depot, courier) = published(settings, 30).await;
    let replays = replays(&depot, &courier, Clock::system()).await;
    broker.down();
    until(&courier, |status| matches!(status.kafka, Kafka::Down { .. })).await;
    let id = begin(&replays, &depot, asked(&depot, Choice::default(), 10_000)).await;
    let why = "Kafka does not take live traffic";
    stands(&replays, &id, |now| now.waits.as_deref() == Some(why)).await;
    depot.keep(REPLAY_BACKLOG_MAX + 1).await;
    broker.up();
    done(&replays, &id).await;
    let (live, again) = apart(read(&depot.settings, 1_000).await, &id);
    assert!(live.len() > 30, "live traffic came first");
    assert_eq!(again.len(), 30);
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_never_comes_before_the_event_itself() {
    let (_broker, settings) = embedded();
    let depot = Depot::new(settings);
    depot.keep(40).await;
    let counted = count(&depot, &Choice::default());
    let courier = depot.courier();
    let replays = replays(&depot, &courier, Clock::system()).await;
    let begun = replays.begin(asked(&depot, Choice::default(), 10_000), &counted).await;
    let begun = begun.unwrap();
    // No other one runs that it could wait for.
    assert!(!begun.waits.is_some_and(|why| why.contains("its turn")));
    let id = begun.replay.id;
    done(&replays, &id).await;
    let mut live = std::collections::BTreeSet::new();
    for record in read(&depot.settings, 80).await {
        let place = (record.partition, record.family, record.header("hookgate-sequence").unwrap());
        let place = (place.0, place.1, place.2.to_owned());
        match record.header("hookgate-replay-id") {
            None => assert!(live.insert(place)),
            Some(_) => assert!(live.contains(&place), "{place:?} came again before it came"),
        }
    }
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_replays_are_kept_apart_and_wait_for_their_turn() {
    let (_broker, settings) = embedded();
    let (depot, courier) = published(settings, 70).await;
    let clock = Clock::manual(Clock::system().now());
    let replays = replays(&depot, &courier, clock.clone()).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(begin(&replays, &depot, asked(&depot, room(number), 10)).await);
    }
    let turn = |now: &Standing| now.waits.as_deref().is_some_and(|why| why.contains("its turn"));
    stands(&replays, &ids[0], |now| now.replay.published == 1).await;
    stands(&replays, &ids[1], |now| now.replay.published == 1).await;
    stands(&replays, &ids[2], turn).await;
    replays.cancel(&ids[0]).await.unwrap();
    stands(&replays, &ids[2], |now| now.replay.published == 1).await;
    replays.cancel(&ids[1]).await.unwrap();
    replays.cancel(&ids[2]).await.unwrap();
    let listed: Vec<_> = replays.list().await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|standing| ended(standing) == Some(How::Cancelled)));
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_even_alone_is_passed_over_and_counted() {
    let (broker, settings) = embedded();
    let (depot, courier) = published(settings, 1).await;
    let replays = replays(&depot, &courier, Clock::system()).await;
    // The same record twice: with what was around it, then alone.
    broker.inject(&[Injected::TooLarge, Injected::TooLarge]);
    let id = begin(&replays, &depot, asked(&depot, Choice::default(), 1_000)).await;
    let standing = done(&replays, &id).await;
    let replay = &standing.replay;
    assert_eq!((replay.published, replay.passed_over, standing.gone()), (0, 1, 0));
    assert_eq!(read(&depot.settings, 1).await.len(), 1);
    depot.drain(courier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_topics_that_are_missing_names_them_and_can_be_cancelled() {
    let (_broker, settings) = embedded();
    let (depot, courier) = published(settings, 21).await;
    let replays = replays(&depot, &courier, Clock::system()).await;
    let to_prefix = "nowhere".to_owned();
    let asked = Asked { to_prefix, ..asked(&depot, Choice::default(), 1_000) };
    let id = begin(&replays, &depot, asked).await;
    let missing = "topic nowhere.recording is missing";
    let names = |now: &Standing| now.waits.as_deref().is_some_and(|why| why.contains(missing));
    stands(&replays, &id, names).await;
    assert_eq!(ended(&replays.cancel(&id).await.unwrap()), Some(How::Cancelled));
    assert_eq!(read(&depot.settings, 21).await.len(), 21);
    depot.drain(courier).await;
}

fn embedded() -> (Embedded, Settings) {
    let broker = Embedded::start("video", 4).unwrap();
    let settings = settings(broker.brokers());
    (broker, settings)
}
