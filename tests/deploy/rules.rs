//! The alert rules, by promtool: well-formed, each proved to fire and to keep quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::tools::{agrees, root, text};

const RULES: &str = "deploy/prometheus/rules.yaml";
const LINK: &str = "https://runbooks.example.invalid/hookgate.md#";

/// Every alert by its name.
pub(crate) fn alerts() -> BTreeSet<String> {
    let text = text(RULES);
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

/// The files of unit tests.
fn test_files() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("deploy/prometheus/tests")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.map(|name| format!("tests/{name}")).collect();
    names.sort();
    names
}

#[test]
fn promtool_finds_nothing_to_say_of_the_rules_and_the_example() {
    let folder = root().join("deploy/prometheus");
    agrees("promtool", &["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"], &folder);
    agrees("promtool", &["check", "config", "--lint=all", "prometheus.yml"], &folder);
}

#[test]
fn every_unit_test_of_the_rules_holds() {
    // Two at a time: the longest first, which look back for weeks.
    let folder = root().join("deploy/prometheus");
    let (long, short): (Vec<_>, Vec<_>) =
        test_files().into_iter().partition(|name| name == "tests/silence.yaml");
    thread::scope(|scope| {
        for names in [&long, &short] {
            let folder = &folder;
            scope.spawn(move || {
                for name in names {
                    agrees("promtool", &["test", "rules", name], folder);
                }
            });
        }
    });
}

#[test]
fn every_alert_has_a_test_that_fires_and_one_that_does_not() {
    let mut fires = BTreeMap::<String, [bool; 2]>::new();
    for name in test_files() {
        let text = text(&format!("deploy/prometheus/{name}"));
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            if let Some(alert) = line.strip_prefix("alertname: ") {
                let fired = lines.get(at + 1).is_some_and(|next| next.starts_with("exp_alerts:"));
                fires.entry(alert.to_owned()).or_default()[usize::from(fired)] = true;
            }
        }
    }
    for alert in alerts() {
        let [quiet, fired] = fires.remove(&alert).unwrap_or_default();
        assert!(fired, "{alert} is never seen to fire");
        assert!(quiet, "{alert} is never seen to keep quiet");
    }
    assert!(fires.is_empty(), "tested and not there: {fires:?}");
}

#[test]
fn every_alert_says_how_loud_it_is_and_where_it_is_explained() {
    let text = text(RULES);
    let rules: Vec<_> = text.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 20);
    for rule in rules {
        let name = rule.lines().next().unwrap();
        let has = |part: &str| rule.lines().any(|line| line.trim().starts_with(part));
        let loud = ["critical", "warning", "info"];
        let severity = loud.iter().filter(|level| has(&format!("severity: {level}"))).count();
        assert_eq!(severity, 1, "{name}: severity");
        assert!(has("summary: ") && has("description: >-"), "{name}: what it says");
        let link = format!("runbook_url: {LINK}{}", name.to_lowercase());
        assert!(has(&link), "{name}: {link}");
    }
}
