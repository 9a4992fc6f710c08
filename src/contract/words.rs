//! What the document says in words: what no schema can say of how records come.

use crate::event::Family;

/// Of the whole.
pub(super) const DOCUMENT: &str = "\
Webhooks of video platforms, verified, freed of what names a person, and in one language. The \
value of each record is one CloudEvents 1.0 JSON object.

**Topics.** `video` in the topics' names is the gateway's `kafka.topic_prefix` and may be \
another; the addresses here are those of the gateway that this document was asked of. A replay \
may go to topics of its own. `….hookgate-cursor`, where it exists, is the gateway's own and \
not for consumers. Where the gateway delivers `exactly_once`, consumers set \
`isolation.level=read_committed`.

**Once.** A record may come again: after a crash, in `at_least_once` delivery, from a second \
gateway, in a replay. `id` is the event's only name and equal each time: a consumer keeps the \
ids that it has worked on and skips them.

**Replays.** Records of a replay carry the header `hookgate-replay-id`. A consumer skips an id \
that it knows, unless it was told to accept that replay.

**Erasure.** `video.participant.erased` and `video.room.erased` in the lifecycle topic say \
that a person or a room was forgotten: a consumer erases what it keeps under the pseudonym \
`data.erasure.ref`, under `other_refs`, and of the events `event_ids`. A long list comes in \
several events (`part` of `parts`).

**Order** is promised per record key and gateway (`hookgate-instance`), live events among \
themselves; a replay is in order within itself.

**Changes.** Within a version of a schema (`dataschema`) fields, kinds and listed values are \
added, and none goes or changes its meaning: pass over what you do not know.";

/// Of each operation.
pub(super) const OPERATION: &str = "The gateway publishes; consumers receive it.";

/// Of `content-type`.
pub(super) const CONTENT_TYPE: &str = "The value is CloudEvents in structured mode.";

/// Of `hookgate-sequence`.
pub(super) const SEQUENCE: &str =
    "The event's place in the journal of its gateway, as decimal text: grows with each event.";

/// Of `hookgate-instance`.
pub(super) const INSTANCE: &str = "The gateway that published it, by its name in the fleet.";

/// Of `hookgate-replay-id`.
pub(super) const REPLAY_ID: &str = "Only on a replay: which one. Skip an id that is known, unless \
    this replay is to be accepted.";

/// Of `traceparent`.
pub(super) const TRACE_PARENT: &str =
    "Only where the gateway traces: the W3C trace context of the delivery.";

/// Of the header of the registry of schemas.
pub(super) const SCHEMA_ID: &str = "The id of the value's schema at the registry, in bytes: 1 and \
    its GUID, or 0 and its number in four bytes. Not text.";

/// Of the record key.
pub(super) const KEY: &str = "The tenant, a slash, and the room: its name where that may leave, \
    else `k1_…`, which stays when pseudonyms change. Without a room the first there is of \
    recording, stream, session and call id, else the event's id. Partitions by murmur2, as Java \
    clients do, so that topics can be joined.";

/// Of a family's channel.
pub(super) const fn family(family: Family) -> &'static str {
    match family {
        Family::Recording => "Recordings, transcripts and their processing.",
        Family::Participant => "People in rooms, their tracks and calls.",
        Family::Lifecycle => {
            "Rooms, streams, ingresses and agents, and what was forgotten (erasure)."
        }
        Family::Quarantine => "What could not be understood or may not pass, with its reason.",
    }
}
