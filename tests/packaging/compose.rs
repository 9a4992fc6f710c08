//! compose.yaml and what it mounts: taken by Compose's own types, and each part finds the others.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hookgate::bounds::{DRAIN_LAST_WORDS, STOP_SLACK};
use serde_json::Value;

use crate::tools::{Checked, bad, documents, fetched, file, good, named_below, text};

const SECRETS: &str = "/run/secrets/";

fn project() -> Value {
    let printed = good(fetched("strict").arg("compose").arg(file("deploy/compose.yaml")));
    serde_json::from_str(&printed).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn words<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().map(|word| word.as_str().unwrap()).collect()
}

/// Where in the container a service finds its secrets.
fn secrets(service: &Value) -> BTreeSet<String> {
    let place = |secret: &Value| {
        let target = secret["target"].as_str().or(secret["source"].as_str()).unwrap();
        let apart = !target.starts_with('/');
        if apart { format!("{SECRETS}{target}") } else { target.to_owned() }
    };
    list(service, "secrets").iter().map(place).collect()
}

/// What stands on this side for a file of a container: the mounted file or folder itself.
fn mounted(service: &Value, path: &str) -> Option<String> {
    list(service, "volumes").iter().find_map(|volume| {
        let rest = path.strip_prefix(volume["target"].as_str()?)?;
        let fits = rest.is_empty() || rest.starts_with('/');
        (fits && volume["type"] == "bind")
            .then(|| format!("{}{rest}", volume["source"].as_str().unwrap()))
    })
}

#[test]
fn every_service_is_pinned_watched_and_can_write_nothing_but_its_volumes() {
    let project = project();
    for (name, service) in project["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} names no version"));
        assert!(tag.contains('.') && tag.ends_with(|c: char| c.is_ascii_digit()), "{image}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(words(service, "cap_drop"), ["ALL"], "{name}");
        assert_eq!(words(service, "security_opt"), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["healthcheck"].is_null(), name == "hookgate", "the image has its own");
        for volume in list(service, "volumes") {
            let written = volume["type"] == "volume";
            assert_eq!(volume["read_only"].as_bool() == Some(true), !written, "{name}: {volume}");
            let source = volume["source"].as_str().unwrap();
            assert!(written || Path::new(source).exists(), "{name} mounts {source}");
        }
    }
    assert!(text("deploy/Dockerfile").contains("\nHEALTHCHECK "));
    let broker = text("tests/kafka/pom.xml");
    let image = project["services"]["kafka"]["image"].as_str().unwrap();
    let version = image.strip_prefix("apache/kafka:").unwrap();
    assert!(broker.contains(&format!("<version>{version}</version>")), "the one that is tested");
    // Compose's types do find what nobody reads.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compose.yaml");
    std::fs::write(&path, text("deploy/compose.yaml").replace("read_only:", "readonly:")).unwrap();
    assert!(bad(fetched("strict").arg("compose").arg(&path)).contains("readonly"));
}

#[test]
fn the_gateway_finds_its_secrets_its_broker_and_its_time_to_stop() {
    let project = project();
    let (gateway, kafka) = (&project["services"]["hookgate"], &project["services"]["kafka"]);
    let text = text("deploy/compose/hookgate.toml");
    let said = good(&mut Checked::new(&text, SECRETS).command());
    assert!(said.contains("is good"), "{said}");
    let named = named_below(&text, SECRETS).into_iter().map(|name| format!("{SECRETS}{name}"));
    assert_eq!(named.collect::<BTreeSet<_>>(), secrets(gateway));

    let table: toml::Table = text.parse().unwrap();
    let port = |section: &str| {
        let listen = table[section]["listen"].as_str().unwrap();
        listen.strip_prefix("0.0.0.0:").unwrap().parse::<u64>().unwrap()
    };
    let [public, admin] = list(gateway, "ports") else { panic!("two ports") };
    assert_eq!((&public["target"], public["host_ip"].as_str()), (&port("server").into(), None));
    let loopback = Some("127.0.0.1");
    assert_eq!((&admin["target"], admin["host_ip"].as_str()), (&port("admin").into(), loopback));
    for (name, service) in project["services"].as_object().unwrap() {
        let open = list(service, "ports").iter().filter(|port| port["host_ip"].is_null()).count();
        assert_eq!(open, usize::from(name == "hookgate"), "{name} is on loopback alone");
    }
    let journal = table["journal"]["dir"].as_str().unwrap();
    let holds = |volume: &&Value| volume["target"] == journal && volume["type"] == "volume";
    assert!(list(gateway, "volumes").iter().any(|volume| holds(&volume)));
    assert_eq!(
        mounted(gateway, "/etc/hookgate/hookgate.toml").unwrap(),
        file("deploy/compose/hookgate.toml").to_str().unwrap()
    );

    let advertised = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].as_str().unwrap();
    let brokers = table["kafka"]["brokers"].as_str().unwrap();
    assert_eq!(advertised, format!("PLAINTEXT://{brokers}"));

    let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().unwrap();
    let deadline = seconds(table["server"]["drain_deadline"].as_str().unwrap());
    let needed = Duration::from_secs(deadline) + DRAIN_LAST_WORDS + 2 * STOP_SLACK;
    let given = seconds(gateway["stop_grace_period"].as_str().unwrap());
    assert!(Duration::from_secs(given) > needed);
}

#[test]
fn prometheus_alertmanager_and_grafana_find_each_other() {
    let project = project();
    let service = |name: &str| &project["services"][name];
    // The port that a service listens on, by what it publishes.
    let reaches = |address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap();
        let (ports, port) = (list(service(host), "ports"), port.parse::<u64>().unwrap());
        assert!(ports.iter().any(|p| p["target"] == port), "{address}: nobody there");
    };
    let config = |name: &str, flag: &str| {
        let command = words(service(name), "command");
        let path = command.iter().find_map(|word| word.strip_prefix(flag)).unwrap().to_owned();
        let here = mounted(service(name), &path).unwrap_or_else(|| panic!("{path} is not mounted"));
        (documents(Path::new(&here)).remove(0), path)
    };
    let (prometheus, path) = config("prometheus", "--config.file=");
    let mut targets = 0;
    let alerting = prometheus["alerting"]["alertmanagers"].as_array().unwrap().iter();
    for group in list(&prometheus, "scrape_configs").iter().chain(alerting) {
        for target in list(group, "static_configs").iter().flat_map(|s| list(s, "targets")) {
            reaches(target.as_str().unwrap());
            targets += 1;
        }
    }
    assert_eq!(targets, 2, "one gateway, one Alertmanager");
    let folder = Path::new(&path).parent().unwrap();
    for rules in list(&prometheus, "rule_files") {
        let path = folder.join(rules.as_str().unwrap());
        let here = mounted(service("prometheus"), path.to_str().unwrap()).unwrap();
        assert!(Path::new(&here).exists(), "{here}");
    }

    let (alertmanager, path) = config("alertmanager", "--config.file=");
    let mut files = BTreeSet::new();
    secret_files(&alertmanager, &mut files);
    assert_eq!(files, secrets(service("alertmanager")), "every receiver's secret, and no other");
    for template in list(&alertmanager, "templates") {
        let path = Path::new(&path).parent().unwrap().join(template.as_str().unwrap());
        assert!(mounted(service("alertmanager"), path.to_str().unwrap()).is_some(), "{path:?}");
    }

    let grafana = service("grafana");
    let provisioned = |kind: &str| {
        let path = format!("/etc/grafana/provisioning/{kind}/hookgate.yaml");
        documents(Path::new(&mounted(grafana, &path).unwrap())).remove(0)
    };
    let source = &provisioned("datasources")["datasources"][0];
    reaches(source["url"].as_str().unwrap().strip_prefix("http://").unwrap());
    let dashboards = &provisioned("dashboards")["providers"][0]["options"]["path"];
    let here = mounted(grafana, dashboards.as_str().unwrap()).expect("dashboards are mounted");
    assert!(std::fs::read_dir(here).unwrap().count() > 0);
    assert_eq!(grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"], "/run/secrets/grafana");
}

/// Every file that a key of a configuration names as a secret's.
fn secret_files(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(path) if key.ends_with("_file") => drop(found.insert(path.to_owned())),
                    Some(_) | None => secret_files(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secret_files(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn secrets_are_made_once_and_each_that_is_named_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("secrets");
    std::fs::copy(file("deploy/compose/secrets"), &script).unwrap();
    let made = || {
        good(&mut Command::new(&script));
        let files = std::fs::read_dir(folder.path().join("secrets.d")).unwrap();
        let read = |entry: std::fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        };
        files.map(|entry| read(entry.unwrap())).collect::<std::collections::BTreeMap<_, _>>()
    };
    let first = made();
    assert_eq!(made(), first, "what is there stays");
    assert_ne!(first["identity"], first["pseudonym"]);
    let project = project();
    for (name, secret) in project["secrets"].as_object().unwrap() {
        assert!(first.contains_key(name), "{name}");
        let path = secret["file"].as_str().unwrap();
        assert!(path.ends_with(&format!("deploy/compose/secrets.d/{name}")), "{path}");
    }
    // What was made is what the gateway takes.
    let text = text("deploy/compose/hookgate.toml");
    let made = format!("{}/secrets.d/", folder.path().display());
    let config = folder.path().join("hookgate.toml");
    std::fs::write(&config, text.replace(SECRETS, &made)).unwrap();
    let mut check = Command::new(crate::tools::PROGRAM);
    let said = good(check.env_clear().arg("check-config").arg("--config").arg(config));
    assert!(said.contains("is good") && !said.contains("too open"), "{said}");
}

#[test]
fn the_gateway_s_user_can_read_its_secrets_whoever_made_them() {
    let image = text("deploy/Dockerfile");
    let gateway: u32 =
        image.lines().find_map(|line| line.strip_prefix("USER ")).unwrap().parse().unwrap();
    let project = project();
    let ours = secrets(&project["services"]["hookgate"]);
    let ours: BTreeSet<&str> = ours.iter().filter_map(|path| path.strip_prefix(SECRETS)).collect();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("secrets");
    std::fs::copy(file("deploy/compose/secrets"), &script).unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let somebody = 60_123;
    let run = |user: u32| {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), "--clear-groups", "--"]).arg(&script);
        good(&mut command);
        let files = std::fs::read_dir(folder.path().join("secrets.d")).unwrap();
        files.map(|entry| entry.unwrap()).map(|entry| {
            let (name, held) = (entry.file_name(), entry.metadata().unwrap());
            (name.into_string().unwrap(), held.uid(), held.permissions().mode() & 0o777)
        })
    };
    std::os::unix::fs::chown(folder.path(), Some(somebody), None).unwrap();
    let open = |name: &str| if name == "operator" { 0o400 } else { 0o444 };
    for (name, owner, mode) in run(somebody) {
        assert_eq!((owner, mode), (somebody, open(&name)), "{name}");
    }
    // Root gives away what is the gateway's, and who runs it again changes none of it.
    for user in [0, somebody] {
        for (name, owner, mode) in run(user) {
            match ours.contains(name.as_str()) {
                true => assert_eq!((owner, mode), (gateway, 0o400), "{name}"),
                false => assert_eq!((owner, mode), (somebody, open(&name)), "{name}"),
            }
        }
    }
}
