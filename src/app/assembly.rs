//! From settings to the rooms themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::StartError;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::courier::Courier;
use crate::edge::{AdminSettings, Limits, Routed};
use crate::event::{Family, SourceName};
use crate::intake::Source;
use crate::journal::Journal;
use crate::replay::Replays;
use crate::scrub::{Boundary, Keys, RULES};
use crate::telemetry::{Lists, SourceLabels, Telemetry};
use crate::verify::Refusal;
use crate::{config, courier, journal, publish, replay};

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
        let config::Source { routes, provider, scheme, boundary, rate, capture } = source;
        let name = boundary.source.clone();
        let labels = scheme.secret_labels().into_iter().map(str::to_owned);
        let ends = scheme.secret_ends().into_iter().map(|end| end.map(|end| end.seconds()));
        let secrets = labels.zip(ends).collect();
        let meters = telemetry.source(&SourceLabels { source: &name, secrets }, &lists);
        let boundary = Boundary::new(boundary, keys);
        let source = Source::new(name, provider, scheme, boundary, rate, meters, clock.clone());
        let source = source.with_capture(capture);
        Routed { source: Arc::new(source), paths: routes }
    };
    sources.into_iter().map(route).collect()
}

/// Sources that are kept for a time of their own.
type Ages = Vec<(SourceName, Duration)>;

/// The journal's settings, with its commits counted, and what is kept for another time.
pub(super) fn journal_settings(
    place: config::JournalSettings,
    server: &config::Server,
    telemetry: Arc<Telemetry>,
) -> (journal::Settings, Ages) {
    let settings = journal::Settings {
        dir: place.dir,
        instance: server.instance.clone(),
        retention: place.retention,
        on_commit: Arc::new(move |commit| {
            telemetry.gateway.append_seconds.record(commit.took.as_secs_f64());
            telemetry.gateway.batch_events.record(commit.events as f64);
        }),
    };
    (settings, place.ages)
}

/// How the admin listener is opened.
pub(super) fn admin_settings(
    admin: config::Admin,
    passed: Option<std::net::TcpListener>,
    limits: &Limits,
    clock: &Clock,
) -> AdminSettings {
    let config::Admin { listen, tokens, .. } = admin;
    AdminSettings { listen, passed, limits: limits.clone(), tokens, clock: clock.clone() }
}

/// Opens the journal, its search file and the audit log under its lock, aside: they block.
pub(super) async fn open(
    settings: journal::Settings,
    ages: Ages,
    clock: Clock,
) -> Result<(Journal, Audit), StartError> {
    let opened = spawn_blocking(move || {
        let dir = settings.dir.clone();
        let journal = Journal::open(settings, clock.clone())?;
        journal.keep_apart(ages);
        journal.start_search();
        Ok::<_, journal::OpenError>((journal, Audit::open(&dir, clock)))
    });
    let opened = opened.await;
    Ok(opened.map_err(|error| StartError::Defect(error.to_string()))??)
}

/// What brings events to Kafka: live traffic, and behind it what is published again.
pub(super) async fn publishing(
    journal: &Journal,
    kafka: publish::Settings,
    clock: &Clock,
    telemetry: &Arc<Telemetry>,
) -> Result<(Option<Courier>, Option<Replays>), StartError> {
    let (journal, clock, telemetry) = (journal.clone(), clock.clone(), Arc::clone(telemetry));
    let courier =
        Courier::start(journal.clone(), kafka.clone(), clock.clone(), Arc::clone(&telemetry));
    let (settings, live) = (kafka, courier.status());
    let replays = Replays::start(replay::Parts { journal, settings, clock, telemetry, live });
    Ok((Some(courier), Some(replays.await?)))
}
