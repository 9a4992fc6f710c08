//! A lane's cursor in its topic: read without joining a group, and written for an operator.
//!
//! The topic is one partition that all instances share, and every transaction leaves a control
//! record behind. So the end is told by the client's end-of-partition event, never by an offset;
//! and what a reader of committed records sees ends at the oldest open transaction of *any*
//! instance. Who must know the last word waits until that has passed the end found first.

use std::sync::mpsc as line;
use std::thread;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::client::{self, Quiet};
use crate::bounds;
use crate::publish::mark::{Found, Mark};
use crate::publish::{Batching, Failure, Settings, SettingsError, Trouble};

/// How much must be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// What is committed by now and lies before any open transaction.
    Committed,
    /// All that stands in the topic by now. Waits for open transactions to end.
    End,
}

/// The newest record of a lane. Blocks, for a bounded time.
pub(super) fn read(
    settings: &Settings,
    lane: &str,
    through: Through,
) -> Result<Option<Found>, Failure> {
    let topic = settings.cursor_topic();
    let key = Mark::key(settings.instance.as_str(), lane);
    let committed = consumer(settings, "read_committed")?;
    let edges = |consumer: &BaseConsumer<Quiet>| {
        let answer = consumer.fetch_watermarks(&topic, 0, bounds::BROKER_REQUEST);
        answer.map_err(|error| failure(&error, &topic))
    };
    let (low, mut stable) = edges(&committed)?;
    if through == Through::End {
        let (_, end) = edges(&consumer(settings, "read_uncommitted")?)?;
        let mut looks = 0;
        while stable < end {
            if looks == bounds::OPEN_TRANSACTION_LOOKS {
                let detail = format!(
                    "topic {topic} holds another's open transaction, and the last word on the \
                     cursor is behind it: the brokers end it in time, wait"
                );
                return Err(Failure { trouble: Trouble::Unreachable, detail });
            }
            looks += 1;
            thread::sleep(bounds::OPEN_TRANSACTION_LOOK);
            stable = edges(&committed)?.1;
        }
    }
    let mut back = bounds::CURSOR_LOOK_BACK;
    loop {
        let from = stable.saturating_sub(back).max(low);
        let found = last(&committed, &topic, key.as_bytes(), from)?;
        if found.is_some() || from == low {
            return Ok(found);
        }
        back = back.saturating_mul(16);
    }
}

/// The newest record of a lane, for who only wants to know. Blocks, for a bounded time.
pub fn read_mark(settings: &Settings, lane: &str) -> Result<Option<Found>, Failure> {
    read(settings, lane, Through::End)
}

/// Writes a lane's cursor as an operator wants it, outside any transaction: nobody is fenced.
/// Blocks, for a bounded time.
pub fn write_mark(settings: &Settings, mark: &Mark) -> Result<(), Failure> {
    let topic = settings.cursor_topic();
    let batching = Batching::Together { bytes: bounds::BATCH_BYTES_DEFAULT };
    let refused =
        |error: SettingsError| Failure { trouble: Trouble::Refused, detail: error.to_string() };
    let mut config = client::producer(settings, batching).map_err(refused)?;
    let millis = (bounds::BROKER_REQUEST * 2).as_millis().to_string();
    config.set("message.timeout.ms", millis);
    let (told, fate) = line::sync_channel(1);
    let producer = config.create_with_context::<_, BaseProducer<Told>>(Told(told));
    let producer = producer.map_err(|error| refused(client::refused(error)))?;
    let (key, value) = (Mark::key(&mark.instance, &mark.lane), mark.to_json());
    let out = BaseRecord::to(&topic).partition(0).key(key.as_bytes()).payload(&value);
    producer.send(out).map_err(|(error, _)| failure(&error, &topic))?;
    producer.flush(bounds::BROKER_REQUEST * 3).map_err(|error| failure(&error, &topic))?;
    match fate.try_recv() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(failure(&error, &topic)),
        Err(_) => {
            let detail = format!("topic {topic} cannot be written: no answer");
            Err(Failure { trouble: Trouble::Unreachable, detail })
        }
    }
}

/// Takes the fate of one record.
struct Told(line::SyncSender<Option<KafkaError>>);

impl ClientContext for Told {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        // One record, one place.
        let _ = self.0.try_send(error);
    }
}

/// The last record under a key from an offset on.
fn last(
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    key: &[u8],
    from: i64,
) -> Result<Option<Found>, Failure> {
    let worded = |error: KafkaError| failure(&error, topic);
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset(from)).map_err(worded)?;
    consumer.assign(&partitions).map_err(worded)?;
    let mut found = None;
    loop {
        match consumer.poll(bounds::BROKER_REQUEST) {
            Some(Ok(message)) if message.key() == Some(key) => {
                let mark = serde_json::from_slice(message.payload().unwrap_or_default()).ok();
                found = Some(Found { mark, offset: message.offset() });
            }
            Some(Ok(_)) => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(error)) => return Err(worded(error)),
            None => {
                let detail = format!("topic {topic} cannot be read: no answer");
                return Err(Failure { trouble: Trouble::Unreachable, detail });
            }
        }
    }
}

fn consumer(settings: &Settings, isolation: &str) -> Result<BaseConsumer<Quiet>, Failure> {
    let consumer = client::base(settings)
        .set("group.id", "hookgate-cursor")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        // The end is told with an answer; one without records need not be waited for.
        .set("fetch.wait.max.ms", "5")
        .set("isolation.level", isolation)
        .create_with_context(Quiet);
    consumer.map_err(|error| {
        let detail = client::refused(error).to_string();
        Failure { trouble: Trouble::Refused, detail }
    })
}

fn failure(error: &KafkaError, topic: &str) -> Failure {
    let other = || Failure { trouble: Trouble::Refused, detail: error.to_string() };
    let failure = client::failure(error).unwrap_or_else(other);
    let detail = match failure.trouble {
        Trouble::UnknownTopic => format!("topic {topic} is missing"),
        Trouble::Unauthorized => format!("topic {topic} may not be read: {}", failure.detail),
        Trouble::Authentication
        | Trouble::TooLarge
        | Trouble::Fatal
        | Trouble::Fenced
        | Trouble::Cursor
        | Trouble::Registry
        | Trouble::Unreachable
        | Trouble::Refused => failure.detail,
    };
    Failure { detail, ..failure }
}
