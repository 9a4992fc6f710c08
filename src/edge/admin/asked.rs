//! What a call brings, read within its bounds: pairs of a query, or JSON of a body.
//!
//! A parser would quote what it choked on. So errors are rebuilt from what is ours: the names of
//! known fields, where they stand, and the rule; a key that is not known is not repeated either.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use schemars::{JsonSchema, schema_for};
use serde::Deserializer;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::time::timeout;

use crate::bounds::{ADMIN_BODY_BYTES_MAX, ADMIN_BODY_READ};
use crate::desk::ReasonError;

use super::problem::{Kind, Problem};

/// The names of the fields that a call may have.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// At the top.
    top: BTreeSet<String>,
    /// At any depth.
    all: BTreeSet<String>,
}

/// The pairs of a query, decoded.
pub(super) type Pairs = Vec<(String, String)>;

impl Fields {
    /// Those of a type.
    pub(super) fn of<A: JsonSchema>() -> Self {
        let schema = Value::from(schema_for!(A));
        let mut all = BTreeSet::new();
        gather(&schema, &mut all);
        let top = schema.get("properties").and_then(Value::as_object);
        let top = top.into_iter().flat_map(|fields| fields.keys().cloned());
        Self { top: top.collect(), all }
    }

    fn listed(&self) -> String {
        if self.top.is_empty() {
            return "nothing is taken here".to_owned();
        }
        let names: Vec<_> = self.top.iter().map(String::as_str).collect();
        format!("known here: {}", names.join(", "))
    }
}

fn gather(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object);
            names.extend(properties.into_iter().flat_map(|fields| fields.keys().cloned()));
            fields.values().for_each(|below| gather(below, names));
        }
        Value::Array(items) => items.iter().for_each(|below| gather(below, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes a query apart.
pub(super) fn pairs(query: &str) -> Pairs {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Reads a query. Every key is known, stands once and has a value.
pub(super) fn from_query<A: DeserializeOwned>(
    pairs: &Pairs,
    fields: &Fields,
) -> Result<A, Problem> {
    let mut seen = BTreeSet::new();
    for (key, value) in pairs {
        let Some(key) = fields.top.get(key) else {
            let detail = format!("the query has a key that is unknown; {}", fields.listed());
            return Err(Problem::new(Kind::Invalid, detail).of("query"));
        };
        if !seen.insert(key) {
            let detail = format!("{key} stands more than once in the query; write it once");
            return Err(Problem::new(Kind::Invalid, detail).of(key.clone()));
        }
        if value.is_empty() {
            let detail = format!("{key} is empty in the query; leave it out, or give it a value");
            return Err(Problem::new(Kind::Invalid, detail).of(key.clone()));
        }
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let query = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    read(query, fields, "query")
}

/// Reads a body of JSON.
pub(super) fn from_body<A: DeserializeOwned>(body: &[u8], fields: &Fields) -> Result<A, Problem> {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body is not JSON: see its line {line}, column {column}");
        return Err(Problem::new(Kind::Malformed, detail));
    }
    // serde would take a list for an object, its items for the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let detail = "the body is not as the OpenAPI document says: it is one object";
        return Err(Problem::new(Kind::Invalid, detail).of("body"));
    }
    read(&mut serde_json::Deserializer::from_slice(body), fields, "body")
}

/// Deserializes, and says what is wrong in words of ours.
fn read<'de, A: DeserializeOwned, D: Deserializer<'de>>(
    from: D,
    fields: &Fields,
    place: &'static str,
) -> Result<A, Problem> {
    serde_path_to_error::deserialize(from).map_err(|error| {
        let said = error.inner().to_string();
        let named = |prefix: &str| {
            let rest = said.strip_prefix(prefix)?;
            fields.all.get(rest.split('`').next()?).cloned()
        };
        if let Some(field) = named("missing field `") {
            let detail = format!("{field} is missing; the {place} must have it");
            return Problem::new(Kind::Invalid, detail).of(field);
        }
        if said.starts_with("unknown field") {
            let detail = format!("the {place} has a field that is unknown; {}", fields.listed());
            return Problem::new(Kind::Invalid, detail).of(place);
        }
        let path: Vec<_> = error.path().to_string().split('.').map(str::to_owned).collect();
        let ours = path.iter().all(|step| fields.all.contains(step));
        if !ours {
            let detail = format!("the {place} is not as the OpenAPI document says");
            return Problem::new(Kind::Invalid, detail).of(place);
        }
        let field = path.join(".");
        let rule = ReasonError::ALL.iter().map(ToString::to_string);
        let rule = rule.into_iter().find(|rule| said.starts_with(rule.as_str()));
        let rule = rule.unwrap_or_else(|| "is not as the OpenAPI document says".to_owned());
        Problem::new(Kind::Invalid, format!("{field} {rule}")).of(field)
    })
}

/// Whether a body is JSON by its head.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let kind = kind.as_bytes().split(|c| *c == b';').next().unwrap_or_default();
    let plain = !headers.contains_key(CONTENT_ENCODING);
    plain && kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The whole body, within its bytes and its time. After a problem the connection cannot go on.
pub(super) async fn body(body: Incoming) -> Result<Bytes, Problem> {
    let whole = timeout(ADMIN_BODY_READ, Limited::new(body, ADMIN_BODY_BYTES_MAX).collect());
    match whole.await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_cut_off)) => Err(Problem::new(Kind::Malformed, "the body is cut off")),
        Err(_elapsed) => {
            let detail = format!("the body must come within {} s", ADMIN_BODY_READ.as_secs());
            Err(Problem::new(Kind::SlowBody, detail))
        }
    }
}

/// A body over its bytes.
pub(super) fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, format!("a body has at most {ADMIN_BODY_BYTES_MAX} bytes here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Filter, ForgetAsk, ReplayAsk};

    fn query<A: DeserializeOwned + JsonSchema>(query: &str) -> Result<A, (String, Option<String>)> {
        from_query(&pairs(query), &Fields::of::<A>()).map_err(told)
    }

    fn json<A: DeserializeOwned + JsonSchema>(body: &str) -> Result<A, (String, Option<String>)> {
        from_body(body.as_bytes(), &Fields::of::<A>()).map_err(told)
    }

    fn told(problem: Problem) -> (String, Option<String>) {
        let details = problem.details();
        assert!(!details.detail.contains("canary"), "{details:?}");
        assert!(details.field.as_ref().is_none_or(|field| !field.contains("canary")));
        assert_eq!(details.status, 400);
        (details.detail, details.field)
    }

    #[test]
    fn a_query_is_decoded_and_its_numbers_and_words_are_read() {
        let read: Filter =
            query("room=consult-0a%201b&limit=7&state=held&since=2h&kind=recording.*").unwrap();
        assert_eq!(read.room.as_deref(), Some("consult-0a 1b"));
        assert_eq!((read.limit, read.since.as_deref()), (Some(7), Some("2h")));
        assert_eq!(read.state, Some(crate::desk::EventState::Held));
        assert_eq!(query::<Filter>(""), Ok(Filter::default()));
    }

    #[test]
    fn a_query_that_is_not_understood_is_refused_by_field_and_never_by_value() {
        let cases = [
            ("canary=1", "query"),
            ("limit=1&limit=2", "limit"),
            ("limit=canary", "limit"),
            ("state=canary", "state"),
            ("room=", "room"),
            ("limit=-1", "limit"),
        ];
        for (written, field) in cases {
            let (detail, about) = query::<Filter>(written).unwrap_err();
            assert_eq!(about.as_deref(), Some(field), "{written}: {detail}");
        }
    }

    #[test]
    fn a_body_that_is_not_understood_is_refused_by_field_and_never_by_value() {
        let cases = [
            (r#"{"reason":"why"}"#, Some("tenant"), "tenant is missing"),
            (r#"{"tenant":1,"reason":"why"}"#, Some("tenant"), "as the OpenAPI document says"),
            (r#"{"tenant":"t","reason":"canary@x.org"}"#, Some("reason"), "e-mail address"),
            (r#"{"tenant":"t","reason":" "}"#, Some("reason"), "say why"),
            (r#"{"tenant":"t","reason":"w","canary":1}"#, Some("body"), "known here: participant"),
            (r#"{"tenant":"t","reason":"w"} canary"#, None, "not JSON: see its line 1, column 29"),
            ("canary", None, "not JSON"),
            ("", None, "not JSON"),
            ("[]", Some("body"), "as the OpenAPI document says"),
            (r#" ["t","p",null,"why"]"#, Some("body"), "it is one object"),
        ];
        for (body, field, says) in cases {
            let (detail, about) = json::<ForgetAsk>(body).unwrap_err();
            assert_eq!(about.as_deref(), field, "{body}: {detail}");
            assert!(detail.contains(says), "{body}: {detail}");
        }
        let nested = json::<ReplayAsk>(r#"{"filter":{"state":"canary"}}"#).unwrap_err();
        assert_eq!(nested.1.as_deref(), Some("filter.state"));
        let nested = json::<ReplayAsk>(r#"{"filter":{"canary":"canary"}}"#).unwrap_err();
        assert_eq!(nested.1.as_deref(), Some("body"));
    }

    #[test]
    fn a_body_is_json_by_exactly_one_plain_content_type() {
        let headers = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            let lines = lines.iter().map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            });
            lines.collect()
        };
        let kind = "content-type";
        assert!(is_json(&headers(&[(kind, "application/json")])));
        assert!(is_json(&headers(&[(kind, "Application/JSON; charset=utf-8")])));
        assert!(!is_json(&headers(&[])));
        assert!(!is_json(&headers(&[(kind, "text/plain")])));
        let encoded = [(kind, "application/json"), ("content-encoding", "gzip")];
        assert!(!is_json(&headers(&encoded)));
    }
}
