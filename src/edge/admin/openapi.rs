//! The OpenAPI 3.1 document, made from the table of routes and the types in it.
//!
//! Nothing is written twice: paths, roles and what is taken and given come from the rows that the
//! router works with, schemas from the types that are read and written.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::problem::{Kind, ProblemDetails};
use super::routes::{Gives, Route, Shape, Takes};
use crate::desk::Role;

/// The whole document.
pub(super) fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = settings.with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = Value::from(generator.subschema_for::<ProblemDetails>());
    let mut paths = Map::new();
    for route in routes {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hookgate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What operators may ask and do. Lists are paged by cursor; every \
                change has a reason and leaves a record in the audit log; every error is a \
                problem detail that names the field and never the value.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }, { "certificate": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
            "responses": problems(&problem),
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut parameters = place(route);
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.says,
        "x-role": route.role,
    });
    if matches!(route.takes, Takes::Query | Takes::Either) {
        parameters.extend(query(route, generator));
    }
    if route.resumes {
        let describe = "The sequence behind which to go on; the header, which a client sends by \
             itself when it comes again, counts before the query";
        for (place, name) in [("query", "after"), ("header", "Last-Event-ID")] {
            parameters.push(json!({
                "name": name, "in": place, "description": describe,
                "schema": { "type": "integer", "minimum": 0 },
            }));
        }
    }
    let Value::Object(fields) = &mut operation else {
        return operation;
    };
    if matches!(route.takes, Takes::Body | Takes::Either) {
        let schema = (route.ask)(generator);
        let required = route.takes == Takes::Body;
        let content = json!({ "application/json": { "schema": schema } });
        fields
            .insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
    }
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), Value::Array(parameters));
    }
    fields.insert("responses".to_owned(), responses(route, generator));
    operation
}

/// The parameter in the path, if there is one.
fn place(route: &Route) -> Vec<Value> {
    let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let schema = match name {
            "sequence" => json!({ "type": "integer", "minimum": 1 }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    parts.map(parameter).collect()
}

/// Each field of what is asked as a parameter of the query. A body that may stand for it makes all
/// of them optional.
fn query(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = whole(route.ask, generator);
    let required: Vec<_> = match schema.get("required").and_then(Value::as_array) {
        Some(names) if route.takes == Takes::Query => names.clone(),
        Some(_) | None => Vec::new(),
    };
    let fields = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, field): (&String, &Value)| {
        let mut field = field.clone();
        let description = field.as_object_mut().and_then(|field| field.remove("description"));
        json!({
            "name": name, "in": "query", "schema": field,
            "description": description.unwrap_or_default(),
            "required": required.iter().any(|required| required == name),
        })
    };
    fields.into_iter().flatten().map(parameter).collect()
}

/// The schema of a type itself, where a reference to it would stand.
fn whole(shape: Shape, generator: &mut SchemaGenerator) -> Value {
    let schema = Value::from(shape(generator));
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name).cloned()).unwrap_or(schema)
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let (kind, schema) = match route.gives {
        Gives::Json(shape) => ("application/json", shape(generator).into()),
        Gives::Stream(kind, shape) => (kind, one_of_many(Value::from(shape(generator)))),
    };
    let content = json!({ kind: { "schema": schema } });
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({ "description": route.says, "content": content }));
    for kind in Kind::ALL.iter().filter(|kind| may_meet(route, **kind)) {
        let (status, ..) = kind.parts();
        let reference = json!({ "$ref": format!("#/components/responses/{}", status.as_u16()) });
        responses.insert(status.as_u16().to_string(), reference);
    }
    Value::Object(responses)
}

/// OpenAPI 3.1 has no word for a stream of things: the body is text, and each thing in it is this.
fn one_of_many(schema: Value) -> Value {
    let description = "A stream: each thing in it has the schema x-item";
    json!({ "type": "string", "description": description, "x-item": schema })
}

/// Whether a known path with its own method can meet this problem.
fn may_meet(route: &Route, kind: Kind) -> bool {
    let body = route.takes != Takes::Query;
    match kind {
        Kind::Forbidden => route.role == Role::Operator || route.changes,
        Kind::NotFound => true,
        Kind::Mistakes => route.path.ends_with("/reload"),
        Kind::SlowBody | Kind::TooLarge | Kind::UnsupportedMediaType => body,
        Kind::NoSuchPath | Kind::MethodNotAllowed => false,
        Kind::Invalid
        | Kind::Malformed
        | Kind::Unauthorized
        | Kind::Conflict
        | Kind::RateLimited
        | Kind::Defect
        | Kind::Unavailable
        | Kind::TooSlow => true,
    }
}

/// One response for each status that a problem has.
fn problems(schema: &Value) -> Value {
    let mut responses = Map::new();
    for kind in Kind::ALL {
        let (status, name, title) = kind.parts();
        let response = responses.entry(status.as_u16().to_string()).or_insert_with(|| {
            let content = json!({ "application/problem+json": { "schema": schema } });
            json!({ "description": "", "content": content })
        });
        if let Some(Value::String(text)) = response.get_mut("description") {
            let between = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!("{between}{title} (urn:hookgate:problem:{name})"));
        }
    }
    Value::Object(responses)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::routes::routes;
    use super::*;
    use crate::contract::tests::references;

    #[test]
    fn every_route_is_in_the_document_and_every_name_is_used_once() {
        let (routes, mut names) = (routes(), BTreeSet::new());
        let document = document(&routes);
        for route in &routes {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][route.path][&method];
            assert_eq!(operation["operationId"], route.name);
            assert!(names.insert(route.name), "{}", route.name);
            assert_eq!(operation["requestBody"].is_object(), route.takes != Takes::Query);
            let places = route.path.matches('{').count();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            assert_eq!(in_path.count(), places, "{}", route.path);
            for status in ["200", "401", "429", "500"] {
                assert!(operation["responses"][status].is_object(), "{} {status}", route.path);
            }
        }
        let operations = document["paths"].as_object().unwrap().values();
        let operations: usize = operations.map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, routes.len());
    }

    #[test]
    fn the_document_holds_what_it_refers_to_and_its_schemas_are_schemas() {
        let document = document(&routes());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
            let fields = schema["properties"].as_object().into_iter().flatten();
            for (field, said) in fields {
                let refers = said.get("$ref").is_some();
                assert!(refers || said["description"].is_string(), "{name}.{field}");
            }
        }
        assert!(schemas.contains_key("Filter") && schemas.contains_key("ProblemDetails"));
        // Links that only this crate's own pages can follow.
        assert!(!document.to_string().contains("[`"));
        let limit = &schemas["Filter"]["properties"]["limit"];
        assert_eq!(limit["maximum"], crate::bounds::EVENTS_PAGE_MAX, "{limit}");
    }

    #[test]
    fn a_filter_is_a_row_of_parameters_and_a_reason_is_needed_only_where_nothing_stands_for_it() {
        let document = document(&routes());
        let names = |path: &str, method: &str| -> Vec<(String, bool)> {
            let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
            let parameters = parameters.iter().map(|parameter| {
                let name = parameter["name"].as_str().unwrap().to_owned();
                (name, parameter["required"] == true)
            });
            parameters.collect()
        };
        let listed = names("/admin/v1/events", "get");
        for field in ["since", "until", "source", "tenant", "kind", "room", "event_id", "state"] {
            assert!(listed.contains(&(field.to_owned(), false)), "{field}");
        }
        let tail = names("/admin/v1/events/tail", "get");
        assert!(tail.contains(&("Last-Event-ID".to_owned(), false)), "{tail:?}");
        let cancel = names("/admin/v1/replays/{id}", "delete");
        assert_eq!(cancel, [("id".to_owned(), true), ("reason".to_owned(), false)]);
    }
}
