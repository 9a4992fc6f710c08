//! From settings to the rooms themselves.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::StartError;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::edge::Routed;
use crate::event::Family;
use crate::intake::Source;
use crate::journal::Journal;
use crate::scrub::{Boundary, Keys, RULES};
use crate::telemetry::{Lists, SourceLabels, Telemetry};
use crate::verify::Refusal;
use crate::{config, courier, journal, publish};

fn lists() -> ([&'static str; Refusal::ALL.len()], &'static [&'static str]) {
    (Refusal::ALL.map(Refusal::as_str), courier::FAILURES)
}

/// The counters of a gateway.
pub(super) fn telemetry(kafka: &publish::Settings) -> Result<Telemetry, StartError> {
    let (refusals, failures) = lists();
    let lists = Lists { refusals: &refusals, rules: &RULES, failures };
    let topics = Family::ALL.map(|family| (family, kafka.topic(family)));
    Telemetry::new(&lists, &topics).map_err(|error| StartError::Defect(error.to_string()))
}

/// Gives each configured source its road.
pub(super) fn routed(
    sources: Vec<config::Source>,
    keys: &Keys,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Vec<Routed> {
    let (refusals, failures) = lists();
    let lists = Lists { refusals: &refusals, rules: &RULES, failures };
    let route = |source: config::Source| {
        let config::Source { routes, provider, scheme, boundary, rate } = source;
        let name = boundary.source.clone();
        let labels = scheme.secret_labels().into_iter().map(str::to_owned);
        let ends = scheme.secret_ends().into_iter().map(|end| end.map(|end| end.seconds()));
        let secrets = labels.zip(ends).collect();
        let meters = telemetry.source(&SourceLabels { source: &name, secrets }, &lists);
        let boundary = Boundary::new(boundary, keys);
        let source = Source::new(name, provider, scheme, boundary, rate, meters, clock.clone());
        Routed { source: Arc::new(source), paths: routes }
    };
    sources.into_iter().map(route).collect()
}

/// The journal's settings, with its commits counted.
pub(super) fn journal_settings(
    place: config::JournalSettings,
    server: &config::Server,
    telemetry: Arc<Telemetry>,
) -> journal::Settings {
    journal::Settings {
        dir: place.dir,
        instance: server.instance.clone(),
        retention: place.retention,
        on_commit: Arc::new(move |commit| {
            telemetry.gateway.append_seconds.record(commit.took.as_secs_f64());
            telemetry.gateway.batch_events.record(commit.events as f64);
        }),
    }
}

/// Opens the journal, its search file and the audit log under its lock, aside: they block.
pub(super) async fn open(
    settings: journal::Settings,
    clock: Clock,
) -> Result<(Journal, Audit), StartError> {
    let opened = spawn_blocking(move || {
        let dir = settings.dir.clone();
        let journal = Journal::open(settings, clock.clone())?;
        journal.start_search();
        Ok::<_, journal::OpenError>((journal, Audit::open(&dir, clock)))
    });
    let opened = opened.await;
    Ok(opened.map_err(|error| StartError::Defect(error.to_string()))??)
}
