//! Where log lines go: standard error, as text or JSON, as loud as `RUST_LOG` says.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Failure;

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line, for machines
    Json,
    /// One line of text, for people
    #[default]
    Text,
}

/// Begins to write logs, as loud as `RUST_LOG` says or else as `unless_said`.
///
/// # Errors
/// A `RUST_LOG` that cannot be read, and logs that were begun before.
pub fn start(format: Format, unless_said: LevelFilter) -> Result<(), Failure> {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(unless_said.into())
        .parse(&wanted)
        .map_err(|error| Failure::Usage(format!("RUST_LOG cannot be read: {error}")))?;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(!plain && std::io::stderr().is_terminal())
        // Standard error that is gone must not bring the gateway down with complaints about it.
        .log_internal_errors(false);
    let begun = match format {
        Format::Json => lines.json().flatten_event(true).try_init(),
        Format::Text => lines.try_init(),
    };
    begun.map_err(|error| Failure::Other(anyhow::anyhow!(error)))
}
