//! One delivery over HTTP, and what its answer says.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url, redirect};
use serde::Deserialize;

use super::tally::Got;
use crate::bounds::{SEND_ANSWER, SEND_ANSWER_BYTES_MAX, SEND_CONNECT};
use crate::cli::client::{silence, trusting};
use crate::cli::{Failure, Trust};
use crate::clock::Clock;

/// Posts to one address over kept connections.
#[derive(Clone)]
pub(in crate::cli) struct Post {
    client: Client,
    url: Url,
    clock: Clock,
    /// Why the first that got no answer got none.
    why: Arc<OnceLock<&'static str>>,
}

/// A request as it goes out, ready to go twice.
#[derive(Clone)]
pub(in crate::cli) struct Letter {
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Bytes,
}

impl Letter {
    /// A body with its headers; those that cannot stand in a request are named.
    pub(in crate::cli) fn new<'a>(
        body: Vec<u8>,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> anyhow::Result<Self> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let bad = || format!("the header {name} cannot be sent");
            let header = HeaderName::from_bytes(name.as_bytes()).with_context(bad)?;
            map.insert(header, HeaderValue::from_str(value).with_context(bad)?);
        }
        Ok(Self { headers: map, body: body.into() })
    }
}

impl Post {
    /// A sender that keeps up to `connections` open.
    pub(in crate::cli) fn new(url: Url, connections: usize, clock: Clock) -> anyhow::Result<Self> {
        Self::of(builder(connections), url, clock)
    }

    /// The same, over TLS to whom these options trust.
    pub(super) fn trusting(
        mut url: Url,
        connections: usize,
        clock: Clock,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        let builder = trusting(builder(connections), trust, &mut url)?;
        Ok(Self::of(builder, url, clock)?)
    }

    fn of(builder: ClientBuilder, url: Url, clock: Clock) -> anyhow::Result<Self> {
        let client = builder.build().context("the HTTP client cannot be made")?;
        Ok(Self { client, url, clock, why: Arc::default() })
    }

    /// Where it posts to.
    pub(in crate::cli) fn address(&self) -> &Url {
        &self.url
    }

    /// Why nothing came back, and what to do, as far as that is known.
    pub(super) fn why(&self) -> String {
        self.why.get().map(|why| format!(": {why}")).unwrap_or_default()
    }

    /// Sends it and waits for the whole answer.
    pub(in crate::cli) async fn send(&self, letter: &Letter) -> (Got, Duration) {
        let begun = self.clock.steady();
        let got = self.answer(letter).await.unwrap_or_else(|error| {
            self.why.get_or_init(|| silence(&error, &self.url));
            Got::Silence
        });
        (got, self.clock.steady().saturating_sub(begun))
    }

    async fn answer(&self, letter: &Letter) -> reqwest::Result<Got> {
        let request = self.client.post(self.url.clone());
        let request = request.headers(letter.headers.clone()).body(letter.body.clone());
        let mut answer = request.send().await?;
        let status = answer.status().as_u16();
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            text.extend_from_slice(&chunk);
            if text.len() > SEND_ANSWER_BYTES_MAX {
                return Ok(Got::Status(status));
            }
        }
        let named: Option<Named<'_>> = serde_json::from_slice(&text).ok();
        Ok(Got::answer(status, named.map(|named| named.outcome)))
    }
}

fn builder(connections: usize) -> ClientBuilder {
    Client::builder()
        .pool_max_idle_per_host(connections)
        .connect_timeout(SEND_CONNECT)
        .timeout(SEND_ANSWER)
        // A redirect would lose the body; it is an answer to report.
        .redirect(redirect::Policy::none())
        .no_proxy()
}

#[derive(Deserialize)]
struct Named<'a> {
    outcome: &'a str,
}
