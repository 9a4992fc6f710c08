//! Ingresses: media that comes into a room from an encoder or a URL (`livekit_ingress.proto`).
//!
//! The room gets a participant for it, whose identity stands in `participantIdentity`. The stream
//! key publishes for whoever holds it, so it and the URL have no word.

use super::fields::{field, truth};
use super::{At, Draft, Kind, Timestamp, Word, lists};

/// Reads an `IngressInfo`; times in it are nanoseconds.
pub(super) fn read(kind: Kind, info: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    if !info.is_map() {
        return None;
    }
    draft.text(Word::IngressId, field(info, "ingressId"));
    let input = field(info, "inputType");
    lists::INGRESS_TYPE.tell(Word::IngressType, input, draft);
    truth(Word::IngressReusable, info.get("reusable"), draft);
    draft.text(Word::ParticipantId, field(info, "participantIdentity"));
    let state = info.get("state");
    if !state.is_map() {
        return None;
    }
    let status = state.get("status");
    lists::INGRESS_STATUS.tell(Word::IngressStatus, status, draft);
    draft.text(Word::IngressResource, field(state, "resourceId"));
    let (started, ended) = (field(state, "startedAt"), field(state, "endedAt"));
    draft.moment(Word::IngressStartedAt, started);
    draft.moment(Word::IngressEndedAt, ended);
    if kind == Kind::IngressEnded { ended.time() } else { started.time() }
}
