//! `journal check`: the full check of a journal, beside a running gateway or on a stopped one.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Failure, configured, print};
use crate::journal::{self, Finding, Progress};

/// Which journal.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Check {
    /// The configuration file that names the journal's folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The journal's folder itself; needs no secrets
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Checks, and shows what was found.
///
/// # Errors
/// 1 where something is wrong, or where there is no journal; 69 where nothing is, but a busy
/// gateway beside it did not let all of it be looked at; 78 for a configuration with mistakes.
pub fn run(args: &Check) -> Result<(), Failure> {
    let dir = match (&args.dir, &args.config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(config)) => configured(config)?.journal.dir,
        (None, None) => return Err(Failure::Usage("name --config or --dir".to_owned())),
    };
    let bar = bar();
    let checked = journal::check(&dir, &mut |progress| match progress {
        Progress::Begins(part) => bar.set_message(part.name()),
        Progress::Rows { seen, of } => {
            bar.set_length(of);
            bar.set_position(seen);
        }
    });
    bar.finish_and_clear();
    let findings = checked.map_err(anyhow::Error::from)?;
    print(&told(&findings))?;
    let wrong: u64 = findings.iter().map(|finding| finding.wrong_count).sum();
    let unfinished = findings.iter().any(|finding| finding.unfinished.is_some());
    let dir = dir.display();
    match (wrong, unfinished) {
        (0, false) => Ok(()),
        (0, true) => Err(Failure::Unreachable(anyhow!(
            "the journal in {dir} could not be checked to its end beside a busy gateway"
        ))),
        (wrong, _) => {
            Err(anyhow!("the journal in {dir} is damaged: {wrong} findings; see above").into())
        }
    }
}

/// On a terminal only; elsewhere it draws nothing.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn told(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["part", "looked at", "wrong", ""]);
    for finding in findings {
        let end = match (&finding.unfinished, finding.wrong_count) {
            (Some(why), _) => format!("not to its end: {why}"),
            (None, 0) => "good".to_owned(),
            (None, _) => "damaged".to_owned(),
        };
        let (seen, wrong) = (finding.looked_at.to_string(), finding.wrong_count.to_string());
        table.add_row([finding.part.name(), &seen, &wrong, &end]);
    }
    let mut told = format!("{}\n", table.trim_fmt());
    for finding in findings {
        for wrong in &finding.wrong {
            told += &format!("{}: {wrong}\n", finding.part.name());
        }
        let more = finding.wrong_count - finding.wrong.len() as u64;
        if more > 0 {
            told += &format!("{}: and {more} more\n", finding.part.name());
        }
    }
    told
}
