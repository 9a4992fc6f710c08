//! One function per shape of payload: takes its facts, and tells when the thing itself happened.
//!
//! Where a payload does not say when (a job, a transcript that began), the answer is `None` and the
//! envelope's time counts.

use std::time::Duration;

use super::lists::{self, Closed, ours};
use crate::clock::Timestamp;
use crate::normalize::{At, Draft, Given, Word};

/// The end of the year 9999, the last that RFC 3339 can write.
const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_999);

pub(super) fn room_started(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.moment(Word::RoomStartedAt, payload.get("start_ts"));
    payload.get("start_ts").time()
}

pub(super) fn room_ended(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    room_started(payload, draft);
    draft.moment(Word::RoomEndedAt, payload.get("end_ts"));
    payload.get("end_ts").time()
}

pub(super) fn joined(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::ParticipantLabel, payload.get("user_name"));
    draft.moment(Word::ParticipantJoinedAt, payload.get("joined_at"));
    draft.moment(Word::ParticipantEjectAt, payload.get("will_eject_at"));
    draft.flag(Word::ParticipantOwner, payload.get("owner"));
    let network = payload.get("networkQualityState");
    closed(draft, Word::ParticipantNetwork, lists::NETWORKS, network);
    let permissions = payload.get("permissions");
    for (word, at) in [
        (Word::MayBeSeen, permissions.get("hasPresence")),
        (Word::MaySend, permissions.get("canSend")),
        (Word::MayReceive, permissions.get("canReceive").get("base")),
        (Word::MayAdminister, permissions.get("canAdmin")),
    ] {
        if let Some(allowed) = allowed(at) {
            draft.fact(word, 0, Given::Flag(allowed), at);
        }
    }
    payload.get("joined_at").time()
}

/// Daily gives no time of leaving: it is the time of joining and the time spent.
pub(super) fn left(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    joined(payload, draft);
    let duration = payload.get("duration");
    let left = lasted(Word::ParticipantDuration, payload.get("joined_at"), duration, draft);
    made(draft, Word::ParticipantLeftAt, left, duration);
    left
}

pub(super) fn recording_started(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    recording(payload, draft);
    payload.get("start_ts").time()
}

pub(super) fn recording_ready(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    let duration = payload.get("duration");
    let ended = recording(payload, draft);
    made(draft, Word::RecordingEndedAt, ended, duration);
    ended
}

pub(super) fn recording_failed(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    recording(payload, draft);
    told_as_time(payload.get("timestamp"), draft)
}

/// When it ended, as far as that follows.
fn recording(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::RecordingId, payload.get("recording_id"));
    draft.text(Word::RecordingInstance, payload.get("instance_id"));
    draft.text(Word::RecordingStartedBy, payload.get("started_by"));
    draft.text(Word::RecordingKey, payload.get("s3_key"));
    draft.moment(Word::RecordingStartedAt, payload.get("start_ts"));
    let (start, duration) = (payload.get("start_ts"), payload.get("duration"));
    let ended = lasted(Word::RecordingDuration, start, duration, draft);
    let most = payload.get("max_participants");
    draft.count(Word::RecordingParticipantsMax, most);
    let (kind, status) = (payload.get("type"), payload.get("status"));
    let layout = payload.get("layout").get("preset");
    closed(draft, Word::RecordingType, lists::RECORDING_TYPES, kind);
    closed(draft, Word::RecordingStatus, lists::STATUSES, status);
    closed(draft, Word::RecordingLayout, lists::LAYOUTS, layout);
    let action = payload.get("action");
    if ours(lists::ACTIONS, action).is_some() {
        draft.uses(action);
    }
    for (item, (_, track)) in payload.get("tracks").children().enumerate() {
        let kind = track.get("type");
        draft.word_of(Word::FileType, item, ours(lists::FILES, kind), kind);
        draft.text_of(Word::FileKey, item, track.get("s3Key"));
        draft.count_of(Word::FileSize, item, track.get("size"));
    }
    ended
}

pub(super) fn stream_started(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    stream(Word::StreamStartedAt, payload, draft)
}

pub(super) fn stream_updated(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    stream(Word::StreamUpdatedAt, payload, draft)
}

pub(super) fn stream_ended(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    stream(Word::StreamEndedAt, payload, draft)
}

/// An error does not say whether the stream ended by it.
pub(super) fn stream_failed(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::StreamInstance, payload.get("instance_id"));
    told_as_time(payload.get("timestamp"), draft)
}

fn stream(at: Word, payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::StreamInstance, payload.get("instance_id"));
    let layout = payload.get("layout").get("preset");
    closed(draft, Word::StreamLayout, lists::LAYOUTS, layout);
    draft.moment(at, payload.get("timestamp"));
    payload.get("timestamp").time()
}

/// A job has no time of its own.
pub(super) fn job(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::JobId, payload.get("id"));
    let input = payload.get("input");
    draft.text(Word::JobRecordingId, input.get("recordingId"));
    let (preset, status) = (payload.get("preset"), payload.get("status"));
    closed(draft, Word::JobPreset, lists::PRESETS, preset);
    closed(draft, Word::JobStatus, lists::STATUSES, status);
    closed(draft, Word::JobInputType, lists::INPUTS, input.get("sourceType"));
    let output = payload.get("output");
    let single = ["summary", "soap", "concept"].map(|key| output.get(key));
    let files = output.get("transcription").children().map(|(_, at)| at);
    let files = files.chain(single.into_iter().filter(|file| file.is_there()));
    for (item, file) in files.enumerate() {
        let (format, stored) = (file.get("format"), file.get("s3Config"));
        draft.word_of(Word::FileType, item, ours(lists::FILES, format), format);
        draft.text_of(Word::FileKey, item, stored.get("key"));
        draft.text_of(Word::FileRegion, item, stored.get("region"));
    }
    None
}

pub(super) fn transcript_started(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    let info = payload.get("info");
    let stored = payload.get("out_params").get("s3");
    draft.text(Word::TranscriptId, payload.get("id"));
    draft.text(Word::TranscriptInstance, info.get("instanceId"));
    draft.text(Word::TranscriptKey, stored.get("key"));
    draft.text(Word::TranscriptRegion, stored.get("region"));
    let status = payload.get("status");
    closed(draft, Word::TranscriptStatus, lists::STATUSES, status);
    draft.moment(Word::TranscriptStartedAt, info.get("startTs"));
    draft.moment(Word::TranscriptEndedAt, info.get("endTs"));
    let (start, duration) = (info.get("startTs"), payload.get("duration"));
    lasted(Word::TranscriptDuration, start, duration, draft);
    let minutes = payload.get("participant_minutes");
    draft.number(Word::TranscriptMinutes, minutes, 1.0);
    let most = payload.get("max_participants");
    draft.count(Word::TranscriptParticipantsMax, most);
    info.get("startTs").time()
}

pub(super) fn transcript_ended(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    transcript_started(payload, draft);
    payload.get("info").get("endTs").time()
}

/// Dial-in, dial-out and call transfer: no number, address or name of a caller has a word.
pub(super) fn call(payload: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    draft.text(Word::CallId, payload.get("caller_id"));
    draft.moment(Word::CallAt, payload.get("timestamp"));
    draft.flag(Word::CallSipRefer, payload.get("is_sip_refer"));
    payload.get("timestamp").time()
}

/// Whether anything is allowed: yes or no, a list of what is, or a map of answers.
fn allowed(at: At<'_, '_>) -> Option<bool> {
    let mut below = at.children();
    if at.is_list() {
        Some(below.next().is_some())
    } else if at.is_map() {
        Some(below.any(|(_, answer)| allowed(answer) == Some(true)))
    } else {
        at.flag()
    }
}

fn closed(draft: &mut Draft, word: Word, list: Closed, at: At<'_, '_>) {
    draft.word(word, ours(list, at), at);
}

/// Takes a duration, and gives the moment it leads to where its start is known. One that is
/// negative or leads beyond the years we can write is nobody's, and is not taken.
fn lasted(
    word: Word,
    start: At<'_, '_>,
    duration: At<'_, '_>,
    draft: &mut Draft,
) -> Option<Timestamp> {
    let length = Duration::try_from_secs_f64(duration.number()?).ok()?;
    let start = start.time();
    let end = start.unwrap_or_default().plus(length);
    if end > LAST {
        return None;
    }
    draft.number(word, duration, 1.0);
    start.map(|_| end)
}

/// A moment that we made; it stands for the value it was made from.
fn made(draft: &mut Draft, word: Word, time: Option<Timestamp>, from: At<'_, '_>) {
    if let Some(time) = time {
        draft.fact(word, 0, Given::Moment(time), from);
    }
}

/// A moment that lives on as the event's time alone.
fn told_as_time(at: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    let time = at.time()?;
    draft.uses(at);
    Some(time)
}
