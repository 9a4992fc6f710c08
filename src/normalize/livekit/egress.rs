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

use super::fields::{count, field, first_text, or};
use super::{At, Draft, Given, Kind, Part, Place, Timestamp, Word, lists};
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
    lists::EGRESS_STATUS.tell(words.status, info.get("status"), draft);
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

/// What was asked for, with our word for it. The unified request is named by
/// its source.
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
    let listed =
        if listed.children().next().is_some() { listed } else { info.get("stream").get("info") };
    let outputs = listed.children().filter(|(_, at)| at.is_map());
    for (item, (_, output)) in outputs.take(ITEMS_PER_EVENT_MAX).enumerate() {
        let status = output.get("status");
        lists::STREAM_STATUS.tell_of(Word::OutputStatus, item, status, draft);
        draft.moment_of(Word::OutputStartedAt, item, field(output, "startedAt"));
        draft.moment_of(Word::OutputEndedAt, item, field(output, "endedAt"));
        let duration = output.get("duration");
        draft.number_of(Word::OutputDuration, item, duration, NANOS_PER_SECOND);
        draft.count_of(Word::OutputRetries, item, output.get("retries"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, hear};
    use super::*;
    use crate::normalize::Reading;

    fn egress(event: &str, info: &str) -> Reading {
        hear(&format!(r#"{{"event":"{event}","egressInfo":{info}}}"#)).reading
    }

    fn ended(event_id: &str, info: &str) -> String {
        hear(&format!(
            r#"{{"event":"egress_ended","id":"{event_id}","room":{{"sid":"RM_1","name":"n"}},
            "egressInfo":{info}}}"#
        ))
        .identity
    }

    #[test]
    fn what_keeps_anything_or_shows_nothing_is_a_recording_and_what_only_streams_a_stream() {
        let cases = [
            ("{}", Kind::RecordingStarted),
            ("null", Kind::RecordingStarted),
            (r#"{"fileResults":[],"streamResults":[]}"#, Kind::RecordingStarted),
            (r#"{"fileResults":[{}]}"#, Kind::RecordingStarted),
            (r#"{"segmentResults":[{}],"streamResults":[{}]}"#, Kind::RecordingStarted),
            (r#"{"imageResults":[{}]}"#, Kind::RecordingStarted),
            (r#"{"file":{}}"#, Kind::RecordingStarted),
            (r#"{"streamResults":[{}]}"#, Kind::StreamStarted),
            (r#"{"stream_results":[{}]}"#, Kind::StreamStarted),
            (r#"{"stream":{"info":[]}}"#, Kind::StreamStarted),
            (r#"{"roomComposite":{"streamOutputs":[{}]}}"#, Kind::StreamStarted),
            (r#"{"roomComposite":{"stream":{}}}"#, Kind::StreamStarted),
            (r#"{"web":{"streamOutputs":[{}],"imageOutputs":[{}]}}"#, Kind::RecordingStarted),
            (r#"{"participant":{"segmentOutputs":[{}]}}"#, Kind::RecordingStarted),
            (r#"{"trackComposite":{"stream":{}}}"#, Kind::StreamStarted),
            (r#"{"track":{"websocketUrl":"wss://x"}}"#, Kind::StreamStarted),
            (r#"{"track":{"file":{}}}"#, Kind::RecordingStarted),
            (r#"{"egress":{"outputs":[{"stream":{}}]}}"#, Kind::StreamStarted),
            (r#"{"egress":{"outputs":[{"stream":{}},{"images":{}}]}}"#, Kind::RecordingStarted),
            (r#"{"replay":{"outputs":[{"file":{}}]}}"#, Kind::RecordingStarted),
            (r#"{"replay":{"outputs":[{"stream":{}}]}}"#, Kind::StreamStarted),
            (r#"{"streamResults":[{}],"web":{"fileOutputs":[{}]}}"#, Kind::RecordingStarted),
        ];
        for (info, kind) in cases {
            assert_eq!(egress("egress_started", info), Reading::Event(kind), "{info}");
        }
        let updated = egress("egress_updated", r#"{"streamResults":[{}]}"#);
        assert_eq!(updated, Reading::Event(Kind::StreamUpdated));
    }

    #[test]
    fn an_end_is_good_or_bad_by_its_status_and_else_not_understood() {
        let end = |status: &str, rest: &str| {
            egress("egress_ended", &format!(r#"{{"status":{status}{rest}}}"#))
        };
        let streams = r#","streamResults":[{}]"#;
        let cases = [
            (r#""EGRESS_COMPLETE""#, Kind::RecordingReady, Kind::StreamEnded),
            (r#""EGRESS_LIMIT_REACHED""#, Kind::RecordingReady, Kind::StreamEnded),
            ("3", Kind::RecordingReady, Kind::StreamEnded),
            (r#""EGRESS_FAILED""#, Kind::RecordingFailed, Kind::StreamFailed),
            (r#""EGRESS_ABORTED""#, Kind::RecordingFailed, Kind::StreamFailed),
            ("5", Kind::RecordingFailed, Kind::StreamFailed),
        ];
        for (status, recording, stream) in cases {
            assert_eq!(end(status, ""), Reading::Event(recording), "{status}");
            assert_eq!(end(status, streams), Reading::Event(stream), "{status}");
        }
        for status in [r#""EGRESS_ACTIVE""#, "1", "null", "99", r#""LATER""#, "{}"] {
            assert_eq!(end(status, ""), Reading::Unknown, "{status}");
        }
        assert_eq!(egress("egress_ended", "null"), Reading::Unknown);
        let odd = fixture("egress_ended-unknown-status");
        assert_eq!(odd.reading, Reading::Unknown);
        assert_eq!(odd.get(Word::RoomName), Some("consult-0a1b2c3d"));
        assert!(odd.identity.starts_with("id=EV_"), "{}", odd.identity);
    }

    #[test]
    fn a_recording_tells_its_file_in_seconds_and_bytes_without_its_location() {
        let heard = fixture("egress_ended");
        let key = "recordings/3f2b8a1e-5c4d-4e6f-8a9b-0c1d2e3f4a5b/consult-0a1b2c3d.mp4";
        let expected = [
            (Word::RecordingStatus, "complete"),
            (Word::RecordingType, "room_composite"),
            (Word::RecordingKey, key),
            (Word::RecordingDuration, "60.5"),
            (Word::FileType, "file"),
            (Word::FileKey, key),
            (Word::FileDuration, "60.5"),
            (Word::FileSize, "15728640"),
        ];
        for (word, value) in expected {
            assert_eq!(heard.get(word), Some(value), "{word:?}");
        }
        assert_eq!(heard.time.as_deref(), heard.get(Word::RecordingEndedAt));
        assert!(heard.time.unwrap().ends_with(".620Z"));
    }

    #[test]
    fn several_files_are_items_and_none_of_them_is_the_recording() {
        let heard = fixture("egress_ended-two-files");
        assert_eq!(heard.all(Word::FileKey).len(), 2);
        assert!(heard.of(Word::FileKey, 1).unwrap().ends_with("backup.mp4"));
        assert_eq!(heard.get(Word::RecordingKey), None);
        assert_eq!(heard.get(Word::RecordingType), Some("track_composite"));
    }

    #[test]
    fn segments_images_and_the_deprecated_fields_are_files_too() {
        let segments = fixture("egress_ended-segments");
        assert_eq!(segments.get(Word::FileType), Some("segments"));
        assert_eq!(segments.get(Word::FileParts), Some("11"));
        assert!(segments.get(Word::FileKey).unwrap().ends_with("index.m3u8"));
        let images = fixture("egress_ended-images");
        assert_eq!(images.get(Word::FileType), Some("images"));
        assert_eq!(images.get(Word::FileParts), Some("12"));
        assert!(images.get(Word::FileKey).unwrap().ends_with("thumb"));
        let file = fixture("egress_ended-deprecated-file");
        assert!(file.get(Word::RecordingKey).is_some());
        assert_eq!(file.get(Word::FileDuration), Some("60.5"));
        let old = fixture("egress_ended-deprecated-segments");
        assert_eq!(old.get(Word::FileParts), Some("11"));
        let both = hear(
            r#"{"event":"egress_started","egressInfo":{"fileResults":[{"filename":"a"}],
            "file":{"filename":"a"}}}"#,
        );
        assert_eq!(both.all(Word::FileKey), ["a"]);
    }

    #[test]
    fn a_stream_tells_each_output_without_its_address() {
        let heard = fixture("egress_ended-stream");
        assert_eq!(heard.get(Word::StreamStatus), Some("complete"));
        assert_eq!(heard.all(Word::OutputStatus), ["finished", "failed"]);
        assert_eq!(heard.all(Word::OutputDuration), ["60", "14"]);
        assert_eq!(heard.all(Word::OutputRetries), ["1", "3"]);
        assert_eq!(heard.get(Word::RecordingId), None);
        assert_eq!(heard.get(Word::FileType), None);
        let old = fixture("egress_ended-deprecated-stream");
        assert_eq!(old.all(Word::OutputStatus), ["finished"]);
        let started = fixture("egress_started-stream");
        assert_eq!(started.get(Word::StreamStatus), Some("starting"));
        assert_eq!(started.all(Word::OutputStatus), ["active"]);
        assert!(started.implied.contains(&Word::StreamStatus));
    }

    #[test]
    fn a_failure_tells_its_code_and_not_its_text() {
        let heard = fixture("egress_ended-failed");
        assert_eq!(heard.get(Word::RecordingErrorCode), Some("500"));
        assert_eq!(heard.get(Word::RecordingType), Some("participant"));
        let stream = fixture("egress_ended-stream-failed");
        assert_eq!(stream.get(Word::StreamErrorCode), Some("503"));
        assert_eq!(stream.kind(), Kind::StreamFailed);
    }

    #[test]
    fn a_unified_request_is_named_by_its_source_and_a_replay_as_one() {
        let kind_of = |name: &str| fixture(name).get(Word::RecordingType).map(str::to_owned);
        assert_eq!(kind_of("egress_ended-unified").as_deref(), Some("media"));
        assert_eq!(kind_of("egress_ended-replay").as_deref(), Some("replay"));
        assert_eq!(kind_of("egress_ended-web").as_deref(), Some("web"));
    }

    #[test]
    fn the_room_is_found_in_the_egress_where_the_envelope_has_none() {
        let heard = hear(
            r#"{"event":"egress_started","egressInfo":{"roomId":"RM_2","track":{"roomName":"n"}}}"#,
        );
        assert_eq!(heard.get(Word::RoomSession), Some("RM_2"));
        assert_eq!(heard.get(Word::RoomName), Some("n"));
    }

    #[test]
    fn snake_case_keys_and_plain_numbers_say_the_same() {
        let heard = fixture("egress_ended-snake-case-keys");
        assert_eq!(heard.kind(), Kind::RecordingReady);
        assert_eq!(heard.get(Word::RecordingType), Some("room_composite"));
        assert_eq!(heard.get(Word::RecordingDuration), Some("60"));
        assert!(heard.get(Word::EventSentAt).is_some());
        assert!(heard.identity.starts_with("id=none egress=EG_"), "{}", heard.identity);
        assert!(heard.identity.contains(" status=complete ended="), "{}", heard.identity);
    }

    #[test]
    fn one_end_under_two_event_ids_is_one_event() {
        let info =
            r#"{"egressId":"EG_1","status":"EGRESS_COMPLETE","endedAt":"1795169223000000000"}"#;
        let first = ended("EV_1", info);
        assert_eq!(first, "id=none egress=EG_1 status=complete ended=1795169223000000000");
        assert_eq!(first, ended("EV_2", info));
        let by_number = r#"{"egress_id":"EG_1","status":3,"ended_at":1795169223000000000}"#;
        assert_eq!(first, ended("EV_3", by_number));
        assert_ne!(first, ended("EV_1", &info.replace("223000", "224000")));
        assert_ne!(first, ended("EV_1", &info.replace("COMPLETE", "FAILED")));
        assert_ne!(first, ended("EV_1", &info.replace("EG_1", "EG_2")));
    }

    #[test]
    fn starts_and_updates_of_an_egress_keep_their_own_ids() {
        for name in ["egress_started", "egress_updated"] {
            let identity = fixture(name).identity;
            assert!(identity.starts_with("id=EV_") && !identity.contains(' '), "{identity}");
        }
    }

    #[test]
    fn an_egress_that_never_got_an_id_is_known_by_its_room_and_request() {
        let info = r#"{"egressId":"","status":"EGRESS_FAILED","participant":{"identity":"x"}}"#;
        let first = ended("EV_1", info);
        assert_eq!(first, "id=none room=RM_1 request=participant participant=x status=failed");
        assert_eq!(first, ended("EV_2", info));
        assert_ne!(first, ended("EV_1", &info.replace("\"x\"", "\"y\"")));
        assert_ne!(first, ended("EV_1", &info.replace("participant", "track")));
        let lost =
            r#"{"event":"egress_ended","id":"EV_1","egressInfo":{"status":"EGRESS_FAILED"}}"#;
        assert_eq!(hear(lost).identity, "id=EV_1");
        let stored = fixture("egress_ended-without-egress-id");
        assert_eq!(stored.kind(), Kind::RecordingFailed);
        assert_eq!(stored.get(Word::RecordingId), None);
        assert!(stored.identity.contains("request=participant"), "{}", stored.identity);
    }

    #[test]
    fn more_results_than_an_event_may_carry_are_left_out() {
        let files = r#"{"filename":"a"},"#.repeat(ITEMS_PER_EVENT_MAX) + r#"{"filename":"b"}"#;
        let heard = hear(&format!(
            r#"{{"event":"egress_started","egressInfo":{{"fileResults":[{files}]}}}}"#
        ));
        assert_eq!(heard.all(Word::FileKey), vec!["a"; ITEMS_PER_EVENT_MAX]);
    }
}
