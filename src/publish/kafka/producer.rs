//! Records in, fates out.

use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::sync::mpsc;

use super::ailments::{Ailments, ailments};
use super::callbacks::{Callbacks, Fates};
use super::client;
use super::headers::Headers;
use super::polled::Polled;
use crate::bounds;
use crate::event::Family;
use crate::publish::registry::Frames;
use crate::publish::{
    Batching, Failure, Fate, Heard, NotTaken, Published, Record, Report, Settings, SettingsError,
    Trouble,
};
use crate::trace::Tracing;

/// Where a client's words arrive.
pub struct Reports {
    /// The fate of each record. Ends when the client is closed and every fate has been told.
    pub fates: mpsc::Receiver<Report>,
    /// What ails the client as a whole.
    pub ailments: Ailments,
}

/// A client that takes records. Dropping it withdraws what is still queued, which takes up to half
/// a second: see [`Publisher::close`].
pub struct Publisher {
    producer: Polled<Callbacks<Reporter>>,
    topics: [(Family, String); 4],
    headers: Headers,
    frames: Frames,
}

impl Publisher {
    /// A new client, which tells `heard` how it is; its records name their trace while there is
    /// `tracing`. Does not wait for a broker.
    pub fn open(
        settings: &Settings,
        batching: Batching,
        heard: Heard,
        tracing: Option<Arc<Tracing>>,
    ) -> Result<(Self, Reports), SettingsError> {
        let config = client::producer(settings, batching)?;
        let frames = Frames::of(settings)?;
        // Every record in flight has one report; the client's queue bounds both.
        let (fates_in, fates) = mpsc::channel(bounds::CLIENT_QUEUE_RECORDS);
        let (complaints, ailments) = ailments();
        let topics = Family::ALL.map(|family| (family, settings.topic(family)));
        let fates_to = Reporter { topics: topics.clone(), fates: fates_in };
        let producer = Polled::open(&config, Callbacks { fates: fates_to, complaints, heard })?;
        tracing::info!(
            brokers = settings.brokers,
            ?batching,
            "publishing with acks=all, idempotence and murmur2, as read back from the client"
        );
        let publisher = Self { producer, topics, headers: Headers::new(settings, tracing), frames };
        Ok((publisher, Reports { fates, ailments }))
    }

    /// Hands a record over. Never waits; its fate comes through [`Reports::fates`].
    pub fn send(&self, slot: usize, record: &Record) -> Result<(), NotTaken> {
        let topic = self.topics.iter().find(|(family, _)| *family == record.family);
        let topic = topic.map_or("", |(_, topic)| topic.as_str());
        let headers = self.headers.of(record, &self.frames);
        let framed = self.frames.framed(record.family, &record.value);
        let record = BaseRecord::with_opaque_to(topic, slot)
            .key(record.key.as_ref())
            .payload(framed.as_deref().unwrap_or(&record.value))
            .headers(headers);
        let sent = self.producer.send(record).map_err(|(error, _)| {
            if error.rdkafka_error_code() == Some(Code::QueueFull) {
                return NotTaken::QueueFull;
            }
            NotTaken::Failed(self.producer.context().fates.failure(&self.producer, &error))
        });
        self.producer.listen();
        sent
    }

    /// Withdraws what is queued or on the wire and waits until each fate is told, at most for about
    /// a second. Blocks.
    pub fn close(self) {
        drop(self.producer);
    }
}

/// Where the fates of records arrive.
struct Reporter {
    topics: [(Family, String); 4],
    fates: mpsc::Sender<Report>,
}

impl Reporter {
    /// An error of `send`, with the reason behind a fatal one.
    fn failure(&self, producer: &BaseProducer<Callbacks<Self>>, error: &KafkaError) -> Failure {
        let fatal = || {
            let (code, _) = producer.client().fatal_error()?;
            Some(Failure { trouble: Trouble::Fatal, detail: code.to_string() })
        };
        let withdrawn = || Failure { trouble: Trouble::Refused, detail: error.to_string() };
        fatal().or_else(|| client::failure(error)).unwrap_or_else(withdrawn)
    }

    fn family(&self, topic: &str) -> Option<Family> {
        let found = self.topics.iter().find(|(_, name)| name == topic);
        found.map(|(family, _)| *family)
    }
}

impl Fates for Reporter {
    fn told(&self, result: &DeliveryResult<'_>, slot: usize) -> bool {
        let fate = match result {
            // What the client concludes from a later acknowledgement is not the brokers' word.
            Ok(message) if message.offset() < 0 => Fate::Failed(Failure {
                trouble: Trouble::Fatal,
                detail: "a record was called delivered without its offset".to_owned(),
            }),
            Ok(message) => match self.family(message.topic()) {
                Some(family) => Fate::Acknowledged(Published {
                    family,
                    partition: message.partition(),
                    offset: message.offset(),
                }),
                // No record is sent to another topic.
                None => return true,
            },
            Err((error, _)) => client::failure(error).map_or(Fate::Withdrawn, Fate::Failed),
        };
        self.fates.try_send(Report { slot, fate }).is_ok()
    }
}
