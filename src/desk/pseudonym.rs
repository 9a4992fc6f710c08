//! What a provider's id, or a room's own name, is called outside: for support work.
//!
//! The id itself is neither kept nor shown again; answer and audit log carry pseudonyms alone. What
//! no key is left for cannot be told any more, by nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Actor, Desk, Reason, Refusal};
use crate::bounds;
use crate::event::ProviderName;
use crate::intake::Source;
use crate::normalize::Personal;

/// Asks for the pseudonyms of a provider's id: at one source, or at every provider of a tenant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudonymAsk {
    /// The source whose tenant and provider count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The tenant, in the place of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The provider's stable id of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// A room's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Their pseudonyms. Those in force stand by themselves as well where one provider is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PseudonymAnswer {
    /// `p1_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// `r1_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The room in record keys, `k1_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_key: Option<String>,
    /// Whether a source lets the room's name out: its events then carry the name itself, and not
    /// these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub room_by_name: bool,
    /// Every name that there is a key for, at each provider.
    #[serde(default)]
    pub providers: Vec<ProviderNames>,
}

/// What a person or a room is called in the events of one provider, the name in force first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderNames {
    /// The provider.
    pub provider: String,
    /// The person, under the key in force and the one before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<String>,
    /// The room, the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// The room in record keys, under the identity key in force and the one before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub room_keys: Vec<String>,
    /// Sources that let the room's name out: their events carry the name itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub room_by_name_at: Vec<String>,
}

/// Shows which fields are given and nothing of them.
impl fmt::Debug for PseudonymAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[personal]");
        f.debug_struct("PseudonymAsk")
            .field("source", &self.source)
            .field("tenant", &self.tenant)
            .field("participant", &hidden(&self.participant))
            .field("room", &hidden(&self.room))
            .field("reason", &self.reason)
            .finish()
    }
}

impl Desk {
    /// The pseudonyms of a provider's id, for support work. The id itself is neither kept nor shown
    /// again: the audit log says the pseudonyms in force.
    ///
    /// # Errors
    /// `Invalid` where not exactly one of source and tenant is given, neither person nor room, an
    /// empty or overlong id, or the reason repeats it; `NotFound` where no such source or tenant is
    /// configured.
    pub async fn pseudonym(
        &self,
        by: &Actor,
        ask: PseudonymAsk,
    ) -> Result<PseudonymAnswer, Refusal> {
        let found = self.pseudonyms(&ask);
        // Before the record: it holds the reason.
        let by_name = found.as_ref().is_ok_and(|found| found.room_by_name);
        for name in ask.participant.iter().chain(ask.room.iter().filter(|_| !by_name)) {
            ask.reason.is_without(name)?;
        }
        let seen = found.as_ref().ok().map(|found| {
            let in_force = |one: &ProviderNames| {
                [one.participants.first(), one.rooms.first()].map(|name| name.cloned())
            };
            let names: Vec<_> = found.providers.iter().flat_map(in_force).flatten().collect();
            names.join(" ")
        });
        self.audited(by, "pseudonym", seen.as_deref(), &ask.reason, async { found.clone() }).await
    }

    fn pseudonyms(&self, ask: &PseudonymAsk) -> Result<PseudonymAnswer, Refusal> {
        let sources = self.whose(ask)?;
        let participant = id("participant", ask.participant.as_deref())?;
        let room = id("room", ask.room.as_deref())?;
        if participant.is_none() && room.is_none() {
            let rule = "must be given, or room: the provider's id of a person, or a room's name";
            return Err(invalid("participant", rule));
        }
        let mut at = BTreeMap::<ProviderName, ProviderNames>::new();
        for source in sources {
            let boundary = source.boundary();
            let provider = boundary.settings().provider;
            // All sources of one tenant and provider give the same names.
            let names = at.entry(provider).or_insert_with(|| ProviderNames {
                provider: provider.to_string(),
                participants: participant.map_or_else(Vec::new, |id| texts(boundary.persons(id))),
                rooms: room.map_or_else(Vec::new, |name| texts(boundary.rooms(name))),
                room_keys: room.map_or_else(Vec::new, |name| texts(boundary.room_keys(name))),
                room_by_name_at: Vec::new(),
            });
            if room.is_some_and(|name| boundary.lets_out(name)) {
                names.room_by_name_at.push(source.name.to_string());
            }
        }
        Ok(answer(at.into_values().collect()))
    }

    fn whose(&self, ask: &PseudonymAsk) -> Result<Vec<Arc<Source>>, Refusal> {
        match (&ask.source, &ask.tenant) {
            (Some(source), None) => Ok(vec![self.source(source)?]),
            (None, Some(tenant)) => self.sources_of(tenant),
            (Some(_), Some(_)) | (None, None) => {
                Err(invalid("source", "or tenant must be given, one of them: whose pseudonym"))
            }
        }
    }

    /// The sources in force of a tenant.
    fn sources_of(&self, tenant: &str) -> Result<Vec<Arc<Source>>, Refusal> {
        let sources = self.inner.sources.now();
        let name = |source: &Arc<Source>| source.boundary().settings().tenant.clone();
        let is_theirs = |source: &&Arc<Source>| name(source).as_str() == tenant;
        let theirs: Vec<_> = sources.iter().filter(is_theirs).cloned().collect();
        if theirs.is_empty() {
            let mut known: Vec<_> = sources.iter().map(|source| name(source).to_string()).collect();
            known.sort_unstable();
            known.dedup();
            let known = known.join(", ");
            let text = format!("there is no such tenant: configured sources are of {known}");
            return Err(Refusal::NotFound(text));
        }
        Ok(theirs)
    }
}

fn answer(providers: Vec<ProviderNames>) -> PseudonymAnswer {
    let room_by_name = providers.iter().any(|one| !one.room_by_name_at.is_empty());
    let (participant, room, room_key) = match providers.as_slice() {
        [ProviderNames { participants, rooms, room_keys, .. }] => {
            (participants.first().cloned(), rooms.first().cloned(), room_keys.first().cloned())
        }
        _ => (None, None, None),
    };
    PseudonymAnswer { participant, room, room_key, room_by_name, providers }
}

fn texts<T: ToString>(names: Vec<T>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// An id as it was asked for, personal from here on.
fn id<'a>(
    field: &'static str,
    given: Option<&'a str>,
) -> Result<Option<Personal<&'a str>>, Refusal> {
    match given {
        Some(text) if text.is_empty() || text.len() > bounds::PSEUDONYM_ID_BYTES_MAX => {
            let most = bounds::PSEUDONYM_ID_BYTES_MAX;
            let rule = format!("must be 1 to {most} bytes, exactly as the provider writes it");
            Err(Refusal::Invalid { field, rule })
        }
        given => Ok(given.map(Personal::new)),
    }
}

fn invalid(field: &'static str, rule: &str) -> Refusal {
    Refusal::Invalid { field, rule: rule.to_owned() }
}
