//! What an operator copies from `deploy/` for watching, judged by the tools that will read it:
//! promtool, Prometheus, amtool and Alertmanager themselves, and the built gateway.
//!
//! - Every alert fires, and a case that comes close does not; each has its page in the runbook.
//! - Rules and dashboards name only what the gateway shows: metrics, labels, values of labels.
//! - Every panel's question has an answer in a Prometheus that has read a gateway.
//! - Every command of the runbook is run.
//!
//! `tests/deploy/tools` fetches the tools, `tests/kafka/broker` runs Kafka; what is missing fails, nothing
//! is skipped.
//!
//! ```sh
//! cargo test --features deploy --test deploy
//! ```

#![cfg(test)]

mod alertmanager;
#[path = "../proof/broker.rs"]
mod broker;
mod dashboards;
mod day;
mod names;
mod process;
mod rules;
mod runbook;
mod stage;
mod tools;
