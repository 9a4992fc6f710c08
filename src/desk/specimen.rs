//! A delivery as a test case: made up, signed with a secret that everybody may know, and the event
//! that it becomes.
//!
//! Promises: what is written down went through [`crate::scrub::madeup`] and nothing else did; the
//! event is made of what is written down, by the same road that a test of the stored requests takes
//! (`scrub::madeup::stage`), so that a folder of it is a test case as it stands.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::CapturedDelivery;
use crate::bounds::BODY_BYTES_MAX_DEFAULT;
use crate::clock::Timestamp;
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::event::SourceName;
use crate::intake::Source;
use crate::normalize::normalize;
use crate::providers::Provider;
use crate::scrub::Boundary;
use crate::scrub::madeup::{MadeUp, Maker, stage};
use crate::secret::Secret;
use crate::verify::{ApiKey, Authentic, Credentials, SigningSecret, Verified, Verifier};

/// Signs stored requests of providers with secrets.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Signs stored requests of providers with key pairs.
const PAIR: (&str, &str) = ("APIfixture", "fixture-secret-of-at-least-32-characters");

/// The road of stored requests of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Stage {
    provider: Provider,
    verifier: Arc<Verifier>,
    boundary: Arc<Boundary>,
}

impl Stage {
    /// A stage for a provider; `None` where neither a secret nor a key pair alone lets one sign.
    pub fn of(provider: &Provider) -> Option<Self> {
        let signing = |label: &str, secret: &str| SigningSecret {
            label: label.to_owned(),
            secret: Secret::new(secret.as_bytes().to_vec()),
            not_after: None,
        };
        let by_secret =
            Credentials { secrets: vec![signing("fixture", SECRET)], ..Credentials::default() };
        let pair = ApiKey { api_key: PAIR.0.to_owned(), signing: signing(PAIR.0, PAIR.1) };
        let by_pair = Credentials { keys: vec![pair], ..Credentials::default() };
        let build = |credentials| (provider.build)(credentials, Timestamp::default()).ok();
        let ready = build(by_secret).or_else(|| build(by_pair))?;
        Some(Self {
            provider: *provider,
            verifier: Arc::new(Verifier::new(ready.scheme)),
            boundary: Arc::new(Boundary::new(stage::settings(provider.name), &stage::keys())),
        })
    }

    /// The test case of a delivery of this source. `None` where its body is no event, or nothing
    /// can be made up of it.
    pub(super) fn specimen(
        &self,
        source: &Source,
        verified: &Verified,
        by: &Maker,
    ) -> Option<CapturedDelivery> {
        let Provider { name, dialect, .. } = self.provider;
        let made = source.boundary().made_up(&normalize(verified, name, dialect), by)?;
        let headers = self.verifier.scheme().sign(&made.body, made.received);
        let event = self.event(&headers, &made)?;
        Some(CapturedDelivery {
            request: self.request(&source.name, &headers, &made)?,
            name: made.name.unwrap_or_else(|| "unknown".to_owned()),
            event,
            passed_over: 0,
        })
    }

    fn request(
        &self,
        source: &SourceName,
        headers: &[(&'static str, String)],
        made: &MadeUp,
    ) -> Option<String> {
        let content = match self.provider.name.as_str() {
            "livekit" => "application/webhook+json",
            _ => "application/json",
        };
        let body = std::str::from_utf8(&made.body).ok()?;
        let mut request = format!(
            "POST /v1/webhooks/{source} HTTP/1.1\r\nHost: hooks.example.invalid\r\n\
             Content-Type: {content}\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            let parts = name.split('-').map(|part| {
                let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
                first.to_ascii_uppercase() + rest
            });
            let name = parts.collect::<Vec<_>>().join("-");
            write!(request, "{name}: {value}\r\n").ok()?;
        }
        Some(request + "\r\n" + body)
    }

    /// A body as it would come, signed and verified. `None` where it is no event.
    pub fn verified(&self, body: &[u8], received: Timestamp) -> Option<Verified> {
        self.taken(&self.verifier.scheme().sign(body, received), body, received)
    }

    fn taken(
        &self,
        headers: &[(&'static str, String)],
        body: &[u8],
        received: Timestamp,
    ) -> Option<Verified> {
        let source = self.boundary.settings().source.clone();
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let mut head = Head::new(source, received, peer, RequestId::fresh(1));
        for (name, value) in headers {
            head = head.with(name, value.as_bytes());
        }
        let claim = self.verifier.open(head).ok()?;
        let most = BODY_BYTES_MAX_DEFAULT.max(body.len());
        let body = Body::new(Bytes::copy_from_slice(body), most).ok()?;
        match self.verifier.verify(claim, body).ok()? {
            Authentic::Event(verified) => Some(verified),
            Authentic::Ping(_) => None,
        }
    }

    fn event(&self, headers: &[(&'static str, String)], made: &MadeUp) -> Option<String> {
        let verified = self.taken(headers, &made.body, made.received)?;
        let event = normalize(&verified, self.provider.name, self.provider.dialect);
        Some(stage::indented(self.boundary.scrub(event).value()))
    }
}
