//! `audit`: who changed what. One file per verb below it.

use clap::{Args, Subcommand};

use super::{Failure, Global};

pub mod list;
pub mod verify;

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
    /// Checks that no record was changed, taken out or put in; needs no gateway
    Verify(verify::Verify),
}

/// Looks.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Audit, global: &Global) -> Result<(), Failure> {
    match &args.verb {
        Verb::List(args) => list::run(args, global),
        Verb::Verify(args) => verify::run(args),
    }
}
