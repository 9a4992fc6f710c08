//! `policy prove`: what a configuration lets out, shown by trying.
//!
//! A private gateway (this very program as `serve`, on loopback, with a journal, a broker and a
//! folder of its own) runs by the user's configuration with made-up secrets. Every stored request
//! of both providers is sent through it with canaries in each place; then everything that came out
//! is searched for them: records, the journal's files, logs at trace level, metrics, answers,
//! temporary files. What stands where the policy lets it stand is listed, all else is a leak.
//!
//! Exit code 1 where anything leaked or was not taken. Writes nothing but its two papers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::Signals;
use crate::cli::fixture::Fixture;
use crate::cli::{Failure, print, runtime, sheet};
use crate::clock::Clock;

mod canary;
mod findings;
mod judge;
mod operators;
mod paper;
mod pattern;
mod plan;
mod private;
mod records;
mod report;
mod run;
mod scan;
mod search;
mod shape;
mod stage;
mod stored;
mod strangers;
mod traffic;
mod wire;

use stage::Stage;

/// What to prove, and where to write it down.
#[derive(Debug, Args)]
pub struct Prove {
    /// The configuration; its secrets need not be there
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The folder for hookgate-proof.json and hookgate-proof.md
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Stored requests of your own (.http), or folders of them, beside those of this program
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub fixtures: Vec<PathBuf>,
    /// Only these sources; all without it
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub source: Vec<String>,
}

/// The papers.
const JSON: &str = "hookgate-proof.json";
const PAPER: &str = "hookgate-proof.md";

/// Proves it.
///
/// # Errors
/// 78 for a configuration with mistakes; 1 where something leaked, where deliveries were not taken,
/// and for what keeps the private gateway from running.
pub fn run(args: &Prove) -> Result<(), Failure> {
    let clock = Clock::system();
    let (began, at) = (clock.now(), clock.steady());
    let own = match args.fixtures.as_slice() {
        [] => Vec::new(),
        paths => Fixture::read_all(paths)?,
    };
    std::fs::create_dir_all(&args.into)
        .with_context(|| format!("--into {} cannot be made", args.into.display()))?;
    let program = std::env::current_exe().context("this program's own file is not known")?;
    let sha256 = stage::digest(&program).context("this program's own file cannot be read")?;
    let mut stage = Stage::set(&args.config, &program)?;
    let sources = chosen(&stage, &args.source)?;
    let stored = sources.iter().map(|place| fixtures(&stage, *place, &own));
    let stored = stored.collect::<anyhow::Result<Vec<_>>>()?;
    let bar = bar(sources.len());
    let proving = run::prove(&mut stage, &sources, &stored, &bar);
    let mut report = runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            report = proving => report,
            () = signals.any() => Err(anyhow!("interrupted: nothing is proven")),
        }
    })?;
    bar.finish_and_clear();
    report.program.sha256 = sha256;
    report.configuration = args.config.display().to_string();
    (report.began, report.seconds) = (began, clock.steady().saturating_sub(at).as_secs_f64());
    let [json, paper] = [JSON, PAPER].map(|name| args.into.join(name));
    file(&json, &(serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)? + "\n"))?;
    file(&paper, &paper::paper(&report))?;
    print(&paper::summary(&report, sheet::width()))?;
    print(&format!("The papers: {} and {}\n", paper.display(), json.display()))?;
    if report.proven { Ok(()) } else { Err(Failure::Silent) }
}

/// The places of the sources to prove.
fn chosen(stage: &Stage, names: &[String]) -> Result<Vec<usize>, Failure> {
    let sources = &stage.config.sources;
    let known = |name: &String| sources.iter().any(|s| s.boundary.source.as_str() == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        return Err(Failure::Usage(format!(
            "--source {name}: the configuration has no such source"
        )));
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let all = sources.iter().enumerate();
    Ok(all.filter(|(_, s)| wanted(s.boundary.source.as_str())).map(|(place, _)| place).collect())
}

/// The stored requests of a source's provider, and those of the user's own that may be.
fn fixtures(
    stage: &Stage,
    place: usize,
    own: &[Fixture],
) -> anyhow::Result<Vec<(Arc<str>, Fixture)>> {
    let source = stage.config.sources.get(place).context("no such source")?;
    let provider = source.provider.name.as_str();
    let theirs =
        own.iter().filter(|fixture| stored::provider_of(fixture).is_none_or(|of| of == provider));
    let mut all = stored::of(provider)?;
    all.extend(theirs.map(|fixture| (Arc::from(fixture.name()), fixture.clone())));
    Ok(all)
}

fn bar(sources: usize) -> ProgressBar {
    let plural = if sources == 1 { "" } else { "s" };
    let style = ProgressStyle::with_template("{spinner} {pos} deliveries {msg}");
    let bar = ProgressBar::new_spinner().with_message(format!("through {sources} source{plural}"));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
