//! What looked personal and was about to leave: where, by which detector, under which rule, how
//! long. Never the value.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detect::Detector;
use crate::bounds::VIOLATIONS_MAX;

/// One piece that looked personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Violation {
    /// Where it would have stood, as a JSON pointer into the event.
    pub path: String,
    /// What it looked like.
    pub detector: Detector,
    /// What would have let it out: `room_name`, `artifact_key`, or the form of its field (`id`,
    /// `event_ref`, `event_type`, `version`, `region`, `mime`).
    pub rule: String,
    /// How long it is, in bytes.
    pub length: u64,
}

/// What must be acted on by whoever reads the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A recording or transcript at a tenant whose rooms may not be recorded.
    RecordingForbidden,
}

impl Finding {
    /// As events tell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecordingForbidden => "recording_forbidden",
        }
    }
}

/// The violations of one event: so many listed, the rest counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// In the order of the event's fields.
    pub listed: Vec<Violation>,
    /// How many more there were.
    pub more: u64,
}

impl Violations {
    /// Adds one.
    pub(super) fn note(&mut self, violation: Violation) {
        if self.listed.len() < VIOLATIONS_MAX {
            self.listed.push(violation);
        } else {
            self.more += 1;
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.more
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// Where, what, by which rule, how long: `/data/room/name email room_name 17`, parted by `; `.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.listed.iter().enumerate() {
            let parted = if place > 0 { "; " } else { "" };
            let (detector, Violation { path, rule, length, .. }) = (one.detector.as_str(), one);
            write!(f, "{parted}{path} {detector} {rule} {length}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
