//! Deliveries as test cases, and the pseudonym of an id.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tokio::sync::mpsc;

use super::{Actor, Desk, Reason, Refusal};
use crate::bounds;
use crate::event::SourceName;
use crate::intake::Source;
use crate::normalize::Personal;

/// Asks for the next authentic deliveries of a source, scrubbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureAsk {
    /// The source; its configuration must allow it (`capture = true`).
    pub source: String,
    /// How many, at most [`crate::bounds::CAPTURE_DELIVERIES_MAX`].
    pub count: u32,
    /// Why.
    pub reason: Reason,
}

/// One delivery as a fixture: nothing of a person in it, signed with a test secret. They come as
/// lines of JSON, each when its delivery comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapturedDelivery {
    /// What the provider calls it, as a folder's name; `unknown` where it is not on the list.
    pub name: String,
    /// The request as it would arrive (`request.http`).
    pub request: String,
    /// The event as it would leave (`event.json`).
    pub event: String,
}

/// Asks for the pseudonym of a provider's id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudonymAsk {
    /// The source whose tenant and provider count.
    pub source: String,
    /// The provider's stable id of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// A room's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Their pseudonyms.
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
    /// Whether this source lets the room's name out: its events then carry the name itself, and
    /// not these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub room_by_name: bool,
}

/// Shows which fields are given and nothing of them.
impl fmt::Debug for PseudonymAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[personal]");
        f.debug_struct("PseudonymAsk")
            .field("source", &self.source)
            .field("participant", &hidden(&self.participant))
            .field("room", &hidden(&self.room))
            .field("reason", &self.reason)
            .finish()
    }
}

impl Desk {
    /// The next authentic deliveries of a source, scrubbed, as they come. Dropping the receiver
    /// ends it.
    pub async fn capture(
        &self,
        _by: &Actor,
        _ask: CaptureAsk,
    ) -> Result<mpsc::Receiver<CapturedDelivery>, Refusal> {
        Err(Refusal::NotYet("capture"))
    }

    /// The pseudonym of a provider's id, for support work. The id itself is neither kept nor shown
    /// again: the audit log says the pseudonym.
    ///
    /// # Errors
    /// `Invalid` where neither or an empty or overlong id is given, `NotFound` where no such source
    /// is configured.
    pub async fn pseudonym(
        &self,
        _by: &Actor,
        ask: PseudonymAsk,
    ) -> Result<PseudonymAnswer, Refusal> {
        let source = self.source(&ask.source)?;
        let participant = id("participant", ask.participant.as_deref())?;
        let room = id("room", ask.room.as_deref())?;
        if participant.is_none() && room.is_none() {
            let rule = "must be given, or room: the provider's id of a person, or a room's name";
            return Err(Refusal::Invalid { field: "participant", rule: rule.to_owned() });
        }
        let boundary = source.boundary();
        Ok(PseudonymAnswer {
            participant: participant.map(|id| boundary.person(id).to_string()),
            room: room.map(|name| boundary.room(name).to_string()),
            room_key: room.map(|name| boundary.room_key(name).to_string()),
            room_by_name: room.is_some_and(|name| boundary.lets_out(name)),
        })
    }

    /// A source in force, by its name.
    pub(super) fn source(&self, name: &str) -> Result<Arc<Source>, Refusal> {
        let found = self.inner.sources.named(&SourceName::new(name));
        found.ok_or_else(|| {
            let known = self.inner.sources.now();
            let known: Vec<&str> = known.iter().map(|source| source.name.as_str()).collect();
            let known = known.join(", ");
            Refusal::NotFound(format!("there is no such source: configured are {known}"))
        })
    }
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
