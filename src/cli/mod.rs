//! One file per verb, and what they share: arguments, exit codes, where words go.
//!
//! Promises: results on standard output, logs and complaints on standard error; the exit code says
//! what kind of failure it was; colours only where they can be seen and are wanted (`NO_COLOR`); a
//! reader who has gone away is no failure. An option of a later version is known and says so.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use crate::clock::Clock;
use crate::config::{self, Config, Environment};
use crate::desk::Reason;
use crate::providers::Providers;

pub mod audit;
pub mod backup;
pub mod capture;
pub mod check_config;
mod client;
pub mod completions;
pub mod dev;
pub mod events;
mod exit;
pub mod fixture;
pub mod forget;
pub mod given;
pub mod journal;
pub mod keygen;
pub mod logs;
pub mod man;
pub mod meant;
pub mod policy;
pub mod pseudonym;
pub mod quarantine;
pub mod replay;
pub mod restore;
pub mod schema;
pub mod send;
pub mod serve;
mod sheet;
pub mod status;
mod words;

pub use client::Trust;
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
    /// Where the admin API of a running gateway is
    #[arg(long, global = true, value_name = "URL", env = "HOOKGATE_ADMIN")]
    #[arg(default_value = "http://127.0.0.1:9080", hide_env_values = true)]
    pub admin: String,
    /// The file that holds your token of the admin API
    #[arg(long, global = true, value_name = "FILE", env = "HOOKGATE_TOKEN_FILE")]
    // An empty variable, as containers set them, is none.
    #[arg(hide_env_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub token_file: Option<PathBuf>,
    /// Whom to trust, and what to show, over TLS.
    #[command(flatten)]
    pub trust: Trust,
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
    /// Looks into the journal of a running gateway
    Events(events::Events),
    /// What could not pass, by reason
    Quarantine(quarantine::Quarantine),
    /// Publishes a part of the journal again
    Replay(replay::Replay),
    /// Health, dependencies, backlog, ledger on one screen
    Status(status::Status),
    /// Erases a participant or a room
    Forget(forget::Forget),
    /// Writes the next deliveries of a source as fixtures, nobody in them
    Capture(capture::Capture),
    /// Copies the journal, also while the gateway runs
    Backup(backup::Backup),
    /// Brings a copy of the journal back
    Restore(restore::Restore),
    /// Looks into the journal's file
    Journal(journal::Journal),
    /// Who changed what
    Audit(audit::Audit),
    /// The PII boundary, readable and proven
    Policy(policy::PolicyArgs),
    /// The pseudonyms of a provider's id or a room's name, under every key there is
    Pseudonym(pseudonym::Pseudonym),
    /// Completions for the shell
    Completions(completions::Completions),
    /// The manual pages
    Man(man::Man),
}

impl Verb {
    /// What is logged where `RUST_LOG` does not say: in `dev` the screen tells the story.
    fn loudness(&self) -> LevelFilter {
        if matches!(self, Self::Dev(_)) { LevelFilter::ERROR } else { LevelFilter::INFO }
    }
}

/// Runs the command line, program name first.
///
/// # Errors
/// A [`Failure`], which knows its exit code and what to say.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let arguments = Arguments::try_parse_from(arguments)?;
    let global = &arguments.global;
    logs::start(global.log_format, arguments.verb.loudness())?;
    match arguments.verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Dev(args) => dev::run(&args),
        Verb::CheckConfig(args) => check_config::run(&args),
        Verb::Keygen => keygen::run(),
        Verb::Send(args) => send::run(&args, global),
        Verb::Schema(args) => schema::run(&args),
        Verb::Events(args) => events::run(&args, global),
        Verb::Quarantine(args) => quarantine::run(&args, global),
        Verb::Replay(args) => replay::run(&args, global),
        Verb::Status(args) => status::run(&args, global),
        Verb::Forget(args) => forget::run(&args, global),
        Verb::Capture(args) => capture::run(&args, global),
        Verb::Backup(args) => backup::run(&args),
        Verb::Restore(args) => restore::run(&args),
        Verb::Journal(args) => journal::run(&args),
        Verb::Audit(args) => audit::run(&args, global),
        Verb::Policy(args) => policy::run(&args),
        Verb::Pseudonym(args) => pseudonym::run(&args, global),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    }
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

/// Does what is asked over the network. The gateway is one and the questions few: one thread does.
fn asked<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(anyhow::Error::from)?.block_on(asking)
}

/// Why a change is made, if that may be kept.
fn reason(text: &str) -> Result<Reason, Failure> {
    Reason::try_from(text.to_owned()).map_err(|rule| Failure::Usage(format!("--reason: {rule}")))
}

/// Whether somebody still reads what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// Writes a result to standard output; a reader that is gone is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    show(text).map(|_| ())
}

/// The same for results that go on: whether to go on with them.
fn show(text: &str) -> anyhow::Result<Reader> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Says on standard error what is no result: what to do next, or that there is nothing.
fn hint(text: &str) {
    // Where standard error is gone, nobody misses it.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_without_contradictions() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_empty_token_file_stops_no_verb() {
        let line = ["hookgate", "keygen", "--token-file", ""];
        assert!(Arguments::try_parse_from(line).is_ok());
    }
}
