//! Rules, their tests and dashboards name only what a gateway shows: metrics, labels, and values of
//! labels that are closed lists (every series is there at 0 from the start).

use std::collections::{BTreeMap, BTreeSet};

use crate::dashboards::questions;
use crate::stage::Stage;
use crate::tools::{root, text};

/// Labels whose values are names that somebody chose, or Prometheus' own.
const CHOSEN: [&str; 8] =
    ["job", "instance", "source", "secret", "topic", "version", "listener", "le"];

/// Metric → label → values.
type Shown = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn shown(exposition: &str) -> Shown {
    let mut shown = Shown::new();
    for (name, labels) in exposition.lines().filter_map(named) {
        let metric = shown.entry(name.to_owned()).or_default();
        for (label, _, value) in matchers(labels) {
            metric.entry(label.to_owned()).or_default().insert(value.to_owned());
        }
    }
    shown
}

/// The name and the labels of a line of the exposition.
fn named(line: &str) -> Option<(&str, &str)> {
    let series = line.starts_with("hookgate_").then_some(line)?.rsplit_once(' ')?.0;
    Some(series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.trim_matches('}'))))
}

/// Each `label`, its operator and its value.
fn matchers(selector: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    let mut rest = selector;
    while let Some((label, more)) = rest.split_once(['=', '!']) {
        let at = label.len();
        let (operator, value) = rest[at..].split_once('"').expect("a value in quotes");
        let (value, behind) = value.split_once('"').expect("a value that ends");
        found.push((label.trim().trim_start_matches(',').trim(), operator, value));
        rest = behind;
        assert!(more.len() < selector.len(), "it gets shorter");
    }
    found
}

/// Every metric of ours in a question, with its selector.
fn asked(expr: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let begins = expr.match_indices("hookgate_").map(|(at, _)| at);
    let whole = begins.filter(|at| !expr[..*at].ends_with(is_name));
    let cut = whole.filter_map(|at| {
        let rest = &expr[at..];
        let (name, behind) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let selector = behind.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        (!name.contains(':')).then_some((name, selector.map_or("", |(selector, _)| selector)))
    });
    cut.collect()
}

/// What is wrong with a question.
fn wrong(shown: &Shown, whose: &str, expr: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, selector) in asked(expr) {
        let Some(labels) = shown.get(name) else {
            wrong.push(format!("{whose}: {name} is not shown"));
            continue;
        };
        for (label, operator, value) in matchers(selector) {
            let prometheus = ["job", "instance"].contains(&label);
            let Some(values) = labels.get(label).filter(|_| !prometheus) else {
                if !prometheus {
                    wrong.push(format!("{whose}: {name} has no label {label}"));
                }
                continue;
            };
            if CHOSEN.contains(&label) {
                continue;
            }
            let each = value.split(if operator.contains('~') { '|' } else { '\0' });
            let unknown = each.filter(|value| !values.contains(*value));
            wrong.extend(unknown.map(|value| format!("{whose}: {name} has no {label}={value}")));
        }
    }
    for list in ["by (", "on ("] {
        for labels in expr.split(list).skip(1).filter_map(|rest| rest.split(')').next()) {
            for label in labels.split(',').map(str::trim) {
                let known = shown.values().any(|labels| labels.contains_key(label));
                if !known && !["job", "instance"].contains(&label) {
                    wrong.push(format!("{whose}: nothing has the label {label}"));
                }
            }
        }
    }
    wrong
}

#[test]
fn rules_and_dashboards_name_what_a_gateway_shows() {
    let stage = Stage::set();
    stage.add_ending_secret();
    stage.good("systemctl start hookgate");
    let exposition = stage.good("curl -sf $HOOKGATE_ADMIN/metrics");
    let shown = shown(&exposition);
    let lines = |file: &str| -> String {
        let text = text(file);
        let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let rules = "deploy/prometheus/rules.yaml";
    let mut broken = wrong(&shown, rules, &lines(rules));
    for entry in std::fs::read_dir(root().join("deploy/prometheus/tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        broken.extend(wrong(&shown, &name, &lines(&format!("deploy/prometheus/tests/{name}"))));
    }
    for question in questions() {
        broken.extend(wrong(&shown, &question.whose, &question.expr));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_wrong_name_is_found() {
    let shown = shown("hookgate_a_total{source=\"s\",outcome=\"x\"} 0\nhookgate_b 1\n");
    let found = |expr: &str| wrong(&shown, "q", expr);
    assert!(found("sum by (source) (rate(hookgate_a_total{outcome=~\"x|x\"}[5m]))").is_empty());
    assert!(found("job_source:hookgate_gone:ratio{job=\"j\"} > hookgate_b").is_empty());
    for (expr, why) in [
        ("hookgate_c", "hookgate_c is not shown"),
        ("hookgate_a_total{outcom=\"x\"}", "has no label outcom"),
        ("hookgate_a_total{outcome=~\"x|y\"}", "has no outcome=y"),
        ("sum by (sourec) (hookgate_b)", "nothing has the label sourec"),
    ] {
        assert!(found(expr).concat().contains(why), "{expr}: {:?}", found(expr));
    }
}
