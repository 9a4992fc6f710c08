//! `restore`: a copy becomes the journal again, with a new epoch, and says what that means.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::backup::{Which, bar};
use super::{Failure, configured, print};
use crate::journal::{self, Progress};
use crate::publish::Delivery;

/// Which copy, and where to.
#[derive(Debug, Args)]
pub struct Restore {
    /// The copy, as `backup` made it
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Which journal's folder; it must be empty, the audit log aside.
    #[command(flatten)]
    pub which: Which,
}

/// Restores.
///
/// # Errors
/// 1 where the copy is damaged or another instance's, or the folder is not empty or in use; 78 for
/// a configuration with mistakes.
pub fn run(args: &Restore) -> Result<(), Failure> {
    let config = args.which.config.as_deref().map(configured).transpose()?;
    let dir = match (&args.which.dir, &config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(config)) => config.journal.dir.clone(),
        (None, None) => return Err(Failure::Usage("name --config or --dir".to_owned())),
    };
    let instance = config.as_ref().map(|config| &config.server.instance);
    let bar = bar("copying");
    let mut tell = |copied: journal::Copied| {
        bar.set_length(copied.of);
        bar.set_position(copied.done);
    };
    let mut look = |progress: Progress| match progress {
        Progress::Begins(part) => bar.set_message(part.name()),
        Progress::Rows { .. } => bar.tick(),
    };
    let restored = journal::restore(&args.from, &dir, instance, &mut tell, &mut look);
    bar.finish_and_clear();
    let copy = restored.map_err(anyhow::Error::from)?;
    let mut text = String::new();
    let journal::Copy { instance, head, made, .. } = &copy;
    let made = made.map_or("an unknown moment".to_owned(), |made| made.to_string());
    let dir = dir.display();
    let _ = writeln!(text, "restored instance {instance}, events up to {head}, as of {made}");
    let _ = writeln!(text, "to       {dir}, with a new epoch\n");
    text.push_str(
        "What came after the copy is not in it: what of that was on Kafka stays there, what was\n\
         not is lost here, and the identities of all of it are unknown: a sender's late retry is\n\
         taken as new, under an event id that consumers may know. Sequences are given again.\n\n",
    );
    text.push_str(match config.map(|config| config.kafka.delivery) {
        Some(Delivery::AtLeastOnce) => AT_LEAST_ONCE,
        Some(Delivery::ExactlyOnce) => EXACTLY_ONCE,
        None => EITHER,
    });
    let _ = writeln!(
        text,
        "\nWho was forgotten after {made} is back. The audit log (hookgate audit list) and the \
         events\nparticipant.erased and room.erased on the lifecycle topic name them: run hookgate \
         forget again."
    );
    Ok(print(&text)?)
}

const AT_LEAST_ONCE: &str = "at_least_once: the gateway publishes what follows the copy's cursor, \
     also what was published\nsince, under event ids that consumers know.\n";
const EXACTLY_ONCE: &str = "exactly_once: the gateway takes deliveries and publishes nothing until \
     `hookgate journal adopt\n--config FILE` has decided where to go on: the cursor in Kafka is of \
     the journal before.\n";
const EITHER: &str = "at_least_once: what follows the copy's cursor is published, also what was \
     since, under event ids\nthat consumers know. exactly_once: nothing is published until \
     `hookgate journal adopt` has decided.\n";
