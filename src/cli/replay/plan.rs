//! `replay plan`: what a replay would publish, and how long that would take.
//!
//! A plan names its times and its last sequence, so that a run of it means the same events later.
//! It may hold a room's own name if it was asked for by one: its file is the owner's alone.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::{Manner, counting};
use crate::cli::client::{Client, Question};
use crate::cli::meant::Meant;
use crate::cli::sheet::{self, PLAIN, Sheet, number};
use crate::cli::{Failure, Global, asked, hint, print, words};
use crate::desk::{Place, Plan, ReplayAsk};

/// What to count.
#[derive(Debug, Args)]
pub struct Ask {
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
    /// Keep the plan for `replay run --plan FILE`; a file that exists is left alone
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// Counts it.
///
/// # Errors
/// What the admin API refuses; 1 for a file that cannot be written.
pub fn run(args: &Ask, global: &Global) -> Result<(), Failure> {
    let ask = counting(&args.meant, &args.manner)?;
    let client = Client::new(global)?;
    let plan = asked(count(&client, &ask))?;
    if let Some(path) = &args.out {
        write(path, &plan)?;
    }
    if args.json {
        let line = serde_json::to_string(&plan).map_err(anyhow::Error::from)?;
        print(&format!("{line}\n"))?;
    } else {
        print(&told(&plan))?;
    }
    if let Some(path) = &args.out {
        let path = path.display();
        hint(&format!("to run it: hookgate replay run --plan {path} --reason TEXT"));
    }
    Ok(())
}

/// Asks for a dry run.
pub(super) async fn count(client: &Client, ask: &ReplayAsk) -> Result<Plan, Failure> {
    client.ask(Question::post(&["replays"], ask)?).await
}

fn write(path: &Path, plan: &Plan) -> Result<(), Failure> {
    let shown = path.display();
    let text = serde_json::to_string_pretty(plan).map_err(anyhow::Error::from)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{text}"));
    Ok(written.with_context(|| format!("--out {shown} cannot be written"))?)
}

/// A plan, for people.
pub(super) fn told(plan: &Plan) -> String {
    let mut text = String::new();
    let took = words::lasting(Duration::try_from_secs_f64(plan.seconds).unwrap_or_default());
    let events = words::counted(plan.events, "event");
    let rate = words::count(plan.rate.into());
    let _ = writeln!(text, "{events}, about {took} at {rate} a second");
    for (name, place) in [("first", &plan.first), ("last", &plan.last)] {
        if let Some(Place { sequence, received }) = place {
            let received = words::moment(*received);
            let _ = writeln!(text, "{name:<6} {sequence}, received {received}");
        }
    }
    if plan.topics.is_empty() {
        return text;
    }
    let mut sheet = Sheet::new(&[sheet::text("TOPIC", 0), number("EVENTS", 0)]);
    for (topic, events) in &plan.topics {
        sheet.row(PLAIN, [topic.clone(), words::count(*events)]);
    }
    text + "\n" + &sheet.render(None)
}
