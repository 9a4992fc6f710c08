//! The binary as a shell sees it: exit codes, what stands where, and what never stands anywhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the finding"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

const KEY: &str = "ERERERERERERERERERERERERERERERERERERERERERE=";
const OTHER_KEY: &str = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";
const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const CONFIG: &str = r#"
[server]
instance = "gate-cli"
listen = "127.0.0.1:0"
drain_grace = "1ms"
drain_deadline = "1s"
[admin]
listen = "127.0.0.1:0"
[journal]
dir = "journal"
[kafka]
brokers = "127.0.0.1:1"
[keys]
identity = { env = "IDENTITY" }
pseudonym = { env = "PSEUDONYM" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-fixtures"
secrets = [{ env = "SECRET" }]
"#;

fn hookgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command
        .args(args)
        .env_clear()
        .env("IDENTITY", KEY)
        .env("PSEUDONYM", OTHER_KEY)
        .env("SECRET", DAILY_SECRET);
    command
}

fn run(args: &[&str]) -> Output {
    hookgate(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A configuration in a folder of its own.
fn written(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hookgate.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

fn fixtures(below: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("fixtures").join(below).to_str().unwrap().to_owned()
}

#[test]
fn keygen_prints_32_fresh_bytes_in_base64() {
    let keys = [run(&["keygen"]), run(&["keygen"])];
    for key in &keys {
        assert_eq!(code(key), 0);
        assert_eq!(STANDARD.decode(out(key).trim_end()).unwrap().len(), 32);
        assert_eq!(err(key), "");
    }
    assert_ne!(keys[0].stdout, keys[1].stdout);
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let (_folder, path) = written(CONFIG);
    let output = run(&["check-config", "--config", &path]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let lines: Vec<&str> = out(&output).lines().collect();
    let [policy, good] = lines[..] else { panic!("{lines:?}") };
    let hash = policy.strip_prefix("policy of daily: ").unwrap();
    let hash = hash.strip_suffix(" (the standard one)").unwrap();
    assert!(hash.len() == 12 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{policy}");
    assert_eq!(good, format!("{path} is good: 1 source, 0 warnings"));
}

/// The configuration with a tenant of its source, which is of this class and says this.
fn with_tenant(lines: &str) -> String {
    format!("{CONFIG}[[tenant]]\nname = \"tenant-fixtures\"\n{lines}\n")
}

#[test]
fn what_a_configuration_allows_is_shown_with_its_reason() {
    let (folder, path) = written(&with_tenant("class = \"patients\"\npolicy = \"wider.toml\""));
    let rule = "[[rule]]\nfields = [\"participant.region\"]\nkinds = [\"recording.ready\"]\n\
         action = \"pass\"\nreason = \"a test\"\naccept_risk = \"ticket 7\"\n";
    std::fs::write(folder.path().join("wider.toml"), rule).unwrap();
    let output = run(&["check-config", "--config", &path]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let lines: Vec<&str> = out(&output).lines().collect();
    let [tier, risk, policy, good] = lines[..] else { panic!("{lines:?}") };
    let code = hookgate::config::HIPAA_TIER_REQUIRED;
    assert!(tier.starts_with(&format!("warning: tenant[0].hipaa_tier: {code}: ")), "{tier}");
    let said =
        "daily/participant.region: unlisted → pass with recording.ready: ticket 7".to_owned();
    assert_eq!(risk, format!("accepted risk: {said}"));
    assert!(policy.starts_with("policy of daily: ") && !policy.contains("standard"), "{policy}");
    assert!(good.ends_with(" is good: 1 source, 1 warning"), "{good}");
}

#[test]
fn after_the_launch_patients_without_their_tier_are_78_for_check_and_serve() {
    let text = with_tenant("class = \"patients\"\nlaunched = true");
    let (folder, path) = written(&text);
    for verb in ["check-config", "serve"] {
        let output = run(&[verb, "--config", &path]);
        assert_eq!(code(&output), 78, "{verb}");
        let both = format!("{}{}", out(&output), err(&output));
        let said = format!("tenant[0].hipaa_tier: {}: ", hookgate::config::HIPAA_TIER_REQUIRED);
        assert!(both.contains(&said) && both.contains("hipaa_tier = true"), "{both}");
    }
    assert!(!folder.path().join("journal").exists(), "no folder was made");
    let stated = text.replace("launched = true", "launched = true\nhipaa_tier = true");
    let (_folder, path) = written(&stated);
    assert_eq!(code(&run(&["check-config", "--config", &path])), 0);
}

#[test]
fn every_mistake_is_shown_at_once_and_no_secret_with_them() {
    let text = CONFIG
        .replace("127.0.0.1:0", "nowhere")
        .replace("{ env = \"IDENTITY\" }", "\"canary-secret\"")
        .replace("{ env = \"SECRET\" }", "{ env = \"MISSING\" }")
        + "secret = \"canary-secret\"\non_violation = \"drop\"\n";
    let (_folder, path) = written(&text);
    for verb in ["check-config", "serve"] {
        let output = run(&[verb, "--config", &path]);
        assert_eq!(code(&output), 78);
        let both = format!("{}{}", out(&output), err(&output));
        assert!(!both.contains("canary"), "{both}");
        for said in [
            "server.listen = \"nowhere\": must be",
            "admin.listen = \"nowhere\": must be",
            "keys.identity: must not stand here itself",
            "source[0].secrets[0]: the environment variable MISSING is not set",
            "source[0].secret: is unknown",
            "source[0].on_violation = \"drop\": must be one of",
            "has 6 mistakes",
        ] {
            assert!(both.contains(said), "{said}\n{both}");
        }
        // The findings are what check-config is asked for; serve only complains.
        assert_eq!(out(&output).is_empty(), verb == "serve");
    }
}

#[test]
fn a_configuration_that_is_not_toml_or_not_there_is_78() {
    let (_folder, path) = written("[server\nlisten = canary-secret\n");
    let output = run(&["check-config", "--config", &path]);
    assert_eq!(code(&output), 78);
    assert!(out(&output).starts_with("line 1, column "), "{}", out(&output));
    assert!(!format!("{}{}", out(&output), err(&output)).contains("canary"));
    let output = run(&["serve", "--config", "/gone.toml"]);
    assert_eq!(code(&output), 78);
    assert!(err(&output).contains("/gone.toml: cannot be read"), "{}", err(&output));
}

#[test]
fn the_environment_overrides_the_file() {
    let (_folder, path) = written(CONFIG);
    let mut command = hookgate(&["check-config", "--config", &path]);
    command.env("HOOKGATE__SERVER__LISTEN", "nowhere");
    let output = command.output().unwrap();
    assert_eq!(code(&output), 78);
    assert!(out(&output).contains("(set by HOOKGATE__SERVER__LISTEN)"), "{}", out(&output));
}

#[test]
fn the_defaults_are_printed_as_they_are_documented() {
    let output = run(&["check-config", "--defaults"]);
    assert_eq!(code(&output), 0);
    assert_eq!(out(&output), hookgate::config::DEFAULTS);
}

#[test]
fn the_whole_contract_is_one_document_for_the_topics_that_are_asked_for() {
    for (args, topic) in
        [(&[][..], "video.recording"), (&["--topic-prefix", "a.b"], "a.b.recording")]
    {
        let output = run(&[&["schema", "--asyncapi"], args].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["asyncapi"], "3.0.0");
        assert_eq!(document["channels"]["recording"]["address"], topic);
    }
    for wrong in [
        &["--asyncapi", "--topic-prefix", ".video"][..],
        &["--asyncapi", "recording"],
        &["--topic-prefix", "a"],
    ] {
        let output = run(&[&["schema"], wrong].concat());
        assert_eq!((code(&output), out(&output)), (2, ""), "{wrong:?}");
    }
}

#[test]
fn usage_is_2_and_help_is_a_result() {
    for args in [&["nonsense"][..], &["serve"], &["check-config"], &[]] {
        let output = run(args);
        assert_eq!((code(&output), out(&output)), (2, ""), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["send", "--help"]] {
        let output = run(args);
        assert_eq!((code(&output), err(&output)), (0, ""), "{args:?}");
        assert!(!out(&output).contains('\u{1b}'), "no colours where nobody sees them");
    }
    let mut command = hookgate(&["keygen"]);
    let output = command.env("RUST_LOG", "hookgate=loud").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("RUST_LOG"), "{}", err(&output));
}

#[test]
fn schemas_are_json_for_each_family() {
    let all: serde_json::Value = serde_json::from_slice(&run(&["schema"]).stdout).unwrap();
    for family in ["recording", "participant", "lifecycle", "quarantine"] {
        let output = run(&["schema", family]);
        assert_eq!(code(&output), 0);
        let one: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(one["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(all[family], one);
    }
    assert_eq!(code(&run(&["schema", "everything"])), 2);
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let mut child =
        hookgate(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), err(&output)), (0, ""));
}

/// A gateway as the binary runs it, on a free port.
struct Gate {
    child: Child,
    url: String,
}

impl Gate {
    fn start(config: &str) -> Self {
        let mut child = hookgate(&["serve", "--config", config, "--log-format", "json"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let public = lines.by_ref().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            Some(line.get("public")?.as_str()?.to_owned())
        });
        // Read on, so that the gateway never waits for a reader of its log.
        thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{}", public.expect("the gateway ended before it was ready"));
        Self { child, url }
    }

    fn stop(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn send_gets_from_a_gateway_what_it_should() {
    let (folder, path) = written(CONFIG);
    let gate = Gate::start(&path);
    let folder_of_fixtures = fixtures("daily");
    let mut args = vec!["send", &folder_of_fixtures, "--to", &gate.url, "--config", &path];
    args.extend(["--source", "daily", "--duplicate-ratio", "0.3", "--forge-ratio", "0.3"]);
    args.extend(["--repeat", "3", "--concurrency", "4", "--seed", "7"]);
    for _ in 0..2 {
        let output = run(&args);
        assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
        let text = out(&output);
        assert!(text.contains("bad_signature") && text.contains("seed 7\n"), "{text}");
    }
    let one = fixtures("daily/participant.joined");
    let mut args = vec!["send", &one, "--to", &gate.url, "--config", &path];
    args.extend(["--source", "daily", "--as-stored", "--rate", "1000"]);
    for outcome in ["accepted", "duplicate"] {
        let output = run(&args);
        assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
        assert!(out(&output).contains(outcome), "{}", out(&output));
    }
    let file = fixtures("daily/participant.left/request.http");
    let args = ["send", &file, "--to", &gate.url, "--config", &path, "--source", "daily"];
    let output = run(&args);
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("accepted"), "{}", out(&output));
    assert_eq!(gate.stop(), 0);
    assert!(folder.path().join("journal").is_dir());
}

/// A server that answers everything alike, until the process ends.
fn yes_sayer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer_all(stream.unwrap());
        }
    });
    url
}

fn answer_all(mut stream: TcpStream) {
    let body = r#"{"outcome":"accepted"}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

#[test]
fn send_fails_when_a_forgery_is_taken() {
    let (_folder, path) = written(CONFIG);
    let (url, below) = (yes_sayer(), fixtures("daily/participant.joined"));
    let mut args = vec!["send", &below, "--to", &url, "--config", &path, "--source", "daily"];
    assert_eq!(code(&run(&args)), 0);
    args.extend(["--forge-ratio", "1"]);
    let output = run(&args);
    assert_eq!(code(&output), 1, "{}", out(&output));
    assert!(out(&output).contains("UNEXPECTED"), "{}", out(&output));
}

#[test]
fn send_says_what_keeps_it_from_sending() {
    let (_folder, path) = written(CONFIG);
    let below = fixtures("daily/participant.joined");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    let rest = ["--config", &path, "--source", "daily"];
    let case = |path: &str, to: &str, rest: &[&str]| {
        let args = [&["send", path, "--to", to][..], rest].concat();
        let output = run(&args);
        (code(&output), err(&output).to_owned())
    };
    let (silent, text) = case(&below, &nobody, &rest);
    assert_eq!(silent, 69, "{text}");
    assert!(text.contains("does not answer: nothing can be reached there"), "{text}");
    let (unknown, text) = case(&below, &nobody, &["--config", &path, "--source", "x"]);
    assert_eq!(unknown, 2);
    assert!(text.contains("the configuration knows daily"), "{text}");
    let (scheme, text) = case(&below, "ftp://x/", &rest);
    assert_eq!((scheme, text.contains("http://")), (2, true), "{text}");
    let (gone, text) = case("/gone", &nobody, &rest);
    assert_eq!((gone, text.contains("/gone does not exist")), (1, true), "{text}");
}

#[test]
fn a_second_gateway_on_one_journal_is_told_so() {
    let (folder, path) = written(CONFIG);
    let gate = Gate::start(&path);
    let second = run(&["serve", "--config", &path]);
    assert_eq!(code(&second), 1, "{}", err(&second));
    let journal: PathBuf = folder.path().join("journal");
    assert!(err(&second).contains(journal.to_str().unwrap()), "{}", err(&second));
    assert_eq!(gate.stop(), 0);
}

#[test]
fn a_password_in_a_url_is_refused_and_never_repeated() {
    let (_folder, config) = written(CONFIG);
    let path = fixtures("daily");
    for (to, says) in [
        ("http://user:canary@127.0.0.1:1", "--to: must not hold a user or password"),
        ("http://canary@127.0.0.1:1", "--to: must not hold a user or password"),
        ("http://user:canary@127.0.0.1:99999", "--to: must be a URL (not shown)"),
        ("ftp://user:canary@127.0.0.1", "--to: must begin with http://"),
        ("http://127.0.0.1:1/?canary=1", "--to: must end with its path"),
        ("http://127.0.0.1:1/#canary", "--to: must end with its path"),
    ] {
        let args = ["send", &path, "--to", to, "--config", &config, "--source", "daily"];
        let output = run(&args);
        assert_eq!(code(&output), 2, "{to}");
        assert!(err(&output).contains(says), "{to}: {}", err(&output));
        assert!(!format!("{}{}", out(&output), err(&output)).contains("canary"), "{to}");
    }
}

#[test]
fn why_the_gateway_does_not_start_is_said_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let listens = CONFIG.replacen("127.0.0.1:0", &port, 1);
    let (folder, path) = written(&listens);
    let output = run(&["serve", "--config", &path]);
    assert_eq!((code(&output), err(&output).matches("in use").count()), (1, 1), "{output:?}");
    std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
    std::fs::write(folder.path().join("journal"), "").unwrap();
    let output = run(&["serve", "--config", &path]);
    let told = err(&output).lines().last().unwrap();
    assert_eq!((code(&output), told.matches("usable folder").count()), (1, 1), "{told}");
}

#[test]
fn every_mistake_of_one_source_is_found_beside_what_cannot_be_read() {
    let text = format!("{CONFIG}signature_max_age = \"banana\"\nscheme = \"md5\"\n");
    let (_folder, path) = written(&text);
    let output =
        hookgate(&["check-config", "--config", &path]).env("SECRET", "=?").output().unwrap();
    assert_eq!(code(&output), 78);
    let both = format!("{}{}", out(&output), err(&output));
    for said in [
        "has 3 mistakes",
        "source[0].signature_max_age = \"banana\": must be",
        "source[0].scheme: the only choice is",
        "source[0].secrets: SECRET is not base64",
    ] {
        assert!(both.contains(said), "{said}: {both}");
    }
}
