//! Every example configuration is read as an operator's would be, and what runs by it fits it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the finding"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::{CommandFactory, Parser};
use hookgate::bounds::{DRAIN_LAST_WORDS, STOP_SLACK};
use hookgate::cli::{Arguments, Verb};
use hookgate::clock::Timestamp;
use hookgate::config::{self, Class, Config, HIPAA_TIER_REQUIRED, Mistakes};
use hookgate::event::Kind;
use hookgate::providers::Providers;
use hookgate::scrub::Recording;
use hookgate::scrub::policy::{self, Action};

const IDENTITY: &str = "ERERERERERERERERERERERERERERERERERERERERERE=";
const PSEUDONYM: &str = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";

/// Where systemd shows the unit's credentials.
const CREDENTIALS: &str = "/run/credentials/hookgate.service/";

/// The contract's example with all that is built.
const CONTRACT: &str = r#"
[server]
instance = "gate-1"               # default: the host name; stable over restarts, unique in a fleet
listen = "0.0.0.0:8080"
body_max = "4MiB"                 # LiveKit metadata makes bodies of two megabytes legal
trusted_proxies = ["10.0.0.0/8"]  # only these may say whom they speak for (X-Forwarded-For, PROXY protocol)
drain_grace = "5s"                # not ready, but still taking deliveries, so that a load balancer can look away
drain_deadline = "20s"
# tls = { cert = "…", key = "…" } # re-read when the files change

[admin]
listen = "127.0.0.1:9080"         # /livez /readyz /metrics are open, all else needs a token

[journal]
dir = "/var/lib/hookgate"

[kafka]
brokers = "kafka-1:9092,kafka-2:9092"
topic_prefix = "video"            # video.recording, video.participant, video.lifecycle, video.quarantine
delivery = "at_least_once"        # or "exactly_once"
create_topics = false             # with partitions = 12, replication_factor = 3
compression = "zstd"
properties = { "security.protocol" = "SASL_SSL", "sasl.password" = { env = "KAFKA_PASSWORD" } }

[keys]                            # 32 random bytes in base64 each
identity = { env = "HOOKGATE_IDENTITY_KEY" }    # event ids and record keys; the same on every instance
pseudonym = { env = "HOOKGATE_PSEUDONYM_KEY" }  # persons, and rooms whose names may not leave
version = 2
previous = { identity = { env = "OLD_IDENTITY" }, pseudonym = { env = "OLD_PSEUDONYM" }, until = "2027-01-01T00:00:00Z" }

[[tenant]]                        # optional; a source may name a tenant that has no section
name = "tenant-curaway-patients"
class = "patients"                # "pupils", "standard"
recording = "forbidden"
hipaa_tier = true
launched = true
retention = "90d"
pseudonym_key = { env = "TENANT" }
policy = "patients.toml"
national_id_patterns = ["[A-Z][0-9]{9}"]

[[source]]
name = "curaway-daily"            # POST /v1/webhooks/curaway-daily
provider = "daily"                # or "livekit"
tenant = "tenant-curaway-patients"
aliases = ["/v1/daily_webhook"]
secrets = [ { env = "DAILY_WEBHOOK_SECRET" }, { file = "old-secret", not_after = "2026-12-01T00:00:00Z" } ]
# scheme = "hex"                  # X-Daily-Signature
# awaiting_secret = true          # while a webhook is being registered
mode = "live"
signature_max_age = "2h"          # by the signed timestamp; "off" allowed
rate = { per_second = 1000, burst = 2000 }
on_violation = "quarantine"       # or "mask"
role_labels = ["Doctor", "Patient", "Companion"]
role_map = { "host" = "Doctor" }  # from the same three fields to a label
capture = true                    # allows `hookgate capture`
room_name = "^consult-[0-9a-f]{8}$"   # names that match may leave as they are; others leave as pseudonyms
artifact_key = "^recordings/[0-9a-f-]{36}/"   # storage keys that match may leave

[[source]]
name = "classes"
provider = "livekit"
tenant = "tenant-school"
keys = [ { api_key = "APIabc", secret = { env = "LIVEKIT_API_SECRET" } } ]
"#;

const STRICTER: &str = "[[rule]]\nfields = [\"participant.region\"]\naction = \"drop\"\n\
     reason = \"nobody needs it\"\n";

fn env() -> BTreeMap<String, String> {
    [
        ("HOOKGATE_IDENTITY_KEY", IDENTITY),
        ("HOOKGATE_PSEUDONYM_KEY", PSEUDONYM),
        ("DAILY_WEBHOOK_SECRET", IDENTITY),
        ("LIVEKIT_API_SECRET", IDENTITY),
        ("KAFKA_PASSWORD", "canary-password"),
        ("OLD_IDENTITY", "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM="),
        ("OLD_PSEUDONYM", "REREREREREREREREREREREREREREREREREREREREREQ="),
        ("TENANT", "VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVU="),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn parse(text: &str, env: &BTreeMap<String, String>) -> Result<Config, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    for file in
        ["old-secret", "secret_identity", "secret_pseudonym", "secret_daily", "secret_kafka"]
    {
        let secret = if file == "secret_pseudonym" { PSEUDONYM } else { IDENTITY };
        let path = folder.path().join(file);
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    }
    std::fs::write(folder.path().join("patients.toml"), STRICTER).unwrap();
    let text = text.replace("FOLDER", folder.path().to_str().unwrap());
    let now = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
    config::parse(&text, folder.path(), env, &Providers::standard(), now)
}

/// A build without TLS names the feature that an example needs; any other build takes it.
fn passing(parsed: Result<Config, Mistakes>) -> Option<Config> {
    match parsed {
        Ok(config) => Some(config),
        Err(mistakes) if cfg!(feature = "tls") => panic!("{mistakes}"),
        Err(mistakes) => {
            let named = |m: &config::Mistake| m.rule.contains("with the feature `tls`");
            assert!(mistakes.each().iter().all(named), "{mistakes}");
            None
        }
    }
}

#[test]
fn the_contract_s_example_passes() {
    let Some(config) = passing(parse(CONTRACT, &env())) else {
        return;
    };
    assert_eq!(config.server.instance.as_str(), "gate-1");
    assert_eq!(config.sources.len(), 2);
    let daily = &config.sources[0];
    assert_eq!(daily.routes, ["/v1/webhooks/curaway-daily", "/v1/daily_webhook"]);
    let labels = daily.scheme.secret_labels();
    assert_eq!(labels, ["DAILY_WEBHOOK_SECRET", "old-secret"]);
    let tenant = &config.tenants[0];
    assert!((tenant.class, tenant.launched) == (Class::Patients, true) && tenant.hipaa_tier);
    let boundary = &daily.boundary;
    assert_eq!(boundary.recording, Recording::Forbidden);
    assert_eq!(boundary.national_ids.len(), 1);
    let dropped = boundary.policy.action_of(Kind::ParticipantJoined, "participant.region");
    assert_eq!(dropped, Some(Action::Drop));
    assert_eq!(config.keys.pseudonym.former.as_ref().map(|former| former.version), Some(1));
    let rest = |key: &str| !key.starts_with("kafka.");
    assert!(!config.warnings.iter().any(|w| rest(&w.key)), "{:?}", config.warnings);
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn the_documented_defaults_pass_with_the_real_providers() {
    let config = passing(parse(config::DEFAULTS, &env())).unwrap();
    assert_eq!(config.sources.len(), 2);
    assert_eq!(config.warnings, []);
}

#[test]
fn the_example_to_deploy_passes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/hookgate.toml");
    let text = std::fs::read_to_string(path).unwrap();
    if let Some(config) = passing(parse(&text, &env())) {
        assert_eq!(config.journal.dir, Path::new("/var/lib/hookgate"));
        // That its patients have no account fit for them is said until somebody says they have;
        // whatever else is warned about may depend on this machine's certificates only.
        let (tier, rest): (Vec<_>, Vec<_>) =
            config.warnings.iter().partition(|warning| warning.key == "tenant[0].hipaa_tier");
        assert!(tier.len() == 1 && tier[0].text.starts_with(HIPAA_TIER_REQUIRED), "{tier:?}");
        assert!(!rest.iter().any(|w| w.key != "kafka.properties"), "{rest:?}");
    }
}

/// What stands behind a heading of the README.
fn section(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// The first block of a language behind a heading of the README.
fn readme(heading: &str, language: &str) -> String {
    let section = section(heading);
    let (_, block) = section.split_once(&format!("\n```{language}\n")).unwrap();
    block.split_once("\n```").unwrap().0.to_owned()
}

#[test]
fn the_readme_s_configuration_passes_with_the_variables_it_names() {
    let text = readme("Configure", "toml");
    let names = text.split("env = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let all = env();
    let named: BTreeMap<String, String> =
        names.map(|name| (name.to_owned(), all[name].clone())).collect();
    let config = parse(&text, &named).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let routes: Vec<&String> = config.sources.iter().flat_map(|source| &source.routes).collect();
    assert_eq!(routes, ["/v1/webhooks/consultations", "/v1/webhooks/classes"]);
}

#[test]
fn the_readme_lists_every_error_code_and_no_other() {
    let section = section("Error codes");
    let listed: BTreeSet<_> = codes(&section).collect();
    let known = [policy::RISK_REQUIRED, policy::REFUSED, HIPAA_TIER_REQUIRED];
    assert_eq!(listed, BTreeSet::from(known.map(str::to_owned)));
    for code in known {
        let row = section.lines().find(|line| line.starts_with(&format!("| `{code}` | ")));
        assert_eq!(row.map(|row| row.matches(" | ").count()), Some(2), "{code}: when, what to do");
    }
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for code in codes(&std::fs::read_to_string(&path).unwrap()) {
                assert!(listed.contains(&code), "{code} of {} is not listed", path.display());
            }
        }
    }
}

/// The stable codes that a text names.
fn codes(text: &str) -> impl Iterator<Item = String> {
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(move |c| !word(c)).filter(|text| {
        let end = text.rsplit('_').next().unwrap();
        text.starts_with("VIDEO_") && end.len() == 3 && end.parse::<u16>().is_ok()
    });
    words.map(str::to_owned)
}

#[test]
fn the_readme_s_event_is_the_one_of_the_fixture() {
    let path = "fixtures/daily/participant.joined/event.json";
    let fixture = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let fixture: serde_json::Value = serde_json::from_slice(&fixture).unwrap();
    let shown: serde_json::Value =
        serde_json::from_str(&readme("What consumers read", "json")).unwrap();
    assert_eq!(shown, fixture);
}

fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// The configuration that a command line would serve by.
fn served_by(words: &[&str]) -> String {
    let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    let Verb::Serve(serve) = arguments.verb else { panic!("{words:?} does not serve") };
    serve.config.display().to_string()
}

#[test]
fn the_unit_runs_a_command_line_that_exists_and_keys_that_exist() {
    let unit = deployed("hookgate.service");
    let value = |key: &str| {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let command = value("ExecStart").remove(0);
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(served_by(&words), "/etc/hookgate/hookgate.toml");
    assert_eq!(value("StateDirectory"), ["hookgate"]);

    // The unit sets nothing that the file could not change: what is secret the configuration names.
    assert!(value("Environment").is_empty());
    assert_eq!(value("LoadCredential"), ["secret:/etc/hookgate/secrets"]);
    let text = deployed("debian/hookgate.toml");
    let uncommented = text.replace("# \"sasl", "\"sasl").replace("# \"security", "\"security");
    for text in [text, uncommented] {
        assert!(text.contains(&format!("{CREDENTIALS}secret_daily")), "as systemd shows it");
        let read = text.replace(CREDENTIALS, "FOLDER/");
        if let Some(config) = passing(parse(&read, &BTreeMap::new())) {
            assert_eq!(config.sources[0].scheme.secret_labels(), ["secret_daily"]);
        }
    }

    let stop: u64 = value("TimeoutStopSec")[0].trim_end_matches('s').parse().unwrap();
    let deadline = parse(config::DEFAULTS, &self::env()).unwrap().server.drain_deadline;
    let slowest = deadline + DRAIN_LAST_WORDS + 2 * STOP_SLACK;
    assert!(stop > slowest.as_secs(), "a stop must outlast the drain and what comes behind it");
}

#[test]
fn the_image_runs_a_command_line_that_exists_on_files_it_has() {
    let image = deployed("Dockerfile");
    let list = |key: &str| -> Vec<String> {
        let line = image.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        serde_json::from_str(line.trim()).unwrap()
    };
    let command = [list("ENTRYPOINT "), list("CMD ")].concat();
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let config = served_by(&words);
    assert!(image.contains(&format!("COPY deploy/hookgate.toml {config}\n")));
    assert!(image.contains(&format!("/target/release/hookgate {}\n", command[0])));
    assert!(image.contains("\nVOLUME /var/lib/hookgate\n"));
    assert!(image.lines().any(|line| line == "USER 10001"));
    let toolchain = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(image.contains(&toolchain), "the image builds with the toolchain of Cargo.toml");
}

#[test]
fn the_exit_code_that_is_not_restarted_is_the_configuration_s() {
    let unit = deployed("hookgate.service");
    assert!(unit.contains("\nRestartPreventExitStatus=78\n"));
    let help = Arguments::command().render_long_help().to_string();
    assert!(help.contains("78 configuration"), "{help}");
}
