//! The product through its public doors: one test binary, fed by kept bytes.

mod app;
mod echo;
mod edge;
mod courier;
mod depot;
mod fixtures;
mod gateway;
mod logged;
mod process;
mod verify;
