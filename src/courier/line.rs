//! The client at hand: when it is opened, how it batches, when it is closed.
//!
//! There is one way out of every trouble with a client: send no more, let what is outstanding be
//! answered (for a bounded time), close it, and start from the front of what is not acknowledged.

use super::exact::Exact;
use super::pause::{Backoff, Deadline};
use super::run::Run;
use crate::bounds;
use crate::publish::{
    Batching, Failure, Inspector, Publisher, Registrar, Registration, Reports, SettingsError,
    Trouble,
};

/// A client and where its words arrive.
pub(super) struct Line {
    pub(super) publisher: Publisher,
    pub(super) reports: Reports,
    pub(super) batching: Batching,
}

pub(super) struct Ending {
    pub(super) latest: Deadline,
    /// What it is for.
    pub(super) cause: Failure,
    /// The first slot that it failed on.
    pub(super) slot: usize,
}

impl Run<'_> {
    /// Closes and opens the client where that is due.
    pub(super) fn mend(&mut self) {
        let held = |family| self.holds.is_held(family);
        if let Some(last) = self.alone_through
            && !self.window.has_suspects(last, held)
        {
            self.alone_through = None;
        }
        if let Some(line) = &self.line {
            let overdue = self.ending.as_ref().is_some_and(|ending| ending.latest.is_past());
            let unfit = self.ending.is_some() || line.batching != self.batching();
            if !unfit || (self.window.outstanding() > 0 && !overdue) {
                return;
            }
            self.close();
        }
        if self.pause.is_some_and(|pause| !pause.is_past()) {
            return;
        }
        self.pause = None;
        match self.open() {
            Ok(()) if self.stuck.is_none() => {
                self.backoff = Backoff::default();
                self.outlook.resumed();
            }
            Ok(()) => {}
            Err(error) => {
                self.stop(Failure { trouble: Trouble::Refused, detail: error.to_string() })
            }
        }
    }

    fn open(&mut self) -> Result<(), SettingsError> {
        if !self.is_ready()? {
            return Ok(());
        }
        let batching = self.batching();
        let (heard, tracing) = self.told();
        let (publisher, reports) = Publisher::open(&self.parts.settings, batching, heard, tracing)?;
        self.line = Some(Line { publisher, reports, batching });
        Ok(())
    }

    /// Whether a client may be opened: records can say of which schema they are, or need not. Has
    /// somebody look at the brokers, and ask the registry of schemas.
    pub(super) fn is_ready(&mut self) -> Result<bool, SettingsError> {
        if self.inspector.is_none() {
            self.inspector = Some(Inspector::start(&self.parts.settings)?);
        }
        let registered = self.parts.settings.is_registered();
        if registered {
            self.registrar = None;
            self.outlook.registered();
        } else if self.registrar.is_none() {
            self.registrar = Registrar::start(&self.parts.settings)?;
            self.outlook.registering();
        }
        Ok(registered)
    }

    /// Takes what came of asking. The next look opens the client.
    pub(super) fn registry_said(&mut self, said: Option<Registration>) {
        match said {
            Some(Ok(())) => self.registrar = None,
            Some(Err(failure)) => {
                self.parts.telemetry.gateway.publish_failed(Trouble::Registry.as_str());
                self.outlook.unregistered(failure);
            }
            None => {
                self.registrar = None;
                let detail = "whoever asks the schema registry ended by a defect".to_owned();
                self.stop(Failure { trouble: Trouble::Fatal, detail });
            }
        }
    }

    /// Withdraws what is outstanding, hears every fate, and decides how to go on.
    pub(super) fn close(&mut self) {
        let Some(mut line) = self.line.take() else {
            return;
        };
        line.publisher.close();
        while let Ok(report) = line.reports.fates.try_recv() {
            self.settle(report);
        }
        self.window.rewind();
        let Some(ending) = self.ending.take() else {
            return;
        };
        let cause = ending.cause;
        if cause.trouble != Trouble::TooLarge {
            self.stuck = Some(ending.slot);
            self.stop(cause);
        }
    }

    /// Pauses before the next client.
    pub(super) fn stop(&mut self, failure: Failure) {
        let first = self.backoff.is_fresh();
        let pause = self.backoff.next();
        let reason = &failure.detail;
        tracing::warn!(?pause, reason, "publishing pauses");
        self.pause = Some(Deadline::after(pause));
        // A client that ended once is an event, and nobody's task; twice is a state.
        if !first || !matches!(failure.trouble, Trouble::Fatal | Trouble::Fenced) {
            self.outlook.stopped(failure);
        }
    }

    pub(super) fn batching(&self) -> Batching {
        match self.alone_through {
            Some(_) => Batching::Alone,
            None => Batching::Together { bytes: self.batch_bytes },
        }
    }

    /// A client that may sleep until the wall clock has caught up is replaced, and so is the one
    /// that inspects.
    pub(super) fn mind_the_clock(&mut self) {
        let Some(by) = self.setback.look(&self.parts.clock) else {
            return;
        };
        tracing::warn!(seconds = by.as_secs(), "the clock was set back");
        self.inspector = None;
        let detail = "the clock was set back".to_owned();
        let cause = Failure { trouble: Trouble::Fatal, detail };
        if self.line.is_some() {
            self.end(cause, self.window.front());
        } else if self.exact.as_ref().is_some_and(Exact::is_open) {
            // No failure of publishing.
            self.begin_anew(cause);
        }
    }

    /// Lets the client run out, then be closed. A cause that says more replaces one that says less.
    pub(super) fn end(&mut self, cause: Failure, slot: usize) {
        if self.exact.is_some() {
            return self.stop(cause);
        }
        match &mut self.ending {
            None => {
                let latest = Deadline::after(bounds::BROKER_REQUEST);
                self.ending = Some(Ending { latest, cause, slot });
            }
            Some(ending) => {
                ending.slot = ending.slot.min(slot);
                if weight(&cause) > weight(&ending.cause) {
                    ending.cause = cause;
                }
            }
        }
    }
}

/// What follows from another failure says less than that other.
fn weight(cause: &Failure) -> u8 {
    match cause.trouble {
        Trouble::Fatal | Trouble::Fenced => 0,
        Trouble::TooLarge => 1,
        Trouble::UnknownTopic
        | Trouble::Unauthorized
        | Trouble::Authentication
        | Trouble::Cursor
        | Trouble::Registry
        | Trouble::Unreachable
        | Trouble::Refused => 2,
    }
}
