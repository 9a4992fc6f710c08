//! `policy diff`: what leaves otherwise under one policy than under another, in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::{in_words, laid, sources};
use crate::cli::sheet::{BAD, GOOD};
use crate::cli::{Failure, print};
use crate::event::{ProviderName, SourceName, TenantName};
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

/// Tells it.
///
/// # Errors
/// 78 for a configuration or policy with mistakes.
pub(super) fn run(args: &Diff) -> Result<(), Failure> {
    let (before, now) = (side(&args.before)?, side(&args.now)?);
    Ok(print(&compared(&before, &now))?)
}

fn compared(before: &Settings, now: &Settings) -> String {
    let mut out = said(before, now);
    for difference in before.policy.differences(&now.policy) {
        out.push_str(&told(&difference));
    }
    if out.is_empty() {
        out = "no difference: the same leaves under both\n".to_owned();
    }
    out
}

/// One side: the settings of a source, or those of one that says nothing beside its policy.
fn side(text: &str) -> Result<Settings, Failure> {
    if text == "standard" {
        return Ok(plain(Policy::standard()));
    }
    match text.rsplit_once(':') {
        Some((config, source)) if !Path::new(text).exists() => {
            let mut meant = sources(Path::new(config), Some(source))?;
            let one = meant.pop().ok_or_else(|| Failure::Usage("no such source".to_owned()))?;
            Ok(one.settings)
        }
        Some(_) | None => Ok(plain(Arc::new(laid(Path::new(text))?))),
    }
}

/// What a policy is where no source is meant.
fn plain(policy: Arc<Policy>) -> Settings {
    let (source, tenant) = (SourceName::new("none"), TenantName::new("none"));
    Settings { policy, ..Settings::new(source, tenant, ProviderName::new("none")) }
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
            ("role_map", mapped(settings)),
            ("on_violation", settings.on_violation.as_str().to_owned()),
            ("recording", settings.recording.as_str().to_owned()),
            ("national_id_patterns", format!("{national:?}")),
        ]
    };
    let mut lines = String::new();
    for ((key, old), (_, new)) in each(before).into_iter().zip(each(now)) {
        if old != new {
            let _ = writeln!(lines, "changed   {key}: {old} → {new}");
        } else if key == "role_map" && before.role_map != now.role_map {
            let _ = writeln!(lines, "changed   {key}: {new}, but not the same ones");
        }
    }
    lines
}

/// A map of roles by how many texts stand for which label: such a text may be somebody's name.
fn mapped(settings: &Settings) -> String {
    let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in settings.role_map.values() {
        *texts.entry(label).or_default() += 1;
    }
    let texts: Vec<_> =
        texts.iter().map(|(label, count)| format!("{count} for {label:?}")).collect();
    if texts.is_empty() { "no texts".to_owned() } else { format!("texts {}", texts.join(", ")) }
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

    #[test]
    fn other_texts_for_a_role_are_a_difference_and_are_not_shown() {
        let with = |map: &[(&str, &str)]| {
            let owned = |(text, label): &(&str, &str)| ((*text).to_owned(), (*label).to_owned());
            let role_map = map.iter().map(owned).collect();
            Settings { role_map, ..plain(Policy::standard()) }
        };
        let zoe = with(&[("zoe", "Doctor")]);
        let told = compared(&zoe, &with(&[("zoë", "Doctor")]));
        assert_eq!(told, "changed   role_map: texts 1 for \"Doctor\", but not the same ones\n");
        let told = compared(&zoe, &with(&[("zoe", "Patient")]));
        let expected = "changed   role_map: texts 1 for \"Doctor\" → texts 1 for \"Patient\"\n";
        assert_eq!(told, expected);
        let same = "no difference: the same leaves under both\n";
        assert_eq!(compared(&zoe, &zoe.clone()), same);
    }

    #[test]
    fn a_source_is_held_against_one_that_says_nothing_where_the_other_side_is_a_policy_alone() {
        let room_name = regex::Regex::new("^consult-[0-9]$").ok();
        let source = Settings { room_name, ..plain(Policy::standard()) };
        let told = compared(&side("standard").unwrap(), &source);
        assert_eq!(told, "changed   room_name: none → ^consult-[0-9]$\n");
    }
}
