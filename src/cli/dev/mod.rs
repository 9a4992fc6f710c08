//! `dev`: the whole road on this machine, with nothing to install.
//!
//! An embedded Kafka-protocol broker, a journal in a temporary folder, generated secrets, signed
//! fixture traffic of both providers through real HTTP, and what consumers receive, on the
//! terminal; then lines to paste, and what they bring. The gateway is the one that `serve` runs, by
//! a configuration of the same form; nothing leaves the machine, and nothing is left behind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use clap::Args;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Failure, runtime};
use crate::app::{App, Parts, Signals, StartError};
use crate::bounds;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::providers::Providers;
use crate::publish::{self, Embedded, Received, Tail};

mod counts;
mod paste;
mod screen;
mod sender;
mod stage;
mod story;

use sender::Sender;
use stage::Stage;

/// How long and how fast.
#[derive(Debug, Args)]
pub struct Dev {
    /// Repeat the story for this many seconds and end; otherwise tell it once and keep serving
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

impl Dev {
    /// How often the story is told: once, or for as long as there is time.
    fn tellings(&self) -> u64 {
        match (self.no_traffic, self.seconds) {
            (true, _) => 0,
            (false, None) => 1,
            (false, Some(_)) => u64::MAX,
        }
    }
}

/// Where things are.
struct Places {
    public: SocketAddr,
    admin: SocketAddr,
    brokers: String,
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
        let mut signals = Signals::new()?;
        let signers = keys.config(args.port, broker.brokers(), folder.path())?;
        let app =
            App::start(config, Parts::default()).await.map_err(|error| plainly(error, args))?;
        let sender = Sender::new(app.public(), signers.sources, forgers.sources)?;
        let places = Places {
            public: app.public(),
            admin: app.admin(),
            brokers: broker.brokers().to_owned(),
        };
        let mut stage = Stage::new(sender, read(kafka)?, app.journal().clone());
        stage.greet(&places);
        stage.run(args, &places, end(args.seconds, &mut signals)).await?;
        // The listener closes first, so that the totals have the last delivery too.
        let stopped = app.drain().await;
        stage.totals("Totals").await?;
        ensure!(!stopped.poisoned, "a write to the journal failed: is the temporary folder full?");
        Ok(())
    })?;
    Ok(())
}

/// Ends after so many seconds, or when the terminal says so.
async fn end(seconds: Option<u64>, signals: &mut Signals) {
    let time = async {
        match seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        () = signals.any() => {}
    }
}

/// Reads what consumers read, on a task of its own.
fn read(kafka: publish::Settings) -> anyhow::Result<mpsc::Receiver<Received>> {
    let (pass, arrived) = mpsc::channel(bounds::DEV_RECEIVED_RECORDS);
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
