//! The ledger test: sends like the providers, breaks everything around the gateway, and counts.
//!
//! A real `serve`, a real Apache Kafka, and between them every fault by the means of the real thing.
//! Each chapter breaks one thing, the last all of them in an order that the printed seed decides.
//! Afterwards `judge` states what was lost, doubled, disordered, unexplained or forged, and whether
//! the gateway's own ledger agrees with what happened. One number that must be 0 and is not ends the
//! run with exit code 1.
//!
//! What the machine denies (mounts, ptrace, a missing tool) fails its chapter and says so; nothing
//! is skipped. Whatever is started is ended by its process id, also after a failure.
//!
//! ```sh
//! cargo test --features ledger --test ledger                        # the short form, minutes
//! cargo test --features ledger --test ledger -- --kills 50 --power-cuts 10 --outage 360 \
//!     --frozen 70 --seconds 300 --seed 1                            # the long form
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test of its own form: it has no harness that would mark it as one"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Parser;
use hookgate::clock::Clock;

#[path = "../proof/mod.rs"]
mod proof;

mod broker;
mod chapters;
mod damage;
mod disk;
mod faults;
mod gate;
mod judge;
mod notes;
mod pace;
mod plan;
mod prove;
mod senders;
mod stand;
mod story;
mod topics;
mod tracer;

use broker::Broker;
use chapters::Scene;
use judge::{Leave, Verdict};
use plan::Plan;

fn main() -> ExitCode {
    let plan = Plan::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = run(&plan) => ended,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            () = terminated() => bail!("terminated"),
        }
    });
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Also who is asked to end cleans up first.
async fn terminated() {
    let terminate = tokio::signal::unix::SignalKind::terminate();
    tokio::signal::unix::signal(terminate).expect("a handler").recv().await;
}

/// Whether everything was as promised.
async fn run(plan: &Plan) -> Result<bool> {
    prove::prove()?;
    let seed = plan.seed.unwrap_or_else(rand::random);
    println!("ledger: seed {seed}, {}", plan.delivery);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{seed:016x}"));
    if folder.exists() {
        // An earlier run with this seed left its books here.
        remove(&folder)?;
    }
    let broker = Arc::new(Broker::start(folder.join("kafka")).await?);
    let mut good = true;
    for (chapter, number) in chapters::all(plan).into_iter().zip(1..) {
        if !plan.wants(chapter.name) {
            continue;
        }
        let clock = Clock::system();
        let began = clock.steady();
        let seed = seed.wrapping_mul(31).wrapping_add(number);
        let (broker, folder) = (Arc::clone(&broker), folder.clone());
        let ended = chapter.run(Scene { plan, broker, folder, seed }).await;
        let took = clock.steady().saturating_sub(began).as_secs();
        good &= tell(chapter.name, took, ended);
    }
    drop(broker);
    println!("ledger: seed {seed}, {}: {}", plan.delivery, if good { "good" } else { "NOT GOOD" });
    if good && !plan.keep {
        remove(&folder)?;
    } else {
        println!("ledger: books and logs are in {}", folder.display());
    }
    Ok(good)
}

fn remove(folder: &Path) -> Result<()> {
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Says how a chapter ended, and whether it is good.
fn tell(name: &str, seconds: u64, ended: Result<(Verdict, Leave)>) -> bool {
    let (verdict, leave) = match ended {
        Ok(ended) => ended,
        Err(error) => {
            println!("{name:<12} FAILED after {seconds} s: {error:#}");
            return false;
        }
    };
    let good = verdict.is_good(leave);
    println!(
        "{name:<12} {:>3} s  {} requests, {} events answered 200, {} refused, {} silent; {} \
         records; lost {}, doubled {}, disordered {}, unexplained {}, forged {}, misanswered {}, \
         ledger {}: {}",
        seconds,
        verdict.deliveries,
        verdict.taken,
        verdict.refused,
        verdict.silent,
        verdict.records,
        verdict.lost,
        verdict.doubled,
        verdict.disordered,
        verdict.unexplained,
        verdict.forged,
        verdict.misanswered,
        if verdict.ledger.is_empty() { "agrees" } else { "DIFFERS" },
        if good { "good" } else { "NOT GOOD" },
    );
    for line in verdict.examples.iter().chain(&verdict.ledger) {
        println!("             {line}");
    }
    good
}
