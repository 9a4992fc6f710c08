//! A desk for tests, over an empty journal in a folder of theirs.

use std::path::Path;
use std::sync::Arc;

use super::{Desk, Parts};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::event::{Family, InstanceName};
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
    Desk::new(Parts {
        replays: None,
        journal: Journal::open(settings, clock.clone()).unwrap(),
        sources: Arc::new(Sources::new(Vec::new())),
        topics: Family::ALL.map(|family| (family, family.as_str().to_owned())),
        audit: Audit::open(&dir, clock.clone()),
        clock,
    })
}
