//! The Helm chart: rendered, taken by Kubernetes' own types, and true of the program.

use std::time::Duration;

use clap::Parser;
use hookgate::bounds::{DRAIN_LAST_WORDS, STOP_SLACK};
use hookgate::cli::{Arguments, Verb};
use serde_json::{Value, json};

use crate::rendered::{EXAMPLES, Rendered, SECRETS, example, helm};
use crate::tools::{Checked, bad, documents, fetched, file, good, text};

/// The oldest Kubernetes of Chart.yaml.
const OLDEST: &str = "1.30.0";

#[test]
fn helm_finds_nothing_wrong_with_the_chart() {
    for name in EXAMPLES {
        good(helm(&["lint", "--strict", "--quiet"]).arg("-f").arg(example(name)));
    }
    // Without values too: what is required is said when it is rendered.
    good(&mut helm(&["lint", "--strict", "--quiet"]));
    let said = bad(&mut helm(&["template", "gate"]));
    assert!(said.contains("config.kafka.brokers is required"), "{said}");
}

#[test]
fn every_object_is_one_that_kubernetes_takes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rendered.yaml");
    for name in EXAMPLES {
        for version in [&[][..], &["--kube-version", OLDEST]] {
            std::fs::write(&path, Rendered::of(name, version).text).unwrap();
            good(fetched("strict").arg("kubernetes").arg(&path));
        }
    }
    // The types do find what nobody reads.
    let wrong = Rendered::of("full", &[]).text.replace("failureThreshold", "failureTreshold");
    std::fs::write(&path, wrong).unwrap();
    let said = bad(fetched("strict").arg("kubernetes").arg(&path));
    assert!(said.contains("unknown field") && said.contains("failureTreshold"), "{said}");
    let mut older = helm(&["template", "gate", "--kube-version", "1.29.0"]);
    assert!(bad(older.arg("-f").arg(example("small"))).contains("requires kubeVersion"));
}

#[test]
fn the_configuration_that_is_rendered_passes_check_config() {
    for name in EXAMPLES {
        let rendered = Rendered::of(name, &[]);
        let checked = Checked::new(rendered.configuration(), SECRETS);
        let said = good(&mut checked.command());
        assert!(said.contains("is good"), "{said}");
        // The warning that the NetworkPolicy answers, and those that depend on the machine.
        let known = |line: &str| line.contains("admin.listen") || line.contains("kafka.properties");
        let strange = said.lines().find(|line| line.starts_with("warning") && !known(line));
        assert_eq!(strange, None);
    }
}

#[test]
fn a_pod_runs_a_command_line_that_exists_on_files_it_has() {
    let rendered = Rendered::of("full", &[]);
    let container = rendered.container();
    let words = container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let arguments = Arguments::try_parse_from(["hookgate"].into_iter().chain(words));
    let Verb::Serve(serve) = arguments.unwrap_or_else(|error| panic!("{error}")).verb else {
        panic!("it does not serve");
    };
    let table = rendered.table();
    let journal = table["journal"]["dir"].as_str().unwrap();
    let mounts = container["volumeMounts"].as_array().unwrap();
    for mount in mounts {
        let path = mount["mountPath"].as_str().unwrap();
        // Whole folders, so that what changes is seen; and the journal alone can be written.
        assert_eq!(mount.get("subPath"), None);
        assert_eq!(mount["readOnly"].as_bool() == Some(true), path != journal, "{mount}");
    }
    let folders: Vec<&str> = mounts.iter().filter_map(|m| m["mountPath"].as_str()).collect();
    let config = serve.config.parent().unwrap().to_str().unwrap();
    let needed = [journal, config, SECRETS.trim_end_matches('/')];
    assert!(needed.iter().all(|folder| folders.contains(folder)), "{folders:?}");
    let claims = &rendered.the("StatefulSet")["spec"]["volumeClaimTemplates"];
    assert_eq!(claims[0]["metadata"]["name"], "journal");

    let environment = container["env"].as_array().unwrap();
    let named = |name: &str| environment.iter().find(|v| v["name"] == name).unwrap();
    let pod_name = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    assert_eq!(named("HOOKGATE__SERVER__INSTANCE")["valueFrom"], pod_name);
    for pod in rendered.all("Pod") {
        let words = pod["spec"]["containers"][0]["args"].as_array().unwrap().iter();
        let words = words.map(|word| word.as_str().unwrap());
        let asked = Arguments::try_parse_from(["hookgate"].into_iter().chain(words)).unwrap();
        assert!(asked.global.admin.starts_with("http://gate-hookgate-"), "{}", asked.global.admin);
        assert!(matches!(asked.verb, Verb::Status(status) if status.quiet));
    }
}

#[test]
fn ports_and_paths_are_those_of_the_gateway() {
    let rendered = Rendered::of("full", &[]);
    let (table, container) = (rendered.table(), rendered.container());
    let port_of = |section: &str| {
        let listen = table[section]["listen"].as_str().unwrap();
        listen.strip_prefix("0.0.0.0:").unwrap().parse::<u64>().unwrap()
    };
    let ports = json!([
        {"name": "public", "containerPort": port_of("server")},
        {"name": "admin", "containerPort": port_of("admin")},
    ]);
    assert_eq!(container["ports"], ports);
    // tests/it/admin.rs asks these of a gateway.
    for (probe, path) in
        [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
    {
        let asked = json!({"path": path, "port": "admin", "scheme": "HTTP"});
        assert_eq!(container[probe]["httpGet"], asked, "{probe}");
    }
    let monitor = &rendered.the("ServiceMonitor")["spec"];
    let endpoint = &monitor["endpoints"][0];
    assert_eq!((&endpoint["path"], &endpoint["port"]), (&json!("/metrics"), &json!("admin")));
    assert_eq!(
        endpoint["relabelings"][0],
        json!({"targetLabel": "job", "replacement": "hookgate"})
    );

    let services = rendered.all("Service");
    let is_headless = |s: &&&Value| s["spec"]["clusterIP"] == "None";
    let headless = services.iter().find(is_headless).unwrap();
    let public = services.iter().find(|s| !is_headless(s)).unwrap();
    let name = &headless["metadata"]["name"];
    assert_eq!(&rendered.the("StatefulSet")["spec"]["serviceName"], name);
    assert_eq!(headless["spec"]["ports"][0]["targetPort"], "admin");
    assert_eq!(public["spec"]["ports"].as_array().unwrap().len(), 1, "nothing else is public");
    assert_eq!(public["spec"]["ports"][0]["targetPort"], "public");
    for (key, value) in monitor["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&headless["metadata"]["labels"][key], value);
    }
    let component = "app.kubernetes.io/component";
    assert_eq!(public["metadata"]["labels"].get(component), None, "or it were scraped twice");
    let backend = &rendered.the("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"];
    assert_eq!(backend["service"]["name"], public["metadata"]["name"]);
    assert_eq!(backend["service"]["port"]["number"], public["spec"]["ports"][0]["port"]);
}

#[test]
fn a_pod_has_the_time_that_its_drain_takes() {
    for set in ["drain.preStop=5", "drain.preStop=0", "drain.deadline=600", "drain.grace=44"] {
        let rendered = Rendered::of("small", &["--set", set]);
        let server = &rendered.table()["server"];
        let seconds = |key: &str| -> u64 {
            server[key].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
        };
        assert!(seconds("drain_grace") < seconds("drain_deadline"));
        let sleep = &rendered.container()["lifecycle"]["preStop"]["sleep"]["seconds"];
        assert_eq!(sleep.as_u64().is_none(), set == "drain.preStop=0");
        // tests/it/app.rs: after the deadline come last words, the courier's end and the journal's.
        let process = Duration::from_secs(seconds("drain_deadline"));
        let process = process + DRAIN_LAST_WORDS + 2 * STOP_SLACK;
        let needed = process + Duration::from_secs(sleep.as_u64().unwrap_or(0));
        let given = rendered.pod()["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(Duration::from_secs(given) > needed, "{set}: {given} s for {needed:?}");
    }
    let wrong = ["--set", "drain.grace=50"];
    let said = bad(helm(&["template", "gate"]).arg("-f").arg(example("small")).args(wrong));
    assert!(said.contains("drain.deadline must be longer"), "{said}");
}

#[test]
fn each_key_has_one_place_and_unknown_values_are_refused() {
    let refused = |set: &str| {
        let mut command = helm(&["template", "gate"]);
        bad(command.arg("-f").arg(example("small")).args(["--set", set]))
    };
    for key in [
        "server.instance",
        "server.listen",
        "server.drain_grace",
        "server.drain_deadline",
        "server.tls",
        "admin.listen",
        "admin.allow_plaintext",
        "admin.tls",
        "journal.dir",
    ] {
        let said = refused(&format!("config.{key}=x"));
        assert!(said.contains(&format!("config.{key} is written by the chart")), "{said}");
    }
    for set in ["replica=3", "drain.grase=5", "journal.size=big", "replicas=0", "tls.server=5"] {
        let said = refused(set);
        assert!(said.contains("don't meet the specifications of the schema"), "{set}: {said}");
    }
}

#[test]
fn a_pod_can_do_no_more_than_it_must() {
    let rendered = Rendered::of("full", &[]);
    let (pod, container) = (rendered.pod(), rendered.container());
    let image = text("deploy/Dockerfile");
    let user: u64 =
        image.lines().find_map(|line| line.strip_prefix("USER ")).unwrap().parse().unwrap();
    let context = &pod["securityContext"];
    assert_eq!(context["runAsUser"], user, "the image's own");
    assert_eq!(context["fsGroup"], user, "or it could not write its journal");
    assert_eq!(context["runAsNonRoot"], true);
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let wanted = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container["securityContext"], wanted);
    assert_eq!(container["image"], concat!("hookgate:", env!("CARGO_PKG_VERSION")));
    let chart = &documents(&file("deploy/helm/hookgate/Chart.yaml"))[0];
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn replicas_are_apart_and_never_all_away_by_choice() {
    let rendered = Rendered::of("load-balancer", &[]);
    let set = &rendered.the("StatefulSet")["spec"];
    assert_eq!(set["replicas"], 3);
    assert_eq!(set["podManagementPolicy"], "Parallel");
    let kept = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    assert_eq!(set["persistentVolumeClaimRetentionPolicy"], kept);
    let labels = &set["selector"]["matchLabels"];
    let budget = &rendered.the("PodDisruptionBudget")["spec"];
    assert_eq!(
        (&budget["maxUnavailable"], &budget["selector"]["matchLabels"]),
        (&json!(1), labels)
    );
    let spread = rendered.pod()["topologySpreadConstraints"].as_array().unwrap();
    let keys: Vec<_> = spread.iter().map(|one| one["topologyKey"].as_str().unwrap()).collect();
    assert_eq!(keys, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
    assert!(spread.iter().all(|one| &one["labelSelector"]["matchLabels"] == labels));
}

#[test]
fn the_network_is_open_for_deliveries_names_brokers_and_who_is_listed() {
    let policy = |name: &str| Rendered::of(name, &[]).the("NetworkPolicy")["spec"].clone();
    let open = policy("load-balancer");
    assert_eq!(open["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(open["ingress"][0], json!({"ports": [{"port": "public"}]}), "from everywhere");
    assert_eq!(open["ingress"][1]["ports"], json!([{"port": "admin"}]));
    let from = open["ingress"][1]["from"].as_array().unwrap();
    assert!(!from.is_empty(), "an empty list would open the admin port to everybody");
    assert_eq!(open["egress"][1], json!({"ports": [{"port": 9093}, {"port": 9094}]}));
    let closed = policy("full");
    assert_eq!(closed["ingress"][0]["from"].as_array().unwrap().len(), 1);
    assert_eq!(closed["egress"][1]["to"].as_array().unwrap().len(), 1);
    let nobody = Rendered::of("small", &["--set-json", "networkPolicy.admin=[]"]);
    let ingress = &nobody.the("NetworkPolicy")["spec"]["ingress"];
    assert_eq!(ingress.as_array().unwrap().len(), 2);
    let test = &nobody.all("Pod")[0]["metadata"]["labels"];
    let from = json!([{"podSelector": {"matchLabels": test}}]);
    assert_eq!(ingress[1], json!({"ports": [{"port": "admin"}], "from": from}), "its test alone");
}

#[test]
fn alert_rules_and_dashboards_are_those_of_the_repository() {
    let rendered = Rendered::of("full", &["--set", "metrics.prometheusRule.runbookUrl="]);
    let rules = &documents(&file("deploy/prometheus/rules.yaml"))[0];
    assert_eq!(&rendered.the("PrometheusRule")["spec"], rules);
    let elsewhere = Rendered::of("full", &[]).text;
    assert!(
        !elsewhere.contains("runbooks.example.invalid"),
        "each link leads to the runbook's place"
    );
    let folder = file("deploy/grafana/dashboards");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
    {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let maps = rendered.all("ConfigMap");
        let held = maps.iter().find_map(|map| map["data"][name].as_str());
        let held = held.unwrap_or_else(|| panic!("{name} is in no ConfigMap"));
        let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(held).unwrap(), written, "{name}");
        seen += 1;
    }
    assert!(seen > 0, "there are dashboards");
}

#[test]
fn tls_is_one_value_and_off_by_default() {
    let plain = Rendered::of("full", &[]).table();
    assert_eq!(plain["server"].get("tls"), None);
    assert_eq!(plain["admin"]["allow_plaintext"].as_bool(), Some(true));
    let set = ["--set", "tls.server=hooks-tls,tls.admin=admin-tls"];
    let rendered = Rendered::of("full", &set);
    let table = rendered.table();
    assert_eq!(table["admin"].get("allow_plaintext"), None);
    let mounts = rendered.container()["volumeMounts"].as_array().unwrap();
    for (listener, secret) in [("server", "hooks-tls"), ("admin", "admin-tls")] {
        let folder = format!("/run/tls/{listener}");
        for (key, file) in [("cert", "tls.crt"), ("key", "tls.key")] {
            let named = table[listener]["tls"][key].as_str().unwrap();
            assert_eq!(named, format!("{folder}/{file}"));
        }
        let mount = mounts.iter().find(|m| m["mountPath"] == folder).unwrap();
        let volumes = rendered.pod()["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|v| v["name"] == mount["name"]).unwrap();
        assert_eq!(volume["secret"]["secretName"], secret);
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(rendered.container()[probe]["httpGet"]["scheme"], "HTTPS");
    }
    let endpoint = &rendered.the("ServiceMonitor")["spec"]["endpoints"][0];
    assert_eq!(endpoint["scheme"], "https");
    // What is rendered is taken by the program, and the verbs in the pod trust its certificate.
    let said = good(&mut Checked::new(rendered.configuration(), SECRETS).command());
    assert!(said.contains("is good"), "{said}");
    assert!(!said.contains("admin.listen"), "{said}");
    let env = rendered.container()["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|one| one["name"] == name).unwrap()["value"].clone();
    assert_eq!(value("HOOKGATE_ADMIN"), "https://127.0.0.1:9080");
    assert_eq!(value("HOOKGATE_TLS_CA"), "/run/tls/admin/ca.crt");
    assert_eq!(value("HOOKGATE_TLS_NAME"), endpoint["tlsConfig"]["serverName"]);
    let test = rendered.all("Pod")[0];
    let line = test["spec"]["containers"][0]["args"].as_array().unwrap();
    let line = line.iter().map(|word| word.as_str().unwrap());
    assert!(Arguments::try_parse_from(["hookgate"].into_iter().chain(line)).is_ok());
    let clients = "tls.admin=admin-tls,tls.adminClients=true,\
         config.admin.client[0].name=olga,config.admin.client[0].role=operator";
    let rendered = Rendered::of("full", &["--set", clients]);
    let table = rendered.table();
    assert_eq!(table["admin"]["tls"]["client_ca"].as_str(), Some("/run/tls/admin/ca.crt"));
    let said = good(&mut Checked::new(rendered.configuration(), SECRETS).command());
    assert!(said.contains("is good") && !said.contains("admin."), "{said}");
}
