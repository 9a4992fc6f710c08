//! `policy show`: what leaves with each kind of event, how, and why.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::Meant;
use crate::cli::sheet::{self, PLAIN, Sheet, text};
use crate::cli::{Failure, print};
use crate::event::Kind;
use crate::scrub::Settings;
use crate::scrub::policy::{Action, Policy, Row};

/// Which policy, and of it what.
#[derive(Debug, Args)]
pub struct Show {
    /// Which policy
    #[command(flatten)]
    pub meant: Meant,
    /// One kind of event, such as participant.joined; without it all of them
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Option<Kind>,
    /// One JSON object for each field of each kind
    #[arg(long)]
    pub json: bool,
}

/// Shows it.
///
/// # Errors
/// 78 for a configuration or policy with mistakes.
pub(super) fn run(args: &Show) -> Result<(), Failure> {
    let sources = args.meant.sources()?;
    let mut out = String::new();
    for source in &sources {
        let settings = &source.settings;
        if !args.json {
            let (name, tenant) = (&settings.source, &settings.tenant);
            let _ = writeln!(out, "Source {name} of {tenant}\n\n{}", said(settings));
        }
        out.push_str(&shown(args, Some(settings), &settings.policy));
    }
    if sources.is_empty() {
        out = shown(args, None, &args.meant.alone()?);
    }
    Ok(print(&out)?)
}

fn shown(args: &Show, settings: Option<&Settings>, policy: &Policy) -> String {
    let mut out = String::new();
    let source = settings.map_or("", |settings| settings.source.as_str());
    // What goes beside the policy: null where no source is meant.
    let on_violation = settings.map(|settings| settings.on_violation.as_str());
    let recording = settings.map(|settings| settings.recording.as_str());
    for kind in Policy::kinds().filter(|kind| args.kind.is_none_or(|only| only == *kind)) {
        let rows = policy.rows(kind);
        match args.json {
            true => rows.iter().for_each(|row| {
                let line = json!({
                    "source": source, "kind": kind.as_str(), "field": row.field,
                    "action": row.action.as_str(), "ranges": row.ranges, "reason": row.reason,
                    "on_violation": on_violation, "recording": recording,
                });
                let _ = writeln!(out, "{line}");
            }),
            false => {
                let _ = writeln!(out, "{kind}\n{}", table(&rows));
            }
        }
    }
    if !args.json {
        let _ = writeln!(out, "Whatever is not listed stays outside. Policy {}", policy.hash());
        out.push_str(&risks(policy));
    }
    out
}

fn table(rows: &[Row]) -> String {
    let mut sheet = Sheet::new(&[text("FIELD", 0), text("LEAVES", 0), text("WHY", 1)]);
    for row in rows {
        let how = how(row.action, &row.ranges);
        sheet.row(PLAIN, [row.field.clone(), how, row.reason.clone()]);
    }
    sheet.render(sheet::width())
}

fn how(action: Action, ranges: &[u64]) -> String {
    match action {
        Action::Pass => "as it is".to_owned(),
        Action::Bucket if ranges.is_empty() => "to the minute".to_owned(),
        Action::Bucket => {
            let ends: Vec<_> = ranges.iter().map(u64::to_string).collect();
            format!("in ranges from {}", ends.join(", "))
        }
        Action::Pseudonym => "as a pseudonym".to_owned(),
        Action::Role => "as a role label".to_owned(),
        Action::Unlisted | Action::Drop => "not".to_owned(),
    }
}

/// What the source's settings say beside its policy.
fn said(settings: &Settings) -> String {
    let pattern = |pattern: &Option<regex::Regex>| match pattern {
        Some(pattern) => pattern.as_str().to_owned(),
        None => "none".to_owned(),
    };
    // What stands for a label may be somebody's name.
    let map = settings.role_map.values().map(|label| format!("{label:?} by role_map"));
    let labels = settings.role_labels.iter().map(|label| format!("{label:?}")).chain(map);
    let labels = labels.collect::<Vec<_>>().join(", ");
    let mut lines = String::new();
    for (key, value) in [
        ("room_name", pattern(&settings.room_name)),
        ("artifact_key", pattern(&settings.artifact_key)),
        ("roles", if labels.is_empty() { "none".to_owned() } else { labels }),
        ("on_violation", settings.on_violation.as_str().to_owned()),
        ("recording", settings.recording.as_str().to_owned()),
        ("national ids", format!("{} patterns", settings.national_ids.len())),
    ] {
        let _ = writeln!(lines, "{key:<14}{value}");
    }
    lines
}

/// The risks that a policy accepts.
fn risks(policy: &Policy) -> String {
    let mut lines = String::new();
    for risk in policy.accepted() {
        let (kinds, now) = (super::in_words(&risk.kinds), how(risk.now, &risk.now_ranges));
        let _ = writeln!(lines, "risk accepted: {} ({now}) in {kinds}: {}", risk.field, risk.why);
    }
    lines
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = Policy::kinds().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| "a kind as consumers read it, such as participant.joined".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ProviderName;
    use crate::scrub::madeup::stage;
    use crate::scrub::{OnViolation, Recording};

    #[test]
    fn each_json_line_tells_what_goes_beside_the_policy_where_a_source_is_meant() {
        let meant = Meant { policy: None, config: None, source: None };
        let args = Show { meant, kind: Some(Kind::RecordingReady), json: true };
        let settings = Settings {
            on_violation: OnViolation::Quarantine,
            recording: Recording::Forbidden,
            ..stage::settings(ProviderName::new("daily"))
        };
        for (settings, told) in [
            (Some(&settings), [json!("quarantine"), json!("forbidden")]),
            (None, [json!(null), json!(null)]),
        ] {
            let out = shown(&args, settings, &Policy::standard());
            assert!(out.lines().count() > 3, "{out}");
            for line in out.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!([&line["on_violation"], &line["recording"]], [&told[0], &told[1]]);
            }
        }
    }
}
