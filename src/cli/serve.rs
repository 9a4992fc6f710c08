//! `serve`: runs the gateway until it is told to stop.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Failure, configured, runtime};
use crate::app::{self, App, Parts, Reread};
use crate::clock::Clock;
use crate::config::{self, Environment};
use crate::edge::Inherited;
use crate::providers::Providers;

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
/// 78 for a configuration with mistakes; 1 for what keeps it from starting, and for a journal that
/// trusts its disk no more.
pub fn run(args: &Serve) -> Result<(), Failure> {
    // Before there is any other thread.
    let sockets = Inherited::take().map_err(anyhow::Error::from)?;
    let config = configured(&args.config)?;
    app::silence_panics();
    let path = args.config.clone();
    let env = Environment::new(std::env::vars_os());
    let reread = move || config::load(&path, &env, &Providers::standard(), Clock::system().now());
    let parts = Parts { sockets, reread: Some(Reread::new(reread)), ..Parts::default() };
    let runtime = runtime()?;
    let stopped = runtime.block_on(async {
        let app = App::start(config, parts).await?;
        app.run_until_signal().await
    });
    // What was given up at the deadline is not waited for after all.
    runtime.shutdown_background();
    let stopped = stopped.context("the gateway does not run")?;
    if stopped.poisoned {
        let text = anyhow!("a write to the journal failed; check the disk before the next start");
        return Err(Failure::Other(text));
    }
    Ok(())
}
