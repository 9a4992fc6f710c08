//! Whatever stands in a configuration, it is taken whole or refused with every mistake named, and
//! no secret is shown.
//!
//! An input is the text, and before it any lines `#env NAME=value` that lie over it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookgate::bounds;
use hookgate::clock::Timestamp;
use hookgate::config::{self, Config, Mistakes};
use hookgate::providers::Providers;
use rand::Rng;
use rand::rngs::StdRng;

use crate::engine::{Entry, fingerprint, search};

const NOW: Timestamp = Timestamp::from_millis(1_795_168_860_000);

/// A part of every secret, in the environment and in the files of the folder.
const SECRET: &str = "canary";

const WORDS: [&str; 48] = [
    "#env HOOKGATE__SERVER__LISTEN=\"[::]:1\"\n",
    "#env HOOKGATE__SOURCE__0__RATE={ per_second = 5 }\n",
    "#env HOOKGATE__KAFKA__PROPERTIES__LINGER_MS=5\n",
    "#env HOOKGATE__SOURCE__1__NAME=b\n",
    "[server]\n",
    "[[source]]\n",
    "[kafka.properties]\n",
    "[tenant]\n",
    "\"",
    "\"\"\"",
    "'",
    "= ",
    "[",
    "]",
    "{ env = \"DAILY\" }",
    "{ file = \"secret\" }",
    "{ file = \"latin\" }",
    "{ file = \"missing\", env = \"KEY\" }",
    "{ env = \"KEY\", not_after = \"2027-01-01T00:00:00Z\" }",
    "\"5s\"",
    "\"0ms\"",
    "\"1h30m\"",
    "\"18446744073709551615d\"",
    "\"4MiB\"",
    "\"17179869184GiB\"",
    "\"10.0.0.0/8\"",
    "\"::1/129\"",
    "\"0.0.0.0:0\"",
    "{ per_second = 1, burst = 1000001 }",
    "\"(a{1000}){1000}\"",
    "\"(?x)^ [\\\\p{L}]+ $\"",
    "\"(?-u)\\\\xff\"",
    "\"exactly_once\"",
    "\"off\"",
    "true",
    "nan",
    "-inf",
    "0x7fffffffffffffff",
    "1979-05-27T07:32:00Z",
    "\u{feff}",
    "\u{0}",
    "\r\n",
    "role_labels = [",
    "aliases = [",
    "room_name = ",
    "awaiting_secret = true\n",
    "scheme = \"hex\"\n",
    "mode = \"shadow\"\n",
];

const WHOLE: &str = r#"
[server]
instance = "gate-1"
listen = "127.0.0.1:8080"
body_max = "4MiB"
trusted_proxies = ["10.0.0.0/8", "::1"]
drain_grace = "5s"
drain_deadline = "20s"
[admin]
listen = "127.0.0.1:9080"
[journal]
dir = "journal"
[kafka]
brokers = "k1:9092,k2:9092"
topic_prefix = "video"
create_topics = true
partitions = 12
replication_factor = 3
compression = "zstd"
[kafka.properties]
"sasl.username" = "hookgate"
"sasl.password" = { env = "LIVEKIT" }
[keys]
identity = { env = "KEY" }
pseudonym = { file = "key" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-a"
aliases = ["/v1/daily_webhook"]
secrets = [ { env = "DAILY" }, { file = "secret", not_after = "2027-01-01T00:00:00Z" } ]
signature_max_age = "2h"
rate = { per_second = 1000, burst = 2000 }
role_labels = ["Doctor", "Patient"]
room_name = "^consult-[0-9a-f]{8}$"
artifact_key = "^recordings/[0-9a-f-]{36}$"
[[source]]
name = "livekit"
provider = "livekit"
tenant = "tenant-b"
keys = [ { api_key = "APIfixture", secret = { env = "LIVEKIT" } } ]
"#;

#[test]
fn no_configuration_harms_its_reader_or_is_taken_against_its_rules() {
    let folder = tempfile::tempdir().unwrap();
    let env = environment(folder.path());
    let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/hookgate.toml");
    let seeds = [WHOLE.to_owned(), config::DEFAULTS.to_owned(), {
        std::fs::read_to_string(deployed).unwrap()
    }];
    search(Entry {
        name: "config",
        seeds: seeds.map(String::into_bytes).into(),
        words: &WORDS,
        reshape,
        memory,
        judge: &|input| {
            let Ok(text) = std::str::from_utf8(input) else { return 0 };
            match parse(text, folder.path(), &env) {
                Ok(config) => {
                    allow(&config);
                    let shown = format!("{config:?}");
                    assert!(!shown.contains(SECRET), "{shown}");
                    fingerprint(&(config.sources.len(), config.warnings.len()))
                }
                Err(mistakes) => fingerprint(&told(&mistakes)),
            }
        },
    });
}

/// A compiled pattern is the one thing that is much larger than its text.
fn memory(input: &[u8]) -> u64 {
    let names: [&[u8]; 2] = [b"room_name", b"artifact_key"];
    let patterns: usize =
        names.iter().map(|name| input.windows(name.len()).filter(|w| w == name).count()).sum();
    let each = 4 * bounds::PATTERN_COMPILED_BYTES_MAX;
    (1_024 * 1_024 + 256 * input.len() + patterns * each) as u64
}

/// Secrets as the environment and files of a folder.
fn environment(folder: &Path) -> BTreeMap<String, String> {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("secret", format!("{SECRET}-file\n").as_bytes());
    write("key", b"IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=");
    write("latin", b"canary\xeb");
    write("empty", b"");
    [
        ("KEY", "ERERERERERERERERERERERERERERERERERERERERERE="),
        ("DAILY", "canaryQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("LIVEKIT", "canary-secret-of-at-least-32-characters"),
        ("SHORT", "canary"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn parse(text: &str, folder: &Path, env: &BTreeMap<String, String>) -> Result<Config, Mistakes> {
    let mut env = env.clone();
    for line in text.lines() {
        if let Some((name, value)) = line.strip_prefix("#env ").and_then(|l| l.split_once('=')) {
            env.insert(name.to_owned(), value.to_owned());
        }
    }
    config::parse(text, folder, &env, &Providers::standard(), NOW)
}

/// What holds of every configuration that was taken.
fn allow(config: &Config) {
    let server = &config.server;
    assert!((1..=bounds::BODY_BYTES_MAX_LIMIT).contains(&server.body_max), "{config:?}");
    assert!(server.drain_grace < server.drain_deadline, "{config:?}");
    assert!(server.drain_deadline <= bounds::DRAIN_DEADLINE_LIMIT, "{config:?}");
    assert!(server.trusted_proxies.len() <= bounds::TRUSTED_PROXIES_MAX);
    assert!(config.admin.listen.ip().is_loopback(), "{config:?}");
    assert_ne!(config.journal.dir, PathBuf::new());
    assert!((1..=bounds::SOURCES_MAX).contains(&config.sources.len()));
    let mut routes = BTreeSet::new();
    for source in &config.sources {
        assert!(source.routes.len() <= bounds::ALIASES_PER_SOURCE_MAX + 1);
        for route in &source.routes {
            assert!(route.starts_with('/') && routes.insert(route), "{route} in {config:?}");
        }
        assert!(source.rate.per_second.get() <= bounds::SOURCE_RATE_LIMIT);
        assert!(source.boundary.role_labels.len() <= bounds::ROLE_LABELS_MAX);
        let labels = source.scheme.secret_labels();
        assert!(labels.len() <= bounds::SECRETS_PER_SOURCE_MAX, "{labels:?}");
    }
}

/// The keys of the mistakes, without numbers; each tells its key and a rule, and no secret.
fn told(mistakes: &Mistakes) -> BTreeSet<String> {
    assert!(!mistakes.each().is_empty());
    let each = mistakes.each().iter().map(|mistake| {
        assert!(!mistake.key.is_empty() && mistake.rule.len() > 5, "{mistake:?}");
        let shown = mistake.to_string();
        assert!(shown.contains(&mistake.key), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
        let rule = mistake.rule.split_whitespace().take(3).collect::<String>();
        mistake.key.replace(|c: char| !c.is_ascii_lowercase(), "") + &rule
    });
    each.take(4).collect()
}

/// Moves, doubles or leaves out a line, or gives a key another value.
fn reshape(input: &[u8], rng: &mut StdRng) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(input).ok()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return None;
    }
    let at = rng.random_range(0..lines.len());
    let to = rng.random_range(0..lines.len());
    match rng.random_range(0..6) {
        0 => lines.swap(at, to),
        1 => lines.insert(to, lines[at].clone()),
        2 => drop(lines.remove(at)),
        3 => lines[at] = lines[at].trim_start_matches(['#', ' ']).to_owned(),
        _ => {
            let key = lines[at].split_once('=')?.0.to_owned();
            let from = lines[to].split_once('=').map(|(_, value)| value.to_owned());
            let word = || WORDS[14 + at % 27].to_owned();
            lines[at] = format!("{key}={}", from.filter(|_| to % 2 == 0).unwrap_or_else(word));
        }
    }
    Some(lines.join("\n").into_bytes())
}
