//! Changing how the gateway runs while it does: reading the configuration again, and the wish to
//! stop.
//!
//! Promises: all or nothing, the new configuration is checked whole before anything of it holds;
//! one reload at a time, and each goes on to its end, whoever waits for it; no connection is
//! dropped, what is under way goes on with the source it began with. What only a restart changes
//! stays as it is and is named.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{self, watch};
use tokio::task::spawn_blocking;

use super::board::Panel;
use super::certificates::Certificates;
use super::{assembly, risks, tell_supervisor};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::{Config, Face, Mistakes, Server};
use crate::desk::{AcceptedRisk, Draining, InForce, Refusal, Reloaded, Running};
use crate::edge::{Keyring, Signpost};
use crate::event::{Mode, SourceName};
use crate::hold::{Keeper, Wishes};
use crate::intake::{Intake, Source, Sources};
use crate::journal::Journal;
use crate::scrub::Keys;
use crate::secret::Secret;
use crate::telemetry::Telemetry;

/// Reads the configuration again, from where it was read at the start. Blocks.
#[derive(Clone)]
pub struct Reread(Arc<dyn Fn() -> Result<Config, Mistakes> + Send + Sync>);

impl Reread {
    /// By this.
    pub fn new(read: impl Fn() -> Result<Config, Mistakes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for Reread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reread")
    }
}

/// What changes the running gateway.
pub(super) struct Helm {
    identity: Secret,
    /// There once everything stands.
    tackle: OnceLock<Tackle>,
    /// One reload at a time.
    turn: sync::Mutex<()>,
    force: Mutex<Force>,
    drain: watch::Sender<bool>,
}

/// What it changes it with.
pub(super) struct Tackle {
    pub(super) reread: Option<Reread>,
    pub(super) keys: Keys,
    pub(super) clock: Clock,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) intake: Arc<Intake>,
    pub(super) signpost: Signpost,
    pub(super) keyring: Keyring,
    pub(super) sources: Arc<Sources>,
    pub(super) panel: Arc<Panel>,
    pub(super) journal: Journal,
    pub(super) audit: Audit,
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) certificates: Arc<Certificates>,
}

/// What holds now.
struct Force {
    face: Face,
    told: InForce,
    stopping: Stopping,
    /// Why the risks that the configuration accepts are not in force.
    withheld: Option<String>,
}

/// How long a stop may take, from the signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopping {
    pub(super) grace: Duration,
    pub(super) deadline: Duration,
}

impl Stopping {
    pub(super) fn of(server: &Server) -> Self {
        Self { grace: server.drain_grace, deadline: server.drain_deadline }
    }
}

impl Helm {
    /// What a gateway starts with holds.
    pub(super) fn new(config: &Config) -> Self {
        let identity = config.keys.identity.clone();
        let face = config.face.clone();
        let fingerprint = face.fingerprint(&identity);
        let accepted_risks = risks::of(&config.sources);
        let told = InForce { fingerprint, warnings: lines(config), accepted_risks };
        let stopping = Stopping::of(&config.server);
        let force = Mutex::new(Force { face, told, stopping, withheld: None });
        Self {
            identity,
            tackle: OnceLock::new(),
            turn: sync::Mutex::default(),
            force,
            drain: watch::Sender::new(false),
        }
    }

    /// Everything stands: from now on it can be changed.
    pub(super) fn rig(&self, tackle: Tackle) {
        // It is rigged once, at the end of the start.
        let _ = self.tackle.set(tackle);
    }

    /// The risks that the configuration accepts are not in force, because they cannot be recorded.
    pub(super) fn withhold(&self, why: &Refusal) {
        tracing::error!(%why, "no accepted risk is in force: none can be recorded");
        let text = format!(
            "no accepted risk is in force, because none can be recorded ({why}): events leave as \
             without those rules; put the audit log in order, then start or reload again"
        );
        let mut force = self.force();
        force.told.accepted_risks.clear();
        force.withheld = Some(text);
    }

    /// Of the configuration in force.
    pub(super) fn fingerprint(&self) -> String {
        self.force().told.fingerprint.clone()
    }

    /// How long a stop may take now.
    pub(super) fn stopping(&self) -> Stopping {
        self.force().stopping
    }

    /// Waits until an operator asks for the stop.
    pub(super) async fn asked_to_stop(&self) {
        // The sender is ours and cannot be gone.
        let _ = self.drain.subscribe().wait_for(|asked| *asked).await;
    }

    async fn reload(&self, tackle: &Tackle, reread: &Reread) -> Result<Reloaded, Refusal> {
        let config = read(reread).await?;
        let (face, told) = {
            let force = self.force();
            (force.face.clone(), force.told.clone())
        };
        let InForce { fingerprint: before, accepted_risks: old, .. } = told;
        let mut difference = face.difference(&config.face);
        let face = face.reloaded(config.face.clone());
        let (warnings, accepted_risks) = (lines(&config), risks::of(&config.sources));
        let now = face.fingerprint(&self.identity);
        let stopping = Stopping::of(&config.server);
        let (public, admin) = (config.server.tls.clone(), config.admin.tls.clone());
        // Risks that could not be recorded until now are in no difference of settings.
        let is_late = now == before && accepted_risks != old;
        if now != before || is_late {
            tackle.apply(config, &accepted_risks, &old).await?;
        }
        if is_late {
            difference.changed.push("accepted risks are recorded and in force".to_owned());
        }
        let certificates = &tackle.certificates;
        let others = certificates.replace(public.as_ref(), admin.as_ref());
        difference.changed.extend(others);
        risks::say(&accepted_risks);
        let fingerprint = now.clone();
        let told = InForce { fingerprint, warnings: warnings.clone(), accepted_risks };
        *self.force() = Force { face, told, stopping, withheld: None };
        let (changed, needs_restart) = (difference.changed, difference.needs_restart);
        Ok(Reloaded { before, now, changed, needs_restart, warnings })
    }

    fn force(&self) -> MutexGuard<'_, Force> {
        self.force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running for Helm {
    fn drain(&self) -> Draining {
        self.drain.send_replace(true);
        let Stopping { grace, deadline } = self.stopping();
        Draining { grace_seconds: grace.as_secs_f64(), deadline_seconds: deadline.as_secs_f64() }
    }

    fn reload(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Result<Reloaded, Refusal>> + Send>> {
        // Of its own: who waits may go away, half a reload may not stay.
        let task = tokio::spawn(async move {
            let Some(tackle) = self.tackle.get() else {
                return Err(Refusal::Unavailable("the gateway is starting".to_owned()));
            };
            let Some(reread) = &tackle.reread else {
                let why = "this gateway was not started from a file: there is none to read again";
                return Err(Refusal::Conflict(why.to_owned()));
            };
            let _turn = self.turn.lock().await;
            if tackle.panel.is_stopping() {
                return Err(Refusal::Conflict("the gateway is stopping".to_owned()));
            }
            tell_supervisor(&begun());
            let reloaded = Helm::reload(&self, tackle, reread).await;
            tell_supervisor(&[NotifyState::Ready]);
            say(&reloaded);
            reloaded
        });
        Box::pin(async move { task.await.unwrap_or(Err(Refusal::Defect)) })
    }

    fn in_force(&self) -> InForce {
        let (mut told, withheld) = {
            let force = self.force();
            (force.told.clone(), force.withheld.clone())
        };
        told.warnings.extend(withheld);
        told.warnings.extend(self.tackle.get().into_iter().flat_map(Tackle::orphans));
        told
    }
}

impl Tackle {
    fn wish(&self, wishes: Wishes) {
        if let Some(keeper) = &self.keeper {
            keeper.wish(wishes);
        }
    }

    /// Sources that are on hold and have left the configuration.
    fn orphans(&self) -> Vec<String> {
        let (now, holds) = (self.sources.now(), self.journal.holds().borrow().clone());
        let left = |source: &SourceName| !now.iter().any(|known| known.name == *source);
        let text = |source: &SourceName| {
            format!(
                "source.{source}: has left the configuration on hold: its held events stay held \
                 until it is back with mode = \"live\""
            )
        };
        holds.each().filter(|(source, _)| left(source)).map(|(source, _)| text(source)).collect()
    }

    /// Brings a checked configuration into force, with these risks for those that were accepted.
    async fn apply(
        &self,
        config: Config,
        accepted: &[AcceptedRisk],
        old: &[AcceptedRisk],
    ) -> Result<(), Refusal> {
        let unchanged = |error: &dyn fmt::Display| {
            Refusal::Unavailable(format!("nothing was changed: {error}"))
        };
        // Before anything of it holds: what cannot be recorded is not done.
        risks::record(&self.audit, accepted).await.map_err(|error| unchanged(&error))?;
        let before = self.sources.now();
        let (keys, clock) = (&self.keys, &self.clock);
        let routed = assembly::routed(config.sources, keys, &self.telemetry, clock, &before);
        let sources = assembly::listed(&routed);
        let new = |source: &&Arc<Source>| !before.iter().any(|old| old.name == source.name);
        let came: Vec<_> = sources.iter().filter(new).cloned().collect();
        if !came.is_empty()
            && let Err(error) = self.panel.restore(&came).await
        {
            // They count from zero, as a source does that was never here.
            tracing::warn!(%error, "when the last events of new sources came cannot be read");
        }
        // Wished before they are held, or their keeper would let them out at once.
        let (wished, new) = (assembly::wishes(&before), assembly::wishes(&sources));
        let held = new.iter().filter(|(_, mode)| **mode == Mode::Hold);
        let mut first = wished.clone();
        first.extend(held.map(|(source, mode)| (source.clone(), *mode)));
        self.wish(first);
        // The one step that can fail, and the first that changes anything.
        if let Err(error) = assembly::hold(&self.journal, &sources).await {
            self.wish(wished);
            if let Err(why) = risks::record(&self.audit, old).await {
                tracing::error!(%why, "the audit log names risks that did not come into force");
            }
            return Err(unchanged(&error));
        }
        assembly::note_keys(&self.journal, keys, &sources).await;
        self.signpost.replace(routed, config.server.trusted_proxies);
        self.keyring.replace(config.admin.tokens, config.admin.clients);
        self.intake.log_accepted(config.telemetry.log_accepted);
        self.sources.replace(sources.clone());
        self.journal.keep_apart(config.journal.ages);
        self.wish(new);
        assembly::show_only(&self.telemetry, &sources);
        Ok(())
    }
}

fn lines(config: &Config) -> Vec<String> {
    config.warnings.iter().map(ToString::to_string).collect()
}

async fn read(reread: &Reread) -> Result<Config, Refusal> {
    let Reread(reading) = reread.clone();
    let read = spawn_blocking(move || reading()).await.map_err(|_panicked| Refusal::Defect)?;
    let each = |mistakes: Mistakes| mistakes.each().iter().map(ToString::to_string).collect();
    read.map_err(|mistakes| Refusal::Mistakes(each(mistakes)))
}

/// sd_notify(3): a reload is begun with the time of it.
fn begun() -> Vec<NotifyState<'static>> {
    let time = NotifyState::monotonic_usec_now().ok();
    [NotifyState::Reloading].into_iter().chain(time).collect()
}

fn say(reloaded: &Result<Reloaded, Refusal>) {
    match reloaded {
        Ok(reloaded) => {
            for change in &reloaded.changed {
                tracing::info!(%change, "changed by the reload");
            }
            for key in &reloaded.needs_restart {
                tracing::warn!(%key, "this change needs a restart and is not in force");
            }
            for warning in &reloaded.warnings {
                tracing::warn!(%warning, "the configuration allows what should be known");
            }
            let (before, now) = (&reloaded.before, &reloaded.now);
            tracing::info!(%before, fingerprint = %now, "the configuration was reloaded");
        }
        Err(Refusal::Mistakes(mistakes)) => {
            for mistake in mistakes {
                tracing::error!(%mistake, "a mistake in the new configuration");
            }
            tracing::error!("the reload was refused: nothing was changed");
        }
        Err(refusal) => {
            tracing::error!(why = %refusal, "the reload was refused: nothing was changed")
        }
    }
}
