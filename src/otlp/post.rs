//! One batch of spans over HTTP, and what became of it.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, redirect};

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
        let (dropped, why) = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                let rejected = rejected(answer).await.min(spans.len());
                (rejected, (rejected > 0).then(|| format!("it rejects {rejected} of them")))
            }
            Ok(answer) => (spans.len(), Some(format!("it answered {}", answer.status()))),
            Err(error) => (spans.len(), Some(broken(&error).to_owned())),
        };
        (self.counted)(Became::Sent, spans.len() - dropped);
        (self.counted)(Became::Dropped, dropped);
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

/// How many spans of a batch that it took as a whole a collector says that it rejects. An answer
/// that is longer than such a word can be, or is none, says so of nothing.
async fn rejected(mut answer: Response) -> usize {
    let mut read = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        if read.len() + part.len() > bounds::OTLP_ANSWER_BYTES_MAX {
            return 0;
        }
        read.extend_from_slice(&part);
    }
    let said = ExportTraceServiceResponse::decode(read.as_slice()).unwrap_or_default();
    let rejected = said.partial_success.map_or(0, |part| part.rejected_spans);
    usize::try_from(rejected).unwrap_or(0)
}

fn broken(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "it does not answer in time",
        error if error.is_connect() => "it cannot be reached",
        _ => "the connection broke",
    }
}
