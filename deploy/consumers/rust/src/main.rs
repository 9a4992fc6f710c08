//! Reads hookgate's events and works on each once. ../../README.md says what a consumer must do, and why.

use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::{env::var, time::Duration};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Headers, Message};
use rusqlite::{Connection, Result, params};
use serde_json::{Value, json};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS seen (id TEXT, replay TEXT, at INTEGER, PRIMARY KEY (id, replay)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS work (id TEXT, replay TEXT, type TEXT, tenant TEXT, time TEXT, room TEXT, person TEXT);";
const MARK: &str = "INSERT OR IGNORE INTO seen SELECT value, ?, unixepoch() FROM json_each(?)
    WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value AND replay = 'erased')";
const FORGET: &str = "DELETE FROM work WHERE tenant = ? AND (id IN (SELECT value FROM json_each(?)) OR time <= ?
    AND EXISTS (SELECT 1 FROM json_each(?) WHERE value IN (room, person)))";

fn handle(db: &Connection, accepted: &[&str], event: &Value, replay: &str) -> Result<&'static str> {
    let mark = |replay: &str, ids: &Value| db.execute(MARK, params![replay, ids.to_string()]);
    let own = json!([event["id"]]);
    let mut fresh = mark("", &own)?;
    if accepted.contains(&replay) {
        fresh = mark(replay, &own)?; // we asked for it: again, but once
    }
    if fresh == 0 {
        return Ok("skipped");
    }
    let text = |name: &str| event[name].as_str();
    if let Some(erasure) = event["data"].get("erasure") {
        let erased = &erasure["event_ids"];
        mark("erased", erased)?; // they may yet come: on another topic, or in a replay
        let mut names = erasure["other_refs"].as_array().cloned().unwrap_or_default();
        names.push(erasure["ref"].clone());
        let names = json!(names).to_string();
        db.execute(FORGET, params![text("tenant"), erased.to_string(), text("time"), names])?;
        return Ok("erased");
    }
    let person = &event["data"]["participant"];
    let (room, person, previous) = (text("subject"), person["ref"].as_str(), person["previous_ref"].as_str());
    if previous.is_some() {
        db.execute("UPDATE work SET person = ? WHERE person = ?", [person, previous])?; // a new key: two names
    }
    let (id, kind, tenant, time) = (text("id"), text("type"), text("tenant"), text("time"));
    // Your work stands here.
    db.execute("INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?)", params![id, replay, kind, tenant, time, room, person])?;
    Ok("handled")
}

fn main() -> anyhow::Result<()> {
    let ends = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&ends))?;
    let prefix = var("TOPIC_PREFIX").unwrap_or_else(|_| "video".to_owned());
    let topics = ["recording", "participant", "lifecycle"].map(|family| format!("{prefix}.{family}"));
    let accepted = var("ACCEPT_REPLAY").unwrap_or_default();
    let accepted: Vec<_> = accepted.split(',').filter(|id| !id.is_empty()).collect();
    let keep_days: u32 = var("KEEP_DAYS").map_or(Ok(45), |days| days.parse())?;
    let mut db = Connection::open(var("STATE")?)?;
    db.execute_batch(TABLES)?;
    let mut settings = rdkafka::ClientConfig::new();
    settings.set("bootstrap.servers", var("KAFKA_BROKERS")?).set("group.id", var("KAFKA_GROUP")?);
    settings.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    settings.set("isolation.level", "read_committed").set("session.timeout.ms", "6000");
    let consumer: BaseConsumer = settings.create()?;
    consumer.subscribe(&topics.each_ref().map(String::as_str))?;
    while !ends.load(Ordering::Relaxed) {
        let (mut records, mut said) = (Vec::new(), Vec::new());
        while records.len() < 500 {
            let wait = if records.is_empty() { Duration::from_millis(500) } else { Duration::ZERO };
            let Some(record) = consumer.poll(wait) else { break };
            records.push(record?);
        }
        if records.is_empty() {
            continue;
        }
        let transaction = db.transaction()?; // the work and what was seen are one transaction
        transaction.execute("DELETE FROM seen WHERE at < unixepoch() - 86400 * ?", [keep_days])?;
        for record in &records {
            let event: Value = serde_json::from_slice(record.payload().unwrap_or_default())?;
            let mut headers = record.headers().into_iter().flat_map(|headers| headers.iter());
            let replay = headers.find(|header| header.key == "hookgate-replay-id").and_then(|header| header.value);
            let replay = replay.map(String::from_utf8_lossy);
            let action = handle(&transaction, &accepted, &event, replay.as_deref().unwrap_or_default())?;
            said.push(json!({"id": event["id"], "type": event["type"], "replay": replay, "action": action}));
        }
        transaction.commit()?;
        said.iter().for_each(|line| println!("{line}"));
        consumer.commit_consumer_state(CommitMode::Sync)?; // only now: who dies before this reads them again
    }
    Ok(())
}
