//! Notes of replays and holds: seldom, small, each in a transaction of its own behind the batch in
//! hand.

use std::sync::Arc;

use rusqlite::TransactionBehavior;

use super::Writer;
use crate::event::SourceName;
use crate::journal::holds::{self, Holds};
use crate::journal::replays::{Change, Note};
use crate::journal::{AppendError, Health};

impl Writer {
    /// Writes what is to be noted, and answers.
    pub(super) fn note(&mut self, Note { change, reply }: Note) {
        let answer = match self.shared.health() {
            Health::Ok => self.keep(&change),
            Health::DiskFull => Err(AppendError::DiskFull),
            Health::Poisoned => Err(AppendError::Poisoned),
        };
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }

    fn keep(&mut self, change: &Change) -> Result<(), AppendError> {
        match self.transact(change) {
            Ok(None) => {}
            Ok(Some(holds)) => self.follow(change, holds),
            Err(error) => return Err(self.fail(&error, "keeping a note failed")),
        }
        Ok(())
    }

    /// Writes it; the holds as they are then, where it is they that change.
    fn transact(&mut self, change: &Change) -> rusqlite::Result<Option<Holds>> {
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change.write(&transaction, &self.instance)?;
        let holds = match change {
            Change::Hold(_) => Some(holds::load(&transaction)?),
            Change::Begin(_) | Change::End(..) => None,
        };
        self.tuning.disk.commit(transaction)?;
        Ok(holds)
    }

    /// What is kept in memory follows the commit, before another event can be appended.
    fn follow(&mut self, change: &Change, now: Holds) {
        let before = self.shared.holds.borrow().clone();
        {
            let mut cursors = self.shared.cursors();
            for (source, hold) in now.each().filter(|(source, _)| before.of(source).is_none()) {
                cursors.begin(hold.lane(source), hold.since);
            }
            for (source, hold) in before.each().filter(|(source, _)| now.of(source).is_none()) {
                cursors.end(&hold.lane(source));
            }
        }
        if let Change::Hold(holds::Change::Hold(sources)) = change {
            let sources: Vec<_> = sources.iter().map(SourceName::as_str).collect();
            tracing::info!(?sources, "on hold: what comes is kept and not published");
        }
        self.shared.holds.send_replace(Arc::new(now));
    }
}
