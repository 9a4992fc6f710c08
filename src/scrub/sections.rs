//! The parts that published data is composed of, one for each thing that an event can be about.
//!
//! Every field may be absent; none is ever null. Comments become descriptions of the schemas.

use schemars::JsonSchema;
use serde::Serialize;

use super::data::Moment;
use super::names::{PersonRef, RoomRef};

/// A struct whose fields may all be absent.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name $(<$life>)? {
            $(
                $(#[$field_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )+
        }
    };
}

section! {
    /// The event as the provider sent it.
    ProviderEvent<'a> {
        /// The provider's own event type.
        r#type: &'a str,
        /// The provider's own id of the event, where its form cannot hold a person.
        id: &'a str,
        /// The version of the provider's format.
        version: &'a str,
        /// When the provider sent it, by the event's envelope.
        sent_at: Moment,
        /// The account at the provider.
        domain_id: &'a str,
    }
}

section! {
    /// A room.
    Room<'a> {
        /// Its name, where the name may leave.
        name: &'a str,
        /// Its pseudonym, where the name may not leave.
        r#ref: RoomRef,
        /// Its pseudonym under the key before, while keys change: to join with earlier events.
        previous_ref: RoomRef,
        /// The room itself at the provider, over all its sessions.
        id: &'a str,
        /// This session of the room: Daily's meeting, LiveKit's room sid.
        session_id: &'a str,
        /// When this session began.
        started_at: Moment,
        /// When this session ended.
        ended_at: Moment,
        /// Why this session ended.
        end_reason: &'a str,
    }
}

section! {
    /// A person in a room, without their name.
    Participant<'a> {
        /// One connection of the person; a new one after each reconnect.
        session_id: &'a str,
        /// The person's pseudonym: equal over rooms and sessions.
        r#ref: PersonRef,
        /// The same under the key before, while keys change: to join with earlier events.
        previous_ref: PersonRef,
        /// A role label of the source's configuration, or `Participant`.
        role: &'a str,
        /// What kind of participant it is.
        kind: &'a str,
        /// The state of the connection.
        state: &'a str,
        /// When they joined.
        joined_at: Moment,
        /// When they left.
        left_at: Moment,
        /// How long they were there, in seconds.
        duration_seconds: f64,
        /// When they will be sent out.
        eject_at: Moment,
        /// Why they left.
        reason: &'a str,
        /// Whether they own the meeting.
        owner: bool,
        /// The quality of their network.
        network_quality: &'a str,
        /// The region they are connected to.
        region: &'a str,
        /// What they may do.
        permissions: Permissions,
    }
}

section! {
    /// What a participant may do.
    Permissions {
        /// Send audio or video.
        send: bool,
        /// Receive audio or video.
        receive: bool,
        /// Send data messages.
        send_data: bool,
        /// Administer the room.
        administer: bool,
        /// Be seen by others.
        be_seen: bool,
    }
}

section! {
    /// A published track.
    Track<'a> {
        /// The track at the provider.
        id: &'a str,
        /// Audio, video or data.
        r#type: &'a str,
        /// What it shows: camera, microphone, screen.
        source: &'a str,
        /// Its media type.
        mime_type: &'a str,
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// Whether it was published muted.
        muted: bool,
        /// Whether it comes in several qualities.
        simulcast: bool,
    }
}

section! {
    /// A call in, a call out, or the transfer of one.
    Call<'a> {
        /// The call at the provider.
        id: &'a str,
        /// When it happened.
        at: Moment,
        /// Whether it is transferred by SIP REFER.
        sip_refer: bool,
    }
}

section! {
    /// A recording.
    Recording<'a> {
        /// The recording at the provider; LiveKit's egress id.
        id: &'a str,
        /// Which of several recordings of one room at a time.
        instance_id: &'a str,
        /// What is recorded, and how.
        r#type: &'a str,
        /// Its state.
        status: &'a str,
        /// The preset of its layout.
        layout: &'a str,
        /// The session id of the participant who started it.
        started_by: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
        /// When its state changed last.
        updated_at: Moment,
        /// How long it is, in seconds.
        duration_seconds: f64,
        /// The most participants at one time.
        participants_max: u64,
        /// Where it lies in its bucket, where the source's `artifact_key` lets that leave.
        storage_key: &'a str,
        /// The provider's number of the error.
        error_code: u64,
    }
}

section! {
    /// A transcript.
    Transcript<'a> {
        /// The transcript at the provider.
        id: &'a str,
        /// Which of several transcripts of one room at a time.
        instance_id: &'a str,
        /// Its state.
        status: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
        /// How long it is, in seconds.
        duration_seconds: f64,
        /// Minutes of all participants together.
        participant_minutes: f64,
        /// The most participants at one time.
        participants_max: u64,
        /// Where it lies in its bucket, where the source's `artifact_key` lets that leave.
        storage_key: &'a str,
        /// The region of its bucket.
        region: &'a str,
    }
}

section! {
    /// A job over a recording or transcript.
    Processing<'a> {
        /// The job at the provider.
        id: &'a str,
        /// What the job makes.
        preset: &'a str,
        /// Its state.
        status: &'a str,
        /// What it was given.
        input_type: &'a str,
        /// The recording it was given.
        recording_id: &'a str,
    }
}

section! {
    /// A file, or a group of files that belong together.
    File<'a> {
        /// What it holds.
        r#type: &'a str,
        /// Where it lies in its bucket, where the source's `artifact_key` lets that leave.
        storage_key: &'a str,
        /// The region of its bucket.
        region: &'a str,
        /// Its size in bytes.
        size_bytes: u64,
        /// How long it is, in seconds.
        duration_seconds: f64,
        /// When its content began.
        started_at: Moment,
        /// When its content ended.
        ended_at: Moment,
        /// How many segments or images it is.
        parts: u64,
    }
}

section! {
    /// A stream to the outside.
    Stream<'a> {
        /// The stream at the provider; LiveKit's egress id.
        id: &'a str,
        /// Which of several streams of one room at a time.
        instance_id: &'a str,
        /// Its state.
        status: &'a str,
        /// The preset of its layout.
        layout: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
        /// When its state changed last.
        updated_at: Moment,
        /// The provider's number of the error.
        error_code: u64,
        /// Each place it goes to, without its address.
        outputs: Vec<Output<'a>>,
    }
}

section! {
    /// One place a stream goes to.
    Output<'a> {
        /// Its state.
        status: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
        /// How long it was sent, in seconds.
        duration_seconds: f64,
        /// How often it was tried again.
        retries: u64,
    }
}

section! {
    /// A stream from the outside.
    Ingress<'a> {
        /// The ingress at the provider.
        id: &'a str,
        /// How it comes in.
        r#type: &'a str,
        /// Its state.
        status: &'a str,
        /// This use of the ingress.
        resource_id: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
        /// Whether it may be used again.
        reusable: bool,
    }
}

section! {
    /// An agent's job.
    Agent<'a> {
        /// The job at the provider.
        id: &'a str,
        /// The dispatch it came from.
        dispatch_id: &'a str,
        /// What it serves.
        r#type: &'a str,
        /// Its state.
        status: &'a str,
        /// The worker it runs on.
        worker_id: &'a str,
        /// When it began.
        started_at: Moment,
        /// When it ended.
        ended_at: Moment,
    }
}

section! {
    /// What was forgotten, and which events here told of it. Only the gateway itself says this.
    Erasure<'a> {
        /// The person's pseudonym, or the room as it could be seen.
        r#ref: &'a str,
        /// Further names of the same person or room in those events.
        other_refs: Vec<&'a str>,
        /// The events whose content is gone from the gateway. Some may never have been published.
        event_ids: Vec<String>,
        /// Which part of the list this is, from 1.
        part: u64,
        /// How many parts the list has.
        parts: u64,
    }
}

/// All parts of one event, before its family takes those that it knows.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) provider_event: Option<ProviderEvent<'a>>,
    pub(super) room: Option<Room<'a>>,
    pub(super) participant: Option<Participant<'a>>,
    pub(super) track: Option<Track<'a>>,
    pub(super) call: Option<Call<'a>>,
    pub(super) recording: Option<Recording<'a>>,
    pub(super) transcript: Option<Transcript<'a>>,
    pub(super) processing: Option<Processing<'a>>,
    pub(super) files: Option<Vec<File<'a>>>,
    pub(super) stream: Option<Stream<'a>>,
    pub(super) ingress: Option<Ingress<'a>>,
    pub(super) agent: Option<Agent<'a>>,
}

impl Sections<'_> {
    /// Drops items of lists that nothing was put into.
    pub(super) fn drop_empty_items(&mut self) {
        if let Some(files) = &mut self.files {
            files.retain(|file| *file != File::default());
        }
        if let Some(outputs) = self.stream.as_mut().and_then(|stream| stream.outputs.as_mut()) {
            outputs.retain(|output| *output != Output::default());
        }
    }

    /// What an event without a room is known by, as it may be seen: the first there is of
    /// recording, stream, session and call.
    pub(super) fn best_identity(&self) -> Option<&str> {
        let recording = self.recording.as_ref().and_then(|recording| recording.id);
        let processed = self.processing.as_ref().and_then(|job| job.recording_id);
        let stream = self.stream.as_ref();
        let stream = stream.and_then(|stream| stream.id.or(stream.instance_id));
        let room = self.room.as_ref().and_then(|room| room.session_id);
        let person = self.participant.as_ref().and_then(|person| person.session_id);
        let call = self.call.as_ref().and_then(|call| call.id);
        recording.or(processed).or(stream).or(room).or(person).or(call)
    }
}
