//! From what the gate is held to, to what consumers may rely on.
//!
//! Objects lose the word that closes them. A list of values gets a way out beside it, in words that
//! every validator and generator knows: any of these, or another text. Formats that only say how
//! wide a number is are left out: validators that are strict refuse a format that they do not know.

use serde_json::{Value, json};

use crate::event::Kind;

/// What is said of the way out.
const OTHERS: &str =
    "Others may be added within this version: pass over what has a value that you do not know.";

/// Formats of numbers by their width in memory.
const WIDTHS: [&str; 2] = ["uint64", "double"];

/// Opens a closed schema and everything in it.
pub(super) fn open(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("additionalProperties") == Some(&Value::Bool(false)) {
                fields.remove("additionalProperties");
            }
            if fields.get("format").and_then(Value::as_str).is_some_and(|it| WIDTHS.contains(&it)) {
                fields.remove("format");
            }
            fields.values_mut().for_each(open);
            // One of constants, each with its own description.
            let mut values = Vec::new();
            if let Some(Value::Array(each)) = fields.remove("oneOf") {
                values.extend(each);
            }
            if let Some(Value::Array(names)) = fields.remove("enum") {
                values.push(json!({ "enum": names }));
            }
            if !values.is_empty() {
                values.push(others(&values));
                fields.insert("type".to_owned(), json!("string"));
                fields.insert("anyOf".to_owned(), Value::Array(values));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the lists of values out of an open schema, up to their way out. A registry that compares
/// two versions finds a list that grew narrower where it is read with the older one, and does not
/// see the way out beside it.
pub(super) fn without_lists(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let all = fields.get("anyOf").and_then(Value::as_array);
            let way_out = all.and_then(|all| all.last()).and_then(Value::as_object);
            let way_out = way_out.filter(|it| it.get("description") == Some(&json!(OTHERS)));
            if let Some(mut way_out) = way_out.cloned() {
                way_out.remove("description");
                fields.remove("anyOf");
                fields.extend(way_out);
            }
            fields.values_mut().for_each(without_lists);
        }
        Value::Array(items) => items.iter_mut().for_each(without_lists),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Any other text; of types of events, any other of ours.
fn others(values: &[Value]) -> Value {
    let names = values.first().and_then(|first| first.get("enum")?.as_array());
    let types = names.is_some_and(|names| {
        names
            .iter()
            .all(|name| name.as_str().is_some_and(|name| name.starts_with(Kind::TYPE_PREFIX)))
    });
    match types {
        true => {
            let pattern = format!("^{}", Kind::TYPE_PREFIX.replace('.', "\\."));
            json!({ "pattern": pattern, "description": OTHERS })
        }
        false => json!({ "type": "string", "description": OTHERS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(mut schema: Value) -> Value {
        open(&mut schema);
        schema
    }

    #[test]
    fn objects_lose_the_word_that_closes_them_wherever_they_stand() {
        let closed = json!({"type": "object", "additionalProperties": false, "properties": {
            "files": {"type": "array", "items": {"type": "object", "additionalProperties": false}}
        }});
        let open = opened(closed);
        assert!(!open.to_string().contains("additionalProperties"), "{open}");
    }

    #[test]
    fn a_list_of_values_keeps_them_and_gets_a_way_out() {
        let one = opened(json!({"type": "string", "enum": ["a", "b"]}));
        assert_eq!(one["anyOf"][0], json!({"enum": ["a", "b"]}));
        assert_eq!(one["anyOf"][1], json!({"type": "string", "description": OTHERS}));
        let constants = json!([{"const": "a", "description": "A."}, {"const": "b"}]);
        let many = opened(json!({"oneOf": constants}));
        assert_eq!(many["anyOf"].as_array().unwrap()[..2], constants.as_array().unwrap()[..]);
        assert_eq!((&many["type"], &many["oneOf"]), (&json!("string"), &Value::Null));
        let types = opened(json!({"type": "string", "enum": ["video.a"]}));
        assert_eq!(types["anyOf"][1]["pattern"], "^video\\.");
    }

    #[test]
    fn where_lists_are_left_out_one_that_grows_changes_nothing() {
        let of = |values: Value| {
            let mut schema =
                opened(json!({"properties": {"a": {"type": "string", "enum": values}}}));
            without_lists(&mut schema);
            schema
        };
        assert_eq!(of(json!(["a"])), json!({"properties": {"a": {"type": "string"}}}));
        assert_eq!(of(json!(["a"])), of(json!(["a", "b"])));
        let types = of(json!(["video.a"]));
        assert_eq!(types["properties"]["a"], json!({"type": "string", "pattern": "^video\\."}));
        let mut other = json!({"anyOf": [{"type": "string"}, {"type": "number"}]});
        without_lists(&mut other);
        assert!(other.get("anyOf").is_some());
    }

    #[test]
    fn the_width_of_a_number_is_not_told_and_other_formats_are() {
        let schema = json!({"count": {"type": "integer", "format": "uint64", "minimum": 0},
            "time": {"type": "string", "format": "date-time"}});
        let open = opened(schema);
        assert_eq!(open["count"], json!({"type": "integer", "minimum": 0}));
        assert_eq!(open["time"]["format"], "date-time");
    }
}
