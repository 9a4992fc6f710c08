//! `events`: looks into the journal through the admin API. One file per verb below it.

use clap::{Args, Subcommand};

use super::sheet::{self, BAD, ODD, PLAIN, Sheet, number, text};
use super::{Failure, Global, words};
use crate::desk::{EventRow, EventState};

pub mod list;
pub mod show;
pub mod tail;

/// What to look at.
#[derive(Debug, Args)]
pub struct Events {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists events, the newest first
    List(list::List),
    /// Shows everything known of one event
    Show(show::Show),
    /// Shows the newest events, and with --follow those that come
    Tail(tail::Tail),
}

/// Looks.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Events, global: &Global) -> Result<(), Failure> {
    match &args.verb {
        Verb::List(args) => list::run(args, global),
        Verb::Show(args) => show::run(args, global),
        Verb::Tail(args) => tail::run(args, global),
    }
}

/// Events below their columns; the narrower the terminal, the fewer columns.
pub(super) fn table(events: &[EventRow]) -> String {
    let mut sheet = Sheet::new(&[
        number("SEQUENCE", 0),
        text("RECEIVED", 0),
        text("STATE", 0),
        text("KIND", 0),
        text("SOURCE", 2),
        text("ROOM", 1),
        text("EVENT ID", 3),
        text("TENANT", 5),
        text("HAPPENED", 6),
        text("REASON", if events.iter().any(|row| row.reason.is_some()) { 1 } else { 4 }),
    ]);
    for event in events {
        let row = event.clone();
        sheet.row(
            style(event.state),
            [
                row.sequence.to_string(),
                words::moment(row.received),
                state(row.state).to_owned(),
                row.kind,
                row.source,
                row.room.unwrap_or_default(),
                row.event_id,
                row.tenant.unwrap_or_default(),
                row.time.map(words::moment).unwrap_or_default(),
                row.reason.unwrap_or_default(),
            ],
        );
    }
    sheet.render(sheet::width())
}

/// A state by the name that options and answers have for it.
pub(super) const fn state(state: EventState) -> &'static str {
    match state {
        EventState::Pending => "pending",
        EventState::Held => "held",
        EventState::Published => "published",
        EventState::Quarantined => "quarantined",
        EventState::Erased => "erased",
    }
}

fn style(state: EventState) -> anstyle::Style {
    match state {
        EventState::Published => PLAIN,
        EventState::Pending | EventState::Held => ODD,
        EventState::Quarantined | EventState::Erased => BAD,
    }
}

/// One JSON value a line.
pub(super) fn json_lines<T: serde::Serialize>(values: &[T]) -> anyhow::Result<String> {
    let lines = values.iter().map(|value| Ok(serde_json::to_string(value)? + "\n"));
    lines.collect()
}
