//! Deliveries as test cases, and the pseudonym of an id.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tokio::sync::mpsc;

use super::{Actor, Desk, Reason, Refusal};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    /// The pseudonym of a provider's id, for support work.
    pub async fn pseudonym(
        &self,
        _by: &Actor,
        _ask: PseudonymAsk,
    ) -> Result<PseudonymAnswer, Refusal> {
        Err(Refusal::NotYet("pseudonym"))
    }
}
