//! The chapters of a run: each fault alone, then all in random mixture.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::broker::Broker;
use crate::faults::Fault;
use crate::gate::{CREATE, House};
use crate::judge::{Leave, Verdict};
use crate::plan::Plan;
use crate::stand::Stand;

/// What a chapter is called and does.
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    pub(crate) faults: Vec<Fault>,
}

/// All of them, as often as the plan says.
pub(crate) fn all(plan: &Plan) -> Vec<Chapter> {
    let kills = [Fault::Kill, Fault::KillInStart, Fault::KillInDrain];
    let kills = kills.into_iter().cycle().take(plan.kills as usize).collect();
    let chapter = |name, faults| Chapter { name, faults };
    vec![
        chapter("kills", kills),
        chapter("stops", vec![Fault::Stop, Fault::Stop]),
        chapter("broker", vec![Fault::BrokerKilled, Fault::BrokerAway(plan.outage)]),
        chapter("frozen", vec![Fault::BrokerFrozen(plan.frozen)]),
    ]
}

impl Chapter {
    /// Runs it and judges.
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        broker: Arc<Broker>,
        folder: &Path,
        seed: u64,
    ) -> Result<(Verdict, Leave)> {
        let folder = folder.join(self.name);
        let kafka = (broker.address.as_str(), self.name);
        let journal = folder.join("journal");
        let house = House::build(plan, &folder, &journal, kafka, CREATE, false)?;
        let mut stand = Stand::start(plan, Arc::clone(&broker), house, false, seed).await?;
        for fault in &self.faults {
            stand.work(150).await?;
            fault.strike(&mut stand).await?;
        }
        stand.work(150).await?;
        let leave = stand.leave;
        Ok((stand.judged().await?, leave))
    }
}
