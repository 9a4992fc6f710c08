//! `check-config`: every mistake of a configuration at once, before anything runs by it.
//!
//! The mistakes are this verb's result and stand on standard output; without one, what the
//! configuration allows does: warnings, accepted risks, and the policy of each source.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, configured, print};
use crate::config::{Config, DEFAULTS, short_hash};
use crate::desk::AcceptedRisk;
use crate::scrub::policy::Policy;

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
            let text = told(&config);
            let (sources, warnings) = (config.sources.len(), config.warnings.len());
            let (sources, warnings) = (counted(sources, "source"), counted(warnings, "warning"));
            Ok(print(&format!("{text}{shown} is good: {sources}, {warnings}\n"))?)
        }
        Err(Failure::Configuration(_, mistakes)) => {
            print(&format!("{mistakes}\n"))?;
            let count = counted(mistakes.each().len(), "mistake");
            Err(Failure::ConfigurationShown(format!("{shown} has {count}")))
        }
        Err(other) => Err(other),
    }
}

/// What should be known of a configuration without a mistake: warnings, the risks that its policies
/// accept, and which policy holds for each source.
fn told(config: &Config) -> String {
    let mut text = String::new();
    for warning in &config.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    let boundaries = || config.sources.iter().map(|source| &source.boundary);
    for risk in boundaries().flat_map(AcceptedRisk::of) {
        let _ = writeln!(text, "accepted risk: {risk}");
    }
    let standard = short_hash(&Policy::standard());
    for boundary in boundaries() {
        let hash = short_hash(&boundary.policy);
        let as_it_comes = if hash == standard { " (the standard one)" } else { "" };
        let _ = writeln!(text, "policy of {}: {hash}{as_it_comes}", boundary.source);
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
