//! The keys that LiveKit documents, so that a list of what was removed may name them.
//!
//! All fields of the messages a webhook can hold, by their JSON names; a key in snake case is known
//! by the name it stands for. Whatever is not here may have been chosen by a user.

use std::sync::LazyLock;

use crate::normalize::known::Known;

/// JSON names, in byte order.
#[rustfmt::skip]
pub(super) const KEYS: [&str; 232] = [
    "accessKey", "accountKey", "accountName", "activeRecording", "advanced", "agent", "agentId",
    "agentName", "aliOSS", "assumeRoleArn", "assumeRoleExternalId", "attributes", "audio",
    "audioBitrate", "audioCodec", "audioFeatures", "audioFrequency", "audioMixing", "audioOnly",
    "audioQuality", "audioTrackId", "averageBitrate", "awaitStartSignal", "azure",
    "backupCodecPolicy", "backupStorageUsed", "bitrate", "bucket", "bypassTranscoding",
    "canManageAgentSession", "canPublish", "canPublishData", "canPublishSources",
    "canSubscribe", "canSubscribeMetrics", "canUpdateMetadata", "capabilities", "captureAll",
    "captureInterval", "channel", "channels", "cid", "clientProtocol", "codecs",
    "containerName", "contentDisposition", "createdAt", "creationTime", "creationTimeMs",
    "credentials", "customBaseUrl", "dataTracks", "departureTimeout", "deployment", "depth",
    "details", "disableDtx", "disableManifest", "disableRed", "disconnectReason", "dispatchId",
    "duration", "egress", "egressId", "egressInfo", "emptyTimeout", "enableRecording",
    "enableRedaction", "enableTranscoding", "enabled", "enabledCodecs", "encoding",
    "encryption", "endOffsetMs", "endedAt", "endpoint", "error", "errorCode", "event",
    "excludeEvents", "file", "fileOutputs", "fileResults", "fileType", "filename",
    "filenamePrefix", "filenameSuffix", "filepath", "filterParams", "fmtpLine",
    "forcePathStyle", "frameEncoding", "frameRate", "framerate", "gcp", "handle", "height",
    "hidden", "id", "identity", "imageCodec", "imageCount", "imageOutputs", "imageResults",
    "images", "includeEvents", "info", "ingressId", "ingressInfo", "inputType", "isPublisher",
    "job", "joinedAt", "joinedAtMs", "keyFrameInterval", "kind", "kindDetails", "kinds",
    "lastRetryAt", "layers", "layout", "livePlaylistLocation", "livePlaylistName", "location",
    "manifestLocation", "maxParticipants", "media", "metadata", "mid", "mime", "mimeType",
    "muted", "name", "namespace", "numDropped", "numParticipants", "numPublishers", "options",
    "outputs", "packetTrailerFeatures", "participant", "participantIdentity", "participantKind",
    "participantMetadata", "participantName", "participantVideo", "password", "permission",
    "playlistLocation", "playlistName", "preferScreenShare", "preset", "protocol", "proxy",
    "pubHandle", "quality", "reason", "recorder", "region", "repairSsrc", "replay", "replayId",
    "resourceId", "retries", "retryCount", "reusable", "rid", "room", "roomComposite",
    "roomEndReason", "roomId", "roomName", "roomTracks", "routes", "s3", "sampleRate", "schema",
    "screenShare", "sdpCid", "secret", "segmentCount", "segmentDuration", "segmentOutputs",
    "segmentResults", "segments", "sessionToken", "sid", "signingKey", "simulcast", "size",
    "source", "sourceType", "spatialLayer", "ssrc", "startOffsetMs", "startedAt", "state",
    "status", "stereo", "storage", "stream", "streamKey", "streamOutputs", "streamResults",
    "tagging", "template", "ticks", "track", "trackComposite", "trackId", "tracks",
    "turnPassword", "type", "unixMicro", "updatedAt", "url", "urls", "username", "version",
    "video", "videoBitrate", "videoCodec", "videoLayerMode", "videoOnly", "videoQuality",
    "videoTrackId", "web", "webhooks", "websocketUrl", "wellKnown", "width", "workerId",
];

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::of(&KEYS));

/// Whether LiveKit documents a key, in camel or in snake case.
pub(super) fn knows(key: &str) -> bool {
    let by_name = |known: &&str| known.bytes().cmp(camel(key));
    KNOWN.has(key) || (is_snake(key) && KEYS.binary_search_by(by_name).is_ok())
}

/// Whether a key is the proto name in snake case of a JSON name in camel case.
pub(super) fn is_snake_of(key: &str, name: &str) -> bool {
    is_snake(key) && camel(key).eq(name.bytes())
}

/// Whether a key is of several words in snake case: `egress_info`, but not `_x`, `a__b`, `a_1`.
fn is_snake(key: &str) -> bool {
    let starts_small = |word: &str| word.starts_with(|first: char| first.is_ascii_lowercase());
    key.contains('_') && key.split('_').all(starts_small)
}

/// A key in snake case as protobuf turns it into its JSON name.
fn camel(key: &str) -> impl Iterator<Item = u8> + '_ {
    let mut raise = false;
    key.bytes().filter_map(move |byte| {
        let raised = std::mem::replace(&mut raise, byte == b'_');
        match (byte, raised) {
            (b'_', _) => None,
            (_, true) => Some(byte.to_ascii_uppercase()),
            (_, false) => Some(byte),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_in_byte_order_and_each_there_once() {
        assert!(KEYS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_key_is_known_in_camel_and_in_snake_case_and_in_no_other() {
        for known in ["egressInfo", "egress_info", "sid", "s3", "aliOSS", "ended_at"] {
            assert!(knows(known), "{known}");
        }
        for unknown in ["egressinfo", "_sid", "sid_", "egress__info", "zoe_canary", "role", ""] {
            assert!(!knows(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_snake_case_key_stands_for_one_json_name() {
        assert!(is_snake_of("creation_time_ms", "creationTimeMs"));
        assert!(!is_snake_of("creation_time_ms", "creationTime"));
        assert!(!is_snake_of("creationTimeMs", "creationTimeMs"));
    }
}
