//! The provider's side of `dev`: fresh, signed, and posted over real HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::story::{Scene, Twist};
use crate::cli::fixture::Fixture;
use crate::cli::send::fresh::{Freshness, freshen, newest};
use crate::cli::send::post::{Letter, Post};
use crate::cli::send::tally::Got;
use crate::clock::Clock;
use crate::config::Source;

/// Posts scenes as the providers would.
pub(super) struct Sender {
    clock: Clock,
    lanes: Vec<Lane>,
    salt: [u8; 8],
    /// When the first telling began, in seconds since the epoch.
    began: i64,
}

struct Lane {
    source: Source,
    forger: Source,
    post: Post,
}

/// One delivery and its answer.
pub(super) struct Posted {
    pub(super) scene: Scene,
    /// The name that the provider sent along.
    pub(super) person: Option<String>,
    pub(super) got: Got,
    /// From the first byte sent to the last byte read.
    pub(super) took: Duration,
}

impl Posted {
    /// The answer as a person reads it: status and outcome.
    pub(super) fn answer(&self) -> String {
        match self.got {
            Got::Outcome(taken @ ("accepted" | "duplicate" | "quarantined" | "ping")) => {
                format!("200 {taken}")
            }
            Got::Outcome(refused @ "bad_signature") => format!("401 {refused}"),
            Got::Outcome(other) => other.to_owned(),
            Got::Status(status) => status.to_string(),
            Got::Silence => "no answer".to_owned(),
        }
    }
}

impl Sender {
    /// A sender to this gateway, with the sources' own secrets and a forger's.
    pub(super) fn new(
        to: SocketAddr,
        sources: Vec<Source>,
        forgers: Vec<Source>,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let lane = |(source, forger): (Source, Source)| {
            let route = source.routes.first().context("a source has a route")?;
            let url = format!("http://{to}{route}").parse().context("the gateway's address")?;
            Ok(Lane { post: Post::new(url, 1, clock.clone())?, source, forger })
        };
        let lanes = sources.into_iter().zip(forgers).map(lane).collect::<anyhow::Result<_>>()?;
        let began = clock.now().millis() / 1_000;
        Ok(Self { lanes, salt: rand::random(), began, clock })
    }

    /// Posts one scene of the given telling of the story. Doubled scenes have the very bytes of
    /// their first time, because freshness comes from the telling alone.
    pub(super) async fn post(&self, scene: Scene, telling: u64) -> anyhow::Result<Posted> {
        let lane = self.lane(scene.source)?;
        let stored = Fixture::parse(Path::new(scene.name), scene.request)?;
        let body = freshen(&stored.body, &self.freshness(&stored.body, telling));
        let signer = if scene.twist == Twist::Forged { &lane.forger } else { &lane.source };
        let signed = signer.scheme.sign(&body, self.clock.now());
        let person = person(&body);
        let headers = signed.iter().map(|(name, value)| (*name, value.as_str()));
        let letter = Letter::new(body, headers)?;
        let (got, took) = lane.post.send(&letter).await;
        Ok(Posted { scene, person, got, took })
    }

    /// A delivery signed now, unlike any of the story, for a command line.
    pub(super) fn letter(&self, scene: Scene) -> anyhow::Result<Written> {
        let lane = self.lane(scene.source)?;
        let stored = Fixture::parse(Path::new(scene.name), scene.request)?;
        let body = freshen(&stored.body, &self.freshness(&stored.body, u64::MAX));
        Ok(Written {
            url: lane.post.address().to_string(),
            headers: lane.source.scheme.sign(&body, self.clock.now()),
            body: String::from_utf8(body)?,
        })
    }

    fn lane(&self, source: &str) -> anyhow::Result<&Lane> {
        let named = |lane: &&Lane| lane.source.boundary.source.as_str() == source;
        self.lanes.iter().find(named).with_context(|| format!("no source {source}"))
    }

    fn freshness(&self, body: &[u8], telling: u64) -> Freshness {
        let mut salt = [0; 16];
        salt.iter_mut()
            .zip(self.salt.into_iter().chain(telling.to_be_bytes()))
            .for_each(|(place, byte)| *place = byte);
        let seconds = self.began - newest(body).unwrap_or(self.began);
        Freshness { salt, seconds }
    }
}

/// A delivery to be pasted.
pub(super) struct Written {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// The name of a person in a body, to show what will not pass.
fn person(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let names = ["/payload/user_name", "/participant/name"];
    let name = names.iter().find_map(|path| body.pointer(path))?.as_str()?;
    Some(name.to_owned())
}
