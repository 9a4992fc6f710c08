//! The product through its public doors: one test binary, fed by kept bytes.

mod app;
mod courier;
mod depot;
mod echo;
mod edge;
mod fixtures;
mod gateway;
mod verify;
