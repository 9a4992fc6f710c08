//! How much of a bare hyper server's throughput is left after verify, normalize, scrub and fsync,
//! and what are p50 and p99? What does the courier cost on top?
//!
//! Same process, same run, same client, real payloads of about 1 KiB of both providers, every event
//! unique, every answer checked. The bare server reads the body and answers 200. Each cell is the
//! median of alternating rounds, so that a noisy machine hurts both sides alike; look at ratios. The
//! load generator shares the machine with the servers.
//!
//! Budget at 64 connections: at least 0.20 of bare hyper without and 0.15 with the courier
//! publishing to the embedded broker, p99 below 25 ms.
//!
//! `cargo bench --bench road` (about two minutes); `ROUNDS=5` and `ROWS=1000000` change its size.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use hookgate::app::{App, Parts};
use hookgate::publish::Embedded;

use lane::{Lane, lanes};
use load::{Requests, Run, post};

mod bulk;
mod gate;
mod lane;
mod load;

const CONNECTIONS: [usize; 3] = [1, 64, 256];
const SECONDS_PER_RUN: f64 = 1.5;

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rounds = number("ROUNDS", 3) as usize;
    let rows = number("ROWS", 1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut bench = Bench { lanes: lanes(), made: 0, rounds, runtime };
    let bare = bench.runtime.block_on(bare());

    let sizes = bench.lanes.each_ref().map(|lane| lane.body(1).len());
    say(&format!("payloads of {sizes:?} bytes, {rounds} rounds, medians"));
    say(
        "| journal | courier | connections | bare req/s | hookgate req/s | ratio | p50 ms | p99 ms |",
    );
    say("|---|---|---|---|---|---|---|---|");

    let folder = tempfile::tempdir().expect("a folder");
    let app = bench.start(folder.path(), None);
    bench.compare(bare, app.public(), "empty", "no");
    bench.made = bulk::fill(&bench.runtime, app.journal(), &bench.lanes, bench.made, rows);
    bench.compare(bare, app.public(), &format!("{rows} rows"), "no");
    bench.runtime.block_on(app.drain());

    let embedded = Embedded::start("video", 4).expect("an embedded broker");
    let folder = tempfile::tempdir().expect("a folder");
    let app = bench.start(folder.path(), Some(&embedded));
    bench.compare(bare, app.public(), "empty", "publishing");
    bench.runtime.block_on(app.drain());
}

struct Bench {
    lanes: [Lane; 2],
    /// Events made so far; no id comes twice.
    made: u64,
    rounds: usize,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    /// A gateway as `serve` would start it; without a broker nothing is published.
    fn start(&self, folder: &Path, broker: Option<&Embedded>) -> App {
        let brokers = broker.map_or("127.0.0.1:1", Embedded::brokers);
        let config = gate::config(folder, &gate::text(brokers));
        let parts = Parts { publish: broker.is_some(), ..Parts::default() };
        self.runtime.block_on(App::start(config, parts)).expect("a gateway")
    }

    /// One row of the table for each number of connections.
    fn compare(&mut self, bare: SocketAddr, gate: SocketAddr, journal: &str, courier: &str) {
        for connections in CONNECTIONS {
            // A first short round warms both sides and tells how many requests fill a run.
            let warm = post(gate, &self.requests(2_000), connections);
            let count = ((warm.rate() * SECONDS_PER_RUN) as usize).clamp(2_000, 120_000);
            let (mut bares, mut gates) = (Vec::new(), Vec::new());
            for _ in 0..self.rounds {
                let requests = self.requests(count);
                bares.push(post(bare, &requests, connections));
                gates.push(post(gate, &requests, connections));
            }
            let wrong: usize = gates.iter().map(|run| run.bad).sum();
            assert_eq!(wrong, 0, "every delivery of the bench is authentic");
            let rate = |runs: &[Run]| median(runs.iter().map(Run::rate));
            let at = |share| median(gates.iter().map(|run| millis(run.percentile(share))));
            say(&format!(
                "| {journal} | {courier} | {connections} | {:.0} | {:.0} | {:.2} | {:.2} | {:.1} |",
                rate(&bares),
                rate(&gates),
                rate(&gates) / rate(&bares),
                at(0.50),
                at(0.99),
            ));
        }
    }

    /// Signed requests of both providers in turn.
    fn requests(&mut self, count: usize) -> Requests {
        let from = self.made;
        self.made += count as u64;
        Arc::new((from + 1..=self.made).map(|number| lane::request(&self.lanes, number)).collect())
    }
}

/// A hyper server that reads the body and answers 200 with as many bytes as hookgate does.
async fn bare() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("nodelay");
            let service = hyper::service::service_fn(answer);
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let text = if body.is_ok() {
        r#"{"outcome":"accepted","event_id":"ev1_aaaaaaaaaaaaaaaaaaaaaaaaaa"}"#
    } else {
        "{}"
    };
    Ok(Response::new(Full::new(Bytes::from_static(text.as_bytes()))))
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("standard output");
}
