//! A desk for tests, over an empty journal in a folder of theirs.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::{Actor, Desk, Parts, Refusal, ReleaseAsk, Role};
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

#[tokio::test]
async fn nothing_is_let_go_while_something_is_erased_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let by = Actor { name: "olga".to_owned(), role: Role::Operator };
    let reason = || serde_json::from_value(json!("ticket 7")).unwrap();
    let erasing = desk.forgetting.try_write().unwrap();
    let ask = ReleaseAsk { reason: reason(), filter: None };
    let refused = desk.release(&by, Some(1), ask).await.unwrap_err();
    assert!(
        matches!(&refused, Refusal::Conflict(why) if why.contains("an erasure")),
        "{refused:?}"
    );
    drop(erasing);
    let _releasing = desk.forgetting.try_read().unwrap();
    let ask = json!({"tenant": "t", "participant": "p1_aaaqeayeaudaocajbifqydiob4",
        "reason": "request 17"});
    let refused = desk.forget(&by, serde_json::from_value(ask).unwrap()).await.unwrap_err();
    assert!(matches!(&refused, Refusal::Conflict(why) if why.contains("release")), "{refused:?}");
}
