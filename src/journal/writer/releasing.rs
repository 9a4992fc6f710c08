//! How the writer lets events go out of quarantine: rows of their own, in one transaction.

use rusqlite::TransactionBehavior;

use super::{AppendError, Health, Writer, stored};
use crate::journal::release::{self, LetGo, Release, Releasing};

impl Writer {
    /// Lets events go, and answers.
    pub(super) fn release(&mut self, releasing: Releasing) {
        let Releasing { releases, reply } = releasing;
        let answer = match self.shared.health() {
            Health::Ok => self
                .write_releases(&releases)
                .map_err(|error| self.fail(&error, "releasing from quarantine failed")),
            Health::DiskFull => Err(AppendError::DiskFull),
            Health::Poisoned => Err(AppendError::Poisoned),
        };
        // Whoever asked may have gone away; it is done all the same.
        let _ = reply.send(answer);
    }

    fn write_releases(&mut self, releases: &[Release]) -> rusqlite::Result<Vec<LetGo>> {
        self.tuning.disk.before(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers = release::write(&transaction, releases, self.clock.now())?;
        self.tuning.disk.commit(transaction)?;
        let mut head = None;
        {
            let mut tail = self.shared.tail();
            for (release, answer) in releases.iter().zip(&answers) {
                if let LetGo::Now { sequence } = *answer {
                    tail.push(stored(sequence, &release.event));
                    head = Some(sequence);
                }
            }
        }
        if let Some(head) = head {
            self.shared.head.send_replace(head);
        }
        Ok(answers)
    }
}
