//! What the journal gives to who looks on: positions, the search file and its notes. None
//! of it has a say in what is published.

use std::sync::{Arc, PoisonError};

use super::super::{Hold, Journal, Lane};
use super::{Followed, Held, Notes, Positions, Search};

impl Journal {
    /// Begins to fill the search file, beside the traffic. Once; waits for nothing.
    pub fn start_search(&self) {
        let inner = &self.inner;
        let Some(followed) = self.followed() else { return };
        inner.search.get_or_init(|| Search::start(followed, inner.clock.clone()));
    }

    /// What the search file follows; once.
    pub(super) fn followed(&self) -> Option<Followed> {
        let inner = &self.inner;
        let noted = inner.noted.lock().unwrap_or_else(PoisonError::into_inner).take();
        noted.map(|noted| Followed {
            dir: inner.files.dir.clone(),
            database: inner.files.database.clone(),
            epoch: inner.epoch,
            shared: Arc::clone(&inner.shared),
            noted,
        })
    }

    /// Where events are searched; `None` where it was not begun.
    pub fn search(&self) -> Option<&Search> {
        self.inner.search.get()
    }

    /// Takes notes of events beside the road, for who searches them.
    pub fn notes(&self) -> &Notes {
        &self.inner.notes
    }

    /// Where the lanes are: what an event's state is told from.
    pub fn positions(&self) -> Positions {
        let shared = &self.inner.shared;
        let holds = shared.holds.borrow();
        let cursors = shared.cursors();
        let held = holds.each().map(|(source, hold)| {
            let through = cursors.through(&hold.lane(source));
            let Hold { since, until } = hold;
            (source.as_str().to_owned(), Held { since, until, through })
        });
        Positions { live: cursors.through(&Lane::Live), held: held.collect() }
    }
}
