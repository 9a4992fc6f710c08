//! The admin API over HTTP: who may ask, what is said to whom, and that it is what its document
//! says.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use hookgate::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, DAILY, Gate, LIVEKIT, OPERATOR, Plan, VIEWER, event};

const STATUS: &str = "GET /admin/v1/status";
const FORGET: &str = "POST /admin/v1/forget";

impl Answer {
    /// The last part of a problem's name, once all of it is as it should be.
    #[track_caller]
    fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        assert!(json["title"].is_string() && json["detail"].is_string(), "{self:?}");
        let kind = json["type"].as_str().unwrap().strip_prefix("urn:hookgate:problem:").unwrap();
        (self.status, kind.to_owned())
    }

    #[track_caller]
    fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.problem(), (status, kind.to_owned()), "{self:?}");
    }
}

impl Gate {
    /// Sends these bytes to the admin door.
    async fn tell(&self, request: &str) -> Answer {
        let mut client = Client::connect(self.app.admin()).await;
        client.send(request.as_bytes()).await;
        client.answer().await
    }
}

#[tokio::test]
async fn without_a_known_token_nothing_is_said_of_the_admin_api() {
    let gate = Gate::start().await;
    for path in ["/admin/v1/status", "/admin/v1/nowhere", "/admin/"] {
        let answer = gate.call("guessed", &format!("GET {path}"), "").await;
        answer.is_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"hookgate admin\""));
        assert!(!answer.body.contains("guessed"), "{answer:?}");
    }
    gate.call(VIEWER, "GET /admin/v1/nowhere", "").await.is_problem(404, "no-such-path");
}

#[tokio::test]
async fn a_token_is_presented_once_and_as_a_bearer() {
    let gate = Gate::start().await;
    let ask = |lines: String| format!("{STATUS} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    let bearer = format!("Authorization: Bearer {VIEWER}\r\n");
    for lines in [
        String::new(),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Basic {VIEWER}\r\n"),
        format!("Authorization: {VIEWER}\r\n"),
        format!("Authorization: Bearer {VIEWER}x\r\n"),
        format!("Authorization: Bearer {}\r\n", &VIEWER[1..]),
        format!("{bearer}{bearer}"),
        format!("{bearer}Authorization: Bearer {OPERATOR}\r\n"),
    ] {
        gate.tell(&ask(lines)).await.is_problem(401, "unauthorized");
    }
    for lines in [bearer, format!("authorization: bearer {VIEWER}\r\n")] {
        assert_ne!(gate.tell(&ask(lines)).await.status, 401);
    }
}

#[tokio::test]
async fn without_a_token_file_everyone_is_told_how_to_get_one() {
    let mut plan = Plan::new();
    plan.config.admin.tokens = None;
    let gate = plan.start().await;
    let answer = gate.call(OPERATOR, STATUS, "").await;
    answer.is_problem(401, "unauthorized");
    assert!(answer.body.contains("admin.token_file"), "{answer:?}");
    assert_eq!(gate.ask("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_viewer_looks_and_an_operator_changes() {
    let gate = Gate::start().await;
    let whole = r#"{"tenant":"t","reason":"x"}"#;
    gate.call(VIEWER, FORGET, whole).await.is_problem(403, "forbidden");
    let begin = "POST /admin/v1/replays";
    gate.call(VIEWER, begin, r#"{"reason":"x"}"#).await.is_problem(403, "forbidden");
    let counted = gate.call(VIEWER, begin, r#"{"dry_run":true}"#).await;
    assert_ne!(counted.status, 403, "{counted:?}");
    let answer = gate.call(OPERATOR, FORGET, r#"{"reason":"x"}"#).await;
    answer.is_problem(400, "invalid");
    assert_eq!(answer.json()["field"], "tenant");
}

#[tokio::test]
async fn what_is_asked_in_the_wrong_way_is_told_the_right_one() {
    let gate = Gate::start().await;
    let wrong_method = gate.call(VIEWER, "DELETE /admin/v1/status", "").await;
    wrong_method.is_problem(405, "method-not-allowed");
    assert_eq!(wrong_method.header("allow"), Some("GET"));
    let both = gate.call(VIEWER, "PUT /admin/v1/replays", "").await;
    assert_eq!((both.status, both.header("allow")), (405, Some("GET, POST")));
    for path in ["/admin/v1/events/many", "/admin/v1/events/-1"] {
        let answer = gate.call(VIEWER, &format!("GET {path}"), "").await;
        answer.is_problem(400, "invalid");
        assert_eq!(answer.json()["field"], "sequence");
    }
    gate.call(VIEWER, "GET /admin/v1/replays/a%2Fb", "").await.is_problem(404, "not-found");
    gate.call(VIEWER, "GET /admin/v1/events/1/more", "").await.is_problem(404, "no-such-path");
    let unknown = gate.call(VIEWER, "GET /admin/v1/events?rooom=canary", "").await;
    unknown.is_problem(400, "invalid");
    assert!(!unknown.body.contains("rooom") && !unknown.body.contains("canary"), "{unknown:?}");
    let twice = gate.call(VIEWER, "GET /admin/v1/events?limit=1&limit=2", "").await;
    assert_eq!((twice.status, &twice.json()["field"]), (400, &json!("limit")));
    let after = gate.call(VIEWER, "GET /admin/v1/events/tail?after=canary", "").await;
    assert_eq!((after.status, &after.json()["field"]), (400, &json!("after")));
    let both = gate.call(OPERATOR, &format!("{FORGET}?tenant=t"), r#"{"tenant":"t"}"#).await;
    assert_eq!((both.status, &both.json()["field"]), (400, &json!("query")));
    gate.call(VIEWER, STATUS, "{}").await.is_problem(400, "malformed");
}

#[tokio::test]
async fn a_body_is_json_small_and_whole() {
    let gate = Gate::start().await;
    let head = format!("{FORGET} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {OPERATOR}\r\n");
    let plain = format!("{head}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}");
    gate.tell(&plain).await.is_problem(415, "unsupported-media-type");
    let json = format!("{head}Content-Type: application/json\r\n");
    let large = gate.tell(&format!("{json}Content-Length: 65537\r\n\r\n{{")).await;
    large.is_problem(413, "too-large");
    large.closes();
    let chunk = format!("{:x}\r\n{}\r\n", 0x8000, " ".repeat(0x8000));
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}");
    let large = gate.tell(&chunked).await;
    large.is_problem(413, "too-large");
    large.closes();
    for body in ["", "{", "[]", "null", "{} {}"] {
        let request = format!("{json}Content-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!(gate.tell(&request).await.problem().0, 400, "{body}");
    }
    // Refused by its head, with a body that has come: the connection goes on.
    let mut client = Client::connect(gate.app.admin()).await;
    client.call(VIEWER, FORGET, "{}").await.is_problem(403, "forbidden");
    assert_ne!(client.call(VIEWER, STATUS, "").await.status, 403);
}

#[tokio::test]
async fn who_asks_too_fast_waits_and_others_do_not() {
    let clock = Clock::manual(Timestamp::from_millis(1_795_168_800_000));
    let gate = Plan::new().clock(clock.clone()).start().await;
    let mut client = Client::connect(gate.app.admin()).await;
    let mut taken = 0;
    let slow_down = loop {
        let answer = client.call(VIEWER, "GET /admin/v1/audit", "").await;
        if answer.status == 429 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(taken, hookgate::bounds::TOKEN_CALLS_BURST);
    slow_down.is_problem(429, "rate-limited");
    assert_eq!(slow_down.header("retry-after"), Some("1"));
    assert_eq!(client.call(OPERATOR, "GET /admin/v1/audit", "").await.status, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.call(VIEWER, "GET /admin/v1/audit", "").await.status, 200);
    for _ in 0..hookgate::bounds::TOKEN_FAILURES_BURST {
        client.call("guess", STATUS, "").await.is_problem(401, "unauthorized");
    }
    client.call("guess", STATUS, "").await.is_problem(429, "rate-limited");
    assert_eq!(client.call(VIEWER, "GET /admin/v1/audit", "").await.status, 200);
    assert_eq!(client.call("guess", "GET /livez", "").await.status, 200);
}

#[tokio::test]
async fn the_tail_goes_on_where_a_client_was_and_has_so_many_places() {
    let gate = Gate::start().await;
    for id in ["a", "b", "c"] {
        gate.post(&gate.signed(DAILY, &event(DAILY, id))).await.is(200, "accepted");
    }
    let tail = |query: &str, lines: &str| {
        format!(
            "GET /admin/v1/events/tail{query} HTTP/1.1\r\nHost: h\r\n{lines}\
             Authorization: Bearer {VIEWER}\r\n\r\n"
        )
    };
    let mut client = Client::connect(gate.app.admin()).await;
    client.send(tail("?after=1&source=daily", "").as_bytes()).await;
    let said = client.until_said("id: 3\n").await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    assert!(said.contains("content-type: text/event-stream\r\n"), "{said}");
    assert!(said.contains("id: 2\nevent: event\ndata: {") && !said.contains("id: 1\n"), "{said}");
    gate.post(&gate.signed(DAILY, &event(DAILY, "d"))).await.is(200, "accepted");
    client.until_said("id: 4\n").await;
    let mut again = Client::connect(gate.app.admin()).await;
    again.send(tail("?after=1", "Last-Event-ID: 3\r\n").as_bytes()).await;
    let said = again.until_said("id: 4\n").await;
    assert!(!said.contains("id: 3\n"), "{said}");
    let mut others = Vec::new();
    for _ in 2..hookgate::bounds::ADMIN_STREAMS_MAX {
        let mut other = Client::connect(gate.app.admin()).await;
        other.send(tail("", "").as_bytes()).await;
        other.until_said("200 OK").await;
        others.push(other);
    }
    let full = gate.tell(&tail("", "")).await;
    full.is_problem(503, "unavailable");
    assert!(full.header("retry-after").is_some());
    assert_eq!(gate.ask("/readyz").await.status, 200);
}

/// Validates against a part of the document.
struct Document(Value);

impl Document {
    async fn of(gate: &Gate) -> Self {
        let answer = gate.call(VIEWER, "GET /admin/v1/openapi.json", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self(answer.json())
    }

    /// Whether an answer is one that an operation's document has.
    #[track_caller]
    fn check(&self, path: &str, method: &str, answer: &Answer) {
        let operation = &self.0["paths"][path][method];
        let status = answer.status.to_string();
        let mut response = &operation["responses"][&status];
        if let Some(reference) = response["$ref"].as_str() {
            response = self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        }
        let kind = answer.header("content-type").unwrap();
        let schema = &response["content"][kind]["schema"];
        assert!(!schema.is_null(), "{method} {path} has no {status} of {kind}: {}", answer.body);
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&answer.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{method} {path}: {errors:#?}\n{:.2000}", answer.body);
    }
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let gate = Gate::start().await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "b"))).await.is(200, "accepted");
    gate.post(&gate.signed(DAILY, "nonsense")).await.is(200, "quarantined");
    let document = Document::of(&gate).await;
    let pseudonym = json!({"source": "daily", "participant": "x", "reason": "ticket 7"});
    let plan = json!({"dry_run": true, "filter": {"source": "daily"}});
    let bodies = BTreeMap::from([
        ("/admin/v1/pseudonym", pseudonym),
        ("/admin/v1/replays", plan),
        ("/admin/v1/events/search", json!({"room": "consult-0a1b2c3d"})),
        ("/admin/v1/quarantine/release", json!({"filter": {}, "reason": "ticket 7"})),
        ("/admin/v1/quarantine/{sequence}/release", json!({"reason": "ticket 7"})),
        (
            "/admin/v1/forget",
            json!({"tenant": "tenant-fixtures", "participant": "x", "reason": "ticket 7"}),
        ),
    ]);
    let mut asked = 0;
    for (path, methods) in document.0["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_stream = &operation["responses"]["200"]["content"]["application/json"];
            let concrete = path.replace("{sequence}", "1").replace("{id}", "rp1_none");
            let call = format!("{} {concrete}", method.to_ascii_uppercase());
            let whole = bodies.get(path.as_str()).map(Value::to_string);
            for body in [Some("{}".to_owned()), whole].into_iter().flatten() {
                let body = if operation["requestBody"].is_object() { &*body } else { "" };
                if body.is_empty() && is_stream.is_null() {
                    continue;
                }
                let answer = gate.call(OPERATOR, &call, body).await;
                document.check(path, method, &answer);
                asked += 1;
            }
            gate.call("guess", &call, "").await;
        }
    }
    assert!(asked > 20, "{asked}");
    let audit = gate.call(VIEWER, "GET /admin/v1/audit", "").await;
    document.check("/admin/v1/audit", "get", &audit);
}

#[tokio::test]
async fn what_consumers_read_is_told_for_the_topics_that_are_configured() {
    let mut plan = Plan::new();
    plan.config.kafka.topic_prefix = "clinic".to_owned();
    let gate = plan.start().await;
    assert_eq!(gate.ask("/admin/v1/asyncapi.json").await.status, 401);
    let answer = gate.call(VIEWER, "GET /admin/v1/asyncapi.json", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let document = answer.json();
    assert_eq!(document["asyncapi"], "3.0.0");
    let topic = &document["channels"]["participant"]["address"];
    assert_eq!(topic, "clinic.participant");
}

#[tokio::test]
async fn the_audit_log_is_shown_page_by_page_and_verified_from_outside() {
    let gate = Gate::start().await;
    let ask = json!({"source": "daily", "participant": "zoe.canary", "reason": "ticket 7"});
    for _ in 0..3 {
        let answer = gate.call(OPERATOR, "POST /admin/v1/pseudonym", &ask.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let first = gate.call(VIEWER, "GET /admin/v1/audit?limit=4", "").await.json();
    let records = first["records"].as_array().unwrap();
    assert_eq!(records.len(), 4, "{first}");
    assert_eq!((&records[0]["result"], &records[0]["by"]), (&json!("done"), &json!("olga")));
    assert_eq!((&records[1]["result"], &records[0]["begun"]), (&json!("begun"), &json!(5)));
    assert!(!first.to_string().contains("canary") && !first.to_string().contains(OPERATOR));
    let next = format!("GET /admin/v1/audit?cursor={}", first["next_cursor"].as_str().unwrap());
    let rest = gate.call(VIEWER, &next, "").await.json();
    assert_eq!(rest["records"].as_array().unwrap().len(), 2);
    assert!(rest.get("next_cursor").is_none());

    let folder = gate.folder.path().join("journal");
    let verify = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
        command.args(["audit", "verify", "--dir", folder.to_str().unwrap()]).args(more);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, said) = verify(&[]);
    assert_eq!(code, 0, "{said}");
    let head = said.lines().nth(1).unwrap().to_owned();
    assert_eq!(head, format!("6:{}", records[0]["hash"].as_str().unwrap()));
    assert_eq!(verify(&["--noted", &head]).0, 0);
    assert_eq!(verify(&["--noted", "6:canary"]).0, 2);
    gate.app.drain().await;
    let file = folder.join("audit.log");
    let text = std::fs::read_to_string(&file).unwrap();
    let two = text.lines().nth(1).unwrap();
    for (changed, says) in [
        (text.replace("ticket 7", "ticket 8"), "record 1 was changed"),
        (text.replace(&format!("{two}\n"), ""), "record 2 has another number"),
        (format!("{text}{}", text.lines().last().unwrap()) + "\n", "record 7 has another number"),
        (format!("{text}{{}}\n"), "record 7 is not a record"),
    ] {
        std::fs::write(&file, changed).unwrap();
        let (code, said) = verify(&[]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(says), "{said}");
    }
    std::fs::write(&file, text.lines().take(4).map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    assert_eq!(verify(&[]).0, 0);
    let (code, said) = verify(&["--noted", &head]);
    assert!(code == 1 && said.contains("record 6 was noted and is missing"), "{said}");
}
