//! Egresses: what leaves a room as files or as streams (`livekit_egress.proto`).
//!
//! One family of events at LiveKit, two kinds here: an egress that keeps anything (file, segments,
//! images), or of which no output can be seen, is a recording; one that only streams is a stream.
//! Outputs are looked for in the results and in the request, because a result may come late or,
//! after a failure, never.
//!
//! Requests can hold storage credentials in the clear (an automatic egress that could not start),
//! and locations are URLs that may carry access rights: nothing of a request has a word but its
//! type, and of a result only the storage key.

use super::{
    At, Draft, Given, Kind, Part, Place, Timestamp, Word, choice, count, field, first_text, lists,
    or,
};
use crate::bounds::ITEMS_PER_EVENT_MAX;

/// Durations here are nanoseconds.
const NANOS_PER_SECOND: f64 = 1e9;

/// Which of the three events it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Started,
    Updated,
    Ended,
}

/// The words of an egress, as a recording or as a stream.
struct Words {
    id: Word,
    status: Word,
    started: Word,
    ended: Word,
    updated: Word,
    error_code: Word,
}

const RECORDING: Words = Words {
    id: Word::RecordingId,
    status: Word::RecordingStatus,
    started: Word::RecordingStartedAt,
    ended: Word::RecordingEndedAt,
    updated: Word::RecordingUpdatedAt,
    error_code: Word::RecordingErrorCode,
};

const STREAM: Words = Words {
    id: Word::StreamId,
    status: Word::StreamStatus,
    started: Word::StreamStartedAt,
    ended: Word::StreamEndedAt,
    updated: Word::StreamUpdatedAt,
    error_code: Word::StreamErrorCode,
};

/// What happened. `None` for an end whose status is none of an end: whether the recording is ready
/// cannot be guessed.
pub(super) fn kind(phase: Phase, info: At<'_, '_>) -> Option<Kind> {
    let streams = only_streams(info);
    let one_of = |stream, recording| if streams { stream } else { recording };
    match phase {
        Phase::Started => Some(one_of(Kind::StreamStarted, Kind::RecordingStarted)),
        Phase::Updated => Some(one_of(Kind::StreamUpdated, Kind::RecordingUpdated)),
        Phase::Ended => match lists::EGRESS_STATUS.read(info.get("status"))? {
            "complete" | "limit_reached" => Some(one_of(Kind::StreamEnded, Kind::RecordingReady)),
            "failed" | "aborted" => Some(one_of(Kind::StreamFailed, Kind::RecordingFailed)),
            _ => None,
        },
    }
}

/// Reads an `EgressInfo`; times in it are nanoseconds.
pub(super) fn read(phase: Phase, info: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    if !info.is_map() {
        return None;
    }
    let streams = only_streams(info);
    let words = if streams { STREAM } else { RECORDING };
    let times = [
        (Phase::Started, words.started, field(info, "startedAt")),
        (Phase::Updated, words.updated, field(info, "updatedAt")),
        (Phase::Ended, words.ended, field(info, "endedAt")),
    ];
    draft.text(words.id, field(info, "egressId"));
    choice(
        words.status,
        0,
        &lists::EGRESS_STATUS,
        info.get("status"),
        draft,
    );
    for (_, word, at) in times {
        draft.moment(word, at);
    }
    count(words.error_code, field(info, "errorCode"), draft);
    if streams {
        outputs(info, draft);
    } else {
        if let Some(request) = request(info).0 {
            draft.implied(Word::RecordingType, 0, Given::Word(request));
        }
        files(info, draft);
    }
    let own = times.into_iter().find(|(of, ..)| *of == phase);
    own.and_then(|(.., at)| at.time())
}

/// The identity of an end: LiveKit announces one end under several event ids (its `UpdateEgress` is
/// not idempotent), so the egress, its status and its time stand for it. An automatic egress that
/// could not start has no id: then its room and its request do, with the participant or tracks it
/// was for, since several can fail in one room. `false` where there is neither.
pub(super) fn identify_end(document: At<'_, '_>, place: &Place<'_, '_>, draft: &mut Draft) -> bool {
    let info = field(document, "egressInfo");
    let id = field(info, "egressId");
    if id.text().is_some() {
        draft.identified_by("egress", id);
    } else if place.identity().text().is_some() {
        let (name, request) = request(info);
        draft.identified_by("room", place.identity());
        if let Some(name) = name {
            draft.identified_by_part("request", Part::Word(name));
        }
        draft.identified_by("participant", request.get("identity"));
        for track in ["trackId", "audioTrackId", "videoTrackId"] {
            draft.identified_by("track", field(request, track));
        }
    } else {
        return false;
    }
    if let Some(status) = lists::EGRESS_STATUS.read(info.get("status")) {
        draft.identified_by_part("status", Part::Word(status));
    }
    let ended = field(info, "endedAt").integer().filter(|at| *at > 0);
    if let Some(ended) = ended {
        draft.identified_by_part("ended", Part::Number(ended));
    }
    true
}

/// What was asked for, with our word for it. The unified request of protocol 1.46 and later is
/// named by its source.
pub(super) fn request<'t, 'b>(info: At<'t, 'b>) -> (Option<&'static str>, At<'t, 'b>) {
    for (name, word) in lists::EGRESS_REQUESTS {
        let request = field(info, name);
        if request.is_map() {
            let source = lists::EGRESS_SOURCES
                .iter()
                .find(|source| *name == "egress" && request.get(source).is_map());
            return (Some(source.unwrap_or(word)), request);
        }
    }
    (None, info.get("egress"))
}

/// Whether streams are all that can be seen to come out.
fn only_streams(info: At<'_, '_>) -> bool {
    let request = request(info).1;
    let unified = request.get("outputs").children().map(|(_, output)| output);
    let (mut kept, mut streamed) = (false, false);
    for place in [info, request].into_iter().chain(unified) {
        let has = |name: &str| field(place, name).children().next().is_some();
        let is = |name: &str| place.get(name).is_map();
        kept |= lists::KEPT_LISTS.iter().any(|name| has(name));
        kept |= lists::KEPT.iter().any(|name| is(name));
        streamed |= lists::STREAMED_LISTS.iter().any(|name| has(name)) || is("stream");
        streamed |= field(place, "websocketUrl").text().is_some();
        if kept {
            return false;
        }
    }
    streamed
}

/// The results of a list, or of the deprecated field that held the only one.
fn results<'t, 'b>(
    info: At<'t, 'b>,
    list: &str,
    single: &str,
) -> impl Iterator<Item = At<'t, 'b>> + use<'t, 'b> {
    let listed = field(info, list);
    let only =
        Some(info.get(single)).filter(|at| at.is_map() && listed.children().next().is_none());
    let listed = listed.children().map(|(_, at)| at);
    listed.chain(only).filter(|at| at.is_map())
}

fn files(info: At<'_, '_>, draft: &mut Draft) {
    let files = || results(info, "fileResults", "file").map(|at| ("file", at));
    let segments = results(info, "segmentResults", "segments").map(|at| ("segments", at));
    let images = results(info, "imageResults", "images").map(|at| ("images", at));
    let all = files().chain(segments).chain(images);
    for (item, (sort, file)) in all.take(ITEMS_PER_EVENT_MAX).enumerate() {
        let key = first_text(
            file.get("filename"),
            &[field(file, "playlistName"), field(file, "filenamePrefix")],
        );
        draft.implied(Word::FileType, item, Given::Word(sort));
        draft.text_of(Word::FileKey, item, key);
        draft.count_of(Word::FileSize, item, file.get("size"));
        let duration = file.get("duration");
        draft.number_of(Word::FileDuration, item, duration, NANOS_PER_SECOND);
        draft.moment_of(Word::FileStartedAt, item, field(file, "startedAt"));
        draft.moment_of(Word::FileEndedAt, item, field(file, "endedAt"));
        let parts = or(field(file, "segmentCount"), field(file, "imageCount"));
        draft.count_of(Word::FileParts, item, parts);
    }
    let mut files = files();
    if let (Some((_, only)), None) = (files.next(), files.next()) {
        draft.text(Word::RecordingKey, only.get("filename"));
        let duration = only.get("duration");
        draft.number(Word::RecordingDuration, duration, NANOS_PER_SECOND);
    }
}

fn outputs(info: At<'_, '_>, draft: &mut Draft) {
    let listed = field(info, "streamResults");
    let listed = if listed.children().next().is_some() {
        listed
    } else {
        info.get("stream").get("info")
    };
    let outputs = listed.children().filter(|(_, at)| at.is_map());
    for (item, (_, output)) in outputs.take(ITEMS_PER_EVENT_MAX).enumerate() {
        let status = output.get("status");
        choice(
            Word::OutputStatus,
            item,
            &lists::STREAM_STATUS,
            status,
            draft,
        );
        draft.moment_of(Word::OutputStartedAt, item, field(output, "startedAt"));
        draft.moment_of(Word::OutputEndedAt, item, field(output, "endedAt"));
        let duration = output.get("duration");
        draft.number_of(Word::OutputDuration, item, duration, NANOS_PER_SECOND);
        draft.count_of(Word::OutputRetries, item, output.get("retries"));
    }
}
