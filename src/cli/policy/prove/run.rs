//! The course of a proof, top to bottom: deliver, catch up, release, ask, search, stop, search.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::ensure;
use indicatif::ProgressBar;
use serde_json::Value;

use super::canary::Mint;
use super::findings::{Allowed, Findings};
use super::judge::{self, Judge};
use super::operators::{Known, Operator};
use super::pattern::Patterned;
use super::records::Reader;
use super::report::{self, NOT_SHOWN, Program, Report};
use super::search::Finder;
use super::stage::Stage;
use super::strangers;
use super::traffic::{self, Said, Tried};
use super::wire::Wire;
use crate::cli::fixture::Fixture;
use crate::clock::Timestamp;
use crate::config::Source;
use crate::event::Kind;
use crate::publish::Received;
use crate::scrub::Settings;

/// Everything that came out, but files.
struct Out {
    said: Said,
    strangers: Vec<Vec<u8>>,
    about_events: Vec<Vec<u8>>,
    other_answers: Vec<Vec<u8>>,
    open: Vec<(&'static str, Vec<u8>)>,
    records: Vec<Received>,
    released: u64,
}

/// Proves the boundaries of the sources at these places, with these stored requests.
///
/// # Errors
/// What keeps it from being whole: the private gateway fails, or what it took cannot be read.
pub(super) async fn prove(
    stage: &mut Stage,
    sources: &[usize],
    stored: &[Vec<(Arc<str>, Fixture)>],
    bar: &ProgressBar,
) -> anyhow::Result<Report> {
    let mut mint = Mint::new(rand::random());
    let tried = tried(stage, sources, stored, &mut mint);
    let out = deliver(stage, &tried, &mut mint, bar).await?;
    let not_tried: Vec<_> = tried.iter().map(not_tried).collect();
    drop(tried);
    bar.set_message("sent; searching");
    tracing::debug!(canaries = mint.canaries().count(), "everything was sent and asked");
    let finder = Finder::new(&mint)?;
    tracing::debug!("the search is ready");
    let mut findings = Findings::new(&finder, &mint);
    let boundaries = stage.config.sources.iter().map(|source| &source.boundary).collect();
    let judge = Judge { finder: &finder, mint: &mint, boundaries };
    out.records.iter().for_each(|record| findings.record(&judge, record));
    tracing::debug!(records = out.records.len(), "records are judged");
    let journal = stage.place.journal();
    findings.folder("the journal's files, while it runs", Allowed::ByPolicy, &journal)?;
    look(&out, &mut findings);
    let ended = stage.stop()?;
    tracing::debug!("the private gateway has ended");
    ensure!(ended.success(), "the private gateway ended with {ended}");
    findings.folder("the journal's files, after the end", Allowed::ByPolicy, &journal)?;
    let said =
        [("standard output", Allowed::Nothing), ("the log at trace level", Allowed::Session)];
    for ((place, allowed), path) in said.into_iter().zip(stage.place.said()) {
        findings.file(place, allowed, &path)?;
    }
    for (place, path) in
        ["its working folder", "its temporary folder"].into_iter().zip(stage.place.work())
    {
        findings.folder(place, Allowed::Nothing, &path)?;
    }
    Ok(told(stage, sources, stored, (&out, &mint, &findings), not_tried))
}

fn tried<'s>(
    stage: &'s Stage,
    sources: &[usize],
    stored: &'s [Vec<(Arc<str>, Fixture)>],
    mint: &mut Mint,
) -> Vec<Tried<'s>> {
    let chosen = sources.iter().filter_map(|place| stage.config.sources.get(*place));
    let each = chosen.zip(stored).map(|(source, stored)| {
        let Settings { room_name, artifact_key, .. } = &source.boundary;
        let patterns = [(room_name, "room name"), (artifact_key, "storage key")];
        let patterns = patterns
            .into_iter()
            .filter_map(|(pattern, shape)| Patterned::new(pattern.as_ref()?, shape, mint));
        let patterns = patterns.collect();
        let fixtures = stored.iter().map(|(name, fixture)| (Arc::clone(name), fixture)).collect();
        Tried { source, fixtures, patterns }
    });
    each.collect()
}

/// What of a source's patterns has no canary.
fn not_tried(tried: &Tried<'_>) -> Vec<String> {
    let Settings { room_name, artifact_key, .. } = &tried.source.boundary;
    let has = |shape: &str| tried.patterns.iter().any(|patterned| patterned.shape == shape);
    let all =
        [("room_name", room_name, "room name"), ("artifact_key", artifact_key, "storage key")];
    let without = all.into_iter().filter(|(_, pattern, shape)| pattern.is_some() && !has(shape));
    let told = without.map(|(key, ..)| {
        format!("what {key} lets out: too few or too short to be told from the gateway's own words")
    });
    told.collect()
}

async fn deliver(
    stage: &Stage,
    tried: &[Tried<'_>],
    mint: &mut Mint,
    bar: &ProgressBar,
) -> anyhow::Result<Out> {
    let (public, admin) = (stage.public, stage.admin);
    let reader = Reader::start(&stage.config.kafka).await?;
    let said = traffic::send(tried, mint, public, reader.count(), || bar.inc(1)).await?;
    let mut wire = Wire::new(admin);
    reader.caught_up(&mut wire).await?;
    let mut operator = Operator {
        wire: Wire::new(admin),
        tokens: &stage.tokens,
        calls: 0,
        events: Vec::new(),
        others: Vec::new(),
    };
    bar.set_message("sent; asking");
    let released = operator.release().await?;
    operator.settled().await?;
    reader.caught_up(&mut wire).await?;
    let strangers = strangers::ask(&stage.config.sources, mint, public, admin).await;
    let listed = operator.read().await?;
    let boundaries: Vec<_> = stage.config.sources.iter().map(|source| &source.boundary).collect();
    let shows = |room: &str| boundaries.iter().any(|boundary| judge::shows(boundary, room));
    let known = Known { names: names(&stage.config.sources), shows: &shows };
    operator.ask(mint, &known).await?;
    let mut open = Vec::new();
    for path in ["/metrics", "/readyz", "/livez"] {
        open.push((path, operator.open(path).await?));
    }
    reader.caught_up(&mut wire).await?;
    let (about_events, other_answers) = (operator.events, operator.others);
    let records = reader.end();
    let taken: u64 = said
        .sent
        .iter()
        .flat_map(|sent| &sent.answers)
        .filter_map(|(answer, count)| {
            matches!(answer.as_str(), "accepted" | "quarantined").then_some(*count)
        })
        .sum();
    ensure!(records.len() as u64 >= taken + released, "not every event that was taken was read");
    ensure!(listed >= taken, "not every event that was taken is listed");
    Ok(Out { said, strangers, about_events, other_answers, open, records, released })
}

/// What an operator names rightly.
fn names(sources: &[Source]) -> Vec<(&'static str, String)> {
    let first = sources.first().map(|source| &source.boundary);
    let names = first.map(|boundary| {
        [("source", boundary.source.to_string()), ("tenant", boundary.tenant.to_string())]
    });
    names.into_iter().flatten().collect()
}

fn look(out: &Out, findings: &mut Findings<'_>) {
    let nothing = Allowed::Nothing;
    for answer in &out.said.answers {
        findings.bytes("answers to deliveries", nothing, answer);
    }
    for answer in &out.strangers {
        findings.bytes("answers to strangers", nothing, answer);
    }
    for answer in &out.about_events {
        findings.bytes("answers about events", Allowed::ByPolicy, answer);
    }
    for answer in &out.other_answers {
        findings.bytes(
            "other answers of the admin API, problem details among them",
            nothing,
            answer,
        );
    }
    for (path, answer) in &out.open {
        findings.bytes(path, nothing, answer);
    }
}

fn told(
    stage: &Stage,
    sources: &[usize],
    stored: &[Vec<(Arc<str>, Fixture)>],
    (out, mint, findings): (&Out, &Mint, &Findings<'_>),
    not_tried: Vec<Vec<String>>,
) -> Report {
    let chosen: Vec<_> =
        sources.iter().filter_map(|place| stage.config.sources.get(*place)).collect();
    let names: Vec<_> = chosen.iter().map(|source| source.boundary.source.to_string()).collect();
    let leaks = findings.leaks(&names);
    let unseen: BTreeMap<_, _> =
        out.said.unseen.iter().map(|unseen| (unseen.clone(), ())).collect();
    let unseen: Vec<_> = unseen
        .into_keys()
        .map(|unseen| report::Unseen {
            source: names.get(unseen.source).cloned().unwrap_or_default(),
            fixture: unseen.fixture.to_string(),
            answer: unseen.answer,
        })
        .collect();
    let mut told = Vec::new();
    for (place, (source, not_tried)) in chosen.into_iter().zip(not_tried).enumerate() {
        let sent = out.said.sent.get(place).cloned().unwrap_or_default();
        let own = |leak: &&report::Leak| leak.source.as_ref() == names.get(place);
        told.push(report::Source {
            source: source.boundary.source.to_string(),
            provider: source.boundary.provider.to_string(),
            tenant: source.boundary.tenant.to_string(),
            boundary: boundary(&source.boundary),
            fixtures: stored.get(place).map_or(0, Vec::len) as u64,
            strings: sent.fields.strings,
            numbers: sent.fields.numbers,
            keys: sent.fields.keys,
            objects: sent.fields.objects,
            deliveries: sent.deliveries,
            answers: sent.answers,
            records: by_kind(&out.records, &source.boundary),
            passes: findings.passes(place),
            leaks: leaks.iter().filter(own).count() as u64,
            not_tried,
        });
    }
    Report {
        // Nothing is proven by nothing.
        proven: leaks.is_empty()
            && unseen.is_empty()
            && mint.canaries().next().is_some()
            && !out.records.is_empty(),
        program: Program { version: env!("CARGO_PKG_VERSION"), sha256: String::new() },
        configuration: String::new(),
        began: Timestamp::default(),
        seconds: 0.0,
        deliveries: told.iter().map(|source| source.deliveries).sum(),
        canaries: mint.canaries().count() as u64,
        records: out.records.len() as u64,
        released: out.released,
        sources: told,
        leaks,
        unseen,
        searched: findings.searched(),
        not_shown: NOT_SHOWN.into(),
    }
}

/// The records of a source, by the kind they say.
fn by_kind(records: &[Received], of: &Settings) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for record in records {
        let event: Value = serde_json::from_slice(&record.value).unwrap_or_default();
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("source").strip_prefix("/sources/") == Some(of.source.as_str()) {
            let kind =
                text("type").strip_prefix("video.").filter(|kind| Kind::parse(kind).is_some());
            *kinds.entry(kind.unwrap_or("(unknown)").to_owned()).or_default() += 1;
        }
    }
    kinds
}

fn boundary(settings: &Settings) -> report::Boundary {
    let policy = &settings.policy;
    let accepted = policy.accepted().iter().map(|risk| report::Risk {
        field: risk.field.clone(),
        kinds: risk.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        before: risk.before.as_str(),
        before_ranges: risk.before_ranges.clone(),
        now: risk.now.as_str(),
        now_ranges: risk.now_ranges.clone(),
        why: risk.why.clone(),
    });
    let shown = |pattern: &Option<regex::Regex>| pattern.as_ref().map(|p| p.as_str().to_owned());
    report::Boundary {
        policy_sha256: policy.hash(),
        accepted_risks: accepted.collect(),
        room_name: shown(&settings.room_name),
        artifact_key: shown(&settings.artifact_key),
        role_labels: settings.role_labels.clone(),
        on_violation: settings.on_violation.as_str(),
        recording: settings.recording.as_str(),
    }
}
