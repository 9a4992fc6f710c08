//! JSON Schemas of what consumers read, made from the types that are written.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::data::{LifecycleData, ParticipantData, QuarantineData, RecordingData};
use super::encode::{CONTENT_TYPE, CloudEvent, SPEC_VERSION, schema_id};
use crate::event::{Family, Kind};

/// The JSON Schema (2020-12) of one family's CloudEvents: envelope and data. Nothing but what it
/// names may stand in an event.
pub fn schema(family: Family) -> Value {
    match family {
        Family::Recording => of::<RecordingData<'static>>(family),
        Family::Participant => of::<ParticipantData<'static>>(family),
        Family::Lifecycle => of::<LifecycleData<'static>>(family),
        Family::Quarantine => of::<QuarantineData<'static>>(family),
    }
}

fn of<D: JsonSchema + 'static>(family: Family) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<CloudEvent<'static, D>>();
    let mut schema = Value::from(schema);
    without_null(&mut schema);
    let kinds = Kind::ALL.iter().filter(|kind| kind.family() == family);
    let types: Vec<_> = kinds.map(|kind| kind.event_type()).collect();
    if let Some(Value::Object(attributes)) = schema.get_mut("properties") {
        narrow(attributes, "specversion", "const", json!(SPEC_VERSION));
        narrow(attributes, "datacontenttype", "const", json!(CONTENT_TYPE));
        narrow(attributes, "dataschema", "const", json!(schema_id(family)));
        narrow(attributes, "type", "enum", json!(types));
    }
    let mut whole = Map::new();
    whole.insert("$id".to_owned(), json!(schema_id(family)));
    if let Value::Object(rest) = schema {
        whole.extend(rest);
    }
    whole.insert("title".to_owned(), json!(format!("video.{}", family.as_str())));
    Value::Object(whole)
}

fn narrow(attributes: &mut Map<String, Value>, name: &str, keyword: &str, to: Value) {
    if let Some(Value::Object(attribute)) = attributes.get_mut(name) {
        attribute.insert(keyword.to_owned(), to);
    }
}

/// Takes `null` out of every type: what is not known is absent in our events.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(any)) = fields.get_mut("anyOf") {
                any.retain(|one| *one != json!({ "type": "null" }));
                if let [Value::Object(one)] = any.as_slice() {
                    let one = one.clone();
                    fields.remove("anyOf");
                    fields.extend(one);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{UUID, event, joined, scrub, with};
    use super::*;

    #[test]
    fn events_of_every_family_validate_and_strange_ones_do_not() {
        let bodies = [
            joined(),
            json!({"kind": "recording.ready", "recording": UUID, "files": [{"size": 3}]}),
            json!({"kind": "room.started", "room": "Zoë", "time": 1_795_168_800}),
            json!({"kind": "zoe.waved", "room": "Zoë"}),
            json!({"no": "kind"}),
        ];
        for body in bodies {
            let clean = scrub(&body);
            let validator = jsonschema::validator_for(&schema(clean.kind().family())).unwrap();
            let event = event(&clean);
            validator.validate(&event).unwrap();
            let strange = [
                with(event.clone(), "name", json!("Zoë")),
                with(event.clone(), "type", json!("video.zoe")),
                with(event.clone(), "dataschema", json!("urn:hookgate:other:1")),
                with(event.clone(), "subject", Value::Null),
                with(event.clone(), "data", with(event["data"].clone(), "name", json!("Zoë"))),
            ];
            assert!(strange.iter().all(|event| !validator.is_valid(event)));
        }
    }

    #[test]
    fn a_schema_describes_every_field_and_closes_every_object() {
        fn visit(schema: &Value, path: &str) {
            if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
                assert_eq!(schema["additionalProperties"], false, "{path}");
                for (name, field) in fields {
                    assert!(field.get("description").is_some(), "{path}/{name}");
                    visit(field, &format!("{path}/{name}"));
                }
            }
            for (name, below) in
                schema.get("$defs").and_then(Value::as_object).into_iter().flatten()
            {
                visit(below, name);
            }
        }
        for family in Family::ALL {
            let schema = schema(family);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            assert!(!schema.to_string().contains("null"), "{schema:#}");
            visit(&schema, "");
        }
    }
}
