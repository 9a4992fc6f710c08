//! An accepted risk is in the audit log before anything leaves by it, or nothing does.

use std::path::Path;

use hookgate::audit::FILE;
use hookgate::desk::{AuditFilter, AuditRecord, Refusal};
use serde_json::Value;

use super::effects::{changes, kept};
use super::{ALIAS, Notebook, reload, reloaded};
use crate::gateway::{DAILY, Gate, event};
use crate::logged::Logged;

const RISK: &str = "daily/room.name: pseudonym → pass with room.started: ticket 7";

/// A file of one rule: with a started room its name leaves.
fn policy(folder: &Path, why: &str) -> String {
    let file = folder.join("policy.toml");
    let rule = format!(
        "[[rule]]\nfields = [\"room.name\"]\nkinds = [\"room.started\"]\naction = \"pass\"\n\
         reason = \"a test\"\naccept_risk = \"{why}\"\n"
    );
    std::fs::write(&file, rule).unwrap();
    format!("{ALIAS}\npolicy = {file:?}")
}

/// What the log says of risks, the oldest first.
async fn recorded(gate: &Gate) -> Vec<AuditRecord> {
    let filter = AuditFilter { limit: Some(1_000), cursor: None };
    let mut records = gate.app.desk().audit(filter).await.unwrap().records;
    records.retain(|record| record.action == "policy.accept_risk");
    records.reverse();
    records
}

async fn room(gate: &Gate, id: &str) -> Value {
    kept(gate, DAILY, &event(DAILY, id)).await["subject"].clone()
}

fn is_pseudonym(room: &Value) -> bool {
    room.as_str().unwrap().starts_with("r1_")
}

#[tokio::test]
async fn a_risk_that_a_reload_accepts_is_recorded_logged_and_shown_and_so_is_its_end() {
    let log = Logged::here();
    let (gate, notebook) = Notebook::start().await;
    assert!(is_pseudonym(&room(&gate, "a").await));
    assert_eq!(recorded(&gate).await.len(), 0);
    let risky = policy(gate.folder.path(), "ticket 7");
    let key = format!("source.daily.policy.accept_risk: [] → [\"{RISK}\"]");
    changes(&gate, &notebook, ALIAS, &risky, &key).await;
    assert_eq!(room(&gate, "b").await, "consult-0a1b2c3d");
    let line = format!("a policy accepts a risk: more leaves than without its rule risk={RISK}");
    assert!(log.text().lines().any(|said| said.contains(" WARN ") && said.ends_with(&line)));
    let status = gate.app.desk().status().await.unwrap();
    let risks: Vec<_> = status.accepted_risks.iter().map(ToString::to_string).collect();
    assert_eq!(risks, [RISK]);
    let records = recorded(&gate).await;
    let [record] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((record.by.as_str(), record.reason.as_str()), ("gateway", "ticket 7"));
    assert_eq!(record.target.as_deref(), Some("daily/room.name"));
    assert!(record.result.ends_with(", 1 of 1: pseudonym → pass with room.started"), "{record:?}");
    // The same again is nothing new; another reason is.
    reloaded(&gate).await;
    assert_eq!(recorded(&gate).await.len(), 1);
    policy(gate.folder.path(), "ticket 8");
    changes(&gate, &notebook, "", "", "source.daily.policy.accept_risk: ").await;
    assert_eq!(recorded(&gate).await[1].reason, "ticket 8");
    changes(&gate, &notebook, &risky, ALIAS, "source.daily.policy: ").await;
    assert!(is_pseudonym(&room(&gate, "c").await));
    let last = recorded(&gate).await.pop().unwrap();
    assert_eq!(last.target, None);
    assert!(last.reason.contains("no rule of any policy"), "{last:?}");
    assert_eq!(gate.app.desk().in_force().accepted_risks, []);
}

#[tokio::test]
async fn a_risk_that_stands_is_not_recorded_again_at_a_restart() {
    let (plan, notebook) = Notebook::plan();
    let folder = plan.folder().to_owned();
    notebook.change(ALIAS, &policy(&folder, "ticket 7"));
    let gate = plan.start().await;
    reloaded(&gate).await;
    assert_eq!(recorded(&gate).await.len(), 1);
    let Gate { app, folder, .. } = gate;
    app.drain().await;
    let log = Logged::here();
    let gate = notebook.plan_in(folder).start().await;
    assert_eq!(recorded(&gate).await.len(), 1);
    assert!(log.text().contains(RISK), "it is named at every start");
    assert_eq!(room(&gate, "a").await, "consult-0a1b2c3d");
}

#[tokio::test]
async fn a_risk_that_cannot_be_recorded_at_the_start_is_not_in_force_and_no_delivery_is_lost() {
    let (plan, notebook) = Notebook::plan();
    let journal = plan.folder().join("journal");
    std::fs::create_dir_all(journal.join(FILE)).unwrap();
    notebook.change(ALIAS, &policy(plan.folder(), "ticket 7"));
    let log = Logged::here();
    let gate = notebook.plan_in(plan.into_folder()).start().await;
    assert!(is_pseudonym(&room(&gate, "a").await));
    let said = "no accepted risk is in force: none can be recorded";
    assert!(log.text().lines().any(|line| line.contains("ERROR") && line.contains(said)));
    assert!(!log.text().contains(RISK), "{}", log.text());
    let now = gate.app.desk().in_force();
    assert_eq!(now.accepted_risks, []);
    assert!(now.warnings.iter().any(|line| line.starts_with("no accepted risk is in force")));
    assert!(matches!(reload(&gate).await, Err(Refusal::Unavailable(_))));
    assert!(is_pseudonym(&room(&gate, "b").await));
    // With the log in order the next start brings it into force.
    let Gate { app, folder, .. } = gate;
    app.drain().await;
    std::fs::remove_dir(journal.join(FILE)).unwrap();
    let gate = notebook.plan_in(folder).start().await;
    assert_eq!(room(&gate, "c").await, "consult-0a1b2c3d");
    assert_eq!(recorded(&gate).await.len(), 1);
}
