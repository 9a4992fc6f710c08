//! The stored requests of both providers, within the program: what a policy is proven with wherever
//! the program runs, some 190 kB.

use std::path::Path;
use std::sync::Arc;

use crate::cli::fixture::Fixture;

/// One request: its provider, its name, its bytes.
type Stored = (&'static str, &'static str, &'static [u8]);

macro_rules! stored {
    ($provider:literal, $folder:literal, $end:literal: $($name:literal),+ $(,)?) => {
        &[$((
            $provider,
            $name,
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/fixtures/", $folder, "/", $name, $end
            )),
        )),+]
    };
}

/// All of them.
const STORED: [&[Stored]; 3] = [
    stored!("daily", "daily", "/request.http":
        "batch-processor.error", "batch-processor.job-finished", "calltransfer.answered",
        "calltransfer.completed", "calltransfer.initiated", "calltransfer.triggered",
        "dialin.connected", "dialin.error", "dialin.ready", "dialin.stopped", "dialin.warning",
        "dialout.answered", "dialout.connected", "dialout.error", "dialout.stopped",
        "dialout.warning", "malformed", "meeting.ended", "meeting.started", "participant.joined",
        "participant.left", "participant.left.consultation", "recording.error",
        "recording.ready-to-download", "recording.ready-to-download.audio-only",
        "recording.started", "streaming.ended", "streaming.error", "streaming.started",
        "streaming.updated", "transcript.error", "transcript.ready-to-download",
        "transcript.started", "unknown-kind", "waiting-participant.joined",
        "waiting-participant.left", "without-id",
    ),
    stored!("livekit", "livekit", "/request.http":
        "agent_job_ended", "agent_job_ended-cancelled", "agent_job_pending", "agent_job_started",
        "egress_ended", "egress_ended-aborted", "egress_ended-deprecated-file",
        "egress_ended-deprecated-segments", "egress_ended-deprecated-stream",
        "egress_ended-failed", "egress_ended-file-and-stream", "egress_ended-images",
        "egress_ended-key-with-a-name", "egress_ended-limit-reached", "egress_ended-replay",
        "egress_ended-segments", "egress_ended-snake-case-keys", "egress_ended-stream",
        "egress_ended-stream-failed", "egress_ended-two-files", "egress_ended-unified",
        "egress_ended-unknown-status", "egress_ended-web", "egress_ended-websocket",
        "egress_ended-without-egress-id", "egress_ended-without-egress-id-track",
        "egress_started", "egress_started-no-output-seen", "egress_started-stream",
        "egress_started-unified-stream", "egress_started-websocket", "egress_updated",
        "egress_updated-stream", "ingress_ended", "ingress_ended-error", "ingress_started",
        "ingress_started-whip", "malformed", "participant_connection_aborted",
        "participant_joined", "participant_joined-agent", "participant_joined-other-role",
        "participant_joined-recorder", "participant_joined-role-by-name",
        "participant_joined-seconds-only", "participant_joined-sip", "participant_left",
        "participant_left-enums-as-numbers", "participant_left-timeout", "room_finished",
        "room_finished-without-reason", "room_started", "room_started-private-name",
        "track_published", "track_published-audio", "track_published-data",
        "track_published-screen-of-full-room", "track_unpublished", "track_unpublished-video",
        "unknown-kind", "without-id",
    ),
    stored!("livekit", "livekit-call", ".http":
        "003-room_started", "004-participant_joined", "005-participant_joined",
        "006-track_published", "007-track_published", "008-track_unpublished",
        "009-participant_left", "010-track_unpublished", "011-participant_left",
        "012-room_finished", "039-room_started", "040-participant_connection_aborted",
        "041-room_finished",
    ),
];

/// Those of a provider, each with its name.
pub(super) fn of(provider: &str) -> anyhow::Result<Vec<(Arc<str>, Fixture)>> {
    let all = STORED.into_iter().flatten().filter(|(of, ..)| *of == provider);
    let read =
        |(_, name, bytes): &Stored| Ok((Arc::from(*name), Fixture::parse(Path::new(name), bytes)?));
    all.map(read).collect()
}

/// The provider that a stored request of the user's own comes from, by how it is signed.
pub(super) fn provider_of(fixture: &Fixture) -> Option<&'static str> {
    let has = |name: &str| fixture.header(name).is_some();
    match (has("x-webhook-signature") || has("x-daily-signature"), has("authorization")) {
        (true, _) => Some("daily"),
        (false, true) => Some("livekit"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_stored_request_of_both_providers_is_within() {
        let folder =
            |name| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).join(name);
        for (provider, folders) in [
            ("daily", vec![folder("daily")]),
            ("livekit", ["livekit", "livekit-call"].map(folder).into()),
        ] {
            let mut within: Vec<_> =
                of(provider).unwrap().into_iter().map(|(_, f)| f.body).collect();
            let mut stored = Vec::new();
            for fixture in Fixture::read_all(&folders).unwrap() {
                assert_eq!(provider_of(&fixture), Some(provider), "{}", fixture.name());
                stored.push(fixture.body);
            }
            within.sort_unstable();
            stored.sort_unstable();
            assert!(within == stored, "{provider}: {} of {}", within.len(), stored.len());
        }
    }
}
