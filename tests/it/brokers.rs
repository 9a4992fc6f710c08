//! Real brokers: the one that the environment names, and one of a test's own that it may harm.

#![cfg(test)]
#![allow(dead_code, reason = "each of the two test binaries uses a part")]

use std::path::PathBuf;
use std::process::Command;

use hookgate::publish::{Creation, Settings};
use hookgate::secret::Secret;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use super::depot::{PATIENCE, fresh_prefix, settings};

/// The broker that the environment names, and topics of our own on it.
pub(crate) fn given() -> Settings {
    let address = std::env::var("HOOKGATE_TEST_KAFKA").unwrap_or_default();
    assert!(
        !address.is_empty(),
        "HOOKGATE_TEST_KAFKA=host:port is not set: start one with tests/kafka/broker start DIR"
    );
    let mut settings = settings(&address);
    settings.topic_prefix = fresh_prefix();
    settings
}

/// A broker of one test, in a folder of its own.
pub(crate) struct Own(PathBuf);

impl Own {
    pub(crate) fn start() -> (Self, Settings) {
        Self::started(&["start"])
    }

    /// The same over SASL_SSL with SCRAM-SHA-512, and the properties that get us in.
    pub(crate) fn secure() -> (Self, Settings) {
        let (broker, mut settings) = Self::started(&["start", "--secure"]);
        let text = |file: &str| std::fs::read_to_string(broker.file(file)).unwrap();
        let properties = [
            ("security.protocol", "SASL_SSL".to_owned()),
            ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", text("user").trim().to_owned()),
            ("sasl.password", text("password").trim().to_owned()),
            ("ssl.ca.location", broker.file("ca.crt").to_str().unwrap().to_owned()),
        ];
        for (name, value) in properties {
            set(&mut settings, name, &value);
        }
        (broker, settings)
    }

    fn started(verb: &[&str]) -> (Self, Settings) {
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let broker = Self(target.join("kafka").join(fresh_prefix()));
        let address = broker.run(verb);
        let mut settings = settings(address.trim());
        settings.create_topics = Some(FOUR);
        (broker, settings)
    }

    /// A file that the broker keeps.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn script(&self, verb: &str) -> String {
        self.run(&[verb])
    }

    fn run(&self, verb: &[&str]) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker");
        let output = Command::new(script).args(verb).arg(&self.0).output();
        let output = output.expect("tests/kafka/broker runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "broker {verb:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Sets a property in the place of what it was.
pub(crate) fn set(settings: &mut Settings, name: &str, value: &str) {
    settings.properties.retain(|(known, _)| known != name);
    settings.properties.push((name.to_owned(), Secret::new(value.as_bytes().to_vec())));
}

impl Drop for Own {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.script("kill");
            std::fs::remove_dir_all(&self.0).unwrap();
        } else if self.0.join("pid").exists() {
            self.script("kill");
        }
    }
}

pub(crate) const FOUR: Creation = Creation { partitions: 4, replication_factor: 1 };

pub(crate) const ALL: [&str; 4] = ["recording", "participant", "lifecycle", "quarantine"];

pub(crate) fn admin(settings: &Settings) -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers);
    config.create().unwrap()
}

pub(crate) fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

/// Makes topics as somebody else would.
pub(crate) async fn make(
    settings: &Settings,
    families: &[&str],
    partitions: i32,
    with: &[(&str, &str)],
) {
    for family in families {
        let name = format!("{}.{family}", settings.topic_prefix);
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in with {
            topic = topic.set(key, value);
        }
        let made = admin(settings).create_topics([&topic], &patient()).await;
        made.unwrap().remove(0).unwrap();
    }
}

/// Deletes a topic as somebody else would.
pub(crate) async fn delete(settings: &Settings, name: &str) {
    let name = format!("{}.{name}", settings.topic_prefix);
    let deleted = admin(settings).delete_topics(&[&name], &patient()).await;
    deleted.unwrap().remove(0).unwrap();
}
