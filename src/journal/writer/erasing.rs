//! How the writer erases: tombstones in one transaction, then the log.
//!
//! The log can be truncated only while nobody else has a view of the database, and waiting for that
//! holds up deliveries; so it is waited for a moment only, and tried again.

use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::{AppendError, Health, Writer, insert};
use crate::bounds;
use crate::clock::Clock;
use crate::event::SourceName;
use crate::journal::erase::{self, Entombed, Erasing};
use crate::journal::fault::Fault;
use crate::journal::shared::Shared;
use crate::journal::{Lane, checkpoint, schema};
use crate::scrub::Clean;

/// When the log is emptied of what was erased; `None` while there is nothing in it.
pub(in crate::journal) struct Scouring(Option<Duration>);

impl Scouring {
    /// As an earlier process left it.
    pub(in crate::journal) fn begun(is_due: bool, shared: &Shared, clock: &Clock) -> Self {
        shared.set_unscoured(is_due);
        Self(is_due.then(|| clock.steady()))
    }

    /// How long until it is tried again.
    pub(super) fn due_in(&self, clock: &Clock) -> Duration {
        self.0.map_or(Duration::MAX, |due| due.saturating_sub(clock.steady()))
    }
}

impl Writer {
    /// Does a piece of erasing and answers it.
    pub(super) fn erase(&mut self, erasing: Erasing) {
        let why = match self.shared.health() {
            Health::Ok => None,
            Health::DiskFull => Some(AppendError::DiskFull),
            Health::Poisoned => Some(AppendError::Poisoned),
        };
        match (why, erasing) {
            (Some(why), erasing) => erasing.refuse(why),
            (None, Erasing::Rows(sequences, telling, reply)) => {
                let done = self.entomb(&sequences, &telling);
                let done = done.map_err(|error| self.fail(&error, "erasing failed"));
                // Whoever asked may have gone away; it is done all the same.
                let _ = reply.send(done);
            }
            (None, Erasing::Log(reply)) => {
                self.scour();
                let _ = reply.send(Ok(!self.shared.is_unscoured()));
            }
        }
    }

    fn entomb(&mut self, sequences: &[u64], telling: &[Clean]) -> rusqlite::Result<Entombed> {
        self.tuning.disk.before(&self.connection)?;
        self.identities.begin_transaction();
        let holds = self.shared.holds.borrow().clone();
        let is_out = |source: &SourceName, sequence| {
            // Live traffic passes over what is held: its cursor says nothing of it.
            let held = holds.of(source).filter(|_| holds.keep(source, sequence));
            let lane = held.map_or(Lane::Live, |hold| hold.lane(source));
            sequence <= self.shared.cursors().through(&lane)
        };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut entombed = Entombed::default();
        let mut erased = Vec::new();
        for &sequence in sequences {
            if let Some(source) = erase::entomb(&transaction, sequence)? {
                entombed.events += 1;
                erased.push(sequence);
                entombed.unpublished += u64::from(!is_out(&source, sequence));
            }
        }
        let answers = insert(&mut self.identities, &transaction, telling, &holds)?;
        schema::set_unscoured(&transaction, true)?;
        self.tuning.disk.commit(transaction)?;
        self.identities.committed();
        self.scouring = Scouring(Some(self.clock.steady() + bounds::SCOUR_EVERY));
        self.shared.set_unscoured(true);
        let head = *self.shared.head.borrow();
        self.shared.tail().forget(head);
        // Nobody listens where nothing is published.
        let _ = self.shared.erasures.send(erased.into());
        self.show(telling, &answers);
        Ok(entombed)
    }

    /// Tries again what did not succeed.
    pub(super) fn scour_when_due(&mut self) {
        if self.scouring.due_in(&self.clock).is_zero() {
            self.scour();
        }
    }

    fn scour(&mut self) {
        if self.scouring.0.is_none() {
            return;
        }
        self.scouring = Scouring(Some(self.clock.steady() + bounds::SCOUR_EVERY));
        match self.empty_log() {
            Ok(()) => {
                self.scouring = Scouring(None);
                self.shared.set_unscoured(false);
                tracing::info!("what was erased is gone from the journal's log as well");
            }
            Err(error) if matches!(Fault::of(&error), Fault::Busy | Fault::Full) => {
                let every = bounds::SCOUR_EVERY;
                tracing::warn!(
                    ?every,
                    "what was erased still stands in the journal's log: something reads the \
                     journal, or its disk is full; it is tried again"
                );
            }
            Err(error) => {
                self.fail(&error, "emptying the log of what was erased failed");
            }
        }
    }

    fn empty_log(&mut self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(bounds::SCOUR_PATIENCE)?;
        let emptied = checkpoint::truncate(&self.connection);
        self.connection.busy_timeout(bounds::JOURNAL_BUSY)?;
        emptied?;
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::set_unscoured(&transaction, false)?;
        self.tuning.disk.commit(transaction)
    }
}
