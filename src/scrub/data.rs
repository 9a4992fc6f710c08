//! What consumers read below `data`: one type per family, composed of shared sections.
//!
//! The comments become the descriptions of the published JSON Schemas. A field that is not known is
//! absent, never null. There is no field for free text: what may stand in a text is said by the
//! table of the boundary. Fields may be added; none goes or changes its meaning within a schema's
//! version, and `tests/it/schemas` holds each change against what consumers were promised.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::sections::{
    Agent, Call, Erasure, File, Ingress, Participant, Processing, ProviderEvent, Recording, Room,
    Sections, Stream, Track, Transcript,
};
use super::violation::{Finding, Violation, Violations};
use crate::clock::Timestamp;
use crate::event::{Family, QuarantineReason};
use crate::normalize::{Paths, Removed};

/// A recording, a transcript or the processing of one.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RecordingData<'a> {
    /// The room it belongs to, where the provider says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room<'a>>,
    /// The person it is of, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant<'a>>,
    /// The recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording<'a>>,
    /// The transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript<'a>>,
    /// The job over a recording or transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing: Option<Processing<'a>>,
    /// What it left behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<File<'a>>>,
    /// What whoever reads this must act on: `recording_forbidden` where rooms of the tenant may not
    /// be recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The event as the provider sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event: Option<ProviderEvent<'a>>,
    /// JSON pointers into the provider's body: what did not pass, neither as itself nor as a
    /// pseudonym. `*` stands for an index and for a key that may name a person.
    #[schemars(with = "Vec<String>")]
    pub removed: Paths,
    /// How many more values were removed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed_more: u64,
    /// What looked personal and was about to leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How many more such pieces there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations_more: u64,
}

/// A person and what they do in a room.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ParticipantData<'a> {
    /// The room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room<'a>>,
    /// The person, by pseudonym and role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant<'a>>,
    /// The track they publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<Track<'a>>,
    /// The call that brings them in or out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call<'a>>,
    /// The event as the provider sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event: Option<ProviderEvent<'a>>,
    /// JSON pointers into the provider's body: what did not pass, neither as itself nor as a
    /// pseudonym. `*` stands for an index and for a key that may name a person.
    #[schemars(with = "Vec<String>")]
    pub removed: Paths,
    /// How many more values were removed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed_more: u64,
    /// What looked personal and was about to leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How many more such pieces there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations_more: u64,
}

/// A room, stream, ingress or agent and how it goes.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LifecycleData<'a> {
    /// The room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room<'a>>,
    /// The person that an ingress or agent is or serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant<'a>>,
    /// The stream to the outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream<'a>>,
    /// The stream from the outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress<'a>>,
    /// The agent's job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent<'a>>,
    /// What was forgotten: in `participant.erased` and `room.erased` alone, which the gateway
    /// itself says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasure: Option<Erasure<'a>>,
    /// The event as the provider sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event: Option<ProviderEvent<'a>>,
    /// JSON pointers into the provider's body: what did not pass, neither as itself nor as a
    /// pseudonym. `*` stands for an index and for a key that may name a person.
    #[schemars(with = "Vec<String>")]
    pub removed: Paths,
    /// How many more values were removed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed_more: u64,
    /// What looked personal and was about to leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How many more such pieces there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations_more: u64,
}

/// An authentic event that could not be understood or may not pass.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct QuarantineData<'a> {
    /// Why it stands here.
    pub reason: QuarantineReason,
    /// Bytes of what could not pass: the body for `malformed`, the event for
    /// `too_large_for_kafka`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_bytes: Option<u64>,
    /// The room, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room<'a>>,
    /// The connection of a person, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant<'a>>,
    /// The event as the provider sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event: Option<ProviderEvent<'a>>,
    /// JSON pointers into the provider's body: what did not pass, neither as itself nor as a
    /// pseudonym. `*` stands for an index and for a key that may name a person. Absent where
    /// nothing of the event was kept; of `pii_violation` it is the list of the event that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub removed: Option<Paths>,
    /// How many more values were removed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed_more: u64,
    /// What looked personal and was about to leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How many more such pieces there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations_more: u64,
    /// What whoever reads this must act on: `recording_forbidden` where rooms of the tenant may not
    /// be recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// `data` of one event, as its family has it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Recording(RecordingData<'a>),
    Participant(ParticipantData<'a>),
    Lifecycle(LifecycleData<'a>),
    Quarantine(QuarantineData<'a>),
}

/// What is told of an event beside its sections: the evidence.
#[derive(Clone, Default)]
pub(super) struct Evidence {
    /// What did not pass.
    pub(super) removed: Removed,
    /// What looked personal and was about to leave.
    pub(super) violations: Violations,
    /// What must be acted on.
    pub(super) findings: Vec<Finding>,
}

impl<'a> Data<'a> {
    /// Of an event that was understood: the sections that its family has. The table lets no value
    /// into another one.
    pub(super) fn understood(family: Family, from: Sections<'a>, told: Evidence) -> Self {
        let Evidence { removed: Removed { paths: removed, more: removed_more }, .. } = told;
        let Violations { listed: violations, more: violations_more } = told.violations;
        match family {
            Family::Recording => Self::Recording(RecordingData {
                room: from.room,
                participant: from.participant,
                recording: from.recording,
                transcript: from.transcript,
                processing: from.processing,
                files: from.files,
                findings: told.findings,
                provider_event: from.provider_event,
                removed,
                removed_more,
                violations,
                violations_more,
            }),
            Family::Participant => Self::Participant(ParticipantData {
                room: from.room,
                participant: from.participant,
                track: from.track,
                call: from.call,
                provider_event: from.provider_event,
                removed,
                removed_more,
                violations,
                violations_more,
            }),
            Family::Lifecycle | Family::Quarantine => Self::Lifecycle(LifecycleData {
                room: from.room,
                participant: from.participant,
                stream: from.stream,
                ingress: from.ingress,
                agent: from.agent,
                erasure: None,
                provider_event: from.provider_event,
                removed,
                removed_more,
                violations,
                violations_more,
            }),
        }
    }

    /// Of an event that could not be understood or may not pass: what its envelope told.
    pub(super) fn quarantined(
        reason: QuarantineReason,
        from: Sections<'a>,
        told: Evidence,
    ) -> Self {
        Self::Quarantine(QuarantineData {
            room: from.room,
            participant: from.participant,
            provider_event: from.provider_event,
            removed: Some(told.removed.paths),
            removed_more: told.removed.more,
            violations: told.violations.listed,
            violations_more: told.violations.more,
            findings: told.findings,
            length_bytes: None,
            reason,
        })
    }
}

impl QuarantineData<'_> {
    /// Of an event of which nothing is kept but reason and length.
    pub(super) fn bare(reason: QuarantineReason, length: usize) -> Self {
        Self {
            reason,
            length_bytes: Some(length as u64),
            room: None,
            participant: None,
            provider_event: None,
            removed: None,
            removed_more: 0,
            violations: Vec::new(),
            violations_more: 0,
            findings: Vec::new(),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A moment in RFC 3339, UTC, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
