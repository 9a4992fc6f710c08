//! `replay status`: how one replay stands.

use std::fmt::Write;

use clap::Args;
use serde_json::Value;

use super::list::state;
use super::run::watch;
use crate::cli::client::{Client, Question};
use crate::cli::{Failure, Global, asked, print, words};
use crate::desk::{Filter, ReplayReport};

/// Which replay.
#[derive(Debug, Args)]
pub struct Look {
    /// Its name, as `replay run` and `replay list` show it
    #[arg(value_name = "REPLAY")]
    pub id: String,
    /// Show its progress until it ends
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// Shows it.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &Look, global: &Global) -> Result<(), Failure> {
    let client = Client::new(global)?;
    asked(async {
        let report: ReplayReport = client.ask(Question::get(&["replays", &args.id])).await?;
        if args.json {
            let line = serde_json::to_string(&report).map_err(anyhow::Error::from)?;
            return Ok(print(&format!("{line}\n"))?);
        }
        print(&told(&report))?;
        if args.follow { watch(&client, report).await } else { Ok(()) }
    })
}

/// All that is known of a replay.
pub(super) fn told(report: &ReplayReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<11}{value}");
    };
    line("replay", report.id.clone());
    let why = report.detail.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    line("state", format!("{}{why}", state(report.state)));
    let share = report.published as f64 / report.total.max(1) as f64 * 100.0;
    let (published, total) = (words::count(report.published), words::count(report.total));
    line("published", format!("{published} of {total} ({share:.0} %)"));
    if report.gone > 0 {
        line("gone", format!("{} erased or let go meanwhile", words::count(report.gone)));
    }
    line("events", meaning(&report.filter));
    line("through", format!("{}, now at {}", report.through, report.position));
    line("rate", format!("{} a second at most", words::count(report.rate.into())));
    line("to", format!("{}.*", report.to_prefix));
    line("started", format!("{} by {}", report.started, report.by));
    if let Some(ended) = report.ended {
        line("ended", ended.to_string());
    }
    line("reason", report.reason.clone());
    text
}

/// A filter as the options that made it.
fn meaning(filter: &Filter) -> String {
    let fields = match serde_json::to_value(filter) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => return "unknown".to_owned(),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name} {}", text(value))).collect();
    if each.is_empty() { "all".to_owned() } else { each.join(", ") }
}
