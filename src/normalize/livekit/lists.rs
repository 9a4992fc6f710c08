//! LiveKit's closed lists and our words for them.
//!
//! A protobuf enum may stand in JSON by its name or its number, and later versions add to it. What
//! is not on a list has no word: it is left out, and the event passes without it.

use super::{At, Draft, Given, Word};

/// One protobuf enum: number, name, our word.
pub(super) struct Names {
    /// The word for number 0, which proto3 does not write.
    zero: &'static str,
    rows: &'static [(i64, &'static str, &'static str)],
}

impl Names {
    const fn new(zero: &'static str, rows: &'static [(i64, &'static str, &'static str)]) -> Self {
        Self { zero, rows }
    }

    /// Tells an enum of a message that is there: absent, it has its first value.
    pub(super) fn tell(&self, word: Word, at: At<'_, '_>, draft: &mut Draft) {
        self.tell_of(word, 0, at, draft);
    }

    /// Tells an enum of one item of a list.
    pub(super) fn tell_of(&self, word: Word, item: usize, at: At<'_, '_>, draft: &mut Draft) {
        if at.is_there() {
            draft.word_of(word, item, self.read(at), at);
        } else {
            draft.implied(word, item, Given::Word(self.zero));
        }
    }

    /// Our word for a value that stands by name or by number.
    pub(super) fn read(&self, at: At<'_, '_>) -> Option<&'static str> {
        let by_name = |text: &str| self.rows.iter().find(|(_, name, _)| *name == text);
        let row = at.text().and_then(by_name);
        let row = row.or_else(|| {
            let number = at.integer()?;
            self.rows.iter().find(|(known, ..)| *known == number)
        })?;
        Some(row.2)
    }
}

/// Mime types that LiveKit negotiates, as it writes them.
const MIMES: [&str; 10] = [
    "audio/opus",
    "audio/red",
    "audio/PCMU",
    "audio/PCMA",
    "video/VP8",
    "video/VP9",
    "video/H264",
    "video/H265",
    "video/AV1",
    "video/rtx",
];

/// The mime type of a track, if it is one of LiveKit's own; case does not matter in mime types.
pub(super) fn mime(at: At<'_, '_>) -> Option<&'static str> {
    let text = at.text()?;
    let mut known = MIMES.iter().copied();
    known.find(|mime| mime.eq_ignore_ascii_case(text))
}

/// `RoomEndReason`
pub(super) const ROOM_END_REASON: Names = Names::new(
    "unknown",
    &[
        (0, "ROOM_END_UNKNOWN", "unknown"),
        (1, "ROOM_END_API_DELETE", "api_delete"),
        (2, "ROOM_END_IDLE_TIMEOUT", "idle_timeout"),
        (3, "ROOM_END_SERVER_SHUTDOWN", "server_shutdown"),
        (4, "ROOM_END_SUPERSEDED", "superseded"),
        (5, "ROOM_END_OPEN_FAILED", "open_failed"),
    ],
);

/// `ParticipantInfo.State`
pub(super) const PARTICIPANT_STATE: Names = Names::new(
    "joining",
    &[
        (0, "JOINING", "joining"),
        (1, "JOINED", "joined"),
        (2, "ACTIVE", "active"),
        (3, "DISCONNECTED", "disconnected"),
    ],
);

/// `ParticipantInfo.Kind`; 5 and 6 were never given out.
pub(super) const PARTICIPANT_KIND: Names = Names::new(
    "standard",
    &[
        (0, "STANDARD", "standard"),
        (1, "INGRESS", "ingress"),
        (2, "EGRESS", "egress"),
        (3, "SIP", "sip"),
        (4, "AGENT", "agent"),
        (7, "CONNECTOR", "connector"),
        (8, "BRIDGE", "bridge"),
    ],
);

/// `DisconnectReason`
pub(super) const DISCONNECT_REASON: Names = Names::new(
    "unknown",
    &[
        (0, "UNKNOWN_REASON", "unknown"),
        (1, "CLIENT_INITIATED", "client_initiated"),
        (2, "DUPLICATE_IDENTITY", "duplicate_identity"),
        (3, "SERVER_SHUTDOWN", "server_shutdown"),
        (4, "PARTICIPANT_REMOVED", "participant_removed"),
        (5, "ROOM_DELETED", "room_deleted"),
        (6, "STATE_MISMATCH", "state_mismatch"),
        (7, "JOIN_FAILURE", "join_failure"),
        (8, "MIGRATION", "migration"),
        (9, "SIGNAL_CLOSE", "signal_close"),
        (10, "ROOM_CLOSED", "room_closed"),
        (11, "USER_UNAVAILABLE", "user_unavailable"),
        (12, "USER_REJECTED", "user_rejected"),
        (13, "SIP_TRUNK_FAILURE", "sip_trunk_failure"),
        (14, "CONNECTION_TIMEOUT", "connection_timeout"),
        (15, "MEDIA_FAILURE", "media_failure"),
        (16, "AGENT_ERROR", "agent_error"),
    ],
);

/// `TrackType`
pub(super) const TRACK_TYPE: Names =
    Names::new("audio", &[(0, "AUDIO", "audio"), (1, "VIDEO", "video"), (2, "DATA", "data")]);

/// `TrackSource`
pub(super) const TRACK_SOURCE: Names = Names::new(
    "unknown",
    &[
        (0, "UNKNOWN", "unknown"),
        (1, "CAMERA", "camera"),
        (2, "MICROPHONE", "microphone"),
        (3, "SCREEN_SHARE", "screen_share"),
        (4, "SCREEN_SHARE_AUDIO", "screen_share_audio"),
    ],
);

/// `EgressStatus`
pub(super) const EGRESS_STATUS: Names = Names::new(
    "starting",
    &[
        (0, "EGRESS_STARTING", "starting"),
        (1, "EGRESS_ACTIVE", "active"),
        (2, "EGRESS_ENDING", "ending"),
        (3, "EGRESS_COMPLETE", "complete"),
        (4, "EGRESS_FAILED", "failed"),
        (5, "EGRESS_ABORTED", "aborted"),
        (6, "EGRESS_LIMIT_REACHED", "limit_reached"),
    ],
);

/// `StreamInfo.Status`
pub(super) const STREAM_STATUS: Names = Names::new(
    "active",
    &[(0, "ACTIVE", "active"), (1, "FINISHED", "finished"), (2, "FAILED", "failed")],
);

/// `IngressInput`
pub(super) const INGRESS_TYPE: Names = Names::new(
    "rtmp",
    &[(0, "RTMP_INPUT", "rtmp"), (1, "WHIP_INPUT", "whip"), (2, "URL_INPUT", "url")],
);

/// `IngressState.Status`
pub(super) const INGRESS_STATUS: Names = Names::new(
    "inactive",
    &[
        (0, "ENDPOINT_INACTIVE", "inactive"),
        (1, "ENDPOINT_BUFFERING", "buffering"),
        (2, "ENDPOINT_PUBLISHING", "publishing"),
        (3, "ENDPOINT_ERROR", "error"),
        (4, "ENDPOINT_COMPLETE", "complete"),
    ],
);

/// `JobType`
pub(super) const JOB_TYPE: Names = Names::new(
    "room",
    &[
        (0, "JT_ROOM", "room"),
        (1, "JT_PUBLISHER", "publisher"),
        (2, "JT_PARTICIPANT", "participant"),
    ],
);

/// `JobStatus`
pub(super) const JOB_STATUS: Names = Names::new(
    "pending",
    &[
        (0, "JS_PENDING", "pending"),
        (1, "JS_RUNNING", "running"),
        (2, "JS_SUCCESS", "success"),
        (3, "JS_FAILED", "failed"),
        (4, "JS_CANCELLED", "cancelled"),
    ],
);

/// The one-of `request` of `EgressInfo`, with our words.
pub(super) const EGRESS_REQUESTS: &[(&str, &str)] = &[
    ("roomComposite", "room_composite"),
    ("participant", "participant"),
    ("trackComposite", "track_composite"),
    ("track", "track"),
    ("web", "web"),
    ("egress", "egress"),
    ("replay", "replay"),
];

/// The one-of `source` of the unified request.
pub(super) const EGRESS_SOURCES: &[&str] = &["template", "web", "media"];

/// Lists of outputs or results that keep something.
pub(super) const KEPT_LISTS: &[&str] = &[
    "fileResults",
    "segmentResults",
    "imageResults",
    "fileOutputs",
    "segmentOutputs",
    "imageOutputs",
];

/// Single outputs or results that keep something.
pub(super) const KEPT: &[&str] = &["file", "segments", "images"];

/// Lists of outputs or results that stream.
pub(super) const STREAMED_LISTS: &[&str] = &["streamResults", "streamOutputs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_starts_with_the_value_that_is_not_written() {
        for names in [
            ROOM_END_REASON,
            PARTICIPANT_STATE,
            PARTICIPANT_KIND,
            DISCONNECT_REASON,
            TRACK_TYPE,
            TRACK_SOURCE,
            EGRESS_STATUS,
            STREAM_STATUS,
            INGRESS_TYPE,
            INGRESS_STATUS,
            JOB_TYPE,
            JOB_STATUS,
        ] {
            assert_eq!((names.rows[0].0, names.rows[0].2), (0, names.zero));
            assert!(names.rows.is_sorted_by(|a, b| a.0 < b.0), "{}", names.zero);
        }
    }
}
