//! Two replicas as the chart makes them: one identity key, a journal each, one event under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use hookgate::clock::Clock;
use hookgate::config::{self, Config};
use hookgate::event::Family;
use hookgate::providers::Providers;
use hookgate::publish::{Embedded, Received, Settings, Tail};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::proof::PATIENCE;
use crate::proof::gate::Gate;
use crate::proof::road::Road;
use crate::proof::wire::{Client, Message};
use crate::rendered::{Rendered, SECRETS};
use crate::tools::{Checked, PROGRAM, text};

const EVENTS: u64 = 60;
const ROOMS: u64 = 7;

/// The configuration that the chart renders for two replicas of one Daily source, with this broker and
/// ports of this machine.
fn configuration(brokers: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.yaml");
    let source = "{ name: daily, provider: daily, tenant: clinic, secrets: [{ file: \
         /run/secrets/hookgate/daily }], room_name: \"^consult-[0-9a-f]{8}$\" }";
    let kafka = format!("{{ brokers: \"{brokers}\" }}");
    let drain = "{ preStop: 0, grace: 0, deadline: 60 }";
    let config = format!("  kafka: {kafka}\n  source:\n    - {source}\n");
    let text = format!("replicas: 2\ndrain: {drain}\nconfig:\n{config}");
    std::fs::write(&values, text).unwrap();
    let rendered = Rendered::with(&values, &[]);
    let text = rendered.configuration().replace("0.0.0.0:8080", "127.0.0.1:0");
    text.replace("0.0.0.0:9080", "127.0.0.1:0")
}

/// One pod: the same configuration, its own name and its own volume.
async fn pod(config: &Path, name: &str, volume: &Path) -> Gate {
    let mut program = Command::new(PROGRAM);
    program.args(["--log-format", "json", "serve", "--config"]).arg(config);
    program.env("HOOKGATE__SERVER__INSTANCE", name).env("HOOKGATE__JOURNAL__DIR", volume);
    program.env_remove("RUST_LOG").kill_on_drop(true);
    Gate::started(program).await
}

fn event(number: u64) -> String {
    let room = number % ROOMS;
    format!(
        r#"{{"version":"1.0.0","type":"meeting.started","id":"event-{number}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-{number:012}","room":"consult-{room:08x}"}},"event_ts":1795168800.6}}"#
    )
}

async fn post(to: SocketAddr, request: &[u8]) -> Message {
    timeout(PATIENCE, Client::default().ask(to, request)).await.unwrap().expect("an answer")
}

/// So many records.
async fn read(settings: &Settings, count: u64) -> Vec<Received> {
    let settings = settings.clone();
    let tail = spawn_blocking(move || Tail::open(&settings).unwrap()).await.unwrap();
    let mut records = Vec::new();
    for number in 0..count {
        let next = timeout(PATIENCE, tail.next()).await;
        records.push(next.unwrap_or_else(|_| panic!("only {number} records")).unwrap());
    }
    records
}

/// A record's value without the one thing that each replica says for itself: when it was received.
fn said(record: &Received) -> Value {
    let mut value: Value = serde_json::from_slice(&record.value).unwrap();
    value.as_object_mut().unwrap().remove("receivedtime").unwrap();
    value
}

/// What the two were sent: the ids of all events, and of those that both took.
#[derive(Default)]
struct Sent {
    all: BTreeSet<String>,
    by_both: BTreeSet<String>,
}

impl Sent {
    /// Every third event comes to both, as a retry does; the others to one or the other.
    async fn to(pods: &[Gate], road: &Road) -> Self {
        let mut sent = Self::default();
        for number in 0..EVENTS {
            let request = road.signed(&event(number));
            let first = usize::try_from(number % 2).unwrap();
            let answer = post(pods[first].public, &request).await;
            assert_eq!(answer.outcome(), "accepted");
            let id = answer.event_id();
            if number % 3 == 0 {
                let other = post(pods[1 - first].public, &request).await;
                assert_eq!(other.outcome(), "accepted", "each has a journal of its own");
                assert_eq!(other.event_id(), id, "and the id is one");
                let again = post(pods[first].public, &request).await;
                assert_eq!((again.outcome(), again.event_id()), ("duplicate".into(), id.clone()));
                sent.by_both.insert(id.clone());
            }
            sent.all.insert(id);
        }
        sent
    }

    /// A consumer that skips an id it knows has each event once, and two records of one id say the same.
    fn assert_is(&self, records: &[Received]) {
        let mut by_id: BTreeMap<String, Vec<&Received>> = BTreeMap::new();
        for record in records {
            let id = said(record)["id"].as_str().unwrap().to_owned();
            by_id.entry(id).or_default().push(record);
        }
        assert_eq!(by_id.keys().cloned().collect::<BTreeSet<_>>(), self.all);
        for (id, records) in &by_id {
            assert_eq!(records.len(), if self.by_both.contains(id) { 2 } else { 1 });
            let [one, .., two] = &records[..] else { continue };
            assert_eq!((&one.key, one.partition, said(one)), (&two.key, two.partition, said(two)));
            assert_ne!(one.header("hookgate-instance"), two.header("hookgate-instance"));
        }
    }
}

fn assert_in_order_of_each(names: [&str; 2], records: &[Received]) {
    let mut last = BTreeMap::new();
    for record in records {
        let instance = record.header("hookgate-instance").unwrap();
        let sequence: u64 = record.header("hookgate-sequence").unwrap().parse().unwrap();
        assert_eq!(record.family, Family::Lifecycle);
        let before = last.insert((instance, &record.key), sequence);
        assert!(before < Some(sequence), "in order under each key of each replica");
    }
    let instances: BTreeSet<_> = last.keys().map(|(instance, _)| *instance).collect();
    assert_eq!(instances, names.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_publish_one_event_under_one_id_and_each_keeps_its_order() {
    let broker = Embedded::start("video", 4).unwrap();
    let checked = Checked::new(&configuration(broker.brokers()), SECRETS);
    let volumes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let names = ["gate-hookgate-0", "gate-hookgate-1"];
    let mut pods = Vec::new();
    for (name, volume) in names.iter().zip(&volumes) {
        pods.push(pod(&checked.path(), name, volume.path()).await);
    }
    let config = read_by_us(&checked.path());
    let settings = config.kafka.clone();
    let sent = Sent::to(&pods, &Road::all(config).remove(0)).await;
    for pod in &pods {
        pod.until_published().await;
    }
    assert_metrics_exist(&pods[0]).await;
    let records = read(&settings, EVENTS + EVENTS.div_ceil(3)).await;
    assert_in_order_of_each(names, &records);
    sent.assert_is(&records);
    for pod in pods {
        let ledger = pod.stop().await;
        assert_eq!(ledger.iter().map(|row| row["pending"].as_u64().unwrap()).sum::<u64>(), 0);
    }
}

/// The configuration as the pods read it.
fn read_by_us(path: &Path) -> Config {
    let text = std::fs::read_to_string(path).unwrap();
    let (folder, now) = (path.parent().unwrap(), Clock::system().now());
    let parsed = config::parse(&text, folder, &BTreeMap::new(), &Providers::standard(), now);
    parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Every series that the notes for operators name is one that the gateway shows.
async fn assert_metrics_exist(pod: &Gate) {
    for path in ["deploy/helm/hookgate/README.md", "deploy/proxies.md", "deploy/compose.yaml"] {
        let text = text(path);
        let word = |c: char| !c.is_ascii_lowercase() && c != '_';
        for name in text.split(word).filter(|name| name.starts_with("hookgate_")) {
            pod.shows(name).await;
        }
    }
}
