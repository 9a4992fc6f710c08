//! `status`: how everything stands, on one screen.
//!
//! The exit code is the health: 0 while deliveries are accepted (also `degraded`: Kafka may be
//! away), 1 where they are not, 69 where no gateway answers. `--quiet` asks `/readyz` and prints
//! nothing, for supervisors and containers.

use anyhow::anyhow;
use clap::Args;
use console::Term;
use tokio::time::sleep;

use super::client::{Client, Question};
use super::{Failure, Global, Reader, asked, hint, sheet, show};
use crate::bounds::WATCH_EVERY;
use crate::desk::StatusReport;

mod screen;

/// How it is shown.
#[derive(Debug, Args)]
pub struct Status {
    /// Look again every 2 seconds, until Ctrl-C
    #[arg(long, short)]
    pub watch: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Print nothing, ask /readyz only, need no token: the exit code tells
    #[arg(long, short, conflicts_with_all = ["watch", "json"])]
    pub quiet: bool,
}

/// Shows it.
///
/// # Errors
/// 1 where deliveries are not accepted, 69 where the gateway does not answer; what the admin API
/// refuses.
pub fn run(args: &Status, global: &Global) -> Result<(), Failure> {
    let client = Client::new(global)?;
    if args.quiet {
        let is_ready = asked(client.is_ready())?;
        return if is_ready { Ok(()) } else { Err(Failure::Silent) };
    }
    asked(async {
        if args.watch {
            tokio::select! {
                watched = watch(&client, args.json) => watched,
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        } else {
            let report = report(&client).await?;
            show(&told(&report, args.json)?)?;
            if report.ready {
                return Ok(());
            }
            Err(Failure::Other(anyhow!(
                "deliveries are not accepted: {}",
                screen::reasons(&report)
            )))
        }
    })
}

async fn report(client: &Client) -> Result<StatusReport, Failure> {
    client.ask(Question::get(&["status"])).await
}

/// Looks again and again. A gateway that goes away is shown and waited for.
async fn watch(client: &Client, json: bool) -> Result<(), Failure> {
    let terminal = Term::stdout();
    loop {
        let seen = report(client).await;
        // One screen over the other where it is one; one below the other elsewhere.
        if !json && terminal.is_term() {
            terminal.clear_screen().map_err(anyhow::Error::from)?;
        }
        match seen {
            Ok(report) => {
                if show(&told(&report, json)?)? == Reader::Gone {
                    return Ok(());
                }
            }
            Err(Failure::Unreachable(why)) => hint(&format!("{why}; waiting for it")),
            Err(other) => return Err(other),
        }
        sleep(WATCH_EVERY).await;
    }
}

fn told(report: &StatusReport, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string(report)? + "\n");
    }
    Ok(screen::render(report, sheet::width()))
}
