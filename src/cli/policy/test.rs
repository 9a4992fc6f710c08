//! `policy test`: what would leave of stored requests, what stays, and by which rule; so that a
//! change of a policy is reviewed like code.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::json;

use super::{Meaning, Meant};
use crate::cli::fixture::Fixture;
use crate::cli::sheet::{self, ODD, PLAIN, Sheet, text};
use crate::cli::{Failure, print};
use crate::clock::Clock;
use crate::desk::Stage;
use crate::event::QuarantineReason;
use crate::normalize::normalize;
use crate::providers::{Provider, Providers};
use crate::scrub::madeup::stage;
use crate::scrub::{Boundary, Explained, Settings};

/// Which requests, under which policy.
#[derive(Debug, Args)]
pub struct Test {
    /// Stored requests (.http), or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which policy
    #[command(flatten)]
    pub meant: Meant,
    /// One JSON object for each request
    #[arg(long)]
    pub json: bool,
}

/// Tries it.
///
/// # Errors
/// 78 for a configuration or policy with mistakes, 1 for a file that is no stored request.
pub(super) fn run(args: &Test) -> Result<(), Failure> {
    let fixtures = Fixture::read_all(&args.paths)?;
    let sources = args.meant.sources()?;
    let policy = Arc::new(args.meant.alone()?);
    let mut out = String::new();
    for fixture in &fixtures {
        let provider = provider(fixture)?;
        let of_provider = |source: &&Meaning| source.provider.name == provider.name;
        let mut under: Vec<_> = sources.iter().filter(of_provider).map(|s| &s.settings).collect();
        let plain = Settings { policy: policy.clone(), ..stage::settings(provider.name) };
        if sources.is_empty() {
            under.push(&plain);
        }
        for settings in under {
            let told = explained(fixture, &provider, settings)?;
            out.push_str(&shown(args, fixture, settings, &told));
        }
    }
    Ok(print(&out)?)
}

/// Who would have sent it: the signature says so.
fn provider(fixture: &Fixture) -> Result<Provider, Failure> {
    let name = match fixture.header("authorization") {
        Some(_) => "livekit",
        None => "daily",
    };
    let known = Providers::standard().get(name).copied();
    Ok(known.ok_or_else(|| anyhow!("no provider {name}"))?)
}

fn explained(
    fixture: &Fixture,
    provider: &Provider,
    settings: &Settings,
) -> Result<Explained, Failure> {
    // Under a signature of our own: what is stored is too old, or was captured.
    let stage = Stage::of(provider).context("this provider's requests cannot be signed")?;
    let verified = stage.verified(&fixture.body, Clock::system().now());
    let verified = verified.with_context(|| format!("{} is no event", fixture.path.display()))?;
    let event = normalize(&verified, provider.name, provider.dialect);
    Ok(Boundary::new(settings.clone(), &stage::keys()).explain(event))
}

fn shown(args: &Test, fixture: &Fixture, settings: &Settings, told: &Explained) -> String {
    let ending = told.reason.map_or("passes", QuarantineReason::as_str);
    if args.json {
        let leaves: Vec<_> = told
            .leaves
            .iter()
            .map(|(field, fate)| json!({"field": field, "leaves": fate.as_str()}))
            .collect();
        let stays: Vec<_> =
            told.stays.iter().map(|(path, rule)| json!({"path": path, "rule": rule})).collect();
        let line = json!({
            "request": fixture.path, "source": settings.source.as_str(),
            "kind": told.kind.as_str(), "ending": ending, "leaves": leaves, "stays": stays,
            "violations": told.violations,
        });
        return format!("{line}\n");
    }
    let mut out = String::new();
    let (path, kind) = (fixture.path.display(), told.kind);
    let _ = writeln!(out, "{path}: {kind}, {ending}");
    let mut sheet = Sheet::new(&[text("  LEAVES", 0), text("AS", 0)]);
    for (field, fate) in &told.leaves {
        sheet.row(PLAIN, [format!("  {field}"), fate.as_str().to_owned()]);
    }
    out.push_str(&sheet.render(sheet::width()));
    let mut sheet = Sheet::new(&[text("  STAYS", 0), text("BY RULE", 0)]);
    for (path, rule) in &told.stays {
        sheet.row(PLAIN, [format!("  {path}"), (*rule).to_owned()]);
    }
    if !sheet.is_empty() {
        out.push_str(&sheet.render(sheet::width()));
    }
    let mut sheet = Sheet::new(&[text("  LOOKS PERSONAL", 0), text("AS", 0), text("BYTES", 0)]);
    for one in &told.violations {
        let (detector, length) = (one.detector.as_str().to_owned(), one.length.to_string());
        sheet.row(ODD, [format!("  {}", one.path), detector, length]);
    }
    if !sheet.is_empty() {
        out.push_str(&sheet.render(sheet::width()));
    }
    out + "\n"
}
