//! Keyed names: event ids, record keys of rooms, pseudonyms of persons and rooms.
//!
//! Every name is 128 bits of HMAC-SHA256. Fields go in length-prefixed, so that no two lists of
//! fields meet, and the first field says what the digest is for, so that the uses of one key never
//! meet either. A keyed hash of a body is the identity of what cannot be read, and of nothing else:
//! elsewhere it would swallow real events.
//!
//! The states with key and fixed fields are made once for each source; an event pays for its own
//! fields alone.

use hkdf::{Hkdf, HmacImpl};
use hmac::Hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Keys, Settings};
use crate::event::{Digest128, EventId, Kind};
use crate::normalize::{Normalized, Part, Personal};

/// The version of pseudonyms, in the info of a tenant's key.
const PSEUDONYM_VERSION: &[u8] = b"1";

/// The names that one source's boundary gives.
pub(super) struct Names {
    event: Fields,
    unreadable: Fields,
    room_key: Fields,
    room: Fields,
    person: Fields,
}

impl Names {
    /// The states of one source: its name, tenant and provider are already in them.
    pub(super) fn new(settings: &Settings, keys: &Keys) -> Self {
        let source = settings.source.as_str().as_bytes();
        let tenant = settings.tenant.as_str().as_bytes();
        let provider = settings.provider.as_str().as_bytes();
        let identity = keys.identity.bytes();
        let pseudonym = tenant_key(keys.pseudonym.bytes(), tenant);
        let for_use = |key: &[u8], purpose: &[u8]| Fields::new(key).with(purpose);
        Self {
            event: for_use(identity, b"event").with(source),
            unreadable: for_use(identity, b"unreadable")
                .with(source)
                .with(b"malformed"),
            room_key: for_use(identity, b"room").with(tenant).with(provider),
            room: for_use(&*pseudonym, b"room").with(tenant).with(provider),
            person: for_use(&*pseudonym, b"person").with(tenant).with(provider),
        }
    }

    /// The id of an event that was understood at least so far that it has an identity.
    pub(super) fn event(&self, kind: Kind, event: &Normalized<'_>) -> EventId {
        let identity = event.identity();
        let said = identity.provider_id.and_then(|node| event.text(node));
        let mut fields = self
            .event
            .clone()
            .with(kind.as_str().as_bytes())
            .with(said.map_or("", Personal::expose).as_bytes());
        for (tag, part) in &identity.parts {
            fields = fields.with(tag.as_bytes());
            fields = match part {
                Part::Text(node) => {
                    let text = event.text(*node).map_or("", Personal::expose);
                    fields.with(b"text").with(text.as_bytes())
                }
                Part::Number(number) => fields.with(b"number").with(&number.to_be_bytes()),
                Part::Word(word) => fields.with(b"word").with(word.as_bytes()),
            };
        }
        if identity.provider_id.is_none() && identity.parts.is_empty() {
            // Nothing tells this event from others of its kind: better the same event twice than
            // another one swallowed.
            let received = event.verified().delivery().head().received();
            let time = event.time().unwrap_or(received).millis();
            fields = fields.with(b"time").with(&time.to_be_bytes());
        }
        EventId(fields.digest())
    }

    /// The id of a body that could not be read.
    pub(super) fn unreadable(&self, body: &[u8]) -> EventId {
        EventId(self.unreadable.clone().with(body).digest())
    }

    /// What stands in a record key for a room whose name may not leave. Does not change when
    /// pseudonyms rotate.
    pub(super) fn room_key(&self, name: &str) -> Digest128 {
        self.room_key.clone().with(name.as_bytes()).digest()
    }

    /// The pseudonym of a room.
    pub(super) fn room(&self, name: &str) -> Digest128 {
        self.room.clone().with(name.as_bytes()).digest()
    }

    /// The pseudonym of a person, by the provider's stable id.
    pub(super) fn person(&self, id: &str) -> Digest128 {
        self.person.clone().with(id.as_bytes()).digest()
    }
}

/// A tenant's own key for pseudonyms: HKDF-SHA256 with version and tenant as info.
fn tenant_key(pseudonym: &[u8], tenant: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let info = [
        &length(PSEUDONYM_VERSION)[..],
        PSEUDONYM_VERSION,
        &length(tenant)[..],
        tenant,
    ];
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 gives up to 8,160 bytes; a key of zeros must never be used"
    )]
    Hkdf::<Sha256>::new(None, pseudonym)
        .expand_multi_info(&info, &mut *key)
        .expect("32 bytes are within HKDF's reach");
    key
}

/// A keyed digest that grows field by field.
#[derive(Clone)]
struct Fields(Hmac<Sha256>);

impl Fields {
    fn new(key: &[u8]) -> Self {
        Self(HmacImpl::new_from_slice(key))
    }

    fn with(mut self, field: &[u8]) -> Self {
        HmacImpl::update(&mut self.0, &length(field));
        HmacImpl::update(&mut self.0, field);
        self
    }

    fn digest(self) -> Digest128 {
        let full = HmacImpl::finalize(self.0);
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(full) {
            *to = from;
        }
        Digest128(half)
    }
}

fn length(field: &[u8]) -> [u8; 8] {
    (field.len() as u64).to_be_bytes()
}
