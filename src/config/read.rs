//! One table, read key by key, with every mistake collected on the way.
//!
//! serde would stop at the first mistake and quote what it choked on. Here each key is asked for
//! by name; what was never asked for is unknown; a value is shown only where a secret cannot stand.

use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::{Table, Value};

use super::raw::join;
use super::{Mistake, Warning, unit};
use crate::share::Share;

/// Longest part of a value that a message shows, in characters.
const SHOWN_CHARS: usize = 80;

/// What was found on the way.
#[derive(Default)]
pub(super) struct Report {
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Warning>>,
    known: RefCell<BTreeSet<String>>,
}

impl Report {
    /// Adds a mistake whose value is not shown.
    pub(super) fn mistake(&self, key: &str, rule: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            key: key.to_owned(),
            value: None,
            rule: rule.into(),
        });
    }

    /// Adds a mistake with its value; never one that may hold a secret.
    pub(super) fn wrong(&self, key: &str, value: &str, rule: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            key: key.to_owned(),
            value: Some(quoted(value)),
            rule: rule.into(),
        });
    }

    /// Adds a warning.
    pub(super) fn warning(&self, key: &str, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning { key: key.to_owned(), text: text.into() });
    }

    /// How many mistakes there are so far.
    pub(super) fn count(&self) -> usize {
        self.mistakes.borrow().len()
    }

    /// Whether something is wrong with this very key already.
    pub(super) fn has_mistake_at(&self, key: &str) -> bool {
        self.mistakes.borrow().iter().any(|m| m.key == key)
    }

    /// Every key that was asked for, without list places.
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with default.toml in tests"))]
    pub(super) fn known(&self) -> Ref<'_, BTreeSet<String>> {
        self.known.borrow()
    }

    /// All of it.
    pub(super) fn into_parts(self) -> (Vec<Mistake>, Vec<Warning>) {
        (self.mistakes.into_inner(), self.warnings.into_inner())
    }
}

/// A table being read.
pub(super) struct Section<'a> {
    path: String,
    table: Option<&'a Table>,
    report: &'a Report,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole text.
    pub(super) fn root(table: &'a Table, report: &'a Report) -> Self {
        Self::new(String::new(), Some(table), report)
    }

    /// A table at a path; `None` where it is not written.
    pub(super) fn new(path: String, table: Option<&'a Table>, report: &'a Report) -> Self {
        Self { path, table, report, asked: Vec::new() }
    }

    /// The path of this table.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a key in this table.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The path of a key that is a path itself already, such as `secrets[0]`.
    pub(super) fn below(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// Every key and its value: for a table whose keys are not ours to know.
    pub(super) fn entries(&self) -> Vec<(&'a String, &'a Value)> {
        self.table.into_iter().flatten().collect()
    }

    /// Whether the table stands in the text at all.
    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// Where mistakes go.
    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    /// The value of a key as it stands.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        let known = self.key(key).replace(|c: char| c.is_ascii_digit(), "");
        self.report.known.borrow_mut().insert(known);
        self.table?.get(key)
    }

    /// A mistake if the key is absent.
    pub(super) fn required(&mut self, key: &'static str, remedy: &str) {
        if self.value(key).is_none() {
            let text = format!("is missing; write {remedy}");
            self.report.mistake(&self.key(key), text);
        }
    }

    /// A table below this one; an absent one reads as empty.
    pub(super) fn table(&mut self, key: &'static str) -> Section<'a> {
        let path = self.key(key);
        let table = self.value(key).and_then(|value| {
            let table = value.as_table();
            if table.is_none() {
                // Not shown: what stands in the place of a table may be anything.
                let text = format!("must be a table, not {}", article(value));
                self.report.mistake(&path, text);
            }
            table
        });
        Section::new(path, table, self.report)
    }

    /// The tables of a list, such as `[[source]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let mut sections = Vec::new();
        for (path, value) in self.items(key) {
            match value.as_table() {
                Some(table) => sections.push(Section::new(path, Some(table), self.report)),
                None => {
                    self.report.mistake(&path, format!("must be a table, not {}", article(value)))
                }
            }
        }
        sections
    }

    /// The values of a list, each with its path.
    pub(super) fn items(&mut self, key: &'static str) -> Vec<(String, &'a Value)> {
        let path = self.key(key);
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            let text = format!("must be a list, not {}", article(value));
            self.report.mistake(&path, text);
            return Vec::new();
        };
        list.iter().enumerate().map(|(place, item)| (format!("{path}[{place}]"), item)).collect()
    }

    /// A list of texts, each with its path.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<(String, &'a str)> {
        let report = self.report;
        let text = |(path, value): (String, &'a Value)| match value.as_str() {
            Some(text) => Some((path, text)),
            None => {
                report.mistake(&path, format!("must be text in quotes, not {}", article(value)));
                None
            }
        };
        self.items(key).into_iter().filter_map(text).collect()
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.not(key, value, "must be text in quotes");
        }
        value.as_str()
    }

    /// A text that has to read as something.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        rule: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.report.wrong(&self.key(key), text, rule);
        }
        parsed
    }

    /// One of several words.
    pub(super) fn choice(&mut self, key: &'static str, words: &[&str]) -> Option<&'a str> {
        let rule = format!("must be one of {}", listed(words));
        self.parsed(key, &rule, |text| words.contains(&text).then_some(text))
    }

    /// A duration such as `"5s"`.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, unit::DURATION, unit::duration)
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.value(key)?;
        let number = value
            .as_integer()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let rule = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.not(key, value, &rule);
        }
        number
    }

    /// A share of all events, from 0 to 1.
    pub(super) fn share(&mut self, key: &'static str) -> Option<Share> {
        let value = self.value(key)?;
        let number = value.as_float().or(value.as_integer().map(|number| number as f64));
        let share = number.and_then(Share::new);
        if share.is_none() {
            self.not(key, value, "must be a number from 0 (none) to 1 (all), such as 0.1");
        }
        share
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            // Not shown: the secret itself may have been written behind `awaiting_secret`.
            let rule = "must be true or false, without quotes";
            self.report.mistake(&self.key(key), rule);
        }
        value.as_bool()
    }

    /// Names every key that was never asked for; their values are not shown.
    pub(super) fn finish(mut self) {
        self.asked.sort_unstable();
        self.asked.dedup();
        for key in self.table.into_iter().flat_map(Table::keys) {
            if !self.asked.contains(&key.as_str()) {
                let text = format!("is unknown; known here: {}", self.asked.join(", "));
                self.report.mistake(&self.key(key), text);
            }
        }
    }

    fn not(&self, key: &str, value: &Value, rule: &str) {
        let path = self.key(key);
        match value {
            Value::String(text) => self.report.wrong(&path, text, rule),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                self.report.mistakes.borrow_mut().push(Mistake {
                    key: path,
                    value: Some(value.to_string()),
                    rule: rule.to_owned(),
                });
            }
            Value::Array(_) | Value::Table(_) => {
                let text = format!("{rule}, not {}", article(value));
                self.report.mistake(&path, text);
            }
        }
    }
}

/// `"a", "b" or "c"`.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

/// What a value is, for messages that do not show it.
pub(super) fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
