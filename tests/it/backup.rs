//! `backup` and `restore` as processes of their own, beside a gateway that takes deliveries.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::process::Command;

use crate::gateway::{DAILY, Gate, event};

async fn hookgate(verb: &str, options: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.args(verb.split(' '));
    for (name, path) in options {
        command.arg(name).arg(path);
    }
    command.env_remove("RUST_LOG").output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_is_whole_and_comes_back() {
    let gate = Arc::new(Gate::start().await);
    let dir = gate.folder.path().join("journal");
    let place = tempfile::tempdir().unwrap();
    let (copy, restored) = (place.path().join("copy"), place.path().join("restored"));
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (gate, over) = (gate.clone(), over.clone());
        async move {
            let mut taken = 0;
            while taken < 50 || !over.load(Ordering::SeqCst) {
                gate.post(&gate.signed(DAILY, &event(DAILY, &format!("e-{taken}")))).await;
                taken += 1;
            }
            taken
        }
    });
    let mut head = gate.app.journal().head();
    head.wait_for(|head| *head >= 20).await.unwrap();
    let made = hookgate("backup", &[("--dir", &dir), ("--to", &copy)]).await;
    over.store(true, Ordering::SeqCst);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(said.contains("events up to") && said.contains("audit log"), "{said}");
    assert!(load.await.unwrap() >= 50);
    let again = hookgate("backup", &[("--dir", &dir), ("--to", &copy)]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing is overwritten"));
    let back = hookgate("restore", &[("--from", &copy), ("--dir", &restored)]).await;
    assert!(back.status.success(), "{back:?}");
    let said = String::from_utf8_lossy(&back.stdout).into_owned();
    for words in ["new epoch", "journal adopt", "forget again", "Sequences are given again"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let checked = hookgate("journal check", &[("--dir", &restored)]).await;
    assert!(checked.status.success(), "{checked:?}");
    let filled = hookgate("restore", &[("--from", &copy), ("--dir", &restored)]).await;
    assert_eq!(filled.status.code(), Some(1), "{filled:?}");
    // The gateway never noticed.
    gate.post(&gate.signed(DAILY, &event(DAILY, "after"))).await.is(200, "accepted");
}
