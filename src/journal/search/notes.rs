//! What is noted of events beside the road: receipts, and deliveries that came again.
//!
//! Best effort: who notes never waits. When too much waits, or nobody listens, a note is let go and
//! what it would have said is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::bounds;
use crate::event::{EventId, Family};

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// An event stands on Kafka.
    Published { sequence: u64, family: Family, partition: i32, offset: i64 },
    /// An event was delivered again.
    Again(EventId),
}

/// Takes notes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notes {
    queue: SyncSender<Note>,
    /// A repeated delivery was let go: the counts so far are no counts any more.
    lost: Arc<AtomicBool>,
}

/// The other end.
#[derive(Debug)]
pub(in crate::journal) struct Noted {
    queue: Receiver<Note>,
    lost: Arc<AtomicBool>,
}

/// Both ends.
pub(in crate::journal) fn notes() -> (Notes, Noted) {
    let (sender, receiver) = sync_channel(bounds::SEARCH_NOTES);
    let lost = Arc::new(AtomicBool::new(false));
    (Notes { queue: sender, lost: Arc::clone(&lost) }, Noted { queue: receiver, lost })
}

impl Notes {
    /// The brokers have an event: in the topic of this family.
    pub fn published(&self, sequence: u64, family: Family, partition: i32, offset: i64) {
        // A receipt that is let go is an unknown one.
        self.queue.try_send(Note::Published { sequence, family, partition, offset }).ok();
    }

    /// An event that is on disk was delivered once more.
    pub fn delivered_again(&self, id: EventId) {
        match self.queue.try_send(Note::Again(id)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Noted {
    /// What waits, and whether a repeated delivery was let go since the last time.
    pub(super) fn take(&self) -> (Vec<Note>, bool) {
        let notes = self.queue.try_iter().take(bounds::SEARCH_NOTES).collect();
        (notes, self.lost.swap(false, Ordering::Relaxed))
    }
}
