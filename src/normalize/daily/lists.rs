//! Daily's closed lists, and our word for each of their values.
//!
//! A value that is not here is not taken: what Daily adds later is listed as removed until it
//! stands here too.

use crate::normalize::At;

/// A closed list: Daily's word, and ours.
pub(super) type Closed = &'static [(&'static str, &'static str)];

pub(super) const NETWORKS: Closed =
    &[("unknown", "unknown"), ("good", "good"), ("warning", "warning"), ("bad", "bad")];
pub(super) const RECORDING_TYPES: Closed =
    &[("cloud", "cloud"), ("cloud-audio-only", "cloud_audio_only"), ("raw-tracks", "raw_tracks")];
/// Of recordings, transcripts and jobs: their words differ, but never for one meaning.
pub(super) const STATUSES: Closed = &[
    ("in-progress", "in_progress"),
    ("finished", "finished"),
    ("canceled", "canceled"),
    ("t_in_progress", "in_progress"),
    ("t_finished", "finished"),
    ("t_error", "error"),
    ("t_deleted", "deleted"),
    ("submitted", "submitted"),
    ("processing", "processing"),
    ("error", "error"),
];
pub(super) const LAYOUTS: Closed = &[
    ("default", "default"),
    ("audio-only", "audio_only"),
    ("single-participant", "single_participant"),
    ("active-participant", "active_participant"),
    ("portrait", "portrait"),
    ("raw-tracks-audio-only", "raw_tracks_audio_only"),
    ("custom", "custom"),
];
pub(super) const PRESETS: Closed = &[("transcript", "transcript"), ("summarize", "summarize")];
pub(super) const INPUTS: Closed =
    &[("recordingId", "recording"), ("uri", "uri"), ("transcriptUri", "transcript_uri")];
/// Tracks of a recording by their medium, outputs of a job by their format.
pub(super) const FILES: Closed = &[
    ("audio", "audio"),
    ("video", "video"),
    ("json", "json"),
    ("srt", "srt"),
    ("txt", "txt"),
    ("vtt", "vtt"),
];
/// `action` tells again what the event's type tells; errors stand in two spellings.
pub(super) const ACTIONS: Closed = &[
    ("start-cloud-recording", "started"),
    ("cloud-recording-error", "failed"),
    ("clourd-recording-err", "failed"),
];

/// Our word for a value of a closed list.
pub(super) fn ours(list: Closed, at: At<'_, '_>) -> Option<&'static str> {
    let said = at.text()?;
    let found = list.iter().find(|(theirs, _)| *theirs == said);
    found.map(|(_, ours)| *ours)
}
