//! `pseudonym`: what a provider's id, or a room's own name, is called outside. Audited.

use clap::Args;

use super::client::{Client, Question};
use super::given::From;
use super::meant::read;
use super::{Failure, Global, asked, print, reason};
use crate::desk::{PseudonymAnswer, PseudonymAsk};

/// Whose pseudonym.
#[derive(Debug, Args)]
pub struct Pseudonym {
    /// The source whose tenant and provider count
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// Of what.
    #[command(flatten)]
    pub of: Of,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// A person or a room.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Of {
    /// The provider's id of a person: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE")]
    pub participant_from: Option<From>,
    /// A room's own name: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE")]
    pub room_from: Option<From>,
}

/// Prints it.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &Pseudonym, global: &Global) -> Result<(), Failure> {
    let reason = reason(&args.reason)?;
    let (from, what) = (args.of.participant_from.as_ref(), "Provider's id of the person");
    let participant = read(None, from, what, "--participant-from")?;
    let room = read(None, args.of.room_from.as_ref(), "Room's name", "--room-from")?;
    let ask = PseudonymAsk { source: args.source.clone(), participant, room, reason };
    let client = Client::new(global)?;
    let answer: PseudonymAnswer = asked(client.ask(Question::post(&["pseudonym"], &ask)?))?;
    if args.json {
        let line = serde_json::to_string(&answer).map_err(anyhow::Error::from)?;
        return Ok(print(&format!("{line}\n"))?);
    }
    let named = [
        ("person", answer.participant),
        ("room", answer.room),
        ("room in record keys", answer.room_key),
    ];
    let lines =
        named.into_iter().filter_map(|(name, value)| Some(format!("{name:<21}{}\n", value?)));
    Ok(print(&lines.collect::<String>())?)
}
