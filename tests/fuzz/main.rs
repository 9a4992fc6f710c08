//! What the parsers make of bytes that nobody meant.
//!
//! For each parser a judge says what holds for every input, and an engine looks for one for which
//! it does not: no panic, no input that takes seconds, no memory beyond a stated multiple of the
//! input, and the parser's own promise. Inputs begin with what lies in `fixtures/` and are changed
//! byte by byte and by their structure; one that makes a parser answer as never before is kept and
//! changed on. Beside them stand properties, on inputs that are made rather than changed.
//!
//! `HOOKGATE_FUZZ_SECONDS=600 HOOKGATE_FUZZ_SEED=7 cargo test --release --test fuzz` looks for ten
//! minutes at each parser, as many at one time as there are cores; without the variables two
//! seconds each. The same seed makes the same inputs in the same order. What is found is shrunk and
//! written to `tests/fuzz/found/<parser>/`: as long as it lies there every run begins with it.
//!
//! All of it runs on the stable toolchain without further tools. It is not guided by coverage: that
//! needs an instrumented build of everything and a tool of its own (`cargo-afl` does so on stable).
//! The parsers' own answers guide it instead, of which there are enough to tell inputs apart.

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what helps a test fails with it"
)]

mod answers;
mod bytes;
mod engine;
mod events;
mod framing;
mod json;
mod listed;
mod roads;
mod settings;
mod verify;
mod wire;
