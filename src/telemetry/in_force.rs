//! Which series are shown: those of sources and secrets that are in force.
//!
//! A series that exists cannot be taken back, and one of a source or a secret that has left the
//! configuration would raise alarms for ever: silent, or about to expire. So it is left out, and
//! goes on where it stood should its source come back.

use std::collections::{HashMap, HashSet};

use super::{SourceLabels, UNKNOWN_SOURCE};

/// The labels in force, by source.
#[derive(Debug, Default)]
pub(super) struct InForce(HashMap<String, Secrets>);

#[derive(Debug, Default)]
struct Secrets {
    /// As they are written in a line.
    all: HashSet<String>,
    ending: HashSet<String>,
}

impl InForce {
    pub(super) fn of(sources: &[SourceLabels<'_>]) -> Self {
        let secrets = |labels: &SourceLabels<'_>| {
            let label = |(label, _): &(String, Option<f64>)| written(label);
            let ending = labels.secrets.iter().filter(|(_, ends)| ends.is_some());
            let all = labels.secrets.iter().map(label).collect();
            Secrets { all, ending: ending.map(label).collect() }
        };
        let known =
            sources.iter().map(|labels| (labels.source.as_str().to_owned(), secrets(labels)));
        let unknown = (UNKNOWN_SOURCE.to_owned(), Secrets::default());
        Self(known.chain([unknown]).collect())
    }

    /// The text without the lines of what is not in force.
    pub(super) fn of_text(&self, text: &str) -> String {
        let lines = text.lines().filter(|line| self.shows(line));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    fn shows(&self, line: &str) -> bool {
        // Names of sources hold nothing that would have to be escaped.
        let Some(source) = label(line, "source=\"").and_then(|rest| rest.split('"').next()) else {
            return true;
        };
        let Some(secrets) = self.0.get(source) else {
            return false;
        };
        let Some(rest) = label(line, "secret=\"") else {
            return true;
        };
        let among = match line.starts_with("hookgate_secret_expiry") {
            true => &secrets.ending,
            false => &secrets.all,
        };
        let value = rest.rsplit_once("\"}").map_or(rest, |(value, _)| value);
        among.contains(value)
    }
}

fn label<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let labels = line.find('{').and_then(|at| line.get(at + 1..))?;
    let at = if labels.starts_with(name) { 0 } else { labels.find(&format!(",{name}"))? + 1 };
    labels.get(at + name.len()..)
}

/// As Prometheus' text format escapes it.
fn written(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
