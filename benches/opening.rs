//! How soon does a gateway that was killed under load answer again, with ten million events in its
//! journal?
//!
//! The real process: it is started on a filled journal, posted to over 64 connections, ended with
//! SIGKILL in the middle of it, and started again; the clock runs from the start of the process to
//! the first delivery that is answered 200. `warm` leaves the journal in the page cache, as after a
//! crash of the process alone; `cold` drops it first, as after a crash of the machine.
//!
//! Budget: below 2 s at ten million events, warm and cold; it fails when it is not kept.
//!
//! `ROWS=10000000 cargo bench --bench opening` (about ten minutes, nearly all of it filling, and
//! 15 GB of disk); `JOURNAL=DIR` keeps the journal there and takes one that is there already.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on says so and stops"
)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hookgate::app::{App, Parts};
use rustix::fs::{Advice, fadvise};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use lane::{Lane, lanes};

mod bulk;
mod gate;
mod lane;

const ROUNDS: usize = 5;
/// Deliveries that a gateway has taken when it is killed.
const TAKEN: usize = 20_000;
const CONNECTIONS: usize = 64;
const BUDGET_SECONDS: f64 = 2.0;
/// Nobody listens there: the courier waits, as during an outage.
const BROKERS: &str = "127.0.0.1:1";

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = std::env::var("ROWS").map_or(1_000_000, |rows| rows.parse().expect("a number"));
    let kept = std::env::var_os("JOURNAL").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("hookgate.toml"), gate::text(BROKERS)).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let lanes = lanes();
    let mut made = filled(&runtime, &folder, &lanes, rows);
    println!("| {made} events | killed after | port open and answering after |");
    println!("|---|---|---|");
    let mut worst = 0.0_f64;
    for cold in [false, true] {
        for round in 0..ROUNDS {
            let mut killed = Gateway::start(&folder);
            made = killed.take_and_die(&runtime, &lanes, made);
            if cold {
                forget(&folder.join("journal"));
            }
            let began = Instant::now();
            let mut next = Gateway::start(&folder);
            made += 1;
            let request = lane::request(&lanes, made);
            runtime.block_on(post(next.public, &request)).expect("an answer");
            let took = began.elapsed().as_secs_f64();
            worst = worst.max(took);
            next.kill();
            let cache = if cold { "cold" } else { "warm" };
            std::fs::write(folder.join("made"), made.to_string()).expect("a note");
            println!("| {cache} {round} | {TAKEN} deliveries | {took:.3} s |");
        }
    }
    assert!(worst < BUDGET_SECONDS, "the budget is {BUDGET_SECONDS} s");
}

/// Fills the journal up to so many rows, if it has fewer; the number to go on after.
fn filled(runtime: &Runtime, folder: &Path, lanes: &[Lane; 2], rows: u64) -> u64 {
    let parts = Parts { publish: false, ..Parts::default() };
    let started = runtime.block_on(App::start(gate::config(folder, &gate::text(BROKERS)), parts));
    let app = started.expect("a gateway");
    let head = *app.journal().head().borrow();
    let from = std::fs::read_to_string(folder.join("made")).unwrap_or_default();
    let from = from.parse().unwrap_or(head);
    let made = bulk::fill(runtime, app.journal(), lanes, from, rows.saturating_sub(head));
    runtime.block_on(app.drain());
    made
}

struct Gateway {
    child: Child,
    public: SocketAddr,
}

impl Gateway {
    /// Starts it; returns when it says that deliveries are taken.
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hookgate"))
            .args(["--log-format", "json", "serve", "--config"])
            .arg(folder.join("hookgate.toml"))
            .envs(gate::environment())
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway");
        let mut said = BufReader::new(child.stderr.take().expect("its words"));
        let mut line = String::new();
        while !line.contains("deliveries are taken") {
            line.clear();
            assert!(said.read_line(&mut line).expect("its words") > 0, "it does not start");
        }
        let words: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let public = words["public"].as_str().expect("an address").parse().expect("an address");
        // What it says further is read and dropped, or it would wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, public }
    }

    /// Takes deliveries and is killed while more come; the last number that was sent.
    fn take_and_die(&mut self, runtime: &Runtime, lanes: &[Lane; 2], made: u64) -> u64 {
        let last = made + 2 * TAKEN as u64;
        let requests = (made + 1..=last).map(|number| lane::request(lanes, number));
        let requests: Arc<Vec<_>> = Arc::new(requests.collect());
        let (next, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        runtime.block_on(async {
            let mut posting = tokio::task::JoinSet::new();
            for _ in 0..CONNECTIONS {
                let (requests, next, taken) = (requests.clone(), next.clone(), taken.clone());
                let to = self.public;
                posting.spawn(async move {
                    let mut stream = TcpStream::connect(to).await.ok()?;
                    loop {
                        let request = requests.get(next.fetch_add(1, Ordering::Relaxed))?;
                        answered(&mut stream, request).await?;
                        if taken.fetch_add(1, Ordering::Relaxed) + 1 == TAKEN {
                            return Some(());
                        }
                    }
                });
            }
            while posting.join_next().await.is_some_and(|end| end.ok().flatten().is_none()) {}
            self.kill();
        });
        last
    }

    fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }
}

async fn post(to: SocketAddr, request: &[u8]) -> Option<()> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    answered(&mut stream, request).await
}

/// Posts and reads the answer; `None` when the gateway is gone.
async fn answered(stream: &mut TcpStream, request: &[u8]) -> Option<()> {
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut piece = [0; 1_024];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        answer.extend_from_slice(&piece[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Some(())
}

/// Drops what the page cache holds of a folder's files.
fn forget(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the journal") {
        let file = File::open(entry.expect("a file").path()).expect("a file");
        file.sync_all().expect("fsync");
        fadvise(&file, 0, None, Advice::DontNeed).expect("fadvise");
    }
}
