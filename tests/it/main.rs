//! The product through its public doors: one test binary, fed by kept bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what helps a test fails with it"
)]

mod admin;
mod app;
mod asking;
mod canary;
mod capture;
mod cli;
mod config;
mod courier;
mod depot;
mod dev;
mod echo;
mod edge;
mod fixtures;
mod gateway;
mod logged;
mod modes;
mod process;
mod reload;
mod replay;
mod restart;
mod startup;
mod verify;

#[path = "../proof/mod.rs"]
mod proof;
