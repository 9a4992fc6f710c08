//! The text as it stands: one table, with the environment laid over it.
//!
//! `HOOKGATE__SERVER__LISTEN` stands for `server.listen`, `HOOKGATE__SOURCE__0__RATE` for the first
//! source's `rate`, `HOOKGATE__KAFKA__PROPERTIES__SASL_PASSWORD` for the client property
//! `sasl.password`. A value that reads as a TOML number, truth value, array, inline table or quoted
//! text is that; anything else is text. A syntax error is told by line and column, never by
//! quoting the line: a secret may stand there against all rules.

use toml::de::DeTable;
use toml::{Table, Value};

use super::{Environment, Mistake};
use crate::bounds::{CONFIG_BYTES_MAX, MISTAKES_MAX, VARIABLE_STEPS_MAX};

const PREFIX: &str = "HOOKGATE__";

/// The tables as written, and which variable stands for which key.
pub(super) struct Raw {
    /// The text's tables with the environment laid over them.
    pub(super) table: Table,
    /// Key path and the variable that set it.
    pub(super) origins: Vec<(String, String)>,
}

impl Raw {
    /// Names the variable behind a mistake, where one set the key.
    pub(super) fn attributed(&self, mut mistake: Mistake) -> Mistake {
        let set = self.origins.iter().rev().find(|(path, _)| {
            let rest = mistake.key.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        if let Some((_, variable)) = set {
            mistake.rule.push_str(&format!(" (set by {variable})"));
        }
        mistake
    }
}

/// Reads the text; every syntax error at once, as far as a reader has use for them.
pub(super) fn read(text: &str) -> Result<Table, Vec<Mistake>> {
    if text.len() > CONFIG_BYTES_MAX {
        let rule = format!("must have at most {CONFIG_BYTES_MAX} bytes; is it the right file?");
        return Err(vec![Mistake { key: "the text".to_owned(), value: None, rule }]);
    }
    let (_, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return text.parse().map_err(|error: toml::de::Error| vec![syntax(text, &error)]);
    }
    let told = errors.iter().take(MISTAKES_MAX).map(|error| syntax(text, error));
    let mut mistakes: Vec<_> = told.collect();
    if errors.len() > MISTAKES_MAX {
        let rule = format!("has {} more mistakes of syntax", errors.len() - MISTAKES_MAX);
        mistakes.push(Mistake { key: "the text".to_owned(), value: None, rule });
    }
    Err(mistakes)
}

/// Lays the environment over the tables. Variables that fit nowhere are mistakes.
pub(super) fn overlay(mut table: Table, env: &Environment) -> (Raw, Vec<Mistake>) {
    let mut laid = env
        .texts()
        .iter()
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .map(|(name, path, value)| (steps(&path.to_ascii_lowercase()), name, value))
        .collect::<Vec<_>>();
    // The tenth source after the second, so that a list may grow one by one.
    laid.sort_by_cached_key(|(steps, ..)| {
        let order = |step: &String| (step.parse::<u32>().unwrap_or(u32::MAX), step.clone());
        steps.iter().map(order).collect::<Vec<_>>()
    });
    let mut origins = Vec::new();
    let unreadable = env.unreadable().iter().filter(|name| name.starts_with(PREFIX));
    let mut mistakes: Vec<Mistake> = unreadable
        .map(|name| Mistake {
            key: name.clone(),
            value: None,
            rule: "is not UTF-8 text (not shown); write it as text".to_owned(),
        })
        .collect();
    for (steps, name, value) in laid {
        let path = shown_path(&steps);
        match place(&mut table, &steps, value_of(value)) {
            Some(()) => origins.push((path, name.clone())),
            None => mistakes.push(Mistake {
                key: name.clone(),
                value: None,
                rule: format!(
                    "stands for {path}, which is no place in this configuration: a list is \
                     counted from 0 without gaps, and only tables have keys"
                ),
            }),
        }
    }
    (Raw { table, origins }, mistakes)
}

/// `kafka.properties."sasl.password"`: a key below a path, quoted where it has to be.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key =
        if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The keys a variable names. Names of variables have no dots and those of client properties hardly
/// anything else, so below `kafka.properties` a single `_` is a dot.
fn steps(path: &str) -> Vec<String> {
    let mut steps: Vec<String> = path.split("__").map(str::to_owned).collect();
    if let [section, table, property, ..] = steps.as_mut_slice()
        && (section.as_str(), table.as_str()) == ("kafka", "properties")
        && property != "log_level"
    {
        *property = property.replace('_', ".");
    }
    steps
}

fn shown_path(steps: &[String]) -> String {
    steps.iter().fold(String::new(), |path, step| match step.parse::<u32>() {
        Ok(index) => format!("{path}[{index}]"),
        Err(_) => join(&path, step),
    })
}

fn value_of(text: &str) -> Value {
    let parsed = format!("value = {text}\n").parse::<Table>().ok();
    // One key only: a line break in the variable must not bring further keys with it.
    match parsed.filter(|table| table.len() == 1) {
        Some(mut table) => match table.remove("value") {
            Some(Value::Datetime(_)) | None => Value::String(text.to_owned()),
            Some(value) => value,
        },
        None => Value::String(text.to_owned()),
    }
}

fn place(table: &mut Table, steps: &[String], value: Value) -> Option<()> {
    let (key, rest) = steps.split_first()?;
    if key.is_empty() || rest.len() >= VARIABLE_STEPS_MAX {
        return None;
    }
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return Some(());
    }
    let node = table.entry(key.clone()).or_insert_with(|| empty_before(rest));
    place_below(node, rest, value)
}

fn place_below(node: &mut Value, steps: &[String], value: Value) -> Option<()> {
    if let Value::Table(table) = node {
        return place(table, steps, value);
    }
    let list = node.as_array_mut()?;
    let (index, rest) = steps.split_first()?;
    let index: usize = index.parse().ok()?;
    if index == list.len() {
        list.push(empty_before(rest));
    }
    let item = list.get_mut(index)?;
    if rest.is_empty() {
        *item = value;
        return Some(());
    }
    place_below(item, rest, value)
}

fn empty_before(rest: &[String]) -> Value {
    match rest.first() {
        Some(step) if step.parse::<usize>().is_ok() => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> Mistake {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Mistake {
        key: format!("line {line}, column {column}"),
        value: None,
        rule: format!("is not TOML: {}", error.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(text: &str, env: &[(&str, &str)]) -> (Raw, Vec<Mistake>) {
        let env = env.iter().map(|(k, v)| (k.into(), v.into()));
        overlay(read(text).unwrap(), &Environment::new(env))
    }

    #[test]
    fn a_variable_stands_for_a_key_and_is_typed_by_its_form() {
        let (raw, mistakes) = laid(
            "[server]\nlisten = \"x\"\n",
            &[
                ("HOOKGATE__SERVER__LISTEN", "0.0.0.0:1"),
                ("HOOKGATE__KAFKA__CREATE_TOPICS", "true"),
                ("HOOKGATE__KAFKA__PARTITIONS", "12"),
                ("HOOKGATE__SERVER__INSTANCE", "\"7\""),
                ("HOOKGATE__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
                ("HOOKGATE__KEYS__IDENTITY", "{ env = \"X\" }"),
                ("HOOKGATE_UNRELATED", "1"),
            ],
        );
        assert!(mistakes.is_empty());
        let expected = "[server]\nlisten = \"0.0.0.0:1\"\ninstance = \"7\"\n\
             trusted_proxies = [\"10.0.0.0/8\"]\n\
             [kafka]\ncreate_topics = true\npartitions = 12\n[keys]\nidentity = { env = \"X\" }\n";
        assert_eq!(raw.table, read(expected).unwrap());
        assert!(
            raw.origins
                .contains(&("server.listen".to_owned(), "HOOKGATE__SERVER__LISTEN".to_owned()))
        );
    }

    #[test]
    fn a_client_property_is_written_without_its_dots() {
        let (raw, _) = laid(
            "[kafka.properties]\n\"sasl.password\" = { env = \"X\" }\n",
            &[
                ("HOOKGATE__KAFKA__PROPERTIES__SASL_PASSWORD__FILE", "pw"),
                ("HOOKGATE__KAFKA__PROPERTIES__LOG_LEVEL", "7"),
                ("HOOKGATE__KAFKA__PROPERTIES__SOCKET_TIMEOUT_MS", "500"),
            ],
        );
        let expected = "[kafka.properties]\n\"sasl.password\" = { env = \"X\", file = \"pw\" }\n\
             log_level = 7\n\"socket.timeout.ms\" = 500\n";
        assert_eq!(raw.table, read(expected).unwrap());
    }

    #[test]
    fn lists_of_tables_are_counted_from_zero() {
        let (raw, mistakes) = laid(
            "[[source]]\nname = \"a\"\n",
            &[
                ("HOOKGATE__SOURCE__0__RATE__PER_SECOND", "5"),
                ("HOOKGATE__SOURCE__1__NAME", "b"),
                ("HOOKGATE__SOURCE__7__NAME", "x"),
                ("HOOKGATE__SOURCE__0__NAME__DEEP", "x"),
            ],
        );
        let expected = "[[source]]\nname = \"a\"\nrate = { per_second = 5 }\n\
             [[source]]\nname = \"b\"\n";
        assert_eq!(raw.table, read(expected).unwrap());
        let lost: Vec<_> = mistakes.iter().map(|m| m.key.as_str()).collect();
        assert_eq!(lost, ["HOOKGATE__SOURCE__0__NAME__DEEP", "HOOKGATE__SOURCE__7__NAME"]);
    }

    #[test]
    fn a_line_break_in_a_variable_brings_no_further_keys() {
        let (raw, _) = laid("", &[("HOOKGATE__SERVER__INSTANCE", "\"a\"\nvalue2 = 1")]);
        assert_eq!(raw.table["server"]["instance"].as_str(), Some("\"a\"\nvalue2 = 1"));
    }

    #[test]
    fn every_syntax_error_is_placed_and_none_quotes_its_line() {
        let text = "[server]\nlisten = canary-secret\n[kafka]\nbrokers = \"canary-secret\nx = 1\n";
        let mistakes = read(text).unwrap_err();
        assert!(mistakes.len() >= 2, "{mistakes:?}");
        assert!(mistakes[0].key.starts_with("line 2, column "), "{mistakes:?}");
        assert!(!format!("{mistakes:?}").contains("canary"), "{mistakes:?}");
    }

    #[test]
    fn many_mistakes_of_syntax_are_told_in_part_and_counted() {
        for wrong in ["[a\n", "\"\n", "a.\n"] {
            let mistakes = read(&wrong.repeat(20_000)).unwrap_err();
            assert_eq!(mistakes.len(), MISTAKES_MAX + 1);
            let last = mistakes.last().unwrap().to_string();
            assert!(last.starts_with("the text: has "), "{last}");
        }
        let long = read(&" ".repeat(CONFIG_BYTES_MAX + 1)).unwrap_err();
        assert!(long[0].to_string().contains("at most 1048576 bytes"), "{long:?}");
    }

    #[test]
    fn a_variable_cannot_name_a_place_without_bottom() {
        let deep = format!("HOOKGATE__{}", ["A"; 20_000].join("__"));
        let (raw, mistakes) = laid("", &[(&deep, "1")]);
        assert_eq!((mistakes.len(), mistakes[0].key == deep), (1, true));
        assert!(raw.table.is_empty());
    }
}
