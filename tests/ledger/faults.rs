//! What goes wrong, each by the means that the real thing has.

use std::time::Duration;

use anyhow::Result;

use crate::gate::Gate;
use crate::pace::pass;
use crate::stand::Stand;

/// One blow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// kill -9 while it works.
    Kill,
    /// kill -9 while it starts.
    KillInStart,
    /// kill -9 while it drains.
    KillInDrain,
    /// SIGTERM, and a new life.
    Stop,
    /// kill -9 of the broker, which is started again at once.
    BrokerKilled,
    /// No broker for so many seconds.
    BrokerAway(u64),
    /// A broker that neither answers nor hangs up, for so many seconds.
    BrokerFrozen(u64),
}

impl Fault {
    /// Strikes, and returns when the gateway takes deliveries again.
    pub(crate) async fn strike(self, stand: &mut Stand) -> Result<()> {
        match self {
            Self::Kill => {
                stand.moment(300).await;
                stand.gate.kill().await?;
                stand.rise().await
            }
            Self::KillInStart => {
                stand.gate.kill().await?;
                let mut gate = Gate::spawn(&stand.house, &[])?;
                stand.moment(400).await;
                gate.kill().await?;
                stand.rise().await
            }
            Self::KillInDrain => {
                stand.gate.signal("TERM").await?;
                stand.moment(900).await;
                stand.gate.kill().await?;
                stand.rise().await
            }
            Self::Stop => {
                stand.gate.stop().await?;
                stand.rise().await
            }
            Self::BrokerKilled => away(stand, Duration::ZERO).await,
            Self::BrokerAway(seconds) => away(stand, Duration::from_secs(seconds)).await,
            Self::BrokerFrozen(seconds) => {
                stand.broker.order("freeze").await?;
                pass(Duration::from_secs(seconds)).await;
                stand.broker.order("thaw").await?;
                stand.gate.until_published().await
            }
        }
    }
}

async fn away(stand: &mut Stand, wait: Duration) -> Result<()> {
    stand.broker.order("kill").await?;
    stand.work(50).await?;
    pass(wait).await;
    stand.broker.order("restart").await?;
    stand.gate.until_published().await
}
