//! `policy`: the PII boundary, readable and proven.
//!
//! What leaves is said by a policy (`src/scrub/policy.toml`, and what tenants and sources lay over
//! it) and by a source's settings. These verbs show it, compare two, and try one on stored
//! requests; `prove` sends canaries through a private gateway. None of them needs a running
//! gateway, and none prints a value.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{Failure, configured};
use crate::bounds::POLICY_FILE_BYTES_MAX;
use crate::event::Kind;
use crate::providers::Provider;
use crate::scrub::Settings;
use crate::scrub::policy::Policy;

mod diff;
pub mod prove;
mod show;
mod test;

/// The verb.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What leaves with each kind of event, how, and why
    Show(show::Show),
    /// What leaves otherwise under one policy than under another, in words
    Diff(diff::Diff),
    /// What would leave of stored requests, what stays, and by which rule
    Test(test::Test),
    /// Proves what a configuration lets out, in a private gateway, and writes the paper
    Prove(prove::Prove),
}

/// Runs it.
///
/// # Errors
/// 78 for a configuration or policy with mistakes, 2 for a source that is not there.
pub fn run(args: &PolicyArgs) -> Result<(), Failure> {
    match &args.verb {
        Verb::Show(args) => show::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Prove(args) => prove::run(args),
    }
}

/// Which policy is meant: the standard one, a file laid over it, or that of a configured source.
#[derive(Debug, Args)]
pub struct Meant {
    /// A policy file, laid over the standard policy
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "source"])]
    pub policy: Option<PathBuf>,
    /// A configuration; with --source the policy of that source, else of each
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One source of the configuration
    #[arg(long, value_name = "NAME", requires = "config")]
    pub source: Option<String>,
}

/// A source of a configuration, as far as the boundary goes.
struct Meaning {
    provider: Provider,
    settings: Settings,
}

impl Meant {
    /// The sources that are meant; none where no configuration is.
    fn sources(&self) -> Result<Vec<Meaning>, Failure> {
        let Some(config) = &self.config else { return Ok(Vec::new()) };
        sources(config, self.source.as_deref())
    }

    /// The policy that is meant where no configuration is.
    fn alone(&self) -> Result<Policy, Failure> {
        match &self.policy {
            Some(file) => laid(file),
            None => Ok((*Policy::standard()).clone()),
        }
    }
}

/// The sources of a configuration, or the one of that name.
fn sources(config: &Path, name: Option<&str>) -> Result<Vec<Meaning>, Failure> {
    let all = configured(config)?.sources;
    let names: Vec<_> = all.iter().map(|source| source.boundary.source.to_string()).collect();
    let meant = all
        .into_iter()
        .filter(|source| name.is_none_or(|name| source.boundary.source.as_str() == name))
        .map(|source| Meaning { provider: source.provider, settings: source.boundary });
    let meant: Vec<_> = meant.collect();
    if meant.is_empty() {
        let text = format!("--source: the configuration knows {}", names.join(", "));
        return Err(Failure::Usage(text));
    }
    Ok(meant)
}

/// A file laid over the standard policy.
fn laid(file: &Path) -> Result<Policy, Failure> {
    let shown = file.display();
    let most = POLICY_FILE_BYTES_MAX as u64;
    let mut text = String::new();
    let is_file = std::fs::metadata(file).map(|found| found.is_file());
    let read = is_file.and_then(|is_file| match is_file {
        true => std::fs::File::open(file)?.take(most + 1).read_to_string(&mut text),
        false => Err(std::io::Error::other("it is no file")),
    });
    read.map_err(|error| Failure::Policy(anyhow!("{shown}: cannot be read: {error}")))?;
    if text.len() as u64 > most {
        return Err(Failure::Policy(anyhow!("{shown}: is longer than {most} bytes")));
    }
    Policy::standard().with(&text).map_err(|flaws| {
        let lines = flaws.iter().map(|flaw| format!("{shown}: {flaw}"));
        Failure::Policy(anyhow!(lines.collect::<Vec<_>>().join("\n")))
    })
}

/// Kinds as people read them: all of them, or with a star where all that begin so are meant.
fn in_words(kinds: &[Kind]) -> String {
    let all: Vec<_> = Policy::kinds().collect();
    if kinds.len() == all.len() {
        return "every kind".to_owned();
    }
    let group = |kind: Kind| kind.as_str().split('.').next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for kind in kinds {
        let of_group = |among: &[Kind]| among.iter().filter(|k| group(**k) == group(*kind)).count();
        let word = match of_group(kinds) == of_group(&all) && of_group(&all) > 1 {
            true => format!("{}.*", group(*kind)),
            false => kind.to_string(),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_with_a_star_where_all_of_a_beginning_are_meant() {
        let all: Vec<_> = Policy::kinds().collect();
        assert_eq!(in_words(&all), "every kind");
        let both = [Kind::TrackPublished, Kind::TrackUnpublished, Kind::RoomEnded];
        assert_eq!(in_words(&both), "track.*, room.ended");
        assert_eq!(in_words(&[Kind::Quarantined]), "quarantined");
    }
}
