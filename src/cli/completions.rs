//! `completions`: what a shell must know to complete this command line.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Arguments, Failure, print};

/// For which shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell; its manual says where completions are kept
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints them.
///
/// # Errors
/// Where standard output cannot be written.
pub fn run(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Arguments::command(), "hookgate", &mut script);
    Ok(print(&String::from_utf8_lossy(&script))?)
}
