//! What has a transaction of its own, beside the batches of deliveries.

use super::{AppendError, Writer};
use crate::journal::erase::Erasing;
use crate::journal::keys::Keying;
use crate::journal::release::Releasing;

/// What operators ask for, or a start says, rarely; it waits for its turn among the batches.
pub(in crate::journal) enum Aside {
    /// Rows to be erased.
    Erase(Erasing),
    /// Events to be let go out of quarantine.
    Release(Releasing),
    /// Keys that are in use from now on.
    Keys(Keying),
}

impl Aside {
    /// Answers that it is not done.
    pub(super) fn refuse(self, why: AppendError) {
        match self {
            Self::Erase(erasing) => erasing.refuse(why),
            // Whoever asked may have gone away.
            Self::Release(releasing) => drop(releasing.reply.send(Err(why))),
            Self::Keys(keying) => drop(keying.reply.send(Err(why))),
        }
    }
}

impl Writer {
    /// Does it, when its turn has come.
    pub(super) fn aside(&mut self, aside: Aside) {
        match aside {
            Aside::Erase(erasing) => self.erase(erasing),
            Aside::Release(releasing) => self.release(releasing),
            Aside::Keys(keying) => self.key(keying),
        }
    }
}
