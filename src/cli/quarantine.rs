//! `quarantine`: what could not pass, by reason; lets go what can go.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Args, Subcommand};

use super::client::{Client, Question};
use super::events::{json_lines, list, table};
use super::given::confirmed;
use super::meant::Meant;
use super::{Failure, Global, asked, hint, print, reason, words};
use crate::bounds::{EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX};
use crate::desk::{EventState, Filter, QuarantinePage, Reason, ReleaseAsk, Released};

/// What to do with it.
#[derive(Debug, Args)]
pub struct Quarantine {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists what could not pass, with counts by reason
    List(List),
    /// Lets events go to Kafka, by their sequences or by what is meant
    Release(Release),
}

/// Which events, and how they are shown.
#[derive(Debug, Args)]
pub struct List {
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = EVENTS_PAGE_DEFAULT)]
    pub limit: usize,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Which events, and why.
#[derive(Debug, Args)]
pub struct Release {
    /// Their sequences; without one, all that the options mean
    #[arg(value_name = "SEQUENCE")]
    pub sequences: Vec<u64>,
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Does it.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &Quarantine, global: &Global) -> Result<(), Failure> {
    match &args.verb {
        Verb::List(args) => list(args, global),
        Verb::Release(args) => release(args, global),
    }
}

fn list(args: &List, global: &Global) -> Result<(), Failure> {
    let filter = args.meant.filter(Some(EventState::Quarantined))?;
    let client = Client::new(global)?;
    let page = asked(page(&client, filter, args.meant.is_bare(), args.limit))?;
    if args.json {
        return Ok(print(&json_lines(&page.events)?)?);
    }
    if page.events.is_empty() {
        hint("nothing is in quarantine that this means");
        return Ok(());
    }
    let mut text = table(&page.events);
    if !page.counts.is_empty() {
        let _ = writeln!(text, "\n{}", counts(&page.counts));
    }
    print(&text)?;
    if page.next_cursor.is_some() {
        hint("there are more: --limit N shows more of them");
    }
    Ok(())
}

/// Pages until there are enough. The counts are those of all that is meant; a bare filter, which
/// must travel in a body, has none.
async fn page(
    client: &Client,
    mut filter: Filter,
    bare: bool,
    limit: usize,
) -> Result<QuarantinePage, Failure> {
    if bare {
        let (found, is_more) = list::pages(client, filter, true, limit).await?;
        let next_cursor = is_more.then(String::new);
        return Ok(QuarantinePage { events: found.events, next_cursor, ..Default::default() });
    }
    let mut all = QuarantinePage::default();
    loop {
        filter.limit = Some(limit.saturating_sub(all.events.len()).clamp(1, EVENTS_PAGE_MAX));
        let question = Question::get(&["quarantine"]).asking(&filter)?;
        let page: QuarantinePage = client.ask(question).await?;
        let is_empty = page.events.is_empty();
        all.events.extend(page.events);
        all.counts = page.counts;
        all.next_cursor.clone_from(&page.next_cursor);
        if page.next_cursor.is_none() || is_empty || all.events.len() >= limit {
            return Ok(all);
        }
        filter.cursor = page.next_cursor;
    }
}

fn release(args: &Release, global: &Global) -> Result<(), Failure> {
    let reason = reason(&args.reason)?;
    let filter = args.meant.filter(None)?;
    let client = Client::new(global)?;
    match (args.sequences.as_slice(), filter == Filter::default()) {
        ([], true) => Err(Failure::Usage(
            "name sequences (`hookgate quarantine list` shows them), or say which events are \
             meant, such as --quarantined-for pii_violation"
                .to_owned(),
        )),
        ([], false) => release_meant(args, reason, filter, &client),
        (_, false) => Err(Failure::Usage(
            "sequences and options that say which events are meant exclude each other".to_owned(),
        )),
        (sequences, true) => {
            let released = asked(async {
                let mut all = Released::default();
                for sequence in sequences {
                    add(&mut all, one(&client, *sequence, &reason).await?);
                }
                Ok(all)
            })?;
            Ok(print(&told(&released))?)
        }
    }
}

async fn one(client: &Client, sequence: u64, reason: &Reason) -> Result<Released, Failure> {
    let ask = ReleaseAsk { reason: reason.clone(), filter: None };
    let path = ["quarantine", &sequence.to_string(), "release"];
    client.ask(Question::post(&path, &ask)?).await
}

fn release_meant(
    args: &Release,
    reason: Reason,
    filter: Filter,
    client: &Client,
) -> Result<(), Failure> {
    if !args.yes && !args.meant.is_bare() {
        let meant = Filter { state: Some(EventState::Quarantined), ..filter.clone() };
        let page = asked(page(client, meant, false, 1))?;
        if page.counts.is_empty() {
            hint("nothing is in quarantine that this means");
            return Ok(());
        }
        hint(&format!("this means {}", counts(&page.counts)));
    }
    if !confirmed(args.yes, "Let go what can go?")? {
        hint("nothing was changed");
        return Ok(());
    }
    let ask = ReleaseAsk { reason, filter: Some(filter) };
    let question = Question::post(&["quarantine", "release"], &ask)?;
    let released = asked(client.ask(question))?;
    Ok(print(&told(&released))?)
}

fn add(all: &mut Released, more: Released) {
    all.released += more.released;
    all.already += more.already;
    for (why, count) in more.kept {
        *all.kept.entry(why).or_default() += count;
    }
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let total = words::counted(counts.values().sum(), "event");
    let each = counts.iter().map(|(why, count)| format!("{} {why}", words::count(*count)));
    format!("{total}: {}", each.collect::<Vec<_>>().join(", "))
}

fn told(released: &Released) -> String {
    let mut text = format!("{} let go\n", words::counted(released.released, "event"));
    if released.already > 0 {
        let _ = writeln!(text, "{} let go before", words::counted(released.already, "event"));
    }
    for (why, count) in &released.kept {
        let _ = writeln!(text, "{} kept: {why}", words::counted(*count, "event"));
    }
    text
}
