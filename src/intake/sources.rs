//! The sources in force. They change as a whole, by a reload; whoever works with the ones before
//! keeps those to its end.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Source;
use crate::event::SourceName;

/// The sources in force, in the order of the configuration.
pub struct Sources(ArcSwap<Vec<Arc<Source>>>);

impl Sources {
    /// These.
    pub fn new(sources: Vec<Arc<Source>>) -> Self {
        Self(ArcSwap::from_pointee(sources))
    }

    /// Those in force now.
    pub fn now(&self) -> Arc<Vec<Arc<Source>>> {
        self.0.load_full()
    }

    /// One of them by its name.
    pub fn named(&self, name: &SourceName) -> Option<Arc<Source>> {
        self.0.load().iter().find(|source| source.name == *name).cloned()
    }

    /// From now on these.
    pub fn replace(&self, sources: Vec<Arc<Source>>) {
        self.0.store(Arc::new(sources));
    }
}
