//! `events list`: which events there are, the newest first, page after page until enough.

use clap::{Args, ValueEnum};

use super::{json_lines, table};
use crate::bounds::{EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX};
use crate::cli::client::{Client, Question};
use crate::cli::meant::Meant;
use crate::cli::{Failure, Global, asked, hint, print};
use crate::desk::{EventPage, EventState, Filter};

/// Which events, and how they are shown.
#[derive(Debug, Args)]
pub struct List {
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// How they stand
    #[arg(long, value_enum)]
    pub state: Option<State>,
    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = EVENTS_PAGE_DEFAULT)]
    pub limit: usize,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// On disk, on its way to Kafka
    Pending,
    /// Kept back: its source is on hold
    Held,
    /// Pending or held
    Unpublished,
    /// On Kafka
    Published,
    /// What could not pass
    Quarantined,
    /// Its content is gone
    Erased,
}

impl State {
    /// The states that it stands for.
    pub(super) fn each(self) -> Vec<EventState> {
        match self {
            Self::Pending => vec![EventState::Pending],
            Self::Held => vec![EventState::Held],
            Self::Unpublished => vec![EventState::Pending, EventState::Held],
            Self::Published => vec![EventState::Published],
            Self::Quarantined => vec![EventState::Quarantined],
            Self::Erased => vec![EventState::Erased],
        }
    }
}

/// Lists them.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &List, global: &Global) -> Result<(), Failure> {
    let filter = args.meant.filter(None)?;
    let client = Client::new(global)?;
    let states =
        args.state.map_or_else(|| vec![None], |state| state.each().into_iter().map(Some).collect());
    let bare = args.meant.is_bare();
    let (page, is_more) = asked(async {
        let mut all = EventPage { searched_through: u64::MAX, ..EventPage::default() };
        let mut is_more = false;
        for state in states {
            let filter = Filter { state, ..filter.clone() };
            let (page, more) = pages(&client, filter, bare, args.limit).await?;
            is_more |= more;
            all.events.extend(page.events);
            all.searched_through = all.searched_through.min(page.searched_through);
        }
        all.events.sort_by_key(|event| std::cmp::Reverse(event.sequence));
        is_more |= all.events.len() > args.limit;
        all.events.truncate(args.limit);
        Ok((all, is_more))
    })?;
    if args.json {
        return Ok(print(&json_lines(&page.events)?)?);
    }
    if page.events.is_empty() {
        hint("no such events");
        return Ok(());
    }
    print(&table(&page.events))?;
    if is_more {
        hint("there are more: --limit N shows more of them, --since and --until others");
    }
    Ok(())
}

/// Pages until there are enough events; whether there are more.
pub(in crate::cli) async fn pages(
    client: &Client,
    mut filter: Filter,
    bare: bool,
    limit: usize,
) -> Result<(EventPage, bool), Failure> {
    let mut all = EventPage::default();
    loop {
        filter.limit = Some(limit.saturating_sub(all.events.len()).clamp(1, EVENTS_PAGE_MAX));
        let page = page(client, &filter, bare).await?;
        let is_empty = page.events.is_empty();
        all.events.extend(page.events);
        all.searched_through = page.searched_through;
        let is_more = page.next_cursor.is_some();
        // A page without events that has a next one would never end.
        if !is_more || is_empty || all.events.len() >= limit {
            return Ok((all, is_more));
        }
        filter.cursor = page.next_cursor;
    }
}

/// One page. What may not stand in a URL travels in a body.
async fn page(client: &Client, filter: &Filter, bare: bool) -> Result<EventPage, Failure> {
    let question = if bare {
        Question::post(&["events", "search"], filter)?
    } else {
        Question::get(&["events"]).asking(filter)?
    };
    client.ask(question).await
}
