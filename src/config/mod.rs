//! From text to settings that cannot be wrong.
//!
//! Two shapes: `raw.rs` mirrors the text, `check.rs` turns it into [`Config`] and collects every
//! mistake at once, each with its key, its value (never a secret), the rule and what to write
//! instead, before any port or any file but the secrets' is opened. A [`Config`] in hand is valid.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::event::InstanceName;
use crate::providers::Provider;
use crate::{publish, scrub, throttle, verify};

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
    /// `[[source]]`, at least one, in the order of the text.
    pub sources: Vec<Source>,
    /// What is allowed but should be known at start.
    pub warnings: Vec<Warning>,
}

/// `[server]`: the public listener and how it stops.
#[derive(Clone, Debug)]
pub struct Server {
    /// This gateway in its fleet.
    pub instance: InstanceName,
    /// Where deliveries come in.
    pub listen: SocketAddr,
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
    /// A loopback address, other than the public one.
    pub listen: SocketAddr,
}

/// `[journal]`: where events are kept.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// The folder; created when it is missing.
    pub dir: PathBuf,
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
    /// How fast its authentic deliveries may come.
    pub rate: throttle::Rate,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
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
