//! From settings to the rooms themselves.

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::StartError;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::courier::Courier;
use crate::edge::{self, AdminSettings, Limits, Routed, Tls};
use crate::event::{Family, SourceName};
use crate::hold::{self, Keeper, Wishes};
use crate::intake::{Admission, Source, Sources, Terms};
use crate::journal::{AppendError, Journal};
use crate::replay::Replays;
use crate::scrub::detect::Detector;
use crate::scrub::{self, Boundary, FormerKey, Keys, RULES};
use crate::telemetry::{Lists, SourceLabels, Telemetry};
use crate::verify::{Refusal, Scheme};
use crate::{config, courier, desk, journal, publish, replay};

/// The closed lists that are counted by.
static REFUSALS: LazyLock<Vec<&str>> = LazyLock::new(|| Refusal::ALL.map(Refusal::as_str).into());
static DETECTORS: LazyLock<Vec<&str>> =
    LazyLock::new(|| Detector::ALL.map(Detector::as_str).into());

fn lists() -> Lists<'static> {
    let (refusals, detectors) = (REFUSALS.as_slice(), DETECTORS.as_slice());
    Lists { refusals, rules: &RULES, detectors, failures: courier::FAILURES }
}

/// The counters of a gateway.
pub(super) fn telemetry(kafka: &publish::Settings) -> Result<Telemetry, StartError> {
    let topics = Family::ALL.map(|family| (family, kafka.topic(family)));
    Telemetry::new(&lists(), &topics).map_err(|error| StartError::Defect(error.to_string()))
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
    let lists = lists();
    let route = |source: config::Source| {
        let former_from_root = source.former_from_root;
        let config::Source { routes, provider, scheme, boundary, rate, mode, capture, .. } = source;
        let boundary = if former_from_root { rooted(boundary, keys) } else { boundary };
        let name = boundary.source.clone();
        let meters = telemetry.source(&labels(&name, &*scheme), &lists);
        let same = before.iter().find(|old| old.name == name && old.admission.terms() == rate);
        let admission = match same {
            Some(old) => old.admission.clone(),
            None => Arc::new(Admission::new(rate, clock.clone())),
        };
        let boundary = Boundary::new(boundary, keys);
        let terms = Terms { name, provider, scheme, boundary, admission, mode };
        let source = Source::new(terms, meters).with_capture(capture);
        Routed { source: Arc::new(source), paths: routes }
    };
    sources.into_iter().map(route).collect()
}

/// Where a tenant's key before its own was derived from the root, that of the root in force: the
/// text may name another one, which only a restart brings.
fn rooted(mut boundary: scrub::Settings, keys: &Keys) -> scrub::Settings {
    if let Some(own) = &mut boundary.pseudonym_key {
        own.former = own.former.take().and_then(|former| {
            let key = keys.root_of(former.version)?.clone();
            Some(FormerKey { key, ..former })
        });
    }
    boundary
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

/// Notes under which keys the journal is written from now on, and says what in it none of them
/// recognizes. Before a delivery is taken; where it fails, deliveries are taken all the same.
pub(super) async fn note_keys(journal: &Journal, keys: &Keys, sources: &[Arc<Source>]) {
    let in_use = keys.in_use(sources.iter().map(|source| source.boundary().settings()));
    if let Err(error) = journal.written_under(in_use).await {
        tracing::warn!(%error, "the keys in use cannot be noted; the next start tries again");
    }
    let journal = journal.clone();
    match spawn_blocking(move || desk::key_alarms(&journal)).await {
        Ok(Ok(alarms)) => alarms.iter().for_each(|alarm| tracing::warn!("{alarm}")),
        Ok(Err(error)) => tracing::warn!(%error, "which keys were in use cannot be read"),
        Err(error) => tracing::error!(%error, "which keys were in use cannot be read"),
    }
}

/// What the public door is told.
pub(super) fn door(
    server: &config::Server,
    passed: Option<TcpListener>,
    tls: Option<Tls>,
    limits: &Limits,
) -> edge::Settings {
    edge::Settings {
        listen: server.listen,
        passed,
        tls,
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
    tls: Option<Tls>,
    limits: &Limits,
    clock: &Clock,
) -> AdminSettings {
    let config::Admin { listen, tokens, clients, .. } = admin;
    let (limits, clock) = (limits.clone(), clock.clone());
    AdminSettings { listen, passed, tls, limits, tokens, clients, clock }
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

/// What brings events to Kafka: live traffic, behind it what is published again, and the sources
/// on hold on their way out.
#[derive(Default)]
pub(super) struct Out {
    pub(super) courier: Option<Courier>,
    pub(super) replays: Option<Replays>,
    pub(super) keeper: Option<Arc<Keeper>>,
}

/// Starts it. The sources that are to be held are so already.
pub(super) async fn publishing(
    journal: &Journal,
    kafka: publish::Settings,
    clock: &Clock,
    telemetry: &Arc<Telemetry>,
    sources: &Sources,
) -> Result<Out, StartError> {
    let (journal, clock, telemetry) = (journal.clone(), clock.clone(), Arc::clone(telemetry));
    let courier =
        Courier::start(journal.clone(), kafka.clone(), clock.clone(), Arc::clone(&telemetry));
    let keeper = hold::Parts {
        journal: journal.clone(),
        settings: kafka.clone(),
        clock: clock.clone(),
        telemetry: Arc::clone(&telemetry),
        live: courier.status(),
    };
    let keeper = Keeper::start(keeper, wishes(&sources.now()));
    let (settings, live) = (kafka, courier.status());
    let replays = Replays::start(replay::Parts { journal, settings, clock, telemetry, live });
    let replays = Some(replays.await?);
    Ok(Out { courier: Some(courier), replays, keeper: Some(Arc::new(keeper)) })
}
