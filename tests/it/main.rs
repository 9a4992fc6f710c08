//! The product through its public doors: one test binary, fed by kept bytes.

mod courier;
mod depot;
mod fixtures;
mod verify;
