//! What `dev` shows: one line for each delivery posted, one for each record read.
//!
//! Columns keep their places; colours only where the terminal takes them (`NO_COLOR`, pipes and dumb
//! terminals get plain text).

use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

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

/// One delivery and its answer.
pub(super) struct Posted<'a> {
    /// Where to.
    pub(super) source: &'a str,
    /// What the provider calls it.
    pub(super) event: &'a str,
    /// What is special about it.
    pub(super) remark: &'a str,
    /// The name that the provider sent along.
    pub(super) person: Option<&'a str>,
    /// The answer's status.
    pub(super) status: u16,
    /// The answer's outcome.
    pub(super) outcome: &'a str,
    /// From the first byte sent to the last byte read.
    pub(super) took: Duration,
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
    pub(super) fn posted(&mut self, posted: &Posted<'_>) {
        let Posted { source, event, remark, person, status, outcome, took } = posted;
        let style = match (*status, *outcome) {
            (200, "accepted" | "ping") => POSTED,
            (200, _) => ODD,
            _ => REFUSED,
        };
        let event = format!("{event} {remark}");
        let person = person.map(|name| format!("says {name:?}")).unwrap_or_default();
        self.line(&format!(
            "{style}POST{style:#}  {source:<8}{event:<38}{person:<26}{style}{status} \
             {outcome:<14}{style:#}{FAINT}{:>6.1} ms{FAINT:#}",
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
        let style = if record.family == crate::event::Family::Quarantine { ODD } else { READ };
        self.line(&format!(
            "{style}READ{style:#}  {:<8}{:<38}{:<26}{style}{:<19}{style:#}{FAINT}{place}, {removed} \
             removed{FAINT:#}",
            text("/provider"),
            text("/type"),
            who,
            short(text("/subject")),
        ));
    }
}

/// Long pseudonyms are cut for the eye.
fn short(text: &str) -> String {
    let pseudonym = text.len() == 29 && text.get(2..3) == Some("_");
    match text.get(..11) {
        Some(start) if pseudonym => format!("{start}…"),
        _ => text.to_owned(),
    }
}
