//! The chapters of a run: each fault alone, then all in random mixture.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hookgate::clock::Clock;
use rand::Rng;
use rand::seq::SliceRandom;

use crate::broker::Broker;
use crate::damage;
use crate::disk::Disk;
use crate::faults::Fault;
use crate::gate::{CREATE, House};
use crate::judge::{Leave, Verdict};
use crate::plan::Plan;
use crate::stand::Stand;
use crate::topics;

/// MiB of a disk of its own, at most.
const DISK_MIB: u64 = 4_096;

/// Bytes that a topic of the chapter `large` takes.
const SMALL_TOPIC: &str = "5000";

/// What a chapter is called and does.
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    plot: Plot,
}

enum Plot {
    /// Work, a fault, work, a fault, …
    Faults(Vec<Fault>),
    /// Everything, by chance.
    Mixture,
    /// The topics come after the deliveries.
    TopicsMissing,
    /// Some events are larger than their topic takes.
    TooLarge,
    /// The journal's files are damaged.
    Damage,
}

/// What all chapters share.
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) broker: Arc<Broker>,
    pub(crate) folder: PathBuf,
    pub(crate) seed: u64,
}

/// All of them, as often as the plan says.
pub(crate) fn all(plan: &Plan) -> Vec<Chapter> {
    let kills = [Fault::Kill, Fault::KillInStart, Fault::KillInDrain];
    let kills = kills.into_iter().cycle().take(plan.kills as usize).collect();
    let cuts = [Fault::PowerCut, Fault::PowerCutInStart];
    let cuts = cuts.into_iter().cycle().take(plan.power_cuts as usize).collect();
    let (outage, frozen) = (plan.outage, plan.frozen);
    let faults = |name, faults| Chapter { name, plot: Plot::Faults(faults) };
    let other = |name, plot| Chapter { name, plot };
    vec![
        faults("kills", kills),
        faults("stops", vec![Fault::Stop, Fault::Stop]),
        faults("broker", vec![Fault::KillWithoutBroker, Fault::BrokerKilled]),
        faults("frozen", vec![Fault::BrokerFrozen(frozen)]),
        faults("outage", vec![Fault::BrokerAway(outage)]),
        other("topics", Plot::TopicsMissing),
        other("large", Plot::TooLarge),
        faults("full", vec![Fault::DiskFull, Fault::DiskFull]),
        faults("fsync", vec![Fault::FsyncFails]),
        other("damage", Plot::Damage),
        faults("clock", vec![Fault::ClockSteps]),
        faults("descriptors", vec![Fault::NoDescriptors]),
        faults("power", cuts),
        other("mixture", Plot::Mixture),
    ]
}

impl Chapter {
    /// Runs it and judges.
    pub(crate) async fn run(&self, scene: Scene<'_>) -> Result<(Verdict, Leave)> {
        scene.broker.heal().await?;
        let stand = match &self.plot {
            Plot::Faults(faults) => self.alone(&scene, faults).await?,
            Plot::Mixture => self.mixture(&scene).await?,
            Plot::TopicsMissing => self.topics_missing(&scene).await?,
            Plot::TooLarge => self.too_large(&scene).await?,
            Plot::Damage => damage::run(self, &scene).await?,
        };
        let leave = stand.leave;
        Ok((stand.judged().await?, leave))
    }

    /// Where a chapter's gateway lives. `more` are lines of `[kafka]`.
    pub(crate) fn house(&self, scene: &Scene<'_>, more: &str, stepped: bool) -> Result<House> {
        let folder = scene.folder.join(self.name);
        self.house_with(scene, &folder.join("journal"), more, stepped)
    }

    fn house_with(
        &self,
        scene: &Scene<'_>,
        journal: &Path,
        more: &str,
        stepped: bool,
    ) -> Result<House> {
        let folder = scene.folder.join(self.name);
        let kafka = (scene.broker.address.as_str(), self.name);
        House::build(scene.plan, &folder, journal, kafka, more, stepped)
    }

    /// One on a disk of its own.
    fn house_on_disk(&self, scene: &Scene<'_>, stepped: bool) -> Result<(House, Option<Disk>)> {
        let folder = scene.folder.join(self.name);
        let disk = Disk::make(&folder, DISK_MIB)?;
        let house = self.house_with(scene, &disk.at.join("journal"), CREATE, stepped)?;
        Ok((house, Some(disk)))
    }

    async fn alone(&self, scene: &Scene<'_>, faults: &[Fault]) -> Result<Stand> {
        let on_disk = |fault: &Fault| {
            matches!(fault, Fault::DiskFull | Fault::PowerCut | Fault::PowerCutInStart)
        };
        let stepped = |fault: &Fault| matches!(fault, Fault::ClockSteps);
        let stepped = faults.iter().any(stepped);
        let place = if faults.iter().any(on_disk) {
            self.house_on_disk(scene, stepped)?
        } else {
            (self.house(scene, CREATE, stepped)?, None)
        };
        let mut stand = scene.stand(place, false, &[]).await?;
        for fault in faults {
            stand.work(150).await?;
            fault.strike(&mut stand).await?;
        }
        stand.work(150).await?;
        Ok(stand)
    }

    async fn mixture(&self, scene: &Scene<'_>) -> Result<Stand> {
        let place = self.house_on_disk(scene, true)?;
        let mut stand = scene.stand(place, false, &[]).await?;
        let clock = Clock::system();
        let began = clock.steady();
        let mut struck = Vec::new();
        let mut deck = Vec::new();
        loop {
            let gone = clock.steady().saturating_sub(began);
            if gone > Duration::from_secs(scene.plan.seconds) {
                break;
            }
            let work = stand.rng.random_range(0..300);
            stand.work(work).await?;
            if deck.is_empty() {
                deck = Fault::mixed(scene.plan.frozen).to_vec();
                deck.shuffle(&mut stand.rng);
            }
            let Some(fault) = deck.pop() else { break };
            struck.push(format!("{fault:?} at {} s", gone.as_secs()));
            let context = struck.join(", ");
            fault.strike(&mut stand).await.map_err(|error| error.context(context))?;
        }
        println!("{:<12}        {}", self.name, struck.join(", "));
        stand.work(150).await?;
        Ok(stand)
    }

    async fn topics_missing(&self, scene: &Scene<'_>) -> Result<Stand> {
        let house = self.house(scene, "", false)?;
        let mut stand = scene.stand((house, None), false, &[]).await?;
        stand.work(300).await?;
        let named = |status: u16, said: &serde_json::Value| {
            let reason = said["checks"]["kafka"]["reason"].as_str();
            status == 200 && reason.is_some_and(|reason| reason.contains("topics."))
        };
        stand.gate.until_readyz("a topic is missing, by its name", named).await?;
        let prefix = stand.house.prefix.clone();
        topics::make(&scene.broker.address, &prefix, &[]).await?;
        stand.work(300).await?;
        Ok(stand)
    }

    async fn too_large(&self, scene: &Scene<'_>) -> Result<Stand> {
        let limit = [("max.message.bytes", SMALL_TOPIC)];
        topics::make(&scene.broker.address, self.name, &limit).await?;
        let house = self.house(scene, "compression = \"none\"", false)?;
        let mut stand = scene.stand((house, None), true, &[]).await?;
        stand.leave.too_large = true;
        stand.work(1_000).await?;
        let refused = "hookgate_publish_failures_total{reason=\"too_large\"}";
        stand.gate.until_metric(refused, |count| count > 0.0).await?;
        Ok(stand)
    }
}

impl Scene<'_> {
    pub(crate) async fn stand(
        &self,
        place: (House, Option<Disk>),
        fat: bool,
        more: &[(&str, String)],
    ) -> Result<Stand> {
        Stand::start(self.plan, Arc::clone(&self.broker), place, fat, more, self.seed).await
    }
}
