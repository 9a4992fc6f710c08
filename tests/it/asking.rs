//! The verbs that ask the admin API, against a server that says what the test has it say: what is
//! asked, what is shown, and how they fail.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::registrar::Nowhere;

const TOKEN: &str = "canary-token";

/// One request as it came.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// Method and path with query.
    line: String,
    headers: HashMap<String, String>,
    body: String,
}

/// Answers each request by its line; what is not in the list is 404. The last answer of a line is
/// given again and again.
struct Gate {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    folder: tempfile::TempDir,
}

impl Gate {
    fn saying(answers: &[(&str, u16, Value)]) -> Self {
        let texts: Vec<_> =
            answers.iter().map(|(line, status, body)| (*line, *status, body.to_string())).collect();
        Self::saying_texts(&texts)
    }

    fn saying_texts(answers: &[(&str, u16, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut script: HashMap<String, Vec<(u16, String)>> = HashMap::new();
        for (line, status, body) in answers.iter().rev() {
            script.entry((*line).to_owned()).or_default().push((*status, body.clone()));
        }
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read(&stream);
                let answers = script.get_mut(&request.line);
                let answer = answers.map_or_else(
                    || (404, json!({"title": "Not Found", "status": 404}).to_string()),
                    |left| if left.len() > 1 { left.pop().unwrap() } else { left[0].clone() },
                );
                seen.lock().unwrap().push(request);
                respond(stream, &answer);
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        Self { url, asked, folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
        command.args(args).env_clear().env("HOOKGATE_ADMIN", &self.url);
        command.env("HOOKGATE_TOKEN_FILE", self.folder.path().join("token"));
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// With something on standard input.
    fn fed(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let line = first.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<_, _> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Asked { line, headers, body: String::from_utf8(body).unwrap() }
}

fn respond(mut stream: TcpStream, (status, body): &(u16, String)) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
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

fn row(sequence: u64, state: &str) -> Value {
    json!({
        "sequence": sequence,
        "event_id": "ev1_hbgyhyqnagexrwe3nb7wctr434",
        "source": "daily",
        "tenant": "clinic",
        "kind": "participant.joined",
        "room": "consult-0a1b2c3d",
        "received": "2026-11-20T10:00:00.301Z",
        "state": state,
    })
}

fn page(rows: Vec<Value>, next: Option<&str>) -> Value {
    json!({"events": rows, "next_cursor": next, "searched_through": 9})
}

#[test]
fn events_are_listed_page_after_page_and_their_token_is_shown_nowhere() {
    let gate = Gate::saying(&[
        (
            "GET /admin/v1/events?limit=3&source=daily",
            200,
            page(vec![row(9, "pending")], Some("c")),
        ),
        (
            "GET /admin/v1/events?cursor=c&limit=2&source=daily",
            200,
            page(vec![row(8, "published"), row(7, "published")], Some("d")),
        ),
    ]);
    let output = gate.run(&["events", "list", "--source", "daily", "--limit", "3"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let lines: Vec<_> = out(&output).lines().collect();
    assert!(lines[0].starts_with("SEQUENCE  RECEIVED (UTC)       STATE      KIND"), "{lines:?}");
    assert!(lines[1].starts_with("       9  2026-11-20 10:00:00  pending    participant.joined"));
    assert!(lines[3].contains("consult-0a1b2c3d  ev1_hbgyhyqnagexrwe3nb7wctr434  clinic"));
    assert_eq!((lines.len(), err(&output).contains("there are more")), (4, true));
    assert!(!out(&output).contains('\u{1b}'), "a pipe gets plain text");
    assert_eq!(gate.asked()[0].headers["authorization"], format!("Bearer {TOKEN}"));
    assert!(!format!("{output:?}").contains(TOKEN));
    let output = gate.run(&["events", "list", "--source", "daily", "--limit", "3", "--json"]);
    let lines: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [row(9, "pending"), row(8, "published"), row(7, "published")]);
}

#[test]
fn what_is_unpublished_is_pending_or_held() {
    let gate = Gate::saying(&[
        ("GET /admin/v1/events?limit=2&state=pending", 200, page(vec![row(9, "pending")], None)),
        ("GET /admin/v1/events?limit=2&state=held", 200, page(vec![row(12, "held")], None)),
    ]);
    let args = ["events", "list", "--state", "unpublished", "--limit", "2", "--json"];
    let output = gate.run(&args);
    let first = out(&output).lines().next().unwrap();
    assert!(first.contains("\"sequence\":12"), "{}{}", out(&output), err(&output));
}

#[test]
fn a_name_comes_from_standard_input_and_travels_in_a_body() {
    let rows = page(vec![row(9, "published")], None);
    let gate = Gate::saying(&[("POST /admin/v1/events/search", 200, rows)]);
    let output = gate.fed(&["events", "list", "--room-from", "-"], "Zoe Canary's room\n");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let asked = gate.asked();
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body, json!({"room": "Zoe Canary's room", "limit": 100}));
    assert!(!format!("{}{output:?}", asked[0].line).contains("Canary"));
    let output = gate.run(&["events", "list", "--participant", "Zoe Canary"]);
    assert_eq!((code(&output), err(&output).contains("--participant-from")), (2, true));
    assert!(!err(&output).contains("Canary"), "{}", err(&output));
    let output = gate.run(&["events", "list", "--room-from", "prompt"]);
    assert!(code(&output) == 2 && err(&output).contains("use - for"), "{}", err(&output));
}

#[test]
fn everything_known_of_an_event_is_shown_and_what_is_not_is_said() {
    let mut detail = row(9, "published");
    for (field, value) in [
        ("answered", json!("accepted")),
        ("topic", json!("video.participant")),
        ("receipt", json!({"topic": "video.participant", "partition": 3, "offset": 77})),
        ("removed", json!(["/payload/user_name", "/payload/*"])),
        ("event", json!({"type": "video.participant.joined"})),
    ] {
        detail[field] = value;
    }
    let id = "ev1_hbgyhyqnagexrwe3nb7wctr434";
    let find = format!("GET /admin/v1/events?event_id={id}&limit=1");
    let gate = Gate::saying(&[
        (&find, 200, page(vec![row(9, "published")], None)),
        ("GET /admin/v1/events/9", 200, detail),
    ]);
    for event in ["9", id] {
        let output = gate.run(&["events", "show", event]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        for said in [
            "came again    unknown\n",
            "on Kafka      video.participant/3 offset 77\n",
            "removed       /payload/user_name\n              /payload/*\n",
            "\"type\": \"video.participant.joined\"",
        ] {
            assert!(out(&output).contains(said), "{said}: {}", out(&output));
        }
    }
    let output = gate.run(&["events", "show", "Zoe Canary"]);
    assert!(code(&output) == 2 && !err(&output).contains("Canary"), "{}", err(&output));
    assert_eq!(code(&gate.run(&["events", "show", "10"])), 1);
}

#[test]
fn a_refusal_has_its_exit_code_and_says_what_to_do() {
    let since = json!({"title": "Bad Request", "status": 400, "detail": "since must be a moment",
        "field": "since"});
    let gate = Gate::saying(&[
        ("GET /admin/v1/events?limit=100&since=x", 400, since),
        ("GET /admin/v1/status", 401, json!({})),
        ("GET /admin/v1/replays", 503, json!({"detail": "the search is being rebuilt"})),
        ("POST /admin/v1/pseudonym", 403, json!({})),
        ("GET /admin/v1/audit?limit=100", 200, json!("nothing of ours")),
    ]);
    let case = |args: &[&str], input: &str| {
        let output = gate.fed(args, input);
        assert_eq!(out(&output), "", "{args:?}");
        (code(&output), err(&output).to_owned())
    };
    let (code, text) = case(&["events", "list", "--since", "x"], "");
    assert_eq!((code, text.as_str()), (2, "hookgate: since must be a moment\n"));
    let (code, text) = case(&["status"], "");
    assert!(code == 1 && text.contains("does not know this token"), "{text}");
    let (code, text) = case(&["replay", "list"], "");
    assert!(code == 1 && text.contains("being rebuilt"), "{text}");
    let args = ["pseudonym", "--source", "a", "--room-from", "-", "--reason", "support"];
    let (code, text) = case(&args, "canary");
    assert!(code == 1 && text.contains("role is `operator`") && !text.contains("canary"), "{text}");
    let (code, text) = case(&["audit", "list"], "");
    assert!(code == 1 && text.contains("of one version"), "{text}");
    let output = gate.command(&["status"]).env_remove("HOOKGATE_TOKEN_FILE").output().unwrap();
    assert!(err(&output).contains("--token-file FILE"), "{}", err(&output));
    let nowhere = Nowhere::new();
    let nobody = format!("http://{}", nowhere.address());
    for args in [&["status"][..], &["status", "--quiet"], &["events", "list"]] {
        let output = gate.command(args).args(["--admin", &nobody]).output().unwrap();
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", err(&output));
        assert!(err(&output).contains("does not answer"), "{}", err(&output));
    }
}

#[test]
fn the_pseudonyms_of_a_tenant_are_asked_for_by_an_id_that_no_argument_holds() {
    let names = json!({"providers": [{"provider": "daily", "participants": ["p2_new", "p1_old"]}]});
    let gate = Gate::saying(&[("POST /admin/v1/pseudonym", 200, names.clone())]);
    let args = ["pseudonym", "--tenant", "clinic", "--participant-from", "-", "--reason", "7"];
    let output = gate.fed(&args, "canary\n");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let lines: Vec<_> = out(&output).lines().collect();
    let [now, before] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(now.starts_with("person ") && now.ends_with(" p2_new"), "{now}");
    assert!(before.starts_with("person, before ") && before.ends_with(" p1_old"), "{before}");
    let body: Value = serde_json::from_str(&gate.asked()[0].body).unwrap();
    assert_eq!(body, json!({"tenant": "clinic", "participant": "canary", "reason": "7"}));
    let output = gate.fed(&[&args[..], &["--json"]].concat(), "canary");
    assert_eq!(
        serde_json::from_str::<Value>(out(&output)).unwrap()["providers"],
        names["providers"]
    );
    for args in [
        &["pseudonym", "--participant-from", "-", "--reason", "7"][..],
        &["pseudonym", "--tenant", "a", "--source", "b", "--room-from", "-", "--reason", "7"],
        &["pseudonym", "--tenant", "a", "--reason", "7", "canary"],
    ] {
        let output = gate.fed(args, "canary");
        assert_eq!(code(&output), 2, "{args:?}: {}", err(&output));
    }
    assert_eq!(gate.asked().len(), 2);
}

#[test]
fn whether_it_is_ready_is_an_exit_code_without_a_word_or_a_token() {
    for (status, expected) in [(200, 0), (503, 1)] {
        let gate = Gate::saying(&[("GET /readyz", status, json!({}))]);
        let mut command = gate.command(&["status", "--quiet"]);
        let output = command.env_remove("HOOKGATE_TOKEN_FILE").output().unwrap();
        assert_eq!((code(&output), out(&output), err(&output)), (expected, "", ""));
        assert!(!gate.asked()[0].headers.contains_key("authorization"));
    }
}

fn report(state: &str, published: u64) -> Value {
    json!({"id": "rp-1", "state": state, "by": "ops", "reason": "asked", "filter": {},
        "through": 90, "rate": 500, "to_prefix": "video", "total": 3, "published": published,
        "gone": 0, "position": 9, "started": "2026-11-20T10:00:00Z",
        "ended": if state == "running" { Value::Null } else { json!("2026-11-20T10:00:10Z") }})
}

#[test]
fn what_runs_is_what_was_planned_and_its_end_is_told() {
    let plan = json!({"filter": {"room": "r1_x", "since": "2026-11-20T09:00:00.000Z"},
        "through": 90, "rate": 500, "to_prefix": "video", "events": 3,
        "topics": {"video.lifecycle": 1, "video.participant": 2},
        "first": {"sequence": 7, "received": "2026-11-20T09:30:00Z"},
        "last": {"sequence": 9, "received": "2026-11-20T09:40:00Z"}, "seconds": 0.006});
    let gate = Gate::saying(&[
        ("POST /admin/v1/replays", 200, plan.clone()),
        ("POST /admin/v1/replays", 200, report("running", 0)),
        ("GET /admin/v1/replays/rp-1", 200, report("running", 1)),
        ("GET /admin/v1/replays/rp-1", 200, report("done", 3)),
    ]);
    let output =
        gate.run(&["replay", "plan", "--room", "r1_x", "--since", "1h", "--out", "p.json"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let told = "3 events, about 0 s at 500 a second\n\
         first  7, received 2026-11-20 09:30:00\n\
         last   9, received 2026-11-20 09:40:00\n\n\
         TOPIC              EVENTS\nvideo.lifecycle         1\nvideo.participant       2\n";
    assert_eq!(out(&output), told);
    let asked: Value = serde_json::from_str(&gate.asked()[0].body).unwrap();
    let filter = json!({"room": "r1_x", "since": "1h"});
    assert_eq!(asked, json!({"filter": filter, "dry_run": true}));

    let output = gate.run(&["replay", "run", "--plan", "p.json", "--reason", "asked"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("replay rp-1 has begun\n"), "{}", out(&output));
    assert!(out(&output).ends_with("3 events published again in 10 s (0.3 a second)\n"));
    let asked: Value = serde_json::from_str(&gate.asked()[1].body).unwrap();
    let expected = json!({"filter": plan["filter"], "through": 90, "rate": 500,
        "to_prefix": "video", "dry_run": false, "reason": "asked"});
    assert_eq!(asked, expected);

    let output = gate.run(&["replay", "run", "--plan", "p.json", "--detach", "--reason", "asked"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(err(&output).contains("hookgate replay cancel rp-1 --reason"), "{}", err(&output));
    let both = ["replay", "run", "--plan", "p.json", "--source", "a", "--reason", "asked"];
    assert_eq!(code(&gate.run(&both)), 2);
    let again = gate.run(&["replay", "plan", "--out", "p.json"]);
    assert!(code(&again) == 1, "a plan is not overwritten");
}

#[test]
fn a_replay_is_shown_and_cancelled_with_a_reason() {
    let gate = Gate::saying(&[
        ("GET /admin/v1/replays", 200, json!({"replays": [report("running", 1)]})),
        ("GET /admin/v1/replays/rp-1", 200, report("running", 1)),
        ("DELETE /admin/v1/replays/rp-1", 200, report("cancelled", 2)),
    ]);
    let output = gate.run(&["replay", "list"]);
    assert!(out(&output).contains("rp-1    running          1   3  2026-11-20 10:00:00  ops"));
    let output = gate.run(&["replay", "status", "rp-1"]);
    assert!(out(&output).contains("published  1 of 3 (33 %)\nevents     all\n"), "{output:?}");
    assert_eq!(code(&gate.run(&["replay", "cancel", "rp-1"])), 2, "a change needs a reason");
    let output = gate.run(&["replay", "cancel", "rp-1", "--reason", "wrong room"]);
    assert!(out(&output).contains("state      cancelled\n"), "{output:?}");
    let asked = gate.asked();
    assert_eq!(asked.last().unwrap().body, r#"{"reason":"wrong room"}"#);
}

#[test]
fn quarantine_is_counted_by_reason_and_let_go_only_on_purpose() {
    let counts = json!({"pii_violation": 1, "unknown_kind": 2});
    let listed = json!({"events": [row(9, "quarantined")], "counts": counts, "next_cursor": null});
    let released = json!({"released": 1, "already": 0, "kept": {"nothing but its length": 2}});
    let gate = Gate::saying(&[
        ("GET /admin/v1/quarantine?limit=100", 200, listed.clone()),
        ("GET /admin/v1/quarantine?limit=1&source=a", 200, listed),
        ("POST /admin/v1/quarantine/9/release", 200, released.clone()),
        ("POST /admin/v1/quarantine/release", 200, released),
    ]);
    let output = gate.run(&["quarantine", "list"]);
    let said = "3 events: 1 pii_violation, 2 unknown_kind\n";
    assert!(out(&output).ends_with(said), "{}{}", out(&output), err(&output));
    let output = gate.run(&["quarantine", "release", "9", "--reason", "seen"]);
    assert_eq!(out(&output), "1 event let go\n2 events kept: nothing but its length\n");
    let release = ["quarantine", "release", "--source", "a", "--reason", "seen"];
    let output = gate.run(&release);
    assert!(code(&output) == 2 && err(&output).contains("add --yes"), "{}", err(&output));
    let output = gate.run(&[&release[..], &["--yes"]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    let expected = r#"{"reason":"seen","filter":{"source":"a"}}"#;
    assert_eq!(gate.asked().last().unwrap().body, expected);
    assert_eq!(code(&gate.run(&["quarantine", "release", "--reason", "seen"])), 2);
    let long = "x".repeat(600);
    let output = gate.run(&["quarantine", "release", "9", "--reason", &long]);
    assert!(code(&output) == 2 && err(&output).contains("--reason: must have at most"));
}

#[test]
fn a_person_is_forgotten_by_an_id_that_stands_in_no_argument() {
    let forgotten = json!({"status": "pending", "events": 1200, "already": 0, "unpublished": 2,
        "sessions": 3, "refs": ["p1_x"], "erasure_event_id": "ev1_y",
        "not_erased_here": ["the records in Kafka"]});
    let gate = Gate::saying(&[("POST /admin/v1/forget", 200, forgotten)]);
    let base = ["forget", "--tenant", "clinic", "--reason", "request 7"];
    let args = [&base[..], &["--participant-from", "-"]].concat();
    let output = gate.fed(&args, "user-canary\n");
    assert!(code(&output) == 2 && err(&output).contains("add --yes"), "{}", err(&output));
    assert_eq!(gate.asked().len(), 0);
    let output = gate.fed(&[&args[..], &["--yes"]].concat(), "user-canary\n");
    assert_eq!(code(&output), 0, "{}", err(&output));
    for said in ["    1,200 events erased\n", "told by event ev1_y", "here: the records in Kafka"] {
        assert!(out(&output).contains(said), "{}", out(&output));
    }
    assert!(!format!("{output:?}").contains("canary"));
    let body: Value = serde_json::from_str(&gate.asked()[0].body).unwrap();
    assert_eq!(body["participant"], "user-canary");
    assert_eq!(code(&gate.run(&base)), 2, "a person or a room is needed");
}

#[test]
fn deliveries_are_captured_as_folders_that_are_never_overwritten() {
    let line = |name: &str| json!({"name": name, "request": "POST /", "event": "{}"}).to_string();
    let lines = format!("{}\n\n{}\n", line("participant.joined"), line("participant.joined"));
    let gate = Gate::saying_texts(&[("POST /admin/v1/capture", 200, lines)]);
    let args = ["capture", "--source", "a", "--into", "in", "--reason", "tests", "--count"];
    let output = gate.run(&[&args[..], &["2"]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(out(&output), "in/participant.joined\nin/participant.joined.2\n");
    let kept = gate.folder.path().join("in/participant.joined.2/request.http");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "POST /");
    let output = gate.run(&[&args[..], &["3"]].concat());
    assert!(code(&output) == 1 && err(&output).contains("after 2 deliver"), "{}", err(&output));
    assert_eq!(code(&gate.run(&[&args[..], &["0"]].concat())), 2);
}

#[test]
fn a_tail_shows_the_newest_last_and_follows_from_there() {
    let rows = page(vec![row(8, "pending"), row(7, "published")], Some("c"));
    let event = |sequence: u64| format!("id: {sequence}\ndata: {}\n\n", row(sequence, "pending"));
    let first = format!(": hello\n\n{}", event(10));
    let gate = Gate::saying_texts(&[
        ("GET /admin/v1/events?limit=2", 200, rows.to_string()),
        ("GET /admin/v1/events/tail", 200, first),
        ("GET /admin/v1/events/tail", 200, event(11)),
    ]);
    let output = gate.run(&["events", "tail", "--limit", "2"]);
    let shown: Vec<_> = out(&output).lines().map(|line| line[..9].trim().to_owned()).collect();
    assert_eq!(shown, ["7", "8"], "{}", err(&output));
    let mut command = gate.command(&["events", "tail", "--follow", "--limit", "2", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let sequences = lines.take(4).map(|line| {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        event["sequence"].as_u64().unwrap()
    });
    assert_eq!(sequences.collect::<Vec<_>>(), [7, 8, 10, 11]);
    child.kill().unwrap();
    child.wait().unwrap();
    let asked = gate.asked();
    let tails = asked.iter().filter(|asked| asked.line.ends_with("tail"));
    let after: Vec<_> = tails.map(|asked| asked.headers["last-event-id"].clone()).collect();
    assert_eq!(after[..2], ["9", "10"], "what was seen is not asked for again");
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    let gate = Gate::saying(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let output = gate.run(&["completions", shell]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(out(&output).contains("quarantine"), "{shell}");
    }
    let output = gate.run(&["man"]);
    assert!(out(&output).contains(".TH hookgate 1"), "{}", out(&output));
    let output = gate.run(&["man", "--into", "man"]);
    assert_eq!((code(&output), out(&output)), (0, ""), "{}", err(&output));
    let page = gate.folder.path().join("man/hookgate-replay-run.1");
    assert!(std::fs::read_to_string(page).unwrap().contains("audit log"));
    assert!(gate.lines().is_empty(), "neither needs a gateway");
}
