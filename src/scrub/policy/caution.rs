//! What a policy lets out by another way than the one it closes.
//!
//! A moment to the minute, or one that is dropped, says no less where the event's own time, or that
//! of its sending or receipt, leaves exactly; nor does a duration in ranges where beginning and end
//! leave exactly, or the event's own time, which is the end where something ends.

use super::{Action, FIELDS, Policy, Rule, column_name, kinds};
use crate::event::Kind;

/// Durations, and the moments that they lie between.
const BETWEEN: [(&str, &str, &str); 5] = [
    ("participant.duration_seconds", "participant.joined_at", "participant.left_at"),
    ("recording.duration_seconds", "recording.started_at", "recording.ended_at"),
    ("transcript.duration_seconds", "transcript.started_at", "transcript.ended_at"),
    ("files[].duration_seconds", "files[].started_at", "files[].ended_at"),
    (
        "stream.outputs[].duration_seconds",
        "stream.outputs[].started_at",
        "stream.outputs[].ended_at",
    ),
];

/// Kinds whose own time is the end of what they tell of.
const ENDS: [Kind; 8] = [
    Kind::ParticipantLeft,
    Kind::WaitingLeft,
    Kind::RecordingReady,
    Kind::RecordingFailed,
    Kind::TranscriptReady,
    Kind::TranscriptFailed,
    Kind::StreamEnded,
    Kind::StreamFailed,
];

impl Policy {
    /// Fields that leave less exactly while something else still tells them, a sentence each.
    pub fn cautions(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut note = |text: String| {
            if !found.contains(&text) {
                found.push(text);
            }
        };
        for kind in kinds() {
            let exact = |field: &str| self.action_of(kind, field) == Some(Action::Pass);
            let others = ["time", "receivedtime", "provider_event.sent_at"];
            let exact_others: Vec<_> = others.into_iter().filter(|field| exact(field)).collect();
            for (column, field) in FIELDS.iter().enumerate() {
                let name = column_name(column);
                let leaves = match self.cell(kind, column).action {
                    Action::Bucket => "leaves to the minute",
                    Action::Drop => "does not leave",
                    Action::Unlisted | Action::Pseudonym | Action::Role | Action::Pass => continue,
                };
                if field.rule == Rule::Moment && !others.contains(&name.as_str()) {
                    for other in &exact_others {
                        note(format!(
                            "{name} {leaves}, but {other}, which tells the same moment \
                             or one close to it, leaves exactly; bucket it with these kinds too"
                        ));
                    }
                }
            }
            for (length, begin, end) in BETWEEN {
                let of = |field| self.action_of(kind, field);
                let ends = [end].into_iter().chain(ENDS.contains(&kind).then_some("time"));
                let held = matches!(of(length), Some(Action::Bucket | Action::Drop));
                if held
                    && exact(begin)
                    && let Some(end) = ends.into_iter().find(|end| exact(end))
                {
                    note(format!(
                        "{length} is held back, but {begin} and {end} leave exactly and tell it; \
                         bucket or drop one of them too"
                    ));
                }
            }
        }
        found
    }
}
