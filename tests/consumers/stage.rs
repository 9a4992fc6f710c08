//! What a consumer stands on: Kafka, two gateways with the same keys, an operator, its own files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hookgate::event::Family;
use hookgate::publish::Settings;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::judge::Worked;
use crate::languages::Language;
use crate::proof::PATIENCE;
use crate::proof::gate::{Gate, Place};
use crate::proof::road::Road;
use crate::proof::wire::{Client, Message};
use crate::running::Running;

const KAFKA: &str = "create_topics = true\npartitions = 4\nreplication_factor = 1";
const TOKEN: &str = "a-token-that-only-this-day-knows";
/// The group that the consumer is in, but for the last part of its day.
pub(crate) const GROUP: &str = "first";
const PARTITIONS: i32 = 4;
const OF_TOMORROW: Header<'static, &str> = Header { key: "a-header-of-tomorrow", value: Some("1") };
const SENDERS: usize = 8;

/// All of it.
pub(crate) struct Stage<'a> {
    language: &'a Language,
    folder: tempfile::TempDir,
    place: Place,
    settings: Settings,
    roads: Vec<Road>,
    /// What the group has committed; no member of it.
    group: BaseConsumer,
    /// Publishes at least once.
    pub(crate) gate: Gate,
    /// The other replica: a journal of its own, and each of its batches a transaction.
    pub(crate) other: Gate,
}

fn given() -> String {
    let address = std::env::var("HOOKGATE_TEST_KAFKA").unwrap_or_default();
    let how = "start one with tests/kafka/broker start DIR";
    assert!(!address.is_empty(), "HOOKGATE_TEST_KAFKA=host:port is not set: {how}");
    address
}

impl<'a> Stage<'a> {
    pub(crate) async fn set(language: &'a Language) -> Self {
        let prefix = format!("{}-{:016x}", language.name, rand::random::<u64>());
        let place = Place::new(&given(), &prefix, "1ms", KAFKA);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let tokens = format!("olga:operator:{}\n", sha256(TOKEN));
        std::fs::write(folder.path().join("tokens"), tokens).unwrap();
        let mut serve = place.serve();
        serve.env("HOOKGATE__ADMIN__TOKEN_FILE", folder.path().join("tokens"));
        let gate = Gate::started(serve).await;
        let mut serve = place.serve();
        serve.env("HOOKGATE__SERVER__INSTANCE", "gate-other");
        serve.env("HOOKGATE__JOURNAL__DIR", folder.path().join("other"));
        serve.env("HOOKGATE__KAFKA__DELIVERY", "exactly_once");
        let other = Gate::started(serve).await;
        let settings = place.config().kafka;
        let roads = Road::all(place.config());
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &settings.brokers);
        config.set("group.id", group_of(&settings, GROUP));
        let group = config.create().unwrap();
        Self { language, folder, place, settings, roads, group, gate, other }
    }

    /// Every delivery of both providers' fixtures, signed now.
    pub(crate) fn fixtures(&self) -> Vec<Vec<u8>> {
        let mut requests = Vec::new();
        for road in &self.roads {
            let below = format!("{}/fixtures/{}", env!("CARGO_MANIFEST_DIR"), road.source.as_str());
            for folder in std::fs::read_dir(below).unwrap() {
                let path = folder.unwrap().path().join("request.http");
                let request = Message::parse(std::fs::read(path).unwrap()).unwrap();
                requests.push(road.signed(&String::from_utf8_lossy(&request.body)));
            }
        }
        requests
    }

    /// A delivery of Daily's.
    pub(crate) fn signed(&self, body: &str) -> Vec<u8> {
        let road = self.roads.iter().find(|road| road.source.as_str() == "daily");
        road.unwrap().signed(body)
    }

    /// The event that a delivery becomes.
    pub(crate) fn event(&self, request: &[u8]) -> Value {
        let message = Message::parse(request.to_vec()).unwrap();
        let road = self.roads.iter().find(|road| road.route == message.path()).unwrap();
        serde_json::from_slice(road.judge(&message).unwrap().value()).unwrap()
    }

    /// Posts them and waits until they are on Kafka; the ids of what was taken and can be read.
    pub(crate) async fn post(&self, to: &Gate, requests: Vec<Vec<u8>>) -> BTreeSet<String> {
        let mut senders = JoinSet::new();
        for chunk in requests.chunks(requests.len().div_ceil(SENDERS)) {
            let (chunk, address) = (chunk.to_vec(), to.public);
            senders.spawn(async move {
                let (mut client, mut taken) = (Client::default(), Vec::new());
                for request in chunk {
                    let answer = timeout(PATIENCE, client.ask(address, &request)).await.unwrap();
                    let answer = answer.expect("an answer");
                    assert_eq!(answer.status(), 200, "{answer:?}");
                    if answer.outcome() == "accepted" {
                        taken.push(answer.event_id());
                    }
                }
                taken
            });
        }
        let taken = senders.join_all().await.into_iter().flatten().collect();
        to.until_published().await;
        taken
    }

    /// The operator's command to the first gateway; what it prints.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> String {
        let mut program = self.place.program();
        program.args(arguments).args(["--admin", &format!("http://{}", self.gate.admin)]);
        program.arg("--token-file").arg(self.folder.path().join("token")).stdin(Stdio::null());
        let output = timeout(PATIENCE, program.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn producer(&self, more: &[(&str, &str)]) -> ThreadedProducer<DefaultProducerContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.settings.brokers).set("compression.type", "zstd");
        for (key, value) in more {
            config.set(*key, *value);
        }
        config.create().unwrap()
    }

    fn send(
        &self,
        producer: &ThreadedProducer<DefaultProducerContext>,
        event: &Value,
        header: Header<'_, &str>,
    ) {
        let topic = self.settings.topic(Family::Lifecycle);
        let (key, value) = ("tenant-fixtures/a-room", event.to_string());
        let record = BaseRecord::to(&topic).key(key).payload(&value);
        producer.send(record.headers(OwnedHeaders::new().insert(header))).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// Puts a record on the lifecycle topic that no gateway of today publishes.
    pub(crate) fn put(&self, event: &Value) {
        self.send(&self.producer(&[]), event, OF_TOMORROW);
    }

    /// The same, as of a replay.
    pub(crate) fn put_replayed(&self, event: &Value, replay: &str) {
        let header = Header { key: "hookgate-replay-id", value: Some(replay) };
        self.send(&self.producer(&[]), event, header);
    }

    /// Puts one there in a transaction that is aborted: it stays, and is not committed.
    pub(crate) fn put_and_abort(&self, event: &Value) {
        let producer = self.producer(&[("transactional.id", &self.settings.topic_prefix)]);
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        self.send(&producer, event, OF_TOMORROW);
        producer.abort_transaction(PATIENCE).unwrap();
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    /// The consumer, in a group, told of these replays, with further settings.
    pub(crate) fn run(&self, group: &str, accepted: &str, more: &[(&str, &str)]) -> Running {
        let mut command: Command = self.language.command();
        command.env("KAFKA_BROKERS", &self.settings.brokers).env("STATE", self.state());
        command.env("TOPIC_PREFIX", &self.settings.topic_prefix).env("ACCEPT_REPLAY", accepted);
        command.env("KAFKA_GROUP", group_of(&self.settings, group)).envs(more.iter().copied());
        Running::start(command, self.language.code, &self.folder.path().join("log"))
    }

    /// How many records of at-least-once delivery the group has committed.
    pub(crate) fn committed(&self) -> u64 {
        let mut partitions = TopicPartitionList::new();
        for family in [Family::Recording, Family::Participant, Family::Lifecycle] {
            partitions.add_partition_range(&self.settings.topic(family), 0, PARTITIONS - 1);
        }
        let found = self.group.committed_offsets(partitions, PATIENCE).unwrap();
        let each = found.elements().into_iter().map(|element| {
            let Offset::Offset(next) = element.offset() else { return 0 };
            u64::try_from(next).unwrap()
        });
        each.sum()
    }

    /// Looks into its state, while it may be writing: then nothing is seen.
    fn look<T>(&self, ask: impl Fn(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(self.state(), flags).ok()?;
        db.busy_timeout(Duration::ZERO).ok()?;
        ask(&db).ok()
    }

    /// How many rows of its state are so.
    pub(crate) fn count(&self, rows: &str) -> Option<u64> {
        let query = format!("SELECT count(*) FROM {rows}");
        self.look(|db| db.query_row(&query, [], |row| row.get::<_, u32>(0))).map(u64::from)
    }

    /// Its work.
    pub(crate) fn work(&self) -> Vec<Worked> {
        let read = self.look(|db| {
            let mut rows = db.prepare("SELECT id, replay FROM work")?;
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        });
        read.expect("nobody writes now")
    }

    /// The person with the most work.
    pub(crate) fn somebody(&self) -> String {
        let query = "SELECT person FROM work WHERE person IS NOT NULL GROUP BY person \
            ORDER BY count(*) DESC LIMIT 1";
        self.look(|db| db.query_row(query, [], |row| row.get(0))).expect("persons are known")
    }

    pub(crate) async fn end(self) {
        self.gate.stop().await;
        self.other.stop().await;
    }
}

fn group_of(settings: &Settings, name: &str) -> String {
    format!("{}-{name}", settings.topic_prefix)
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
