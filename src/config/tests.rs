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
        Manners {
            client_errors_are_final: false,
            refusals_silence: false,
        }
    }
}

fn build(credentials: Credentials, _: Timestamp) -> Result<Ready, Vec<verify::Mistake>> {
    let mistake = |key: &str, rule: &str| verify::Mistake {
        key: key.to_owned(),
        rule: rule.to_owned(),
    };
    if credentials.scheme.as_deref() == Some("wrong") {
        return Err(vec![mistake("scheme", "is wrong")]);
    }
    let secrets = credentials.secrets.iter().map(|s| s.label.clone());
    let keys = credentials.keys.iter().map(|k| k.signing.label.clone());
    let short = credentials
        .secrets
        .iter()
        .any(|s| s.secret.bytes().len() < 4);
    let warnings = short.then(|| mistake("secrets[0]", "is short"));
    Ok(Ready {
        scheme: Box::new(Nobody(secrets.chain(keys).collect())),
        warnings: warnings.into_iter().collect(),
    })
}

fn providers() -> Providers {
    ["daily", "livekit"]
        .into_iter()
        .fold(Providers::none(), |providers, name| {
            providers.with(Provider {
                name: ProviderName::new(name),
                build,
                dialect: &Daily,
            })
        })
}

const KEYS: &str = "[keys]\nidentity = { env = \"I\" }\npseudonym = { env = \"P\" }\n";
const KAFKA: &str = "[kafka]\nbrokers = \"k:9092\"\n";
const SOURCE: &str = "[[source]]\nname = \"a\"\nprovider = \"daily\"\ntenant = \"t\"\n\
     secrets = [{ env = \"S\" }]\n";

fn env() -> BTreeMap<String, String> {
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    [
        ("I", key(1)),
        ("P", key(2)),
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

fn with(tls: bool, text: &str, env: &BTreeMap<String, String>) -> Result<Config, Mistakes> {
    let now = Timestamp::from_millis(1_795_168_800_000);
    parse_for(
        tls,
        text,
        Path::new("/nowhere"),
        env,
        &providers(),
        now,
        |_| {},
    )
}

fn good(text: &str) -> Config {
    with(true, text, &env()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The mistakes as printed, none of which may show a secret.
fn mistakes(text: &str) -> Vec<String> {
    let Err(mistakes) = with(true, text, &env()) else {
        panic!("no mistake in {text}");
    };
    let lines: Vec<String> = mistakes.each().iter().map(Mistake::to_string).collect();
    assert!(!lines.concat().contains("canary"), "{lines:?}");
    lines
}

/// The one mistake of a text, and what it must say.
fn mistake(text: &str, start: &str, says: &str) {
    let lines = mistakes(text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(start), "{lines:?}");
    assert!(lines[0].contains(says), "{lines:?}");
}

fn source(extra: &str) -> String {
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
            "{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}",
            config.server,
            config.admin,
            config.journal,
            config.kafka,
            config.warnings,
            source.routes,
            source.boundary,
            source.rate,
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
    parse_for(true, DEFAULTS, folder, &env(), &providers(), now, seen).unwrap();
    assert!(known.len() > 40, "{known:?}");
    for path in known {
        let key = path.rsplit('.').next().unwrap();
        let written = format!("{key} = ");
        let headed = format!("[{key}]");
        assert!(
            DEFAULTS.contains(&written) || DEFAULTS.contains(&headed),
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
         [[source]]\nname = \"b\"\nprovider = \"daily\"\ntenant = \"t\"\nmode = \"hold\"\n",
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
        "source[1].mode: not yet",
        "typo: is unknown; known here: admin, journal, kafka, keys, server, source, tenant",
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
    assert_eq!(
        keys,
        ["kafka.brokers", "keys.identity", "keys.pseudonym", "source"]
    );
}

#[test]
fn what_is_not_built_yet_says_so() {
    let server = "[server]\ntls = { cert = \"c\", key = \"k\" }\n\
         [admin]\ntoken_file = \"t\"\nallow_plaintext = true\ntls = {}\n\
         [journal]\nretention = \"30d\"\nretention_max = \"50GiB\"\n[[tenant]]\nname = \"t\"\n";
    let keys = KEYS.replace("[keys]\n", "[keys]\nprevious = {}\n");
    let text = format!(
        "{server}{KAFKA}delivery = \"exactly_once\"\n{keys}{SOURCE}mode = \"shadow\"\n\
         on_violation = \"quarantine\"\nrole_map = {{ host = \"Doctor\" }}\ncapture = true\n"
    );
    let lines = mistakes(&text);
    assert!(
        lines.iter().all(|line| line.contains(": not yet: ")),
        "{lines:#?}"
    );
    let mut keys: Vec<_> = lines.iter().map(|l| l.split(':').next().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "admin.allow_plaintext",
            "admin.tls",
            "admin.token_file",
            "journal.retention",
            "journal.retention_max",
            "kafka.delivery",
            "keys.previous",
            "server.tls",
            "source[0].capture",
            "source[0].mode",
            "source[0].on_violation",
            "source[0].role_map",
            "tenant",
        ]
    );
}

#[test]
fn a_secret_is_never_inline_and_never_shown() {
    let inline = SOURCE.replace("{ env = \"S\" }", "\"canary\"");
    let says = "must not stand here itself (it is a text, not shown); write { env";
    mistake(
        &format!("{KAFKA}{KEYS}{inline}"),
        "source[0].secrets[0]: ",
        says,
    );
    let missing = SOURCE.replace("\"S\"", "\"MISSING\"");
    let says = "the environment variable MISSING is not set";
    mistake(
        &format!("{KAFKA}{KEYS}{missing}"),
        "source[0].secrets[0]: ",
        says,
    );
    let pasted = SOURCE.replace("\"S\"", "\"canary+/=\"");
    let says = "must be the name of a variable";
    mistake(
        &format!("{KAFKA}{KEYS}{pasted}"),
        "source[0].secrets[0]: ",
        says,
    );
    let nowhere = SOURCE.replace("env = \"S\"", "file = \"gone\"");
    let says = "the file /nowhere/gone cannot be read: entity not found";
    mistake(
        &format!("{KAFKA}{KEYS}{nowhere}"),
        "source[0].secrets[0]: ",
        says,
    );
    let unknown = "secret = \"canary\"";
    mistake(&source(unknown), "source[0].secret: is unknown", "secrets");
    let awaited = "awaiting_secret = \"canary\"";
    mistake(
        &source(awaited),
        "source[0].awaiting_secret: ",
        "true or false",
    );
    let short = KEYS.replace("\"I\"", "\"S\"");
    let says = "exactly 32 bytes in base64";
    mistake(&format!("{KAFKA}{short}{SOURCE}"), "keys.identity: ", says);
    let same = KEYS.replace("\"P\"", "\"I\"");
    mistake(
        &format!("{KAFKA}{same}{SOURCE}"),
        "keys.pseudonym: ",
        "must differ",
    );
}

#[test]
fn a_secret_file_lies_beside_the_configuration_and_loses_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old-secret"), "text of it\r\n").unwrap();
    std::fs::write(
        folder.path().join("identity"),
        STANDARD.encode([7; 32]) + "\n",
    )
    .unwrap();
    let keys = KEYS.replace("env = \"I\"", "file = \"identity\"");
    let secrets = SOURCE.replace("env = \"S\"", "file = \"old-secret\"");
    let path = folder.path().join("hookgate.toml");
    std::fs::write(
        &path,
        format!("{KAFKA}{keys}{secrets}[journal]\ndir = \"j\"\n"),
    )
    .unwrap();
    let now = Timestamp::from_millis(0);
    let config = load(&path, &env(), &providers(), now).unwrap();
    assert_eq!(
        config.keys.identity,
        crate::secret::Secret::new(vec![7; 32])
    );
    assert_eq!(config.sources[0].scheme.secret_labels(), ["old-secret"]);
    assert_eq!(config.journal.dir, folder.path().join("j"));
    let gone = load(Path::new("/gone.toml"), &env(), &providers(), now).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "/gone.toml: cannot be read: entity not found"
    );
}

#[test]
fn a_scheme_s_own_mistakes_and_warnings_stand_below_their_source() {
    mistake(
        &source("scheme = \"wrong\""),
        "source[0].scheme: is wrong",
        "",
    );
    let mut env = env();
    env.insert("S".to_owned(), "abc".to_owned());
    let config = with(true, &source(""), &env).unwrap();
    assert_eq!(
        config.warnings[0].to_string(),
        "source[0].secrets[0]: is short"
    );
}

#[test]
fn a_mistake_names_the_variable_that_made_it() {
    let mut env = env();
    let name = "HOOKGATE__SOURCE__0__RATE__PER_SECOND".to_owned();
    env.insert(name, "fast".to_owned());
    let mistakes = with(true, &source(""), &env).unwrap_err();
    let line = mistakes.to_string();
    assert!(
        line.starts_with("source[0].rate.per_second = \"fast\""),
        "{line}"
    );
    assert!(
        line.ends_with("(set by HOOKGATE__SOURCE__0__RATE__PER_SECOND)"),
        "{line}"
    );
}

#[test]
fn no_two_sources_share_a_route() {
    let second = "aliases = [\"/v1/webhooks/b\", \"/old\", \"/old\"]\n\
         [[source]]\nname = \"b\"\nprovider = \"daily\"\ntenant = \"t\"\n\
         [[source]]\nname = \"a\"\nprovider = \"daily\"\ntenant = \"t\"\n";
    let lines = mistakes(&source(second));
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].starts_with("source[0].aliases[2] = \"/old\": leads to /old, which"));
    assert!(
        lines[1].contains("which source[0].aliases[0] has taken already"),
        "{lines:#?}"
    );
    assert!(
        lines[2].contains("which source[0].name has taken already"),
        "{lines:#?}"
    );
}

#[test]
fn an_alias_is_a_plain_path_without_a_slash_at_its_end() {
    for wrong in [
        "old", "/", "/a/", "/a//b", "/a/../b", "/a?b", "/a b", "/ä", "/a%20",
    ] {
        let start = "source[0].aliases[0] = ";
        mistake(
            &source(&format!("aliases = [\"{wrong}\"]")),
            start,
            "must be a path",
        );
    }
    let config = good(&source("aliases = [\"/v1/daily_webhook\"]"));
    assert_eq!(
        config.sources[0].routes,
        ["/v1/webhooks/a", "/v1/daily_webhook"]
    );
}

#[test]
fn a_source_is_not_called_as_unknown_paths_are_counted() {
    for wrong in ["unknown", "", "-a", "a-", "A", "a_b", &"a".repeat(65)] {
        let text = format!(
            "{KAFKA}{KEYS}{}",
            SOURCE.replace("\"a\"", &format!("{wrong:?}"))
        );
        mistake(&text, "source[0].name = ", "lower-case letters");
    }
}

#[test]
fn properties_that_carry_the_promise_are_refused_by_name() {
    let names = "acks request.required.acks enable.idempotence max.in.flight \
         max.in.flight.requests.per.connection partitioner partitioner_cb transactional.id \
         transaction.timeout.ms message.timeout.ms delivery.timeout.ms retries linger.ms \
         queue.buffering.max.messages queue.buffering.max.kbytes bootstrap.servers \
         metadata.broker.list client.id compression.type message.max.bytes batch.size \
         delivery.report.only.error dr_msg_cb sticky.partitioning.linger.ms";
    for name in names.split_whitespace() {
        let text = format!("{KAFKA}properties = {{ \"{name}\" = \"canary\" }}\n{KEYS}{SOURCE}");
        mistake(&text, "kafka.properties.", "is refused: ");
    }
}

#[test]
fn a_confidential_property_comes_by_reference_only() {
    for name in [
        "sasl.password",
        "ssl.key.pem",
        "ssl.key.location",
        "x.client.secret",
    ] {
        let text = format!("{KAFKA}properties = {{ \"{name}\" = \"canary\" }}\n{KEYS}{SOURCE}");
        mistake(&text, "kafka.properties.\"", "must not stand here itself");
    }
    let dotted = format!("{KAFKA}[kafka.properties]\nsecurity.protocol = \"SSL\"\n{KEYS}{SOURCE}");
    mistake(&dotted, "kafka.properties.security: ", "needs quotes");
    let text = "properties = { \"sasl.password\" = { env = \"S\" }, \"socket.timeout.ms\" = 5, \
         \"security.protocol\" = \"SASL_SSL\", \"sasl.mechanism\" = \"PLAIN\" }\n";
    let config = good(&format!("{KAFKA}{text}{KEYS}{SOURCE}"));
    let find = |name: &str| config.kafka.properties.iter().find(|(n, _)| n == name);
    assert_eq!(
        find("sasl.password").unwrap().1.text(),
        Some("canary-secret")
    );
    assert_eq!(find("socket.timeout.ms").unwrap().1.text(), Some("5"));
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn a_build_without_tls_names_the_missing_feature() {
    let properties = "properties = { \"security.protocol\" = \"SASL_SSL\", \
         \"sasl.mechanism\" = \"SCRAM-SHA-512\", \"ssl.ca.location\" = \"ca.pem\" }\n";
    let text = format!("{KAFKA}{properties}{KEYS}{SOURCE}");
    assert!(with(true, &text, &env()).is_ok());
    let mistakes = with(false, &text, &env()).unwrap_err();
    assert_eq!(mistakes.each().len(), 3, "{mistakes}");
    let named = |m: &Mistake| m.rule.contains("with the feature `tls`");
    assert!(mistakes.each().iter().all(named), "{mistakes}");
    let text = format!("{KAFKA}properties = {{ \"sasl.mechanism\" = \"GSSAPI\" }}\n{KEYS}{SOURCE}");
    mistake(
        &text,
        "kafka.properties.\"sasl.mechanism\" = \"GSSAPI\"",
        "no other is built in",
    );
}

#[test]
fn an_open_pattern_is_a_warning_and_a_broken_one_a_mistake() {
    let warned = |extra: &str| good(&source(extra)).warnings.len();
    assert_eq!(warned("room_name = '^consult-[0-9a-f]{8}$'"), 0);
    assert_eq!(warned("room_name = '^(demo-room|consult-[0-9a-f]{8})$'"), 0);
    assert_eq!(warned("room_name = 'consult'"), 2);
    // The trap: each end belongs to one choice only.
    assert_eq!(warned("room_name = '^demo-room|consult-[0-9a-f]{8}$'"), 2);
    assert_eq!(warned("artifact_key = '^recordings/[0-9a-f-]{36}/'"), 0);
    assert_eq!(warned("artifact_key = 'recordings/'"), 1);
    mistake(
        &source("room_name = '^(a'"),
        "source[0].room_name = \"^(a\"",
        "unclosed group",
    );
    let huge = "room_name = '^(((a{100}){100}){100}){100}$'";
    mistake(&source(huge), "source[0].room_name = ", "size limit");
    let long = format!("room_name = '^{}$'", "a".repeat(1_100));
    mistake(
        &source(&long),
        "source[0].room_name: ",
        "longer than 1024 bytes",
    );
}

#[test]
fn the_drain_s_grace_ends_before_its_deadline_and_listeners_do_not_meet() {
    let text = |server: &str| format!("{server}\n{}", source(""));
    let grace = "[server]\ndrain_grace = \"30s\"";
    mistake(
        &text(grace),
        "server.drain_grace = \"30s\"",
        "shorter than drain_deadline (20s)",
    );
    let meet = "[server]\nlisten = \"0.0.0.0:9080\"";
    mistake(
        &text(meet),
        "admin.listen = \"127.0.0.1:9080\"",
        "is taken by server.listen",
    );
    let free = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"";
    assert_eq!(good(&text(free)).server.listen.port(), 0);
    let proxies = "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::/0\"]";
    let config = good(&text(proxies));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.warnings[0].key, "server.trusted_proxies[1]");
}

#[test]
fn a_rate_without_a_burst_has_twice_itself() {
    let rate = |extra: &str| {
        let rate = good(&source(extra)).sources[0].rate;
        (rate.per_second.get(), rate.burst.get())
    };
    assert_eq!(rate(""), (2_000, 4_000));
    assert_eq!(rate("rate = { per_second = 10 }"), (10, 20));
    assert_eq!(
        rate("rate = { per_second = 1000, burst = 2000 }"),
        (1_000, 2_000)
    );
    mistake(
        &source("rate = {}"),
        "source[0].rate.per_second: is missing",
        "per_second = 1000",
    );
    mistake(
        &source("rate = 5"),
        "source[0].rate: must be a table",
        "a number",
    );
}
