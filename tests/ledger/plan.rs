//! What is asked of a run: how many faults, how long, how fast, and from which seed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The parameters; the defaults are the short form.
#[derive(Clone, Debug, Parser)]
#[command(name = "ledger", about = "Sends, breaks, counts, and says whether the books balance")]
pub(crate) struct Plan {
    /// What chance follows; printed, so that a run can be repeated.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// kill -9 of the gateway: at random, in its start and in its drain.
    #[arg(long, default_value_t = 6)]
    pub(crate) kills: u64,
    /// Power cuts.
    #[arg(long, default_value_t = 2)]
    pub(crate) power_cuts: u64,
    /// Seconds without a broker.
    #[arg(long, default_value_t = 10)]
    pub(crate) outage: u64,
    /// Seconds for which the broker stands still; its client gives a request up after 5.
    #[arg(long, default_value_t = 8)]
    pub(crate) frozen: u64,
    /// Seconds of faults in random mixture.
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// kafka.delivery of the gateway.
    #[arg(long, default_value = "at_least_once", value_parser = ["at_least_once", "exactly_once"])]
    pub(crate) delivery: String,
    /// Events a second.
    #[arg(long, default_value_t = 300)]
    pub(crate) rate: u32,
    /// Rooms at one time, a connection each.
    #[arg(long, default_value_t = 48)]
    pub(crate) rooms: u32,
    /// How much faster than real ones these providers try again.
    #[arg(long, default_value_t = 5)]
    pub(crate) faster: u32,
    /// Only these chapters.
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// The program, instead of the debug build that cargo made beside this test.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
    /// Leaves journals, logs and notes where they are.
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Plan {
    /// The program under test.
    pub(crate) fn program(&self) -> PathBuf {
        self.binary.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_hookgate").into())
    }

    /// Whether a chapter was asked for.
    pub(crate) fn wants(&self, chapter: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == chapter)
    }

    /// A real wait, shortened.
    pub(crate) fn shortened(&self, wait: Duration) -> Duration {
        wait / self.faster.max(1)
    }
}
