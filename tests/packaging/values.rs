//! What single values of the chart do, rendered.

use serde_json::json;

use crate::rendered::{Rendered, example, helm};
use crate::tools::{bad, documents, file};

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
