//! What goes wrong, each by the means that the real thing has.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hookgate::clock::Clock;
use rand::Rng;

use crate::disk::{Disk, run};
use crate::pace::pass;
use crate::stand::Stand;
use crate::tracer::Tracer;

/// A gateway that is not ready by then after the disk has room does not recover by itself.
const RECOVERS_WITHIN: Duration = Duration::from_secs(60);

/// One blow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// kill -9 while it works.
    Kill,
    /// kill -9 while it starts.
    KillInStart,
    /// kill -9 while it drains.
    KillInDrain,
    /// kill -9 while there is no broker.
    KillWithoutBroker,
    /// SIGTERM, and a new life.
    Stop,
    /// kill -9 of the broker, which is started again at once.
    BrokerKilled,
    /// No broker for so many seconds.
    BrokerAway(u64),
    /// A broker that neither answers nor hangs up, for so many seconds.
    BrokerFrozen(u64),
    /// No room on the disk, and room again.
    DiskFull,
    /// Every fsync fails: the gateway must end, and a new one must go on.
    FsyncFails,
    /// The machine's power is gone, and comes back.
    PowerCut,
    /// It is gone again while the gateway starts.
    PowerCutInStart,
    /// The clock jumps ahead, back behind the start, and home.
    ClockSteps,
    /// No file descriptor left for new connections and files.
    NoDescriptors,
}

impl Fault {
    /// All that can strike a gateway on a disk and a clock of its own, in any order.
    pub(crate) const fn mixed(frozen: u64) -> [Self; 14] {
        [
            Self::Kill,
            Self::KillInStart,
            Self::KillInDrain,
            Self::KillWithoutBroker,
            Self::Stop,
            Self::BrokerKilled,
            Self::BrokerAway(3),
            Self::BrokerFrozen(frozen),
            Self::DiskFull,
            Self::FsyncFails,
            Self::PowerCut,
            Self::PowerCutInStart,
            Self::ClockSteps,
            Self::NoDescriptors,
        ]
    }

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
                stand.stir().await?;
                stand.gate.kill().await?;
                stand.rise().await
            }
            Self::KillInDrain => {
                stand.gate.signal("TERM").await?;
                stand.moment(900).await;
                stand.gate.kill().await?;
                stand.rise().await
            }
            Self::KillWithoutBroker => {
                stand.lose_broker().await?;
                stand.work(100).await?;
                stand.gate.kill().await?;
                stand.rise().await?;
                stand.work(100).await?;
                stand.return_broker();
                Ok(())
            }
            Self::Stop => {
                stand.gate.stop().await?;
                stand.rise().await
            }
            Self::BrokerKilled => away(stand, Duration::ZERO).await,
            Self::BrokerAway(seconds) => away(stand, Duration::from_secs(seconds)).await,
            Self::BrokerFrozen(seconds) => {
                stand.broker_back().await?;
                stand.broker.order("freeze").await?;
                pass(Duration::from_secs(seconds)).await;
                stand.broker.order("thaw").await.map(drop)
            }
            Self::DiskFull => disk_full(stand).await,
            Self::FsyncFails => fsync_fails(stand).await,
            Self::PowerCut => {
                stand.moment(300).await;
                power_cut(stand).await?;
                stand.rise().await
            }
            Self::PowerCutInStart => {
                stand.gate.kill().await?;
                stand.stir().await?;
                power_cut(stand).await?;
                stand.rise().await
            }
            Self::ClockSteps => clock_steps(stand).await,
            Self::NoDescriptors => no_descriptors(stand).await,
        }
    }
}

async fn away(stand: &mut Stand, wait: Duration) -> Result<()> {
    stand.lose_broker().await?;
    stand.work(50).await?;
    pass(wait).await;
    stand.gate.until_readyz("ready without a broker", |status, _| status == 200).await?;
    stand.return_broker();
    Ok(())
}

fn disk(stand: &Stand) -> Result<&Disk> {
    stand.disk.as_ref().context("this chapter has no disk of its own")
}

async fn disk_full(stand: &mut Stand) -> Result<()> {
    disk(stand)?.fill()?;
    let full = |status: u16, said: &serde_json::Value| {
        status == 503 && said["checks"]["journal"]["reason"] == "the disk is full"
    };
    stand.gate.until_readyz("the disk is full", full).await?;
    stand.shed(20).await?;
    let clock = Clock::system();
    disk(stand)?.free()?;
    let freed = clock.steady();
    stand.gate.until_readyz("ready again", |status, _| status == 200).await?;
    let took = clock.steady().saturating_sub(freed);
    ensure!(took < RECOVERS_WITHIN, "ready only {} ms after there was room", took.as_millis());
    Ok(())
}

async fn fsync_fails(stand: &mut Stand) -> Result<()> {
    let tracer = Tracer::fail_fsync(stand.gate.id()?).await?;
    let status = stand.gate.ended().await?;
    ensure!(status.code() == Some(1), "after failed fsyncs it ended with {status}");
    tracer.ended().await?;
    stand.rise().await
}

async fn power_cut(stand: &mut Stand) -> Result<()> {
    stand.gate.signal("STOP").await?;
    disk(stand)?.cut()?;
    stand.gate.kill().await?;
    disk(stand)?.recover()
}

async fn clock_steps(stand: &mut Stand) -> Result<()> {
    let hours = |stand: &mut Stand| stand.rng.random_range(1..9) * 3_600;
    let ahead = hours(stand);
    let behind = -hours(stand);
    for seconds in [ahead, behind, 0] {
        stand.step(seconds)?;
        stand.work(100).await?;
    }
    Ok(())
}

async fn no_descriptors(stand: &mut Stand) -> Result<()> {
    let id = stand.gate.id()?;
    let open = std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
    let limit = |soft: String| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &id.to_string(), &format!("--nofile={soft}")]);
        run(&mut prlimit).map(drop)
    };
    let found = std::fs::read_to_string(format!("/proc/{id}/limits"))?;
    let line = found.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).context("its limit")?;
    // Below what it has open: not one more.
    limit(format!("{}:", open.saturating_sub(1)))?;
    pass(Duration::from_secs(3)).await;
    limit(format!("{soft}:"))?;
    stand.gate.until_readyz("ready again", |status, _| status == 200).await.map(drop)
}
