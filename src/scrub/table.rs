//! The allow-list: every word of the common language, the rule by which it may leave, the kinds of
//! event it may leave with, and its place below `data`.
//!
//! What is not here for a kind does not leave with it. There is no rule for free text: text passes
//! by a form that cannot name a person, by the source's own patterns, or as a pseudonym. A new
//! [`Word`] does not compile until it has a line here.

use super::data::{Moment, PersonRef};
use super::sections::Sections;
use super::shape::Form;
use crate::clock::Timestamp;
use crate::event::Kind;
use crate::normalize::Word;

/// How a value may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Text of this form, as it is; a word of ours too.
    Text(Form),
    /// A word of ours from a closed list; never text.
    Ours,
    /// A whole number, not negative.
    Count,
    /// A number.
    Number,
    /// A moment.
    Moment,
    /// Yes or no.
    Flag,
    /// A person's stable id, as a pseudonym.
    Person,
    /// A role label of the source's list; its place in the body is listed as removed all the same.
    Label,
    /// A room's name: as it is if it matches the source's `room_name`, else as a pseudonym.
    Room,
    /// A storage key, if it matches the source's `artifact_key`.
    Artifact,
}

/// A set of kinds, by what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u16);

const RECORDING: Kinds = Kinds(1);
const TRANSCRIPT: Kinds = Kinds(1 << 1);
const PROCESSING: Kinds = Kinds(1 << 2);
const PRESENCE: Kinds = Kinds(1 << 3);
const TRACK: Kinds = Kinds(1 << 4);
const CALL: Kinds = Kinds(1 << 5);
const ROOM: Kinds = Kinds(1 << 6);
const STREAM: Kinds = Kinds(1 << 7);
const INGRESS: Kinds = Kinds(1 << 8);
const AGENT: Kinds = Kinds(1 << 9);
const UNKNOWN: Kinds = Kinds(1 << 10);
/// What we say ourselves: nothing that a provider sent leaves with it.
const OURS: Kinds = Kinds(0);

const FILES: Kinds = RECORDING.and(TRANSCRIPT).and(PROCESSING);
const PEOPLE: Kinds = PRESENCE.and(TRACK).and(CALL);
const SOMEONE: Kinds = PEOPLE.and(INGRESS).and(AGENT);
const KNOWN: Kinds = FILES.and(SOMEONE).and(ROOM).and(STREAM);
const EVERY: Kinds = KNOWN.and(UNKNOWN);

impl Kinds {
    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a kind is in the set.
    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 & Self::about(kind).0 != 0
    }

    const fn about(kind: Kind) -> Self {
        match kind {
            Kind::RecordingStarted
            | Kind::RecordingUpdated
            | Kind::RecordingReady
            | Kind::RecordingFailed => RECORDING,
            Kind::TranscriptStarted | Kind::TranscriptReady | Kind::TranscriptFailed => TRANSCRIPT,
            Kind::ProcessingFinished | Kind::ProcessingFailed => PROCESSING,
            Kind::ParticipantJoined
            | Kind::ParticipantLeft
            | Kind::ParticipantAborted
            | Kind::WaitingJoined
            | Kind::WaitingLeft => PRESENCE,
            Kind::TrackPublished | Kind::TrackUnpublished => TRACK,
            Kind::DialinReady
            | Kind::DialinConnected
            | Kind::DialinStopped
            | Kind::DialinWarning
            | Kind::DialinError
            | Kind::DialoutConnected
            | Kind::DialoutAnswered
            | Kind::DialoutStopped
            | Kind::DialoutWarning
            | Kind::DialoutError
            | Kind::CalltransferTriggered
            | Kind::CalltransferInitiated
            | Kind::CalltransferAnswered
            | Kind::CalltransferCompleted => CALL,
            Kind::RoomStarted | Kind::RoomEnded => ROOM,
            Kind::StreamStarted | Kind::StreamUpdated | Kind::StreamEnded | Kind::StreamFailed => {
                STREAM
            }
            Kind::IngressStarted | Kind::IngressEnded => INGRESS,
            Kind::AgentStarted | Kind::AgentEnded | Kind::AgentPending => AGENT,
            Kind::ParticipantErased | Kind::RoomErased => OURS,
            Kind::Quarantined => UNKNOWN,
        }
    }
}

/// A value that may leave.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// Text, looked at.
    Text(&'a str),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// A moment.
    Moment(Timestamp),
    /// Yes or no.
    Flag(bool),
    /// A person by pseudonym.
    Person(PersonRef),
}

/// Writes the table as two total matches over [`Word`].
macro_rules! table {
    ($($word:ident: $rule:ident, $kinds:ident, $place:tt;)+) => {
        /// The rule for a word, and the kinds that it may leave with.
        pub(super) const fn line(word: Word) -> (Rule, Kinds) {
            match word { $(Word::$word => (rule!($rule), $kinds),)+ }
        }

        /// Puts a value that may leave in its place; the first one stays.
        pub(super) fn put<'a>(to: &mut Sections<'a>, word: Word, item: u16, value: Value<'a>) {
            match word { $(Word::$word => place!(to, item, value, $place),)+ }
        }
    };
}

macro_rules! rule {
    (Id) => {
        Rule::Text(Form::Id)
    };
    (EventRef) => {
        Rule::Text(Form::EventRef)
    };
    (EventType) => {
        Rule::Text(Form::EventType)
    };
    (Version) => {
        Rule::Text(Form::Version)
    };
    (Region) => {
        Rule::Text(Form::Region)
    };
    (Mime) => {
        Rule::Text(Form::Mime)
    };
    ($rule:ident) => {
        Rule::$rule
    };
}

macro_rules! place {
    ($to:ident, $item:ident, $value:ident, ($a:ident.$b:ident)) => {
        $value.fill(&mut $to.$a.get_or_insert_default().$b)
    };
    ($to:ident, $item:ident, $value:ident, ($a:ident.$b:ident.$c:ident)) => {
        $value.fill(&mut $to.$a.get_or_insert_default().$b.get_or_insert_default().$c)
    };
    ($to:ident, $item:ident, $value:ident, ($a:ident[].$b:ident)) => {
        match nth($to.$a.get_or_insert_default(), $item) {
            Some(one) => $value.fill(&mut one.$b),
            None => {}
        }
    };
    ($to:ident, $item:ident, $value:ident, ($a:ident.$b:ident[].$c:ident)) => {
        match nth($to.$a.get_or_insert_default().$b.get_or_insert_default(), $item) {
            Some(one) => $value.fill(&mut one.$c),
            None => {}
        }
    };
}

table! {
    // word                    rule       kinds       place below `data`
    // --- provider_event
    EventType:                EventType, EVERY,      (provider_event.r#type);
    EventRef:                 EventRef,  EVERY,      (provider_event.id);
    EventVersion:             Version,   EVERY,      (provider_event.version);
    EventSentAt:              Moment,    EVERY,      (provider_event.sent_at);
    DomainId:                 Id,        KNOWN,      (provider_event.domain_id);
    // --- room
    RoomName:                 Room,      EVERY,      (room.name);
    RoomId:                   Id,        EVERY,      (room.id);
    RoomSession:              Id,        EVERY,      (room.session_id);
    RoomStartedAt:            Moment,    EVERY,      (room.started_at);
    RoomEndedAt:              Moment,    EVERY,      (room.ended_at);
    RoomEndReason:            Ours,      ROOM,       (room.end_reason);
    // --- participant
    ParticipantSession:       Id,        EVERY,      (participant.session_id);
    ParticipantId:            Person,    KNOWN,      (participant.r#ref);
    ParticipantLabel:         Label,     SOMEONE,    (participant.role);
    ParticipantKind:          Ours,      SOMEONE,    (participant.kind);
    ParticipantState:         Ours,      SOMEONE,    (participant.state);
    ParticipantJoinedAt:      Moment,    SOMEONE,    (participant.joined_at);
    ParticipantLeftAt:        Moment,    SOMEONE,    (participant.left_at);
    ParticipantDuration:      Number,    SOMEONE,    (participant.duration_seconds);
    ParticipantEjectAt:       Moment,    PEOPLE,     (participant.eject_at);
    ParticipantReason:        Ours,      SOMEONE,    (participant.reason);
    ParticipantOwner:         Flag,      PEOPLE,     (participant.owner);
    ParticipantNetwork:       Ours,      PEOPLE,     (participant.network_quality);
    ParticipantRegion:        Region,    SOMEONE,    (participant.region);
    MaySend:                  Flag,      SOMEONE,    (participant.permissions.send);
    MayReceive:               Flag,      SOMEONE,    (participant.permissions.receive);
    MaySendData:              Flag,      SOMEONE,    (participant.permissions.send_data);
    MayAdminister:            Flag,      SOMEONE,    (participant.permissions.administer);
    MayBeSeen:                Flag,      SOMEONE,    (participant.permissions.be_seen);
    // --- track
    TrackId:                  Id,        TRACK,      (track.id);
    TrackType:                Ours,      TRACK,      (track.r#type);
    TrackSource:              Ours,      TRACK,      (track.source);
    TrackMime:                Mime,      TRACK,      (track.mime_type);
    TrackWidth:               Count,     TRACK,      (track.width);
    TrackHeight:              Count,     TRACK,      (track.height);
    TrackMuted:               Flag,      TRACK,      (track.muted);
    TrackSimulcast:           Flag,      TRACK,      (track.simulcast);
    // --- call
    CallId:                   Id,        CALL,       (call.id);
    CallAt:                   Moment,    CALL,       (call.at);
    CallSipRefer:             Flag,      CALL,       (call.sip_refer);
    // --- recording
    RecordingId:              Id,        RECORDING,  (recording.id);
    RecordingInstance:        Id,        RECORDING,  (recording.instance_id);
    RecordingType:            Ours,      RECORDING,  (recording.r#type);
    RecordingStatus:          Ours,      RECORDING,  (recording.status);
    RecordingLayout:          Ours,      RECORDING,  (recording.layout);
    RecordingStartedBy:       Id,        RECORDING,  (recording.started_by);
    RecordingStartedAt:       Moment,    RECORDING,  (recording.started_at);
    RecordingEndedAt:         Moment,    RECORDING,  (recording.ended_at);
    RecordingUpdatedAt:       Moment,    RECORDING,  (recording.updated_at);
    RecordingDuration:        Number,    RECORDING,  (recording.duration_seconds);
    RecordingParticipantsMax: Count,     RECORDING,  (recording.participants_max);
    RecordingKey:             Artifact,  RECORDING,  (recording.storage_key);
    RecordingErrorCode:       Count,     RECORDING,  (recording.error_code);
    // --- transcript
    TranscriptId:             Id,        TRANSCRIPT, (transcript.id);
    TranscriptInstance:       Id,        TRANSCRIPT, (transcript.instance_id);
    TranscriptStatus:         Ours,      TRANSCRIPT, (transcript.status);
    TranscriptStartedAt:      Moment,    TRANSCRIPT, (transcript.started_at);
    TranscriptEndedAt:        Moment,    TRANSCRIPT, (transcript.ended_at);
    TranscriptDuration:       Number,    TRANSCRIPT, (transcript.duration_seconds);
    TranscriptMinutes:        Number,    TRANSCRIPT, (transcript.participant_minutes);
    TranscriptParticipantsMax:Count,     TRANSCRIPT, (transcript.participants_max);
    TranscriptKey:            Artifact,  TRANSCRIPT, (transcript.storage_key);
    TranscriptRegion:         Region,    TRANSCRIPT, (transcript.region);
    // --- processing
    JobId:                    Id,        PROCESSING, (processing.id);
    JobPreset:                Ours,      PROCESSING, (processing.preset);
    JobStatus:                Ours,      PROCESSING, (processing.status);
    JobInputType:             Ours,      PROCESSING, (processing.input_type);
    JobRecordingId:           Id,        PROCESSING, (processing.recording_id);
    // --- files
    FileType:                 Ours,      FILES,      (files[].r#type);
    FileKey:                  Artifact,  FILES,      (files[].storage_key);
    FileRegion:               Region,    FILES,      (files[].region);
    FileSize:                 Count,     FILES,      (files[].size_bytes);
    FileDuration:             Number,    FILES,      (files[].duration_seconds);
    FileStartedAt:            Moment,    FILES,      (files[].started_at);
    FileEndedAt:              Moment,    FILES,      (files[].ended_at);
    FileParts:                Count,     FILES,      (files[].parts);
    // --- stream
    StreamId:                 Id,        STREAM,     (stream.id);
    StreamInstance:           Id,        STREAM,     (stream.instance_id);
    StreamStatus:             Ours,      STREAM,     (stream.status);
    StreamLayout:             Ours,      STREAM,     (stream.layout);
    StreamStartedAt:          Moment,    STREAM,     (stream.started_at);
    StreamEndedAt:            Moment,    STREAM,     (stream.ended_at);
    StreamUpdatedAt:          Moment,    STREAM,     (stream.updated_at);
    StreamErrorCode:          Count,     STREAM,     (stream.error_code);
    OutputStatus:             Ours,      STREAM,     (stream.outputs[].status);
    OutputStartedAt:          Moment,    STREAM,     (stream.outputs[].started_at);
    OutputEndedAt:            Moment,    STREAM,     (stream.outputs[].ended_at);
    OutputDuration:           Number,    STREAM,     (stream.outputs[].duration_seconds);
    OutputRetries:            Count,     STREAM,     (stream.outputs[].retries);
    // --- ingress
    IngressId:                Id,        INGRESS,    (ingress.id);
    IngressType:              Ours,      INGRESS,    (ingress.r#type);
    IngressStatus:            Ours,      INGRESS,    (ingress.status);
    IngressResource:          Id,        INGRESS,    (ingress.resource_id);
    IngressStartedAt:         Moment,    INGRESS,    (ingress.started_at);
    IngressEndedAt:           Moment,    INGRESS,    (ingress.ended_at);
    IngressReusable:          Flag,      INGRESS,    (ingress.reusable);
    // --- agent
    AgentId:                  Id,        AGENT,      (agent.id);
    AgentDispatch:            Id,        AGENT,      (agent.dispatch_id);
    AgentType:                Ours,      AGENT,      (agent.r#type);
    AgentStatus:              Ours,      AGENT,      (agent.status);
    AgentWorker:              Id,        AGENT,      (agent.worker_id);
    AgentStartedAt:           Moment,    AGENT,      (agent.started_at);
    AgentEndedAt:             Moment,    AGENT,      (agent.ended_at);
}

impl<'a> Value<'a> {
    fn fill<T: Fits<'a>>(self, slot: &mut Option<T>) {
        if slot.is_none() {
            *slot = T::fits(self);
        }
    }
}

/// The item of a list at a place, with empty ones before it if need be.
fn nth<T: Clone + Default>(list: &mut Vec<T>, item: u16) -> Option<&mut T> {
    let place = usize::from(item);
    if list.len() <= place {
        list.resize(place + 1, T::default());
    }
    list.get_mut(place)
}

/// What kind of value a field takes.
trait Fits<'a>: Sized {
    fn fits(value: Value<'a>) -> Option<Self>;
}

macro_rules! fits {
    ($($type:ty: $($variant:ident($inner:ident) => $as:expr),+;)+) => {$(
        impl<'a> Fits<'a> for $type {
            fn fits(value: Value<'a>) -> Option<Self> {
                $(if let Value::$variant($inner) = value { return Some($as); })+
                None
            }
        }
    )+};
}

fits! {
    &'a str: Text(text) => text;
    u64: Count(count) => count;
    f64: Number(number) => number, Count(count) => count as f64;
    Moment: Moment(time) => Self(time);
    bool: Flag(flag) => flag;
    PersonRef: Person(person) => person;
}
