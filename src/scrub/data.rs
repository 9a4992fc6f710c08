//! What consumers read below `data`: one type per family, composed of shared sections.
//!
//! The comments become the descriptions of the published JSON Schemas. A field that is not known is
//! absent, never null. There is no field for free text: what may stand in a text is said by the
//! table of the boundary. Fields may be added; none changes its meaning within a schema's version.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::sections::{
    Agent, Call, Erasure, File, Ingress, Participant, Processing, ProviderEvent, Recording, Room,
    Sections, Stream, Track, Transcript,
};
use crate::clock::Timestamp;
use crate::event::{Digest128, Family, QuarantineReason};
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
    /// nothing of the event was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub removed: Option<Paths>,
    /// How many more values were removed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed_more: u64,
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

impl<'a> Data<'a> {
    /// Of an event that was understood: the sections that its family has. The table lets no value
    /// into another one.
    pub(super) fn understood(family: Family, from: Sections<'a>, removed: Removed) -> Self {
        let Removed { paths, more } = removed;
        match family {
            Family::Recording => Self::Recording(RecordingData {
                room: from.room,
                participant: from.participant,
                recording: from.recording,
                transcript: from.transcript,
                processing: from.processing,
                files: from.files,
                provider_event: from.provider_event,
                removed: paths,
                removed_more: more,
            }),
            Family::Participant => Self::Participant(ParticipantData {
                room: from.room,
                participant: from.participant,
                track: from.track,
                call: from.call,
                provider_event: from.provider_event,
                removed: paths,
                removed_more: more,
            }),
            Family::Lifecycle | Family::Quarantine => Self::Lifecycle(LifecycleData {
                room: from.room,
                participant: from.participant,
                stream: from.stream,
                ingress: from.ingress,
                agent: from.agent,
                erasure: None,
                provider_event: from.provider_event,
                removed: paths,
                removed_more: more,
            }),
        }
    }

    /// Of an event that could not be understood: what its envelope told.
    pub(super) fn quarantined(
        reason: QuarantineReason,
        from: Sections<'a>,
        removed: Removed,
    ) -> Self {
        Self::Quarantine(QuarantineData {
            room: from.room,
            participant: from.participant,
            provider_event: from.provider_event,
            removed: Some(removed.paths),
            removed_more: removed.more,
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
        to.collect_str(&self.0)
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

/// The pseudonym of a person: equal for the same person of a tenant and provider, and nothing can
/// be computed back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonRef(pub Digest128);

/// The pseudonym of a room whose name may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRef(pub Digest128);

/// What stands in record keys for a room whose name may not leave: the same when pseudonyms rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomKey(pub Digest128);

macro_rules! pseudonym {
    ($name:ident, $prefix:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = concat!("^", $prefix, "[a-z2-7]{26}$");
                json_schema!({ "type": "string", "pattern": pattern })
            }
        }
    };
}

pseudonym!(PersonRef, "p1_");
pseudonym!(RoomRef, "r1_");
pseudonym!(RoomKey, "k1_");
