//! The product through its public doors: one test binary, fed by kept bytes.

mod app;
mod cli;
mod config;
mod echo;
mod edge;
mod courier;
mod depot;
mod fixtures;
mod gateway;
mod verify;
