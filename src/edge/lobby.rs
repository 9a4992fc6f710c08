//! Who is connected: newcomers in a lobby that makes room, proven senders on shares of their own.
//!
//! A connection is proven by the first authentic delivery that comes on it; until then it stands in
//! the lobby. When the lobby is full, one that is not being answered leaves, or one that does not
//! read its answer, as [`Crowd`] says which: thousands of idle or slow ones cannot keep an honest
//! sender out, and those of one address push out each other. Proven connections count against a
//! part kept back for their source.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::delivery::Peer;

use super::crowd::Crowd;
use super::line::{Leave, Line};
use super::shares::{Part, Share};

/// Everyone connected to the public listener.
#[derive(Debug)]
pub(super) struct Lobby {
    inside: Mutex<Inside>,
    unproven_max: usize,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// All connections, by age.
    all: BTreeMap<u64, Arc<Line>>,
    /// Those that are not proven.
    unproven: Crowd<Arc<Line>>,
    closing: bool,
}

/// One connection's place; leaving is dropping it.
#[derive(Debug)]
pub(super) struct Guest {
    lobby: Arc<Lobby>,
    id: u64,
    peer: Peer,
    /// Its place among the unproven.
    place: AtomicU64,
    line: Arc<Line>,
    proven: AtomicBool,
    share: Mutex<Option<Share>>,
}

impl Lobby {
    /// An empty one.
    pub(super) fn new(unproven_max: usize) -> Self {
        Self { inside: Mutex::default(), unproven_max }
    }

    /// Lets a newcomer in; `None` if there is no room even by sending someone away.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Option<Guest> {
        let line = Arc::new(Line::default());
        let mut inside = self.inside();
        if inside.unproven.len() >= self.unproven_max && !inside.send_one_away() {
            return None;
        }
        if inside.closing {
            line.leave(Leave::Finish);
        }
        let id = inside.next;
        inside.next += 1;
        inside.all.insert(id, line.clone());
        let place = inside.unproven.enter(peer.unit(), line.clone());
        Some(Guest {
            lobby: self.clone(),
            id,
            peer,
            place: AtomicU64::new(place),
            line,
            proven: AtomicBool::new(false),
            share: Mutex::new(None),
        })
    }

    /// Sends an unproven connection away that is not being answered.
    pub(super) fn make_room(&self) -> bool {
        self.inside().send_one_away()
    }

    /// Asks everyone to leave once they are answered, newcomers too.
    pub(super) fn close(&self) {
        let mut inside = self.inside();
        inside.closing = true;
        for line in inside.all.values() {
            line.leave(Leave::Finish);
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Nothing below panics half-way through a change.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn send_one_away(&mut self) -> bool {
        let gone = self.unproven.send_one_away(|line| line.may_be_sent_away());
        if let Some(line) = &gone {
            line.leave(Leave::Now);
        }
        gone.is_some()
    }
}

impl Guest {
    /// What its socket, its service and its owner share.
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// An authentic delivery came of a source with this part of the proven connections. `false` if
    /// that is used up: the connection should then end with its answer.
    pub(super) fn prove(&self, part: &Arc<Part>) -> bool {
        if self.proven.load(Ordering::Acquire) {
            return true;
        }
        let Some(share) = part.take(1) else {
            return false;
        };
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
        self.proven.store(true, Ordering::Release);
        self.lobby.inside().unproven.leave(self.place.load(Ordering::Acquire));
        true
    }

    /// It is in use: of all who have not proven themselves it is the last to go.
    pub(super) fn used(&self) {
        self.stands_with(self.peer);
    }

    /// From now on it is one of this address, and the youngest: a proxy said so.
    pub(super) fn stands_with(&self, peer: Peer) {
        let mut inside = self.lobby.inside();
        if let Some(line) = inside.unproven.leave(self.place.load(Ordering::Acquire)) {
            let place = inside.unproven.enter(peer.unit(), line);
            self.place.store(place, Ordering::Release);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.lobby.inside();
        inside.all.remove(&self.id);
        inside.unproven.leave(self.place.load(Ordering::Acquire));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::NO_CROWD;

    fn peer(last: u8) -> Peer {
        Peer::new(std::net::IpAddr::from([192, 0, 2, last]))
    }

    fn parts() -> Vec<Arc<Part>> {
        super::super::shares::Shares::new(3, 1).divide(&[], 1)
    }

    fn lobby(unproven: usize) -> Arc<Lobby> {
        Arc::new(Lobby::new(unproven))
    }

    #[test]
    fn the_oldest_idle_newcomer_makes_room() {
        let lobby = lobby(2);
        let (busy, idle) = (lobby.enter(peer(1)).unwrap(), lobby.enter(peer(1)).unwrap());
        busy.line().begin(true);
        let third = lobby.enter(peer(1)).unwrap();
        assert_eq!(idle.line().asked(), Leave::Now);
        assert_eq!(busy.line().asked(), Leave::Stay);
        third.line().begin(true);
        assert!(lobby.enter(peer(1)).is_none());
    }

    #[test]
    fn one_that_does_not_read_its_answer_makes_room_as_well() {
        let lobby = lobby(1);
        let stalled = lobby.enter(peer(1)).unwrap();
        stalled.line().begin(true);
        assert!(lobby.enter(peer(1)).is_none());
        stalled.line().stall(true);
        assert!(lobby.enter(peer(1)).is_some());
        assert_eq!(stalled.line().asked(), Leave::Now);
    }

    #[test]
    fn a_crowd_of_one_address_pushes_out_itself() {
        let lobby = lobby(NO_CROWD + 2);
        let quiet = lobby.enter(peer(1)).unwrap();
        let crowd: Vec<_> = (0..=NO_CROWD + 10).map(|_| lobby.enter(peer(2)).unwrap()).collect();
        assert_eq!(quiet.line().asked(), Leave::Stay);
        let gone = crowd.iter().filter(|guest| guest.line().asked() == Leave::Now);
        assert_eq!(gone.count(), 10);
    }

    #[test]
    fn one_in_use_is_the_last_to_go() {
        let lobby = lobby(2);
        let (used, idle) = (lobby.enter(peer(1)).unwrap(), lobby.enter(peer(1)).unwrap());
        used.used();
        let _third = lobby.enter(peer(1)).unwrap();
        assert_eq!(idle.line().asked(), Leave::Now);
        assert_eq!(used.line().asked(), Leave::Stay);
    }

    #[test]
    fn a_proven_connection_is_never_sent_away_for_a_newcomer() {
        let lobby = lobby(1);
        let proven = lobby.enter(peer(1)).unwrap();
        assert!(proven.prove(&parts()[0]));
        let newcomer = lobby.enter(peer(1)).unwrap();
        let _another = lobby.enter(peer(1)).unwrap();
        assert_eq!(proven.line().asked(), Leave::Stay);
        assert_eq!(newcomer.line().asked(), Leave::Now);
    }

    #[test]
    fn each_source_has_connections_kept_back() {
        let lobby = lobby(9);
        let parts = super::super::shares::Shares::new(4, 1).divide(&[], 2);
        let guests: Vec<_> = (0..5).map(|_| lobby.enter(peer(1)).unwrap()).collect();
        assert!(guests[..3].iter().all(|guest| guest.prove(&parts[0])));
        assert!(!guests[3].prove(&parts[0]));
        assert!(guests[4].prove(&parts[1]));
    }

    #[test]
    fn after_closing_newcomers_too_are_asked_to_leave() {
        let lobby = lobby(2);
        let early = lobby.enter(peer(1)).unwrap();
        lobby.close();
        assert_eq!(early.line().asked(), Leave::Finish);
        assert_eq!(lobby.enter(peer(1)).unwrap().line().asked(), Leave::Finish);
    }
}
