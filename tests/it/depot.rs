//! A journal that fills through a real boundary, a courier behind it, and what consumers read.
//!
//! Shared by the tests that take any broker and those that need a real one.

#![cfg(test)]
#![allow(dead_code, reason = "each of the two test binaries uses a part")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookgate::bounds::BODY_BYTES_MAX_DEFAULT;
use hookgate::clock::{Clock, Timestamp};
use hookgate::courier::{Courier, Drained, FAILURES, Kafka, Status};
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::{Family, InstanceName, SourceName, TenantName};
use hookgate::journal::{self, Journal, Journaled, Lane};
use hookgate::normalize::normalize;
use hookgate::providers::{Provider, Providers};
use hookgate::publish::{Creation, Delivery, Embedded, Received, Settings, Tail};
use hookgate::scrub::{self, Boundary, Clean, Keys};
use hookgate::secret::Secret;
use hookgate::telemetry::{Lists, Telemetry};
use hookgate::verify::{ApiKey, Authentic, Credentials, SigningSecret, Verifier};
use regex::Regex;
use tempfile::TempDir;

/// Long enough for a broker that starts anew on a busy machine; no test waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How long to look for records that should not be there.
const STRAGGLERS: Duration = Duration::from_millis(300);

/// Everything between a signed body and Kafka, for one source.
pub(crate) struct Depot {
    dir: TempDir,
    provider: Provider,
    verifier: Verifier,
    boundary: Boundary,
    pub(crate) journal: Journal,
    pub(crate) settings: Settings,
    pub(crate) telemetry: Arc<Telemetry>,
    number: Cell<u64>,
}

impl Depot {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::at(tempfile::tempdir().unwrap(), settings)
    }

    fn at(dir: TempDir, settings: Settings) -> Self {
        let provider = *Providers::standard().get("livekit").unwrap();
        let key = ApiKey {
            api_key: "APIdepot".to_owned(),
            signing: SigningSecret {
                label: "APIdepot".to_owned(),
                secret: Secret::new(b"depot-secret-of-at-least-32-characters".to_vec()),
                not_after: None,
            },
        };
        let credentials = Credentials { keys: vec![key], ..Credentials::default() };
        let Ok(ready) = (provider.build)(credentials, now()) else {
            panic!("the depot's key is a good one");
        };
        let (source, tenant) = (SourceName::new("depot"), TenantName::new("tenant-depot"));
        let boundary = scrub::Settings {
            room_name: Some(Regex::new("^room-[0-9]+$").unwrap()),
            artifact_key: Some(Regex::new("^recordings/[0-9a-z]+$").unwrap()),
            ..scrub::Settings::new(source, tenant, provider.name)
        };
        let keys = Keys::new(Secret::new(vec![0x11; 32]), Secret::new(vec![0x22; 32]));
        let lists = Lists { refusals: &[], rules: &[], detectors: &[], failures: FAILURES };
        let topics = Family::ALL.map(|family| (family, settings.topic(family)));
        Self {
            journal: open(&dir),
            dir,
            provider,
            verifier: Verifier::new(ready.scheme),
            boundary: Boundary::new(boundary, &keys),
            settings,
            telemetry: Arc::new(Telemetry::new(&lists, &topics).unwrap()),
            number: Cell::new(0),
        }
    }

    /// As after a restart: the same files, a new journal.
    pub(crate) fn reopen(&mut self) {
        self.journal.close();
        self.journal = open(&self.dir);
    }

    /// A second depot on a copy of this one's journal, as it is now. Leaves this one open.
    pub(crate) fn copy(&mut self) -> Self {
        self.journal.close();
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(self.database(), dir.path().join("journal.db")).unwrap();
        self.journal = open(&self.dir);
        let copy = Self::at(dir, self.settings.clone());
        // What both keep from now on is not the same.
        copy.number.set(self.number.get() + 1_000_000);
        copy
    }

    /// A second depot on a backup of this one's journal, restored as an operator would. Leaves this
    /// one open.
    pub(crate) fn restored(&mut self) -> Self {
        self.journal.close();
        let (place, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = place.path().join("backup");
        let now = Clock::system().now();
        journal::backup(self.dir.path(), &file, now, &mut |_| {}).unwrap();
        journal::restore(&file, dir.path(), None, &mut |_| {}, &mut |_| {}).unwrap();
        self.journal = open(&self.dir);
        let restored = Self::at(dir, self.settings.clone());
        restored.number.set(self.number.get() + 1_000_000);
        restored
    }

    /// The journal's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("journal.db")
    }

    pub(crate) fn courier(&self) -> Courier {
        let telemetry = Arc::clone(&self.telemetry);
        Courier::start(self.journal.clone(), self.settings.clone(), Clock::system(), telemetry)
    }

    /// Keeps so many small events of three families, spread over seven rooms.
    pub(crate) async fn keep(&self, count: u64) {
        for _ in 0..count {
            let number = self.next();
            let room = number % 7;
            let event = match number % 3 {
                0 => "room_started",
                1 => "participant_joined",
                _ => "egress_started",
            };
            self.keep_body(&format!(
                r#"{{"event":"{event}","id":"EV_{number}","createdAt":"1795168800",
                "room":{{"sid":"RM_{room}","name":"room-{room}"}},
                "participant":{{"sid":"PA_{number}","identity":"i"}},
                "egressInfo":{{"egressId":"EG_{number}","roomName":"room-{room}",
                    "roomComposite":{{"fileOutputs":[{{}}]}}}}}}"#
            ))
            .await;
        }
    }

    /// Keeps one recording of about 20 kB; its room's number.
    pub(crate) async fn keep_large(&self, room: u64) {
        let number = self.next();
        let digits = format!("{number:08}").repeat(40);
        let files = format!(r#"{{"filename":"recordings/{digits}","size":"1"}}"#);
        let files = vec![files; 60].join(",");
        self.keep_body(&format!(
            r#"{{"event":"egress_updated","id":"EV_{number}","createdAt":"1795168800",
            "room":{{"sid":"RM_{room}","name":"room-{room}"}},
            "egressInfo":{{"egressId":"EG_{number}","roomName":"room-{room}",
                "roomComposite":{{"fileOutputs":[{{}}]}},"fileResults":[{files}]}}}}"#
        ))
        .await;
    }

    /// Keeps one event of a kind that nobody knows.
    pub(crate) async fn keep_unknown(&self) {
        let number = self.next();
        self.keep_body(&format!(
            r#"{{"event":"no_such_event","id":"EV_{number}","createdAt":"1795168800"}}"#
        ))
        .await;
    }

    async fn keep_body(&self, body: &str) {
        let kept = self.journal.append(self.clean(body.as_bytes())).await;
        assert!(matches!(kept, Ok(Journaled::Fresh { .. })), "{kept:?}");
    }

    fn clean(&self, body: &[u8]) -> Clean {
        let received = now();
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let id = RequestId::fresh(1);
        let mut head = Head::new(SourceName::new("depot"), received, peer, id);
        for (name, value) in self.verifier.scheme().sign(body, received) {
            head = head.with(name, value.as_bytes());
        }
        let claim = self.verifier.open(head).unwrap();
        let body = Body::new(Bytes::copy_from_slice(body), BODY_BYTES_MAX_DEFAULT).unwrap();
        let Authentic::Event(verified) = self.verifier.verify(claim, body).unwrap() else {
            panic!("an event, not a ping");
        };
        let event = normalize(&verified, self.provider.name, self.provider.dialect);
        self.boundary.scrub(event)
    }

    fn next(&self) -> u64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// The last sequence in the journal.
    pub(crate) fn head(&self) -> u64 {
        *self.journal.head().borrow()
    }

    /// Drains the courier, and finds the cursor at the journal's head and the ledger balanced.
    pub(crate) async fn drain(&self, courier: Courier) {
        let head = self.head();
        let drained = courier.drain(PATIENCE).await;
        let expected = Drained { complete: true, cursor: head };
        assert_eq!(drained, expected);
        self.journal.close();
        assert_eq!(self.journal.cursor(&Lane::Live).unwrap(), head);
        for row in self.journal.ledger().unwrap() {
            assert_eq!((row.pending, row.held), (0, 0), "{row:?}");
            assert_eq!(row.published, row.accepted + row.quarantined, "{row:?}");
        }
    }

    /// What a metric shows.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = self.telemetry.render();
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("{series} is not in:\n{text}"));
        value.trim().parse().unwrap()
    }

    /// Waits until a metric without labels is so.
    pub(crate) async fn until_shown(&self, metric: &str, so: impl Fn(f64) -> bool) {
        let series = format!("{metric} ");
        let shown = async {
            while !so(self.metric(&series)) {
                tokio::task::yield_now().await;
            }
        };
        let shown = tokio::time::timeout(PATIENCE, shown).await;
        shown.unwrap_or_else(|_| panic!("{metric} stays {}", self.metric(&series)));
    }
}

fn open(dir: &TempDir) -> Journal {
    let settings = journal::Settings {
        dir: dir.path().to_owned(),
        instance: InstanceName::new("gate-1"),
        retention: journal::Retention::default(),
        on_commit: Arc::new(|_| {}),
    };
    Journal::open(settings, Clock::system()).unwrap()
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// The broker under test: the one that the environment names, else one in this process.
pub(crate) enum Broker {
    Embedded(Embedded),
    Given(String),
}

impl Broker {
    /// `HOOKGATE_TEST_KAFKA=host:port` names a real one.
    pub(crate) fn any() -> Self {
        match std::env::var("HOOKGATE_TEST_KAFKA") {
            Ok(address) if !address.is_empty() => Self::Given(address),
            Ok(_) | Err(_) => Self::Embedded(Embedded::start("video", 4).unwrap()),
        }
    }

    /// Topics of their own for each test.
    pub(crate) fn settings(&self) -> Settings {
        let given = |address: &str| {
            let mut settings = settings(address);
            settings.topic_prefix = fresh_prefix();
            settings.create_topics = Some(Creation { partitions: 4, replication_factor: 1 });
            settings
        };
        match self {
            Self::Embedded(broker) => settings(broker.brokers()),
            Self::Given(address) => given(address),
        }
    }
}

/// A prefix that no other test uses.
pub(crate) fn fresh_prefix() -> String {
    format!("t{:016x}", rand::random::<u64>())
}

/// Settings with nothing special about them.
pub(crate) fn settings(brokers: &str) -> Settings {
    Settings {
        brokers: brokers.to_owned(),
        topic_prefix: "video".to_owned(),
        delivery: Delivery::AtLeastOnce,
        create_topics: None,
        compression: "zstd".to_owned(),
        properties: Vec::new(),
        instance: InstanceName::new("gate-1"),
        again: None,
        registry: None,
    }
}

/// Waits until the courier's status is so.
pub(crate) async fn until(courier: &Courier, so: impl FnMut(&Status) -> bool) -> Status {
    let mut status = courier.status();
    let reached = tokio::time::timeout(PATIENCE, status.wait_for(so)).await;
    let reached = reached.map(|status| status.map(|status| status.clone()));
    match reached {
        Ok(status) => status.expect("the courier lives"),
        Err(_) => panic!("the courier's status stays {:?}", courier.status().borrow()),
    }
}

/// Whether the status says that a human is needed, in these words.
pub(crate) fn waits_for(status: &Status, words: &str) -> bool {
    matches!(&status.kafka, Kafka::Waiting { reason } if reason.contains(words))
}

/// Reads the four topics from the beginning until so many sequences were seen, and what else there
/// is: duplicates, strays.
pub(crate) async fn read(settings: &Settings, count: usize) -> Vec<Received> {
    let settings = settings.clone();
    let tail = tokio::task::spawn_blocking(move || Tail::open(&settings));
    let tail = tail.await.unwrap().unwrap();
    let mut records = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.len() < count {
        let next = tokio::time::timeout(PATIENCE, tail.next()).await;
        let Ok(next) = next else {
            panic!("only {} of {count} came", seen.len());
        };
        records.push(next.unwrap());
        seen.extend(sequences(&records[records.len() - 1..]));
    }
    while let Ok(more) = tokio::time::timeout(STRAGGLERS, tail.next()).await {
        records.push(more.unwrap());
    }
    records
}

/// The sequences of records, as they came.
pub(crate) fn sequences(records: &[Received]) -> Vec<u64> {
    let sequence = |record: &Received| record.header("hookgate-sequence")?.parse().ok();
    records.iter().map(|record| sequence(record).unwrap()).collect()
}

/// Every sequence up to `head` came exactly once, and in order under its key in its topic.
pub(crate) fn assert_once_and_in_order(records: &[Received], head: u64) {
    let mut all = sequences(records);
    all.sort_unstable();
    assert_eq!(all, (1..=head).collect::<Vec<_>>());
    assert_in_order(records);
}

/// Sequences rise under each key in its topic.
pub(crate) fn assert_in_order(records: &[Received]) {
    let mut last = BTreeMap::<(Family, &[u8]), u64>::new();
    for (record, sequence) in records.iter().zip(sequences(records)) {
        let before = last.insert((record.family, &record.key), sequence);
        assert!(before < Some(sequence), "{before:?} then {sequence}");
    }
}
