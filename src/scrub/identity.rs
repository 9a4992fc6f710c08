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

use super::names::{PersonRef, RoomKey, RoomRef};
use super::{Keys, PseudonymKey, Settings};
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind};
use crate::normalize::{Normalized, Part, Personal};

/// The names that one source's boundary gives.
pub(super) struct Names {
    ids: Ids,
    former_ids: Option<Ids>,
    pseudonyms: Pseudonyms,
    former: Option<(Pseudonyms, Timestamp)>,
}

/// What hangs on a key of identity.
struct Ids {
    event: Fields,
    unreadable: Fields,
    room_key: Fields,
    erasure: Fields,
}

/// What hangs on a tenant's key of pseudonyms.
struct Pseudonyms {
    version: u8,
    room: Fields,
    person: Fields,
}

impl Ids {
    fn new(settings: &Settings, key: &[u8]) -> Self {
        let source = settings.source.as_str().as_bytes();
        let tenant = settings.tenant.as_str().as_bytes();
        let provider = settings.provider.as_str().as_bytes();
        let for_use = |purpose: &[u8]| Fields::new(key).with(purpose);
        Self {
            event: for_use(b"event").with(source),
            unreadable: for_use(b"unreadable").with(source).with(b"malformed"),
            room_key: for_use(b"room").with(tenant).with(provider),
            erasure: for_use(b"erasure"),
        }
    }
}

impl Pseudonyms {
    fn new(settings: &Settings, root: &[u8], version: u8) -> Self {
        let tenant = settings.tenant.as_str().as_bytes();
        let provider = settings.provider.as_str().as_bytes();
        let key = tenant_key(root, version, tenant);
        let for_use = |purpose: &[u8]| Fields::new(&*key).with(purpose).with(tenant).with(provider);
        Self { version, room: for_use(b"room"), person: for_use(b"person") }
    }

    fn room(&self, name: &str) -> RoomRef {
        let digest = self.room.clone().with(name.as_bytes()).digest();
        RoomRef { version: self.version, digest }
    }

    fn person(&self, id: &str) -> PersonRef {
        let digest = self.person.clone().with(id.as_bytes()).digest();
        PersonRef { version: self.version, digest }
    }
}

impl Names {
    /// The states of one source: its name, tenant and provider are already in them.
    pub(super) fn new(settings: &Settings, keys: &Keys) -> Self {
        let former_identity = keys.former_identity.as_ref();
        let own = settings.pseudonym_key.as_ref().unwrap_or(&keys.pseudonym);
        let PseudonymKey { key, version, former } = own;
        let former = former.as_ref().map(|former| {
            (Pseudonyms::new(settings, former.key.bytes(), former.version), former.until)
        });
        Self {
            ids: Ids::new(settings, keys.identity.bytes()),
            former_ids: former_identity.map(|key| Ids::new(settings, key.bytes())),
            pseudonyms: Pseudonyms::new(settings, key.bytes(), *version),
            former,
        }
    }

    /// The id of an event that was understood at least so far that it has an identity, and the one
    /// that it would have had under the identity key before.
    pub(super) fn event(&self, event: &Normalized<'_>) -> (EventId, Option<EventId>) {
        let of = |ids: &Ids| id_of(ids.event.clone(), event.kind(), event);
        (of(&self.ids), self.former_ids.as_ref().map(of))
    }

    /// The same of a body that could not be read.
    pub(super) fn unreadable(&self, body: &[u8]) -> (EventId, Option<EventId>) {
        let of = |ids: &Ids| EventId(ids.unreadable.clone().with(body).digest());
        (of(&self.ids), self.former_ids.as_ref().map(of))
    }

    /// The id of our own event about one erasure: each is told apart by its time, since the same
    /// person may be forgotten twice.
    pub(super) fn erasure(&self, tenant: &str, of: &str, at: Timestamp, part: u64) -> EventId {
        let fields = self.ids.erasure.clone().with(tenant.as_bytes()).with(of.as_bytes());
        let fields = fields.with(&at.millis().to_be_bytes()).with(&part.to_be_bytes());
        EventId(fields.digest())
    }

    /// What stands in a record key for a room whose name may not leave. Does not change when
    /// pseudonyms rotate.
    pub(super) fn room_key(&self, name: &str) -> RoomKey {
        RoomKey(self.ids.room_key.clone().with(name.as_bytes()).digest())
    }

    /// The same under every identity key there is, the one in force first.
    pub(super) fn room_keys(&self, name: &str) -> Vec<RoomKey> {
        let all = std::iter::once(&self.ids).chain(&self.former_ids);
        all.map(|ids| RoomKey(ids.room_key.clone().with(name.as_bytes()).digest())).collect()
    }

    /// The pseudonym of a room.
    pub(super) fn room(&self, name: &str) -> RoomRef {
        self.pseudonyms.room(name)
    }

    /// The pseudonym of a person, by the provider's stable id.
    pub(super) fn person(&self, id: &str) -> PersonRef {
        self.pseudonyms.person(id)
    }

    /// The pseudonym of a room before, where an event received then still carries it.
    pub(super) fn former_room(&self, name: &str, received: Timestamp) -> Option<RoomRef> {
        self.former_at(received).map(|former| former.room(name))
    }

    /// The pseudonym of a person before, where an event received then still carries it.
    pub(super) fn former_person(&self, id: &str, received: Timestamp) -> Option<PersonRef> {
        self.former_at(received).map(|former| former.person(id))
    }

    /// Every pseudonym of a room that there is a key for, the one in force first.
    pub(super) fn rooms(&self, name: &str) -> Vec<RoomRef> {
        self.every_key().map(|key| key.room(name)).collect()
    }

    /// Every pseudonym of a person that there is a key for, the one in force first.
    pub(super) fn persons(&self, id: &str) -> Vec<PersonRef> {
        self.every_key().map(|key| key.person(id)).collect()
    }

    fn every_key(&self) -> impl Iterator<Item = &Pseudonyms> {
        std::iter::once(&self.pseudonyms).chain(self.former.as_ref().map(|(former, _)| former))
    }

    fn former_at(&self, received: Timestamp) -> Option<&Pseudonyms> {
        self.former.as_ref().filter(|(_, until)| received < *until).map(|(former, _)| former)
    }
}

/// What an event is known by, under the key that is in the state already.
fn id_of(state: Fields, kind: Kind, event: &Normalized<'_>) -> EventId {
    let identity = event.identity();
    let said = identity.provider_id.and_then(|node| event.text(node));
    let mut fields =
        state.with(kind.as_str().as_bytes()).with(said.map_or("", Personal::expose).as_bytes());
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
    let has_time = event.time().is_some() && !identity.parts.is_empty();
    if identity.provider_id.is_none() && !identity.is_dated() && !has_time {
        // Nothing tells this event from later ones of its kind in its room: better the same
        // event twice than another one swallowed.
        let received = event.verified().delivery().head().received();
        let time = event.time().unwrap_or(received).millis();
        fields = fields.with(b"time").with(&time.to_be_bytes());
    }
    EventId(fields.digest())
}

/// A tenant's own key for pseudonyms: HKDF-SHA256 with version and tenant as info.
fn tenant_key(root: &[u8], version: u8, tenant: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let version = version.to_string();
    let info = [&length(version.as_bytes())[..], version.as_bytes(), &length(tenant)[..], tenant];
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 gives up to 8,160 bytes; a key of zeros must never be used"
    )]
    Hkdf::<Sha256>::new(None, root)
        .expand_multi_info(&info, &mut *key)
        .expect("32 bytes are within HKDF's reach");
    key
}

/// A keyed digest that grows field by field.
#[derive(Clone)]
pub(super) struct Fields(Hmac<Sha256>);

impl Fields {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(HmacImpl::new_from_slice(key))
    }

    pub(super) fn with(mut self, field: &[u8]) -> Self {
        HmacImpl::update(&mut self.0, &length(field));
        HmacImpl::update(&mut self.0, field);
        self
    }

    pub(super) fn digest(self) -> Digest128 {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{
        OTHER_UUID, UUID, event, joined, key, keys, scrub, scrub_at, scrub_raw, scrub_with,
        settings, with,
    };
    use crate::clock::Timestamp;
    use crate::event::{ProviderName, SourceName, TenantName};
    use crate::scrub::{Keys, Settings};
    use crate::secret::Secret;

    #[test]
    fn names_given_once_stay_given() {
        // Event ids, record keys and pseudonyms outlive every release: a change here breaks the
        // identity of everything that was ever published. The values were computed by another
        // implementation of HMAC and HKDF.
        let clean = scrub(&with(joined(), "room", json!("Zoë's room")));
        let event = event(&clean);
        assert_eq!(event["id"], "ev1_gxtqmqpit7gpcil677m5asxqvq");
        assert_eq!(event["subject"], "r1_c266d5q2qbvoo5gd4ow3cglcye");
        assert_eq!(event["data"]["participant"]["ref"], "p1_wzyxrn2edjeufobq6eijappl7i");
        assert_eq!(key(&clean), "tenant-a/k1_ukvrfj6772f7fwzyyr5yw2peu4");
    }

    #[test]
    fn an_id_depends_on_source_kind_provider_id_and_parts() {
        let ids = [
            scrub(&joined()),
            scrub(&with(joined(), "id", json!("j-2"))),
            scrub(&with(joined(), "kind", json!("participant.left"))),
            scrub(&with(joined(), "room", json!("consult-0a1b2c3e"))),
            scrub(&with(joined(), "n", json!(1))),
            scrub(&with(joined(), "n", json!("1"))),
            scrub(&with(joined(), "n", json!(2))),
            scrub_with(Settings { source: SourceName::new("other"), ..settings() }, &joined()),
        ]
        .map(|clean| clean.id());
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id), "{place}");
        }
        let renamed = scrub(&with(joined(), "label", json!("Doctor")));
        assert_eq!(renamed.id(), ids[0]);
    }

    #[test]
    fn events_without_any_identity_are_told_apart_by_their_time() {
        let body = |time: u64| json!({"kind": "room.started", "time": time});
        let (one, two) = (scrub(&body(1_795_168_800)), scrub(&body(1_795_168_801)));
        assert_ne!(one.id(), two.id());
        assert_eq!(one.id(), scrub(&body(1_795_168_800)).id());
    }

    #[test]
    fn events_that_say_neither_id_nor_time_are_told_apart_by_when_they_came() {
        let body = json!({"kind": "room.started", "room": "consult-0a1b2c3d"});
        let at = |millis| scrub_at(Timestamp::from_millis(millis), &body).id();
        assert_ne!(at(1), at(2));
        assert_eq!(at(1), at(1));
    }

    #[test]
    fn an_id_or_a_time_of_its_own_keeps_an_event_the_same_whenever_it_comes() {
        let bare = json!({"kind": "room.started", "room": "consult-0a1b2c3d"});
        for own in [
            with(bare.clone(), "id", json!("j-1")),
            with(bare.clone(), "time", json!(1_795_168_800)),
            with(bare.clone(), "ended", json!(1_795_168_800)),
            json!({"kind": "room.started", "time": 1_795_168_800}),
        ] {
            let at = |millis| scrub_at(Timestamp::from_millis(millis), &own).id();
            assert_eq!(at(1), at(2), "{own}");
        }
    }

    #[test]
    fn pseudonyms_differ_by_tenant_provider_and_use() {
        let person = |settings: Settings, user: &str| {
            let body = with(joined(), "user", json!(user));
            let event = event(&scrub_with(settings, &with(body, "room", json!(user))));
            let name = |value: &Value, prefix| {
                let name = value.as_str().unwrap();
                name.strip_prefix(prefix).unwrap().to_owned()
            };
            (
                name(&event["data"]["participant"]["ref"], "p1_"),
                name(&event["data"]["room"]["ref"], "r1_"),
            )
        };
        let other_tenant = Settings { tenant: TenantName::new("tenant-b"), ..settings() };
        let other_provider = Settings { provider: ProviderName::new("other"), ..settings() };
        let other_source = Settings { source: SourceName::new("other"), ..settings() };
        let (one, room) = person(settings(), UUID);
        assert_ne!(one, room);
        assert_ne!(one, person(settings(), OTHER_UUID).0);
        assert_ne!(one, person(other_tenant, UUID).0);
        assert_ne!(one, person(other_provider, UUID).0);
        assert_eq!(one, person(other_source, UUID).0);
    }

    #[test]
    fn a_record_key_does_not_change_when_pseudonyms_rotate() {
        let body = with(joined(), "room", json!("Zoë's room")).to_string();
        let rotated = Keys::new(keys().identity, Secret::new(vec![0x33; 32]));
        let before = scrub_raw(settings(), &keys(), body.as_bytes());
        let after = scrub_raw(settings(), &rotated, body.as_bytes());
        assert_eq!((before.id(), before.key()), (after.id(), after.key()));
        assert_ne!(event(&before)["subject"], event(&after)["subject"]);
    }
}
