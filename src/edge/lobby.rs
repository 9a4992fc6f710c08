//! Who is connected: newcomers in a lobby that makes room, proven senders on shares of their own.
//!
//! A connection is proven by the first authentic delivery that comes on it; until then it stands in
//! the lobby. When the lobby is full, the oldest connection that is not being answered leaves, so
//! that thousands of idle or slow ones cannot keep an honest sender out. Proven connections count
//! against a part kept back for their source.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::line::{Leave, Line};
use super::shares::{Share, Shares};

/// Everyone connected to the public listener.
#[derive(Debug)]
pub(super) struct Lobby {
    inside: Mutex<Inside>,
    unproven_max: usize,
    proven: Arc<Shares>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// All connections, by age.
    all: BTreeMap<u64, Arc<Line>>,
    /// Those that are not proven.
    unproven: BTreeMap<u64, Arc<Line>>,
    closing: bool,
}

/// One connection's place; leaving is dropping it.
#[derive(Debug)]
pub(super) struct Guest {
    lobby: Arc<Lobby>,
    id: u64,
    line: Arc<Line>,
    proven: AtomicBool,
    share: Mutex<Option<Share>>,
}

impl Lobby {
    /// An empty one.
    pub(super) fn new(unproven_max: usize, proven: Shares) -> Self {
        Self { inside: Mutex::default(), unproven_max, proven: Arc::new(proven) }
    }

    /// Lets a newcomer in; `None` if there is no room even by sending someone away.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Guest> {
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
        inside.unproven.insert(id, line.clone());
        Some(Guest {
            lobby: self.clone(),
            id,
            line,
            proven: AtomicBool::new(false),
            share: Mutex::new(None),
        })
    }

    /// Sends the oldest unproven connection away that is not being answered.
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
        let idle = self.unproven.iter().find(|(_, line)| !line.busy());
        let Some(id) = idle.map(|(id, _)| *id) else {
            return false;
        };
        if let Some(line) = self.unproven.remove(&id) {
            line.leave(Leave::Now);
        }
        true
    }
}

impl Guest {
    /// What its socket, its service and its owner share.
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// An authentic delivery of this source came. `false` if the source's share of connections is
    /// used up: the connection should then end with its answer.
    pub(super) fn prove(&self, source: usize) -> bool {
        if self.proven.load(Ordering::Acquire) {
            return true;
        }
        let Some(share) = self.lobby.proven.take(source, 1) else {
            return false;
        };
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
        self.proven.store(true, Ordering::Release);
        self.lobby.inside().unproven.remove(&self.id);
        true
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.lobby.inside();
        inside.all.remove(&self.id);
        inside.unproven.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby(unproven: usize) -> Arc<Lobby> {
        Arc::new(Lobby::new(unproven, Shares::new(3, 1, 2)))
    }

    #[test]
    fn the_oldest_idle_newcomer_makes_room() {
        let lobby = lobby(2);
        let (busy, idle) = (lobby.enter().unwrap(), lobby.enter().unwrap());
        busy.line().begin(true);
        let third = lobby.enter().unwrap();
        assert_eq!(idle.line().asked(), Leave::Now);
        assert_eq!(busy.line().asked(), Leave::Stay);
        third.line().begin(true);
        assert!(lobby.enter().is_none());
    }

    #[test]
    fn a_proven_connection_is_never_sent_away_for_a_newcomer() {
        let lobby = lobby(1);
        let proven = lobby.enter().unwrap();
        assert!(proven.prove(0));
        let newcomer = lobby.enter().unwrap();
        let _another = lobby.enter().unwrap();
        assert_eq!(proven.line().asked(), Leave::Stay);
        assert_eq!(newcomer.line().asked(), Leave::Now);
    }

    #[test]
    fn each_source_has_connections_kept_back() {
        let lobby = lobby(9);
        let guests: Vec<_> = (0..4).map(|_| lobby.enter().unwrap()).collect();
        assert!(guests[0].prove(0) && guests[1].prove(0));
        assert!(!guests[2].prove(0));
        assert!(guests[3].prove(1));
    }

    #[test]
    fn after_closing_newcomers_too_are_asked_to_leave() {
        let lobby = lobby(2);
        let early = lobby.enter().unwrap();
        lobby.close();
        assert_eq!(early.line().asked(), Leave::Finish);
        assert_eq!(lobby.enter().unwrap().line().asked(), Leave::Finish);
    }
}
