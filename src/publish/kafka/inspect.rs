//! What the brokers say about themselves and our topics.
//!
//! On a thread of its own, because the questions block, and nobody waits for the answers: records
//! flow while they are open. What a broker does not tell is not known, and not a failure.

use std::sync::mpsc as line;
use std::thread;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode as Code};
use tokio::sync::mpsc;

use super::client::{self, Quiet};
use crate::bounds;
use crate::event::Family;
use crate::publish::{Creation, Delivery, Failure, Inspection, Settings, SettingsError, Trouble};

/// Looks at the brokers now and again, and at once when asked.
pub struct Inspector {
    wake: line::SyncSender<()>,
}

impl Inspector {
    /// Starts looking. What is found comes through the channel.
    pub fn start(settings: &Settings) -> Result<(Self, mpsc::Receiver<Inspection>), SettingsError> {
        let admin = client::base(settings).create_with_context(Quiet).map_err(client::refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| SettingsError::Contradiction(error.to_string()))?;
        let (found_in, found) = mpsc::channel(1);
        let (wake, woken) = line::sync_channel(1);
        let look = Look {
            admin,
            runtime,
            topics: Family::ALL.map(|family| (family, settings.topic(family))),
            cursor: (settings.delivery == Delivery::ExactlyOnce).then(|| settings.cursor_topic()),
            create: settings.create_topics,
            settled: false,
            last: Inspection::default(),
        };
        let thread = thread::Builder::new().name("kafka-inspect".to_owned());
        thread
            .spawn(move || look.run(&woken, &found_in))
            .map_err(|error| SettingsError::Contradiction(error.to_string()))?;
        Ok((Self { wake }, found))
    }

    /// Asks for a new look at everything, soon.
    pub fn again(&self) {
        // A full line holds the same question already.
        let _ = self.wake.try_send(());
    }
}

struct Look {
    admin: AdminClient<Quiet>,
    runtime: tokio::runtime::Runtime,
    topics: [(Family, String); 4],
    /// The topic of the cursors, where they are kept in Kafka.
    cursor: Option<String>,
    create: Option<Creation>,
    /// Whether the topics' settings have been asked for since the brokers last answered anew.
    settled: bool,
    last: Inspection,
}

impl Look {
    fn run(mut self, woken: &line::Receiver<()>, found: &mpsc::Sender<Inspection>) {
        loop {
            let partitions = self.topics();
            if found.blocking_send(self.last.clone()).is_err() {
                return;
            }
            if self.last.unreachable.is_none() && !self.settled && !partitions.is_empty() {
                self.settings(&partitions);
                if found.blocking_send(self.last.clone()).is_err() {
                    return;
                }
            }
            let well = self.last.unreachable.is_none()
                && self.last.blocked.is_empty()
                && self.last.cursor.is_none();
            let pause = if well { bounds::BROKER_FRESH / 2 } else { bounds::BROKER_PROBE };
            match woken.recv_timeout(pause) {
                Ok(()) => self.settled = false,
                Err(line::RecvTimeoutError::Timeout) => {}
                Err(line::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Which topics are there, with how many partitions; makes those that are not, where it may.
    fn topics(&mut self) -> Vec<(Family, i32)> {
        let before = (self.last.blocked.len(), self.last.cursor.is_some());
        self.last.blocked.clear();
        let mut there = Vec::new();
        let mut missing = Vec::new();
        for (family, topic) in &self.topics {
            match self.partitions(topic) {
                Ok(Some(count)) => there.push((*family, count)),
                Ok(None) => missing.push((*family, topic.clone())),
                Err(failure) if failure.trouble == Trouble::Unauthorized => {
                    let detail = format!("topic {topic} may not be seen: {}", failure.detail);
                    let failure = Failure { detail, ..failure };
                    self.last.blocked.push((*family, failure));
                }
                Err(failure) => {
                    self.last.unreachable = Some(failure);
                    self.settled = false;
                    return Vec::new();
                }
            }
        }
        self.last.unreachable = None;
        for (family, topic) in missing {
            match self.supply(&topic, |new| new) {
                Ok(partitions) => there.push((family, partitions)),
                Err(failure) => self.last.blocked.push((family, failure)),
            }
        }
        let cursor = self.cursor.as_ref().and_then(|topic| self.cursor_topic(topic).err());
        self.last.cursor = cursor.filter(|failure| failure.trouble != Trouble::Unreachable);
        // What appears is asked about, too.
        if (self.last.blocked.len(), self.last.cursor.is_some()) != before {
            self.settled = false;
        }
        there
    }

    /// The topic of the cursors: there, or made.
    fn cursor_topic(&self, topic: &str) -> Result<(), Failure> {
        if self.partitions(topic)?.is_some() {
            return Ok(());
        }
        let segment = bounds::CURSOR_SEGMENT_BYTES.to_string();
        let made = self.supply(topic, |mut new| {
            new.num_partitions = 1;
            new.set("cleanup.policy", "compact").set("segment.bytes", &segment)
        });
        made.map(drop)
    }

    /// Makes a missing topic where that is wanted; its partitions.
    fn supply<'t>(
        &self,
        topic: &'t str,
        shape: impl FnOnce(NewTopic<'t>) -> NewTopic<'t>,
    ) -> Result<i32, Failure> {
        let unknown = |detail| Failure { trouble: Trouble::UnknownTopic, detail };
        let Some(creation) = self.create else {
            return Err(unknown(format!("topic {topic} is missing")));
        };
        let replication = TopicReplication::Fixed(creation.replication_factor);
        let new = shape(NewTopic::new(topic, creation.partitions, replication));
        let partitions = new.num_partitions;
        self.make(&new)
            .map_err(|why| unknown(format!("topic {topic} is missing and not made: {why}")))?;
        tracing::info!(topic, partitions, "topic made");
        Ok(partitions)
    }

    /// The number of a topic's partitions; `None` if there is no such topic.
    fn partitions(&self, topic: &str) -> Result<Option<i32>, Failure> {
        let answer = self.admin.inner().fetch_metadata(Some(topic), bounds::BROKER_REQUEST);
        let metadata = answer.map_err(|error| reworded(&error))?;
        let Some(topic) = metadata.topics().first() else {
            return Ok(None);
        };
        let error = topic.error().filter(IsError::is_error).map(Code::from);
        match error {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            // Just made: its partitions have no leader yet.
            Some(Code::LeaderNotAvailable) | None => {
                Ok(Some(i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)))
            }
            Some(code) => Err(reworded(&KafkaError::MetadataFetch(code))),
        }
    }

    fn make(&self, new: &NewTopic<'_>) -> Result<(), String> {
        let options = options().operation_timeout(Some(bounds::BROKER_REQUEST));
        let answer = self.runtime.block_on(self.admin.create_topics([new], &options));
        match answer.map(|topics| topics.into_iter().next()) {
            Ok(Some(Ok(_)) | Some(Err((_, Code::TopicAlreadyExists)))) => Ok(()),
            Ok(Some(Err((_, code)))) => Err(code.to_string()),
            Ok(None) => Err("no answer".to_owned()),
            Err(error) => Err(reworded(&error).detail),
        }
    }

    /// What the topics' settings mean for us. A broker that does not tell leaves things unknown.
    fn settings(&mut self, partitions: &[(Family, i32)]) {
        let names = partitions.iter().map(|(family, _)| self.name(*family));
        let names = names.chain(self.cursor.as_deref());
        let topics: Vec<_> = names.map(ResourceSpecifier::Topic).collect();
        let answer = self.runtime.block_on(self.admin.describe_configs(&topics, &options()));
        self.settled = true;
        let mut warnings = uneven(partitions);
        let mut limits = Vec::new();
        for answer in answer.unwrap_or_default() {
            let Ok(resource) = answer else { continue };
            let number = |name| number(&resource, name);
            if self.cursor.is_some() && topic(&resource) == self.cursor.as_deref() {
                warnings.extend(uncompacted(&resource));
                continue;
            }
            limits.extend(number("max.message.bytes").and_then(|n| usize::try_from(n).ok()));
            if let (Some(replicas @ ..=1), Some(topic)) =
                (number("min.insync.replicas"), topic(&resource))
            {
                warnings.push(format!(
                    "topic {topic} has min.insync.replicas = {replicas}: an acknowledged event \
                     may be on one broker only"
                ));
            }
        }
        self.last.limit = limits.into_iter().min();
        self.last.warnings = warnings.into();
    }

    fn name(&self, family: Family) -> &str {
        let found = self.topics.iter().find(|(other, _)| *other == family);
        found.map_or("", |(_, topic)| topic)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(bounds::BROKER_REQUEST))
}

fn number(resource: &ConfigResource, name: &str) -> Option<i64> {
    resource.get(name)?.value.as_ref()?.parse().ok()
}

fn topic(resource: &ConfigResource) -> Option<&str> {
    use rdkafka::admin::OwnedResourceSpecifier as Owned;
    match &resource.specifier {
        Owned::Topic(name) => Some(name),
        Owned::Group(_) | Owned::Broker(_) => None,
    }
}

/// What is forgotten after a while is no place for a cursor.
fn uncompacted(resource: &ConfigResource) -> Option<String> {
    let policy = resource.get("cleanup.policy")?.value.as_deref()?;
    let topic = topic(resource)?;
    (policy != "compact").then(|| {
        format!(
            "topic {topic} has cleanup.policy = {policy}: a cursor in it is forgotten in time; set \
             it to compact"
        )
    })
}

/// Consumers that join topics need equal partition counts.
fn uneven(partitions: &[(Family, i32)]) -> Vec<String> {
    let joined = partitions.iter().filter(|(family, _)| *family != Family::Quarantine);
    let mut counts = joined.clone().map(|(_, count)| count);
    let first = counts.next();
    if counts.all(|count| Some(count) == first) {
        return Vec::new();
    }
    let list: Vec<_> = joined.map(|(family, n)| format!("{} {n}", family.as_str())).collect();
    vec![format!(
        "the topics have unequal partition counts ({}): consumers cannot join them by key",
        list.join(", ")
    )]
}

fn reworded(error: &KafkaError) -> Failure {
    client::failure(error)
        .unwrap_or_else(|| Failure { trouble: Trouble::Refused, detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_partition_counts_are_told_and_the_quarantine_may_differ() {
        let of = |r, p, l, q| {
            [
                (Family::Recording, r),
                (Family::Participant, p),
                (Family::Lifecycle, l),
                (Family::Quarantine, q),
            ]
        };
        assert!(uneven(&of(4, 4, 4, 1)).is_empty());
        let told = uneven(&of(4, 6, 4, 1));
        assert!(told[0].contains("participant 6"), "{told:?}");
    }
}
