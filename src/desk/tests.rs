//! A desk for tests, over an empty journal in a folder of theirs.

use std::path::Path;
use std::sync::Arc;

use super::{Desk, Parts};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::event::InstanceName;
use crate::intake::Sources;
use crate::journal::{Journal, Retention, Settings};

/// Its journal lies in `journal` below the folder, the audit log beside it.
pub(crate) fn desk(folder: &Path) -> Desk {
    let (dir, clock) = (folder.join("journal"), Clock::system());
    let settings = Settings {
        dir: dir.clone(),
        instance: InstanceName::new("gate-test"),
        retention: Retention::default(),
        on_commit: Arc::new(|_| {}),
    };
    let journal = Journal::open(settings, clock.clone()).unwrap();
    let audit = Audit::open(&dir, clock.clone());
    Desk::new(Parts::alone(journal, Arc::new(Sources::new(Vec::new())), audit, clock))
}
