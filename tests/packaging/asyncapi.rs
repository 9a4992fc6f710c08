//! The AsyncAPI document by the parser that consumers' tools are built on.

use std::process::Command;

use serde_json::{Value, json};

use crate::tools::{PROGRAM, bad, fetched, good};

/// What is done to a document.
type Change = fn(&mut Value);

/// The document as the program prints it, with something done to it.
fn judged(change: impl FnOnce(&mut Value), args: &[&str]) -> (tempfile::TempDir, Command) {
    let printed = good(Command::new(PROGRAM).args(["schema", "--asyncapi"]).args(args));
    let mut document: Value = serde_json::from_str(&printed).unwrap();
    change(&mut document);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asyncapi.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let mut judge = fetched("asyncapi");
    judge.arg(path);
    (folder, judge)
}

#[test]
fn the_parser_finds_nothing_to_complain_of_and_reads_what_consumers_need() {
    let (_folder, mut judge) = judged(|_| {}, &["--topic-prefix", "clinic"]);
    let summary: Value = serde_json::from_str(&good(&mut judge)).unwrap();
    assert_eq!(summary["version"], "3.0.0");
    let channels = summary["channels"].as_array().unwrap();
    let addresses: Vec<_> = channels.iter().map(|channel| &channel["address"]).collect();
    let families = ["lifecycle", "participant", "quarantine", "recording"];
    assert_eq!(addresses, families.map(|family| json!(format!("clinic.{family}"))).each_ref());
    for channel in channels {
        assert_eq!(
            (&channel["bindings"], &channel["operations"]),
            (&json!(["kafka"]), &json!(["send"]))
        );
        let message = &channel["messages"][0];
        assert_eq!(message["contentType"], "application/cloudevents+json");
        assert_eq!(message["key"], "string");
        let has = |list: &str, name: &str| {
            message[list].as_array().unwrap().iter().any(|known| known == name)
        };
        let headers = ["content-type", "hookgate-sequence", "hookgate-instance", "traceparent"];
        assert!(headers.into_iter().all(|header| has("headers", header)), "{message}");
        assert!(["id", "type", "time", "data"].into_iter().all(|field| has("payload", field)));
        assert!(message["examples"].as_u64().unwrap() > 1);
    }
}

#[test]
fn the_parser_would_complain_of_a_broken_document() {
    let changes: [(&str, Change); 4] = [
        ("a reference to nothing", |document| {
            document["channels"]["recording"]["messages"]["recording"]["$ref"] =
                json!("#/components/messages/nothing");
        }),
        ("an action of AsyncAPI 2", |document| {
            document["operations"]["publishRecording"]["action"] = json!("subscribe");
        }),
        ("a type that JSON Schema does not know", |document| {
            document["components"]["schemas"]["RecordingEvent"]["properties"]["id"]["type"] =
                json!("text");
        }),
        ("no channel that an operation could be on", |document| {
            document["channels"].as_object_mut().unwrap().remove("recording");
        }),
    ];
    for (what, change) in changes {
        let (_folder, mut judge) = judged(change, &[]);
        assert!(!bad(&mut judge).is_empty(), "{what}");
    }
}
