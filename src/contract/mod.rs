//! What consumers read, in one document: AsyncAPI 3.0, made from the types that are written.
//!
//! The document describes this gateway, so its operations are `send`: AsyncAPI says what *the
//! application* does, and consumers that take the document for their own turn each into a
//! `receive` of the same channel and messages. (In AsyncAPI 2 it was the other way round.)
//!
//! Payloads are the published schemas as draft-07, of which AsyncAPI's own format is a superset;
//! 2020-12 would need a parser for it in every tool. Servers are left to whoever uses the document:
//! the brokers' addresses as the gateway sees them are seldom those that consumers use. The topic
//! of the cursors is no channel: nobody but the gateway reads it.

use serde_json::{Map, Value, json};

use crate::event::Family;
use crate::publish::{CONTENT_TYPE, Framing, header, registry};
use crate::scrub::schema_draft_07;

mod words;

/// The version of the Kafka bindings.
const BINDINGS: &str = "0.5.0";
/// AsyncAPI's own format of schemas, of which draft-07 is a part.
const SCHEMA_FORMAT: &str = "application/vnd.aai.asyncapi+json;version=3.0.0";

/// What of a gateway's configuration consumers see.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The topic of each family.
    pub topics: [(Family, String); Family::ALL.len()],
    /// How records say of which registered schema they are; `None`: they do not.
    pub framing: Option<Framing>,
}

impl Contract {
    /// Of topics whose names begin so.
    pub fn of(topic_prefix: &str) -> Self {
        let topic = |family: Family| (family, format!("{topic_prefix}.{}", family.as_str()));
        Self { topics: Family::ALL.map(topic), framing: None }
    }

    /// The AsyncAPI document.
    pub fn asyncapi(&self) -> Value {
        let (mut channels, mut operations) = (Map::new(), Map::new());
        let (mut messages, mut schemas) = (Map::new(), Map::new());
        for (family, topic) in &self.topics {
            let name = family.as_str();
            channels.insert(name.to_owned(), channel(*family, topic));
            operations.insert(format!("publish{}", titled(name)), operation(*family));
            let (event, examples) = embed(*family, &mut schemas);
            schemas.insert(event_name(*family), event);
            messages.insert(name.to_owned(), message(*family, &examples));
        }
        json!({
            "asyncapi": "3.0.0",
            "id": "urn:hookgate:events",
            "info": {
                "title": "hookgate events",
                "version": env!("CARGO_PKG_VERSION"),
                "description": words::DOCUMENT,
                "license": { "name": "Apache-2.0" },
                "tags": Family::ALL.map(|family| json!({
                    "name": family.as_str(), "description": words::family(family),
                })),
            },
            "defaultContentType": CONTENT_TYPE,
            "channels": channels,
            "operations": operations,
            "components": {
                "messages": messages,
                "schemas": schemas,
                "messageTraits": { "record": record(self.framing) },
            },
        })
    }
}

fn channel(family: Family, topic: &str) -> Value {
    let name = family.as_str();
    json!({
        "address": topic,
        "title": topic,
        "description": words::family(family),
        "messages": { name: { "$ref": format!("#/components/messages/{name}") } },
        "tags": [{ "name": name }],
        "bindings": { "kafka": { "topic": topic, "bindingVersion": BINDINGS } },
    })
}

fn operation(family: Family) -> Value {
    let name = family.as_str();
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{name}") },
        "summary": words::OPERATION,
        "messages": [{ "$ref": format!("#/channels/{name}/messages/{name}") }],
        "tags": [{ "name": name }],
    })
}

fn message(family: Family, examples: &[Value]) -> Value {
    let examples: Vec<_> = examples.iter().map(example).collect();
    let event = event_name(family);
    json!({
        "name": event,
        "title": event,
        "summary": words::family(family),
        "contentType": CONTENT_TYPE,
        "payload": {
            "schemaFormat": SCHEMA_FORMAT,
            "schema": { "$ref": format!("#/components/schemas/{event}") },
        },
        "traits": [{ "$ref": "#/components/messageTraits/record" }],
        "examples": examples,
    })
}

/// An event as a record has it.
fn example(event: &Value) -> Value {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    json!({
        "name": kind,
        "headers": {
            header::CONTENT_TYPE: CONTENT_TYPE,
            header::SEQUENCE: "42",
            header::INSTANCE: "gate-1",
        },
        "payload": event,
    })
}

/// What every record has: headers and key.
fn record(framing: Option<Framing>) -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let formed = |pattern: &str, description: &str| {
        let kind = "string";
        json!({ "type": kind, "pattern": pattern, "description": description })
    };
    let mut headers = json!({
        header::CONTENT_TYPE: { "const": CONTENT_TYPE, "description": words::CONTENT_TYPE },
        header::SEQUENCE: formed("^[1-9][0-9]*$", words::SEQUENCE),
        header::INSTANCE: text(words::INSTANCE),
        header::REPLAY_ID: formed("^rp_[a-z2-7]{12}$", words::REPLAY_ID),
        header::TRACE_PARENT: formed(
            "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            words::TRACE_PARENT,
        ),
    });
    let mut kafka = json!({ "key": key(), "bindingVersion": BINDINGS });
    if let (Some(framing), Value::Object(kafka), Value::Object(headers)) =
        (framing, &mut kafka, &mut headers)
    {
        let location = match framing {
            Framing::Header => "header",
            Framing::Wire => "payload",
        };
        kafka.insert("schemaIdLocation".to_owned(), json!(location));
        kafka.insert("schemaLookupStrategy".to_owned(), json!("TopicNameStrategy"));
        match framing {
            Framing::Header => headers.insert(registry::HEADER.to_owned(), text(words::SCHEMA_ID)),
            Framing::Wire => kafka.insert("schemaIdPayloadEncoding".to_owned(), json!("confluent")),
        };
    }
    json!({
        "headers": {
            "type": "object",
            "required": [header::CONTENT_TYPE, header::SEQUENCE, header::INSTANCE],
            "properties": headers,
        },
        "bindings": { "kafka": kafka },
    })
}

fn key() -> Value {
    json!({
        "type": "string",
        "pattern": "^[^/]+/.+$",
        "description": words::KEY,
        "examples": ["tenant-fixtures/consult-0a1b2c3d"],
    })
}

/// The schema of a family among the components, its parts put there; and its examples.
fn embed(family: Family, parts: &mut Map<String, Value>) -> (Value, Vec<Value>) {
    let mut schema = schema_draft_07(family);
    refer_to_components(&mut schema);
    let mut examples = Vec::new();
    if let Value::Object(fields) = &mut schema {
        // What says what a document of its own is.
        fields.remove("$schema");
        fields.remove("$id");
        if let Some(Value::Object(below)) = fields.remove("definitions") {
            parts.extend(below);
        }
        if let Some(Value::Array(all)) = fields.remove("examples") {
            examples = all;
        }
    }
    (schema, examples)
}

fn refer_to_components(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(at)) = fields.get_mut("$ref") {
                *at = at.replace("#/definitions/", "#/components/schemas/");
            }
            fields.values_mut().for_each(refer_to_components);
        }
        Value::Array(items) => items.iter_mut().for_each(refer_to_components),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn event_name(family: Family) -> String {
    format!("{}Event", titled(family.as_str()))
}

fn titled(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every `$ref` below.
    pub(crate) fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|below| references(below, found));
            }
            Value::Array(items) => items.iter().for_each(|below| references(below, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_document_holds_what_it_refers_to() {
        let document = Contract::of("video").asyncapi();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 30);
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
    }

    #[test]
    fn each_family_has_its_topic_by_the_configured_prefix_and_the_cursor_has_none() {
        let document = Contract::of("clinic").asyncapi();
        let channels = document["channels"].as_object().unwrap();
        assert_eq!(channels.len(), Family::ALL.len());
        for family in Family::ALL {
            let name = family.as_str();
            let topic = format!("clinic.{name}");
            assert_eq!(channels[name]["address"], topic);
            assert_eq!(channels[name]["bindings"]["kafka"]["topic"], topic);
            let operation = &document["operations"][format!("publish{}", titled(name))];
            assert_eq!(
                (&operation["action"], &operation["channel"]["$ref"]),
                (&json!("send"), &json!(format!("#/channels/{name}")))
            );
        }
        assert!(!document["channels"].to_string().contains("cursor"));
        assert!(document["info"]["description"].as_str().unwrap().contains("hookgate-cursor"));
    }

    #[test]
    fn where_schemas_are_registered_it_says_where_ids_stand() {
        let record = |framing| {
            let contract = Contract { framing, ..Contract::of("video") };
            contract.asyncapi()["components"]["messageTraits"]["record"].clone()
        };
        let (plain, header) = (record(None), record(Some(Framing::Header)));
        let wire = record(Some(Framing::Wire));
        let of = |record: &Value| {
            let kafka = &record["bindings"]["kafka"];
            let has = !record["headers"]["properties"][registry::HEADER].is_null();
            (has, kafka["schemaIdLocation"].clone(), kafka["schemaIdPayloadEncoding"].clone())
        };
        assert_eq!(of(&plain), (false, Value::Null, Value::Null));
        assert_eq!(of(&header), (true, json!("header"), Value::Null));
        assert_eq!(of(&wire), (false, json!("payload"), json!("confluent")));
    }

    #[test]
    fn examples_are_valid_records_by_the_schemas_of_the_document() {
        let document = Contract::of("video").asyncapi();
        let valid = |schema: Value, value: &Value| {
            let components = &document["components"];
            let whole = json!({ "$schema": "http://json-schema.org/draft-07/schema#",
                "allOf": [schema], "components": components });
            jsonschema::validator_for(&whole).unwrap().validate(value).unwrap();
        };
        for family in Family::ALL {
            let message = &document["components"]["messages"][family.as_str()];
            assert_eq!(message["contentType"], "application/cloudevents+json");
            let examples = message["examples"].as_array().unwrap();
            assert!(examples.len() > 1);
            for example in examples {
                valid(message["payload"]["schema"].clone(), &example["payload"]);
                let headers = &document["components"]["messageTraits"]["record"]["headers"];
                valid(headers.clone(), &example["headers"]);
            }
        }
    }

    #[test]
    fn a_part_that_families_share_is_the_same_in_each() {
        let mut all = Map::new();
        for family in Family::ALL {
            let mut parts = Map::new();
            embed(family, &mut parts);
            for (name, part) in parts {
                let known = all.entry(name.clone()).or_insert_with(|| part.clone());
                assert_eq!(*known, part, "{name}");
            }
        }
        let taken = Family::ALL.map(event_name);
        assert!(all.contains_key("Room") && taken.iter().all(|name| !all.contains_key(name)));
    }
}
