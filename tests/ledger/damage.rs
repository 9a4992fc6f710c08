//! A journal whose files are damaged: it is refused by name, or what it gives is true.
//!
//! The gateway is killed with a backlog. Copies of its journal are damaged, each in another place,
//! and a second gateway is started on each copy, with topics of its own. It may refuse to start,
//! naming the damage; or run. What it then publishes must be what was sent, and of what it does not
//! publish either the log must speak, or the journal has gone back to an earlier whole state (the
//! write-ahead log was cut: nobody can know what stood there). Then the true journal goes on.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::Rng;
use tokio::time::timeout;

use crate::chapters::{Chapter, Scene};
use crate::gate::{CREATE, Gate, free_port};
use crate::judge;
use crate::stand::Stand;
use crate::topics;

/// How long a gateway on a damaged journal is watched.
const WATCHED: Duration = Duration::from_secs(6);

/// Where a file is damaged, and how.
const DAMAGES: [(&str, &str, Harm); 6] = [
    ("the middle of the database", "journal.db", Harm::Middle),
    ("the end of the database", "journal.db", Harm::CutShort),
    ("pages all over the database", "journal.db", Harm::Scattered),
    ("the middle of its log", "journal.db-wal", Harm::Middle),
    ("the end of its log", "journal.db-wal", Harm::CutShort),
    ("the head of the database", "journal.db", Harm::Head),
];

#[derive(Clone, Copy)]
enum Harm {
    Middle,
    CutShort,
    Scattered,
    Head,
}

/// Tries every damage on copies, then goes on with the true journal.
pub(crate) async fn run(chapter: &Chapter, scene: &Scene<'_>) -> Result<Stand> {
    let house = chapter.house(scene, CREATE, false)?;
    // Nothing of it is published yet: there is nobody at that port.
    let nobody = [("HOOKGATE__KAFKA__BROKERS", "127.0.0.1:1".to_owned())];
    let mut stand = scene.stand((house, None), false, &nobody).await?;
    stand.work(600).await?;
    stand.gate.kill().await?;
    let truth: HashMap<_, _> =
        judge::rows(&copied(&stand, "true")?)?.into_iter().map(|(at, id)| (id, at)).collect();
    for (number, (what, file, harm)) in DAMAGES.into_iter().enumerate() {
        let copy = copied(&stand, &format!("damaged-{number}"))?;
        harm.inflict(&copy.join(file), &mut stand.rng)?;
        let ended = watched(&stand, &copy, &format!("damage-{number}"), &truth).await;
        let ended = ended.with_context(|| format!("with {what} damaged"))?;
        println!("{:<12}        {what}: {ended}", chapter.name);
    }
    stand.rise().await?;
    stand.work(150).await?;
    Ok(stand)
}

/// A copy of the journal that nobody has open.
fn copied(stand: &Stand, name: &str) -> Result<std::path::PathBuf> {
    let copy = stand.house.folder.join(name);
    std::fs::create_dir_all(&copy)?;
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(stand.house.journal.join(file), copy.join(file))?;
    }
    Ok(copy)
}

impl Harm {
    fn inflict(self, file: &Path, rng: &mut impl Rng) -> Result<()> {
        let mut bytes = std::fs::read(file)?;
        let length = bytes.len();
        ensure!(length > 16 * 4_096, "{} is too small to be damaged", file.display());
        let mut spoil = |from: usize, count: usize| {
            for byte in &mut bytes[from..from + count] {
                *byte ^= rng.random_range(1..=255_u8);
            }
        };
        match self {
            Self::Middle => spoil(length / 2, 64),
            Self::Head => spoil(24, 64),
            Self::CutShort => bytes.truncate(length - 3 * 4_096 - 1_000),
            Self::Scattered => (2..16).for_each(|part| spoil(length / 16 * part + 100, 8)),
        }
        Ok(std::fs::write(file, bytes)?)
    }
}

/// Starts a gateway on a damaged copy; what it did, in words, if that may be.
async fn watched(
    stand: &Stand,
    copy: &Path,
    prefix: &str,
    truth: &HashMap<String, u64>,
) -> Result<String> {
    let house = &stand.house;
    let more = [
        ("HOOKGATE__JOURNAL__DIR", copy.to_string_lossy().into_owned()),
        ("HOOKGATE__KAFKA__TOPIC_PREFIX", prefix.to_owned()),
        ("HOOKGATE__SERVER__LISTEN", free_port()?.to_string()),
        ("HOOKGATE__ADMIN__LISTEN", free_port()?.to_string()),
        ("HOOKGATE__SERVER__DRAIN_DEADLINE", "2s".to_owned()),
    ];
    let mut gate = Gate::spawn(house, &more)?;
    if !gate.opens().await {
        let status = gate.ended().await?;
        let named = gate.words().contains("damaged");
        ensure!(named, "it ended with {status} and did not name the damage: {}", gate.words());
        return Ok(format!("refused to start ({status}) and said so"));
    }
    // Until it has published what it can, or the time is over.
    let _ = timeout(WATCHED, gate.until_published()).await;
    let asked = gate.signal("TERM").await;
    let status = gate.ended().await?;
    asked.or_else(|error| if status.code() == Some(1) { Ok(()) } else { Err(error) })?;
    let records = topics::read(&house.brokers, prefix).await?;
    let mut there = HashMap::new();
    let book = stand.senders.notes().book();
    let sent: HashMap<_, _> =
        book.sent.iter().map(|sent| (sent.expected.id.as_str(), &sent.expected)).collect();
    for record in &records {
        let expected = sent.get(record.id.as_str()).context("it published what nobody sent")?;
        ensure!(record.digest == expected.digest, "it published {} changed", record.id);
        ensure!(truth.get(&record.id) == Some(&record.sequence), "{} has moved", record.id);
        there.insert(record.sequence, ());
    }
    let missing: Vec<_> = truth.values().filter(|at| !there.contains_key(at)).collect();
    let first = missing.iter().min().map_or(u64::MAX, |at| **at);
    let is_prefix = there.keys().all(|at| *at < first);
    let loud = gate.said().iter().any(|line| line["level"] == "ERROR");
    ensure!(
        missing.is_empty() || is_prefix || loud,
        "{} events are missing among {} and the log is silent",
        missing.len(),
        truth.len()
    );
    let said = if loud { "and said so" } else { "and saw nothing" };
    Ok(format!("gave {} of {} events, ended with {status}, {said}", there.len(), truth.len()))
}
