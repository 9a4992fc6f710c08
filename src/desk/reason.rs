//! Why a change is made: a short text of the operator's own, kept in the audit log for good.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reason that may be kept: short, one line, nothing in it that looks like a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

/// Why a text is not taken as a reason. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Nothing but space.
    #[error("must say why, in a few words")]
    Empty,
    /// Too long.
    #[error("must have at most {} bytes", crate::bounds::REASON_BYTES_MAX)]
    Long,
    /// A line break or another control character.
    #[error("must be one line of plain text")]
    Control,
    /// Something in it looks like a person's address, number or name for a machine.
    #[error("must not hold an e-mail address, a telephone number or a secret: it is kept for good")]
    Personal,
}

impl ReasonError {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Long, Self::Control, Self::Personal];
}

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReasonError::Empty);
        }
        if text.len() > crate::bounds::REASON_BYTES_MAX {
            return Err(ReasonError::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(ReasonError::Control);
        }
        Ok(Self(text.to_owned()))
    }
}
