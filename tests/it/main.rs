//! The product through its public doors: one test binary, fed by kept bytes.

mod app;
mod cli;
mod config;
mod courier;
mod depot;
mod echo;
mod edge;
mod fixtures;
mod gateway;
mod logged;
mod process;
mod verify;
