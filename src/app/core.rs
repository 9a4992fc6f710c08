//! What stands before a door is opened: the counters, the journal, what publishes, the desk.

use std::sync::Arc;

use super::StartError;
use super::assembly::{self, Out};
use super::board::Panel;
use super::certificates::Certificates;
use super::collecting::Collecting;
use super::helm::Helm;
use super::risks;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::{Admin, Config, Server};
use crate::contract::Contract;
use crate::courier::Courier;
use crate::desk::{self, Desk};
use crate::edge::Routed;
use crate::event::Family;
use crate::intake::Sources;
use crate::journal::Journal;
use crate::scrub::Keys;
use crate::telemetry::Telemetry;

/// The gateway without its doors.
pub(super) struct Core {
    pub(super) server: Server,
    pub(super) admin: Admin,
    pub(super) keys: Keys,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) routed: Vec<Routed>,
    pub(super) sources: Arc<Sources>,
    pub(super) journal: Journal,
    pub(super) panel: Arc<Panel>,
    pub(super) audit: Audit,
    pub(super) desk: Desk,
    pub(super) out: Out,
    pub(super) collecting: Collecting,
}

impl Core {
    /// Starts it, in this order. Without `publish` nothing goes to Kafka.
    pub(super) async fn start(
        config: Config,
        clock: &Clock,
        publish: bool,
        (helm, certificates): (&Arc<Helm>, &Arc<Certificates>),
    ) -> Result<Self, StartError> {
        let Config { server, admin, journal: place, kafka, keys, warnings, .. } = config;
        let told = config.telemetry;
        let mut sources = config.sources;
        for warning in &warnings {
            tracing::warn!(%warning, "the configuration allows what should be known");
        }
        let telemetry = Arc::new(assembly::telemetry(&kafka)?);
        let collecting = Collecting::start(told.otlp, &server.instance, &telemetry)?;
        let (delivery, retention) = (kafka.delivery, place.retention);
        let (settings, ages) = assembly::journal_settings(place, &server, telemetry.clone());
        let (journal, audit) = assembly::open(settings, ages, clock.clone()).await?;
        let accepted = risks::of(&sources);
        match risks::record(&audit, &accepted).await {
            Err(why) if !accepted.is_empty() => {
                risks::withhold(&mut sources);
                helm.withhold(&why);
            }
            // Without one nothing waits for the log; that it is of no use has been said.
            Ok(()) | Err(_) => risks::say(&accepted),
        }
        let routed = assembly::routed(sources, &keys, &telemetry, clock, &[]);
        let topics = Family::ALL.map(|family| (family, kafka.topic(family)));
        let framing = kafka.registry.as_ref().map(|registry| registry.framing);
        let sources = Arc::new(Sources::new(assembly::listed(&routed)));
        // Whether anything is published or not: before a delivery of theirs is taken.
        assembly::hold(&journal, &sources.now()).await?;
        assembly::note_keys(&journal, &keys, &sources.now()).await;
        let out = match publish {
            true => assembly::publishing(&journal, kafka, clock, &telemetry, &sources).await?,
            false => Out::default(),
        };
        let status = out.courier.as_ref().map(Courier::status);
        let panel = Panel::new(
            journal.clone(),
            status,
            telemetry.clone(),
            sources.clone(),
            certificates.clone(),
            clock,
        );
        let panel = Arc::new(panel);
        panel.restore(&sources.now()).await?;
        let desk = Desk::new(desk::Parts {
            journal: journal.clone(),
            sources: sources.clone(),
            contract: Contract { topics, framing },
            audit: audit.clone(),
            instruments: panel.instruments((delivery, retention), clock.now()),
            replays: out.replays.clone(),
            clock: clock.clone(),
            running: helm.clone(),
        });
        Ok(Self {
            server,
            admin,
            keys,
            telemetry,
            routed,
            sources,
            journal,
            panel,
            audit,
            desk,
            out,
            collecting,
        })
    }
}
