//! Which word stands where, and by what rule a value of it may leave: the form that it must have.
//!
//! Whether it leaves at all, with which kind of event, is said by the policy. This is the one list
//! that the compiler holds against everything else: a word without a line here does not compile,
//! and neither does a line whose place is not a field of the published data.

use super::data::Moment;
use super::names::PersonRef;
use super::sections::Sections;
use super::shape::Form;
use crate::clock::Timestamp;
use crate::event::Family;
use crate::normalize::Word;

/// How a value may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Text of this form, as it is; a word of ours too.
    Text(Form),
    /// A word of ours from a closed list; never text.
    Ours,
    /// A whole number of things, not negative, too small to be a telephone number.
    Count,
    /// A whole number of bytes, not negative.
    Bytes,
    /// A number, such as a duration in seconds, too small to be a telephone number.
    Amount,
    /// A moment that can be one.
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

/// A field that consumers may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// The form that its values must have.
    pub(super) rule: Rule,
    /// Its place below `data`, as it is written in Rust.
    place: &'static str,
}

impl Field {
    /// Its place below `data`, such as `participant.session_id` or `files[].storage_key`.
    pub(super) fn name(&self) -> String {
        self.place.replace("r#", "").replace(' ', "")
    }

    /// Whether the data of a family has this place at all.
    pub(super) fn fits(&self, family: Family) -> bool {
        let section = self.place.split(['.', '[', ' ']).next().unwrap_or_default();
        match section {
            "provider_event" | "room" | "participant" => true,
            "recording" | "transcript" | "processing" | "files" => family == Family::Recording,
            "track" | "call" => family == Family::Participant,
            _ => family == Family::Lifecycle,
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

/// Writes the table as a list in the order of [`Word`], and as total matches over it.
macro_rules! table {
    ($($word:ident: $rule:ident, $place:tt;)+) => {
        /// Every field, in the order of its word.
        pub(super) const FIELDS: &[Field] = &[
            $(Field { rule: rule!($rule), place: name!($place) },)+
        ];

        /// The words of the fields, in their order.
        #[cfg(test)]
        pub(super) const WORDS: &[Word] = &[$(Word::$word),+];

        /// The rule for a word.
        pub(super) const fn rule(word: Word) -> Rule {
            match word { $(Word::$word => rule!($rule),)+ }
        }

        /// Puts a value that may leave in its place; the first one stays.
        pub(super) fn put<'a>(to: &mut Sections<'a>, word: Word, item: u16, value: Value<'a>) {
            match word { $(Word::$word => place!(to, item, value, $place),)+ }
        }
    };
}

macro_rules! name {
    (($($part:tt)+)) => { concat!($(stringify!($part)),+) };
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
    // word                   rule       place below `data`
    // --- provider_event
    EventType:                EventType, (provider_event.r#type);
    EventRef:                 EventRef,  (provider_event.id);
    EventVersion:             Version,   (provider_event.version);
    EventSentAt:              Moment,    (provider_event.sent_at);
    DomainId:                 Id,        (provider_event.domain_id);
    // --- room
    RoomName:                 Room,      (room.name);
    RoomId:                   Id,        (room.id);
    RoomSession:              Id,        (room.session_id);
    RoomStartedAt:            Moment,    (room.started_at);
    RoomEndedAt:              Moment,    (room.ended_at);
    RoomEndReason:            Ours,      (room.end_reason);
    // --- participant
    ParticipantSession:       Id,        (participant.session_id);
    ParticipantId:            Person,    (participant.r#ref);
    ParticipantLabel:         Label,     (participant.role);
    ParticipantKind:          Ours,      (participant.kind);
    ParticipantState:         Ours,      (participant.state);
    ParticipantJoinedAt:      Moment,    (participant.joined_at);
    ParticipantLeftAt:        Moment,    (participant.left_at);
    ParticipantDuration:      Amount,    (participant.duration_seconds);
    ParticipantEjectAt:       Moment,    (participant.eject_at);
    ParticipantReason:        Ours,      (participant.reason);
    ParticipantOwner:         Flag,      (participant.owner);
    ParticipantNetwork:       Ours,      (participant.network_quality);
    ParticipantRegion:        Region,    (participant.region);
    MaySend:                  Flag,      (participant.permissions.send);
    MayReceive:               Flag,      (participant.permissions.receive);
    MaySendData:              Flag,      (participant.permissions.send_data);
    MayAdminister:            Flag,      (participant.permissions.administer);
    MayBeSeen:                Flag,      (participant.permissions.be_seen);
    // --- track
    TrackId:                  Id,        (track.id);
    TrackType:                Ours,      (track.r#type);
    TrackSource:              Ours,      (track.source);
    TrackMime:                Mime,      (track.mime_type);
    TrackWidth:               Count,     (track.width);
    TrackHeight:              Count,     (track.height);
    TrackMuted:               Flag,      (track.muted);
    TrackSimulcast:           Flag,      (track.simulcast);
    // --- call
    CallId:                   Id,        (call.id);
    CallAt:                   Moment,    (call.at);
    CallSipRefer:             Flag,      (call.sip_refer);
    // --- recording
    RecordingId:              Id,        (recording.id);
    RecordingInstance:        Id,        (recording.instance_id);
    RecordingType:            Ours,      (recording.r#type);
    RecordingStatus:          Ours,      (recording.status);
    RecordingLayout:          Ours,      (recording.layout);
    RecordingStartedBy:       Id,        (recording.started_by);
    RecordingStartedAt:       Moment,    (recording.started_at);
    RecordingEndedAt:         Moment,    (recording.ended_at);
    RecordingUpdatedAt:       Moment,    (recording.updated_at);
    RecordingDuration:        Amount,    (recording.duration_seconds);
    RecordingParticipantsMax: Count,     (recording.participants_max);
    RecordingKey:             Artifact,  (recording.storage_key);
    RecordingErrorCode:       Count,     (recording.error_code);
    // --- transcript
    TranscriptId:             Id,        (transcript.id);
    TranscriptInstance:       Id,        (transcript.instance_id);
    TranscriptStatus:         Ours,      (transcript.status);
    TranscriptStartedAt:      Moment,    (transcript.started_at);
    TranscriptEndedAt:        Moment,    (transcript.ended_at);
    TranscriptDuration:       Amount,    (transcript.duration_seconds);
    TranscriptMinutes:        Amount,    (transcript.participant_minutes);
    TranscriptParticipantsMax:Count,     (transcript.participants_max);
    TranscriptKey:            Artifact,  (transcript.storage_key);
    TranscriptRegion:         Region,    (transcript.region);
    // --- processing
    JobId:                    Id,        (processing.id);
    JobPreset:                Ours,      (processing.preset);
    JobStatus:                Ours,      (processing.status);
    JobInputType:             Ours,      (processing.input_type);
    JobRecordingId:           Id,        (processing.recording_id);
    // --- files
    FileType:                 Ours,      (files[].r#type);
    FileKey:                  Artifact,  (files[].storage_key);
    FileRegion:               Region,    (files[].region);
    FileSize:                 Bytes,     (files[].size_bytes);
    FileDuration:             Amount,    (files[].duration_seconds);
    FileStartedAt:            Moment,    (files[].started_at);
    FileEndedAt:              Moment,    (files[].ended_at);
    FileParts:                Count,     (files[].parts);
    // --- stream
    StreamId:                 Id,        (stream.id);
    StreamInstance:           Id,        (stream.instance_id);
    StreamStatus:             Ours,      (stream.status);
    StreamLayout:             Ours,      (stream.layout);
    StreamStartedAt:          Moment,    (stream.started_at);
    StreamEndedAt:            Moment,    (stream.ended_at);
    StreamUpdatedAt:          Moment,    (stream.updated_at);
    StreamErrorCode:          Count,     (stream.error_code);
    OutputStatus:             Ours,      (stream.outputs[].status);
    OutputStartedAt:          Moment,    (stream.outputs[].started_at);
    OutputEndedAt:            Moment,    (stream.outputs[].ended_at);
    OutputDuration:           Amount,    (stream.outputs[].duration_seconds);
    OutputRetries:            Count,     (stream.outputs[].retries);
    // --- ingress
    IngressId:                Id,        (ingress.id);
    IngressType:              Ours,      (ingress.r#type);
    IngressStatus:            Ours,      (ingress.status);
    IngressResource:          Id,        (ingress.resource_id);
    IngressStartedAt:         Moment,    (ingress.started_at);
    IngressEndedAt:           Moment,    (ingress.ended_at);
    IngressReusable:          Flag,      (ingress.reusable);
    // --- agent
    AgentId:                  Id,        (agent.id);
    AgentDispatch:            Id,        (agent.dispatch_id);
    AgentType:                Ours,      (agent.r#type);
    AgentStatus:              Ours,      (agent.status);
    AgentWorker:              Id,        (agent.worker_id);
    AgentStartedAt:           Moment,    (agent.started_at);
    AgentEndedAt:             Moment,    (agent.ended_at);
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
