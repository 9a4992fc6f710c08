//! What a consumer may rely on within a version of a schema, as a comparison of two texts of it.
//!
//! A consumer reads what we write. So what is added does no harm, and what was said of anything
//! written stays true: a field that was always there stays, its type and form stay, a list of values
//! grows only where it says so. Whether a pattern or format says more than another cannot be judged
//! here: any change is a break. A word of JSON Schema that has no rule here is a break, too, so that
//! none is passed over in silence.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Words that promise nothing of a value.
const SAY_NOTHING: [&str; 4] = ["title", "description", "examples", "$defs"];
/// Words that stay letter for letter; one that was not there may come, for it only narrows.
const STAY: [&str; 5] = ["$schema", "$id", "type", "pattern", "format"];
/// Bounds below: they may rise.
const AT_LEAST: [&str; 3] = ["minimum", "minLength", "minItems"];
/// Bounds above: they may fall.
const AT_MOST: [&str; 3] = ["maximum", "maxLength", "maxItems"];
/// Words with rules of their own.
const OWN: [&str; 7] = ["properties", "required", "items", "const", "enum", "anyOf", "$ref"];

/// Each promise of `before` that `now` breaks, with its place.
pub(crate) fn broken(before: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let roots = Roots { before, now };
    roots.compare(before, now, "", &mut found);
    found
}

struct Roots<'v> {
    before: &'v Value,
    now: &'v Value,
}

impl<'v> Roots<'v> {
    fn compare(&self, before: &'v Value, now: &'v Value, at: &str, found: &mut Vec<String>) {
        let (before, now) = (followed(self.before, before), followed(self.now, now));
        let mut tell = |what: String| found.push(format!("{at}: {what}"));
        for word in now.keys() {
            let known = [&SAY_NOTHING[..], &STAY, &AT_LEAST, &AT_MOST, &OWN].concat();
            if !known.contains(&word.as_str()) {
                tell(format!("no rule here for `{word}`, or one that closes what must stay open"));
            }
        }
        for word in STAY {
            if before.get(word).is_some_and(|value| now.get(word) != Some(value)) {
                tell(format!("{word} changed"));
            }
        }
        for (words, sign) in [(AT_LEAST, 1.0), (AT_MOST, -1.0)] {
            for word in words {
                let bound = |schema: &Map<String, Value>| schema.get(word).and_then(Value::as_f64);
                let Some(was) = bound(before) else { continue };
                if bound(now).is_none_or(|is| is * sign < was * sign) {
                    tell(format!("{word} loosened"));
                }
            }
        }
        let (was, is) = (Values::of(before), Values::of(now));
        if now.contains_key("anyOf") && is.is_none() {
            tell("no rule here for `anyOf` without values".to_owned());
        }
        was.iter().for_each(|was| was.compare(is.as_ref(), &mut tell));
        let (was, is) = (names(before), names(now));
        was.difference(&is).for_each(|name| tell(format!("`{name}` is no longer required")));
        self.below(before, now, at, found);
    }

    /// Fields and items.
    fn below(
        &self,
        before: &'v Map<String, Value>,
        now: &'v Map<String, Value>,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let fields = before.get("properties").and_then(Value::as_object);
        for (name, was) in fields.into_iter().flatten() {
            match now.get("properties").and_then(|fields| fields.get(name)) {
                Some(is) => self.compare(was, is, &format!("{at}/{name}"), found),
                None => found.push(format!("{at}/{name}: gone")),
            }
        }
        match (before.get("items"), now.get("items")) {
            (Some(was), Some(is)) => self.compare(was, is, &format!("{at}/*"), found),
            (Some(_), None) => found.push(format!("{at}/*: anything may be an item")),
            (None, _) => {}
        }
        let fields = now.get("properties").and_then(Value::as_object).into_iter().flatten();
        let old = |name: &str| before.get("properties").is_some_and(|old| old.get(name).is_some());
        for (name, is) in fields.filter(|(name, _)| !old(name)) {
            // What is new promises nothing yet, but must be as open as the rest.
            self.compare(is, is, &format!("{at}/{name}"), found);
        }
    }
}

/// A schema, or the one it refers to.
fn followed<'v>(root: &'v Value, schema: &'v Value) -> &'v Map<String, Value> {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.map(|at| root.pointer(at.strip_prefix('#').unwrap()).unwrap());
    target.unwrap_or(schema).as_object().unwrap()
}

fn names(schema: &Map<String, Value>) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.map(|name| name.as_str().unwrap()).collect()
}

/// The values that are listed, and whether another may come.
struct Values {
    listed: BTreeSet<String>,
    /// What another must be.
    open: Option<Value>,
}

impl Values {
    fn of(schema: &Map<String, Value>) -> Option<Self> {
        let mut values = Self { listed: BTreeSet::new(), open: None };
        match schema.get("anyOf").and_then(Value::as_array) {
            None => values.list(schema),
            Some(each) => each.iter().filter_map(Value::as_object).for_each(|one| {
                match one.contains_key("const") || one.contains_key("enum") {
                    true => values.list(one),
                    false => values.open = Some(without_words(one)),
                }
            }),
        }
        (!values.listed.is_empty()).then_some(values)
    }

    fn list(&mut self, schema: &Map<String, Value>) {
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        self.listed.extend(listed.chain(schema.get("const")).map(Value::to_string));
    }

    fn compare(&self, now: Option<&Self>, tell: &mut impl FnMut(String)) {
        let Some(now) = now else { return tell("anything may stand here".to_owned()) };
        for gone in self.listed.difference(&now.listed) {
            tell(format!("{gone} is gone"));
        }
        if self.open.is_none() {
            for new in now.listed.difference(&self.listed) {
                tell(format!("{new} is new in a list that does not say that it grows"));
            }
            if now.open.is_some() {
                tell("a closed list was opened".to_owned());
            }
        } else if now.open.is_some() && now.open != self.open {
            tell("what others must be has changed".to_owned());
        }
    }
}

fn without_words(schema: &Map<String, Value>) -> Value {
    let kept = schema.iter().filter(|(word, _)| !SAY_NOTHING.contains(&word.as_str()));
    Value::Object(kept.map(|(word, value)| (word.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:example:1",
            "title": "Example",
            "type": "object",
            "required": ["id", "data"],
            "properties": {
                "id": {"type": "string", "pattern": "^ev1_"},
                "spec": {"const": "1.0"},
                "state": {"type": "string", "enum": ["on", "off"]},
                "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "string", "description": "…"}]},
                "why": {"anyOf": [{"const": "x", "description": "X."}, {"type": "string"}]},
                "time": {"type": "string", "format": "date-time"},
                "count": {"type": "integer", "minimum": 0, "maximum": 9},
                "data": {"$ref": "#/$defs/Data", "description": "What is known."},
            },
            "$defs": {
                "Data": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"$ref": "#/$defs/File"}}},
                },
                "File": {
                    "type": "object",
                    "properties": {"key": {"type": "string", "maxLength": 9, "minLength": 1}},
                },
            },
        })
    }

    /// What is broken with another value at a place; without a value, with nothing there.
    fn with(place: &str, value: Option<Value>) -> Vec<String> {
        let mut now = base();
        match value {
            Some(value) if now.pointer(place).is_some() => *now.pointer_mut(place).unwrap() = value,
            value => {
                let (above, name) = place.rsplit_once('/').unwrap();
                let above = now.pointer_mut(above).unwrap().as_object_mut().unwrap();
                above.remove(name);
                above.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
        assert_ne!(now, base());
        broken(&base(), &now)
    }

    #[test]
    fn what_is_added_breaks_nothing() {
        assert_eq!(broken(&base(), &base()), [""; 0]);
        for (place, value) in [
            ("/title", json!("Another")),
            ("/properties/more", json!({"type": "object", "properties": {"a": {}}})),
            ("/$defs/File/properties/size", json!({"type": "integer"})),
            ("/required", json!(["id", "data", "time"])),
            ("/properties/kind/anyOf/0", json!({"enum": ["a", "b", "c"]})),
            ("/properties/kind/description", json!("Another.")),
            ("/properties/why/anyOf/0", json!({"enum": ["x", "y"]})),
            ("/properties/time/pattern", json!("Z$")),
            ("/properties/count/minimum", json!(1)),
            ("/properties/count/maximum", json!(8)),
        ] {
            assert_eq!(with(place, Some(value)), [""; 0], "{place}");
        }
    }

    #[test]
    fn a_field_that_is_gone_is_a_break_also_in_what_is_referred_to() {
        assert_eq!(with("/properties/spec", None), ["/spec: gone"]);
        assert_eq!(with("/$defs/File/properties/key", None), ["/data/files/*/key: gone"]);
        assert_eq!(with("/$defs/File/properties", None), ["/data/files/*/key: gone"]);
    }

    #[test]
    fn a_field_that_was_always_there_stays_required() {
        assert_eq!(with("/required", Some(json!(["id"]))), [": `data` is no longer required"]);
        let gone = "/data: `files` is no longer required";
        assert_eq!(with("/$defs/Data/required", None), [gone]);
    }

    #[test]
    fn a_type_does_not_change_nor_go() {
        for to in [json!("number"), json!(["integer", "string"])] {
            assert_eq!(with("/properties/count/type", Some(to)), ["/count: type changed"]);
        }
        assert_eq!(with("/properties/id/type", None), ["/id: type changed"]);
    }

    #[test]
    fn a_pattern_or_format_does_not_change_nor_go() {
        let changed = ["/id: pattern changed"];
        assert_eq!(with("/properties/id/pattern", Some(json!("^ev"))), changed);
        assert_eq!(with("/properties/id/pattern", None), changed);
        assert_eq!(with("/properties/time/format", None), ["/time: format changed"]);
    }

    #[test]
    fn bounds_do_not_loosen() {
        let looser = [
            ("/properties/count/minimum", "/count: minimum loosened", json!(-1)),
            ("/properties/count/maximum", "/count: maximum loosened", json!(10)),
            (
                "/$defs/File/properties/key/maxLength",
                "/data/files/*/key: maxLength loosened",
                json!(10),
            ),
            (
                "/$defs/File/properties/key/minLength",
                "/data/files/*/key: minLength loosened",
                json!(0),
            ),
        ];
        for (place, said, value) in looser {
            assert_eq!(with(place, Some(value)), [said]);
            assert_eq!(with(place, None), [said]);
        }
    }

    #[test]
    fn a_list_of_values_grows_only_where_it_says_so() {
        let grown = Some(json!(["on", "off", "idle"]));
        let said = "/state: \"idle\" is new in a list that does not say that it grows";
        assert_eq!(with("/properties/state/enum", grown), [said]);
        let opened = json!({"anyOf": [{"enum": ["on", "off"]}, {"type": "string"}]});
        let broken = with("/properties/state", Some(opened));
        assert_eq!(broken, ["/state: type changed", "/state: a closed list was opened"]);
        let other = with("/properties/kind/anyOf/1", Some(json!({"type": "number"})));
        assert_eq!(other, ["/kind: what others must be has changed"]);
    }

    #[test]
    fn no_listed_value_goes_wherever_it_is_listed() {
        assert_eq!(
            with("/properties/state/enum", Some(json!(["on"]))),
            ["/state: \"off\" is gone"]
        );
        let kinds = Some(json!({"enum": ["a"]}));
        assert_eq!(with("/properties/kind/anyOf/0", kinds), ["/kind: \"b\" is gone"]);
        let why = Some(json!({"const": "z"}));
        assert_eq!(with("/properties/why/anyOf/0", why), ["/why: \"x\" is gone"]);
        assert_eq!(with("/properties/kind", Some(json!({}))), ["/kind: anything may stand here"]);
    }

    #[test]
    fn a_constant_does_not_change_nor_go() {
        let said = [
            "/spec: \"1.0\" is gone",
            "/spec: \"1.1\" is new in a list that does not say that it grows",
        ];
        assert_eq!(with("/properties/spec/const", Some(json!("1.1"))), said);
        assert_eq!(with("/properties/spec/const", None), ["/spec: anything may stand here"]);
    }

    #[test]
    fn items_keep_their_form() {
        let said = ["/data/files/*: anything may be an item"];
        assert_eq!(with("/$defs/Data/properties/files/items", None), said);
    }

    #[test]
    fn another_version_or_dialect_is_another_file() {
        assert_eq!(with("/$id", Some(json!("urn:example:2"))), [": $id changed"]);
        assert_eq!(with("/$schema", None), [": $schema changed"]);
    }

    #[test]
    fn what_closes_an_object_is_a_break_also_in_what_is_new() {
        for word in ["additionalProperties", "unevaluatedProperties"] {
            let mut said = with(&format!("/$defs/File/{word}"), Some(json!(false)));
            assert!(said.pop().unwrap().starts_with("/data/files/*: no rule here for"), "{word}");
            let closed = json!({"type": "object", word: false});
            assert_eq!(with("/properties/more", Some(closed)).len(), 1, "{word}");
        }
    }

    #[test]
    fn a_word_without_a_rule_is_told() {
        let said = with("/properties/id/not", Some(json!({})));
        assert!(said[0].starts_with("/id: no rule here for `not`"), "{said:?}");
        let said = with("/properties/id/anyOf", Some(json!([{"type": "string"}])));
        assert_eq!(said, ["/id: no rule here for `anyOf` without values"]);
    }
}
