//! Whether a full disk has room again.

use rusqlite::TransactionBehavior;

use super::Writer;
use crate::bounds;

impl Writer {
    /// Sees whether a full disk has room again, by writing to it. What is old makes some.
    pub(super) fn probe(&mut self) {
        self.sweep();
        match self.write_probe() {
            Ok(()) => {
                if self.shared.set_full(false) {
                    tracing::warn!("the journal's disk has room again: events are taken");
                }
            }
            Err(error) => {
                self.fail(&error, "trying the full disk failed");
            }
        }
    }

    /// As much as [`bounds::DISK_PROBE_BYTES`] must reach the disk, or the first events after a
    /// full disk would find it full again.
    fn write_probe(&mut self) -> rusqlite::Result<()> {
        self.tuning.disk.before(&self.connection)?;
        for statement in [
            "INSERT OR REPLACE INTO probe(number, filler) VALUES (1, zeroblob(?1))",
            "DELETE FROM probe WHERE ?1 > 0",
        ] {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(statement, [bounds::DISK_PROBE_BYTES])?;
            self.tuning.disk.commit(transaction)?;
        }
        Ok(())
    }
}
