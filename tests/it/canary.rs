//! A name that comes in anywhere, looked for everywhere that something comes out.
//!
//! Every stored request goes through a running gateway with a name in all its texts and under keys
//! of its own, authentically signed; names stand in paths, queries, headers and signatures too.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookgate::cli::fixture::Fixture;
use hookgate::publish::Embedded;
use regex::bytes::Regex;
use serde_json::{Value, json};

use crate::depot;
use crate::fixtures::{CANARIES, bodies, fixtures, places};
use crate::gateway::{Answer, DAILY, ECHO, Gate, LIVEKIT, OPERATOR, Plan, VIEWER};
use crate::logged::LoggedAnywhere;

/// What a boundary has when it lets out what it may.
const BOUNDARY: &str = r#"tenant = "tenant-fixtures"
role_labels = ["Doctor", "Patient", "Companion"]
room_name = "^(demo-room|consult-[0-9a-f]{8})$"
artifact_key = "^recordings/[0-9a-f-]{36}/[A-Za-z0-9._-]+$""#;

/// Header lines that any sender may write.
const LINES: &str = "User-Agent: Zoë-CANARY-4711\r\nX-Request-Id: zoe-canary-1\r\n\
    X-Forwarded-For: zoecanary\r\nReferer: https://zoe.canary@example.invalid/\r\n\
    X-Zoe-Canary: zoe.canary@example.invalid\r\nCookie: zoe=canary\r\n";

/// A query that any sender may write.
const QUERY: &str = "?name=zoecanary&mail=zoe.canary@example.invalid&Zo%C3%AB=CANARY";

#[tokio::test]
async fn no_name_that_is_sent_is_kept_published_logged_counted_or_answered() {
    let logged = LoggedAnywhere::start();
    let broker = Embedded::start("video", 4).unwrap();
    let mut plan = Plan::with(r#"tenant = "tenant-fixtures""#, BOUNDARY);
    plan.config.kafka.brokers = broker.brokers().to_owned();
    plan.parts.publish = true;
    let gate = plan.start().await;

    let mut seen = Seen::default();
    let taken = authentic(&gate, &mut seen).await;
    refused(&gate, &mut seen).await;
    operated(&gate, &mut seen).await;
    let records = depot::read(&depot::settings(broker.brokers()), taken).await;
    assert_eq!(records.len(), taken);
    for record in &records {
        let place = format!("record {} of {:?}", record.offset, record.family);
        seen.look(&place, &record.key);
        seen.look(&place, &record.value);
        for (name, value) in &record.headers {
            seen.look(&place, name.as_bytes());
            seen.look(&place, value);
        }
    }
    for path in ["/metrics", "/readyz", "/livez"] {
        let answer = gate.ask(path).await;
        assert_eq!(answer.status, 200, "{path}");
        seen.answer(path, &answer);
    }
    let folder = gate.folder.path().join("journal");
    let files = seen.files(&folder);
    assert!(files.contains("journal.db") && files.contains("journal.db-wal"), "{files:?}");
    gate.app.drain().await;
    seen.files(&folder);
    let log = logged.text();
    for line in ["a delivery was taken", "was taken into quarantine", "was turned away", "ledger"] {
        assert!(log.contains(line), "{line}");
    }
    seen.look("the log", log.as_bytes());
    assert!(seen.names.is_empty(), "{}", seen.names.join("\n"));
}

#[test]
fn a_name_is_found_in_every_form_that_it_could_have() {
    for name in CANARIES {
        for text in [name.to_owned(), json!(name).to_string(), json!({name: 1}).to_string()] {
            assert!(holds_name(text.as_bytes()), "{text}");
        }
        for before in ["", "a", "ab"] {
            assert!(holds_name(STANDARD.encode(format!("{before}{name}")).as_bytes()));
        }
    }
    assert!(holds_name(br"Zo\u00eb") && holds_name(b"Zo%C3%AB"));
    assert!(!holds_name(b"tenant-fixtures/consult-0a1b2c3d"));
}

/// Posts every stored request with other texts, and bodies that cannot be read. How many events
/// that makes.
async fn authentic(gate: &Gate, seen: &mut Seen) -> usize {
    let mut sent = 0;
    for (folder, route) in [("daily", DAILY), ("livekit", LIVEKIT), ("livekit-call", LIVEKIT)] {
        let requests = Fixture::read_all(&[fixtures(folder)]).unwrap();
        for (request, body) in bodies(&requests) {
            for spare_the_type in [true, false] {
                let body = renamed(&body, sent, spare_the_type).to_string();
                let answer = post(gate, route, &body).await;
                let shown = format!("{} {}", request.name(), answer.body);
                assert_eq!(answer.status, 200, "{shown}");
                let fresh = ["accepted", "quarantined"].contains(&answer.outcome().as_str());
                assert!(fresh, "{shown}");
                seen.answer(&request.name(), &answer);
                sent += 1;
            }
        }
    }
    for route in [DAILY, LIVEKIT, ECHO] {
        for name in CANARIES {
            let cut_short = format!(r#"{{"id":"{route}","a":"{name}"#);
            let deep = format!("{}{name}", "[".repeat(40));
            for body in [format!("{route} {name}"), cut_short, deep] {
                let answer = post(gate, route, &body).await;
                answer.is(200, "quarantined");
                seen.answer("a body that cannot be read", &answer);
                sent += 1;
            }
        }
    }
    sent
}

async fn post(gate: &Gate, route: &str, body: &str) -> Answer {
    let request = String::from_utf8(gate.signed_with(route, body, LINES)).unwrap();
    gate.post(request.replacen(route, &format!("{route}{QUERY}"), 1).as_bytes()).await
}

/// A body with a name in every text, different for each number, and under a key of each object.
fn renamed(body: &Value, number: usize, spare_the_type: bool) -> Value {
    let mut renamed = body.clone();
    for (place, pointer) in places(body, Value::is_string).into_iter().enumerate() {
        let is_type = matches!(pointer.as_str(), "/type" | "/event");
        if is_type && spare_the_type {
            continue;
        }
        // A word that looks like a type may stand as it is, so the type is no such word.
        let name = if is_type { CANARIES[0] } else { CANARIES[place % CANARIES.len()] };
        *renamed.pointer_mut(&pointer).unwrap() = format!("{name}{number}").into();
    }
    for (place, pointer) in places(body, Value::is_object).into_iter().enumerate() {
        let name = CANARIES[place % CANARIES.len()];
        let object = renamed.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
        object.insert(name.to_owned(), json!({name: [name, {"deep": name}]}));
    }
    renamed
}

/// Posts what must be turned away, with names where a sender can write anything.
async fn refused(gate: &Gate, seen: &mut Seen) {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"zoe-canary-1","sha256":"zoecanary"}"#);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"zoe-canary-1"}"#);
    let forged = format!("Authorization: {header}.{claims}.zoecanary\r\n");
    let now = gate.clock.now().millis();
    let requests = [
        (DAILY, "X-Webhook-Signature: zoecanary\r\nX-Webhook-Timestamp: 1\r\n", 401),
        (DAILY, "X-Webhook-Signature: Zoë-CANARY\r\nX-Webhook-Timestamp: zoe-canary-1\r\n", 401),
        (DAILY, &format!("X-Webhook-Signature: zoecanary\r\nX-Webhook-Timestamp: {now}\r\n"), 401),
        (DAILY, "", 401),
        (LIVEKIT, "Authorization: zoe-canary-1\r\n", 401),
        (LIVEKIT, "Authorization: Bearer zoe.canary.zoecanary\r\n", 401),
        (LIVEKIT, &forged, 401),
        (LIVEKIT, "Content-Encoding: zoecanary\r\n", 401),
        ("/v1/webhooks/zoe-canary-1", "", 404),
        ("/zoe.canary@example.invalid", "", 404),
    ];
    for (route, lines, status) in requests {
        let body = r#"{"name":"Zoë-CANARY-4711"}"#;
        let head = format!("POST {route}{QUERY} HTTP/1.1\r\nHost: zoe.canary\r\n{LINES}{lines}");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let answer = gate.post(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{route} {lines} {answer:?}");
        seen.answer(lines, &answer);
    }
    for head in [
        format!("ZOECANARY {DAILY}{QUERY} HTTP/1.1\r\nHost: h\r\n\r\n"),
        format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nContent-Length: zoe-canary-1\r\n\r\n"),
        format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: zoecanary\r\n\r\n"),
        format!("POST {DAILY} HTTP/1.1\r\nHost: h\r\nzoe canary: zoecanary\r\n\r\n"),
        "POST zoe\u{7f}canary HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        "zoe canary\r\n\r\n".to_owned(),
    ] {
        let answer = gate.post(head.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{head} {answer:?}");
        seen.answer(&head, &answer);
    }
    let answer = gate.ask("/zoe-canary-1?name=zoecanary").await;
    assert_eq!(answer.status, 404);
    seen.answer("the admin door", &answer);
}

/// Asks everything of the admin API that takes a text, with names in all of them but the reason,
/// which is a human's own words.
async fn operated(gate: &Gate, seen: &mut Seen) {
    let document = gate.call(VIEWER, "GET /admin/v1/openapi.json", "").await.json();
    let schemas = &document["components"]["schemas"];
    let text = |schema: &Value| {
        let types = &schema["type"];
        types == "string" || types.as_array().is_some_and(|t| t.contains(&json!("string")))
    };
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let call = format!("{} {path}", method.to_ascii_uppercase());
            if let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") {
                let name = body["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
                let fields = schemas[name]["properties"].as_object().unwrap();
                for (place, canary) in CANARIES.iter().enumerate() {
                    let texts = fields.iter().filter(|(_, schema)| text(schema));
                    let mut body: serde_json::Map<_, _> =
                        texts.map(|(name, _)| (name.clone(), json!(canary))).collect();
                    if fields.contains_key("filter") {
                        body.insert("filter".to_owned(), json!({"room": canary}));
                    }
                    if fields.contains_key("count") {
                        body.insert("count".to_owned(), json!(1));
                    }
                    body.insert("reason".to_owned(), json!("ticket 7"));
                    if place == 0 {
                        body.insert((*canary).to_owned(), json!(canary));
                    }
                    // What needs nothing but a reason would be done.
                    if body.len() > 1 {
                        let body = Value::Object(body).to_string();
                        seen.answer(&call, &gate.call(OPERATOR, &call, &body).await);
                    }
                }
            }
            let call = call.replace("{id}", "zoe-canary-1").replace("{sequence}", "zoecanary");
            for query in ["zoecanary=1", "room=zoe-canary-1&kind=zoecanary", "state=zoecanary"] {
                let asked = gate.call(VIEWER, &format!("{call}?{query}"), "").await;
                seen.answer(&call, &asked);
            }
        }
    }
    seen.answer("a wrong token", &gate.call("zoecanary", "GET /admin/v1/audit", "").await);
}

/// The places at which a name was seen.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
}

impl Seen {
    fn look(&mut self, place: &str, bytes: &[u8]) {
        if holds_name(bytes) {
            let shown = String::from_utf8_lossy(bytes);
            let shown = shown.lines().find(|line| holds_name(line.as_bytes()));
            self.names.push(format!("{place}: {:.400}", shown.unwrap_or_default()));
        }
    }

    fn answer(&mut self, place: &str, answer: &Answer) {
        self.look(place, answer.body.as_bytes());
        for (name, value) in &answer.headers {
            self.look(place, name.as_bytes());
            self.look(place, value.as_bytes());
        }
    }

    /// Looks into every file of a folder; gives their names.
    fn files(&mut self, folder: &Path) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            self.look(&name, &std::fs::read(&path).unwrap());
            names.insert(name);
        }
        names
    }
}

/// Whether bytes hold a canary: as text in any case, escaped in JSON or a URL, or in Base64 at any
/// of its three offsets.
fn holds_name(bytes: &[u8]) -> bool {
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        let text = r"(?i-u:canary|zo\xc3\xab|zo\\u00eb|zo%c3%ab)".to_owned();
        let encoded = ["canary", "CANARY"].into_iter().flat_map(|name| {
            (0..3).map(move |offset| {
                let whole = STANDARD.encode(format!("{}{name}", &"???"[..offset]));
                // Without the letters that share bits with what stands before or behind.
                let (from, to) = ([0, 2, 3][offset], (offset + name.len()) * 8 / 6);
                whole[from..to].replace('+', "[-+]").replace('/', "[_/]")
            })
        });
        let forms: Vec<_> = std::iter::once(text).chain(encoded).collect();
        Regex::new(&forms.join("|")).unwrap()
    });
    FORMS.is_match(bytes)
}
