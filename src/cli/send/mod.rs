//! `send`: stored fixtures, signed the way the provider would and posted to a gateway.
//!
//! Promises: ids and times are made fresh for every repetition (see `fresh.rs`) unless
//! `--as-stored`; signatures always are, for a stored one is too old; forgeries and second copies
//! are sent in addition (see `plan.rs`); what comes back is held against what should. Exit code 1
//! when something else came back, 69 when the gateway did not answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Url;

use super::fixture::Fixture;
use super::{Failure, Global, configured, print, runtime};
use crate::bounds::SEND_CONCURRENCY_MAX;
use crate::clock::Clock;
use crate::config::Source;

pub(super) mod fresh;
mod plan;
pub(super) mod post;
pub(super) mod tally;

use fresh::{Freshness, freshen, newest};
use plan::{Plan, Turn};
use post::{Letter, Post};
use tally::{Got, Sent, Tally};

/// What to send, where to, and how.
#[derive(Debug, Args)]
pub struct Send {
    /// Stored requests (.http), or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The gateway; a URL without a path gets the source's own
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// The configuration that the gateway runs by
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The source to send as
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// Deliveries a second; without it as fast as they are answered
    #[arg(long, value_name = "N", value_parser = positive)]
    pub rate: Option<f64>,
    /// How often everything is sent; the fixtures of a room keep their order within a repetition
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = times)]
    pub repeat: u64,
    /// Connections at work; rooms and repetitions are spread over them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = connections)]
    pub concurrency: usize,
    /// Which part is sent a second time, from 0 to 1
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = ratio)]
    pub duplicate_ratio: f64,
    /// Which part is preceded by a forgery, from 0 to 1
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = ratio)]
    pub forge_ratio: f64,
    /// Send the bodies byte for byte as they are stored, under a new signature
    #[arg(long)]
    pub as_stored: bool,
    /// Which turns are doubled and forged; random without it, and printed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Sends it all and prints the summary.
///
/// # Errors
/// 78 for a configuration with mistakes, 69 when the gateway does not answer, 1 when something
/// unexpected came back.
pub fn run(args: &Send, global: &Global) -> Result<(), Failure> {
    let to = target(&args.to)?;
    let config = configured(&args.config)?;
    let names = config.sources.iter().map(|s| s.boundary.source.to_string());
    let names = names.collect::<Vec<_>>().join(", ");
    let mut sources = config.sources.into_iter();
    let Some(source) = sources.find(|s| s.boundary.source.as_str() == args.source) else {
        let text = format!("--source: the configuration knows {names}");
        return Err(Failure::Usage(text));
    };
    let url = address(to, &source);
    let fixtures = Fixture::read_all(&args.paths)?;
    let seed = args.seed.unwrap_or_else(rand::random);
    let ratios = (args.duplicate_ratio, args.forge_ratio);
    let plan = Plan::new(fixtures, args.repeat, ratios, seed);
    let clock = Clock::system();
    let newest = plan.fixtures.iter().filter_map(|f| newest(&f.body)).max();
    let now = clock.now().millis() / 1_000;
    let connections = args.concurrency.saturating_mul(2);
    let post = Post::trusting(url, connections, clock.clone(), &global.trust)?;
    let sender = Arc::new(Sender {
        post,
        shift: newest.map_or(0, |newest| now - newest),
        source,
        as_stored: args.as_stored,
        rate: args.rate,
        salt: rand::random(),
        slots: AtomicU64::new(0),
        answered: AtomicBool::new(false),
        bar: bar(plan.deliveries()),
        plan,
        clock,
    });
    let begun = sender.clock.steady();
    let tally = runtime()?.block_on(all(&sender, args.concurrency))?;
    let took = sender.clock.steady().saturating_sub(begun);
    sender.bar.finish_and_clear();
    report(tally, took, seed)
}

fn report(tally: Tally, took: Duration, seed: u64) -> Result<(), Failure> {
    let (unexpected, silent) = (tally.unexpected(), tally.silent());
    print(&format!("{}seed {seed}\n", tally.summary(took)))?;
    if silent > 0 {
        let text = anyhow!("{silent} deliveries got no answer");
        return Err(Failure::Unreachable(text));
    }
    if unexpected > 0 {
        let text = anyhow!("{unexpected} answers were not what they should be");
        return Err(Failure::Other(text));
    }
    Ok(())
}

/// What all lanes share.
struct Sender {
    plan: Plan,
    source: Source,
    post: Post,
    clock: Clock,
    as_stored: bool,
    /// How far moments move so that the newest is now, in seconds.
    shift: i64,
    salt: u64,
    rate: Option<f64>,
    /// Deliveries that have taken their place in time.
    slots: AtomicU64,
    /// Whether the gateway has answered at all.
    answered: AtomicBool,
    bar: ProgressBar,
}

/// Runs every lane to its end, or stops them all when nobody answers from the start.
async fn all(sender: &Arc<Sender>, lanes: usize) -> Result<Tally, Failure> {
    let mut running = tokio::task::JoinSet::new();
    for place in 0..lanes {
        let sender = Arc::clone(sender);
        running.spawn(async move { sender.lane(place, lanes).await });
    }
    let mut tally = Tally::default();
    while let Some(lane) = running.join_next().await {
        tally.merge(lane.context("a lane stopped")??);
    }
    Ok(tally)
}

impl Sender {
    async fn lane(&self, place: usize, lanes: usize) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        for turn in self.plan.lane(place, lanes) {
            self.turn(turn, &mut tally).await?;
            if tally.silent() > 0 && !self.answered.load(Ordering::Relaxed) {
                let text = anyhow!("{} does not answer{}", self.post.address(), self.post.why());
                return Err(Failure::Unreachable(text));
            }
        }
        Ok(tally)
    }

    async fn turn(&self, turn: Turn, tally: &mut Tally) -> Result<(), Failure> {
        let (sent, letter) = self.letter(turn)?;
        if self.plan.is_forged(turn) {
            // Before the original: a gate that kept its id would now take that for a duplicate.
            let (got, took) = self.send(&forged(&letter, turn)).await;
            tally.add(Sent::Forged, got, took);
        }
        if !self.plan.is_doubled(turn) {
            let (got, took) = self.send(&letter).await;
            tally.add(sent, got, took);
        } else if turn.number.is_multiple_of(2) {
            let (one, other) = tokio::join!(self.send(&letter), self.send(&letter));
            tally.add_pair(sent, one, other);
        } else {
            for sent in [sent, Sent::Duplicate] {
                let (got, took) = self.send(&letter).await;
                tally.add(sent, got, took);
            }
        }
        Ok(())
    }

    async fn send(&self, letter: &Letter) -> (Got, Duration) {
        if let Some(rate) = self.rate {
            let place = self.slots.fetch_add(1, Ordering::Relaxed);
            let due = Duration::from_secs_f64(place as f64 / rate);
            tokio::time::sleep(due.saturating_sub(self.clock.steady())).await;
        }
        let sent = self.post.send(letter).await;
        if sent.0 != Got::Silence {
            self.answered.store(true, Ordering::Relaxed);
        }
        self.bar.inc(1);
        sent
    }

    fn letter(&self, turn: Turn) -> anyhow::Result<(Sent, Letter)> {
        let fixture = self.plan.fixtures.get(turn.fixture);
        let fixture = fixture.context("no such fixture")?;
        let body = if self.as_stored {
            fixture.body.clone()
        } else {
            freshen(&fixture.body, &self.freshness(turn.repetition))
        };
        // A body without an id or a time is the same event each time, and may be a ping.
        let same = body == fixture.body;
        let sent = if same { Sent::Stored } else { Sent::Authentic };
        let signed = self.source.scheme.sign(&body, self.clock.now());
        let kept = ["content-type", "user-agent"]
            .into_iter()
            .filter_map(|name| Some((name, fixture.header(name)?)));
        let signature = signed.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = kept.chain(signature).collect();
        Ok((sent, Letter::new(body, headers)?))
    }

    /// Each repetition is a second older than the one before: some ids are made of nothing but a
    /// second, and must not meet.
    fn freshness(&self, repetition: u64) -> Freshness {
        let mut salt = [0; 16];
        let (first, second) = salt.split_at_mut(8);
        first.copy_from_slice(&self.salt.to_be_bytes());
        second.copy_from_slice(&repetition.to_be_bytes());
        let back = i64::try_from(repetition).unwrap_or(i64::MAX);
        Freshness { salt, seconds: self.shift.saturating_sub(back) }
    }
}

/// The same delivery as a forger would send it: the body changed after it was signed (and still
/// good JSON), or the signature changed.
fn forged(letter: &Letter, turn: Turn) -> Letter {
    let mut forged = letter.clone();
    if turn.number.is_multiple_of(2) {
        forged.body = [&letter.body[..], b" "].concat().into();
        return forged;
    }
    let signature = forged
        .headers
        .iter_mut()
        .filter(|(name, _)| !["content-type", "user-agent"].contains(&name.as_str()))
        .max_by_key(|(_, value)| value.len());
    if let Some((_, value)) = signature {
        let mut text = value.as_bytes().to_vec();
        let place = text.len().saturating_sub(10);
        if let Some(byte) = text.get_mut(place) {
            *byte = if *byte == b'a' { b'b' } else { b'a' };
        }
        if let Ok(changed) = text.as_slice().try_into() {
            *value = changed;
        }
    }
    forged
}

/// Read here and not by clap, which would repeat what it refuses: a password may stand in it.
fn target(text: &str) -> Result<Url, Failure> {
    let wrong = |rule: &str| Failure::Usage(format!("--to: {rule}"));
    let url = Url::parse(text)
        .map_err(|_| wrong("must be a URL (not shown), such as http://127.0.0.1:8080"))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => return Err(wrong("https needs hookgate to be built with the feature `tls`")),
        _ => return Err(wrong("must begin with http:// or https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        let rule = "must not hold a user or password (not shown): a delivery is known by its \
             signature; take out what stands before the @";
        return Err(wrong(rule));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its path: take out the ? or # and what follows"));
    }
    Ok(url)
}

fn address(mut to: Url, source: &Source) -> Url {
    if to.path() == "/" {
        to.set_path(source.routes.first().map_or("/", String::as_str));
    }
    to
}

/// On standard error; hidden where that is no terminal.
fn bar(deliveries: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}");
    let bar = ProgressBar::new(deliveries);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn ratio(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|r| (0.0..=1.0).contains(r));
    number.ok_or_else(|| "must be a number from 0 to 1, such as 0.1".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|r: &f64| r.is_finite() && *r >= 0.001);
    number.ok_or_else(|| "must be a number above 0, such as 100".to_owned())
}

fn times(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| "must be a whole number above 0".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|n| (1..=SEND_CONCURRENCY_MAX).contains(n));
    number.ok_or_else(|| format!("must be a whole number from 1 to {SEND_CONCURRENCY_MAX}"))
}
