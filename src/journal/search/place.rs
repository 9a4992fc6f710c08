//! Where questions find the file: nowhere while it is being made.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::super::read::Readers;
use crate::bounds;

/// See the header. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Place(Arc<Inside>);

#[derive(Default)]
struct Inside {
    readers: Mutex<Option<Arc<Readers>>>,
    opened: Condvar,
}

impl Place {
    /// From now on the file is there, whole. Whoever reads the one before keeps it.
    pub(super) fn open(&self, path: PathBuf) {
        let readers = Readers::of(path, bounds::SEARCH_QUESTIONS, bounds::SEARCH_TURN);
        *self.0.readers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(readers));
        self.0.opened.notify_all();
    }

    /// It is about to be made anew.
    pub(super) fn close(&self) {
        *self.0.readers.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Its readers; `None` where it is not there within this time.
    pub(super) fn readers(&self, within: Duration) -> Option<Arc<Readers>> {
        let readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.opened.wait_timeout_while(readers, within, |it| it.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_before_the_file_is_there_waits_for_it() {
        let place = Place::default();
        assert!(place.readers(Duration::ZERO).is_none());
        let asking = place.clone();
        let asking = std::thread::spawn(move || asking.readers(Duration::MAX).is_some());
        place.open(PathBuf::from("search.db"));
        assert!(asking.join().unwrap());
        place.close();
        assert!(place.readers(Duration::ZERO).is_none());
    }
}
