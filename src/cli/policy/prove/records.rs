//! What consumers read of the private run: every record of every topic, with key and headers.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{interval, timeout};

use super::wire::Wire;
use crate::bounds;
use crate::publish::{Received, Settings, Tail};

/// A reader of all topics, from the beginning.
pub(super) struct Reader {
    read: Arc<Mutex<Vec<Received>>>,
    count: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Reader {
    /// Begins to read.
    pub(super) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let settings = settings.clone();
        let tail = spawn_blocking(move || Tail::open(&settings)).await?;
        let tail = tail.context("the topics cannot be read")?;
        let read = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let into = Arc::clone(&read);
        let task = tokio::spawn(async move {
            while let Ok(record) = tail.next().await {
                into.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                counted.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { read, count, task })
    }

    /// How many were read, from now on.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.clone()
    }

    /// Waits until everything that was taken is on Kafka, and everything there is read.
    pub(super) async fn caught_up(&self, wire: &mut Wire) -> anyhow::Result<()> {
        let catching_up = async {
            let mut looks = interval(bounds::PROOF_LOOK);
            loop {
                looks.tick().await;
                let metrics = metrics(wire).await?;
                let pending = sum(&metrics, "hookgate_journal_unpublished{")?;
                let published = sum(&metrics, "hookgate_published_total{")?;
                if pending == 0 && *self.count.borrow() == published {
                    return Ok(());
                }
            }
        };
        let caught_up = timeout(bounds::PROOF_CAUGHT_UP, catching_up).await;
        caught_up.unwrap_or_else(|_| {
            bail!(
                "what was taken is not all on Kafka or cannot all be read: the proof is not whole"
            )
        })
    }

    /// All that were read, in the order of their coming.
    pub(super) fn end(self) -> Vec<Received> {
        self.task.abort();
        std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn metrics(wire: &mut Wire) -> anyhow::Result<String> {
    let answer = wire.ask(b"GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let answer = answer.context("the private gateway does not tell its metrics")?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}

/// The sum of all series that begin so.
fn sum(metrics: &str, series: &str) -> anyhow::Result<u64> {
    let lines = metrics.lines().filter(|line| line.starts_with(series));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    ensure!(count > 0, "the private gateway has no {series}…}}");
    Ok(sum as u64)
}
