//! JSON Schemas of what consumers read, made from the types that are written.
//!
//! There are two forms of each. The closed one is what the gate is held to in its own tests:
//! nothing but what it names may stand in an event. The published one is what consumers may rely
//! on: objects and lists of values are open, because fields, kinds and reasons are added within a
//! version, and a consumer that validates with an older copy must not refuse them.
//!
//! 2020-12 is published; draft-07, which says the same, is for readers that know no later one: the
//! AsyncAPI document, and the validators behind schema registries.

use schemars::generate::SchemaSettings;
use schemars::transform::{RemoveRefSiblings, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::data::{LifecycleData, ParticipantData, QuarantineData, RecordingData};
use super::encode::{CONTENT_TYPE, CloudEvent, SPEC_VERSION, schema_id};
use crate::event::{Family, Kind};

mod examples;
mod open;

use examples::examples;

/// What is said of the whole.
const DESCRIPTION: &str = "One event as a CloudEvents 1.0 JSON object. What is not known is \
    absent, never null. Within this version fields and values are added, and none changes its \
    meaning, type or being required: pass over what you do not know. An event that comes again \
    has the same id.";

/// The JSON Schema (2020-12) of one family's CloudEvents as it is published, with examples.
pub fn schema(family: Family) -> Value {
    published(family, SchemaSettings::draft2020_12())
}

/// The same as draft-07.
pub fn schema_draft_07(family: Family) -> Value {
    let schema = published(family, SchemaSettings::draft07());
    // What stands beside a reference is nothing there; taking out null has put words beside some.
    let Ok(mut schema) = Schema::try_from(schema) else { return Value::Null };
    RemoveRefSiblings::default().transform(&mut schema);
    schema.into()
}

/// The same as draft-07 in one line, as a registry of schemas keeps it: without its `$id`, for
/// there the subject says what it is and some readers would fetch it; without examples, which
/// change where the schema does not; and without lists of values, whose growth a registry takes
/// for a break.
pub fn schema_to_register(family: Family) -> String {
    let mut schema = schema_draft_07(family);
    open::without_lists(&mut schema);
    if let Value::Object(fields) = &mut schema {
        fields.remove("$id");
        fields.remove("examples");
    }
    schema.to_string()
}

/// What the gate is held to: the same without room for anything that is not named.
pub fn closed_schema(family: Family) -> Value {
    closed(family, SchemaSettings::draft2020_12())
}

fn published(family: Family, settings: SchemaSettings) -> Value {
    let mut schema = closed(family, settings);
    open::open(&mut schema);
    if let Value::Object(fields) = &mut schema {
        fields.insert("description".to_owned(), json!(DESCRIPTION));
        fields.insert("examples".to_owned(), Value::Array(examples(family)));
    }
    schema
}

fn closed(family: Family, settings: SchemaSettings) -> Value {
    let settings = settings.for_serialize();
    match family {
        Family::Recording => of::<RecordingData<'static>>(family, settings),
        Family::Participant => of::<ParticipantData<'static>>(family, settings),
        Family::Lifecycle => of::<LifecycleData<'static>>(family, settings),
        Family::Quarantine => of::<QuarantineData<'static>>(family, settings),
    }
}

fn of<D: JsonSchema + 'static>(family: Family, settings: SchemaSettings) -> Value {
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

    /// An event of each family and more, as the boundary writes them.
    fn events() -> Vec<(Family, Value)> {
        let bodies = [
            joined(),
            json!({"kind": "recording.ready", "recording": UUID, "files": [{"size": 3}]}),
            json!({"kind": "room.started", "room": "Zoë", "time": 1_795_168_800}),
            json!({"kind": "zoe.waved", "room": "Zoë"}),
            json!({"no": "kind"}),
        ];
        let cleans = bodies.iter().map(scrub);
        cleans.map(|clean| (clean.kind().family(), event(&clean))).collect()
    }

    /// Each object that has properties, with its place.
    fn objects<'v>(schema: &'v Value, path: &str, found: &mut Vec<(String, &'v Value)>) {
        match schema {
            Value::Object(fields) => {
                if fields.contains_key("properties") {
                    found.push((path.to_owned(), schema));
                }
                for (name, below) in fields.iter().filter(|(name, _)| *name != "examples") {
                    objects(below, &format!("{path}/{name}"), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, path, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn events_of_every_family_validate_and_strange_ones_do_not() {
        for (family, event) in events() {
            let validator = jsonschema::validator_for(&closed_schema(family)).unwrap();
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
    fn a_published_schema_takes_what_a_later_gate_may_add_and_nothing_else() {
        for (family, event) in events() {
            for schema in [schema(family), schema_draft_07(family)] {
                let validator = jsonschema::validator_for(&schema).unwrap();
                validator.validate(&event).unwrap();
                let later = [
                    with(event.clone(), "traceparent", json!("00-0a-0b-01")),
                    with(event.clone(), "type", json!("video.participant.waved")),
                    with(event.clone(), "data", with(event["data"].clone(), "more", json!({}))),
                ];
                assert!(later.iter().all(|event| validator.is_valid(event)), "{schema:#}");
                let other = [
                    with(event.clone(), "dataschema", json!("urn:hookgate:other:2")),
                    with(event.clone(), "type", json!("audio.participant.joined")),
                    with(event.clone(), "id", json!("ev2_")),
                    with(event.clone(), "subject", Value::Null),
                    with(event.clone(), "data", json!([])),
                ];
                assert!(other.iter().all(|event| !validator.is_valid(event)), "{schema:#}");
            }
        }
    }

    #[test]
    fn a_schema_describes_every_field_and_closes_no_object() {
        for family in Family::ALL {
            let (published, held_to) = (schema(family), closed_schema(family));
            assert_eq!(published["$schema"], "https://json-schema.org/draft/2020-12/schema");
            assert!(!held_to.to_string().contains("null"), "{held_to:#}");
            let (mut open, mut closed) = (Vec::new(), Vec::new());
            objects(&published, "", &mut open);
            objects(&held_to, "", &mut closed);
            assert_eq!(open.len(), closed.len());
            for (path, object) in open {
                assert!(object.get("additionalProperties").is_none(), "{path}");
                for (name, field) in object["properties"].as_object().unwrap() {
                    let said = field["description"].as_str().unwrap_or_default();
                    assert!(said.len() > 5 && said.ends_with('.'), "{path}/{name}: {said:?}");
                }
            }
            for (path, object) in closed {
                assert_eq!(object["additionalProperties"], false, "{path}");
            }
        }
    }

    #[test]
    fn draft_07_has_no_word_that_came_later() {
        for family in Family::ALL {
            let schema = schema_draft_07(family);
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
            assert!(jsonschema::draft7::meta::is_valid(&schema), "{schema:#}");
            let text = schema.to_string();
            for later in ["$defs", "unevaluated", "prefixItems", "dependent"] {
                assert!(!text.contains(later), "{later}");
            }
        }
    }

    #[test]
    fn what_is_registered_takes_the_same_events_and_lists_no_values() {
        for (family, event) in events() {
            let schema = serde_json::from_str(&schema_to_register(family)).unwrap();
            let validator = jsonschema::validator_for(&schema).unwrap();
            validator.validate(&event).unwrap();
            assert!(!validator.is_valid(&with(event.clone(), "type", json!("audio.joined"))));
            assert!(!validator.is_valid(&with(event, "data", json!([]))));
            let text = schema.to_string();
            assert!(
                ["\"enum\"", "anyOf", "$id", "\"examples\""].iter().all(|it| !text.contains(it))
            );
        }
    }

    #[test]
    fn examples_are_events_of_their_family_and_of_several_kinds() {
        for family in Family::ALL {
            let strict = jsonschema::options().should_validate_formats(true);
            let validator = strict.build(&closed_schema(family)).unwrap();
            let examples = examples(family);
            assert!(examples.len() > 1, "{family:?}");
            for example in &examples {
                validator.validate(example).unwrap();
            }
            let mut data: Vec<_> = examples.iter().map(|example| &example["data"]).collect();
            data.dedup();
            assert_eq!(data.len(), examples.len());
        }
    }
}
