//! The keys that Daily documents: only these may stand in the list of what was removed.

use std::sync::LazyLock;

use crate::normalize::known::Known;

pub(super) static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::of(&KEYS));

/// Every key that Daily documents for the envelope and the payloads, in order.
pub(super) const KEYS: [&str; 93] = [
    "action",
    "assumeRoleArn",
    "audio",
    "base",
    "bucket",
    "byParticipantId",
    "byUserId",
    "caller_id",
    "canAdmin",
    "canReceive",
    "canSend",
    "composition_id",
    "composition_params",
    "concept",
    "customAudio",
    "customVideo",
    "destination",
    "display_name",
    "domain_id",
    "duration",
    "endTs",
    "end_ts",
    "error",
    "error_message",
    "error_msg",
    "event_ts",
    "externalId",
    "format",
    "from_endpoint",
    "hasPresence",
    "id",
    "info",
    "input",
    "instanceId",
    "instance_id",
    "is_sip_refer",
    "joined_at",
    "key",
    "language",
    "layout",
    "max_cam_streams",
    "max_participants",
    "meeting_id",
    "mtg_session_id",
    "networkQualityState",
    "origin",
    "out_params",
    "output",
    "owner",
    "participant_minutes",
    "participants",
    "payload",
    "permissions",
    "preset",
    "recordingId",
    "recording_id",
    "region",
    "room",
    "room_id",
    "room_name",
    "s3",
    "s3Config",
    "s3Key",
    "s3_key",
    "screenAudio",
    "screenVideo",
    "session_assets",
    "session_id",
    "share_token",
    "sip_endpoint",
    "sip_from",
    "sip_headers",
    "size",
    "soap",
    "sort",
    "sourceType",
    "startTs",
    "start_ts",
    "started_by",
    "status",
    "summary",
    "timestamp",
    "to_endpoint",
    "tracks",
    "transcription",
    "type",
    "uri",
    "user_id",
    "user_name",
    "variant",
    "version",
    "video",
    "will_eject_at",
];

/// Keys below which users choose the keys: SIP headers, ids of users and participants, names of
/// custom tracks, settings and files of a custom layout.
pub(super) const OPEN: [&str; 7] = [
    "byParticipantId",
    "byUserId",
    "composition_params",
    "customAudio",
    "customVideo",
    "session_assets",
    "sip_headers",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_stand_in_order_and_each_once() {
        assert!(KEYS.is_sorted_by(|one, next| one < next));
        assert!(OPEN.iter().all(|key| KEYS.contains(key)));
    }
}
