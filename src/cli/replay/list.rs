//! `replay list`: all replays that are kept, the newest first.

use clap::Args;

use crate::cli::client::{Client, Question};
use crate::cli::events::json_lines;
use crate::cli::sheet::{self, BAD, GOOD, ODD, PLAIN, Sheet, number, text};
use crate::cli::{Failure, Global, asked, hint, print, words};
use crate::desk::{ReplayPage, ReplayReport, ReplayState};

/// How they are shown.
#[derive(Debug, Args)]
pub struct List {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Lists them.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &List, global: &Global) -> Result<(), Failure> {
    let client = Client::new(global)?;
    let page: ReplayPage = asked(client.ask(Question::get(&["replays"])))?;
    if args.json {
        return Ok(print(&json_lines(&page.replays)?)?);
    }
    if page.replays.is_empty() {
        hint("there are no replays");
        return Ok(());
    }
    Ok(print(&table(&page.replays, sheet::width()))?)
}

/// Replays below their columns.
pub(in crate::cli) fn table(replays: &[ReplayReport], width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("REPLAY", 0),
        text("STATE", 0),
        number("PUBLISHED", 0),
        number("OF", 0),
        text("STARTED", 1),
        text("BY", 2),
        number("RATE", 4),
        text("TO", 5),
        text("REASON", 3),
    ]);
    for replay in replays {
        sheet.row(
            style(replay.state),
            [
                replay.id.clone(),
                state(replay.state).to_owned(),
                words::count(replay.published),
                words::count(replay.total),
                words::moment(replay.started),
                replay.by.clone(),
                words::count(replay.rate.into()),
                replay.to_prefix.clone(),
                replay.reason.clone(),
            ],
        );
    }
    sheet.render(width)
}

/// A state by the name that answers have for it.
pub(super) const fn state(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Running => "running",
        ReplayState::Waiting => "waiting",
        ReplayState::Done => "done",
        ReplayState::Cancelled => "cancelled",
        ReplayState::Failed => "failed",
    }
}

const fn style(state: ReplayState) -> anstyle::Style {
    match state {
        ReplayState::Running => GOOD,
        ReplayState::Waiting => ODD,
        ReplayState::Done | ReplayState::Cancelled => PLAIN,
        ReplayState::Failed => BAD,
    }
}
