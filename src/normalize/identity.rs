//! What makes an event this event: its provider's id, and what that leaves out.

use super::NodeId;

/// A part of an event's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text of the body.
    Text(NodeId),
    /// A number, such as a time in milliseconds.
    Number(i64),
    /// A word of ours.
    Word(&'static str),
}

/// What makes an event this event: hashed with a key at the boundary, never written as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The provider's own id of the event, where it counts.
    pub provider_id: Option<NodeId>,
    /// What that id leaves out, each under a tag.
    pub parts: Vec<(&'static str, Part)>,
}

/// Tags of parts that say when it happened.
const DATES: [&str; 2] = ["time", "ended"];

impl Identity {
    /// Whether a part says when it happened.
    pub fn is_dated(&self) -> bool {
        self.parts.iter().any(|(tag, _)| DATES.contains(tag))
    }
}
