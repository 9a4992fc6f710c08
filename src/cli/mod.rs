//! One file per verb, and what they share: arguments, exit codes, where words go.
//!
//! Promises: results on standard output, logs and complaints on standard error; the exit code says
//! what kind of failure it was; colours only where they can be seen and are wanted (`NO_COLOR`); a
//! reader who has gone away is no failure. A verb or option of a later version is known and says
//! so, whatever stands behind it; its arguments are never repeated, for they may name a person.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use crate::clock::Clock;
use crate::config::{self, Config, Environment};
use crate::providers::Providers;

pub mod check_config;
pub mod dev;
mod exit;
pub mod fixture;
pub mod journal;
pub mod keygen;
pub mod logs;
pub mod schema;
pub mod send;
pub mod serve;

pub use exit::Failure;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "hookgate", version, about = ABOUT, after_help = AFTER)]
pub struct Arguments {
    /// What stands before or behind any verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

const ABOUT: &str = "Webhook ingress gateway for video platforms: verified, bounded, on disk \
     before the answer, on Kafka once";

const AFTER: &str = "Exit codes: 0 good, 2 usage, 69 a needed service is unreachable, \
     78 configuration, 1 anything else. RUST_LOG sets the log level (default info).";

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// How logs are written to standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: logs::Format,
    /// Where the admin API is (not yet)
    #[arg(long, global = true, value_name = "URL")]
    pub admin: Option<String>,
    /// The admin API's token (not yet)
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs the gateway
    Serve(serve::Serve),
    /// Shows the whole road on this machine, with nothing to install
    Dev(dev::Dev),
    /// Finds every mistake of a configuration at once
    CheckConfig(check_config::CheckConfig),
    /// Prints a fresh 32-byte key in base64
    Keygen,
    /// Signs stored fixtures the way the provider would, and posts them
    Send(send::Send),
    /// Prints the JSON Schema of each event family
    Schema(schema::Schema),
    /// Looks into the journal (not yet)
    Events(Later),
    /// What could not pass, by reason (not yet)
    Quarantine(Later),
    /// Publishes a range again (not yet)
    Replay(Later),
    /// Health, dependencies, backlog, ledger (not yet)
    Status(Later),
    /// Erases a participant or a room (not yet)
    Forget(Later),
    /// Writes the next deliveries of a source as fixtures (not yet)
    Capture(Later),
    /// Copies the journal (not yet)
    Backup(Later),
    /// Brings a copy of the journal back (not yet)
    Restore(Later),
    /// Looks into the journal's file
    Journal(journal::Journal),
    /// Who changed what (not yet)
    Audit(Later),
    /// The PII boundary, readable and proven (not yet)
    Policy(Later),
    /// The pseudonym of a provider's id (not yet)
    Pseudonym(Later),
    /// Completions for the shell (not yet)
    Completions(Later),
    /// The manual page (not yet)
    Man(Later),
}

impl Verb {
    /// What is logged where `RUST_LOG` does not say: in `dev` the screen tells the story.
    fn loudness(&self) -> LevelFilter {
        if matches!(self, Self::Dev(_)) { LevelFilter::ERROR } else { LevelFilter::INFO }
    }
}

/// Whatever is given to a verb of a later version.
#[derive(Debug, Args)]
pub struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

/// Runs the command line, program name first.
///
/// # Errors
/// A [`Failure`], which knows its exit code and what to say.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let arguments = Arguments::try_parse_from(arguments)?;
    let global = &arguments.global;
    if global.admin.is_some() || global.token_file.is_some() {
        return Err(later("--admin and --token-file"));
    }
    logs::start(global.log_format, arguments.verb.loudness())?;
    match arguments.verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Dev(args) => dev::run(&args),
        Verb::CheckConfig(args) => check_config::run(&args),
        Verb::Keygen => keygen::run(),
        Verb::Send(args) => send::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Events(_) => Err(later("events")),
        Verb::Quarantine(_) => Err(later("quarantine")),
        Verb::Replay(_) => Err(later("replay")),
        Verb::Status(_) => Err(later("status")),
        Verb::Forget(_) => Err(later("forget")),
        Verb::Capture(_) => Err(later("capture")),
        Verb::Backup(_) => Err(later("backup")),
        Verb::Restore(_) => Err(later("restore")),
        Verb::Journal(args) => journal::run(&args),
        Verb::Audit(_) => Err(later("audit")),
        Verb::Policy(_) => Err(later("policy")),
        Verb::Pseudonym(_) => Err(later("pseudonym")),
        Verb::Completions(_) => Err(later("completions")),
        Verb::Man(_) => Err(later("man")),
    }
}

/// Says that something is known but not built.
fn later(what: &str) -> Failure {
    let version = env!("CARGO_PKG_VERSION");
    Failure::Usage(format!(
        "{what}: not yet; hookgate {version} does not have this, a later version will"
    ))
}

/// Reads a configuration with the environment laid over it.
fn configured(path: &Path) -> Result<Config, Failure> {
    let now = Clock::system().now();
    let env = Environment::new(std::env::vars_os());
    config::load(path, &env, &Providers::standard(), now)
        .map_err(|mistakes| Failure::Configuration(path.to_owned(), mistakes))
}

/// A runtime for the verbs that speak over the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Writes a result to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Err(_) | Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_without_contradictions() {
        Arguments::command().debug_assert();
    }
}
