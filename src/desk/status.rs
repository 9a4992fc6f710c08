//! How everything stands, on one screen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{AcceptedRisk, Desk, InForce, KeyStatus, Parts, Refusal, ReplayReport};
use crate::clock::Timestamp;
use crate::journal::search::Standing;
use crate::journal::{Health, Journal, LedgerRow, ReadError};

/// How everything stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusReport {
    /// The program's version.
    pub version: String,
    /// This gateway in its fleet.
    pub instance: String,
    /// Of the configuration in force; no secret is in it.
    pub fingerprint: String,
    /// Since when this process takes deliveries.
    pub started: Timestamp,
    /// When this was looked at.
    pub now: Timestamp,
    /// Whether deliveries are accepted.
    pub ready: bool,
    /// `ok`, `degraded` or `unavailable`: the worst of `checks`.
    pub status: String,
    /// Each dependency by name, as `/readyz` says.
    pub checks: BTreeMap<String, CheckStatus>,
    /// Each configured source.
    pub sources: Vec<SourceStatus>,
    /// The certificates of the listeners that have one.
    #[serde(default)]
    pub certificates: Vec<CertificateStatus>,
    /// Kafka and what waits for it.
    pub kafka: KafkaStatus,
    /// The journal and its disk.
    pub journal: JournalStatus,
    /// The file that is searched.
    pub search: SearchStatus,
    /// The totals of every source ever seen.
    pub ledger: Vec<LedgerStatus>,
    /// Beside the ledger: the totals of what was released from quarantine, by its source.
    #[serde(default)]
    pub released: Vec<LedgerStatus>,
    /// Beside the ledger: the totals of our own events, which tell what was forgotten; absent
    /// before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_events: Option<LedgerStatus>,
    /// Keys that are given beside their successors.
    #[serde(default)]
    pub keys: Vec<KeyStatus>,
    /// Replays that have not ended.
    pub replays: Vec<ReplayReport>,
    /// What is allowed but should be known.
    pub warnings: Vec<String>,
    /// What leaves by a rule that accepts the risk of it, and why.
    #[serde(default)]
    pub accepted_risks: Vec<AcceptedRisk>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckStatus {
    /// `ok`, `degraded` or `unavailable`.
    pub status: String,
    /// Why, where it is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One source. Counts are of this process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Who sends.
    pub provider: String,
    /// Whose events these are.
    pub tenant: String,
    /// `live`, `hold` or `shadow`.
    pub mode: String,
    /// Deliveries a second over the last minute.
    pub per_second: f64,
    /// When its last event was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event: Option<Timestamp>,
    /// Deliveries by outcome; outcomes that never happened are left out.
    pub outcomes: BTreeMap<String, u64>,
    /// Refused signatures by reason; reasons that never happened are left out.
    pub refused: BTreeMap<String, u64>,
    /// Its secrets.
    pub secrets: Vec<SecretStatus>,
}

/// One secret, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretStatus {
    /// The variable, file or API key; never a value.
    pub name: String,
    /// When it last verified a delivery to this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What should be known: it expires soon, has expired, or was never used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// The certificate of one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateStatus {
    /// `public` or `admin`.
    pub listener: String,
    /// When the one in force ends.
    pub expires: Timestamp,
    /// What should be known: it ends soon, has ended, or its files cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Kafka and what waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KafkaStatus {
    /// `up`, `down` or `waiting` (for a human).
    pub state: String,
    /// Why it is not up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `at_least_once` or `exactly_once`.
    pub delivery: String,
    /// Every event up to this sequence is published.
    pub cursor: u64,
    /// Events that wait for it.
    pub backlog: u64,
    /// Events handed to the client and not acknowledged.
    pub in_flight: u64,
    /// Age of the oldest event that waits, in seconds.
    pub lag_seconds: f64,
}

/// The journal and its disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalStatus {
    /// `ok`, `disk_full` or `poisoned`.
    pub health: String,
    /// The highest sequence.
    pub head: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When its oldest event was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// How long published events stay, in seconds.
    pub retention_seconds: u64,
    /// Bytes it may take before the oldest go earlier.
    pub retention_max_bytes: u64,
    /// Bytes free on its disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free_bytes: Option<u64>,
    /// How long that lasts at the growth of the last hour, in seconds; absent: it does not grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_lasts_seconds: Option<u64>,
    /// Damaged events met since the start.
    pub damaged_events: u64,
    /// What was forgotten may still stand in the journal's log; it is tried again by itself.
    #[serde(default)]
    pub erasure_pending: bool,
}

/// The file that is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchStatus {
    /// The highest sequence that it knows.
    pub through: u64,
    /// Events behind the journal's head.
    pub lag_events: u64,
    /// It is being built anew: what is older is not found yet.
    pub rebuilding: bool,
}

/// The totals of one source: accepted + quarantined = published + pending + held +
/// erased_unpublished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerStatus {
    /// The source.
    pub source: String,
    /// Understood and kept.
    pub accepted: u64,
    /// Kept in quarantine.
    pub quarantined: u64,
    /// On Kafka.
    pub published: u64,
    /// On their way.
    pub pending: u64,
    /// Kept back.
    pub held: u64,
    /// Gone before they were published: forgotten, or lost to damage.
    pub erased_unpublished: u64,
}

impl Desk {
    /// How everything stands. Whatever the journal holds, it is read in a few short questions.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] where the journal cannot be read.
    pub async fn status(&self) -> Result<StatusReport, Refusal> {
        let desk = self.inner.clone();
        let read = spawn_blocking(move || {
            let (ledger, beside) = (desk.journal.ledger()?, desk.journal.released()?);
            let totals = (ledger, beside, desk.journal.own_events()?);
            Ok::<_, ReadError>((totals, desk.keys_now()?, desk.journal_now()))
        });
        let ((ledger, released, own_events), (keys, alarms), journal) =
            read.await.map_err(|_panicked| Refusal::Defect)?.map_err(unreadable)?;
        let replays = match self.inner.replays {
            Some(_) => self.replays().await?.replays,
            None => Vec::new(),
        };
        let InForce { fingerprint, mut warnings, accepted_risks } = self.in_force();
        warnings.extend(alarms);
        let Parts { journal: of, sources, instruments, clock, .. } = &*self.inner;
        let now = clock.now();
        let checks = (instruments.checks)();
        let worst = worst(&checks);
        let sources = sources.now();
        Ok(StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: of.instance().to_string(),
            fingerprint,
            started: instruments.started,
            now,
            ready: worst != "unavailable",
            status: worst.to_owned(),
            checks,
            sources: sources.iter().map(|source| instruments.source(source, now)).collect(),
            certificates: (instruments.certificates)(now),
            kafka: instruments.kafka(ledger.iter().map(|row| row.pending).sum()),
            search: searched(of, journal.head),
            journal,
            ledger: ledger.into_iter().map(LedgerStatus::from).collect(),
            released: released.into_iter().map(LedgerStatus::from).collect(),
            own_events: own_events.map(LedgerStatus::from),
            keys,
            replays: replays.into_iter().filter(|replay| replay.ended.is_none()).collect(),
            warnings,
            accepted_risks,
        })
    }
}

impl Parts {
    /// The journal as it stands. Blocks.
    fn journal_now(&self) -> JournalStatus {
        let Self { journal, instruments, .. } = self;
        let (bytes, free) = (journal.bytes(), journal.disk_free());
        let growth = instruments.trends.growth(bytes);
        let lasts = free.zip(growth).map(|(free, growth)| (free as f64 / growth) as u64);
        let health = match *journal.health().borrow() {
            Health::Ok => "ok",
            Health::DiskFull => "disk_full",
            Health::Poisoned => "poisoned",
        };
        JournalStatus {
            health: health.to_owned(),
            head: *journal.head().borrow(),
            bytes,
            // A page that cannot be read is told of by the checks.
            oldest: journal.oldest().ok().flatten(),
            retention_seconds: instruments.retention.age.as_secs(),
            retention_max_bytes: instruments.retention.bytes_max,
            disk_free_bytes: free,
            disk_lasts_seconds: lasts,
            damaged_events: journal.damaged_events(),
            erasure_pending: journal.is_erasure_pending(),
        }
    }
}

/// `unavailable`, `degraded` or `ok`: the worst of all.
fn worst(checks: &BTreeMap<String, CheckStatus>) -> &'static str {
    let is = |word: &str| checks.values().any(|check| check.status == word);
    match (is("unavailable"), is("degraded")) {
        (true, _) => "unavailable",
        (false, true) => "degraded",
        (false, false) => "ok",
    }
}

fn searched(journal: &Journal, head: u64) -> SearchStatus {
    let standing = journal.search().map(|search| *search.standing().borrow());
    let Standing { through, rebuilding } = standing.unwrap_or_default();
    SearchStatus { through, lag_events: head.saturating_sub(through), rebuilding }
}

fn unreadable(error: ReadError) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

impl From<LedgerRow> for LedgerStatus {
    fn from(row: LedgerRow) -> Self {
        Self {
            source: row.source.to_string(),
            accepted: row.accepted,
            quarantined: row.quarantined,
            published: row.published,
            pending: row.pending,
            held: row.held,
            erased_unpublished: row.erased_unpublished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_dependency_decides() {
        let check = |name: &str, status: &str| {
            (name.to_owned(), CheckStatus { status: status.to_owned(), reason: None })
        };
        let checks = |each: [&str; 2]| BTreeMap::from([check("a", each[0]), check("b", each[1])]);
        assert_eq!(worst(&checks(["ok", "ok"])), "ok");
        assert_eq!(worst(&checks(["degraded", "ok"])), "degraded");
        assert_eq!(worst(&checks(["degraded", "unavailable"])), "unavailable");
    }
}
