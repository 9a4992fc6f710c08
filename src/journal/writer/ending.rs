//! How the writer ends: in order, or in distrust of its disk.

use super::{AppendError, Batch, Health, Order, Writer, refuse};
use crate::journal::fault::Code;
use crate::journal::{checkpoint, disk, schema};

impl Writer {
    /// The end of a journal that is closed: the queue, the cursors, the log.
    pub(super) fn finish(mut self) {
        loop {
            let mut batch = Batch::default();
            if let Ok(order) = self.orders.try_recv() {
                self.gather(order, &mut batch);
            }
            let erasing = batch.erasing.take();
            let last = batch.events.is_empty() && erasing.is_none();
            match self.shared.health() {
                Health::Ok => self.take(batch),
                Health::DiskFull => refuse(batch, AppendError::DiskFull),
                Health::Poisoned => refuse(batch, AppendError::Poisoned),
            }
            erasing.into_iter().for_each(|erasing| self.erase(erasing));
            if last {
                break;
            }
        }
        self.checkpointer.stop();
        drop(self.patrol);
        let whole = *self.shared.looked_through.borrow();
        if !self.shared.is_poisoned()
            && let Err(error) = schema::set_closed(&self.connection, whole)
                .and_then(|()| checkpoint::truncate(&self.connection))
        {
            let code = Code::of(&error);
            tracing::warn!(%code, "the journal's log was not emptied; the next start does it");
        }
        drop(self.connection);
        disk::unlock(&self.lock);
    }

    /// The end of a journal that no longer trusts its disk: nothing is committed or copied any
    /// more, whoever waits is told.
    pub(super) fn abandon(self, closing: bool) {
        self.checkpointer.stop();
        drop(self.patrol);
        drop(self.connection);
        let mut closing = closing;
        while !closing {
            match self.orders.recv() {
                Ok(Order::Append(_, reply)) => {
                    let _ = reply.send(Err(AppendError::Poisoned));
                }
                Ok(Order::Note(note)) => drop(note.reply.send(Err(AppendError::Poisoned))),
                Ok(Order::Erase(erasing)) => erasing.refuse(AppendError::Poisoned),
                Ok(Order::Nudge) => {}
                Ok(Order::Close) | Err(_) => closing = true,
            }
        }
        disk::unlock(&self.lock);
    }
}
