//! `[kafka]`, checked: brokers, topics, and the client properties that may be set.
//!
//! Promises: a property that carries the promise of delivery (acknowledgements, idempotence,
//! order, partitioning, queues, time-outs) is refused by name; one named password, secret or key
//! comes by reference only; what this build cannot do is named with the feature it lacks. Whether a
//! property exists at all is the client library's knowledge, not ours: it is asked last.

use toml::Value;

use super::given::Givers;
use super::raw::join;
use super::read::{Report, Section, article};
use super::registry;
use crate::bounds::{BROKERS_BYTES_MAX, PARTITIONS_MAX, PROPERTIES_MAX, REPLICATION_MAX};
use crate::event::InstanceName;
use crate::publish::{
    self, Creation, Delivery, RESERVED, Settings, SettingsError, TOPIC_PREFIX, is_topic_prefix,
};
use crate::secret::Secret;

const BROKERS: &str = "must be host:port pairs with commas between them and no spaces, such as \
     \"kafka-1:9092,kafka-2:9092\"";
const COMPRESSIONS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PARTITIONS_DEFAULT: u32 = 12;
const REPLICATION_DEFAULT: u32 = 3;

/// `[kafka]`. `None` only beside a mistake.
pub(super) fn kafka(
    mut section: Section<'_>,
    instance: Option<&InstanceName>,
    givers: &Givers<'_>,
    tls: bool,
) -> Option<Settings> {
    section.required("brokers", "\"host:port,host:port\"");
    let brokers = brokers(&mut section);
    let prefix =
        section.parsed("topic_prefix", TOPIC_PREFIX, |text| is_topic_prefix(text).then_some(text));
    let delivery = match section.choice("delivery", &["at_least_once", "exactly_once"]) {
        Some("exactly_once") => Delivery::ExactlyOnce,
        Some(_) | None => Delivery::AtLeastOnce,
    };
    let compression = section.choice("compression", &COMPRESSIONS);
    let create_topics = creation(&mut section);
    let report = section.report();
    let path = section.key("properties");
    let properties = properties(section.table("properties"), givers, tls);
    let registry = registry::registry(section.table("schema_registry"), givers, tls);
    section.finish();
    let settings = Settings {
        // Whether properties exist has nothing to do with where the brokers are.
        brokers: brokers.clone().unwrap_or_else(|| "127.0.0.1:1".to_owned()),
        topic_prefix: prefix.unwrap_or("video").to_owned(),
        delivery,
        create_topics,
        compression: compression.unwrap_or("zstd").to_owned(),
        properties,
        instance: instance.cloned().unwrap_or_else(|| InstanceName::new("unknown")),
        again: None,
        registry,
    };
    tried(&settings, report, &path);
    (brokers.is_some() && instance.is_some()).then_some(settings)
}

fn brokers(section: &mut Section<'_>) -> Option<String> {
    let text = section.text("brokers")?;
    let fits = text.len() <= BROKERS_BYTES_MAX && text.split(',').all(is_broker);
    if !fits {
        // A credential in an address is a habit from other products: not shown then.
        if text.contains('@') {
            section.report().mistake(&section.key("brokers"), BROKERS);
        } else {
            section.report().wrong(&section.key("brokers"), text, BROKERS);
        }
    }
    fits.then(|| text.to_owned())
}

fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let v6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    let named = !host.is_empty() && host.chars().all(name);
    let digits = port.chars().all(|c| c.is_ascii_digit());
    (v6 || named) && digits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn creation(section: &mut Section<'_>) -> Option<Creation> {
    let wanted = section.flag("create_topics").unwrap_or(false);
    let partitions = section.whole("partitions", 1..=PARTITIONS_MAX);
    let copies = section.whole("replication_factor", 1..=REPLICATION_MAX);
    for (key, set) in
        [("partitions", partitions.is_some()), ("replication_factor", copies.is_some())]
    {
        if set && !wanted {
            let text = "does nothing while create_topics is false";
            section.report().warning(&section.key(key), text);
        }
    }
    wanted.then(|| Creation {
        partitions: number(partitions.unwrap_or(PARTITIONS_DEFAULT)),
        replication_factor: number(copies.unwrap_or(REPLICATION_DEFAULT)),
    })
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn properties(section: Section<'_>, givers: &Givers<'_>, tls: bool) -> Vec<(String, Secret)> {
    let report = section.report();
    let written = section.entries();
    if written.len() > PROPERTIES_MAX {
        let text = format!("must not be more than {PROPERTIES_MAX}");
        report.mistake(section.path(), text);
    }
    let mut properties: Vec<(String, Secret)> = Vec::new();
    for (name, value) in written {
        let path = join(section.path(), name);
        if let Some(reason) = refused(name) {
            report.mistake(&path, format!("is refused: {reason}"));
        } else if let Some(value) = property(name, value, &path, &section, givers) {
            properties.push((name.clone(), value));
        }
    }
    together(&properties, &section, tls);
    properties
}

fn property(
    name: &str,
    value: &Value,
    path: &str,
    section: &Section<'_>,
    givers: &Givers<'_>,
) -> Option<Secret> {
    let report = section.report();
    let plain = match value {
        Value::Table(table) if !table.contains_key("env") && !table.contains_key("file") => {
            let quoted = "is a table without env or file; a property's name has dots in it and \
                 needs quotes, such as \"security.protocol\" = \"SSL\"";
            report.mistake(path, quoted);
            return None;
        }
        Value::Table(_) => {
            return givers.secret(path, value, section, false).map(|found| found.secret);
        }
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) => {
            let text =
                format!("must be text, a whole number or true/false, not {}", article(value));
            report.mistake(path, text);
            return None;
        }
    };
    if confidential(name) {
        // Reads as a mistake that does not show it.
        return givers
            .secret(path, &Value::String(plain), section, false)
            .map(|found| found.secret);
    }
    if plain.contains('\0') {
        report.mistake(path, "must not hold a zero byte");
        return None;
    }
    Some(Secret::new(plain.into_bytes()))
}

/// Whether a property may hold a secret, by its name.
fn confidential(name: &str) -> bool {
    let words = ["password", "secret", "passphrase"];
    words.iter().any(|word| name.contains(word))
        || name.split(['.', '_', '-']).any(|part| part == "key")
        || name == "sasl.oauthbearer.config"
}

/// Why a property may not be set, if so.
fn refused(name: &str) -> Option<&'static str> {
    const PROMISE: &str = "it carries the promise that nothing is lost, doubled or reordered, or \
         bounds what is in flight; hookgate sets it itself; take it out";
    const CODE: &str = "it takes code, not text; take it out";
    match name {
        "bootstrap.servers" | "metadata.broker.list" => Some("write kafka.brokers instead"),
        "compression.codec" | "compression.type" => Some("write kafka.compression instead"),
        "allow.auto.create.topics" => Some("write kafka.create_topics instead"),
        "produce.offset.report" | "sticky.partitioning.linger.ms" => Some(PROMISE),
        "default_topic_conf"
        | "interceptors"
        | "opaque"
        | "msg_order_cmp"
        | "enabled_events"
        | "ssl_key"
        | "ssl_certificate"
        | "ssl_ca"
        | "ssl_engine_callback_data" => Some(CODE),
        _ if name.ends_with("_cb") => Some(CODE),
        _ if RESERVED.contains(&name) || name.starts_with("transactional.") => Some(PROMISE),
        _ => None,
    }
}

/// What only the client library knows: whether properties exist and go together. What does not go
/// together is a warning, for it may depend on this machine (a certificate's file, for instance).
fn tried(settings: &Settings, report: &Report, path: &str) {
    if settings.properties.is_empty() {
        return;
    }
    let mistake = |name: &str, rule: &str| {
        let path = join(path, name);
        // What was refused with a better reason is not refused twice.
        if !report.has_mistake_at(&path) {
            report.mistake(&path, rule);
        }
    };
    for error in publish::check(settings) {
        match &error {
            SettingsError::UnknownProperty(name) => {
                let rule = "is not a property of librdkafka; see its CONFIGURATION.md";
                mistake(name, rule);
            }
            SettingsError::BadValue(name) => {
                let rule = "has a value that librdkafka refuses (not shown); see its \
                     CONFIGURATION.md";
                mistake(name, rule);
            }
            SettingsError::Contradiction(_)
            | SettingsError::Promise { .. }
            | SettingsError::Unregistered(_) => {
                report.warning(path, error.to_string());
            }
        }
    }
}

/// What properties mean beside each other.
fn together(properties: &[(String, Secret)], section: &Section<'_>, tls: bool) {
    let report = section.report();
    let get = |names: &[&str]| {
        let found = properties.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.and_then(|(name, value)| Some((name.as_str(), value.text()?)))
    };
    let lacking = "needs TLS, which this build leaves out: build hookgate with the feature `tls` \
         (it is on by default)";
    for (name, _) in properties {
        if !tls && name.starts_with("ssl.") {
            report.mistake(&section.key(name), lacking);
        }
    }
    let protocol = get(&["security.protocol"]).map(|(_, value)| value.to_ascii_uppercase());
    let mechanism = get(&["sasl.mechanism", "sasl.mechanisms"]);
    let at = section.key("security.protocol");
    match protocol.as_deref() {
        Some("SSL" | "SASL_SSL") if !tls => report.mistake(&at, lacking),
        Some("SASL_PLAINTEXT") => report.warning(&at, "the password crosses the net in the clear"),
        Some("PLAINTEXT" | "SSL" | "SASL_SSL") | None => {}
        Some(other) => {
            let rule = "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL";
            report.wrong(&at, other, rule);
        }
    }
    match mechanism {
        Some((name, value)) => match value {
            "PLAIN" => {}
            "SCRAM-SHA-256" | "SCRAM-SHA-512" if tls => {}
            "SCRAM-SHA-256" | "SCRAM-SHA-512" => report.mistake(&section.key(name), lacking),
            other => {
                let rule = "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; no other is built in";
                report.wrong(&section.key(name), other, rule);
            }
        },
        None if protocol.as_deref().is_some_and(|p| p.starts_with("SASL")) => {
            let text = "is SASL without \"sasl.mechanism\": the client's own choice is GSSAPI, \
                 which is not built in; set PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
            report.warning(&at, text);
        }
        None => {}
    }
    let unchecked = get(&["enable.ssl.certificate.verification"]);
    if unchecked.is_some_and(|(_, value)| value == "false") {
        let text = "anybody between here and the brokers can read and change events";
        report.warning(&section.key("enable.ssl.certificate.verification"), text);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Mistake;
    use crate::config::tests::*;

    #[test]
    fn properties_that_carry_the_promise_are_refused_by_name() {
        let names = "acks request.required.acks enable.idempotence max.in.flight \
             max.in.flight.requests.per.connection partitioner partitioner_cb transactional.id \
             transaction.timeout.ms message.timeout.ms delivery.timeout.ms retries \
             queue.buffering.max.messages queue.buffering.max.kbytes bootstrap.servers \
             metadata.broker.list compression.type allow.auto.create.topics dr_msg_cb \
             delivery.report.only.error sticky.partitioning.linger.ms";
        for name in names.split_whitespace() {
            let text = format!("{KAFKA}properties = {{ \"{name}\" = \"canary\" }}\n{KEYS}{SOURCE}");
            mistake(&text, "kafka.properties.", "is refused: ");
        }
    }

    #[test]
    fn a_confidential_property_comes_by_reference_only() {
        for name in ["sasl.password", "ssl.key.pem", "ssl.key.location", "x.client.secret"] {
            let text = format!("{KAFKA}properties = {{ \"{name}\" = \"canary\" }}\n{KEYS}{SOURCE}");
            mistake(&text, "kafka.properties.\"", "must not stand here itself");
        }
        let dotted =
            format!("{KAFKA}[kafka.properties]\nsecurity.protocol = \"SSL\"\n{KEYS}{SOURCE}");
        mistake(&dotted, "kafka.properties.security: ", "needs quotes");
        let text = "properties = { \"sasl.password\" = { env = \"S\" }, \
             \"socket.timeout.ms\" = 500, \
             \"security.protocol\" = \"SASL_PLAINTEXT\", \"sasl.mechanism\" = \"PLAIN\" }\n";
        let config = good(&format!("{KAFKA}{text}{KEYS}{SOURCE}"));
        let find = |name: &str| config.kafka.properties.iter().find(|(n, _)| n == name);
        assert_eq!(find("sasl.password").unwrap().1.text(), Some("canary-secret"));
        assert_eq!(find("socket.timeout.ms").unwrap().1.text(), Some("500"));
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn a_build_without_tls_names_the_missing_feature() {
        let properties = "properties = { \"security.protocol\" = \"SASL_SSL\", \
             \"sasl.mechanism\" = \"SCRAM-SHA-512\", \"ssl.ca.location\" = \"ca.pem\" }\n";
        let text = format!("{KAFKA}{properties}{KEYS}{SOURCE}");
        #[cfg(feature = "tls")]
        assert!(with(true, &text, &env()).is_ok());
        let mistakes = with(false, &text, &env()).unwrap_err();
        assert_eq!(mistakes.each().len(), 3, "{mistakes}");
        let named = |m: &Mistake| m.rule.contains("with the feature `tls`");
        assert!(mistakes.each().iter().all(named), "{mistakes}");
        let text =
            format!("{KAFKA}properties = {{ \"sasl.mechanism\" = \"GSSAPI\" }}\n{KEYS}{SOURCE}");
        mistake(&text, "kafka.properties.\"sasl.mechanism\" = \"GSSAPI\"", "no other is built in");
    }

    #[test]
    fn what_only_the_client_library_knows_is_asked_of_it() {
        let text = |property: &str| format!("{KAFKA}properties = {{ {property} }}\n{KEYS}{SOURCE}");
        let unknown = "\"linger.mss\" = 5";
        let says = "is not a property of librdkafka";
        mistake(&text(unknown), "kafka.properties.\"linger.mss\": ", says);
        let value = "\"linger.ms\" = \"canary\"";
        let says = "has a value that librdkafka refuses (not shown)";
        mistake(&text(value), "kafka.properties.\"linger.ms\": ", says);
        let beside = text("acks = 0, \"nonexistent.thing\" = 1").replace("k:9092", "k");
        let lines = mistakes(&beside);
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[1].starts_with("kafka.properties.acks: is refused"), "{lines:#?}");
        assert!(lines[2].starts_with("kafka.properties.\"nonexistent.thing\": is not a"));
        // PLAIN without a user name.
        let apart = "\"security.protocol\" = \"SASL_PLAINTEXT\", \"sasl.mechanism\" = \"PLAIN\"";
        let config = good(&text(apart));
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
        assert_eq!(config.warnings[1].key, "kafka.properties");
    }
}
