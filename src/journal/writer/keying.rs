//! How the writer notes under which keys it writes.

use rusqlite::TransactionBehavior;

use super::{AppendError, Health, Writer};
use crate::journal::keys::{self, Keying};
use crate::scrub::InUse;

impl Writer {
    /// Notes the keys that are in use from now on, and answers.
    pub(super) fn key(&mut self, Keying { in_use, reply }: Keying) {
        let answer = match self.shared.health() {
            Health::Ok => self
                .note_keys(&in_use)
                .map_err(|error| self.fail(&error, "noting the keys in use failed")),
            Health::DiskFull => Err(AppendError::DiskFull),
            Health::Poisoned => Err(AppendError::Poisoned),
        };
        if answer.is_ok() {
            // What comes under the new key has a generation of its own.
            self.tend();
        }
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }

    /// Until it is noted, nobody knows where identities under the key before lie.
    fn note_keys(&mut self, in_use: &[InUse]) -> rusqlite::Result<()> {
        self.identities.follow(None);
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last = self.identities.last();
        let (ids, changed) = keys::note(&transaction, in_use, last, self.clock.now())?;
        if changed {
            self.tuning.disk.commit(transaction)?;
        }
        self.identities.follow(ids.as_ref());
        Ok(())
    }
}
