//! `dev`: the whole road on this machine, with nothing to install.
//!
//! An embedded Kafka-protocol broker, a journal in a temporary folder, generated secrets, signed
//! fixture traffic of both providers through real HTTP, and what consumers receive, on the
//! terminal. The gateway is the one that `serve` runs, by a configuration of the same form; nothing
//! leaves the machine, and nothing is left behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use base64::prelude::{BASE64_STANDARD, Engine};
use clap::Args;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Failure, runtime};
use crate::app::{App, Parts, StartError};
use crate::bounds::DEV_READ_BEHIND;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::providers::Providers;
use crate::publish::{self, Embedded, Received, Tail};

mod counts;
mod paste;
mod screen;
mod sender;
mod story;

use counts::Counts;
use screen::Screen;
use sender::Sender;

/// How long and how fast.
#[derive(Debug, Args)]
pub struct Dev {
    /// End after this many seconds; otherwise keep serving
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Deliveries a second
    #[arg(long, value_name = "N", default_value_t = 4.0, value_parser = rate)]
    pub rate: f64,
    /// The port deliveries come in at
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Make no deliveries of its own
    #[arg(long)]
    pub no_traffic: bool,
}

/// Partitions of each embedded topic.
const PARTITIONS: i32 = 4;

/// Runs it.
///
/// # Errors
/// 1 where the port is taken or the broker cannot be started.
pub fn run(args: &Dev) -> Result<(), Failure> {
    crate::app::silence_panics();
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let broker = Embedded::start("video", PARTITIONS).context("the road cannot be shown")?;
    let keys = Keys::generate();
    let config = keys.config(args.port, broker.brokers(), folder.path())?;
    let kafka = config.kafka.clone();
    let forgers = Keys::generate().config(args.port, broker.brokers(), folder.path())?;
    runtime()?.block_on(async {
        let signers = keys.config(args.port, broker.brokers(), folder.path())?;
        let app =
            App::start(config, Parts::default()).await.map_err(|error| plainly(error, args))?;
        let sender = Sender::new(app.public(), signers.sources, forgers.sources)?;
        let mut screen = Screen::new();
        greet(&mut screen, &app, &broker);
        let arrived = read(kafka)?;
        show(args, app, sender, arrived, &broker, &mut screen).await
    })?;
    Ok(())
}

/// Shows deliveries and records until it is time to end, then the totals.
async fn show(
    args: &Dev,
    app: App,
    sender: Sender,
    mut arrived: mpsc::Receiver<Received>,
    broker: &Embedded,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    let mut counts = Counts::default();
    let mut ticks = interval(Duration::from_secs_f64(1.0 / args.rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut scenes = story::STORY.iter().copied().cycle().enumerate();
    let mut end = Box::pin(end(args.seconds));
    if args.no_traffic || args.seconds.is_none() {
        paste::lines(&sender, &app, broker, screen);
    }
    loop {
        tokio::select! {
            biased;
            () = &mut end => break,
            Some(record) = arrived.recv() => {
                counts.read(&record);
                screen.read(&record);
            }
            _ = ticks.tick(), if !args.no_traffic => {
                let Some((number, scene)) = scenes.next() else { break };
                let posted = sender.post(scene, (number / story::STORY.len()) as u64).await?;
                counts.posted(&posted);
                screen.posted(&posted);
            }
        }
    }
    screen.line("");
    // The listener closes at once here; what was accepted still arrives before the totals.
    let journal = app.journal().clone();
    let promised = counts.promised();
    let last = async {
        while counts.records() < promised {
            let Some(record) = arrived.recv().await else { break };
            counts.read(&record);
            screen.read(&record);
        }
    };
    let _ = tokio::time::timeout(DEV_READ_BEHIND, last).await;
    drop(journal);
    let stopped = app.drain().await;
    counts.show(&stopped, screen);
    Ok(())
}

fn greet(screen: &mut Screen, app: &App, broker: &Embedded) {
    screen.title("hookgate dev: the whole road on this machine, nothing leaves it");
    screen.entry("webhooks", &format!("http://{}/v1/webhooks/daily and /livekit", app.public()));
    screen.entry("health", &format!("http://{}/readyz and /metrics", app.admin()));
    screen.entry("kafka", &format!("{} (embedded, in memory)", broker.brokers()));
    screen.line("");
    screen.line(
        "  POST is what a provider says and how it is answered: 200 means on disk, with fsync.",
    );
    screen
        .line("  READ is what a consumer gets from Kafka: once, in order, and without the person.");
    screen.line("");
}

/// Ends after so many seconds, or when the terminal says so.
async fn end(seconds: Option<u64>) {
    let time = async {
        match seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Reads what consumers read, on a task of its own.
fn read(kafka: publish::Settings) -> anyhow::Result<mpsc::Receiver<Received>> {
    let (pass, arrived) = mpsc::channel(1_024);
    let tail = Tail::open(&kafka).context("the embedded broker does not answer")?;
    tokio::spawn(async move {
        while let Ok(record) = tail.next().await {
            if pass.send(record).await.is_err() {
                break;
            }
        }
    });
    Ok(arrived)
}

/// A port that is taken is the one thing that goes wrong on a good machine.
fn plainly(error: StartError, args: &Dev) -> anyhow::Error {
    let StartError::Port { listen, error, .. } = error else { return error.into() };
    let (port, next) = (listen.port(), args.port.saturating_add(1));
    anyhow::anyhow!(
        "port {port} cannot be opened ({error}): stop what listens there, or take another with \
         --port {next}"
    )
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of deliveries a second".to_owned())?;
    let fits = (0.01..=10_000.0).contains(&rate);
    fits.then_some(rate).ok_or_else(|| "from 0.01 to 10000 deliveries a second".to_owned())
}

/// The variables that the configuration's secrets come from, freshly made.
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn generate() -> Self {
        let names = ["IDENTITY_KEY", "PSEUDONYM_KEY", "DAILY_SECRET", "LIVEKIT_SECRET"];
        let fresh =
            |name: &str| (name.to_owned(), BASE64_STANDARD.encode(rand::random::<[u8; 32]>()));
        Self(names.map(fresh).into())
    }

    /// A configuration like any other, with these secrets.
    fn config(&self, port: u16, brokers: &str, folder: &Path) -> anyhow::Result<Config> {
        let text = format!(include_str!("dev.toml"), port = port, brokers = brokers);
        let now = Clock::system().now();
        let config = config::parse(&text, folder, &self.0, &Providers::standard(), now);
        config.context("the configuration of dev")
    }
}
