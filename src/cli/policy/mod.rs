//! `policy`: the boundary as those who answer for it see it. One file per verb below it.

use clap::{Args, Subcommand};

use super::Failure;

pub mod prove;

/// What to do with it.
#[derive(Debug, Args)]
pub struct Policy {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Proves what a configuration lets out, in a private gateway, and writes the paper
    Prove(prove::Prove),
}

/// Does it.
///
/// # Errors
/// What the verb says.
pub fn run(args: &Policy) -> Result<(), Failure> {
    match &args.verb {
        Verb::Prove(args) => prove::run(args),
    }
}
