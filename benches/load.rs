//! A closed-loop HTTP client on a thread of its own, and the deliveries it posts.
//!
//! Every delivery is a real event of a provider with an id of its own, signed before the clock
//! starts: the client's cost is then the same for the bare server and for the gateway. Each
//! connection posts, waits for the answer, and posts again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whole requests, head and body, ready to be written.
pub(crate) type Requests = Arc<Vec<Vec<u8>>>;

/// What one run measured.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Answers of 200.
    pub(crate) good: usize,
    /// Any other answer.
    pub(crate) bad: usize,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// From the first byte written to the last byte read, of every request, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Run {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.good as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of requests did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Posts all requests once over so many connections, from a thread of its own.
pub(crate) fn post(to: SocketAddr, requests: &Requests, connections: usize) -> Run {
    post_paced(to, requests, connections, None)
}

/// The same with so many requests a second, each at its own moment, if a connection is free then;
/// what it waits for one is part of its latency.
pub(crate) fn post_paced(
    to: SocketAddr,
    requests: &Requests,
    connections: usize,
    pace: Option<u64>,
) -> Run {
    let requests = Arc::clone(requests);
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(run(to, requests, connections, pace))
    });
    client.join().expect("the client ends")
}

async fn run(to: SocketAddr, requests: Requests, connections: usize, pace: Option<u64>) -> Run {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(to).await.expect("the server listens");
        stream.set_nodelay(true).expect("nodelay");
        streams.push(stream);
    }
    let began = Instant::now();
    let tasks = streams.into_iter().map(|stream| {
        let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
        let due = move |place: usize| {
            pace.map(|pace| began + Duration::from_secs_f64(place as f64 / pace as f64))
        };
        tokio::spawn(connection(stream, next, requests, due))
    });
    let tasks: Vec<_> = tasks.collect();
    let mut all = Run { good: 0, bad: 0, took: Duration::ZERO, latencies: Vec::new() };
    for task in tasks {
        let (good, bad, latencies) = task.await.expect("a connection ends");
        all.good += good;
        all.bad += bad;
        all.latencies.extend(latencies);
    }
    all.took = began.elapsed();
    all.latencies.sort_unstable();
    all
}

async fn connection(
    mut stream: TcpStream,
    next: Arc<AtomicUsize>,
    requests: Requests,
    due: impl Fn(usize) -> Option<Instant>,
) -> (usize, usize, Vec<Duration>) {
    let (mut good, mut bad, mut latencies) = (0, 0, Vec::new());
    let mut buffer = vec![0; 4_096];
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(place) else { break };
        let due = due(place);
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        let began = due.unwrap_or_else(Instant::now);
        stream.write_all(request).await.expect("the server reads");
        let status = answer(&mut stream, &mut buffer).await;
        latencies.push(began.elapsed());
        if &status == b"200" { good += 1 } else { bad += 1 }
    }
    (good, bad, latencies)
}

/// Reads one answer to its end and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> [u8; 3] {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = &buffer[..filled];
        let Some(head) = text.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        if filled >= head + 4 + content_length(&text[..head]) {
            return text[9..12].try_into().expect("a status line");
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("an ASCII head");
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-length:"));
    let value = line.and_then(|line| line.split(':').nth(1)).expect("a content-length");
    value.trim().parse().expect("a number")
}
