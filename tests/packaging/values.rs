//! What single values of the chart do, rendered.

use std::process::Command;

use serde_json::json;

use crate::proof::gate::{Gate, Place};
use crate::rendered::{Rendered, example, helm};
use crate::tools::{PROGRAM, bad, documents, fetched, file, good, text};

#[test]
fn a_release_has_a_job_of_its_own_in_its_scrapes_and_in_its_rules() {
    let job = |rendered: &Rendered| {
        let endpoint = &rendered.the("ServiceMonitor")["spec"]["endpoints"][0];
        let rules = endpoint["relabelings"].as_array().unwrap().clone();
        let rule = rules.into_iter().find(|rule| rule["targetLabel"] == "job").unwrap();
        (rule["replacement"].clone(), rendered.the("PrometheusRule")["spec"].to_string())
    };
    let written = documents(&file("deploy/prometheus/rules.yaml"))[0].to_string();
    let named = written.matches(r#"job=\"hookgate\""#).count();
    assert!(named > 0, "rules name the job");
    let (usual, rules) = job(&Rendered::of("full", &[]));
    assert_eq!(usual, "hookgate");
    assert_eq!(rules.matches(r#"job=\"hookgate\""#).count(), named);
    for other in ["second/hookgate", "7"] {
        let set = format!("metrics.job={other}");
        let (name, rules) = job(&Rendered::of("full", &["--set-string", &set]));
        assert_eq!(name, other);
        assert_eq!(rules.matches(&format!(r#"job=\"{other}\""#)).count(), named);
        assert!(!rules.contains(r#"job=\"hookgate\""#), "none looks for the other release");
    }
    let mut wrong = helm(&["template", "gate"]);
    wrong.arg("-f").arg(example("full")).args(["--set", "metrics.job=a\"b"]);
    assert!(bad(&mut wrong).contains("metrics/job"), "it stands between quotes in a query");
}

#[test]
fn the_registry_of_schemas_and_the_collector_can_be_reached() {
    let ports = |set: &[&str]| {
        let set: Vec<&str> = set.iter().flat_map(|one| ["--set", *one]).collect();
        let rendered = Rendered::of("full", &set);
        let egress = rendered.the("NetworkPolicy")["spec"]["egress"].clone();
        egress.as_array().unwrap()[2..].to_vec()
    };
    assert!(ports(&[]).is_empty(), "names and brokers, and nothing else");
    let registry = |url: &str| format!("config.kafka.schema_registry.url={url}");
    let collector = "config.telemetry.otlp.endpoint=http://[fd00::7]:4318/otlp";
    for (url, port) in [
        ("https://registry:8081", 8081),
        ("https://registry.example.invalid", 443),
        ("http://registry/8082", 80),
        ("https://[fd00::8]/", 443),
    ] {
        assert_eq!(ports(&[&registry(url)]), [json!({"ports": [{"port": port}]})], "{url}");
        let both = ports(&[&registry(url), collector]);
        assert_eq!(both, [json!({"ports": [{"port": port}, {"port": 4318}]})], "{url}");
    }
}

/// The blocks of a language in the chart's README.
fn blocks(language: &str) -> Vec<String> {
    let readme = text("deploy/helm/hookgate/README.md");
    let begin = format!("\n```{language}\n");
    let parts = readme.split(&begin).skip(1).map(|rest| rest.split_once("\n```").unwrap().0);
    parts.map(str::to_owned).collect()
}

#[test]
fn a_volume_of_one_s_own_is_mounted_and_the_pod_that_restores_fits_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.yaml");
    let [values, restore] = &blocks("yaml")[..] else { panic!("values and a pod") };
    std::fs::write(&path, values).unwrap();
    let rendered = Rendered::of("full", &["-f", path.to_str().unwrap()]);
    let mounts = rendered.container()["volumeMounts"].as_array().unwrap();
    assert_eq!(mounts.last().unwrap(), &json!({"name": "backup", "mountPath": "/backup"}));
    let claim =
        json!({"name": "backup", "persistentVolumeClaim": {"claimName": "hookgate-backup"}});
    assert_eq!(rendered.pod()["volumes"].as_array().unwrap().last().unwrap(), &claim);
    std::fs::write(&path, &rendered.text).unwrap();
    good(fetched("strict").arg("kubernetes").arg(&path));

    std::fs::write(&path, restore).unwrap();
    good(fetched("strict").arg("kubernetes").arg(&path));
    let pod = &documents(&path)[0]["spec"];
    let (ours, theirs) = (&pod["containers"][0], rendered.container());
    assert_eq!(pod["securityContext"], rendered.pod()["securityContext"], "the same owner");
    assert_eq!(ours["securityContext"], theirs["securityContext"]);
    assert_eq!(ours["image"], theirs["image"]);
    let set = rendered.the("StatefulSet");
    let name = set["metadata"]["name"].as_str().unwrap();
    let template = set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"].as_str().unwrap();
    let held = &pod["volumes"][0]["persistentVolumeClaim"]["claimName"];
    assert_eq!(held, &format!("{template}-{name}-0"));
    assert_eq!((&pod["volumes"][1], &ours["volumeMounts"][0]), (&claim, &mounts[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_readme_says_of_backup_and_restore_brings_a_journal_back() {
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    let gate = Gate::start(&place).await;
    let journal = place.config().journal.dir;
    let backup = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let script = script.replace("/var/lib/hookgate", journal.to_str().unwrap());
        let script = script.replace("/backup", backup.path().to_str().unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-euc", &script.replace("hookgate restore", &format!("{PROGRAM} restore"))]);
        shell
    };
    let shown = blocks("sh").into_iter().find(|block| block.contains("backup --dir")).unwrap();
    for line in shown.lines() {
        let (_, line) = line.split_once(" -- ").unwrap();
        good(&mut run(&line.replace("hookgate backup", &format!("{PROGRAM} backup"))));
    }
    gate.kill().await;
    let path = backup.path().join("pod.yaml");
    std::fs::write(&path, &blocks("yaml")[1]).unwrap();
    let pod = documents(&path).remove(0);
    let script = pod["spec"]["containers"][0]["args"][0].as_str().unwrap();
    let said = good(&mut run(script));
    assert!(said.contains("restored instance gate-proof"), "{said}");
    assert!(backup.path().join("gate-hookgate-0.old/journal.db").exists());
    assert!(journal.join("audit.log").exists() && journal.join("journal.db").exists());
    bad(&mut run(script));
    assert!(journal.join("journal.db").exists(), "a second time it touches nothing");
}

#[test]
fn a_network_load_balancer_finds_tls_and_may_look_whether_a_gateway_is_ready() {
    let rendered = Rendered::of("load-balancer", &[]);
    let mut services = rendered.all("Service").into_iter();
    let service = services.find(|one| one["spec"]["type"].is_string()).unwrap();
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    let port = &service["spec"]["ports"][0];
    assert_eq!((&port["name"], &port["port"]), (&json!("https"), &json!(443)));
    assert!(rendered.table()["server"].get("tls").is_some(), "nobody else ends it");
    let annotation = |name: &str| {
        let name = format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
        service["metadata"]["annotations"][&name].as_str().unwrap_or_else(|| panic!("{name}"))
    };
    let admin = rendered.table()["admin"]["listen"].as_str().unwrap().to_owned();
    assert_eq!(annotation("healthcheck-port"), admin.rsplit(':').next().unwrap());
    assert_eq!(annotation("healthcheck-path"), "/readyz");
    assert_eq!(annotation("healthcheck-protocol"), "http", "as the admin port speaks");
    let number = |name: &str| annotation(name).parse::<u64>().unwrap();
    let looks = number("healthcheck-interval") * number("healthcheck-unhealthy-threshold");
    let grace = rendered.table()["server"]["drain_grace"].as_str().unwrap().to_owned();
    assert!(looks < grace.trim_end_matches('s').parse().unwrap(), "it looks away in time");
    let ranges = rendered.table()["server"]["trusted_proxies"].as_array().unwrap().clone();
    let admin = &rendered.the("NetworkPolicy")["spec"]["ingress"][1]["from"];
    for range in ranges {
        let from = json!({"ipBlock": {"cidr": range.as_str().unwrap()}});
        assert!(admin.as_array().unwrap().contains(&from), "{admin}");
    }
}
