//! The path of one delivery, from its head to its ending, on one screen.
//!
//! Verify, admit, normalize, scrub, append and wait for the disk, answer. Nothing here can be
//! skipped: each step asks for the ticket of the one before. Once [`Intake::take`] runs it runs to
//! its end; whoever called it may go away.
//!
//! Each ending is logged once, here or by the door that turned the delivery away, and never with
//! content: why it was refused, which source, which request, and the network it came from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::bounds::{
    OVER_RATE_IN_FLIGHT_MAX, OVER_RATE_WAIT, REFUSAL_LINES_BURST, REFUSAL_LINES_PER_SECOND,
};
use crate::clock::Clock;
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::event::{Kind, QuarantineReason, SourceName};
use crate::journal::{AppendError, Journal, Journaled};
use crate::normalize::normalize;
use crate::outcome::{Level, Outcome};
use crate::providers::Provider;
use crate::scrub::{Boundary, Clean};
use crate::telemetry::{SourceMeters, UNKNOWN_SOURCE};
use crate::throttle::{Rate, SourceRate};
use crate::verify::{Authentic, Claim, Refusal, Scheme, Verified, Verifier};

/// One sender: how it signs, how it speaks, what may leave, how fast it may come.
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// What it counts.
    pub meters: SourceMeters,
    verifier: Verifier,
    provider: Provider,
    boundary: Boundary,
    rate: SourceRate,
    over_rate: Semaphore,
}

/// What one delivery is told apart by in the log.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The request.
    pub request_id: RequestId,
    /// Who posted.
    pub peer: Peer,
    /// When the head had come, by the steady clock.
    pub since: Duration,
}

/// The road from the edge to the journal.
pub struct Intake {
    journal: Journal,
    clock: Clock,
    lines: SourceRate,
    unsaid: AtomicU64,
}

impl Source {
    /// A source of these parts.
    pub fn new(
        name: SourceName,
        provider: Provider,
        scheme: Box<dyn Scheme>,
        boundary: Boundary,
        rate: Rate,
        meters: SourceMeters,
        clock: Clock,
    ) -> Self {
        Self {
            name,
            meters,
            verifier: Verifier::new(scheme),
            provider,
            boundary,
            rate: SourceRate::new(rate.per_second, rate.burst, clock),
            over_rate: Semaphore::new(OVER_RATE_IN_FLIGHT_MAX),
        }
    }

    /// How its provider signs and takes refusals.
    pub fn scheme(&self) -> &dyn Scheme {
        self.verifier.scheme()
    }

    /// Whether one more authentic delivery may come now; where refusals would silence the sender,
    /// one over the rate is taken as well, as long as there is room.
    async fn admit(&self) -> Result<Option<SemaphorePermit<'_>>, Outcome> {
        match self.rate.admit() {
            Ok(()) => Ok(None),
            Err(_) if !self.scheme().manners().refusals_silence => Err(Outcome::RateLimited),
            Err(_) => match timeout(OVER_RATE_WAIT, self.over_rate.acquire()).await {
                Ok(Ok(place)) => Ok(Some(place)),
                Ok(Err(_)) | Err(_) => Err(Outcome::Overloaded),
            },
        }
    }
}

impl Intake {
    /// The road into this journal.
    pub fn new(journal: Journal, clock: Clock) -> Self {
        let per_second = std::num::NonZeroU32::new(REFUSAL_LINES_PER_SECOND);
        let burst = std::num::NonZeroU32::new(REFUSAL_LINES_BURST);
        let one = std::num::NonZeroU32::MIN;
        Self {
            journal,
            lines: SourceRate::new(per_second.unwrap_or(one), burst.unwrap_or(one), clock.clone()),
            unsaid: AtomicU64::new(0),
            clock,
        }
    }

    /// Judges a head alone, before its body is read.
    pub fn open(&self, source: &Source, head: Head, caller: &Caller) -> Result<Claim, Outcome> {
        let opened = source.verifier.open(head);
        opened.map_err(|refusal| self.refuse(source, refusal, caller))
    }

    /// Takes a whole delivery to its ending. `place` is what a narrowed sender holds until it is
    /// believed: an authentic delivery gives it back before it costs anything.
    pub async fn take(
        &self,
        source: &Source,
        claim: Claim,
        body: Body,
        caller: &Caller,
        place: Option<OwnedSemaphorePermit>,
    ) -> Outcome {
        let authentic = source.verifier.verify(claim, body);
        drop(place);
        let verified = match authentic {
            Ok(Authentic::Event(verified)) => verified,
            Ok(Authentic::Ping(signer)) => return self.ping(source, signer, caller),
            Err(refusal) => return self.refuse(source, refusal, caller),
        };
        self.signed(source, verified.signer());
        let _room = match source.admit().await {
            Ok(room) => room,
            Err(outcome) => return self.turned_away(&source.name, outcome, None, caller),
        };
        let clean = self.clean(source, &verified);
        self.keep(source, clean, caller).await
    }

    /// Logs that a delivery was turned away, and why. A flood of them is summed up.
    pub fn turned_away(
        &self,
        source: &SourceName,
        outcome: Outcome,
        reason: Option<&'static str>,
        caller: &Caller,
    ) -> Outcome {
        if self.lines.admit().is_err() {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return outcome;
        }
        let unsaid = match self.unsaid.swap(0, Ordering::Relaxed) {
            0 => None,
            unsaid => Some(unsaid),
        };
        let (outcome_label, request_id, peer) = (outcome.label(), &caller.request_id, caller.peer);
        match outcome.level() {
            Level::Info | Level::Warn => tracing::warn!(
                outcome = outcome_label, reason, %source, %request_id, %peer, unsaid,
                "a delivery was turned away",
            ),
            Level::Error => tracing::error!(
                outcome = outcome_label, reason, %source, %request_id, %peer, unsaid,
                "a delivery could not be taken",
            ),
        }
        outcome
    }

    /// The same for a delivery to no source.
    pub fn turned_away_unknown(&self, outcome: Outcome, caller: &Caller) -> Outcome {
        self.turned_away(&SourceName::new(UNKNOWN_SOURCE), outcome, None, caller)
    }

    fn refuse(&self, source: &Source, refusal: Refusal, caller: &Caller) -> Outcome {
        source.meters.refused(refusal.as_str());
        let outcome = match refusal {
            Refusal::AwaitingSecret => Outcome::AwaitingSecret,
            Refusal::Missing
            | Refusal::Malformed
            | Refusal::Doubled
            | Refusal::WrongAlgorithm
            | Refusal::UnknownKey
            | Refusal::WrongSignature
            | Refusal::BodyChanged
            | Refusal::Expired
            | Refusal::NotYetValid => Outcome::BadSignature,
        };
        self.turned_away(&source.name, outcome, Some(refusal.as_str()), caller)
    }

    fn ping(&self, source: &Source, signer: Option<usize>, caller: &Caller) -> Outcome {
        self.signed(source, signer);
        let (source, request_id) = (&source.name, &caller.request_id);
        tracing::info!(outcome = "ping", %source, %request_id, "a sender tested the URL");
        Outcome::Ping
    }

    fn signed(&self, source: &Source, signer: Option<usize>) {
        if let Some(place) = signer {
            source.meters.secret_used(place, self.clock.now().seconds());
        }
    }

    fn clean(&self, source: &Source, verified: &Verified) -> Clean {
        let normalized = normalize(verified, source.provider.name, source.provider.dialect);
        let clean = source.boundary.scrub(normalized);
        for (rule, count) in clean.removed() {
            source.meters.removed(rule, *count);
        }
        clean
    }

    async fn keep(&self, source: &Source, clean: Clean, caller: &Caller) -> Outcome {
        let (id, kind, reason, received) =
            (clean.id(), clean.kind(), clean.reason(), clean.received());
        let (outcome, sequence) = match self.journal.append(clean).await {
            Ok(Journaled::Fresh { sequence }) if reason.is_some() => {
                (Outcome::Quarantined(id), Some(sequence))
            }
            Ok(Journaled::Fresh { sequence }) => (Outcome::Accepted(id), Some(sequence)),
            Ok(Journaled::Duplicate) => (Outcome::Duplicate(id), None),
            Err(error) => {
                let outcome = not_kept(error);
                return self.turned_away(&source.name, outcome, Some(why(error)), caller);
            }
        };
        source.meters.last_event.set(received.seconds());
        let taken = Taken { kind, reason, sequence };
        self.say_taken(source, &outcome, &taken, caller);
        outcome
    }

    fn say_taken(&self, source: &Source, outcome: &Outcome, taken: &Taken, caller: &Caller) {
        let took = self.clock.steady().saturating_sub(caller.since);
        let (label, event_id) = (outcome.label(), outcome.event_id().map(tracing::field::display));
        let (source, request_id, kind) = (&source.name, &caller.request_id, taken.kind.as_str());
        let (sequence, ms) = (taken.sequence, took.as_secs_f64() * 1e3);
        match taken.reason {
            None => tracing::info!(
                outcome = label, %source, %request_id, kind, event_id, sequence, ms,
                "a delivery was taken",
            ),
            Some(reason) => tracing::warn!(
                outcome = label, %source, %request_id, kind, event_id, sequence, ms,
                reason = reason.as_str(),
                "a delivery was taken into quarantine",
            ),
        }
    }
}

/// What is known of a delivery that is on disk.
struct Taken {
    kind: Kind,
    reason: Option<QuarantineReason>,
    sequence: Option<u64>,
}

/// How a delivery ends that the journal did not take.
const fn not_kept(error: AppendError) -> Outcome {
    match error {
        AppendError::QueueFull => Outcome::Overloaded,
        AppendError::DiskFull | AppendError::Poisoned => Outcome::JournalUnavailable,
        AppendError::Closed => Outcome::Draining,
    }
}

const fn why(error: AppendError) -> &'static str {
    match error {
        AppendError::QueueFull => "queue_full",
        AppendError::DiskFull => "disk_full",
        AppendError::Poisoned => "poisoned",
        AppendError::Closed => "closed",
    }
}

/// The sources of a gateway, in the order of their configuration.
pub type Sources = Vec<Arc<Source>>;
