//! What a key is recognized by later, when the key itself may be gone.
//!
//! A mark is a keyed digest of nothing: whoever has the key can tell that it is the one, and nobody
//! can compute the key, or any name that it gives, back from it. So it may be kept where no key
//! may.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::identity::Fields;
use super::{Keys, PseudonymKey, Settings};
use crate::event::{Digest128, TenantName};
use crate::secret::Secret;

/// What a key gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyedNames {
    /// Event ids and record keys.
    Ids,
    /// The pseudonyms of one tenant's persons and rooms.
    Pseudonyms(TenantName),
}

/// What a key is recognized by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Of the key.
    pub fingerprint: Digest128,
    /// The version that its names show.
    pub version: u8,
}

/// The keys behind one kind of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// What they give.
    pub names: KeyedNames,
    /// The key in force.
    pub now: Mark,
    /// The one before, where it is given.
    pub former: Option<Mark>,
}

/// Ids show no version of their key.
const UNVERSIONED: u8 = 1;

impl Keys {
    /// What is in use at the boundaries with these settings: the key of ids, and for each tenant
    /// the key of its pseudonyms.
    pub fn in_use<'a>(&self, boundaries: impl IntoIterator<Item = &'a Settings>) -> Vec<InUse> {
        let former = self.former_identity.as_ref().map(|key| Mark::of(key, UNVERSIONED));
        let now = Mark::of(&self.identity, UNVERSIONED);
        let mut tenants = BTreeMap::new();
        for Settings { tenant, pseudonym_key, .. } in boundaries {
            tenants.entry(tenant).or_insert(pseudonym_key.as_ref().unwrap_or(&self.pseudonym));
        }
        let of_tenant = |(tenant, key): (&TenantName, &PseudonymKey)| InUse {
            names: KeyedNames::Pseudonyms(tenant.clone()),
            now: Mark::of(&key.key, key.version),
            former: key.former.as_ref().map(|former| Mark::of(&former.key, former.version)),
        };
        let ids = InUse { names: KeyedNames::Ids, now, former };
        std::iter::once(ids).chain(tenants.into_iter().map(of_tenant)).collect()
    }
}

impl Mark {
    fn of(key: &Secret, version: u8) -> Self {
        Self { fingerprint: Fields::new(key.bytes()).with(b"fingerprint").digest(), version }
    }

    /// Reads what it prints.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, fingerprint) = text.split_once(':')?;
        Some(Self { fingerprint: Digest128::parse(fingerprint)?, version: version.parse().ok()? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.version, self.fingerprint)
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be the mark of a key"))
    }
}

impl KeyedNames {
    const IDS: &str = "ids";
    const PSEUDONYMS: &str = "pseudonyms of ";

    /// Reads what it prints.
    pub fn parse(text: &str) -> Option<Self> {
        let tenant = || text.strip_prefix(Self::PSEUDONYMS).map(TenantName::new);
        if text == Self::IDS { Some(Self::Ids) } else { tenant().map(Self::Pseudonyms) }
    }
}

impl fmt::Display for KeyedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ids => f.write_str(Self::IDS),
            Self::Pseudonyms(tenant) => write!(f, "{}{tenant}", Self::PSEUDONYMS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{keys, settings};
    use super::super::{FormerKey, PseudonymKey};
    use super::*;
    use crate::clock::Timestamp;

    fn own(key: &Secret, version: u8) -> Settings {
        let key = PseudonymKey { version, ..PseudonymKey::first(key.clone()) };
        let tenant = TenantName::new("tenant-b");
        Settings { tenant, pseudonym_key: Some(key), ..settings() }
    }

    #[test]
    fn each_tenant_has_the_mark_of_its_own_key_or_of_the_root() {
        let (keys, other) = (keys(), Secret::new(vec![0x33; 32]));
        let in_use = keys.in_use([&settings(), &own(&other, 4), &settings()]);
        let names: Vec<_> = in_use.iter().map(|one| one.names.to_string()).collect();
        assert_eq!(names, ["ids", "pseudonyms of tenant-a", "pseudonyms of tenant-b"]);
        for one in &in_use {
            assert_eq!(KeyedNames::parse(&one.names.to_string()).as_ref(), Some(&one.names));
        }
        assert_eq!(in_use[1].now, Mark::of(&keys.pseudonym.key, 1));
        assert_eq!(in_use[2].now, Mark::of(&other, 4));
        assert_eq!(Mark::parse(&in_use[2].now.to_string()), Some(in_use[2].now));
        assert_ne!(in_use[1].now.fingerprint, in_use[2].now.fingerprint);
        assert_eq!(KeyedNames::parse("tenant-a"), None);
    }

    #[test]
    fn a_key_has_the_same_mark_in_force_and_before() {
        let (old, new) = (keys(), Secret::new(vec![0x33; 32]));
        let until = Timestamp::from_millis(0);
        let former = FormerKey { key: old.pseudonym.key.clone(), version: 1, until };
        let mut keys = Keys::new(new.clone(), new);
        keys.former_identity = Some(old.identity.clone());
        keys.pseudonym = PseudonymKey { version: 2, former: Some(former), ..keys.pseudonym };
        let (before, after) = (old.in_use([&settings()]), keys.in_use([&settings()]));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(after.former, Some(before.now));
            assert_ne!(after.now, before.now);
        }
        assert_eq!(after[1].now.version, 2);
    }

    #[test]
    fn a_mark_holds_nothing_of_the_key_and_meets_no_name() {
        let keys = keys();
        let mark = Mark::of(&keys.identity, 1).fingerprint;
        let bytes = keys.identity.bytes();
        assert!(mark.0.windows(4).all(|part| !bytes.windows(4).any(|own| own == part)));
        assert_ne!(mark, Fields::new(bytes).with(b"event").digest());
    }
}
