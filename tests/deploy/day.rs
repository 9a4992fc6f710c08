//! A day before a real Prometheus: it has nine days of history, reads a gateway on a real Apache Kafka
//! every second, judges by the rules and tells a real Alertmanager.
//!
//! On that day: traffic over TLS, a source that fell silent, a certificate that is about to end and is
//! swapped, a secret that is rotated, Kafka away and back; and every panel of the dashboards is asked.
//!
//! What a day has and a test has not is left out of copies of the files, and nothing else: waits
//! (`for`), intervals, and the addresses. The source that fell silent is shown by a stand-in beside the
//! gateway.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::broker::Broker;
use crate::dashboards::{Asked, Kind, questions};
use crate::process::{Served, free_port};
use crate::stage::Stage;
use crate::tools::{agrees, text};

const KAFKA: &str = "create_topics = true\npartitions = 4\nreplication_factor = 1";

/// Longer than anything takes that is not broken, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than Prometheus goes without a good scrape of a gateway that works.
const GAP: Duration = Duration::from_secs(20);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A source that spoke every minute for nine days and has been silent for two hours.
const SILENT_SECONDS: u64 = 2 * 3600;

/// Nine days of it, as Prometheus takes them in: a sample every five minutes, until a while ago.
fn history(until: u64) -> String {
    let mut text = String::new();
    for (metric, labels) in [
        ("hookgate_deliveries", "outcome=\"accepted\""),
        ("hookgate_events", "kind=\"room.ended\""),
        ("hookgate_events", "kind=\"recording.ready\""),
    ] {
        if !text.contains(&format!("# TYPE {metric} ")) {
            writeln!(text, "# TYPE {metric} counter").unwrap();
        }
        let labels = format!("job=\"hookgate\",instance=\"gate-0\",source=\"quiet\",{labels}");
        let steps = 9 * 288;
        for step in 0..steps {
            let at = until - 300 * (steps - step);
            let spoken = at.min(until - SILENT_SECONDS) / 60;
            writeln!(text, "{metric}_total{{{labels}}} {spoken} {at}").unwrap();
        }
    }
    text + "# EOF\n"
}

/// Shows a source that says nothing any more.
async fn stand_in(began: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let last = "hookgate_source_last_event_timestamp_seconds{source=\"quiet\"}";
            let body = format!("{last} {}\n", began - SILENT_SECONDS);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
                 Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

/// The example's files as a test runs them: a second where a day has minutes.
fn copied(folder: &Path, targets: [u16; 2], alertmanager: u16) {
    let without_waits = |line: &&str| !line.trim().starts_with("for: ");
    let rules = text("deploy/prometheus/rules.yaml").replace("interval: 2m", "interval: 1s");
    let rules: String = rules.lines().filter(without_waits).map(|l| format!("{l}\n")).collect();
    std::fs::write(folder.join("rules.yaml"), rules).unwrap();
    let targets = targets.map(|port| format!("- 127.0.0.1:{port}"));
    let example = text("deploy/prometheus/prometheus.yml")
        .replace("interval: 15s", "interval: 1s")
        .replace("- hookgate:9080", &targets.join("\n          "))
        .replace("alertmanager:9093", &format!("127.0.0.1:{alertmanager}"));
    std::fs::write(folder.join("prometheus.yml"), example).unwrap();
    let quiet = text("deploy/alertmanager/alertmanager.yml");
    let quiet = quiet.replace("group_wait: 30s", "group_wait: 1h");
    std::fs::write(folder.join("alertmanager.yml"), quiet).unwrap();
    let messages = text("deploy/alertmanager/hookgate.tmpl");
    std::fs::write(folder.join("hookgate.tmpl"), messages).unwrap();
}

/// Alertmanager and Prometheus, on the copies, with the history.
async fn watched(folder: &Path, targets: [u16; 2]) -> (Served, Served) {
    let (port, alerts) = (free_port(), free_port());
    copied(folder, targets, alerts);
    let listen = format!("--web.listen-address=127.0.0.1:{alerts}");
    let arguments = [
        "--config.file=alertmanager.yml",
        "--storage.path=told",
        "--cluster.listen-address=",
        &listen,
    ];
    let told = Served::start("alertmanager", &arguments, folder, alerts).await;
    std::fs::write(folder.join("history"), history(now() - 60)).unwrap();
    let import = ["tsdb", "create-blocks-from", "openmetrics", "history", "data"];
    agrees("promtool", &import, folder);
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let keep = "--storage.tsdb.retention.time=30d";
    let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", keep, &listen];
    (Served::start("prometheus", &arguments, folder, port).await, told)
}

fn url(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}

fn results(answer: &Value) -> &[Value] {
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"]["result"].as_array().unwrap()
}

/// An alert with these labels that fires.
fn fires<'a>(answer: &'a Value, name: &str, at: &str) -> Option<&'a Value> {
    let mut alerts = answer["data"]["alerts"].as_array().unwrap().iter();
    alerts.find(|alert| {
        let labels = alert["labels"].as_object().unwrap();
        let here = labels.values().any(|value| value.as_str().is_some_and(|v| v.ends_with(at)));
        labels["alertname"] == name && here && alert["state"] == "firing"
    })
}

/// What Prometheus answers to a panel's question, as a line; an error where that is nothing.
async fn answered(prometheus: &Served, asked: &Asked) -> Result<String, String> {
    let expr = ["$job", "$instance", "$source"]
        .iter()
        .fold(asked.expr.clone(), |expr, variable| expr.replace(variable, ".+"))
        .replace("$__rate_interval", "10m");
    // The second that has begun counts as a whole.
    let end = now() + 1;
    let (from, to) = ((end - 5).to_string(), end.to_string());
    let path = match asked.kind {
        Kind::Graph => {
            let range = [("query", &*expr), ("start", &from), ("end", &to), ("step", "1")];
            url("/api/v1/query_range", &range)
        }
        Kind::Stat | Kind::Bars | Kind::Table => url("/api/v1/query", &[("query", &expr)]),
    };
    let answer = prometheus.json(&path).await;
    if answer["status"] != "success" {
        return Err(format!("{}: {answer}", asked.whose));
    }
    let of = |series: &Value| -> Option<f64> {
        let value = match asked.kind {
            Kind::Graph => series["values"].as_array()?.last()?[1].as_str(),
            Kind::Stat | Kind::Bars | Kind::Table => series["value"][1].as_str(),
        };
        value?.parse().ok().filter(|value: &f64| value.is_finite())
    };
    let list = results(&answer);
    let Some((series, value)) = list.iter().find_map(|series| Some((series, of(series)?))) else {
        return Err(format!("{}: no answer to {expr}", asked.whose));
    };
    for label in asked.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
        if series["metric"].get(label).is_none() {
            return Err(format!("{}: no label {label} in {series}", asked.whose));
        }
    }
    Ok(format!("{:<60} {:>3} series, such as {value}", asked.whose, list.len()))
}

/// The same, asked again while there is none: a scrape that took too long leaves a gap.
async fn answered_at_last(prometheus: &Served, asked: &Asked) -> Result<String, String> {
    let clock = hookgate::clock::Clock::system();
    let until = clock.steady() + GAP;
    let mut looks = tokio::time::interval(Duration::from_millis(500));
    loop {
        looks.tick().await;
        let answer = answered(prometheus, asked).await;
        if answer.is_ok() || clock.steady() > until {
            return answer;
        }
    }
}

/// Something done to the stage, beside what must go on meanwhile.
async fn played(stage: Stage, what: fn(&Stage)) -> Stage {
    let stage = spawn_blocking(move || {
        what(&stage);
        stage
    });
    stage.await.unwrap()
}

/// From one secret to the next, with traffic under each; who still signs with the old one in the
/// end is not believed.
fn rotate(stage: &Stage) {
    stage.good(
        "(umask 077; hookgate keygen >secrets/clinic-daily-new) && cp hookgate.toml old.toml",
    );
    let old = "{ file = \"secrets/clinic-daily\" }";
    let new = "{ file = \"secrets/clinic-daily-new\" }";
    let text = std::fs::read_to_string(stage.path("hookgate.toml")).unwrap();
    assert_eq!(text.matches(old).count(), 1);
    for secrets in [format!("{new}, {old}"), new.to_owned()] {
        stage.write("hookgate.toml", &text.replace(old, &secrets));
        stage.good("systemctl reload hookgate");
        stage.traffic();
    }
    let late = format!(
        "hookgate send {}/fixtures/daily/meeting.started --to https://127.0.0.1:{} \
         --tls-ca tls/gate.crt --config old.toml --source clinic-daily",
        env!("CARGO_MANIFEST_DIR"),
        stage.public
    );
    let said = stage.says(&late).text;
    assert!(said.contains("bad_signature"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_watched_from_traffic_to_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, address) = Broker::start("deploy").await;
    let stage = Stage::on(&address, KAFKA);
    stage.add_ending_secret();
    stage.certificate("gate", 2);
    stage.good("systemctl start hookgate");
    let quiet = stand_in(now()).await;
    let (prometheus, told) = watched(folder.path(), [stage.admin, quiet]).await;
    // It is seen at rest, then at work.
    let seen = async |what: &str| {
        let path = url("/api/v1/query", &[("query", what)]);
        prometheus.until(&path, PATIENCE, |answer| !results(answer).is_empty()).await;
    };
    seen("min(count_over_time(up[1m])) >= 3").await;
    let stage = played(stage, Stage::traffic).await;
    seen("sum(increase(hookgate_deliveries_total{source=\"school-livekit\"}[1m])) > 50").await;
    seen("count(job_source:hookgate_quarantined:ratio_increase1h >= 0) >= 2").await;

    // The source that fell silent is told of, in the right words.
    let silent = |answer: &Value| fires(answer, "HookgateSourceSilent", "quiet").cloned();
    let alerts = prometheus.until("/api/v1/alerts", PATIENCE, |answer| silent(answer).is_some());
    let alert = silent(&alerts.await).unwrap();
    let said = alert["annotations"]["description"].as_str().unwrap();
    assert!(said.starts_with("The source quiet has sent no event for 2h "), "{said}");

    // The certificate is about to end; a new pair is put in its place, and it is over.
    let gate = format!("127.0.0.1:{}", stage.admin);
    let ends = |answer: &Value| fires(answer, "HookgateCertificateExpiring", &gate).cloned();
    let alerts = prometheus.until("/api/v1/alerts", PATIENCE, |answer| ends(answer).is_some());
    let alert = ends(&alerts.await).unwrap();
    let said = alert["annotations"]["description"].as_str().unwrap();
    let starts = format!("The certificate of the public listener of {gate} ends in 1d 23h ");
    assert!(said.starts_with(&starts), "{said}");
    stage.good("cp tls/new.key tls/gate.key && cp tls/new.crt tls/gate.crt");
    prometheus.until("/api/v1/alerts", PATIENCE, |answer| ends(answer).is_none()).await;

    // Daily's secret is rotated: first both hold, then the new one alone.
    let _stage = played(stage, rotate).await;
    seen("hookgate_secret_last_used_timestamp_seconds{secret=\"clinic-daily-new\"} > 0").await;

    // Every panel has an answer.
    let mut nothing = Vec::new();
    for question in questions() {
        match answered_at_last(&prometheus, &question).await {
            Ok(line) => println!("{line}"),
            Err(why) => nothing.push(why),
        }
    }
    assert!(nothing.is_empty(), "{}", nothing.join("\n"));

    // Kafka goes, and whoever is on call is told; Kafka comes, and it is over.
    let down = |answer: &Value| fires(answer, "HookgateKafkaDown", &gate).cloned();
    assert!(down(&prometheus.json("/api/v1/alerts").await).is_none());
    broker.order("kill").await;
    let alerts = prometheus.until("/api/v1/alerts", PATIENCE, |answer| down(answer).is_some());
    let alert = down(&alerts.await).unwrap();
    let said = alert["annotations"]["summary"].as_str().unwrap();
    assert_eq!(said, format!("{gate} cannot publish to Kafka."));
    let on_call = |answer: &Value| {
        let list = answer.as_array().unwrap();
        let found = list.iter().find(|alert| {
            alert["labels"]["alertname"] == "HookgateKafkaDown"
                && alert["labels"]["instance"] == *gate
        });
        found.is_some_and(|alert| alert["receivers"][0]["name"] == "on-call")
    };
    told.until("/api/v2/alerts", PATIENCE, on_call).await;
    broker.order("restart").await;
    prometheus.until("/api/v1/alerts", PATIENCE, |answer| down(answer).is_none()).await;

    // No rule ever failed.
    let rules = prometheus.json("/api/v1/rules").await;
    let groups = rules["data"]["groups"].as_array().unwrap();
    let rules: Vec<_> = groups.iter().flat_map(|g| g["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 25);
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
}

#[test]
fn promtool_takes_what_the_gateway_shows() {
    let stage = Stage::played();
    let metrics = stage.path("run/metrics");
    let promtool = crate::tools::tool("promtool");
    stage.good("curl -sf $HOOKGATE_ADMIN/metrics >run/metrics");
    let check = format!("{} check metrics <{}", promtool.display(), metrics.display());
    assert_eq!(stage.good(&check), "");
}
