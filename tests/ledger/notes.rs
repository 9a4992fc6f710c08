//! What was sent and what was answered, as the senders saw it: the book that the judge holds
//! against the gateway's own.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookgate::clock::Clock;
use hookgate::event::Family;
use tokio::sync::watch;

/// The event that a delivery must become.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) id: String,
    pub(crate) family: Family,
    pub(crate) key: Vec<u8>,
    /// Of the value, without what no sender can know.
    pub(crate) digest: u64,
}

/// One event on its way, or a forgery of one.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) source: &'static str,
    pub(crate) forged: bool,
    pub(crate) expected: Expected,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listened, the connection broke, nothing came in time, or the sender hung up.
    Silence,
    /// An answer.
    Came { status: u16, outcome: String, event_id: Option<String>, retry_after: Option<u64> },
}

impl Answer {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Silence => None,
            Self::Came { status, .. } => Some(*status),
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Which of the sent.
    pub(crate) of: usize,
    /// Its place among all beginnings and ends.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// When it ended, since the run began.
    pub(crate) at: Duration,
    pub(crate) answer: Answer,
}

/// The book.
pub(crate) struct Notes {
    clock: Clock,
    begun: Duration,
    ticks: AtomicU64,
    book: Mutex<Book>,
    taken: watch::Sender<u64>,
    shed: watch::Sender<u64>,
}

/// What is written in it.
#[derive(Clone, Default)]
pub(crate) struct Book {
    pub(crate) sent: Vec<Sent>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Notes {
    pub(crate) fn new() -> Self {
        let clock = Clock::system();
        let begun = clock.steady();
        let (ticks, book) = (AtomicU64::new(0), Mutex::default());
        let (taken, shed) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { clock, begun, ticks, book, taken, shed }
    }

    /// Enters an event before it is sent for the first time.
    pub(crate) fn enter(&self, sent: Sent) -> usize {
        let mut book = self.book.lock().unwrap();
        book.sent.push(sent);
        book.sent.len() - 1
    }

    /// The next place among beginnings and ends.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// Enters how a request that began there ended now.
    pub(crate) fn ended(&self, of: usize, began: u64, answer: Answer) {
        let status = answer.status();
        let at = self.clock.steady().saturating_sub(self.begun);
        let attempt = Attempt { of, began, ended: self.tick(), at, answer };
        self.book.lock().unwrap().attempts.push(attempt);
        match status {
            Some(200) => self.taken.send_modify(|taken| *taken += 1),
            Some(503) => self.shed.send_modify(|shed| *shed += 1),
            Some(_) | None => {}
        }
    }

    /// How many answers were 200.
    pub(crate) fn taken(&self) -> watch::Receiver<u64> {
        self.taken.subscribe()
    }

    /// How many answers were 503.
    pub(crate) fn shed(&self) -> watch::Receiver<u64> {
        self.shed.subscribe()
    }

    pub(crate) fn book(&self) -> Book {
        self.book.lock().unwrap().clone()
    }
}

impl Book {
    /// One line of JSON for every request.
    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
        for attempt in &self.attempts {
            let sent = &self.sent[attempt.of];
            let (status, outcome) = match &attempt.answer {
                Answer::Silence => (0, "silence"),
                Answer::Came { status, outcome, .. } => (*status, outcome.as_str()),
            };
            let line = serde_json::json!({
                "event_id": sent.expected.id, "source": sent.source, "forged": sent.forged,
                "began": attempt.began, "ended": attempt.ended,
                "at_ms": attempt.at.as_millis() as u64, "status": status, "outcome": outcome,
            });
            writeln!(out, "{line}")?;
        }
        out.flush()
    }
}
