//! `events tail`: the newest events, and with `--follow` those that come.
//!
//! A gateway that goes away is waited for; what came meanwhile is shown when it is back, because
//! each try goes on after the last event that was seen.

use anyhow::anyhow;
use clap::Args;
use tokio::time::sleep;

use super::list::pages;
use super::{json_lines, state};
use crate::bounds::{FOLLOW_AGAIN, FOLLOW_PATIENCE};
use crate::cli::client::{Client, Question};
use crate::cli::meant::Meant;
use crate::cli::{Failure, Global, Reader, asked, hint, words};
use crate::clock::Clock;
use crate::desk::{EventRow, Filter};

/// Which events.
#[derive(Debug, Args)]
pub struct Tail {
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// How many of those that are there
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Go on with those that come, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Shows them, the oldest first.
///
/// # Errors
/// What the admin API refuses; 69 for a gateway that stays away.
pub fn run(args: &Tail, global: &Global) -> Result<(), Failure> {
    if args.follow && args.meant.is_bare() {
        let text = "--follow takes a room or person as they may be seen (r1_…, p1_…): \
             `hookgate pseudonym` tells them";
        return Err(Failure::Usage(text.to_owned()));
    }
    let filter = args.meant.filter(None)?;
    let client = Client::new(global)?;
    asked(async {
        let (page, _) =
            pages(&client, filter.clone(), args.meant.is_bare(), args.limit.max(1)).await?;
        let skip = page.events.len().saturating_sub(args.limit);
        let mut screen = Screen { json: args.json, last: page.searched_through };
        for event in page.events.iter().rev().skip(skip) {
            if screen.show(event)? == Reader::Gone {
                return Ok(());
            }
        }
        if !args.follow {
            return Ok(());
        }
        tokio::select! {
            followed = follow(&client, &filter, &mut screen) => followed,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

async fn follow(client: &Client, filter: &Filter, screen: &mut Screen) -> Result<(), Failure> {
    let clock = Clock::system();
    let mut heard = clock.steady();
    let mut is_away = false;
    loop {
        let question = Question::get(&["events", "tail"]).asking(filter)?;
        match client.follow(question.after(Some(screen.last))).await {
            Ok(mut lines) => {
                if std::mem::take(&mut is_away) {
                    hint("the gateway is back");
                }
                while let Ok(event) = lines.value::<EventRow>().await {
                    if screen.show(&event)? == Reader::Gone {
                        return Ok(());
                    }
                }
                heard = clock.steady();
            }
            Err(Failure::Unreachable(why)) if clock.steady() - heard < FOLLOW_PATIENCE => {
                if !std::mem::replace(&mut is_away, true) {
                    hint(&format!("{why}; waiting for it"));
                }
            }
            Err(Failure::Unreachable(why)) => {
                let waited = words::lasting(FOLLOW_PATIENCE);
                return Err(Failure::Unreachable(anyhow!("{why}; waited {waited}")));
            }
            Err(other) => return Err(other),
        }
        sleep(FOLLOW_AGAIN).await;
    }
}

/// Where events are shown, one a line, in columns that keep their places.
struct Screen {
    json: bool,
    /// The highest sequence that was seen.
    last: u64,
}

impl Screen {
    fn show(&mut self, event: &EventRow) -> Result<Reader, Failure> {
        self.last = self.last.max(event.sequence);
        let line = if self.json { json_lines(std::slice::from_ref(event))? } else { told(event) };
        Ok(crate::cli::show(&line)?)
    }
}

fn told(event: &EventRow) -> String {
    let EventRow { sequence, received, kind, source, room, reason, .. } = event;
    let style = super::style(event.state);
    let received = words::moment(*received);
    let state = state(event.state);
    let room = room.as_deref().or(reason.as_deref()).unwrap_or_default();
    let line = format!("{sequence:>9}  {received}  {state:<11}  {kind:<22}  {source:<16}  {room}");
    format!("{style}{}{style:#}\n", line.trim_end())
}
