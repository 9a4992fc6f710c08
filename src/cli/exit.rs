//! How a verb fails: what it says on standard error, and with which exit code.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::Mistakes;

/// Why a verb did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The command line is not one (or only asked for help): 2 (or 0).
    Arguments(clap::Error),
    /// What was asked for does not fit: 2.
    Usage(String),
    /// A service that is needed does not answer: 69.
    Unreachable(anyhow::Error),
    /// The configuration has mistakes: 78.
    Configuration(PathBuf, Mistakes),
    /// A policy file has mistakes: 78.
    Policy(anyhow::Error),
    /// The same, and they have been shown: 78.
    ConfigurationShown(String),
    /// Anything else: 1.
    Other(anyhow::Error),
    /// The same, where nothing is to be said: 1.
    Silent,
}

impl Failure {
    /// The exit code, as the contract lists them.
    pub fn code(&self) -> u8 {
        match self {
            Self::Arguments(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 69,
            Self::Configuration(..) | Self::Policy(_) | Self::ConfigurationShown(_) => 78,
            Self::Other(_) | Self::Silent => 1,
        }
    }

    /// Says it on standard error; the exit code.
    pub fn tell(&self) -> ExitCode {
        let mut err = anstream::stderr().lock();
        // Where standard error is gone too, the exit code has to do.
        let _ = match self {
            Self::Arguments(error) => error.print(),
            Self::Usage(text) | Self::ConfigurationShown(text) => {
                writeln!(err, "hookgate: {text}")
            }
            Self::Policy(flaws) => writeln!(err, "hookgate: {flaws}"),
            Self::Unreachable(error) | Self::Other(error) => {
                writeln!(err, "hookgate: {}", told(error))
            }
            Self::Silent => Ok(()),
            Self::Configuration(path, mistakes) => {
                let count = mistakes.each().len();
                let plural = if count == 1 { "" } else { "s" };
                let path = path.display();
                writeln!(err, "hookgate: {path} has {count} mistake{plural}:\n{mistakes}")
            }
        };
        ExitCode::from(self.code())
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// The chain of causes, but none that has been said: most errors of ours hold their cause's text.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| {
        match (said.is_empty(), said.contains(&cause)) {
            (true, _) => cause,
            (false, true) => said,
            (false, false) => format!("{said}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_cause_that_has_been_said_is_not_said_again() {
        let error = Err::<(), _>(anyhow!("is in use"));
        let error = error.context("the journal in j is in use").context("it does not run");
        let told = told(&error.unwrap_err());
        assert_eq!(told, "it does not run: the journal in j is in use");
    }
}
