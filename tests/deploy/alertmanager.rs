//! The Alertmanager example, by amtool and a running Alertmanager: who is told of what, in which
//! words, and what is left unsaid because something louder explains it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Served, free_port};
use crate::tools::{agrees, root, text};

const EXAMPLE: &str = "deploy/alertmanager/alertmanager.yml";

#[test]
fn amtool_takes_the_example() {
    agrees("amtool", &["check-config", EXAMPLE], &root());
}

#[test]
fn severity_and_audience_decide_who_is_told() {
    for (labels, receivers) in [
        (&["severity=critical"][..], "on-call"),
        (&["severity=warning"], "team"),
        (&["severity=info"], "list"),
        (&["severity=critical", "audience=privacy"], "privacy,on-call"),
        (&["severity=warning", "audience=privacy"], "privacy,team"),
        (&["severity=unheard-of"], "list"),
    ] {
        let verify = format!("--verify.receivers={receivers}");
        let config = format!("--config.file={EXAMPLE}");
        let test = ["config", "routes", "test", &config, &verify];
        agrees("amtool", &[&test[..], labels].concat(), &root());
    }
}

#[test]
fn secrets_stand_in_files_of_their_own() {
    let example = text(EXAMPLE);
    let secrets = ["smtp_auth_password", "routing_key", "service_key", "bot_token", "password"];
    for line in example.lines().map(|line| line.trim().trim_start_matches("- ")) {
        let inline = secrets.iter().find(|secret| line.starts_with(&format!("{secret}:")));
        assert_eq!(inline, None, "{line}");
    }
    for secret in ["smtp_auth_password_file", "routing_key_file", "bot_token_file"] {
        assert!(example.contains(secret), "{secret}");
    }
}

#[test]
fn a_message_is_the_sentence_and_where_it_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.json");
    let labels = json!({"alertname": "HookgateDown", "severity": "critical"});
    let annotations = json!({
        "summary": "The gateway gate-1 does not answer.",
        "description": "Prometheus has not reached <gate-1>.",
        "runbook_url": "https://runbooks.example.invalid/hookgate.md#hookgatedown",
    });
    let render = |status: &str, ends: &str, name: &str| {
        let alert = json!({
            "status": status, "labels": labels, "annotations": annotations,
            "startsAt": "2026-11-29T03:00:00Z", "endsAt": ends,
        });
        let all = json!({
            "status": status, "alerts": [alert], "commonLabels": labels,
            "commonAnnotations": annotations,
        });
        std::fs::write(&data, all.to_string()).unwrap();
        let glob = "--template.glob=deploy/alertmanager/hookgate.tmpl";
        let what = format!("--template.text={{{{ template \"{name}\" . }}}}");
        let from = format!("--template.data={}", data.display());
        agrees("amtool", &["template", "render", glob, &what, &from], &root())
    };
    let never = "0001-01-01T00:00:00Z";
    let title = render("firing", never, "hookgate.title");
    assert_eq!(title.trim_end(), "[critical] The gateway gate-1 does not answer.");
    let said = render("firing", never, "hookgate.text");
    for part in [
        "[critical] The gateway gate-1 does not answer.\n",
        "\nPrometheus has not reached <gate-1>.\nsince 2026-11-29 03:00 UTC\n",
        "hookgate.md#hookgatedown\n",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let over = render("resolved", "2026-11-29T04:00:00Z", "hookgate.text");
    assert!(over.starts_with("[over] "), "{over}");
    assert!(over.contains("since 2026-11-29 03:00 UTC until 2026-11-29 04:00 UTC"), "{over}");
}

/// Each loud alert, another beside it, and whether that one is left unsaid.
#[rustfmt::skip]
const EXPLAINED: &[([&str; 3], [&str; 3], bool)] = &[
    (["HookgateDown", "critical", "instance=a"], ["HookgateKafkaDown", "critical", "instance=a"], true),
    (["HookgateDown", "critical", "instance=a"], ["HookgateKafkaDown", "critical", "instance=b"], false),
    (["HookgateDown", "critical", "instance=a"], ["HookgateSourceSilent", "critical", "source=s"], false),
    (["HookgateAbsent", "critical", "job=l"], ["HookgateGone", "critical", "job=l"], true),
    (["HookgateAbsent", "critical", "job=l"], ["HookgateGone", "critical", "instance=l"], false),
    (["HookgateKafkaDown", "critical", "instance=c"], ["HookgatePublishLag", "warning", "instance=c"], true),
    (["HookgateKafkaDown", "critical", "instance=c"], ["HookgateBacklogGrowing", "warning", "instance=c"], true),
    (["HookgatePublishLag", "critical", "instance=d"], ["HookgatePublishLag", "warning", "instance=d"], true),
    (["HookgatePublishLag", "critical", "instance=d"], ["HookgatePublishLag", "warning", "instance=e"], false),
    (["HookgateDiskAlmostFull", "critical", "instance=f"], ["HookgateDiskFilling", "critical", "instance=f"], true),
    (["HookgateSignaturesFailing", "critical", "source=g"], ["HookgateSomeSignaturesFailing", "warning", "source=g"], true),
    (["HookgateSignaturesFailing", "critical", "source=g"], ["HookgateSourceSilent", "critical", "source=g"], true),
    (["HookgateSourceSilent", "critical", "source=h"], ["HookgateRecordingsMissing", "critical", "source=h"], true),
    (["HookgateSourceSilent", "critical", "source=h"], ["HookgateRecordingsMissing", "critical", "source=i"], false),
    (["HookgateLedgerImbalance", "critical", "source=k"], ["HookgateDefect", "warning", "instance=k"], false),
];

#[tokio::test]
async fn what_explains_an_alert_silences_it() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody is to be told of these: the first message of a group would go out after an hour.
    let quiet = text(EXAMPLE).replace("group_wait: 30s", "group_wait: 1h");
    std::fs::write(folder.path().join("alertmanager.yml"), quiet).unwrap();
    let messages = text("deploy/alertmanager/hookgate.tmpl");
    std::fs::write(folder.path().join("hookgate.tmpl"), messages).unwrap();
    let port = free_port();
    let served = Served::start(
        "alertmanager",
        &[
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            "--cluster.listen-address=",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ],
        folder.path(),
        port,
    )
    .await;
    let labels = |[name, severity, at]: &[&str; 3]| {
        let (key, value) = at.split_once('=').unwrap();
        json!({"alertname": name, "severity": severity, "job": "hookgate", key: value})
    };
    let both = EXPLAINED.iter().flat_map(|(loud, other, _)| [loud, other]);
    let alerts: Vec<_> = both.map(|alert| json!({"labels": labels(alert)})).collect();
    served.post("/api/v2/alerts", &Value::from(alerts)).await;
    for (loud, other, unsaid) in EXPLAINED {
        let other_labels = labels(other);
        let state = |alerts: &Value| {
            let list = alerts.as_array().unwrap();
            let found = list.iter().find(|alert| alert["labels"] == other_labels)?;
            Some(!found["status"]["inhibitedBy"].as_array().unwrap().is_empty())
        };
        let path = "/api/v2/alerts";
        let found = served.until(path, Duration::from_secs(30), |alerts| state(alerts).is_some());
        assert_eq!(state(&found.await), Some(*unsaid), "{other:?} beside {loud:?}");
    }
}
