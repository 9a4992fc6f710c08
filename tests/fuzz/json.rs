//! JSON as senders could write it: keys in any order and more than once, numbers and texts as they
//! stand in the bytes. Reads what is well-formed, and changes it by its structure.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::bytes::NUMBERS;

/// A value; scalars as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`, a flag, a number or a text with its quotes.
    Scalar(String),
    List(Vec<Json>),
    /// Keys with their quotes.
    Map(Vec<(String, Json)>),
}

/// Texts that no form expects, as they are written.
const TEXTS: [&str; 22] = [
    r#""""#,
    r#"" ""#,
    r#""null""#,
    r#""Zoë 🎥 \u202egnp.exe""#,
    r#""\u0000""#,
    r#""\ud83d""#,
    r#""\udc00\ud83d""#,
    r#""\ud83d\ude00""#,
    r#""a\"b\\c\/d\b\f\n\r\t""#,
    "\"\u{feff}\u{85}\u{2028}\"",
    r#""+1 555 0100""#,
    r#""zoe@example.invalid""#,
    r#""https://u:p@host.invalid/a?b=c#d""#,
    r#""6497c79b-f326-4942-aef8-c36a29140ad1""#,
    r#""RM_wjY5hazbpMRz""#,
    r#""EV_eugWmGhovZmm""#,
    r#""us-west-2""#,
    r#""NaN""#,
    r#""Infinity""#,
    r#""consult-0a1b2c3d""#,
    r#""recordings/6497c79b-f326-4942-aef8-c36a29140ad1/a.mp4""#,
    r#""Doctor""#,
];

/// Keys that mean something somewhere, or nothing anywhere.
const KEYS: [&str; 16] = [
    r#""""#,
    r#""id""#,
    r#""type""#,
    r#""event""#,
    r#""room""#,
    r#""payload""#,
    r#""participant""#,
    r#""attributes""#,
    r#""x_unknown""#,
    r#""Zoë/~0~1""#,
    r#""\u0069d""#,
    r#""\ud800""#,
    r#""user_name""#,
    r#""egressInfo""#,
    r#""egress_info""#,
    r#""createdAt""#,
];

/// A changed body; `None` where it is not JSON.
pub(crate) fn reshape(body: &[u8], rng: &mut StdRng) -> Option<Vec<u8>> {
    let mut json = Json::read(body)?;
    json.change(rng);
    Some(json.to_string().into_bytes())
}

impl Json {
    /// Reads well-formed JSON. Of a doubled key the last value is kept.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(Self::of)
    }

    fn of(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::of).collect()),
            Value::Object(fields) => {
                let field = |(key, value): (String, Value)| (quoted(&key), Self::of(value));
                Self::Map(fields.into_iter().map(field).collect())
            }
            scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Self::Scalar(scalar.to_string())
            }
        }
    }

    /// One change somewhere.
    pub(crate) fn change(&mut self, rng: &mut StdRng) {
        let donor = self.pick(rng).clone();
        let place = self.pick_mut(rng);
        match (rng.random_range(0..12), &mut *place) {
            (0, Self::Map(fields)) if !fields.is_empty() => {
                let (key, _) = fields[rng.random_range(0..fields.len())].clone();
                let at = rng.random_range(0..=fields.len());
                fields.insert(at, (key, donor));
            }
            (1, Self::Map(fields)) if !fields.is_empty() => {
                let at = rng.random_range(0..fields.len());
                fields[at].0 = KEYS[rng.random_range(0..KEYS.len())].to_owned();
            }
            (2, Self::Map(fields)) => {
                fields.push((KEYS[rng.random_range(0..KEYS.len())].to_owned(), donor));
            }
            (3, Self::Map(fields)) if !fields.is_empty() => {
                fields.remove(rng.random_range(0..fields.len()));
            }
            (3, Self::List(items)) if !items.is_empty() => {
                items.remove(rng.random_range(0..items.len()));
            }
            (4, Self::Map(_)) => place.shuffle(rng),
            (5, Self::List(items)) => {
                let often = [1, 2, 63, 64, 65, 300][rng.random_range(0..6)];
                items.extend(vec![donor; often]);
            }
            (6, _) => {
                for _ in 0..1 << rng.random_range(0..7) {
                    let inner = std::mem::replace(place, Self::Scalar("null".to_owned()));
                    *place = match rng.random() {
                        true => Self::List(vec![inner]),
                        false => Self::Map(vec![(r#""a""#.to_owned(), inner)]),
                    };
                }
            }
            (7, _) => *place = donor,
            (8, _) => {
                let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
                let quote = if rng.random() { "\"" } else { "" };
                *place = Self::Scalar(format!("{quote}{number}{quote}"));
            }
            (9, _) => {
                let long = "Zoë ".repeat(1 << rng.random_range(0..10));
                *place = Self::Scalar(format!("\"{long}\""));
            }
            (10, _) => {
                let plain = ["null", "true", "false", "{}", "[]", "1.5"];
                *place = Self::Scalar(plain[rng.random_range(0..plain.len())].to_owned());
            }
            _ => *place = Self::Scalar(TEXTS[rng.random_range(0..TEXTS.len())].to_owned()),
        }
    }

    /// The same in another order: of what stands under one key the last stays the last.
    pub(crate) fn shuffle(&mut self, rng: &mut StdRng) {
        match self {
            Self::Scalar(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.shuffle(rng)),
            Self::Map(fields) => {
                fields.iter_mut().for_each(|(_, value)| value.shuffle(rng));
                let mut rest = std::mem::take(fields);
                while !rest.is_empty() {
                    let at = rng.random_range(0..rest.len());
                    let same = |(key, _): &(String, Self)| meant(key) == meant(&rest[at].0);
                    let first = rest.iter().position(same).unwrap();
                    fields.push(rest.remove(first));
                }
            }
        }
    }

    /// Calls with every object.
    pub(crate) fn each_map(&mut self, each: &mut impl FnMut(&mut Vec<(String, Self)>)) {
        match self {
            Self::Scalar(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.each_map(each)),
            Self::Map(fields) => {
                fields.iter_mut().for_each(|(_, value)| value.each_map(each));
                each(fields);
            }
        }
    }

    fn pick(&self, rng: &mut StdRng) -> &Self {
        let below: Vec<&Self> = match self {
            Self::Scalar(_) => Vec::new(),
            Self::List(items) => items.iter().collect(),
            Self::Map(fields) => fields.iter().map(|(_, value)| value).collect(),
        };
        match below.is_empty() || rng.random_bool(0.2) {
            true => self,
            false => below[rng.random_range(0..below.len())].pick(rng),
        }
    }

    fn pick_mut(&mut self, rng: &mut StdRng) -> &mut Self {
        let below = match self {
            Self::Scalar(_) => 0,
            Self::List(items) => items.len(),
            Self::Map(fields) => fields.len(),
        };
        if below == 0 || rng.random_bool(0.2) {
            return self;
        }
        let at = rng.random_range(0..below);
        match self {
            Self::Scalar(_) => self,
            Self::List(items) => items[at].pick_mut(rng),
            Self::Map(fields) => fields[at].1.pick_mut(rng),
        }
    }
}

impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let comma = |at: usize| if at == 0 { "" } else { "," };
        match self {
            Self::Scalar(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", comma(at))?;
                }
                f.write_str("]")
            }
            Self::Map(fields) => {
                f.write_str("{")?;
                for (at, (key, value)) in fields.iter().enumerate() {
                    write!(f, "{}{key}:{value}", comma(at))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The key that is meant, however it is written.
fn meant(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_else(|_| key.to_owned())
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
