//! Events as the gate really writes them, for whoever reads a schema: kept with the stored requests
//! that they come from, where a test holds each against what leaves. All in them is made up.

use serde_json::Value;

use crate::event::Family;

macro_rules! stored {
    ($($of:literal)+) => {
        &[$(include_str!(concat!("../../../fixtures/", $of, "/event.json"))),+]
    };
}

/// Examples of a family's events.
pub(super) fn examples(family: Family) -> Vec<Value> {
    let stored: &[&str] = match family {
        Family::Recording => stored! {
            "daily/recording.ready-to-download"
            "daily/transcript.ready-to-download"
            "livekit/egress_ended"
            "livekit/egress_ended-failed"
        },
        Family::Participant => stored! {
            "daily/participant.joined"
            "daily/participant.left"
            "livekit/participant_joined"
            "livekit/track_published"
        },
        Family::Lifecycle => stored! {
            "daily/meeting.started"
            "livekit/room_finished"
            "livekit/egress_ended-stream"
            "hookgate/participant.erased"
        },
        Family::Quarantine => stored! {
            "daily/unknown-kind"
            "daily/malformed"
        },
    };
    // A text that is no JSON would be seen by the test that validates each.
    stored.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
}
