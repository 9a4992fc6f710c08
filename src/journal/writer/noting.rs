//! Notes of replays: seldom, small, each in a transaction of its own behind the batch in hand.

use rusqlite::TransactionBehavior;

use super::Writer;
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
        let kept = self.transact(change);
        kept.map_err(|error| self.fail(&error, "keeping a note of a replay failed"))
    }

    fn transact(&mut self, change: &Change) -> rusqlite::Result<()> {
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change.write(&transaction)?;
        self.tuning.disk.commit(transaction)
    }
}
