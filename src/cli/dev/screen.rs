//! What `dev` shows: one line for each delivery posted, one for each record read.
//!
//! Columns keep their places; colours only where the terminal takes them (`NO_COLOR`, pipes and
//! dumb terminals get plain text).

use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::sender::Posted;
use super::story::Twist;
use crate::cli::words::short;
use crate::event::Family;
use crate::publish::Received;

const POSTED: Style = AnsiColor::Cyan.on_default();
const READ: Style = AnsiColor::Green.on_default();
const REFUSED: Style = AnsiColor::Red.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Standard output, in columns.
pub(super) struct Screen {
    out: anstream::AutoStream<std::io::Stdout>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { out: anstream::stdout() }
    }

    /// A line of text; a reader that is gone is no reason to fail.
    pub(super) fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    /// A line that opens a part.
    pub(super) fn title(&mut self, text: &str) {
        self.line(&format!("{STRONG}{text}{STRONG:#}"));
    }

    /// A label and what it is for.
    pub(super) fn entry(&mut self, label: &str, text: &str) {
        self.line(&format!("  {FAINT}{label:<10}{FAINT:#}{text}"));
    }

    /// A delivery and its answer.
    pub(super) fn posted(&mut self, posted: &Posted) {
        let Posted { scene, person, took, .. } = posted;
        let answer = posted.answer();
        let style = match answer.as_str() {
            "200 accepted" | "200 ping" => POSTED,
            other if other.starts_with("200") => ODD,
            _ => REFUSED,
        };
        let remark = match scene.twist {
            Twist::Plain => "",
            Twist::Again => " (again)",
            Twist::Forged => " (forged)",
        };
        let event = format!("{}{remark}", scene.name);
        let person = person.as_ref().map(|name| format!("says {name:?}")).unwrap_or_default();
        self.line(&format!(
            "{style}POST{style:#}  {:<9}{event:<39}{person:<26}{style}{answer:<18}{style:#}\
             {FAINT}{:>6.1} ms{FAINT:#}",
            scene.source,
            took.as_secs_f64() * 1e3
        ));
    }

    /// A record as a consumer reads it.
    pub(super) fn read(&mut self, record: &Received) {
        let event: Value = serde_json::from_slice(&record.value).unwrap_or_default();
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let place = format!("{}/{}@{}", record.family.as_str(), record.partition, record.offset);
        let who = match (text("/data/participant/role"), text("/data/participant/ref")) {
            ("", _) => text("/data/reason").to_owned(),
            (role, reference) => format!("{role} {}", short(reference)),
        };
        let removed = event.pointer("/data/removed").and_then(Value::as_array).map_or(0, Vec::len);
        let style = if record.family == Family::Quarantine { ODD } else { READ };
        self.line(&format!(
            "{style}READ{style:#}  {:<9}{:<33}{:<25}{style}{:<17}{style:#}{FAINT}{place}, \
             {removed} removed{FAINT:#}",
            text("/provider"),
            text("/type"),
            who,
            short(text("/subject")),
        ));
    }
}
