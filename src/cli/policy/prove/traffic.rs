//! Every delivery with canaries, made one after another and sent over many connections at once.
//!
//! Each is fresh: its ids and moments are made anew before a canary is put in, because a delivery
//! that is a duplicate is seen by nobody behind the door. So every one has to be answered with
//! `accepted` or `quarantined`; whatever else comes back is a hole in the proof, and told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::canary::{Mint, Origin};
use super::pattern::Patterned;
use super::plan::{Fields, Filler, Turn, turns};
use super::scan::spots;
use super::wire::Wire;
use crate::bounds;
use crate::cli::fixture::Fixture;
use crate::cli::send::fresh::{Freshness, freshen, newest};
use crate::clock::Clock;
use crate::config::Source;

/// One source and what is sent through it.
pub(super) struct Tried<'s> {
    /// The source of the private run.
    pub(super) source: &'s Source,
    /// The stored requests of its provider, each with its name.
    pub(super) fixtures: Vec<(Arc<str>, &'s Fixture)>,
    /// What its patterns let out and could be told.
    pub(super) patterns: Vec<Patterned>,
}

/// What was sent through one source, and what came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// What there was to try.
    pub(super) fields: Fields,
    /// How many deliveries.
    pub(super) deliveries: u64,
    /// How many were answered so.
    pub(super) answers: BTreeMap<String, u64>,
}

/// A delivery that nobody behind the door has seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unseen {
    /// The place of the source.
    pub(super) source: usize,
    /// The fixture.
    pub(super) fixture: Arc<str>,
    /// What came back.
    pub(super) answer: String,
}

/// All that was said on the public listener.
#[derive(Default)]
pub(super) struct Said {
    /// By source.
    pub(super) sent: Vec<Sent>,
    /// The answers, byte for byte.
    pub(super) answers: Vec<Vec<u8>>,
    /// Deliveries that are no proof.
    pub(super) unseen: Vec<Unseen>,
}

struct Letter {
    source: usize,
    fixture: Arc<str>,
    request: Vec<u8>,
}

/// Sends everything there is to send, never too far ahead of who reads.
pub(super) async fn send(
    tried: &[Tried<'_>],
    mint: &mut Mint,
    to: SocketAddr,
    read: watch::Receiver<u64>,
    each: impl Fn(),
) -> anyhow::Result<Said> {
    let (pass, letters) = mpsc::channel::<Letter>(bounds::PROOF_QUEUE);
    let letters = Arc::new(Mutex::new(letters));
    let said = Said { sent: vec![Sent::default(); tried.len()], ..Said::default() };
    let said = Arc::new(std::sync::Mutex::new(said));
    let mut senders = JoinSet::new();
    for _ in 0..bounds::PROOF_CONNECTIONS {
        senders.spawn(sender(to, Arc::clone(&letters), Arc::clone(&said)));
    }
    drop(letters);
    make(tried, mint, &said, &pass, read, each).await?;
    drop(pass);
    while let Some(sender) = senders.join_next().await {
        sender?;
    }
    let said = Arc::into_inner(said).and_then(|said| said.into_inner().ok());
    said.context("a sender has not ended")
}

async fn make(
    tried: &[Tried<'_>],
    mint: &mut Mint,
    said: &std::sync::Mutex<Said>,
    pass: &mpsc::Sender<Letter>,
    mut read: watch::Receiver<u64>,
    each: impl Fn(),
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let mut made = 0;
    for (place, Tried { source, fixtures, patterns }) in tried.iter().enumerate() {
        let dialect = source.provider.dialect;
        for (name, fixture) in fixtures {
            let stored = String::from_utf8_lossy(&fixture.body).into_owned();
            let found = spots(&stored, Some(dialect));
            note(said, place, found.as_deref().map(Fields::of).unwrap_or_default());
            for turn in turns(found.as_deref(), patterns.len()) {
                let mut filler = Filler { mint, source: place, fixture: name, dialect, patterns };
                let Some(body) = filler.body(&fresh(&stored, &clock), turn) else { continue };
                let spoken = spoken(&mut filler, turn);
                let request = request(source, &body, &spoken, &clock);
                let letter = Letter { source: place, fixture: Arc::clone(name), request };
                pass.send(letter).await.map_err(|_| anyhow!("nobody sends any more"))?;
                made += 1;
                each();
                let behind = |read: &u64| made <= read + bounds::PROOF_BEHIND_RECORDS;
                let waited = timeout(bounds::PROOF_CAUGHT_UP, read.wait_for(behind)).await;
                waited.context("what is taken is not published, or cannot be read")??;
            }
        }
    }
    Ok(())
}

fn note(said: &std::sync::Mutex<Said>, place: usize, fields: Fields) {
    if let Ok(mut said) = said.lock()
        && let Some(sent) = said.sent.get_mut(place)
    {
        sent.fields = sent.fields.and(fields);
    }
}

/// The body with fresh ids and times, the newest of them now.
fn fresh(stored: &str, clock: &Clock) -> String {
    let now = clock.now().millis() / 1_000;
    let seconds = now - newest(stored.as_bytes()).unwrap_or(now);
    let freshness = Freshness { salt: rand::random(), seconds };
    String::from_utf8_lossy(&freshen(stored.as_bytes(), &freshness)).into_owned()
}

/// What else a sender may write: header lines and a query. With all deliveries in which everything
/// is replaced.
fn spoken(filler: &mut Filler<'_>, turn: Turn) -> (String, String) {
    if !matches!(turn, Turn::All(..)) {
        return (String::new(), String::new());
    }
    let mut say = |what: &str| {
        let made = filler.mint.alike("spoken");
        let text = made.text.clone();
        let (source, fixture) = (Some(filler.source), Arc::clone(filler.fixture));
        filler.mint.put(made, Origin { source, fixture, path: Arc::from(what) });
        text
    };
    let query = format!("?{}={}", say("(name in the query)"), say("(query)"));
    let names = ["User-Agent", "X-Request-Id", "X-Forwarded-For", "Referer", "Cookie"];
    let named = names.map(|name| format!("{name}: {}\r\n", say(&format!("({name})"))));
    let other = format!("X-{}: Zoë {}\r\n", say("(name of a header)"), say("(header)"));
    (query, named.concat() + &other)
}

fn request(source: &Source, body: &str, spoken: &(String, String), clock: &Clock) -> Vec<u8> {
    let route = source.routes.first().map_or("/", String::as_str);
    let (query, lines) = spoken;
    let mut head = format!("POST {route}{query} HTTP/1.1\r\nHost: gate\r\n{lines}");
    for (name, value) in source.scheme.sign(body.as_bytes(), clock.now()) {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    (head + body).into_bytes()
}

async fn sender(
    to: SocketAddr,
    letters: Arc<Mutex<mpsc::Receiver<Letter>>>,
    said: Arc<std::sync::Mutex<Said>>,
) {
    let mut wire = Wire::new(to);
    loop {
        let next = letters.lock().await.recv().await;
        let Some(Letter { source, fixture, request }) = next else { return };
        let answer = wire.ask(&request).await;
        let outcome = match &answer {
            Ok(answer) => {
                let named =
                    answer.json().get("outcome").and_then(|o| o.as_str().map(str::to_owned));
                named.unwrap_or_else(|| format!("status {}", answer.status))
            }
            Err(error) => format!("no answer: {}", error.kind()),
        };
        let Ok(mut said) = said.lock() else { return };
        said.answers.extend(answer.ok().map(|answer| answer.bytes));
        if let Some(sent) = said.sent.get_mut(source) {
            sent.deliveries += 1;
            *sent.answers.entry(outcome.clone()).or_default() += 1;
        }
        if !matches!(outcome.as_str(), "accepted" | "quarantined") {
            said.unseen.push(Unseen { source, fixture, answer: outcome });
        }
    }
}
