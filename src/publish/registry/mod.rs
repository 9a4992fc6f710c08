//! The registry of schemas, where consumers look up what a record is by an id in it.
//!
//! Off unless configured. Then the schema of each family is registered under its topic's name (the
//! subject `<topic>-value`, as Confluent's TopicNameStrategy has it) before the first record goes
//! out: a record without its id would break the consumers that ask for one. So publishing waits for
//! the registry as it waits for the brokers, and deliveries wait for neither.
//!
//! What is registered is draft-07: the registry's own check of compatibility and the readers of
//! every language know it, and it says the same as 2020-12. The id stands in a header (the value
//! stays the bytes that were journaled) or, for readers that know no other way, in front of the
//! value. Only this folder speaks to the registry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;

use super::{Settings, SettingsError};
use crate::bounds;
use crate::event::Family;
use crate::secret::Secret;

mod ask;
mod registrar;

pub use registrar::{Registrar, Registration};

/// The name of the record header, as Confluent's clients know it.
pub const HEADER: &str = "__value_schema_id";

/// How a record says of which schema it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// In the header `__value_schema_id`: the value is left as it is.
    Header,
    /// In front of the value: a zero byte and the id in four bytes.
    Wire,
}

impl Framing {
    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Wire => "wire",
        }
    }
}

/// A registry, and how to speak to it.
#[derive(Clone)]
pub struct Registry {
    /// Where it is: `https://host:port`, maybe with a path.
    pub url: Address,
    /// How records say what was registered.
    pub framing: Framing,
    /// User and password, for basic authentication.
    pub account: Option<(String, Secret)>,
    /// The certificates of whoever signs its own, in PEM; `None`: those that the machine trusts.
    pub authority: Option<Arc<str>>,
    /// Whether schemas that are not there may be registered; else they are only looked up.
    pub register: bool,
    /// The schema of each family.
    pub schemas: [(Family, Arc<str>); Family::ALL.len()],
    /// What the registry has answered, by topic. Shared by all that publish.
    pub known: Known,
}

/// Shows no secret and no schema.
impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("url", &self.url).field("framing", &self.framing).finish()
    }
}

/// The address of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads one: `http` or `https`, without a user, a query or a fragment.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.has_host();
        (plain && matches!(url.scheme(), "http" | "https")).then_some(Self(url))
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it never leaves this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        host == "localhost" || address.is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }

    /// A resource below it.
    fn below(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// What the registry calls a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SchemaId {
    /// Its number there.
    number: u32,
    /// Its name everywhere, which registries give since 2025.
    guid: Option<[u8; 16]>,
}

impl SchemaId {
    /// As it stands in front of a value.
    fn prefix(self) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(self.number.to_be_bytes());
        bytes
    }

    /// As it stands in the header: by its name everywhere, or else by its number. Readers of the
    /// one read the other.
    fn header(self) -> Vec<u8> {
        let Some(guid) = self.guid else { return self.prefix() };
        let mut bytes = vec![1];
        bytes.extend(guid);
        bytes
    }
}

/// Ids by topic, as the registry answered. Cheap to clone, and then the same.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<Mutex<BTreeMap<String, SchemaId>>>);

impl Known {
    fn get(&self, topic: &str) -> Option<SchemaId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied()
    }

    fn put(&self, topic: &str, id: SchemaId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Replays may go to ever other topics.
        if known.len() >= bounds::REGISTRY_TOPICS_MAX {
            known.clear();
        }
        known.insert(topic.to_owned(), id);
    }
}

/// What marks the records of each family; nothing where there is no registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    headers: Vec<(Family, Vec<u8>)>,
    prefixes: Vec<(Family, Vec<u8>)>,
}

impl Frames {
    /// Of these settings.
    ///
    /// # Errors
    /// Where the registry has not answered for one of the topics.
    pub(super) fn of(settings: &Settings) -> Result<Self, SettingsError> {
        let mut frames = Self::default();
        let Some(registry) = &settings.registry else { return Ok(frames) };
        for family in Family::ALL {
            let topic = settings.topic(family);
            let Some(id) = registry.known.get(&topic) else {
                return Err(SettingsError::Unregistered(topic));
            };
            match registry.framing {
                Framing::Header => frames.headers.push((family, id.header())),
                Framing::Wire => frames.prefixes.push((family, id.prefix())),
            }
        }
        Ok(frames)
    }

    /// What stands in the header.
    pub(super) fn header(&self, family: Family) -> Option<&[u8]> {
        found(&self.headers, family)
    }

    /// The value with what stands in front of it; `None` where that is nothing.
    pub(super) fn framed(&self, family: Family, value: &[u8]) -> Option<Vec<u8>> {
        found(&self.prefixes, family).map(|prefix| [prefix, value].concat())
    }
}

fn found(all: &[(Family, Vec<u8>)], family: Family) -> Option<&[u8]> {
    all.iter().find(|(of, _)| *of == family).map(|(_, bytes)| bytes.as_slice())
}

impl Settings {
    /// Whether records can say of which schema they are, or need not.
    pub fn is_registered(&self) -> bool {
        Frames::of(self).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_its_readers_know_it() {
        let guid = *b"0123456789abcdef";
        let id = SchemaId { number: 0x0102_0304, guid: Some(guid) };
        assert_eq!(id.prefix(), [0, 1, 2, 3, 4]);
        assert_eq!(id.header(), [&[1][..], &guid].concat());
        assert_eq!(SchemaId { guid: None, ..id }.header(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_address_has_no_account_in_it_and_a_path_is_kept() {
        let address = Address::parse("https://registry.example.invalid:8081/a/").unwrap();
        let below = address.below(&["subjects", "video.recording-value", "versions"]);
        let expected =
            "https://registry.example.invalid:8081/a/subjects/video.recording-value/versions";
        assert_eq!(below.as_str(), expected);
        for wrong in ["registry:8081", "ftp://h", "http://u:p@h", "http://h?x=1", "http://h#x", ""]
        {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
        let local = |text| Address::parse(text).unwrap().is_loopback();
        assert!(
            local("http://localhost:8081") && local("http://127.0.0.1") && local("http://[::1]")
        );
        assert!(!local("http://registry:8081"));
    }

    #[test]
    fn what_is_known_is_bounded_and_shared() {
        let (known, id) = (Known::default(), SchemaId { number: 7, guid: None });
        let other = known.clone();
        for number in 0..=bounds::REGISTRY_TOPICS_MAX {
            known.put(&format!("t{number}"), id);
        }
        assert_eq!(other.get(&format!("t{}", bounds::REGISTRY_TOPICS_MAX)), Some(id));
        assert_eq!(other.get("t0"), None);
    }
}
