//! The path of one delivery, from its head to its ending, on one screen.
//!
//! Verify, admit, normalize, scrub, append and wait for the disk, answer. Nothing here can be
//! skipped: each step asks for the ticket of the one before. Once [`Intake::take`] runs it runs to
//! its end; whoever called it may go away.
//!
//! Each delivery is logged once, with its ending.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::bounds::{OVER_RATE_IN_FLIGHT_MAX, OVER_RATE_WAIT};
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::event::{Mode, SourceName};
use crate::journal::{AppendError, Journal, Journaled};
use crate::normalize::{Unreadable, normalize};
use crate::outcome::Outcome;
use crate::providers::Provider;
use crate::scrub::{Boundary, Clean, Seen};
use crate::share::Share;
use crate::telemetry::SourceMeters;
use crate::throttle::{Rate, SourceRate};
use crate::trace::Tracing;
use crate::verify::{Authentic, Claim, Refusal, Scheme, Verifier};

mod log;
mod session;
mod sources;
mod tap;
mod trail;

pub use sources::Sources;
pub use tap::Tapped;

use log::{Log, Taken};
use tap::Tap;
use trail::{Told, Trail};

/// One sender: how it signs, how it speaks, what may leave, how fast it may come.
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// What it counts.
    pub meters: SourceMeters,
    /// How fast it may come.
    pub admission: Arc<Admission>,
    /// What becomes of what it sends.
    pub mode: Mode,
    verifier: Verifier,
    provider: Provider,
    boundary: Boundary,
    captures: bool,
    tap: Tap,
}

/// What a source is built from, besides how it is counted.
pub struct Terms {
    /// Its name.
    pub name: SourceName,
    /// How its provider speaks.
    pub provider: Provider,
    /// How its provider signs, with its secrets.
    pub scheme: Box<dyn Scheme>,
    /// What may leave from it.
    pub boundary: Boundary,
    /// How fast it may come.
    pub admission: Arc<Admission>,
    /// What becomes of what it sends.
    pub mode: Mode,
}

/// How fast one source may come. Outlives the source in a reload that leaves its rate as it was, so
/// that reloading is no way around it.
pub struct Admission {
    terms: Rate,
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
    log: Log,
    tracing: Option<Arc<Tracing>>,
}

impl Admission {
    /// With the whole burst at hand.
    pub fn new(terms: Rate, clock: Clock) -> Self {
        let rate = SourceRate::new(terms.per_second, terms.burst, clock);
        Self { terms, rate, over_rate: Semaphore::new(OVER_RATE_IN_FLIGHT_MAX) }
    }

    /// The rate it keeps.
    pub fn terms(&self) -> Rate {
        self.terms
    }

    /// Whether one more authentic delivery may come now; where refusals would silence the sender,
    /// one over the rate is taken as well, as long as there is room.
    async fn admit(&self, refusals_silence: bool) -> Result<Option<SemaphorePermit<'_>>, Outcome> {
        match self.rate.admit() {
            Ok(()) => Ok(None),
            Err(_) if !refusals_silence => Err(Outcome::RateLimited),
            Err(_) => match timeout(OVER_RATE_WAIT, self.over_rate.acquire()).await {
                Ok(Ok(place)) => Ok(Some(place)),
                Ok(Err(_)) | Err(_) => Err(Outcome::Overloaded),
            },
        }
    }
}

impl Source {
    /// A source on these terms.
    pub fn new(terms: Terms, meters: SourceMeters) -> Self {
        let Terms { name, provider, scheme, boundary, admission, mode } = terms;
        let verifier = Verifier::new(scheme);
        let (captures, tap) = (false, Tap::default());
        Self { name, meters, admission, mode, verifier, provider, boundary, captures, tap }
    }

    /// The same; whether its deliveries may be captured as test cases.
    pub fn with_capture(self, captures: bool) -> Self {
        Self { captures, ..self }
    }

    /// Whether its deliveries may be captured as test cases.
    pub fn captures(&self) -> bool {
        self.captures
    }

    /// How its provider speaks.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What may leave from it.
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// How its provider signs and takes refusals.
    pub fn scheme(&self) -> &dyn Scheme {
        self.verifier.scheme()
    }
}

impl Intake {
    /// The road into this journal.
    pub fn new(journal: Journal, clock: Clock) -> Self {
        Self { journal, log: Log::new(clock.clone()), clock, tracing: None }
    }

    /// The same, and events are told of to a collector.
    pub fn with_tracing(self, tracing: Option<Arc<Tracing>>) -> Self {
        Self { tracing, ..self }
    }

    /// From now on the log has a line of these events where all went well; of every event unless
    /// this was said. What did not go well is always written.
    pub fn log_accepted(&self, share: Share) {
        self.log.sample(share);
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
        let mut trail = Trail::new(self.tracing.as_deref(), &self.clock, caller.since);
        let authentic = source.verifier.verify(claim, body);
        drop(place);
        let verified = match authentic {
            Ok(Authentic::Event(verified)) => verified,
            Ok(Authentic::Ping(signer)) => return self.ping(source, signer, caller),
            Err(refusal) => return self.refuse(source, refusal, caller),
        };
        trail.step();
        self.signed(source, verified.signer());
        let silence = source.scheme().manners().refusals_silence;
        let _room = match source.admission.admit(silence).await {
            Ok(room) => room,
            Err(outcome) => return self.end(source, outcome, None, caller),
        };
        trail.step();
        let normalized = normalize(&verified, source.provider.name, source.provider.dialect);
        trail.step();
        let unreadable = normalized.unreadable();
        let clean = source.boundary.scrub(normalized);
        trail.step();
        match source.mode {
            Mode::Live | Mode::Hold => {
                let outcome = self.keep(source, clean, unreadable, caller, trail).await;
                if matches!(outcome, Outcome::Accepted(_) | Outcome::Quarantined(_)) {
                    source.tap.offer(verified);
                }
                outcome
            }
            Mode::Shadow => self.shadow(source, &clean, unreadable, caller, &trail),
        }
    }

    /// Says that a delivery was turned away before it came here.
    pub fn turned_away(&self, source: Option<&Source>, outcome: &Outcome, caller: &Caller) {
        self.log.turned_away(source.map(|source| &source.name), outcome, None, caller);
    }

    /// A connection ended before it was a delivery.
    pub fn unserved(&self, outcome: &Outcome, reason: Option<&'static str>, caller: &Caller) {
        self.log.turned_away(None, outcome, reason, caller);
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
        self.end(source, outcome, Some(refusal.as_str()), caller)
    }

    fn ping(&self, source: &Source, signer: Option<usize>, caller: &Caller) -> Outcome {
        self.signed(source, signer);
        self.log.ping(&source.name, caller);
        Outcome::Ping
    }

    fn signed(&self, source: &Source, signer: Option<usize>) {
        if let Some(place) = signer {
            source.meters.secret_used(place, self.clock.now().seconds());
        }
    }

    async fn keep(
        &self,
        source: &Source,
        clean: Clean,
        unreadable: Option<Unreadable>,
        caller: &Caller,
        mut trail: Trail<'_>,
    ) -> Outcome {
        let (id, kind, reason, received) =
            (clean.id(), clean.kind(), clean.reason(), clean.received());
        let session = self.log.session(&clean);
        let (removed, seen) = (clean.removed().to_vec(), clean.seen().clone());
        let appended = self.journal.append(clean).await;
        trail.step();
        let (outcome, sequence) = match appended {
            Ok(Journaled::Fresh { sequence }) => {
                counted(source, received, &removed, &seen);
                source.meters.kept(kind);
                let quarantined = reason.map(|_| Outcome::Quarantined(id));
                (quarantined.unwrap_or(Outcome::Accepted(id)), Some(sequence))
            }
            // Under its one name, which may be that of the identity key before.
            Ok(Journaled::Duplicate { id }) => {
                self.journal.notes().delivered_again(id);
                (Outcome::Duplicate(id), None)
            }
            Err(error) => {
                let outcome = not_kept(error);
                let told =
                    Told { source: &source.name, id, kind, sequence: None, outcome: &outcome };
                trail.end(&told, caller);
                return self.end(source, outcome, Some(why(error)), caller);
            }
        };
        let name = outcome.event_id().unwrap_or(id);
        let told = Told { source: &source.name, id: name, kind, sequence, outcome: &outcome };
        trail.end(&told, caller);
        // Of a duplicate it has been told.
        let seen = if sequence.is_some() { seen } else { Seen::default() };
        let taken = Taken { kind, reason, unreadable, sequence, session, seen };
        self.log.taken(&source.name, &outcome, &taken, caller);
        outcome
    }

    /// Counts what would have been kept, and lets it go.
    fn shadow(
        &self,
        source: &Source,
        clean: &Clean,
        unreadable: Option<Unreadable>,
        caller: &Caller,
        trail: &Trail<'_>,
    ) -> Outcome {
        counted(source, clean.received(), clean.removed(), clean.seen());
        let outcome = Outcome::Shadowed(clean.id());
        let (kind, reason) = (clean.kind(), clean.reason());
        let (id, sequence) = (clean.id(), None);
        trail.end(&Told { source: &source.name, id, kind, sequence, outcome: &outcome }, caller);
        let (session, seen) = (self.log.session(clean), clean.seen().clone());
        let taken = Taken { kind, reason, unreadable, sequence: None, session, seen };
        self.log.taken(&source.name, &outcome, &taken, caller);
        outcome
    }

    /// Ends a delivery short of the journal.
    fn end(
        &self,
        source: &Source,
        outcome: Outcome,
        reason: Option<&'static str>,
        caller: &Caller,
    ) -> Outcome {
        self.log.turned_away(Some(&source.name), &outcome, reason, caller);
        outcome
    }
}

/// Counts an event that is new to us, or would be.
fn counted(source: &Source, received: Timestamp, removed: &[(&'static str, u64)], seen: &Seen) {
    source.meters.last_event.set(received.seconds());
    for (rule, count) in removed {
        source.meters.removed(rule, *count);
    }
    for (detector, count) in &seen.detected {
        source.meters.violated(detector.as_str(), *count);
    }
    if seen.recording_forbidden {
        source.meters.recording_forbidden.increment(1);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_journal_does_not_take_can_be_sent_again() {
        for (error, label) in [
            (AppendError::QueueFull, "overloaded"),
            (AppendError::DiskFull, "journal_unavailable"),
            (AppendError::Poisoned, "journal_unavailable"),
            (AppendError::Closed, "draining"),
        ] {
            assert_eq!(not_kept(error).label(), label);
            assert!(not_kept(error).retryable());
        }
    }
}
