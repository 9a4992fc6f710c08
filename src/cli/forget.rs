//! `forget`: erases a participant or a room from the journal. It cannot be undone.

use std::fmt::Write;

use clap::Args;

use super::client::{Client, Question};
use super::given::{From, confirmed};
use super::meant::{pseudonym, read};
use super::{Failure, Global, asked, hint, print, reason, words};
use crate::desk::{ForgetAsk, ForgetStatus, Forgotten};

/// Whom or what, and why.
#[derive(Debug, Args)]
pub struct Forget {
    /// The tenant in whose events
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// Whom or what.
    #[command(flatten)]
    pub whom: Whom,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// Exactly one person or room.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// The person as p1_…, of any version
    #[arg(long, value_name = "p1_…")]
    pub participant: Option<String>,
    /// The person by the provider's id: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE")]
    pub participant_from: Option<From>,
    /// The room as it may be seen: r1_…, k1_… or a name that may leave
    #[arg(long, value_name = "ROOM")]
    pub room: Option<String>,
    /// The room by its own name: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE")]
    pub room_from: Option<From>,
}

/// Erases, and reports what was found.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &Forget, global: &Global) -> Result<(), Failure> {
    let Whom { participant, participant_from, room, room_from } = &args.whom;
    participant.as_deref().map(pseudonym).transpose()?;
    let reason = reason(&args.reason)?;
    let (from, what) = (participant_from.as_ref(), "Provider's id of the person");
    let participant = read(participant.clone(), from, what, "--participant-from")?;
    let room = read(room.clone(), room_from.as_ref(), "Room's name", "--room-from")?;
    let client = Client::new(global)?;
    let what = if participant.is_some() { "this person" } else { "this room" };
    let question = format!("Erase every event of {what} for good?");
    if !confirmed(args.yes, &question)? {
        hint("nothing was changed");
        return Ok(());
    }
    let ask = ForgetAsk { tenant: args.tenant.clone(), participant, room, reason };
    let forgotten: Forgotten = asked(client.ask(Question::post(&["forget"], &ask)?))?;
    if args.json {
        let line = serde_json::to_string(&forgotten).map_err(anyhow::Error::from)?;
        return Ok(print(&format!("{line}\n"))?);
    }
    Ok(print(&told(&forgotten))?)
}

fn told(forgotten: &Forgotten) -> String {
    let mut text = String::new();
    let _ = match forgotten.status {
        ForgetStatus::Erased => writeln!(text, "erased, from free pages and the log too"),
        ForgetStatus::Pending => writeln!(
            text,
            "erased from what is read; the log could not be cut yet, which is tried again"
        ),
    };
    let mut line = |what: &str, count: u64| {
        if count > 0 {
            let _ = writeln!(text, "{:>9} {what}", words::count(count));
        }
    };
    line("events erased", forgotten.events);
    line("events were erased before", forgotten.already);
    line("events were not on Kafka and never will be", forgotten.unpublished);
    line("sessions followed", forgotten.sessions);
    if !forgotten.refs.is_empty() {
        let _ = writeln!(text, "looked for: {}", forgotten.refs.join(", "));
    }
    match &forgotten.erasure_event_id {
        Some(id) => {
            let _ = writeln!(text, "consumers are told by event {id}");
        }
        None => text.push_str("nothing was found, so consumers are not told\n"),
    }
    for left in &forgotten.not_erased_here {
        let _ = writeln!(text, "not erased here: {left}");
    }
    text
}
