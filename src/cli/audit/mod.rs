//! `audit`: who changed what. One file per verb below it.

use clap::{Args, Subcommand};

use super::{Failure, Global};

pub mod list;

/// What to look at.
#[derive(Debug, Args)]
pub struct Audit {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists the changes, the newest first
    List(list::List),
}

/// Looks.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Audit, global: &Global) -> Result<(), Failure> {
    match &args.verb {
        Verb::List(args) => list::run(args, global),
    }
}
