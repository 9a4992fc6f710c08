//! The next authentic deliveries of a source, shown to who asked to see them.
//!
//! A delivery that brought something new (kept, or kept in quarantine) is handed over after its
//! answer is decided: nothing is copied, nobody waits, and where the queue is full or the body too
//! large it is passed over and counted. While nobody looks, a delivery costs one load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::Source;
use crate::bounds::{CAPTURE_BODY_BYTES_MAX, CAPTURE_QUEUE};
use crate::verify::Verified;

/// Where deliveries can be looked at.
#[derive(Default)]
pub(super) struct Tap {
    open: AtomicBool,
    to: Mutex<Option<mpsc::Sender<Verified>>>,
    passed_over: AtomicU64,
}

/// The deliveries of one source, from now on until it is dropped.
pub struct Tapped {
    source: Arc<Source>,
    from: mpsc::Receiver<Verified>,
}

impl Tap {
    /// Hands a delivery over if anybody looks.
    pub(super) fn offer(&self, verified: Verified) {
        if self.open.load(Ordering::Relaxed) {
            self.hand_over(verified);
        }
    }

    #[cold]
    fn hand_over(&self, verified: Verified) {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(to) = to.as_ref() else { return };
        let fits = verified.delivery().body().len() <= CAPTURE_BODY_BYTES_MAX;
        if !fits || to.try_send(verified).is_err() {
            self.passed_over.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Source {
    /// The deliveries that come from now on; `None` while somebody else looks at them.
    pub fn tap(self: Arc<Self>) -> Option<Tapped> {
        let (to, from) = mpsc::channel(CAPTURE_QUEUE);
        {
            let mut place = self.tap.to.lock().unwrap_or_else(PoisonError::into_inner);
            if place.is_some() {
                return None;
            }
            *place = Some(to);
        }
        self.tap.passed_over.store(0, Ordering::Relaxed);
        self.tap.open.store(true, Ordering::Relaxed);
        Some(Tapped { source: self, from })
    }
}

impl Tapped {
    /// The next delivery.
    pub async fn next(&mut self) -> Option<Verified> {
        self.from.recv().await
    }

    /// The source they come from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// How many were passed over since this was last asked: too large, or too fast one after
    /// another.
    pub fn passed_over(&self) -> u64 {
        self.source.tap.passed_over.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        let tap = &self.source.tap;
        tap.open.store(false, Ordering::Relaxed);
        tap.to.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
