//! The one language: every field an event may carry, named once for all providers.
//!
//! A dialect says which value of its body is which [`Word`]; the boundary says which words may
//! leave for which kind and in what form; the published data has one place for each.

/// A field of the common language. The comment tells where it stands below `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    // --- provider_event: the event as the provider sent it
    /// `provider_event.type`
    EventType,
    /// `provider_event.id`, where its form cannot hold a person
    EventRef,
    /// `provider_event.version`
    EventVersion,
    /// `provider_event.sent_at`: the envelope's time
    EventSentAt,
    /// `provider_event.domain_id`: the account at the provider
    DomainId,

    // --- room
    /// `room.name`, or `room.ref` where the name may not leave
    RoomName,
    /// `room.id`: the room itself at the provider, over all its sessions
    RoomId,
    /// `room.session_id`: this session of the room (Daily's meeting, LiveKit's room sid)
    RoomSession,
    /// `room.started_at`
    RoomStartedAt,
    /// `room.ended_at`
    RoomEndedAt,
    /// `room.end_reason`
    RoomEndReason,

    // --- participant
    /// `participant.session_id`: one connection of a person
    ParticipantSession,
    /// `participant.ref`: the stable id of the person, as a pseudonym
    ParticipantId,
    /// a candidate for `participant.role`: taken when it is a role label, removed in any case
    ParticipantLabel,
    /// `participant.kind`
    ParticipantKind,
    /// `participant.state`
    ParticipantState,
    /// `participant.joined_at`
    ParticipantJoinedAt,
    /// `participant.left_at`
    ParticipantLeftAt,
    /// `participant.duration_seconds`
    ParticipantDuration,
    /// `participant.eject_at`
    ParticipantEjectAt,
    /// `participant.reason`: why they left
    ParticipantReason,
    /// `participant.owner`
    ParticipantOwner,
    /// `participant.network_quality`
    ParticipantNetwork,
    /// `participant.region`
    ParticipantRegion,
    /// `participant.permissions.send`
    MaySend,
    /// `participant.permissions.receive`
    MayReceive,
    /// `participant.permissions.send_data`
    MaySendData,
    /// `participant.permissions.administer`
    MayAdminister,
    /// `participant.permissions.be_seen`
    MayBeSeen,

    // --- track
    /// `track.id`
    TrackId,
    /// `track.type`
    TrackType,
    /// `track.source`
    TrackSource,
    /// `track.mime_type`
    TrackMime,
    /// `track.width`, in pixels
    TrackWidth,
    /// `track.height`, in pixels
    TrackHeight,
    /// `track.muted`
    TrackMuted,
    /// `track.simulcast`
    TrackSimulcast,

    // --- call: dial-in, dial-out, transfer
    /// `call.id`
    CallId,
    /// `call.at`: when it happened
    CallAt,
    /// `call.sip_refer`
    CallSipRefer,

    // --- recording
    /// `recording.id`
    RecordingId,
    /// `recording.instance_id`
    RecordingInstance,
    /// `recording.type`
    RecordingType,
    /// `recording.status`
    RecordingStatus,
    /// `recording.layout`
    RecordingLayout,
    /// `recording.started_by`: a participant's session id
    RecordingStartedBy,
    /// `recording.started_at`
    RecordingStartedAt,
    /// `recording.ended_at`
    RecordingEndedAt,
    /// `recording.updated_at`
    RecordingUpdatedAt,
    /// `recording.duration_seconds`
    RecordingDuration,
    /// `recording.participants_max`
    RecordingParticipantsMax,
    /// `recording.storage_key`, where it matches the source's `artifact_key`
    RecordingKey,
    /// `recording.error_code`
    RecordingErrorCode,

    // --- transcript
    /// `transcript.id`
    TranscriptId,
    /// `transcript.instance_id`
    TranscriptInstance,
    /// `transcript.status`
    TranscriptStatus,
    /// `transcript.started_at`
    TranscriptStartedAt,
    /// `transcript.ended_at`
    TranscriptEndedAt,
    /// `transcript.duration_seconds`
    TranscriptDuration,
    /// `transcript.participant_minutes`
    TranscriptMinutes,
    /// `transcript.participants_max`
    TranscriptParticipantsMax,
    /// `transcript.storage_key`, where it matches the source's `artifact_key`
    TranscriptKey,
    /// `transcript.region`
    TranscriptRegion,

    // --- processing: a job over a recording or transcript
    /// `processing.id`
    JobId,
    /// `processing.preset`
    JobPreset,
    /// `processing.status`
    JobStatus,
    /// `processing.input_type`
    JobInputType,
    /// `processing.recording_id`
    JobRecordingId,

    // --- files[]: what recordings, transcripts and jobs left; the fact's item tells which
    /// `files[].type`
    FileType,
    /// `files[].storage_key`, where it matches the source's `artifact_key`
    FileKey,
    /// `files[].region`
    FileRegion,
    /// `files[].size_bytes`
    FileSize,
    /// `files[].duration_seconds`
    FileDuration,
    /// `files[].started_at`
    FileStartedAt,
    /// `files[].ended_at`
    FileEndedAt,
    /// `files[].parts`: segments or images
    FileParts,

    // --- stream
    /// `stream.id`
    StreamId,
    /// `stream.instance_id`
    StreamInstance,
    /// `stream.status`
    StreamStatus,
    /// `stream.layout`
    StreamLayout,
    /// `stream.started_at`
    StreamStartedAt,
    /// `stream.ended_at`
    StreamEndedAt,
    /// `stream.updated_at`
    StreamUpdatedAt,
    /// `stream.error_code`
    StreamErrorCode,
    /// `stream.outputs[].status`
    OutputStatus,
    /// `stream.outputs[].started_at`
    OutputStartedAt,
    /// `stream.outputs[].ended_at`
    OutputEndedAt,
    /// `stream.outputs[].duration_seconds`
    OutputDuration,
    /// `stream.outputs[].retries`
    OutputRetries,

    // --- ingress
    /// `ingress.id`
    IngressId,
    /// `ingress.type`
    IngressType,
    /// `ingress.status`
    IngressStatus,
    /// `ingress.resource_id`
    IngressResource,
    /// `ingress.started_at`
    IngressStartedAt,
    /// `ingress.ended_at`
    IngressEndedAt,
    /// `ingress.reusable`
    IngressReusable,

    // --- agent
    /// `agent.id`: the job
    AgentId,
    /// `agent.dispatch_id`
    AgentDispatch,
    /// `agent.type`
    AgentType,
    /// `agent.status`
    AgentStatus,
    /// `agent.worker_id`
    AgentWorker,
    /// `agent.started_at`
    AgentStartedAt,
    /// `agent.ended_at`
    AgentEndedAt,
}
