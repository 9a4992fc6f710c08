//! The checked configuration as it may be shown and compared: one line a key, secrets as digests.
//!
//! Promises: a secret's value is compared and digested, never shown; the fingerprint is keyed with
//! the identity key, so that no secret can be guessed from it; two texts that mean the same have
//! the same face; a source stands under its name, so that its place in the text means nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Admin, JournalSettings, Server, Source, Telemetry, Tenant, short_hash, unit};
use crate::desk::AcceptedRisk;
use crate::edge::Certified;
use crate::event::Digest128;
use crate::publish::{self, Delivery, Registry};
use crate::scrub::Keys;
use crate::secret::Secret;
use crate::verify::{Credentials, MaxAge, SigningSecret};

/// Keys outside of the sources that a reload brings into force.
const LIVE: &[&str] = &[
    "server.trusted_proxies",
    "server.drain_grace",
    "server.drain_deadline",
    "admin.token_file",
    "admin.client",
    "telemetry.log_accepted",
];

/// One key of the checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: String,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    /// What may be shown; of a secret its name.
    shown: String,
    secret: Option<Secret>,
}

/// All of it, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Face(BTreeMap<String, Value>);

/// What differs between two configurations, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What a reload brings into force.
    pub changed: Vec<String>,
    /// What only a restart does.
    pub needs_restart: Vec<String>,
}

impl Face {
    pub(super) fn of(
        server: &Server,
        admin: &Admin,
        journal: &JournalSettings,
        kafka: &publish::Settings,
        keys: &Keys,
        (sources, tenants): (&[Source], &[Tenant]),
    ) -> Self {
        let mut face = Self::default();
        face.add(of_server(server));
        face.add(of_tls("server.tls", server.tls.as_ref()));
        face.add(of_tls("admin.tls", admin.tls.as_ref()));
        let clients = admin.clients.each();
        let clients: Vec<_> = clients.map(|(name, role)| format!("{name} {role:?}")).collect();
        face.add((!clients.is_empty()).then(|| plain("admin.client", list(&clients))));
        face.add([
            plain("admin.listen", admin.listen),
            plain("journal.dir", journal.dir.display()),
            plain("journal.retention", unit::shown(journal.retention.age)),
            plain("journal.retention_max", journal.retention.bytes_max),
        ]);
        face.add(of_keys(keys));
        // As a secret: a digest of a digest, and still nobody's business.
        let tokens = admin.tokens.as_ref().map(|tokens| Secret::new(tokens.digest().to_vec()));
        face.add(tokens.map(|tokens| hidden("admin.token_file", "", &tokens)));
        face.add(of_kafka(kafka));
        for source in sources {
            face.add(of_source(source));
        }
        for tenant in tenants {
            face.add(of_tenant(tenant));
        }
        face
    }

    /// What a reload from this one to `new` changes, and what it cannot.
    pub fn difference(&self, new: &Self) -> Difference {
        let mut difference = Difference::default();
        for name in self.sources().symmetric_difference(&new.sources()) {
            let what = if self.sources().contains(name) { "removed" } else { "added" };
            difference.changed.push(format!("source.{name} {what}"));
        }
        let both: BTreeSet<_> = self.sources().intersection(&new.sources()).copied().collect();
        let keys: BTreeSet<_> = self.0.keys().chain(new.0.keys()).collect();
        for key in keys {
            let of_one_alone = source_of(key).is_some_and(|name| !both.contains(name));
            let (before, now) = (self.0.get(key), new.0.get(key));
            if before == now || of_one_alone {
                continue;
            }
            let line = told(key, before, now);
            match is_live(key) {
                true => difference.changed.push(line),
                false => difference.needs_restart.push(line),
            }
        }
        difference
    }

    /// What is in force once `new` has been read: its live keys, and the others of this one.
    #[must_use]
    pub fn reloaded(&self, new: Self) -> Self {
        let stays = self.0.iter().filter(|(key, _)| !is_live(key));
        let stays = stays.map(|(key, value)| (key.clone(), value.clone()));
        let comes = new.0.into_iter().filter(|(key, _)| is_live(key));
        Self(stays.chain(comes).collect())
    }

    /// One short text for all of it, keyed with the identity key: equal for the same settings, and
    /// another with any key or secret changed.
    pub fn fingerprint(&self, identity: &Secret) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(identity.bytes()) else {
            return String::new();
        };
        let mut field = |bytes: &[u8]| {
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        };
        field(b"configuration");
        for (key, value) in &self.0 {
            field(key.as_bytes());
            field(value.shown.as_bytes());
            field(value.secret.as_ref().map_or(&[], Secret::bytes));
        }
        let mut first = [0; 16];
        let whole = mac.finalize().into_bytes();
        first.iter_mut().zip(whole).for_each(|(byte, of)| *byte = of);
        format!("cf1_{}", Digest128(first))
    }

    pub(super) fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.0.extend(entries.into_iter().map(|entry| (entry.key, entry.value)));
    }

    fn sources(&self) -> BTreeSet<&str> {
        self.0.keys().filter_map(|key| source_of(key)).collect()
    }
}

/// What a source's scheme is built from.
pub(super) fn signing(credentials: &Credentials) -> Vec<Entry> {
    let age = match credentials.max_age {
        MaxAge::Default => "default".to_owned(),
        MaxAge::Off => "off".to_owned(),
        MaxAge::Within(age) => unit::shown(age),
    };
    let mut entries = vec![
        plain("scheme", credentials.scheme.as_deref().unwrap_or("default")),
        plain("awaiting_secret", credentials.awaiting_secret),
        plain("signature_max_age", age),
    ];
    let secret = |key: String, signing: &SigningSecret| {
        let shown = match signing.not_after {
            Some(end) => format!("{} (not_after {end})", signing.label),
            None => signing.label.clone(),
        };
        hidden(&key, &shown, &signing.secret)
    };
    let secrets = credentials.secrets.iter().enumerate();
    entries.extend(secrets.map(|(place, signing)| secret(format!("secrets[{place}]"), signing)));
    let keys = credentials.keys.iter().enumerate();
    entries.extend(keys.map(|(place, key)| secret(format!("keys[{place}]"), &key.signing)));
    entries
}

fn of_server(server: &Server) -> [Entry; 6] {
    [
        plain("server.instance", &server.instance),
        plain("server.listen", server.listen),
        plain("server.body_max", server.body_max),
        plain("server.trusted_proxies", list(&server.trusted_proxies)),
        plain("server.drain_grace", unit::shown(server.drain_grace)),
        plain("server.drain_deadline", unit::shown(server.drain_deadline)),
    ]
}

/// Paths alone: what the files hold comes into force by itself, and is no setting.
fn of_tls(of: &str, tls: Option<&Certified>) -> Vec<Entry> {
    let Some(files) = tls.map(Certified::files) else {
        return Vec::new();
    };
    let path = |key: &str, path: &Path| plain(&format!("{of}.{key}"), path.display());
    let mut entries = vec![path("cert", &files.cert), path("key", &files.key)];
    entries.extend(files.client_ca.as_deref().map(|file| path("client_ca", file)));
    entries
}

/// `[telemetry]`.
pub(super) fn of_telemetry(telemetry: &Telemetry) -> Vec<Entry> {
    let mut entries = vec![plain("telemetry.log_accepted", telemetry.log_accepted)];
    if let Some(otlp) = &telemetry.otlp {
        entries.push(plain("telemetry.otlp.endpoint", &otlp.endpoint));
        entries.push(plain("telemetry.otlp.share", otlp.share));
    }
    entries
}

fn of_kafka(kafka: &publish::Settings) -> Vec<Entry> {
    let delivery = match kafka.delivery {
        Delivery::AtLeastOnce => "at_least_once",
        Delivery::ExactlyOnce => "exactly_once",
    };
    let topics = kafka.create_topics.map_or("false".to_owned(), |creation| {
        let (partitions, copies) = (creation.partitions, creation.replication_factor);
        format!("true (partitions {partitions}, replication_factor {copies})")
    });
    let mut entries = vec![
        plain("kafka.brokers", &kafka.brokers),
        plain("kafka.topic_prefix", &kafka.topic_prefix),
        plain("kafka.delivery", delivery),
        plain("kafka.create_topics", topics),
        plain("kafka.compression", &kafka.compression),
    ];
    let property = |(name, value): &(String, Secret)| {
        hidden(&super::raw::join("kafka.properties", name), "", value)
    };
    entries.extend(kafka.properties.iter().map(property));
    entries.extend(kafka.registry.iter().flat_map(of_registry));
    entries
}

fn of_registry(registry: &Registry) -> Vec<Entry> {
    let at = |key: &str| format!("kafka.schema_registry.{key}");
    let mut entries = vec![
        plain(&at("url"), &registry.url),
        plain(&at("framing"), registry.framing.as_str()),
        plain(&at("register"), registry.register),
    ];
    if let Some((name, password)) = &registry.account {
        entries.extend([plain(&at("username"), name), hidden(&at("password"), "", password)]);
    }
    let authority = registry.authority.as_ref();
    // No secret, but too long to show.
    let authority = authority.map(|pem| Secret::new(pem.as_bytes().to_vec()));
    entries.extend(authority.map(|pem| hidden(&at("ca"), "", &pem)));
    entries
}

fn of_keys(keys: &Keys) -> Vec<Entry> {
    let mut entries = vec![
        hidden("keys.identity", "", &keys.identity),
        hidden("keys.pseudonym", "", &keys.pseudonym.key),
        plain("keys.version", keys.pseudonym.version),
    ];
    let identity = keys.former_identity.as_ref();
    entries.extend(identity.map(|key| hidden("keys.previous.identity", "", key)));
    if let Some(former) = &keys.pseudonym.former {
        entries.push(hidden("keys.previous.pseudonym", "", &former.key));
        entries.push(plain("keys.previous.until", former.until));
    }
    entries
}

fn of_tenant(tenant: &Tenant) -> Vec<Entry> {
    let Tenant { name, retention, class, recording, hipaa_tier, launched, .. } = tenant;
    let retention = retention.map_or("journal.retention".to_owned(), unit::shown);
    let mut entries = vec![
        plain("retention", retention),
        plain("class", class.as_str()),
        plain("recording", recording.as_str()),
        plain("hipaa_tier", hipaa_tier),
        plain("launched", launched),
        plain("policy", short_hash(&tenant.policy)),
        plain("national_id_patterns", list(&tenant.national_ids)),
    ];
    if let Some(own) = &tenant.pseudonym_key {
        entries.push(hidden("pseudonym_key", "", &own.key));
        entries.push(plain("pseudonym_version", own.version));
        // A former root is whichever is in force, so that a new one in the text changes nothing.
        entries.extend(own.former.as_ref().map(|former| match tenant.former_from_root {
            true => plain("previous_pseudonym", format!("from_root until {}", former.until)),
            false => hidden("previous_pseudonym", &format!("until {}", former.until), &former.key),
        }));
    }
    let below = |entry: Entry| Entry { key: format!("tenant.{name}.{}", entry.key), ..entry };
    entries.into_iter().map(below).collect()
}

fn of_source(source: &Source) -> Vec<Entry> {
    let boundary = &source.boundary;
    let pattern = |pattern: &Option<regex::Regex>| match pattern {
        Some(pattern) => format!("{:?}", pattern.as_str()),
        None => "none".to_owned(),
    };
    // What stands for a label may be somebody's name: compared, and not shown.
    let roles = boundary.role_map.iter().map(|(text, label)| format!("{text:?} {label:?}\n"));
    let roles = Secret::new(roles.collect::<String>().into_bytes());
    let texts = format!("{} texts", boundary.role_map.len());
    let risks = AcceptedRisk::of(boundary).into_iter().map(|risk| risk.to_string());
    let risks: Vec<_> = risks.collect();
    let rate = format!("{} a second, burst {}", source.rate.per_second, source.rate.burst);
    let mut entries = vec![
        plain("provider", boundary.provider.as_str()),
        plain("tenant", boundary.tenant.as_str()),
        plain("aliases", list(source.routes.get(1..).unwrap_or_default())),
        plain("mode", source.mode.as_str()),
        plain("rate", rate),
        plain("role_labels", list(&boundary.role_labels)),
        hidden("role_map", &texts, &roles),
        plain("on_violation", boundary.on_violation.as_str()),
        plain("policy", short_hash(&boundary.policy)),
        plain("policy.accept_risk", list(&risks)),
        plain("room_name", pattern(&boundary.room_name)),
        plain("artifact_key", pattern(&boundary.artifact_key)),
        plain("capture", source.capture),
    ];
    entries.extend(source.signing.iter().cloned());
    let below =
        |entry: Entry| Entry { key: format!("source.{}.{}", boundary.source, entry.key), ..entry };
    entries.into_iter().map(below).collect()
}

fn plain(key: &str, value: impl ToString) -> Entry {
    Entry { key: key.to_owned(), value: Value { shown: value.to_string(), secret: None } }
}

fn hidden(key: &str, shown: &str, secret: &Secret) -> Entry {
    let value = Value { shown: shown.to_owned(), secret: Some(secret.clone()) };
    Entry { key: key.to_owned(), value }
}

fn list<T: ToString>(of: &[T]) -> String {
    let each: Vec<_> = of.iter().map(|one| format!("{:?}", one.to_string())).collect();
    format!("[{}]", each.join(", "))
}

/// The name of the source that a key belongs to; names have no dots.
fn source_of(key: &str) -> Option<&str> {
    key.strip_prefix("source.")?.split('.').next()
}

fn is_live(key: &str) -> bool {
    source_of(key).is_some() || key.starts_with("tenant.") || LIVE.contains(&key)
}

fn told(key: &str, before: Option<&Value>, now: Option<&Value>) -> String {
    match (before.map(|value| value.shown.as_str()), now.map(|value| value.shown.as_str())) {
        (Some(before), Some(now)) if before == now => format!("{key} changed"),
        (None, Some("")) => format!("{key} added"),
        (Some(""), None) => format!("{key} removed"),
        (before, now) => {
            format!("{key}: {} → {}", before.unwrap_or("none"), now.unwrap_or("none"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULTS, parse_for, read};
    use crate::clock::Timestamp;
    use crate::config::tests::*;

    use super::*;

    fn changed(before: &str, now: &str) -> Difference {
        good(before).face.difference(&good(now).face)
    }

    #[test]
    fn every_key_that_is_known_has_its_place_in_the_face() {
        let mut known = Vec::new();
        let seen = |report: &read::Report| known.extend(report.known().iter().cloned());
        let (folder, now) = (tempfile::tempdir().unwrap(), Timestamp::from_millis(0));
        let folder = folder.path();
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        for (file, text) in [
            ("gate.crt", pair.cert.pem()),
            ("gate.key", pair.signing_key.serialize_pem()),
            ("admin.crt", pair.cert.pem()),
            ("admin.key", pair.signing_key.serialize_pem()),
            ("ca.crt", pair.cert.pem()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let env = env().into();
        let previous = "until = \"2027-01-01T00:00:00Z\" }\n";
        let of_keys = format!(
            "[keys]\nprevious = {{ identity = {{ env = \"OLD_I\" }}, \
             pseudonym = {{ env = \"OLD_P\" }}, {previous}"
        );
        let of_tenant = format!(
            "[[tenant]]\npseudonym_key = {{ env = \"TENANT\" }}\n\
             previous_pseudonym = {{ key = {{ env = \"OLD_TENANT\" }}, {previous}"
        );
        let text = DEFAULTS.replace("[keys]\n", &of_keys).replace("[[tenant]]\n", &of_tenant);
        let text = text.replace("version = 1\n", "version = 2\n").replace("# tls =", "tls =");
        let client = "# [[admin.client]]\n# name = \"olga\"\n# role";
        let text = text.replace(client, &client.replace("# ", ""));
        let registry = "properties = {}\nschema_registry = { url = \"http://r\", \
             username = \"u\", password = { env = \"S\" } }\n";
        let text = text.replace("properties = {}\n", registry);
        let text = match cfg!(feature = "otlp") {
            true => text.replace("# [telemetry.otlp]", "[telemetry.otlp]\nendpoint = \"http://c\""),
            false => text,
        };
        let config = parse_for(true, &text, folder, &env, &providers(), now, seen).unwrap();
        // They stand for something else.
        let without = [
            "telemetry.otlp",
            "admin.token_file",
            "admin.allow_plaintext",
            "kafka.partitions",
            "kafka.replication_factor",
            "kafka.properties",
            "kafka.schema_registry",
            "kafka.schema_registry.ca",
            "source[].name",
            "tenant[].name",
        ];
        // A key without the names and places in it: `source.daily.secrets[0]` is `source.secrets`.
        let bare = |place: &String| {
            let place = place.split('[').next().unwrap_or_default();
            let mut steps: Vec<_> = place.split('.').collect();
            if matches!(steps[0], "source" | "tenant") {
                steps.remove(1);
            }
            steps.join(".")
        };
        let places: Vec<String> = config.face.0.keys().map(bare).collect();
        let within = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let sections = |key: &&String| key.contains('.') && !without.contains(&key.as_str());
        // In builds without it its section is refused as a whole.
        let built = |key: &&String| cfg!(feature = "otlp") || !key.contains("telemetry.otlp");
        for key in known.iter().filter(sections).filter(built) {
            let key = key.replace("[]", "");
            let found = places.iter().any(|at| within(&key, at) || within(at, &key));
            assert!(found, "{key} is not in the face: a reload would not see it change");
        }
    }

    #[test]
    fn a_difference_shows_old_and_new_and_of_a_secret_that_it_changed() {
        let more = "mode = \"hold\"\nrate = { per_second = 5 }\n";
        let expected = [
            "source.a.mode: live → hold",
            "source.a.rate: 2000 a second, burst 4000 → 5 a second, burst 10",
        ];
        assert_eq!(changed(&source(""), &source(more)).changed, expected);
        let rolled = SOURCE.replace("[{ env = \"S\" }]", "[{ env = \"S\" }, { env = \"I\" }]");
        let rolled = format!("{KAFKA}{KEYS}{rolled}");
        assert_eq!(changed(&source(""), &rolled).changed, ["source.a.secrets[1]: none → I"]);
        let mut other = env();
        other.insert("S".to_owned(), "another canary".to_owned());
        let other = with(true, &source(""), &other).unwrap().face;
        let secret = good(&source("")).face.difference(&other);
        assert_eq!(secret.changed, ["source.a.secrets[0] changed"]);
        let second = SOURCE.replace("\"a\"", "\"b\"");
        let both = format!("{}{second}", source(""));
        assert_eq!(changed(&source(""), &both).changed, ["source.b added"]);
        assert_eq!(changed(&both, &source("")).changed, ["source.b removed"]);
        let swapped = format!("{KAFKA}{KEYS}{second}{SOURCE}");
        assert_eq!(changed(&both, &swapped), Difference::default());
    }

    #[test]
    fn keys_need_a_restart_and_those_of_a_tenant_do_not_and_none_is_shown() {
        let until = "until = \"2027-01-01T00:00:00Z\"";
        let text = |keys: &str, tenant: &str| {
            format!("{KAFKA}{KEYS}{keys}\n{SOURCE}[[tenant]]\nname = \"t\"\n{tenant}")
        };
        let previous = format!("previous = {{ pseudonym = {{ env = \"OLD_P\" }}, {until} }}");
        let rotated = format!("version = 2\n{previous}");
        let expected = [
            "keys.previous.pseudonym added",
            "keys.previous.until: none → 2027-01-01T00:00:00.000Z",
            "keys.version: 1 → 2",
        ];
        let difference = changed(&text("", ""), &text(&rotated, ""));
        assert_eq!(difference.needs_restart, expected);
        assert_eq!(difference.changed.len(), 0);
        let own = format!(
            "pseudonym_key = {{ env = \"TENANT\" }}\npseudonym_version = 2\n\
             previous_pseudonym = {{ key = {{ env = \"OLD_TENANT\" }}, {until} }}"
        );
        let expected = [
            "tenant.t.previous_pseudonym: none → until 2027-01-01T00:00:00.000Z",
            "tenant.t.pseudonym_key added",
            "tenant.t.pseudonym_version: none → 2",
        ];
        let difference = changed(&text("", ""), &text("", &own));
        assert_eq!(difference.changed, expected);
        assert_eq!(difference.needs_restart.len(), 0);
        let swapped = own.replace("OLD_TENANT", "OLD_I");
        let difference = changed(&text("", &own), &text("", &swapped));
        assert_eq!(difference.changed, ["tenant.t.previous_pseudonym changed"]);
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays_in_the_face_that_is_in_force() {
        let server = |text: &str| format!("[server]\ninstance = \"g\"\n{text}\n{}", source(""));
        let (before, now) = (server(""), server("body_max = \"1MiB\"\ndrain_grace = \"1s\""));
        let difference = changed(&before, &now);
        assert_eq!(difference.needs_restart, ["server.body_max: 4194304 → 1048576"]);
        assert_eq!(difference.changed, ["server.drain_grace: 5s → 1s"]);
        let in_force = good(&before).face.reloaded(good(&now).face);
        let again = in_force.difference(&good(&now).face);
        assert_eq!((again.changed.len(), again.needs_restart.len()), (0, 1));
        let key = Secret::new(vec![7; 32]);
        assert_ne!(in_force.fingerprint(&key), good(&now).face.fingerprint(&key));
    }

    #[test]
    fn a_fingerprint_is_equal_for_the_same_settings_and_changes_with_every_key_and_secret() {
        let key = Secret::new(vec![7; 32]);
        let of = |text: &str, env| with(true, text, &env).unwrap().face.fingerprint(&key);
        let server = |text: &str| format!("[server]\ninstance = \"g\"\n{text}\n{}", source(""));
        let first = of(&server(""), env());
        assert!(first.starts_with("cf1_") && first.len() == 30, "{first}");
        // A default that is written is the default.
        assert_eq!(first, of(&server("body_max = \"4096KiB\""), env()));
        assert_ne!(first, of(&server("body_max = \"1MiB\""), env()));
        let mut other = env();
        other.insert("S".to_owned(), "another canary".to_owned());
        assert_ne!(first, of(&server(""), other));
        let identity = good(&server("")).face.fingerprint(&Secret::new(vec![8; 32]));
        assert_ne!(first, identity);
    }
}
