//! The shared words of the road: source, tenant, provider, event id, kind, family, reasons.
//!
//! Nothing here holds a value that a provider sent: names come from the configuration, kinds and
//! reasons are closed lists, ids are keyed digests. So all of it may be printed anywhere.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod digest;

pub use digest::{Digest128, EventId};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name that the configuration has checked.
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A source as the configuration names it: one sender with its own route and secrets.
    SourceName
);
impl SourceName {
    /// The source of our own events, those that tell what was forgotten: a name that no
    /// configuration can give. Its totals stand beside the ledger.
    pub const OURS: &str = "/hookgate";

    /// What stands before the name of a source whose events were released from quarantine.
    const RELEASED: &str = "/released/";

    /// The name under which released events of this source are accounted for: one that no
    /// configuration can give, for its totals stand beside the ledger.
    pub fn released(&self) -> Self {
        Self(format!("{}{}", Self::RELEASED, self.origin()).into())
    }

    /// Whether events under this name were released from quarantine.
    pub fn is_released(&self) -> bool {
        self.0.starts_with(Self::RELEASED)
    }

    /// The source as the configuration names it, also where its event was released.
    pub fn origin(&self) -> &str {
        self.0.strip_prefix(Self::RELEASED).unwrap_or(&self.0)
    }
}

name!(
    /// A tenant as the configuration names it: whose events these are.
    TenantName
);
name!(
    /// This gateway in its fleet (`server.instance`): stable over restarts.
    InstanceName
);

/// A video platform by its name in the configuration, such as `daily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(&'static str);

impl ProviderName {
    /// A name given by the registry of providers.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What becomes of a source's authentic deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Kept and published.
    #[default]
    Live,
    /// Kept; published once the source is live again.
    Hold,
    /// Verified and counted, neither kept nor published: for mirrored traffic.
    Shadow,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Live, Self::Hold, Self::Shadow];

    /// The mode as the configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Hold => "hold",
            Self::Shadow => "shadow",
        }
    }

    /// Reads what [`Mode::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The name of one replay: random, short, printable. Prints as `rp_` and 12 letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(Arc<str>);

impl ReplayId {
    const PREFIX: &str = "rp_";
    const LETTERS: usize = 12;

    /// One that has not been: 60 random bits.
    pub fn fresh() -> Self {
        let letters = Digest128(rand::random()).to_string();
        let letters: String = letters.chars().take(Self::LETTERS).collect();
        Self(format!("{}{letters}", Self::PREFIX).into())
    }

    /// Reads what it prints.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(Self::PREFIX)?;
        let known = |letter: u8| matches!(letter, b'a'..=b'z' | b'2'..=b'7');
        let good = letters.len() == Self::LETTERS && letters.bytes().all(known);
        good.then(|| Self(text.into()))
    }

    /// As it prints.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which topic an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Recordings, transcripts and their processing.
    Recording,
    /// People and what they do in a room.
    Participant,
    /// Rooms, streams, ingresses, agents.
    Lifecycle,
    /// What could not be understood or may not pass.
    Quarantine,
}

impl Family {
    /// All families, in the order of their topics.
    pub const ALL: [Self; 4] =
        [Self::Recording, Self::Participant, Self::Lifecycle, Self::Quarantine];

    /// The last part of the topic's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Participant => "participant",
            Self::Lifecycle => "lifecycle",
            Self::Quarantine => "quarantine",
        }
    }

    /// Reads what [`Family::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_str() == text)
    }
}

macro_rules! kinds {
    ($($family:ident: $($kind:ident = $text:literal),+;)+) => {
        /// What happened, in the one language of the gateway; `video.` + this is the CloudEvents
        /// type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = concat!("`", $text, "`")] $kind,)+)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$($(Self::$kind,)+)+];

            /// What stands in `type` before the kind.
            pub const TYPE_PREFIX: &str = "video.";

            /// The kind as consumers read it, without `video.`.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$kind => $text,)+)+ }
            }

            /// What stands in `type`: `video.` and the kind, whatever the topics are called.
            pub const fn event_type(self) -> &'static str {
                match self { $($(Self::$kind => concat!("video.", $text),)+)+ }
            }

            /// Its place in [`Kind::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The family, and with it the topic.
            pub const fn family(self) -> Family {
                match self { $($(Self::$kind => Family::$family,)+)+ }
            }
        }
    };
}

kinds! {
    Recording:
        RecordingStarted = "recording.started", RecordingUpdated = "recording.updated",
        RecordingReady = "recording.ready", RecordingFailed = "recording.failed",
        TranscriptStarted = "transcript.started", TranscriptReady = "transcript.ready",
        TranscriptFailed = "transcript.failed",
        ProcessingFinished = "processing.finished", ProcessingFailed = "processing.failed";
    Participant:
        ParticipantJoined = "participant.joined", ParticipantLeft = "participant.left",
        ParticipantAborted = "participant.aborted",
        WaitingJoined = "waiting.joined", WaitingLeft = "waiting.left",
        TrackPublished = "track.published", TrackUnpublished = "track.unpublished",
        DialinReady = "dialin.ready", DialinConnected = "dialin.connected",
        DialinStopped = "dialin.stopped", DialinWarning = "dialin.warning",
        DialinError = "dialin.error",
        DialoutConnected = "dialout.connected", DialoutAnswered = "dialout.answered",
        DialoutStopped = "dialout.stopped", DialoutWarning = "dialout.warning",
        DialoutError = "dialout.error",
        CalltransferTriggered = "calltransfer.triggered",
        CalltransferInitiated = "calltransfer.initiated",
        CalltransferAnswered = "calltransfer.answered",
        CalltransferCompleted = "calltransfer.completed";
    Lifecycle:
        RoomStarted = "room.started", RoomEnded = "room.ended",
        StreamStarted = "stream.started", StreamUpdated = "stream.updated",
        StreamEnded = "stream.ended", StreamFailed = "stream.failed",
        IngressStarted = "ingress.started", IngressEnded = "ingress.ended",
        AgentStarted = "agent.started", AgentEnded = "agent.ended", AgentPending = "agent.pending",
        ParticipantErased = "participant.erased", RoomErased = "room.erased";
    Quarantine:
        Quarantined = "quarantined";
}

impl Kind {
    /// Whether it is one of our own, which no provider sends.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::ParticipantErased | Self::RoomErased)
    }

    /// Reads what [`Kind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an authentic delivery stands in quarantine.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// Authentic and readable, but of a kind this version does not know.
    UnknownKind,
    /// Authentic, but not JSON of a shape that can be read.
    Malformed,
    /// Something personal was about to leave (policy `on_violation = "quarantine"`).
    PiiViolation,
    /// The broker refused the record for its size even when it was sent alone.
    TooLargeForKafka,
}

impl QuarantineReason {
    /// All reasons.
    pub const ALL: [Self; 4] =
        [Self::UnknownKind, Self::Malformed, Self::PiiViolation, Self::TooLargeForKafka];

    /// The reason as consumers, logs and metrics read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Malformed => "malformed",
            Self::PiiViolation => "pii_violation",
            Self::TooLargeForKafka => "too_large_for_kafka",
        }
    }

    /// Reads what [`QuarantineReason::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replays_name_reads_back_and_nothing_else_does() {
        let id = ReplayId::fresh();
        assert_eq!(ReplayId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(ReplayId::fresh(), id);
        for other in ["", "rp_", "rp_abcdefghijk", "rp_abcdefghijk1", "rp_ABCDEFGHIJKL"] {
            assert_eq!(ReplayId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn every_kind_reads_back_from_its_text_and_its_place() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
            assert_eq!(kind.event_type(), format!("{}{kind}", Kind::TYPE_PREFIX));
            assert_eq!(Kind::ALL[kind.index()], *kind);
        }
    }
}
