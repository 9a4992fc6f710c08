//! What `dev` posts: two short calls, one at each provider, told by the stored fixtures.
//!
//! Doubled and forged deliveries stand among them, and one of a kind that nobody knows, so that
//! every ending that matters is seen within seconds.

/// How a delivery is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twist {
    /// As the provider sends it.
    Plain,
    /// The very same bytes once more, as after a lost answer.
    Again,
    /// With a signature under a secret that is not ours.
    Forged,
}

/// One delivery of the story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// The source it is posted to; named after its provider.
    pub(super) source: &'static str,
    /// The fixture's name, and so the event's.
    pub(super) name: &'static str,
    /// The stored request.
    pub(super) request: &'static [u8],
    /// How it is sent.
    pub(super) twist: Twist,
}

macro_rules! scene {
    ($source:literal, $name:literal) => {
        scene!($source, $name, Twist::Plain)
    };
    ($source:literal, $name:literal, $twist:expr) => {
        Scene {
            source: $source,
            name: $name,
            request: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/fixtures/",
                $source,
                "/",
                $name,
                "/request.http"
            )),
            twist: $twist,
        }
    };
}

/// The story, told so often, each time with fresh ids and times: the number of the telling and the
/// scene.
pub(super) fn told(tellings: u64) -> impl Iterator<Item = (u64, Scene)> {
    (0..tellings).flat_map(|telling| STORY.iter().map(move |scene| (telling, *scene)))
}

/// What is left to the viewer to deliver: short, of one family, and it names a person.
pub(super) const PASTED: [Scene; 2] =
    [scene!("daily", "participant.joined"), scene!("livekit", "participant_joined-other-role")];

/// The whole story.
const STORY: &[Scene] = &[
    scene!("daily", "meeting.started"),
    scene!("livekit", "room_started"),
    scene!("daily", "participant.joined"),
    scene!("daily", "participant.joined", Twist::Again),
    scene!("livekit", "participant_joined"),
    scene!("daily", "recording.started"),
    scene!("livekit", "track_published"),
    scene!("livekit", "participant_joined", Twist::Forged),
    scene!("livekit", "egress_started"),
    scene!("daily", "participant.left.consultation"),
    scene!("daily", "participant.left.consultation", Twist::Forged),
    scene!("livekit", "egress_ended"),
    scene!("livekit", "egress_ended", Twist::Again),
    scene!("daily", "recording.ready-to-download"),
    scene!("livekit", "participant_left"),
    scene!("daily", "transcript.ready-to-download"),
    scene!("livekit", "unknown-kind"),
    scene!("daily", "meeting.ended"),
    scene!("livekit", "room_finished"),
];
