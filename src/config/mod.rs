//! From text to settings that cannot be wrong.
//!
//! Two shapes: `raw.rs` mirrors the text, `check.rs` turns it into [`Config`] and collects every
//! mistake at once, each with its key, its value (never a secret), the rule and what to write
//! instead, before any port is opened, or any file but those that it names: secrets, tokens,
//! policies and certificates. A [`Config`] in hand is valid.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::clock::Timestamp;
use crate::edge::{Certified, Clients, Tokens};
use crate::event::{InstanceName, Mode, SourceName, TenantName};
use crate::providers::{Provider, Providers};
use crate::share::Share;
use crate::{bounds, journal, publish, scrub, throttle, verify};

mod admin;
mod boundary;
mod check;
mod environment;
mod face;
mod given;
mod kafka;
mod keys;
mod policy;
mod rate;
mod raw;
mod read;
mod registry;
mod server;
mod source;
mod telemetry;
mod tenant;
mod tls;
mod unit;

pub use environment::Environment;
pub use face::{Difference, Entry, Face};
pub use policy::short_hash;
pub use tenant::{Class, HIPAA_TIER_REQUIRED};

/// The documented default configuration: every key and its default.
pub const DEFAULTS: &str = include_str!("default.toml");

/// The checked configuration.
#[derive(Debug)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[admin]`
    pub admin: Admin,
    /// `[journal]`
    pub journal: JournalSettings,
    /// `[kafka]`
    pub kafka: publish::Settings,
    /// `[keys]`
    pub keys: scrub::Keys,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[[source]]`, at least one, in the order of the text.
    pub sources: Vec<Source>,
    /// `[[tenant]]`, in the order of the text. A source may name one that has no section.
    pub tenants: Vec<Tenant>,
    /// What is allowed but should be known at start.
    pub warnings: Vec<Warning>,
    /// All of it as it may be shown and compared.
    pub face: Face,
}

/// `[server]`: the public listener and how it stops.
#[derive(Clone, Debug)]
pub struct Server {
    /// This gateway in its fleet.
    pub instance: InstanceName,
    /// Where deliveries come in.
    pub listen: SocketAddr,
    /// What it greets with; `None`: requests come bare.
    pub tls: Option<Certified>,
    /// Bytes of the largest body that is taken.
    pub body_max: usize,
    /// Networks that may say whom they speak for.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// From the signal to the listener's end: not ready, still taking deliveries.
    pub drain_grace: Duration,
    /// From the signal to the last word; longer than `drain_grace`.
    pub drain_deadline: Duration,
}

/// `[admin]`: the operator's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens, other than the public one; off loopback only with TLS, or with
    /// `allow_plaintext`.
    pub listen: SocketAddr,
    /// What it greets with; `None`: requests come bare.
    pub tls: Option<Certified>,
    /// Who may ask; `None`: nobody, only the open paths answer.
    pub tokens: Option<Tokens>,
    /// Whose certificates may ask as well.
    pub clients: Clients,
}

/// `[journal]`: where events are kept.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// The folder; created when it is missing.
    pub dir: PathBuf,
    /// How long published events stay.
    pub retention: journal::Retention,
    /// Those of these sources, whose tenants have a retention of their own.
    pub ages: Vec<(SourceName, Duration)>,
}

/// `[telemetry]`: what is told of deliveries beside the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Of how many events the log has a line where all went well.
    pub log_accepted: Share,
    /// Where events are told of, span by span; `None`: nowhere.
    pub otlp: Option<Otlp>,
}

/// `[telemetry.otlp]`: a tracing collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// `http://host:port`, maybe with a path.
    pub endpoint: String,
    /// Of how many events it is told.
    pub share: Share,
}

/// `[[source]]`: one sender with its routes, its signatures and its boundary.
pub struct Source {
    /// The paths it posts to: `/v1/webhooks/{name}` first, then the aliases; unique over all.
    pub routes: Vec<String>,
    /// How its provider speaks.
    pub provider: Provider,
    /// How its provider signs, with this source's secrets.
    pub scheme: Box<dyn verify::Scheme>,
    /// What may leave from it; its name and tenant too.
    pub boundary: scrub::Settings,
    /// Whether its tenant's key before was derived from the root. The root in force is the one that
    /// a process began with, whatever the text says now.
    pub former_from_root: bool,
    /// How fast its authentic deliveries may come.
    pub rate: throttle::Rate,
    /// Whether its deliveries may be captured as test cases.
    pub capture: bool,
    /// What becomes of them.
    pub mode: Mode,
    /// What its scheme was built from, as it may be shown and compared.
    pub signing: Vec<Entry>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// `[[tenant]]`: what differs from the rest for the events of one tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name, as sources write it.
    pub name: TenantName,
    /// How long its published events stay, where that is not `journal.retention`.
    pub retention: Option<Duration>,
    /// Whom its events are about.
    pub class: Class,
    /// Whether its rooms may be recorded.
    pub recording: scrub::Recording,
    /// Whether its account at the provider may carry health data.
    pub hipaa_tier: bool,
    /// Whether it serves real people.
    pub launched: bool,
    /// What may leave from its sources, before their own rules.
    pub policy: Arc<scrub::policy::Policy>,
    /// What national ids look like.
    pub national_ids: Vec<Regex>,
    /// Its own key of pseudonyms; `None`: derived from `keys.pseudonym`.
    pub pseudonym_key: Option<scrub::PseudonymKey>,
    /// Whether the key before its own was derived from the root.
    pub former_from_root: bool,
}

/// Something allowed that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key it is about, such as `source[0].secrets[1]`.
    pub key: String,
    /// What it means.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// One mistake, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key it is about, such as `source[0].rate.per_second`.
    pub key: String,
    /// What stands there, where no secret can.
    pub value: Option<String>,
    /// The rule, and what to write instead.
    pub rule: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}: {}", self.key, self.rule),
            None => write!(f, "{}: {}", self.key, self.rule),
        }
    }
}

/// Every mistake of a configuration; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Each of them, in the order of the sections.
    pub fn each(&self) -> &[Mistake] {
        &self.0
    }
}

impl std::error::Error for Mistakes {}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.0.iter().enumerate() {
            let end = if place + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "{mistake}{end}")?;
        }
        Ok(())
    }
}

/// Reads a configuration file with the environment laid over it. `now` judges the ends of secrets.
///
/// # Errors
/// Every mistake at once, a file that cannot be read among them.
pub fn load(
    path: &Path,
    env: &Environment,
    providers: &Providers,
    now: Timestamp,
) -> Result<Config, Mistakes> {
    let text = text_of(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse_for(cfg!(feature = "tls"), &text, folder, env, providers, now, |_| {})
}

/// The tables of a configuration file with the environment laid over them, not checked: for who
/// makes another configuration of them.
///
/// # Errors
/// A file that cannot be read, what is not TOML, variables that fit nowhere.
pub fn tables(path: &Path, env: &Environment) -> Result<toml::Table, Mistakes> {
    let table = raw::read(&text_of(path)?).map_err(Mistakes)?;
    let (raw, mistakes) = raw::overlay(table, env);
    if mistakes.is_empty() { Ok(raw.table) } else { Err(Mistakes(mistakes)) }
}

fn text_of(path: &Path) -> Result<String, Mistakes> {
    let mut text = String::new();
    // One byte more than is taken, so that a longer text is seen to be longer.
    let most = bounds::CONFIG_BYTES_MAX as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text));
    read.map_err(|error| {
        Mistakes(vec![Mistake {
            key: path.display().to_string(),
            value: None,
            rule: format!("cannot be read: {}", given::why(&error)),
        }])
    })?;
    Ok(text)
}

/// The same from text; files it names lie below `folder` unless they are absolute.
///
/// # Errors
/// Every mistake at once.
pub fn parse(
    text: &str,
    folder: &Path,
    env: &BTreeMap<String, String>,
    providers: &Providers,
    now: Timestamp,
) -> Result<Config, Mistakes> {
    let env = Environment::from(env.clone());
    parse_for(cfg!(feature = "tls"), text, folder, &env, providers, now, |_| {})
}

fn parse_for(
    tls: bool,
    text: &str,
    folder: &Path,
    env: &Environment,
    providers: &Providers,
    now: Timestamp,
    seen: impl FnOnce(&read::Report),
) -> Result<Config, Mistakes> {
    let table = raw::read(text).map_err(Mistakes)?;
    let (raw, mut mistakes) = raw::overlay(table, env);
    let report = read::Report::default();
    let givers = given::Givers { env, folder };
    let desk = source::Desk { givers, providers, now };
    let config = check::check(&raw.table, &report, &desk, tls);
    seen(&report);
    let (found, warnings) = report.into_parts();
    mistakes.extend(found.into_iter().map(|mistake| raw.attributed(mistake)));
    match config {
        Some(config) if mistakes.is_empty() => Ok(Config { warnings, ..config }),
        Some(_) | None => Err(Mistakes(mistakes)),
    }
}

#[cfg(test)]
mod tests;
