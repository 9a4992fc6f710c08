//! The dashboards: made of `deploy/grafana/dashboards.toml`, committed as Grafana reads them.
//!
//! `HOOKGATE_REWRITE=1` writes them anew; the difference is read before it is committed.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::tools::{agrees, root, text};

const SOURCE: &str = "deploy/grafana/dashboards.toml";
const FOLDER: &str = "deploy/grafana/dashboards";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dashboard: Vec<Dashboard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dashboard {
    pub(crate) file: String,
    title: String,
    description: String,
    variables: Vec<String>,
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panel: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    #[serde(default)]
    description: String,
    kind: Kind,
    #[serde(default = "short")]
    unit: String,
    width: u64,
    red_above: Option<f64>,
    red_below: Option<f64>,
    queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    expr: String,
    #[serde(default)]
    legend: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Stat,
    Graph,
    Bars,
    Table,
}

/// One question of one panel.
pub(crate) struct Asked {
    pub(crate) whose: String,
    pub(crate) kind: Kind,
    pub(crate) expr: String,
    pub(crate) legend: String,
}

fn short() -> String {
    "short".to_owned()
}

fn all() -> Vec<Dashboard> {
    let file: File = toml::from_str(&text(SOURCE)).unwrap_or_else(|error| panic!("{error}"));
    file.dashboard
}

/// Every question of every panel.
pub(crate) fn questions() -> Vec<Asked> {
    let mut asked = Vec::new();
    for dashboard in all() {
        for panel in dashboard.row.into_iter().flat_map(|row| row.panel) {
            let whose = format!("{} / {}", dashboard.file, panel.title);
            asked.extend(panel.queries.into_iter().map(|query| Asked {
                whose: whose.clone(),
                kind: panel.kind,
                expr: query.expr,
                legend: query.legend,
            }));
        }
    }
    asked
}

impl Kind {
    fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Graph => "timeseries",
            Self::Bars => "bargauge",
            Self::Table => "table",
        }
    }

    fn height(self) -> u64 {
        if self == Self::Stat { 4 } else { 8 }
    }

    fn options(self) -> Value {
        match self {
            Self::Stat => json!({
                "colorMode": "value", "graphMode": "none", "textMode": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            }),
            Self::Bars => json!({
                "displayMode": "basic", "orientation": "horizontal",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            }),
            Self::Graph => json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Self::Table => json!({"showHeader": true}),
        }
    }
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn rendered(dashboard: &Dashboard) -> Value {
    let mut panels = Vec::new();
    let (mut y, mut id) = (0, 0);
    for row in &dashboard.row {
        id += 1;
        panels.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in &row.panel {
            assert!(panel.width <= 24, "{}: {} wide", panel.title, panel.width);
            if x + panel.width > 24 {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            id += 1;
            let height = panel.kind.height();
            panels.push(shown(panel, id, [x, y, panel.width, height]));
            (x, tallest) = (x + panel.width, tallest.max(height));
        }
        y += tallest;
    }
    json!({
        "uid": format!("hookgate-{}", dashboard.file),
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["hookgate"],
        "schemaVersion": 39,
        "editable": true,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": variables(&dashboard.variables)},
        "panels": panels,
    })
}

fn shown(panel: &Panel, id: u64, [x, y, w, h]: [u64; 4]) -> Value {
    let graph = panel.kind == Kind::Graph;
    let targets = ('A'..).zip(&panel.queries).map(|(reference, query)| {
        json!({
            "refId": reference.to_string(), "datasource": datasource(), "expr": query.expr,
            "legendFormat": query.legend, "range": graph, "instant": !graph,
            "format": if panel.kind == Kind::Table { "table" } else { "time_series" },
        })
    });
    let mut defaults = json!({"unit": panel.unit, "thresholds": thresholds(panel)});
    if graph {
        defaults["custom"] = json!({"fillOpacity": 10, "showPoints": "never"});
    }
    json!({
        "id": id, "type": panel.kind.plugin(), "title": panel.title,
        "description": panel.description, "datasource": datasource(),
        "gridPos": {"x": x, "y": y, "w": w, "h": h}, "targets": targets.collect::<Vec<_>>(),
        "fieldConfig": {"defaults": defaults, "overrides": []}, "options": panel.kind.options(),
    })
}

/// Green, and red from where the source says.
fn thresholds(panel: &Panel) -> Value {
    let steps = match (panel.red_above, panel.red_below) {
        // What is above 0 begins with the smallest number there is.
        (Some(above), None) => json!([
            {"color": "green", "value": null},
            {"color": "red", "value": if above == 0.0 { 1e-9 } else { above }},
        ]),
        (None, Some(below)) => {
            json!([{"color": "red", "value": null}, {"color": "green", "value": below}])
        }
        (None, None) => json!([{"color": "text", "value": null}]),
        (Some(_), Some(_)) => panic!("{}: red above and below", panel.title),
    };
    json!({"mode": "absolute", "steps": steps})
}

fn variables(names: &[String]) -> Vec<Value> {
    let choice = json!({
        "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        "current": {}, "hide": 0,
    });
    let variable = |name: &String| {
        let query = match name.as_str() {
            "job" => "label_values(hookgate_build_info, job)",
            "instance" => "label_values(hookgate_build_info{job=~\"$job\"}, instance)",
            "source" => {
                "label_values(hookgate_source_last_event_timestamp_seconds{job=~\"$job\"}, source)"
            }
            other => panic!("nobody knows the variable {other}"),
        };
        json!({
            "name": name, "type": "query", "datasource": datasource(), "definition": query,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": true,
            "includeAll": true, "allValue": ".+",
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
        })
    };
    [choice].into_iter().chain(names.iter().map(variable)).collect()
}

#[test]
fn dashboards_are_what_their_source_gives() {
    let rewrite = std::env::var_os("HOOKGATE_REWRITE").is_some();
    let mut names = Vec::new();
    for dashboard in all() {
        let made = serde_json::to_string_pretty(&rendered(&dashboard)).unwrap() + "\n";
        let name = format!("{}.json", dashboard.file);
        let path = root().join(FOLDER).join(&name);
        if rewrite {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{FOLDER}/{name} is not what {SOURCE} gives: HOOKGATE_REWRITE=1");
        names.push(name);
    }
    for entry in std::fs::read_dir(root().join(FOLDER)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{FOLDER}/{name} has no source");
    }
}

#[test]
fn panels_do_not_overlap_and_use_only_the_variables_of_their_dashboard() {
    for dashboard in all() {
        let made = rendered(&dashboard);
        let places =
            made["panels"].as_array().unwrap().iter().map(|panel| {
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap())
            });
        let places: Vec<[u64; 4]> = places.collect();
        for (at, [x, y, w, h]) in places.iter().enumerate() {
            assert!(x + w <= 24, "{}: panel {at} is too wide", dashboard.file);
            for [left, top, width, height] in &places[at + 1..] {
                let beside = x + w <= *left || left + width <= *x;
                let above = y + h <= *top || top + height <= *y;
                assert!(beside || above, "{}: two panels in one place", dashboard.file);
            }
        }
        let known = ["datasource", "__rate_interval"].map(str::to_owned);
        for asked in questions().iter().filter(|asked| asked.whose.starts_with(&dashboard.file)) {
            for word in asked.expr.split('$').skip(1) {
                let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = word[..end.unwrap_or(word.len())].to_owned();
                let chosen = known.contains(&name) || dashboard.variables.contains(&name);
                assert!(chosen, "{}: ${name}", asked.whose);
            }
        }
    }
}

/// What a fleet of two shows, and how many of it do not answer in the end.
const FLEETS: [(&str, &str, &str, &str); 5] = [
    ("both answer", "1x30", "1x30", "0"),
    ("one is down", "1x30", "1x10 0x20", "1"),
    ("one has no target any more", "1x30", "1x10 stale", "1"),
    ("one comes back", "1x30", "1x10 0x10 1x9", "0"),
    ("none answers", "1x10 stale", "1x10 0x20", "2"),
];

#[test]
fn one_gateway_of_two_that_does_not_answer_is_red() {
    let title = "on-call / Gateways that do not answer";
    let asked = questions().into_iter().find(|asked| asked.whose == title).unwrap();
    let expr = asked.expr.replace("$job", ".+").replace("$instance", ".+");
    let tests = FLEETS.map(|(name, one, two, count)| {
        let series = |name: &str, instance: &str, values: &str| {
            let series = format!("{name}{{job=\"hookgate\",instance=\"{instance}\"}}");
            json!({"series": series, "values": values})
        };
        // A scrape that fails leaves nothing but its `up`.
        let shown = |values: &str| values.replace(" 0x10", " stale _x9").replace(" 0x20", " stale");
        let stranger = json!({"series": "up{job=\"node\",instance=\"host\"}", "values": "0x30"});
        json!({
            "name": name,
            "interval": "1m",
            "input_series": [
                stranger,
                series("up", "gate-0", one), series("up", "gate-1", two),
                series("hookgate_build_info", "gate-0", &shown(one)),
                series("hookgate_build_info", "gate-1", &shown(two)),
            ],
            "promql_expr_test": [{
                "expr": expr, "eval_time": "30m",
                "exp_samples": [{"labels": "{}", "value": count.parse::<f64>().unwrap()}],
            }],
        })
    });
    let folder = tempfile::tempdir().unwrap();
    // Prometheus' YAML takes JSON.
    let file = json!({"rule_files": [], "evaluation_interval": "1m", "tests": tests});
    std::fs::write(folder.path().join("fleets.yaml"), file.to_string()).unwrap();
    agrees("promtool", &["test", "rules", "fleets.yaml"], folder.path());
    let mut panels = all().into_iter().flat_map(|d| d.row).flat_map(|row| row.panel);
    let panel = panels.find(|panel| title.ends_with(&panel.title)).unwrap();
    let steps = &thresholds(&panel)["steps"];
    assert!(steps[1]["color"] == "red" && steps[1]["value"].as_f64().unwrap() <= 1.0, "{steps}");
}
