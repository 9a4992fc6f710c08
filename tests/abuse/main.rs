//! The gate under abuse: a table of what was tried, what the gate did, how authentic senders fared
//! meanwhile, and how much memory it took.
//!
//! A real `serve` process with its default limits. Three authentic senders go on all the time, on
//! kept and on fresh connections: from the attackers' own address, from another, and over IPv6.
//! None of them may be refused once, and memory must stay below the ceiling said at the start.
//!
//! The same of a gate that speaks TLS, flooded with handshakes that come to nothing. And 100,000
//! rooms, persons and addresses, which leave the series of `/metrics` as they are.
//!
//! `HOOKGATE_ABUSE_SECONDS` is the time of each attack (default 3); `HOOKGATE_ABUSE_ONLY` a part of
//! the names of those to try.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what helps a test fails with it, and its table is printed"
)]

use std::time::Duration;

use hookgate::publish::Embedded;

mod attacks;
#[allow(dead_code, reason = "the tests through the public door use more of it")]
#[path = "../it/tls/authority.rs"]
mod authority;
mod crowds;
#[allow(dead_code, reason = "the tests through the public door use more of it")]
#[path = "../it/echo.rs"]
mod echo;
mod few;
mod floods;
#[allow(dead_code, reason = "the tests through the public door use more of it")]
#[path = "../it/gateway.rs"]
mod gateway;
mod handshakes;
mod honest;
mod memory;
#[path = "../proof/mod.rs"]
mod proof;
#[path = "../it/series.rs"]
mod series;
mod table;
mod target;

use attacks::ATTACKS;
use honest::Honest;
use memory::Memory;
use proof::gate::{Gate, Place};
use table::{Row, Table};
use target::Target;

/// Different rooms, persons and addresses that `series` sends.
const ROOMS: u32 = 100_000;

/// The time of each attack.
fn seconds() -> Duration {
    let text = std::env::var("HOOKGATE_ABUSE_SECONDS");
    Duration::from_secs(text.map_or(3, |text| text.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_stands_and_no_authentic_sender_is_refused() {
    memory::raise_descriptors();
    let seconds = seconds();
    let broker = Embedded::start("video", 1).unwrap();
    let place = Place::new(broker.brokers(), "video", "1ms", "");
    target::listens_everywhere(&place);
    let gate = Gate::start(&place).await;
    let ceiling = memory::ceiling(&gate.said());
    let memory = Memory::of(gate.id());
    let target = Target::new(&gate, &place);
    let honest = Honest::start(&target);
    honest.until_more(20).await;
    let mut table = Table::new(ceiling, &memory);
    let only = std::env::var("HOOKGATE_ABUSE_ONLY").unwrap_or_default();
    for attack in ATTACKS.iter().filter(|attack| attack.tried.contains(&only)) {
        honest.until_more(20).await;
        honest.forget();
        let before = memory.now();
        memory.forget_peak();
        let did = (attack.run)(target.clone(), seconds).await;
        let (fared, peak) = (honest.fared(), memory.peak());
        honest.until_more(20).await;
        let row = Row { tried: attack.tried, did, fared, before, peak, after: memory.now() };
        println!("{}", row.line());
        table.add(row);
    }
    println!("\n{}", table.text());
    let fared = honest.end().await;
    table.holds();
    assert_eq!(fared.refused, 0, "{fared:?}");
    gate.until_published().await;
    for source in gate.stop().await {
        let count = |name: &str| source[name].as_u64().unwrap();
        assert_eq!(count("accepted") + count("quarantined"), count("published"), "{source}");
    }
}
