//! `replay`: counts a part of the journal, then publishes it again. One file per verb below it.

use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::given::small_file;
use super::meant::Meant;
use super::{Failure, Global, reason};
use crate::bounds::ASK_PLAN_BYTES_MAX;
use crate::desk::{Plan, ReplayAsk};

pub mod cancel;
pub mod list;
pub mod plan;
pub mod run;
pub mod status;

/// What to do.
#[derive(Debug, Args)]
pub struct Replay {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Counts what would be published again; changes nothing
    Plan(plan::Ask),
    /// Publishes it again, beside live traffic and never ahead of it
    Run(run::Run),
    /// Shows how one replay stands
    Status(status::Look),
    /// Lists the replays, the newest first
    List(list::List),
    /// Ends a replay; what is on Kafka stays there
    Cancel(cancel::Cancel),
}

/// How it is published.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How")]
pub struct Manner {
    /// Events a second, at most
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,
    /// Another first part of the topics' names
    #[arg(long, value_name = "PREFIX")]
    pub to_prefix: Option<String>,
}

/// Does it.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Replay, global: &Global) -> Result<(), Failure> {
    match &args.verb {
        Verb::Plan(args) => plan::run(args, global),
        Verb::Run(args) => run::run(args, global),
        Verb::Status(args) => status::run(args, global),
        Verb::List(args) => list::run(args, global),
        Verb::Cancel(args) => cancel::run(args, global),
    }
}

/// What a dry run is asked with.
fn counting(meant: &Meant, manner: &Manner) -> Result<ReplayAsk, Failure> {
    Ok(ReplayAsk {
        filter: meant.filter(None)?,
        through: None,
        rate: manner.rate,
        to_prefix: manner.to_prefix.clone(),
        dry_run: true,
        reason: None,
    })
}

/// What runs exactly what a plan counted.
fn planned(plan: Plan, why: &str) -> Result<ReplayAsk, Failure> {
    Ok(ReplayAsk {
        filter: plan.filter,
        through: Some(plan.through),
        rate: Some(plan.rate),
        to_prefix: Some(plan.to_prefix),
        dry_run: false,
        reason: Some(reason(why)?),
    })
}

/// A plan that `replay plan --out` wrote.
fn read(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let bytes = small_file(path, ASK_PLAN_BYTES_MAX);
    let bytes = bytes.with_context(|| format!("--plan {shown} cannot be read"))?;
    let rule =
        || format!("--plan {shown}: is no plan; `hookgate replay plan --out FILE` writes one");
    serde_json::from_slice(&bytes).map_err(|_| Failure::Usage(rule()))
}
