//! Spans to a tracing collector, over OTLP: protobuf by HTTP, in batches, from a thread of its own.
//!
//! Whoever tells of an event never waits: its spans go into a queue of stated length, and where
//! that is full they are dropped and counted. So are those that the collector does not take: one
//! attempt, with an end to it, because what is told late is of little use and what is kept for
//! later needs room. What goes wrong is logged once, and once more when it is over.
//!
//! The wire's words are the OpenTelemetry project's own (`opentelemetry-proto`). Its SDK's way is
//! not taken: ids follow from the event here, and nobody sees there what is dropped.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::bounds;
use crate::event::InstanceName;
use crate::trace::{Sink, Span};

mod encode;
mod post;

use post::Post;

/// Where spans go, and in whose name.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://host:port`, maybe with a path; `/v1/traces` is put behind it.
    pub endpoint: String,
    /// This gateway.
    pub instance: InstanceName,
}

/// What became of so many spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// The collector took them.
    Sent,
    /// Nobody did.
    Dropped,
}

/// Who is told what became of spans.
pub type Counted = Arc<dyn Fn(Became, usize) + Send + Sync>;

/// Why nothing can be told to a collector.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be made.
    #[error("the client for the tracing collector cannot be made: {0}")]
    Client(reqwest::Error),
    /// There is no thread to be had.
    #[error("the thread for the tracing collector cannot be started: {0}")]
    Thread(std::io::Error),
}

/// The way to a collector.
#[derive(Debug)]
pub struct Collector(mpsc::Sender<Order>);

#[derive(Debug)]
enum Order {
    Spans(Vec<Span>),
    Flush(oneshot::Sender<()>),
}

/// Starts the way, and what leads onto it. Does not wait for the collector.
///
/// # Errors
/// A client or thread that cannot be had.
pub fn start(settings: Settings, counted: Counted) -> Result<(Sink, Collector), StartError> {
    let post = Post::new(settings, counted.clone()).map_err(StartError::Client)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StartError::Thread)?;
    let (orders, taken) = mpsc::channel(bounds::OTLP_QUEUE_EVENTS);
    let thread = thread::Builder::new().name("otlp".to_owned());
    thread.spawn(move || runtime.block_on(carry(post, taken))).map_err(StartError::Thread)?;
    let collector = Collector(orders.clone());
    let sink = move |spans: Vec<Span>| {
        let count = spans.len();
        if orders.try_send(Order::Spans(spans)).is_err() {
            counted(Became::Dropped, count);
        }
    };
    Ok((Box::new(sink), collector))
}

impl Collector {
    /// Lets what is queued go out, for so long at most. What comes afterwards goes its way too, as
    /// far as the process lives.
    pub async fn flush(&self, within: Duration) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.0.send(Order::Flush(done)).await.is_ok() {
                // Its end without a word is an end too.
                let _ = flushed.await;
            }
        };
        if timeout(within, flush).await.is_err() {
            tracing::warn!("the tracing collector did not take the last spans in time");
        }
    }
}

async fn carry(mut post: Post, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        let (spans, flushed) = match order {
            Order::Spans(spans) => gather(spans, &mut orders).await,
            Order::Flush(done) => (Vec::new(), Some(done)),
        };
        if !spans.is_empty() {
            post.send(&spans).await;
        }
        if let Some(done) = flushed {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
}

/// Waits a while for more, so that a request is worth its way.
async fn gather(
    mut spans: Vec<Span>,
    orders: &mut mpsc::Receiver<Order>,
) -> (Vec<Span>, Option<oneshot::Sender<()>>) {
    let more = async {
        while spans.len() < bounds::OTLP_BATCH_SPANS {
            match orders.recv().await {
                Some(Order::Spans(more)) => spans.extend(more),
                Some(Order::Flush(done)) => return Some(done),
                None => return None,
            }
        }
        None
    };
    let flushed = timeout(bounds::OTLP_BATCH_WAIT, more).await.unwrap_or_default();
    (spans, flushed)
}
