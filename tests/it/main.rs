//! The product through its public doors: one test binary, fed by kept bytes.

mod fixtures;
mod verify;
