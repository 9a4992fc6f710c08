//! `serve`: runs the gateway until it is told to stop.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, configured};

/// What to run by.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs it.
///
/// # Errors
/// 78 for a configuration with mistakes; 1 for what fails while it runs.
pub fn run(args: &Serve) -> Result<(), Failure> {
    let _config = configured(&args.config)?;
    Err(Failure::Usage("serve: is being built".to_owned()))
}
