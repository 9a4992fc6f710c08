//! What the configuration promises, through [`parse`](super::parse).

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::delivery::Head;
use crate::event::ProviderName;
use crate::normalize::daily::Daily;
use crate::verify::{Claimed, Credentials, Manners, Ready, Refusal, Scheme};

/// A scheme that believes nobody: what is checked here stands before verification.
struct Nobody(Vec<String>);

impl Scheme for Nobody {
    fn headers(&self) -> &'static [&'static str] {
        &[]
    }
    fn open(&self, _: &Head) -> Result<Claimed, Refusal> {
        Err(Refusal::Missing)
    }
    fn prove(&self, _: &Claimed, _: Timestamp, _: &[u8]) -> Result<Option<usize>, Refusal> {
        Err(Refusal::Missing)
    }
    fn is_ping(&self, _: &[u8]) -> bool {
        false
    }
    fn secret_labels(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
    fn secret_ends(&self) -> Vec<Option<Timestamp>> {
        vec![None; self.0.len()]
    }
    fn sign(&self, _: &[u8], _: Timestamp) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    fn manners(&self) -> Manners {
        Manners { client_errors_are_final: false, refusals_silence: false }
    }
}

fn build(credentials: Credentials, _: Timestamp) -> Result<Ready, Vec<verify::Mistake>> {
    let mistake =
        |key: &str, rule: &str| verify::Mistake { key: key.to_owned(), rule: rule.to_owned() };
    if credentials.scheme.as_deref() == Some("wrong") {
        return Err(vec![mistake("scheme", "is wrong")]);
    }
    let secrets = credentials.secrets.iter().map(|s| s.label.clone());
    let keys = credentials.keys.iter().map(|k| k.signing.label.clone());
    let short = credentials.secrets.iter().any(|s| s.secret.bytes().len() < 4);
    let warnings = short.then(|| mistake("secrets[0]", "is short"));
    Ok(Ready {
        scheme: Box::new(Nobody(secrets.chain(keys).collect())),
        warnings: warnings.into_iter().collect(),
    })
}

pub(super) fn providers() -> Providers {
    ["daily", "livekit"].into_iter().fold(Providers::none(), |providers, name| {
        providers.with(Provider { name: ProviderName::new(name), build, dialect: &Daily })
    })
}

pub(super) const KEYS: &str = "[keys]\nidentity = { env = \"I\" }\npseudonym = { env = \"P\" }\n";
pub(super) const KAFKA: &str = "[kafka]\nbrokers = \"k:9092\"\n";
pub(super) const SOURCE: &str = "[[source]]\nname = \"a\"\nprovider = \"daily\"\ntenant = \"t\"\n\
     secrets = [{ env = \"S\" }]\n";

pub(super) fn env() -> BTreeMap<String, String> {
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    [
        ("I", key(1)),
        ("P", key(2)),
        ("OLD_I", key(3)),
        ("OLD_P", key(4)),
        ("TENANT", key(5)),
        ("OLD_TENANT", key(6)),
        ("HOOKGATE_IDENTITY_KEY", key(1)),
        ("HOOKGATE_PSEUDONYM_KEY", key(2)),
        ("S", "canary-secret\n".to_owned()),
        ("DAILY_WEBHOOK_SECRET", "canary-secret".to_owned()),
        ("LIVEKIT_API_SECRET", "canary-secret".to_owned()),
        ("KAFKA_PASSWORD", "canary-secret".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

pub(super) fn with(
    tls: bool,
    text: &str,
    env: &BTreeMap<String, String>,
) -> Result<Config, Mistakes> {
    within(tls, text, &env.clone().into())
}

pub(super) fn within(tls: bool, text: &str, env: &Environment) -> Result<Config, Mistakes> {
    below(Path::new("/nowhere"), tls, text, env)
}

/// The same with the files of a folder.
pub(super) fn below(
    folder: &Path,
    tls: bool,
    text: &str,
    env: &Environment,
) -> Result<Config, Mistakes> {
    let now = Timestamp::from_millis(1_795_168_800_000);
    parse_for(tls, text, folder, env, &providers(), now, |_| {})
}

pub(super) fn good(text: &str) -> Config {
    with(true, text, &env()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The mistakes as printed, none of which may show a secret.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let Err(mistakes) = with(true, text, &env()) else {
        panic!("no mistake in {text}");
    };
    let lines: Vec<String> = mistakes.each().iter().map(Mistake::to_string).collect();
    assert!(!lines.concat().contains("canary"), "{lines:?}");
    lines
}

/// The one mistake of a text, and what it must say.
pub(super) fn mistake(text: &str, start: &str, says: &str) {
    let lines = mistakes(text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(start), "{lines:?}");
    assert!(lines[0].contains(says), "{lines:?}");
}

pub(super) fn source(extra: &str) -> String {
    format!("{KAFKA}{KEYS}{SOURCE}{extra}\n")
}

#[test]
fn the_documented_defaults_are_the_defaults_in_force() {
    let silent = good(
        "[kafka]\nbrokers = \"kafka-1:9092,kafka-2:9092\"\n\
         [keys]\nidentity = { env = \"I\" }\npseudonym = { env = \"P\" }\n\
         [[source]]\nname = \"daily\"\nprovider = \"daily\"\ntenant = \"tenant-example\"\n\
         secrets = [{ env = \"DAILY_WEBHOOK_SECRET\" }]\n",
    );
    let documented = good(DEFAULTS);
    let shown = |config: &Config| {
        let source = &config.sources[0];
        format!(
            "{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:?}",
            config.server,
            config.admin,
            config.journal,
            config.kafka,
            config.telemetry,
            config.warnings,
            source.routes,
            source.boundary,
            source.rate,
            source.mode,
        )
    };
    assert_eq!(shown(&silent), shown(&documented));
    assert_eq!(documented.sources[1].scheme.secret_labels(), ["APIexample"]);
}

#[test]
fn the_documented_defaults_name_every_key_that_is_known() {
    let mut known = Vec::new();
    let now = Timestamp::from_millis(0);
    let folder = Path::new("/");
    let seen = |report: &read::Report| known.extend(report.known().iter().cloned());
    parse_for(true, DEFAULTS, folder, &env().into(), &providers(), now, seen).unwrap();
    assert!(known.len() > 40, "{known:?}");
    for path in known {
        let key = path.rsplit('.').next().unwrap();
        let written = format!("{key} = ");
        let headed = [format!("[{key}]"), format!("[{path}]")];
        assert!(
            DEFAULTS.contains(&written) || headed.iter().any(|headed| DEFAULTS.contains(headed)),
            "default.toml does not name {path}"
        );
    }
}

#[test]
fn every_mistake_is_found_at_once() {
    let lines = mistakes(
        "typo = 1\n[server]\nlisten = \"nowhere\"\nbody_max = 5\nlistn = \"canary\"\n\
         [admin]\nlisten = \"0.0.0.0:9080\"\n[kafka]\nbrokers = \"k\"\ncompression = \"zip\"\n\
         properties = { acks = 0 }\n[keys]\nidentity = \"canary\"\n\
         [[source]]\nname = \"A\"\nprovider = \"zoom\"\nrate = { per_second = 0, brust = 1 }\n\
         [[source]]\nname = \"b\"\nprovider = \"daily\"\ntenant = \"t\"\nmode = \"idle\"\n\
         [[tenant]]\nclass = \"clinic\"\n",
    );
    let starts = [
        "server.listen = \"nowhere\": must be an address",
        "server.body_max = 5: must be text",
        "server.listn: is unknown; known here: body_max, drain_deadline",
        "admin.listen = \"0.0.0.0:9080\": must be on loopback",
        "kafka.brokers = \"k\": must be host:port",
        "kafka.compression = \"zip\": must be one of",
        "kafka.properties.acks: is refused",
        "keys.identity: must not stand here itself (it is a text, not shown)",
        "keys.pseudonym: is missing",
        "source[0].name = \"A\": must be",
        "source[0].provider = \"zoom\": must be \"daily\" or \"livekit\"",
        "source[0].tenant: is missing",
        "source[0].rate.per_second = 0: must be a whole number from 1",
        "source[0].rate.brust: is unknown",
        "source[1].mode = \"idle\": must be one of \"live\", \"hold\" or \"shadow\"",
        "tenant[0].name: is missing",
        "tenant[0].class = \"clinic\": must be one of \"patients\", \"pupils\" or \"standard\"",
        "typo: is unknown; known here: admin, journal, kafka, keys, server, source, telemetry, te",
    ];
    for start in starts {
        let found = lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(found, 1, "{start}\n{lines:#?}");
    }
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
}

#[test]
fn an_empty_text_names_what_has_to_be_written() {
    let lines = mistakes("");
    let keys: Vec<_> = lines.iter().map(|l| l.split(':').next().unwrap()).collect();
    assert_eq!(keys, ["kafka.brokers", "keys.identity", "keys.pseudonym", "source"]);
}

#[test]
fn deliveries_are_captured_only_where_the_source_allows_it() {
    let captures = |line: &str| good(&source(line)).sources[0].capture;
    assert!(captures("capture = true\n"));
    assert!(!captures("capture = false\n") && !captures(""));
}

#[test]
fn a_mistake_names_the_variable_that_made_it() {
    let mut env = env();
    let name = "HOOKGATE__SOURCE__0__RATE__PER_SECOND".to_owned();
    env.insert(name, "fast".to_owned());
    let mistakes = with(true, &source(""), &env).unwrap_err();
    let line = mistakes.to_string();
    assert!(line.starts_with("source[0].rate.per_second = \"fast\""), "{line}");
    assert!(line.ends_with("(set by HOOKGATE__SOURCE__0__RATE__PER_SECOND)"), "{line}");
}
