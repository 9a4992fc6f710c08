//! `policy diff`: what leaves otherwise under one policy than under another, in words.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use super::{in_words, laid, sources};
use crate::cli::sheet::{BAD, GOOD};
use crate::cli::{Failure, print};
use crate::scrub::Settings;
use crate::scrub::policy::{Action, Difference, Policy};

/// Which two.
#[derive(Debug, Args)]
pub struct Diff {
    /// `standard`, a policy file (laid over the standard policy), or CONFIG:SOURCE
    #[arg(value_name = "BEFORE")]
    pub before: String,
    /// The same of what it is held against
    #[arg(value_name = "NOW")]
    pub now: String,
}

/// One side: a policy, and the settings of the source that it was taken from.
struct Side {
    policy: Policy,
    settings: Option<Settings>,
}

/// Tells it.
///
/// # Errors
/// 78 for a configuration or policy with mistakes.
pub(super) fn run(args: &Diff) -> Result<(), Failure> {
    let (before, now) = (side(&args.before)?, side(&args.now)?);
    let mut out = String::new();
    if let (Some(before), Some(now)) = (&before.settings, &now.settings) {
        out.push_str(&said(before, now));
    }
    for difference in before.policy.differences(&now.policy) {
        out.push_str(&told(&difference));
    }
    if out.is_empty() {
        out = "no difference: the same leaves under both\n".to_owned();
    }
    Ok(print(&out)?)
}

fn side(text: &str) -> Result<Side, Failure> {
    if text == "standard" {
        return Ok(Side { policy: (*Policy::standard()).clone(), settings: None });
    }
    match text.rsplit_once(':') {
        Some((config, source)) if !Path::new(text).exists() => {
            let mut meant = sources(Path::new(config), Some(source))?;
            let one = meant.pop().ok_or_else(|| Failure::Usage("no such source".to_owned()))?;
            Ok(Side { policy: (*one.settings.policy).clone(), settings: Some(one.settings) })
        }
        Some(_) | None => Ok(Side { policy: laid(Path::new(text))?, settings: None }),
    }
}

fn told(difference: &Difference) -> String {
    let kinds = in_words(&difference.kinds);
    let (style, word) = match difference.is_looser() {
        true => (BAD, "LOOSER"),
        false => (GOOD, "stricter"),
    };
    let (field, now, before) = (&difference.field, &difference.now, &difference.before);
    format!(
        "{style}{word:<9}{style:#} {field} {}, before it {}; in {kinds}\n",
        leaves(now),
        leaves(before)
    )
}

fn leaves((action, ranges): &(Action, Vec<u64>)) -> String {
    match action {
        Action::Unlisted | Action::Drop => "does not leave".to_owned(),
        Action::Pseudonym => "leaves as a pseudonym".to_owned(),
        Action::Role => "leaves as a role label".to_owned(),
        Action::Bucket if ranges.is_empty() => "leaves to the minute".to_owned(),
        Action::Bucket => {
            let ends: Vec<_> = ranges.iter().map(u64::to_string).collect();
            format!("leaves in ranges from {}", ends.join(", "))
        }
        Action::Pass => "leaves as it is".to_owned(),
    }
}

/// What two sources say beside their policies, where they differ.
fn said(before: &Settings, now: &Settings) -> String {
    let pattern = |pattern: &Option<regex::Regex>| match pattern {
        Some(pattern) => pattern.as_str().to_owned(),
        None => "none".to_owned(),
    };
    let each = |settings: &Settings| {
        let national: Vec<_> = settings.national_ids.iter().map(regex::Regex::as_str).collect();
        [
            ("room_name", pattern(&settings.room_name)),
            ("artifact_key", pattern(&settings.artifact_key)),
            ("role_labels", format!("{:?}", settings.role_labels)),
            // What stands for a label may be somebody's name.
            ("role_map", format!("{} texts", settings.role_map.len())),
            ("on_violation", settings.on_violation.as_str().to_owned()),
            ("recording", settings.recording.as_str().to_owned()),
            ("national_id_patterns", format!("{national:?}")),
        ]
    };
    let mut lines = String::new();
    for ((key, old), (_, new)) in each(before).into_iter().zip(each(now)) {
        if old != new {
            let _ = writeln!(lines, "changed   {key}: {old} → {new}");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_in_words_with_its_direction() {
        let text = "[[rule]]\nfields = [\"participant.region\"]\nkinds = [\"track.*\"]\n\
            action = \"drop\"\nreason = \"a test\"\n";
        let stricter = Policy::standard().with(text).unwrap();
        let plain = |one: &Difference| anstream::adapter::strip_str(&told(one)).to_string();
        let one = &Policy::standard().differences(&stricter)[0];
        let expected = "stricter  participant.region does not leave, before it leaves as it is; \
            in track.*\n";
        assert_eq!(plain(one), expected);
        let back = &stricter.differences(&Policy::standard())[0];
        assert!(plain(back).starts_with("LOOSER    participant.region leaves as it is"));
    }
}
