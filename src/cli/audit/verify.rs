//! `audit verify`: whether the audit log is as it was written, without asking the gateway.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{ArgGroup, Args};

use crate::audit::{self, Chain, Note, VerifyError};
use crate::cli::{Failure, configured, hint, print};

/// Which log.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("log").required(true).args(["file", "dir", "config"])))]
pub struct Verify {
    /// The file itself
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The journal's folder, where the log lies
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The configuration file that names the journal's folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A record's number and hash that were noted before, NUMBER:HASH: finds a log that was written
    /// anew or cut off at its end
    #[arg(long, value_name = "NUMBER:HASH", value_parser = note)]
    pub noted: Option<Note>,
}

/// Reads all of it.
///
/// # Errors
/// 1 where the chain is broken, with the first record that breaks it, or where the file cannot be
/// read; 78 for a configuration with mistakes.
pub fn run(args: &Verify) -> Result<(), Failure> {
    let file = match (&args.file, &args.dir, &args.config) {
        (Some(file), ..) => file.clone(),
        (None, Some(dir), _) => dir.join(audit::FILE),
        (None, None, Some(config)) => configured(config)?.journal.dir.join(audit::FILE),
        (None, None, None) => return Err(Failure::Usage("name a file, --dir or --config".into())),
    };
    let shown = file.display();
    let chain = audit::verify(&file, args.noted.as_ref()).map_err(|error| match error {
        VerifyError::Io(_) => anyhow!("the audit log {shown} {error}"),
        VerifyError::Broken(_) => anyhow!(
            "the audit log {shown} {error}; keep the file as it is, and ask who may write there"
        ),
    })?;
    let Chain { records, head, torn_bytes } = chain;
    print(&format!("{records} records, all as they were written\n{records}:{head}\n"))?;
    if torn_bytes > 0 {
        hint(&format!(
            "{torn_bytes} bytes behind the last record are no record: it is being written, or a \
             crash cut it off; the gateway sets it aside at its next start"
        ));
    }
    Ok(())
}

fn note(text: &str) -> Result<Note, &'static str> {
    let rule = "must be a number, a colon and 64 lower-case hexadecimal digits, as audit verify \
         prints them";
    let (number, hash) = text.split_once(':').ok_or(rule)?;
    let number = number.parse().ok().filter(|number| *number > 0).ok_or(rule)?;
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let fits = hash.len() == 64 && hash.chars().all(hex);
    fits.then(|| Note { number, hash: hash.to_owned() }).ok_or(rule)
}
