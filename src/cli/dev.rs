//! `dev`: the whole road on this machine, with nothing to install (skeleton: to be written).

use clap::Args;

use super::Failure;

/// How long and how fast.
#[derive(Debug, Args)]
pub struct Dev {
    /// End after this many seconds; otherwise keep serving
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Deliveries a second
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    pub rate: f64,
    /// The port deliveries come in at
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Make no deliveries of its own
    #[arg(long)]
    pub no_traffic: bool,
}

/// Runs it.
///
/// # Errors
/// Always, until it is written.
pub fn run(_args: Dev) -> Result<(), Failure> {
    Err(Failure::Usage("dev: is being built".to_owned()))
}
