//! Every answer of the admin API, asked as its own document describes it: what is told of events,
//! and what becomes of canaries in what an operator asks.
//!
//! The reason of a change and the name of a topic are a human's own words, kept on purpose, and so
//! are no places for canaries; calls that take nothing else (`drain`, `reload`) are left alone.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use tokio::time::{interval, timeout};

use super::canary::{Made, Mint, Origin};
use super::wire::{Answer, Wire};
use crate::bounds;

/// An operator with all tokens there are.
pub(super) struct Operator<'o> {
    pub(super) wire: Wire,
    pub(super) tokens: &'o [String],
    pub(super) calls: usize,
    /// What was answered about events, where what may leave may stand.
    pub(super) events: Vec<Vec<u8>>,
    /// All other answers.
    pub(super) others: Vec<Vec<u8>>,
}

impl Operator<'_> {
    /// Lets everything go that can leave quarantine; how many events that were.
    pub(super) async fn release(&mut self) -> anyhow::Result<u64> {
        let body = json!({ "reason": "proof", "filter": {} });
        let answer = self.call("POST", "/admin/v1/quarantine/release", Some(&body)).await?;
        let released = answer.json().get("released").and_then(Value::as_u64);
        self.others.push(answer.bytes);
        released.context("the private gateway does not release what is in quarantine")
    }

    /// Waits until what was let go is on Kafka, and searching knows all that was taken.
    pub(super) async fn settled(&mut self) -> anyhow::Result<()> {
        let settling = async {
            let mut looks = interval(bounds::PROOF_LOOK);
            loop {
                looks.tick().await;
                let answer = self.call("GET", "/admin/v1/status", None).await?;
                let status = answer.json();
                let lag = status.pointer("/search/lag_events").and_then(Value::as_u64);
                let lag = lag.context("the private gateway does not say how far searching is")?;
                let released = status.get("released").and_then(Value::as_array);
                let waits = |row: &Value| row.get("pending").and_then(Value::as_u64) != Some(0);
                if lag == 0 && !released.into_iter().flatten().any(waits) {
                    return Ok(());
                }
            }
        };
        let settled = timeout(bounds::PROOF_CAUGHT_UP, settling).await;
        settled.unwrap_or_else(|_| {
            bail!(
                "what was let go is not all on Kafka, or not all can be found: the proof is not \
                   whole"
            )
        })
    }

    /// Reads everything that is told of events: all pages, some one by one, and as they come.
    pub(super) async fn read(&mut self) -> anyhow::Result<u64> {
        let mut sequences = Vec::new();
        for list in ["events", "quarantine"] {
            let mut cursor = String::new();
            loop {
                let limit = bounds::EVENTS_PAGE_MAX;
                let path = format!("/admin/v1/{list}?limit={limit}{cursor}");
                let answer = self.call("GET", &path, None).await?;
                ensure!(answer.status == 200, "{list} cannot be listed: {}", answer.status);
                let page = answer.json();
                let rows = page.get("events").and_then(Value::as_array);
                let rows = rows.into_iter().flatten();
                sequences.extend(rows.filter_map(|row| row.get("sequence")?.as_u64()));
                self.events.push(answer.bytes);
                match page.get("next_cursor").and_then(Value::as_str) {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
        }
        sequences.sort_unstable();
        sequences.dedup();
        let apart = (sequences.len() / bounds::PROOF_EVENTS_SHOWN).max(1);
        for sequence in sequences.iter().step_by(apart) {
            let path = format!("/admin/v1/events/{sequence}");
            let answer = self.call("GET", &path, None).await?;
            self.events.push(answer.bytes);
        }
        let request = self.request("GET", "/admin/v1/events/tail?after=0", None);
        self.events.push(self.wire.listen(&request).await?.bytes);
        Ok(sequences.len() as u64)
    }

    /// Asks everything with canaries in all texts.
    pub(super) async fn ask(&mut self, mint: &mut Mint, known: &Known<'_>) -> anyhow::Result<()> {
        let answer = self.call("GET", "/admin/v1/openapi.json", None).await?;
        let document = answer.json();
        self.others.push(answer.bytes);
        let none = Map::new();
        let paths = document.get("paths").and_then(Value::as_object);
        ensure!(paths.is_some(), "the private gateway does not describe its admin API");
        for (path, methods) in paths.unwrap_or(&none) {
            for (method, operation) in methods.as_object().unwrap_or(&none) {
                let method = method.to_ascii_uppercase();
                let place = format!("{method} {path}");
                let mut puts = Puts { mint, place, known };
                let place = puts.filled_in(path);
                for body in puts.bodies(&document, operation) {
                    let answer = self.call(&method, &place, Some(&body)).await?;
                    self.others.push(answer.bytes);
                }
                // What is taken would go on for ever.
                let goes_on = path.ends_with("/tail");
                for query in puts.queries(operation).into_iter().filter(|_| !goes_on) {
                    let place = format!("{place}?{query}");
                    let answer = self.call(&method, &place, None).await?;
                    self.others.push(answer.bytes);
                }
                if method == "GET" && !goes_on && !path.contains('{') {
                    let answer = self.call(&method, path, None).await?;
                    let of_events = path.ends_with("/events") || path.ends_with("/quarantine");
                    let answers = if of_events { &mut self.events } else { &mut self.others };
                    answers.push(answer.bytes);
                }
            }
        }
        Ok(())
    }

    /// What is open to everybody.
    pub(super) async fn open(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: gate\r\n\r\n");
        let answer = self.wire.ask(request.as_bytes()).await?;
        ensure!(answer.status == 200, "{path} answers {}", answer.status);
        Ok(answer.bytes)
    }

    async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let request = self.request(method, path, body);
        let answer = self.wire.ask(&request).await;
        answer.with_context(|| format!("{method} is not answered"))
    }

    fn request(&mut self, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
        self.calls += 1;
        let token = self.tokens.get(self.calls % self.tokens.len().max(1));
        let token = token.map_or("", String::as_str);
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}");
        let request = match body {
            None => format!("{head}\r\n\r\n"),
            Some(body) => {
                let body = body.to_string();
                let length = body.len();
                let head = format!("{head}\r\nContent-Type: application/json");
                format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")
            }
        };
        request.into_bytes()
    }
}

/// What an operator knows.
pub(super) struct Known<'k> {
    /// Fields, and what they name rightly.
    pub(super) names: Vec<(&'static str, String)>,
    /// Whether a room's name may be seen.
    pub(super) shows: &'k dyn Fn(&str) -> bool,
}

/// Canaries in the calls of one operation.
struct Puts<'m> {
    mint: &'m mut Mint,
    place: String,
    known: &'m Known<'m>,
}

/// What a text may look like that an operator gives by mistake.
const LOOKS: [&str; 4] =
    ["Zoë Canary", "zoe@example.invalid", "6497c79b-f326-4942-aef8-c36a29140ad1", "+1 555 0100 23"];

/// What an operator says on purpose, to be kept: why something is changed, how topics are called.
const OWN_WORDS: [&str; 2] = ["reason", "to_prefix"];

impl Puts<'_> {
    fn put(&mut self, like: &str, field: &str) -> String {
        let made = self.mint.alike(like);
        self.keep(made, field)
    }

    fn keep(&mut self, made: Made, field: &str) -> String {
        let text = made.text.clone();
        let (fixture, path) = (Arc::from("(an operator)"), format!("{} {field}", self.place));
        self.mint.put(made, Origin { source: None, fixture, path: Arc::from(path) });
        text
    }

    /// A path with a canary in each of its places.
    fn filled_in(&mut self, path: &str) -> String {
        let parts = path.split('/').map(|part| match part.strip_prefix('{') {
            Some(_) => self.put("canary", "(path)"),
            None => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Bodies with a canary in one text each, in every text but the reason; and one with nothing
    /// but canaries. Who and what is known is named rightly, so that the call goes on to the rest.
    fn bodies(&mut self, document: &Value, operation: &Value) -> Vec<Value> {
        let schema = operation.pointer("/requestBody/content/application~1json/schema");
        let name = schema.and_then(|schema| schema.get("$ref")?.as_str()?.rsplit('/').next());
        let place = name.map(|name| format!("/components/schemas/{name}/properties"));
        let fields = place.and_then(|place| document.pointer(&place)?.as_object());
        let Some(fields) = fields else { return Vec::new() };
        let mut known = Map::from_iter([("reason".to_owned(), "proof".into())]);
        known.retain(|field, _| fields.contains_key(field));
        let mut texts: Vec<_> = Vec::new();
        for (field, schema) in
            fields.iter().filter(|(field, _)| !OWN_WORDS.contains(&field.as_str()))
        {
            match self.known.names.iter().find(|(name, _)| name == field) {
                Some((_, value)) => drop(known.insert(field.clone(), value.as_str().into())),
                None if takes(schema, "string") => texts.push(field.as_str()),
                None if takes(schema, "integer") => drop(known.insert(field.clone(), 1.into())),
                None if field == "filter" => texts.push("filter"),
                None => {}
            }
        }
        let mut bodies = Vec::new();
        for look in LOOKS {
            for field in &texts {
                let mut body = known.clone();
                body.extend(self.value(look, field).map(|value| ((*field).to_owned(), value)));
                bodies.push(Value::Object(body));
            }
        }
        if !texts.is_empty() {
            let of = |field: &&str| Some(((*field).to_owned(), self.value(LOOKS[0], field)?));
            let mut all: Map<_, _> = texts.iter().filter_map(of).collect();
            let (key, value) =
                (self.put(LOOKS[0], "(unknown field)"), self.put(LOOKS[0], "(value)"));
            all.insert(key, value.into());
            all.insert("reason".to_owned(), "proof".into());
            bodies.push(Value::Object(all));
        }
        bodies
    }

    /// A canary in a field; none where it would be a room's name that may be seen, which is told
    /// back as it is.
    fn value(&mut self, look: &str, field: &str) -> Option<Value> {
        let is_room = matches!(field, "room" | "filter");
        let made = self.mint.alike(look);
        if is_room && (self.known.shows)(&made.text) {
            return None;
        }
        let text = self.keep(made, field);
        Some(if field == "filter" { json!({ "room": text }) } else { text.into() })
    }

    /// Queries with canaries in every parameter, one at a time, and in one that is unknown.
    fn queries(&mut self, operation: &Value) -> Vec<String> {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let named =
            parameters.into_iter().flatten().filter(|p| p.get("in") == Some(&json!("query")));
        let names: Vec<_> = named.filter_map(|p| p.get("name")?.as_str()).collect();
        let mut queries: Vec<_> =
            names.iter().map(|name| format!("{name}={}", self.put("canary", name))).collect();
        let (unknown, value) = (self.put("canary", "(unknown)"), self.put("canary", "(value)"));
        queries.push(format!("{unknown}={value}"));
        queries
    }
}

fn takes(schema: &Value, sort: &str) -> bool {
    let types = schema.get("type");
    types.is_some_and(|types| {
        types == sort || types.as_array().is_some_and(|types| types.contains(&json!(sort)))
    })
}
