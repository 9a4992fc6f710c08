//! What a tenant and a source say of the boundary takes effect on a reload, or nothing does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookgate::config::HIPAA_TIER_REQUIRED;
use hookgate::desk::Refusal;
use serde_json::{Value, json};

use super::effects::{JOINED, RECORDING, changes, kept};
use super::{ALIAS, Notebook, reload, reloaded};
use crate::gateway::{DAILY, Gate, LIVEKIT, event};

const TENANT: &str = "[[tenant]]\nname = \"tenant-fixtures\"\n";
const UNTIL: &str = "until = \"2999-01-01T00:00:00Z\"";

/// A gateway with a section for its tenant.
async fn start() -> (Gate, Notebook) {
    let (gate, notebook) = Notebook::start().await;
    notebook.add(TENANT);
    reloaded(&gate).await;
    (gate, notebook)
}

/// Writes this below the tenant's name in place of what stood there.
async fn tenant(gate: &Gate, notebook: &Notebook, from: &str, to: &str, key: &str) {
    let (from, to) = (format!("{TENANT}{from}"), format!("{TENANT}{to}"));
    let key = format!("tenant.tenant-fixtures.{key}");
    changes(gate, notebook, &from, &to, &key).await;
}

async fn joined(gate: &Gate, id: &str) -> Value {
    kept(gate, LIVEKIT, &JOINED.replace("ID", id)).await["data"]["participant"].clone()
}

#[tokio::test]
async fn recording_and_class_take_effect() {
    let (gate, notebook) = start().await;
    let forbidden = "recording = \"forbidden\"\n";
    tenant(&gate, &notebook, "", forbidden, "recording: allowed → forbidden").await;
    let event = kept(&gate, DAILY, &RECORDING.replace("ID", "r1")).await;
    assert_eq!(event["data"]["findings"], json!(["recording_forbidden"]));
    let allowed = "class = \"patients\"\nrecording = \"allowed\"\n";
    tenant(&gate, &notebook, forbidden, allowed, "class: standard → patients").await;
    let other = RECORDING.replace("ID", "r2").replace("5a5a5a5a-e", "6b6b6b6b-e");
    assert_eq!(kept(&gate, DAILY, &other).await["data"]["findings"], Value::Null);
    let warnings = gate.app.desk().in_force().warnings;
    let tier = format!("tenant[0].hipaa_tier: {HIPAA_TIER_REQUIRED}: ");
    assert!(warnings.iter().any(|line| line.starts_with(&tier)), "{warnings:#?}");
}

#[tokio::test]
async fn what_stops_takes_effect_by_source_and_by_class() {
    let (gate, notebook) = start().await;
    // A room outside its pattern is a violation.
    let room = format!("{ALIAS}\nroom_name = '^lesson-[0-9]$'");
    changes(&gate, &notebook, ALIAS, &room, "source.daily.room_name: ").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let stops = format!("{room}\non_violation = \"quarantine\"");
    let key = "source.daily.on_violation: mask → quarantine";
    changes(&gate, &notebook, &room, &stops, key).await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "quarantined");
    let key = "source.daily.on_violation: quarantine → mask";
    changes(&gate, &notebook, &stops, &room, key).await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "c"))).await.is(200, "accepted");
    tenant(&gate, &notebook, "", "class = \"pupils\"\n", "class: standard → pupils").await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "d"))).await.is(200, "quarantined");
}

#[tokio::test]
async fn role_maps_and_national_ids_take_effect() {
    let (gate, notebook) = start().await;
    assert_eq!(joined(&gate, "EV_a").await["role"], "Participant");
    let plain = "provider = \"livekit\"";
    let mapped = format!("{plain}\nrole_map = {{ \"Doctor\" = \"Physician\" }}");
    changes(&gate, &notebook, plain, &mapped, "source.livekit.role_map: ").await;
    assert_eq!(joined(&gate, "EV_b").await["role"], "Physician");
    let room = format!("{ALIAS}\nroom_name = '^consult-[0-9a-f]{{8}}$'");
    changes(&gate, &notebook, ALIAS, &room, "source.daily.room_name: ").await;
    let seen = kept(&gate, DAILY, &event(DAILY, "a")).await;
    assert_eq!(seen["data"]["violations"], Value::Null);
    let pattern = "national_id_patterns = ['0a1b[0-9]']\n";
    tenant(&gate, &notebook, "", pattern, "national_id_patterns: [] → ").await;
    let seen = kept(&gate, DAILY, &event(DAILY, "b")).await;
    let violation = &seen["data"]["violations"][0];
    assert_eq!(
        (&violation["detector"], &violation["rule"]),
        (&json!("national_id"), &json!("room_name"))
    );
    assert!(!seen.to_string().contains("0a1b2"), "{seen}");
}

#[tokio::test]
async fn a_policy_takes_effect_and_so_does_a_change_of_its_file() {
    let (gate, notebook) = start().await;
    let file = gate.folder.path().join("policy.toml");
    let rule = |action: &str| {
        format!(
            "[[rule]]\nfields = [\"participant.session_id\"]\naction = \"{action}\"\n\
             kinds = [\"participant.*\"]\nreason = \"a test\"\n"
        )
    };
    std::fs::write(&file, rule("drop")).unwrap();
    assert!(joined(&gate, "EV_a").await["session_id"].is_string());
    let policy = format!("policy = {file:?}\n");
    tenant(&gate, &notebook, "", &policy, "policy: ").await;
    assert!(joined(&gate, "EV_b").await["session_id"].is_null());
    std::fs::write(&file, rule("pass")).unwrap();
    let told = reloaded(&gate).await;
    let keys: Vec<_> = told.changed.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let sources = ["daily", "echo", "livekit"].map(|name| format!("source.{name}.policy"));
    assert_eq!(keys[..3], sources);
    assert_eq!(keys[3..], ["tenant.tenant-fixtures.policy"]);
    assert!(joined(&gate, "EV_c").await["session_id"].is_string());
    std::fs::write(&file, "rule = 7").unwrap();
    let Err(Refusal::Mistakes(mistakes)) = reload(&gate).await else { panic!("it was taken") };
    assert!(mistakes[0].contains("policy.toml: line 1: "), "{mistakes:?}");
    assert!(joined(&gate, "EV_d").await["session_id"].is_string());
}

#[tokio::test]
async fn a_tenants_own_key_takes_effect_and_its_former_ones_stand_beside_it() {
    let (gate, notebook) = start().await;
    for (name, byte) in [("NEW_ROOT", 3), ("FIRST", 4), ("SECOND", 5)] {
        notebook.set(name, &STANDARD.encode([byte; 32]));
    }
    let derived = joined(&gate, "EV_a").await["ref"].clone();
    assert!(derived.as_str().unwrap().starts_with("p1_"), "{derived}");
    let first = format!(
        "pseudonym_version = 2\npseudonym_key = {{ env = \"FIRST\" }}\n\
         previous_pseudonym = {{ from_root = true, {UNTIL} }}\n"
    );
    tenant(&gate, &notebook, "", &first, "pseudonym_key added").await;
    let own = joined(&gate, "EV_b").await;
    assert!(own["ref"].as_str().unwrap().starts_with("p2_"), "{own}");
    assert_eq!(own["previous_ref"], derived);
    // Another root in the text needs a restart: until then the one in force is the former key.
    notebook.change("pseudonym = { env = \"OTHER_KEY\" }", "pseudonym = { env = \"NEW_ROOT\" }");
    notebook.change(ALIAS, "aliases = [\"/moved\"]");
    let told = reloaded(&gate).await;
    assert_eq!(told.needs_restart, ["keys.pseudonym changed"]);
    assert_eq!(told.changed.len(), 1, "{:?}", told.changed);
    let same = joined(&gate, "EV_c").await;
    assert_eq!((&same["ref"], &same["previous_ref"]), (&own["ref"], &derived));
    let second = format!(
        "pseudonym_version = 3\npseudonym_key = {{ env = \"SECOND\" }}\n\
         previous_pseudonym = {{ key = {{ env = \"FIRST\" }}, {UNTIL} }}\n"
    );
    notebook.change(&first, &second);
    let told = reloaded(&gate).await;
    let own_changed = "tenant.tenant-fixtures.pseudonym_key changed";
    assert!(told.changed.iter().any(|line| line == own_changed), "{told:#?}");
    let third = joined(&gate, "EV_d").await;
    assert!(third["ref"].as_str().unwrap().starts_with("p3_"), "{third}");
    assert_eq!(third["previous_ref"], own["ref"]);
}

#[tokio::test]
async fn patients_that_are_launched_without_their_tier_change_nothing() {
    let (gate, notebook) = start().await;
    let before = gate.app.desk().in_force();
    let launched = format!("{TENANT}class = \"patients\"\nlaunched = true\n");
    notebook.change(TENANT, &launched);
    notebook.change(ALIAS, "aliases = [\"/moved\"]");
    let Err(Refusal::Mistakes(mistakes)) = reload(&gate).await else { panic!("it was taken") };
    let tier = format!("tenant[0].hipaa_tier: {HIPAA_TIER_REQUIRED}: ");
    assert!(mistakes.len() == 1 && mistakes[0].starts_with(&tier), "{mistakes:?}");
    assert_eq!(gate.app.desk().in_force(), before);
    gate.post(&gate.signed("/v1/daily_webhook", &event(DAILY, "a"))).await.is(200, "accepted");
    notebook.change(&launched, &format!("{launched}hipaa_tier = true\n"));
    let told = reloaded(&gate).await;
    assert_eq!(told.warnings, before.warnings);
    gate.post(&gate.signed("/moved", &event(DAILY, "b"))).await.is(200, "accepted");
}
