//! `events show`: everything known of one event, by its sequence or its id.

use std::fmt::Write;

use anyhow::anyhow;
use clap::Args;

use super::list::pages;
use super::state;
use crate::cli::client::{Client, Question};
use crate::cli::{Failure, Global, asked, print};
use crate::desk::{Detail, Filter};

/// Which event.
#[derive(Debug, Args)]
pub struct Show {
    /// Its sequence, or its id (ev1_…); an id that several sources have shows the newest
    #[arg(value_name = "SEQUENCE|ev1_…")]
    pub event: String,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// Shows it.
///
/// # Errors
/// 1 where there is no such event; what the admin API refuses.
pub fn run(args: &Show, global: &Global) -> Result<(), Failure> {
    let client = Client::new(global)?;
    let detail = asked(detail(&client, &args.event))?;
    if args.json {
        let line = serde_json::to_string(&detail).map_err(anyhow::Error::from)?;
        return Ok(print(&format!("{line}\n"))?);
    }
    Ok(print(&told(&detail))?)
}

async fn detail(client: &Client, event: &str) -> Result<Detail, Failure> {
    let sequence = if event.starts_with("ev1_") {
        let filter = Filter { event_id: Some(event.to_owned()), ..Filter::default() };
        let (page, _) = pages(client, filter, false, 1).await?;
        let none = || Failure::Other(anyhow!("there is no such event"));
        page.events.first().ok_or_else(none)?.sequence
    } else {
        let rule = "the event must be a sequence or an id (ev1_…), as lists show them";
        event.parse::<u64>().map_err(|_| Failure::Usage(rule.to_owned()))?
    };
    client.ask(Question::get(&["events", &sequence.to_string()])).await
}

fn told(detail: &Detail) -> String {
    let row = &detail.row;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line("sequence", row.sequence.to_string());
    line("id", row.event_id.clone());
    line("kind", row.kind.clone());
    line("source", row.source.clone());
    line("tenant", or_unknown(row.tenant.clone()));
    line("room", row.room.clone().unwrap_or_else(|| "none".to_owned()));
    line("received", row.received.to_string());
    line("happened", or_unknown(row.time.map(|time| time.to_string())));
    line("state", state(row.state).to_owned());
    if let Some(reason) = &row.reason {
        line("quarantined", format!("for {reason}"));
    }
    line("answered", detail.answered.clone());
    let again = detail.redeliveries.map(|count| match count {
        0 => "no".to_owned(),
        1 => "once, answered duplicate".to_owned(),
        many => format!("{many} times, answered duplicate"),
    });
    line("came again", or_unknown(again));
    line("topic", or_unknown(detail.topic.clone()));
    line("key", detail.key.clone().unwrap_or_else(|| "erased".to_owned()));
    let receipt = detail.receipt.as_ref();
    let receipt = receipt.map(|at| format!("{}/{} offset {}", at.topic, at.partition, at.offset));
    line("on Kafka", receipt.unwrap_or_else(|| "not there, or not known where".to_owned()));
    for (number, path) in detail.removed.iter().enumerate() {
        line(if number == 0 { "removed" } else { "" }, path.clone());
    }
    for (number, one) in detail.violations.iter().enumerate() {
        let detector = one.detector.as_str();
        let seen = format!("{}: {detector} by {}, {} bytes", one.path, one.rule, one.length);
        line(if number == 0 { "violations" } else { "" }, seen);
    }
    match &detail.event {
        Some(event) => {
            let _ = writeln!(text, "\n{event:#}");
        }
        None => text.push_str("\nIts content is gone.\n"),
    }
    text
}

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "unknown".to_owned())
}
