//! From settings to the rooms themselves.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::StartError;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::edge::{self, Limits, Routed};
use crate::event::{Family, SourceName};
use crate::hold::{self, Wishes};
use crate::intake::{Admission, Source, Terms};
use crate::journal::{AppendError, Journal};
use crate::scrub::{Boundary, Keys, RULES};
use crate::telemetry::{Lists, SourceLabels, Telemetry};
use crate::verify::{Refusal, Scheme};
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

/// Gives each configured source its road. One that was there `before` at the same rate keeps what
/// it has used of it.
pub(super) fn routed(
    sources: Vec<config::Source>,
    keys: &Keys,
    telemetry: &Telemetry,
    clock: &Clock,
    before: &[Arc<Source>],
) -> Vec<Routed> {
    let (refusals, failures) = lists();
    let lists = Lists { refusals: &refusals, rules: &RULES, failures };
    let route = |source: config::Source| {
        let config::Source { routes, provider, scheme, boundary, rate, mode, signing: _ } = source;
        let name = boundary.source.clone();
        let meters = telemetry.source(&labels(&name, &*scheme), &lists);
        let same = before.iter().find(|old| old.name == name && old.admission.terms() == rate);
        let admission = match same {
            Some(old) => old.admission.clone(),
            None => Arc::new(Admission::new(rate, clock.clone())),
        };
        let boundary = Boundary::new(boundary, keys);
        let terms = Terms { name, provider, scheme, boundary, admission, mode };
        Routed { source: Arc::new(Source::new(terms, meters)), paths: routes }
    };
    sources.into_iter().map(route).collect()
}

/// The sources alone.
pub(super) fn listed(routed: &[Routed]) -> Vec<Arc<Source>> {
    routed.iter().map(|routed| routed.source.clone()).collect()
}

/// What the configuration wishes of each source.
pub(super) fn wishes(sources: &[Arc<Source>]) -> Wishes {
    sources.iter().map(|source| (source.name.clone(), source.mode)).collect()
}

/// Puts those on hold that are to be. Before a delivery of theirs is taken.
pub(super) async fn hold(journal: &Journal, sources: &[Arc<Source>]) -> Result<(), AppendError> {
    let due = hold::due(&wishes(sources), &journal.holds().borrow());
    if due.is_empty() { Ok(()) } else { journal.hold(due).await }
}

/// What the public door is told.
pub(super) fn door(
    server: &config::Server,
    passed: Option<TcpListener>,
    limits: &Limits,
) -> edge::Settings {
    edge::Settings {
        listen: server.listen,
        passed,
        body_max: server.body_max,
        trusted_proxies: server.trusted_proxies.clone(),
        limits: limits.clone(),
    }
}

/// From now on series of these sources alone are shown.
pub(super) fn show_only(telemetry: &Telemetry, sources: &[Arc<Source>]) {
    let each = sources.iter().map(|source| labels(&source.name, source.scheme()));
    telemetry.only(&each.collect::<Vec<_>>());
}

fn labels<'a>(source: &'a SourceName, scheme: &dyn Scheme) -> SourceLabels<'a> {
    let labels = scheme.secret_labels().into_iter().map(str::to_owned);
    let ends = scheme.secret_ends().into_iter().map(|end| end.map(|end| end.seconds()));
    SourceLabels { source, secrets: labels.zip(ends).collect() }
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
