//! Who changed what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Refusal};
use crate::clock::Timestamp;

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Records of one page, at most [`crate::bounds::AUDIT_PAGE_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One change, or the attempt of one. Each holds the hash of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// The name of the token; `signal` and `command` for what came another way.
    pub by: String,
    /// What was done, such as `replay.run`.
    pub action: String,
    /// To what, as it may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// How it ended: `begun`, `done`, or why it was refused.
    pub result: String,
    /// SHA-256 of the record before, in hexadecimal; zeros for the first.
    pub previous: String,
    /// SHA-256 of this record without this field, in hexadecimal.
    pub hash: String,
}

/// A page of records, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Desk {
    /// A page of the audit log.
    pub async fn audit(&self, _filter: AuditFilter) -> Result<AuditPage, Refusal> {
        Err(Refusal::NotYet("audit"))
    }
}
