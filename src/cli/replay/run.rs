//! `replay run`: begins a replay and shows how it goes.
//!
//! The replay is the gateway's: Ctrl-C, a lost connection or `--detach` leave it running. What runs
//! is what was counted before it: by the plan of a file, or by one that is made here and shown.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::time::sleep;

use super::{Manner, counting, plan, planned, read};
use crate::bounds::{FOLLOW_PATIENCE, REPLAY_LOOK_EVERY};
use crate::cli::client::{Client, Question};
use crate::cli::meant::Meant;
use crate::cli::{Failure, Global, asked, hint, print, words};
use crate::clock::Clock;
use crate::desk::{ReplayAnswer, ReplayReport, ReplayState};

/// What to publish again.
#[derive(Debug, Args)]
pub struct Run {
    /// A plan that `replay plan --out FILE` wrote; without it the options say which events
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Which events.
    #[command(flatten)]
    pub meant: Meant,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only begin it
    #[arg(long)]
    pub detach: bool,
}

/// Runs it.
///
/// # Errors
/// What the admin API refuses; 1 for a replay that fails or is cancelled, 69 for a gateway that
/// stays away.
pub fn run(args: &Run, global: &Global) -> Result<(), Failure> {
    crate::cli::reason(&args.reason)?;
    let client = Client::new(global)?;
    let plan = match &args.plan {
        Some(path) => {
            let filter = args.meant.filter(None)?;
            let is_plain = filter == crate::desk::Filter::default();
            if !is_plain || args.manner.rate.is_some() || args.manner.to_prefix.is_some() {
                let text = "--plan: says already which events and how; leave the other options out";
                return Err(Failure::Usage(text.to_owned()));
            }
            read(path)?
        }
        None => asked(plan::count(&client, &counting(&args.meant, &args.manner)?))?,
    };
    print(&plan::told(&plan))?;
    if plan.events == 0 {
        hint("nothing was begun");
        return Ok(());
    }
    let ask = planned(plan, &args.reason)?;
    asked(async {
        let question = Question::post(&["replays"], &ask)?;
        let ReplayAnswer::Begun(report) = client.ask(question).await? else {
            return Err(Failure::Other(anyhow!("the gateway planned, but did not begin")));
        };
        print(&format!("\nreplay {} has begun\n", report.id))?;
        if args.detach {
            hint(&ways(&report.id));
            return Ok(());
        }
        watch(&client, report).await
    })
}

/// What can be done with a replay that runs.
fn ways(id: &str) -> String {
    format!(
        "see it with: hookgate replay status {id} --follow\n\
         end it with: hookgate replay cancel {id} --reason TEXT"
    )
}

/// Shows a replay until it ends, or until Ctrl-C, which leaves it running.
pub(super) async fn watch(client: &Client, report: ReplayReport) -> Result<(), Failure> {
    let bar = bar(report.total);
    let id = report.id.clone();
    let ended = tokio::select! {
        ended = until_the_end(client, report, &bar) => ended,
        _ = tokio::signal::ctrl_c() => {
            bar.finish_and_clear();
            hint(&format!("the replay goes on;\n{}", ways(&id)));
            return Ok(());
        }
    };
    bar.finish_and_clear();
    let report = ended?;
    print(&result(&report))?;
    match report.state {
        ReplayState::Done | ReplayState::Running | ReplayState::Waiting => Ok(()),
        ReplayState::Cancelled => Err(Failure::Other(anyhow!("the replay was cancelled"))),
        ReplayState::Failed => {
            let why = report.detail.unwrap_or_else(|| "its gateway's log says why".to_owned());
            Err(Failure::Other(anyhow!("the replay failed: {why}")))
        }
    }
}

async fn until_the_end(
    client: &Client,
    mut report: ReplayReport,
    bar: &ProgressBar,
) -> Result<ReplayReport, Failure> {
    let clock = Clock::system();
    let mut heard = clock.steady();
    loop {
        bar.set_message(message(&report));
        bar.set_position(report.published + report.gone);
        match report.state {
            ReplayState::Running | ReplayState::Waiting => {}
            ReplayState::Done | ReplayState::Cancelled | ReplayState::Failed => return Ok(report),
        }
        sleep(REPLAY_LOOK_EVERY).await;
        match client.ask(Question::get(&["replays", &report.id])).await {
            Ok(fresh) => {
                report = fresh;
                heard = clock.steady();
            }
            // It goes on when the gateway is back.
            Err(Failure::Unreachable(_)) if clock.steady() - heard < FOLLOW_PATIENCE => {
                bar.set_message("the gateway is away; waiting for it");
            }
            Err(Failure::Unreachable(why)) => {
                let text = anyhow!("{why}; the replay goes on when it is back");
                return Err(Failure::Unreachable(text));
            }
            Err(other) => return Err(other),
        }
    }
}

fn message(report: &ReplayReport) -> String {
    match (report.state, &report.detail) {
        (ReplayState::Waiting, Some(why)) => format!("waits: {why}"),
        (ReplayState::Waiting, None) => "waits".to_owned(),
        _ => String::new(),
    }
}

/// How a replay ended, or how far it has come.
fn result(report: &ReplayReport) -> String {
    let ReplayReport { published, gone, started, ended, .. } = report;
    let took = ended.map(|ended| ended.since(*started)).unwrap_or_default();
    let pace = match took {
        Duration::ZERO => String::new(),
        took => format!(
            " in {} ({:.1} a second)",
            words::lasting(took),
            *published as f64 / took.as_secs_f64()
        ),
    };
    let gone = match gone {
        0 => String::new(),
        gone => format!("; {} had gone meanwhile", words::counted(*gone, "event")),
    };
    format!("{} published again{pace}{gone}\n", words::counted(*published, "event"))
}

/// On standard error; hidden where that is no terminal.
fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {human_pos} of {human_len}, {pace} a second, {eta} left  {msg}",
    );
    let pace = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A line that cannot be written is not shown; the next one may be.
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("pace", pace);
    ProgressBar::new(total).with_style(style)
}
