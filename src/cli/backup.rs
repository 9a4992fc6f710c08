//! `backup`: a copy of the journal, also while the gateway runs.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, configured, print};
use crate::clock::Clock;
use crate::journal;

/// Which journal, and where to.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make; it must not be there
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Which journal.
    #[command(flatten)]
    pub which: Which,
}

/// A journal by its configuration or its folder.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The configuration file that names the journal's folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The journal's folder itself; needs no secrets
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Copies.
///
/// # Errors
/// 1 where there is no journal, the file is there already or cannot be written; 78 for a
/// configuration with mistakes.
pub fn run(args: &Backup) -> Result<(), Failure> {
    let dir = match (&args.which.dir, &args.which.config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(config)) => configured(config)?.journal.dir,
        (None, None) => return Err(Failure::Usage("name --config or --dir".to_owned())),
    };
    let bar = bar("copying");
    let now = Clock::system().now();
    let copied = journal::backup(&dir, &args.to, now, &mut |copied| {
        bar.set_length(copied.of);
        bar.set_position(copied.done);
    });
    bar.finish_and_clear();
    let copy = copied.map_err(anyhow::Error::from)?;
    let mut text = String::new();
    let (to, journal::Copy { instance, head, bytes, .. }) = (args.to.display(), &copy);
    let _ = writeln!(text, "copied   instance {instance}, events up to {head}, {bytes} bytes");
    let _ = writeln!(text, "to       {to}");
    text.push_str(
        "in it    the journal: events, identities, cursors, ledger\n\
         not      the audit log (audit.log beside the journal: copy it too), the search file (made\n\
         \x20        anew), the configuration and its secrets\n",
    );
    Ok(print(&text)?)
}

/// On a terminal only; elsewhere it draws nothing.
pub(super) fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
