//! Agent jobs: work that a dispatched agent does in a room (`livekit_agent.proto`).
//!
//! The participant of such an event is the agent itself, by `state.participantIdentity`; whom the
//! job was dispatched for (`job.participant`) has no word, lest the two be mixed.

use super::fields::field;
use super::{At, Draft, Kind, Timestamp, Word, lists};

/// Reads a `Job`; times in it are nanoseconds.
pub(super) fn read(kind: Kind, job: At<'_, '_>, draft: &mut Draft) -> Option<Timestamp> {
    if !job.is_map() {
        return None;
    }
    draft.text(Word::AgentId, job.get("id"));
    draft.text(Word::AgentDispatch, field(job, "dispatchId"));
    lists::JOB_TYPE.tell(Word::AgentType, job.get("type"), draft);
    let state = job.get("state");
    if !state.is_map() {
        return None;
    }
    let status = state.get("status");
    lists::JOB_STATUS.tell(Word::AgentStatus, status, draft);
    draft.text(Word::AgentWorker, field(state, "workerId"));
    draft.text(Word::ParticipantId, field(state, "participantIdentity"));
    let (started, ended) = (field(state, "startedAt"), field(state, "endedAt"));
    draft.moment(Word::AgentStartedAt, started);
    draft.moment(Word::AgentEndedAt, ended);
    // A pending job has neither begun nor ended: the envelope's time is the best there is.
    if kind == Kind::AgentEnded {
        ended.time()
    } else {
        started.time().filter(|_| kind == Kind::AgentStarted)
    }
}
