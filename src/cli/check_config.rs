//! `check-config`: every mistake of a configuration at once, before anything runs by it.
//!
//! The mistakes are this verb's result and stand on standard output.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, configured, print};
use crate::config::DEFAULTS;

/// What to check.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "defaults")]
    pub config: Option<PathBuf>,
    /// Print the documented default configuration instead
    #[arg(long, conflicts_with = "config")]
    pub defaults: bool,
}

/// Checks, or prints the defaults.
///
/// # Errors
/// 78 if there is any mistake.
pub fn run(args: &CheckConfig) -> Result<(), Failure> {
    let Some(path) = &args.config else {
        return Ok(print(DEFAULTS)?);
    };
    let shown = path.display();
    match configured(path) {
        Ok(config) => {
            let mut text = String::new();
            for warning in &config.warnings {
                let _ = writeln!(text, "warning: {warning}");
            }
            let sources = config.sources.len();
            let warnings = config.warnings.len();
            let _ = writeln!(
                text,
                "{shown} is good: {}, {}",
                counted(sources, "source"),
                counted(warnings, "warning")
            );
            Ok(print(&text)?)
        }
        Err(Failure::Configuration(_, mistakes)) => {
            print(&format!("{mistakes}\n"))?;
            let count = counted(mistakes.each().len(), "mistake");
            Err(Failure::ConfigurationShown(format!("{shown} has {count}")))
        }
        Err(other) => Err(other),
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
