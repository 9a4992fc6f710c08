//! What a policy lets out by another way than the one it closes.
//!
//! A moment to the minute says little where the event's own time, which is made of it, leaves
//! exactly; a duration in ranges says little where beginning and end leave exactly.

use super::{Action, FIELDS, Policy, Rule, TIME, column_name, kinds};

/// Durations, and the moments that they lie between.
const BETWEEN: [(&str, &str, &str); 3] = [
    ("participant.duration_seconds", "participant.joined_at", "participant.left_at"),
    ("recording.duration_seconds", "recording.started_at", "recording.ended_at"),
    ("transcript.duration_seconds", "transcript.started_at", "transcript.ended_at"),
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
            let exact_time = self.cell(kind, TIME).action == Action::Pass;
            for (column, field) in FIELDS.iter().enumerate() {
                let coarse = self.cell(kind, column).action == Action::Bucket;
                if field.rule == Rule::Moment && coarse && exact_time {
                    let name = column_name(column);
                    note(format!(
                        "{name} leaves to the minute, but the event's own time, which may be made \
                         of it, leaves exactly; bucket time with these kinds too"
                    ));
                }
            }
            for (length, begin, end) in BETWEEN {
                let of = |field| self.action_of(kind, field);
                let exact = |field| of(field) == Some(Action::Pass);
                if matches!(of(length), Some(Action::Bucket | Action::Drop))
                    && exact(begin)
                    && exact(end)
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
