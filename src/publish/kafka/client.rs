//! The client's properties, and what its error codes mean to us.
//!
//! Ours are set last, so that they win over the configuration's. Those that carry the promise are
//! read back from librdkafka's own view before a client is made of them.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaConfRes;

use crate::bounds;
use crate::publish::{Batching, Delivery, Failure, RESERVED, Settings, SettingsError, Trouble};

/// What carries the promise, as librdkafka reads it back.
const PROMISES: [(&str, &str); 4] = [
    ("acks", "-1"),
    ("enable.idempotence", "true"),
    ("max.in.flight.requests.per.connection", "1"),
    ("partitioner", "murmur2_random"),
];

/// Tries every property, each alone and then all together. An empty answer: a client can be made.
pub fn check(settings: &Settings) -> Vec<SettingsError> {
    let mut mistakes = Vec::new();
    for (name, value) in &settings.properties {
        let mut config = ClientConfig::new();
        config.set(name, value.text().unwrap_or_default());
        mistakes.extend(config.create_native_config().err().map(refused));
    }
    if mistakes.is_empty() {
        let bytes = bounds::BATCH_BYTES_DEFAULT;
        let config = match settings.delivery {
            Delivery::AtLeastOnce => producer(settings, Batching::Together { bytes }),
            Delivery::ExactlyOnce => transactional(settings, "live", bytes),
        };
        let tried = config.map(offline).and_then(|config| {
            let client = config.create_with_context::<_, rdkafka::producer::BaseProducer<_>>(Quiet);
            client.map(drop).map_err(refused)
        });
        mistakes.extend(tried.err());
    }
    mistakes
}

/// The same without brokers: a check asks nothing of the network, and a name that nobody resolves
/// would hold it up for as long as the resolver waits.
fn offline(mut config: ClientConfig) -> ClientConfig {
    config.remove("bootstrap.servers");
    config
}

/// The properties of every client: brokers, name, and what the configuration adds.
pub(super) fn base(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    let backoff = bounds::BROKER_RECONNECT_MAX.as_millis().to_string();
    config.set("reconnect.backoff.max.ms", backoff);
    // A broker's own idea of a new topic has the wrong number of partitions: ours is asked for.
    config.set("allow.auto.create.topics", "false");
    for (name, value) in &settings.properties {
        if !RESERVED.contains(&name.as_str()) {
            config.set(name, value.text().unwrap_or_default());
        }
    }
    if config.get("client.id").is_none() {
        config.set("client.id", format!("hookgate-{}", settings.instance));
    }
    config.set("bootstrap.servers", &settings.brokers).set_log_level(RDKafkaLogLevel::Info);
    config
}

/// The properties of a producer, with the promise read back.
pub(super) fn producer(
    settings: &Settings,
    batching: Batching,
) -> Result<ClientConfig, SettingsError> {
    let mut config = promising(settings);
    config.set("message.timeout.ms", "0");
    match batching {
        Batching::Together { bytes } => {
            together(&mut config, bytes);
            config.set("enable.gapless.guarantee", "true");
        }
        // A record refused alone is not sent again, so nothing can overtake it.
        Batching::Alone => {
            config
                .remove("queue.buffering.max.ms")
                .set("linger.ms", "0")
                .set("batch.num.messages", "1")
                .set("enable.gapless.guarantee", "false");
        }
    }
    read_back(&config, &[("message.timeout.ms", "0")])?;
    Ok(config)
}

/// The properties of a producer of transactions, with the promise read back. A record's time ends
/// with its transaction's: what is not there by then is aborted and sent again.
pub(super) fn transactional(
    settings: &Settings,
    lane: &str,
    batch_bytes: usize,
) -> Result<ClientConfig, SettingsError> {
    let millis = bounds::TRANSACTION_TIMEOUT.as_millis().to_string();
    let id = settings.transactional_id(lane);
    let mut config = promising(settings);
    config
        .set("transactional.id", &id)
        .set("transaction.timeout.ms", &millis)
        .set("message.timeout.ms", &millis)
        .set("enable.gapless.guarantee", "false");
    let longest = usize::try_from(bounds::TRANSACTION_TIMEOUT.as_millis()).unwrap_or(usize::MAX);
    at_most(&mut config, "socket.timeout.ms", longest);
    together(&mut config, batch_bytes);
    let promises = [
        ("message.timeout.ms", millis.as_str()),
        ("transaction.timeout.ms", millis.as_str()),
        ("transactional.id", id.as_str()),
    ];
    read_back(&config, &promises)?;
    Ok(config)
}

/// What holds for every producer.
fn promising(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // The brokers take any first sequence of a client that is new to a partition. Were two
        // requests under way, a first one refused for a while (a topic just made, a leader that
        // moves) would be overtaken by the second, and librdkafka would then call it delivered.
        .set("max.in.flight.requests.per.connection", "1")
        // What Java's default partitioner does with a record that has a key.
        .set("partitioner", "murmur2_random")
        .set("compression.type", &settings.compression);
    let records = bounds::CLIENT_QUEUE_RECORDS.to_string();
    let kib = bounds::CLIENT_QUEUE_KIB.to_string();
    config.set("queue.buffering.max.messages", records).set("queue.buffering.max.kbytes", kib);
    at_most(&mut config, "message.max.bytes", bounds::RECORD_BYTES_MAX);
    let statistics = usize::try_from(bounds::CLIENT_STATISTICS.as_millis()).unwrap_or(usize::MAX);
    at_most(&mut config, "statistics.interval.ms", statistics);
    // A client that believes a partition without a leader learns better with the next answer only.
    let refresh = usize::try_from(bounds::METADATA_REFRESH.as_millis()).unwrap_or(usize::MAX);
    at_most(&mut config, "topic.metadata.refresh.interval.ms", refresh);
    config
}

fn together(config: &mut ClientConfig, bytes: usize) {
    at_most(config, "batch.size", bytes);
    let linger = config.get("linger.ms").or(config.get("queue.buffering.max.ms"));
    if linger.is_none() {
        config.set("linger.ms", bounds::LINGER.as_millis().to_string());
    }
}

/// Sets a size unless the configuration has a smaller one.
fn at_most(config: &mut ClientConfig, property: &str, bytes: usize) {
    let configured = config.get(property).and_then(|text| text.parse().ok());
    let bytes = configured.unwrap_or(usize::MAX).min(bytes);
    config.set(property, bytes.to_string());
}

fn read_back(config: &ClientConfig, more: &[(&'static str, &str)]) -> Result<(), SettingsError> {
    let native = config.create_native_config().map_err(refused)?;
    for &(property, promised) in PROMISES.iter().chain(more) {
        let found = native.get(property).map_err(refused)?;
        if found != promised {
            return Err(SettingsError::Promise { property, promised: promised.to_owned(), found });
        }
    }
    Ok(())
}

/// A client's refusal, without the value that it quotes.
pub(super) fn refused(error: KafkaError) -> SettingsError {
    if let KafkaError::ClientConfig(why, _, name, _) = error {
        return match why {
            RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => SettingsError::UnknownProperty(name),
            RDKafkaConfRes::RD_KAFKA_CONF_INVALID | RDKafkaConfRes::RD_KAFKA_CONF_OK => {
                SettingsError::BadValue(name)
            }
        };
    }
    if let KafkaError::ClientCreation(text) = error {
        return SettingsError::Contradiction(text);
    }
    SettingsError::Contradiction(error.to_string())
}

/// What an error code means to us; `None` for a record that was withdrawn.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows with Kafka; what we have no answer to is refused"
)]
pub(super) fn trouble(code: Code) -> Option<Trouble> {
    Some(match code {
        Code::PurgeQueue | Code::PurgeInflight => return None,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            Trouble::UnknownTopic
        }
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Trouble::Unauthorized,
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => {
            Trouble::Authentication
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => Trouble::TooLarge,
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::Resolve => Trouble::Unreachable,
        Code::Fatal
        | Code::GaplessGuarantee
        | Code::Inconsistent
        | Code::InvalidProducerEpoch
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId => Trouble::Fatal,
        Code::Fenced | Code::ProducerFenced => Trouble::Fenced,
        _ => Trouble::Refused,
    })
}

/// An error as a failure; `None` for a record that was withdrawn.
pub(super) fn failure(error: &KafkaError) -> Option<Failure> {
    let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
    trouble(code).map(|trouble| Failure { trouble, detail: code.to_string() })
}

/// What a client says of itself; `None` where it means nothing to us.
pub(super) fn ailment(error: &KafkaError, reason: &str) -> Option<Failure> {
    let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
    // One connection lost is not a broker lost, and all of them lost has a code of its own.
    if matches!(code, Code::BrokerTransportFailure | Code::Resolve) {
        tracing::debug!("kafka client: {reason}");
        return None;
    }
    let trouble = trouble(code)?;
    // The reason tells what was fatal, or which mechanism or certificate was refused.
    let telling = matches!(trouble, Trouble::Fatal | Trouble::Authentication);
    let detail = match (telling, remedy(code)) {
        (false, _) => code.to_string(),
        (true, None) => reason.to_owned(),
        (true, Some(remedy)) => format!("{reason}: {remedy}"),
    };
    Some(Failure { trouble, detail })
}

/// What a human does where brokers and client do not believe each other.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows with Kafka; what we have no answer to has no remedy"
)]
fn remedy(code: Code) -> Option<&'static str> {
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed => Some(
            "set sasl.username, sasl.password and sasl.mechanism in kafka.properties to what the \
             brokers know, then restart",
        ),
        Code::SSL => Some(
            "set ssl.ca.location in kafka.properties to the authority that signed the brokers' \
             certificates, and kafka.brokers to names that stand in them, then restart",
        ),
        _ => None,
    }
}

/// A client whose own lines go to the log as details, and nowhere else.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, _error: KafkaError, _reason: &str) {}

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

impl rdkafka::producer::ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::producer::DeliveryResult<'_>, (): ()) {}
}

/// The client's own lines: details for whoever looks closer. What they mean is logged once, by the
/// courier.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning
        | RDKafkaLogLevel::Notice => tracing::debug!(facility, "kafka client: {line}"),
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::trace!(facility, "kafka client: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Family, InstanceName, ReplayId};
    use crate::publish::Again;
    use crate::secret::Secret;

    fn settings(properties: &[(&str, &str)]) -> Settings {
        let property = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), Secret::new(value.as_bytes().to_vec()))
        };
        Settings {
            brokers: "127.0.0.1:1".to_owned(),
            topic_prefix: "video".to_owned(),
            delivery: Delivery::AtLeastOnce,
            create_topics: None,
            compression: "zstd".to_owned(),
            properties: properties.iter().map(property).collect(),
            instance: InstanceName::new("test"),
            again: None,
            registry: None,
        }
    }

    #[test]
    fn what_carries_the_promise_wins_over_the_configuration() {
        for name in RESERVED {
            let config = producer(&settings(&[(name, "canary")]), together()).unwrap();
            assert_ne!(config.get(name), Some("canary"), "{name}");
        }
        let config = producer(&settings(&[("acks", "0")]), Batching::Alone).unwrap();
        assert_eq!(config.get("acks"), Some("all"));
    }

    #[test]
    fn a_batch_is_never_larger_than_the_topics_take() {
        let of = |configured| {
            let settings = settings(&[("batch.size", configured)]);
            let config = producer(&settings, Batching::Together { bytes: 1_000 }).unwrap();
            config.get("batch.size").map(str::to_owned)
        };
        assert_eq!(of("2000").as_deref(), Some("1000"));
        assert_eq!(of("500").as_deref(), Some("500"));
    }

    #[test]
    fn other_properties_of_the_configuration_reach_the_client() {
        let config = producer(&settings(&[("linger.ms", "50")]), together()).unwrap();
        assert_eq!(config.get("linger.ms"), Some("50"));
    }

    #[test]
    fn a_client_that_is_only_tried_knows_no_broker() {
        let config = producer(&settings(&[]), together()).unwrap();
        assert!(config.get("bootstrap.servers").is_some());
        assert_eq!(offline(config).get("bootstrap.servers"), None);
        assert_eq!(check(&settings(&[("linger.ms", "5")])), vec![]);
    }

    #[test]
    fn every_reserved_property_is_one_that_the_client_knows() {
        for name in RESERVED {
            let mistakes = check(&settings(&[(name, "canary")]));
            let unknown = SettingsError::UnknownProperty((*name).to_owned());
            assert!(!mistakes.contains(&unknown), "{name}");
        }
    }

    #[test]
    fn a_bad_property_is_named_without_its_value() {
        let mistakes = check(&settings(&[
            ("sasl.mechanisms", "PLAIN"),
            ("no.such.thing", "canary"),
            ("socket.timeout.ms", "canary"),
        ]));
        assert_eq!(
            mistakes,
            [
                SettingsError::UnknownProperty("no.such.thing".to_owned()),
                SettingsError::BadValue("socket.timeout.ms".to_owned()),
            ]
        );
        assert_eq!(check(&settings(&[])), []);
    }

    #[test]
    fn a_replay_goes_to_its_own_topics_and_its_cursor_stays_where_cursors_are() {
        let mut settings = settings(&[]);
        let topic_prefix = "again".to_owned();
        settings.again = Some(Again { id: ReplayId::fresh(), topic_prefix });
        assert_eq!(settings.topic(Family::Recording), "again.recording");
        assert_eq!(settings.cursor_topic(), "video.hookgate-cursor");
        assert_eq!(settings.transactional_id("replay:x"), "video.hookgate.test.replay:x");
    }

    #[test]
    fn a_producer_of_transactions_keeps_their_times_whatever_is_configured() {
        let settings =
            settings(&[("socket.timeout.ms", "60000"), ("transaction.timeout.ms", "2000")]);
        let config = transactional(&settings, "live", 1_000).unwrap();
        let millis = bounds::TRANSACTION_TIMEOUT.as_millis().to_string();
        for name in ["transaction.timeout.ms", "message.timeout.ms", "socket.timeout.ms"] {
            assert_eq!(config.get(name), Some(millis.as_str()), "{name}");
        }
        assert_eq!(config.get("transactional.id"), Some("video.hookgate.test.live"));
        let settings = Settings { delivery: Delivery::ExactlyOnce, ..settings };
        assert_eq!(check(&settings), []);
    }

    fn together() -> Batching {
        Batching::Together { bytes: 1_000 }
    }
}
