//! The product through its public doors: one test binary, fed by kept bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what helps a test fails with it"
)]

/// Different rooms, persons and addresses that `series` sends; the abuse tests send more.
const ROOMS: u32 = 5_000;

mod admin;
mod app;
mod asking;
mod backup;
mod canary;
mod capture;
mod cli;
mod config;
mod courier;
mod depot;
mod detect;
mod dev;
mod echo;
mod edge;
mod fields;
mod fixtures;
mod forget;
mod gateway;
mod logged;
mod modes;
mod names;
mod operators;
mod process;
mod prove;
mod registrar;
mod registry;
mod release;
mod reload;
mod replay;
mod replays;
mod restart;
mod schemas;
mod search;
mod series;
mod shown;
mod startup;
mod status;
mod tls;
mod verify;
mod violations;
mod vitals;

#[path = "../proof/mod.rs"]
mod proof;
