//! What an operator copies from `deploy/`, opened by the tools of those who read it and held against
//! what the program is: ports, paths, flags, times.
//!
//! The tools (Helm, the types of Kubernetes, Compose and Envoy, nginx, AsyncAPI's parser) are fetched by
//! `tests/packaging/tools`; `systemd-analyze`, `mmdebstrap` and root must be there. What is missing
//! fails its test.
//!
//! ```sh
//! tests/packaging/tools && cargo test --features packaging --test packaging
//! ```

#![cfg(test)]

mod asyncapi;
mod bare;
mod chart;
mod compose;
mod consumers;
mod proxies;
mod rendered;
mod replicas;
mod supply;
mod tools;
mod units;
mod values;

#[path = "../proof/mod.rs"]
mod proof;
