//! `pseudonym`: what a provider's id, or a room's own name, is called outside. Audited.

use std::fmt::Write;

use clap::Args;

use super::client::{Client, Question};
use super::given::From;
use super::meant::read;
use super::sheet::STRONG;
use super::{Failure, Global, asked, print, reason};
use crate::desk::{PseudonymAnswer, PseudonymAsk};

/// Whose pseudonyms.
#[derive(Debug, Args)]
pub struct Pseudonym {
    /// Where.
    #[command(flatten)]
    pub at: At,
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

/// One source, or all of a tenant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct At {
    /// The tenant: at each provider of its sources
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// The source whose tenant and provider count
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
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
    let At { tenant, source } = &args.at;
    let (tenant, source) = (tenant.clone(), source.clone());
    let ask = PseudonymAsk { source, tenant, participant, room, reason };
    let client = Client::new(global)?;
    let answer: PseudonymAnswer = asked(client.ask(Question::post(&["pseudonym"], &ask)?))?;
    if args.json {
        let line = serde_json::to_string(&answer).map_err(anyhow::Error::from)?;
        return Ok(print(&format!("{line}\n"))?);
    }
    Ok(print(&told(&answer))?)
}

/// A line for each name, those of one provider below its name where there are several.
fn told(answer: &PseudonymAnswer) -> String {
    let mut text = String::new();
    let several = answer.providers.len() > 1;
    for at in &answer.providers {
        if several {
            let _ = writeln!(text, "{STRONG}{}{STRONG:#}", at.provider);
        }
        let named = [
            ("person", &at.participants),
            ("room", &at.rooms),
            ("room in record keys", &at.room_keys),
        ];
        for (what, names) in named {
            for (place, name) in names.iter().enumerate() {
                let when = if place == 0 { "" } else { ", before" };
                let _ = writeln!(text, "{:<29}{name}", format!("{what}{when}"));
            }
        }
        if !at.room_by_name_at.is_empty() {
            let sources = at.room_by_name_at.join(", ");
            let _ = writeln!(text, "{:<29}{sources}", "room by its own name at");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::ProviderNames;

    #[test]
    fn every_name_has_its_line_and_several_providers_have_theirs() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let daily = ProviderNames {
            provider: "daily".to_owned(),
            participants: names(&["p2_a", "p1_a"]),
            ..ProviderNames::default()
        };
        let livekit = ProviderNames {
            provider: "livekit".to_owned(),
            rooms: names(&["r2_b"]),
            room_keys: names(&["k1_b"]),
            room_by_name_at: names(&["classes"]),
            ..ProviderNames::default()
        };
        let told = |providers: Vec<ProviderNames>| {
            let answer = PseudonymAnswer { providers, ..PseudonymAnswer::default() };
            anstream::adapter::strip_str(&told(&answer)).to_string()
        };
        let one = "person                       p2_a\nperson, before               p1_a\n";
        assert_eq!(told(vec![daily.clone()]), one);
        let other = "room                         r2_b\nroom in record keys          k1_b\n\
             room by its own name at      classes\n";
        assert_eq!(told(vec![daily, livekit]), format!("daily\n{one}livekit\n{other}"));
    }
}
