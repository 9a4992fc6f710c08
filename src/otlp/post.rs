//! One batch of spans over HTTP, and what became of it.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, redirect};

use super::{Became, Counted, Settings, encode};
use crate::bounds;
use crate::trace::Span;

/// Posts to one collector over a kept connection.
pub(super) struct Post {
    client: Client,
    url: String,
    settings: Settings,
    counted: Counted,
    /// Whether the last batch was not taken.
    failing: bool,
}

impl Post {
    pub(super) fn new(settings: Settings, counted: Counted) -> reqwest::Result<Self> {
        let client = Client::builder()
            .pool_max_idle_per_host(1)
            .timeout(bounds::OTLP_REQUEST)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        let url = format!("{}/v1/traces", settings.endpoint.trim_end_matches('/'));
        Ok(Self { client, url, settings, counted, failing: false })
    }

    /// Sends a batch once.
    pub(super) async fn send(&mut self, spans: &[Span]) {
        let request: ExportTraceServiceRequest = encode::request(&self.settings.instance, spans);
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(request.encode_to_vec());
        let why = match request.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) if error.is_timeout() => Some("it does not answer in time".to_owned()),
            Err(error) if error.is_connect() => Some("it cannot be reached".to_owned()),
            Err(_) => Some("the connection broke".to_owned()),
        };
        (self.counted)(if why.is_none() { Became::Sent } else { Became::Dropped }, spans.len());
        self.tell(why);
    }

    /// Says what goes wrong once, and once that it is over.
    fn tell(&mut self, why: Option<String>) {
        let endpoint = &self.settings.endpoint;
        let before = std::mem::replace(&mut self.failing, why.is_some());
        match why {
            Some(why) if !before => tracing::warn!(
                endpoint,
                why,
                "the tracing collector takes no spans: they are dropped and counted"
            ),
            None if before => tracing::info!(endpoint, "the tracing collector takes spans again"),
            Some(_) | None => {}
        }
    }
}
