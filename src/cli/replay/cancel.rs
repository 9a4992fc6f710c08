//! `replay cancel`: ends a replay; what is on Kafka stays there.

use clap::Args;

use super::status::told;
use crate::cli::client::{Client, Question};
use crate::cli::{Failure, Global, asked, print, reason};
use crate::desk::{ChangeAsk, ReplayReport};

/// Which replay, and why.
#[derive(Debug, Args)]
pub struct Cancel {
    /// Its name, as `replay run` and `replay list` show it
    #[arg(value_name = "REPLAY")]
    pub id: String,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Ends it.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &Cancel, global: &Global) -> Result<(), Failure> {
    let ask = ChangeAsk { reason: reason(&args.reason)? };
    let client = Client::new(global)?;
    let question = Question::delete(&["replays", &args.id], &ask)?;
    let report: ReplayReport = asked(client.ask(question))?;
    Ok(print(&told(&report))?)
}
