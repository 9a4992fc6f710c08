//! `journal`: the journal as a file. One file per verb below it.

use clap::{Args, Subcommand};

use super::Failure;

pub mod adopt;
pub mod check;

/// What to do with it.
#[derive(Debug, Args)]
pub struct Journal {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Resolves a cursor in Kafka that is not this journal's: shows the choices, then takes one
    Adopt(adopt::Adopt),
    /// Looks at every page, row, identity, cursor and total; changes nothing
    Check(check::Check),
}

/// Does it.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Journal) -> Result<(), Failure> {
    match &args.verb {
        Verb::Adopt(args) => adopt::run(args),
        Verb::Check(args) => check::run(args),
    }
}
