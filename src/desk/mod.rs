//! What operators may ask and do, without a word of HTTP.
//!
//! Every question and every change of the admin API is a method of [`Desk`] that takes and gives
//! plain values. The same types are what the API speaks (serde), what its OpenAPI document says
//! (schemars) and what the command line reads, so the three cannot differ.
//!
//! Promises: what is asked never slows the road (searching has connections, limits and a file of
//! its own); each change has a reason and leaves a record in the audit log, whoever asked and
//! however it ended. Never: a raw room name, a provider's id or a token in an answer, a record or
//! an error.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{RwLock, Semaphore};

use crate::audit::Audit;
use crate::bounds::{CAPTURES_AT_ONCE, SEARCH_QUESTIONS};
use crate::clock::Clock;
use crate::contract::Contract;
use crate::intake::Sources;
use crate::journal::Journal;
use crate::replay::Replays;

mod audit;
mod capture;
mod choice;
mod events;
mod filter;
mod forget;
mod instruments;
mod keys;
mod pseudonym;
mod quarantine;
mod reason;
mod release;
mod replays;
mod risk;
mod running;
mod specimen;
mod status;
mod tail;
mod trends;

pub use audit::{AuditFilter, AuditPage, AuditRecord};
pub use capture::{CaptureAsk, CapturedDelivery};
pub use events::{Detail, EventPage, EventRow, EventState, Filter, Receipt};
pub use forget::{ForgetAsk, ForgetStatus, Forgotten};
pub use instruments::Instruments;
pub use keys::{KeyStatus, key_alarms};
pub use pseudonym::{ProviderNames, PseudonymAnswer, PseudonymAsk};
pub use quarantine::{QuarantinePage, ReleaseAsk, Released};
pub use reason::{Reason, ReasonError};
pub use replays::{Place, Plan, ReplayAnswer, ReplayAsk, ReplayPage, ReplayReport, ReplayState};
pub use risk::AcceptedRisk;
pub use running::{ChangeAsk, Draining, InForce, Reloaded, Running, Still};
pub use specimen::Stage;
pub use status::{
    CertificateStatus, CheckStatus, JournalStatus, KafkaStatus, LedgerStatus, SearchStatus,
    SecretStatus, SourceStatus, StatusReport,
};
pub use trends::Trends;

/// Where operators ask. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Parts>,
    /// Written by the one erasure that is under way, read by releases: what is let go is a new row,
    /// which an erasure that has begun would not find.
    forgetting: Arc<RwLock<()>>,
    /// Questions that are answered at one time.
    turns: Arc<Semaphore>,
    /// Captures at one time.
    captures: Arc<Semaphore>,
}

/// What the desk looks at and works with.
pub struct Parts {
    /// Where events are kept.
    pub journal: Journal,
    /// The sources in force.
    pub sources: Arc<Sources>,
    /// What consumers see: the topic of each family.
    pub contract: Contract,
    /// Who changed what.
    pub audit: Audit,
    /// What else tells how things stand.
    pub instruments: Instruments,
    /// What is published again; `None` where nothing is published at all.
    pub replays: Option<Replays>,
    /// The time.
    pub clock: Clock,
    /// What changes how the gateway runs.
    pub running: Arc<dyn Running>,
}

impl Parts {
    /// Of a journal with nothing that runs around it.
    pub fn alone(journal: Journal, sources: Arc<Sources>, audit: Audit, clock: Clock) -> Self {
        let contract = Contract::of("video");
        let instruments = Instruments::none(&clock);
        let running = Arc::new(Still);
        Self { journal, sources, contract, audit, instruments, replays: None, clock, running }
    }
}

impl Desk {
    /// A desk over these.
    pub fn new(parts: Parts) -> Self {
        let turns = Arc::new(Semaphore::new(SEARCH_QUESTIONS));
        let captures = Arc::new(Semaphore::new(CAPTURES_AT_ONCE));
        Self { inner: Arc::new(parts), forgetting: Arc::default(), turns, captures }
    }

    /// What consumers read.
    pub fn contract(&self) -> &Contract {
        &self.inner.contract
    }
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks and changes.
    Operator,
}

/// Who asks, by the name of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The token's name in the token file.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Why the desk does not do what it was asked. Texts name the field and what to do, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field is not as it must be.
    Invalid {
        /// The field's name.
        field: &'static str,
        /// The rule, and what to write instead.
        rule: String,
    },
    /// There is no such event, replay, source or page.
    NotFound(String),
    /// The configuration has mistakes, each with its key; nothing was changed.
    Mistakes(Vec<String>),
    /// Not as things stand: it has been done, or something else must happen first.
    Conflict(String),
    /// What is needed for it cannot be reached or is being built; later it may work.
    Unavailable(String),
    /// It took longer than an answer may take; narrow the question.
    TooSlow,
    /// A defect of ours.
    Defect,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, rule } => write!(f, "{field} {rule}"),
            Self::NotFound(what) | Self::Conflict(what) | Self::Unavailable(what) => {
                f.write_str(what)
            }
            Self::Mistakes(mistakes) => write!(
                f,
                "mistakes in the new configuration: {}; nothing was changed, and the log names \
                 each",
                mistakes.len()
            ),
            Self::TooSlow => f.write_str(
                "the question took too long to answer: narrow it by time, source or kind",
            ),
            Self::Defect => f.write_str("a defect of the gateway's own; its log says where"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
pub(super) mod tests;
