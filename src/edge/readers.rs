//! Bodies on their way in, and how one makes room for another.
//!
//! A body that has come costs its sender nothing any more; one that is still awaited costs us room.
//! So when there is no room for one more, one that is awaited goes, as [`Crowd`] says which:
//! thousands of slow bodies keep nobody out, from whatever address, and least of all someone whose
//! body is here already.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::bounds::ROOM_WAIT;
use crate::delivery::Peer;

use super::crowd::Crowd;
use super::shares::Part;

/// All bodies that have not come yet.
#[derive(Debug, Default)]
pub(super) struct Readers {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: Crowd<Arc<Sign>>,
    /// Those that hold room beyond a small body's.
    large: Crowd<Arc<Sign>>,
}

/// One body on its way in; its room must be given back before this is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    readers: Arc<Readers>,
    unit: u128,
    place: u64,
    large: Mutex<Option<u64>>,
    sign: Arc<Sign>,
}

#[derive(Debug)]
struct Sign {
    /// The part whose room it holds; `None`: of the common room.
    kept_of: Option<Arc<Part>>,
    asked: AtomicBool,
    told: Notify,
    /// Closed when it has gone.
    gone: Semaphore,
}

impl Readers {
    /// One more; `kept_of` as its count was taken.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer, kept_of: Option<Arc<Part>>) -> Arc<Reader> {
        let sign = Arc::new(Sign {
            kept_of,
            asked: AtomicBool::new(false),
            told: Notify::new(),
            gone: Semaphore::new(0),
        });
        let unit = peer.unit();
        let place = self.inside().all.enter(unit, sign.clone());
        Arc::new(Reader { readers: self.clone(), unit, place, large: Mutex::new(None), sign })
    }

    /// Sends one away that makes room for a body of the source with this part, and waits until it
    /// has gone. `false`: there is none.
    pub(super) async fn make_room_for_one(&self, part: &Arc<Part>) -> bool {
        let helps = |sign: &Arc<Sign>| sign.kept_of.as_ref().is_none_or(|of| Arc::ptr_eq(of, part));
        let first = self.inside().all.send_one_away(|sign| helps(sign) && !sign.asked());
        send(first).await
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send(one: Option<Arc<Sign>>) -> bool {
    let Some(sign) = one else {
        return false;
    };
    sign.asked.store(true, Ordering::Release);
    sign.told.notify_one();
    // Closing ends the wait with an error: that is what is waited for.
    timeout(ROOM_WAIT, sign.gone.acquire()).await.is_ok()
}

impl Sign {
    fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

impl Reader {
    /// Waits until another needs the room.
    pub(super) async fn sent_away(&self) {
        self.sign.told.notified().await;
    }

    /// From now on it holds room beyond a small body's.
    pub(super) fn grows_large(&self) {
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large
            .get_or_insert_with(|| self.readers.inside().large.enter(self.unit, self.sign.clone()));
    }

    /// Sends another large one away and waits until it has gone. `false`: there is none.
    pub(super) async fn make_room(&self) -> bool {
        let other = |sign: &Arc<Sign>| !Arc::ptr_eq(sign, &self.sign) && !sign.asked();
        let first = self.readers.inside().large.send_one_away(other);
        send(first).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let large = self.large.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut inside = self.readers.inside();
        inside.all.leave(self.place);
        if let Some(large) = large {
            inside.large.leave(large);
        }
        drop(inside);
        self.sign.gone.close();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn parts() -> Vec<Arc<Part>> {
        super::super::shares::Shares::new(9, 1).divide(&[], 2)
    }

    fn peer(last: u8) -> Peer {
        Peer::new(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn who_is_sent_away_is_told_and_waited_for() {
        let readers = Arc::new(Readers::default());
        let (old, _young) = (readers.enter(peer(1), None), readers.enter(peer(2), None));
        let leaving = async move {
            old.sent_away().await;
            drop(old);
        };
        let part = &parts()[0];
        let (made, ()) = tokio::join!(readers.make_room_for_one(part), leaving);
        assert!(made);
    }

    #[tokio::test]
    async fn who_holds_room_kept_for_another_source_is_left_alone() {
        let (readers, parts) = (Arc::new(Readers::default()), parts());
        let _other = readers.enter(peer(1), Some(parts[1].clone()));
        assert!(!readers.make_room_for_one(&parts[0]).await);
    }

    #[tokio::test]
    async fn a_large_body_makes_room_for_another_and_never_for_itself() {
        let readers = Arc::new(Readers::default());
        let (one, two) = (readers.enter(peer(1), None), readers.enter(peer(2), None));
        one.grows_large();
        one.grows_large();
        assert!(!one.make_room().await);
        let leaving = async move {
            one.sent_away().await;
            drop(one);
        };
        let (made, ()) = tokio::join!(two.make_room(), leaving);
        assert!(made);
        assert!(!two.make_room().await);
    }
}
