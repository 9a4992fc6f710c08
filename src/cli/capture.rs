//! `capture`: the next authentic deliveries of a source as fixture folders, nobody in them.
//!
//! The gateway scrubs and signs them anew; here they become `NAME/request.http` and
//! `NAME/event.json`. A folder that exists is never touched: the next free number is taken.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::client::{Client, Ended, Question};
use super::{Failure, Global, asked, hint, print, reason, words};
use crate::bounds::CAPTURE_DELIVERIES_MAX;
use crate::desk::{CaptureAsk, CapturedDelivery};

/// Of which source, how many, and where to.
#[derive(Debug, Args)]
pub struct Capture {
    /// The source; its configuration must allow it
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// The folder for the fixtures; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// How many deliveries
    #[arg(long, value_name = "N")]
    pub count: u32,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Waits for them and writes them, until there are enough or Ctrl-C.
///
/// # Errors
/// What the admin API refuses; 1 for a folder that cannot be written, and for fewer deliveries
/// than were asked for.
pub fn run(args: &Capture, global: &Global) -> Result<(), Failure> {
    if !(1..=CAPTURE_DELIVERIES_MAX).contains(&args.count) {
        let text = format!("--count: must be from 1 to {CAPTURE_DELIVERIES_MAX}");
        return Err(Failure::Usage(text));
    }
    let ask = CaptureAsk {
        source: args.source.clone(),
        count: args.count,
        reason: reason(&args.reason)?,
    };
    let client = Client::new(global)?;
    let shown = args.into.display();
    fs::create_dir_all(&args.into).with_context(|| format!("{shown} cannot be made"))?;
    asked(async {
        let mut lines = client.follow(Question::post(&["capture"], &ask)?).await?;
        hint("waiting for deliveries; Ctrl-C ends it");
        let mut written = 0;
        while written < args.count {
            let next = tokio::select! {
                next = lines.value::<CapturedDelivery>() => next,
                _ = tokio::signal::ctrl_c() => break,
            };
            match next {
                Ok(delivery) => {
                    let folder = write(&args.into, &delivery)?;
                    written += 1;
                    print(&format!("{}\n", folder.display()))?;
                }
                Err(Ended::Whole) => break,
                Err(Ended::Broken) => {
                    let text = anyhow!("the gateway went away after {written} deliveries");
                    return Err(Failure::Unreachable(text));
                }
            }
        }
        if written < args.count {
            let written = words::counted(written.into(), "delivery");
            let text = anyhow!("ended after {written} of {}", args.count);
            return Err(Failure::Other(text));
        }
        Ok(())
    })
}

/// Writes one into a folder of its own.
fn write(into: &Path, delivery: &CapturedDelivery) -> anyhow::Result<PathBuf> {
    let name = if is_folder_name(&delivery.name) { &delivery.name } else { "unknown" };
    let mut folder = into.join(name);
    let mut number = 1u32;
    loop {
        match fs::create_dir(&folder) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                folder = into.join(format!("{name}.{number}"));
            }
            Err(error) => {
                let text = format!("{} cannot be made", folder.display());
                return Err(anyhow::Error::from(error).context(text));
            }
        }
    }
    for (file, text) in [("request.http", &delivery.request), ("event.json", &delivery.event)] {
        let path = folder.join(file);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(folder)
}

/// What a provider calls an event, and nothing that leads elsewhere.
fn is_folder_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_never_overwritten_and_none_lies_elsewhere() {
        let place = tempfile::tempdir().unwrap();
        let into = place.path().join("in");
        fs::create_dir(&into).unwrap();
        let captured = |name: &str| {
            let delivery = CapturedDelivery {
                name: name.to_owned(),
                request: name.to_owned(),
                event: "{}".to_owned(),
            };
            write(&into, &delivery).unwrap()
        };
        assert_eq!(captured("participant.joined"), into.join("participant.joined"));
        assert_eq!(captured("participant.joined"), into.join("participant.joined.2"));
        assert_eq!(captured("participant.joined"), into.join("participant.joined.3"));
        assert_eq!(captured("../out"), into.join("unknown"));
        assert_eq!(captured(".."), into.join("unknown.2"));
        assert_eq!(captured("a/b"), into.join("unknown.3"));
        let kept = fs::read_to_string(into.join("unknown/request.http")).unwrap();
        assert_eq!(kept, "../out");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
