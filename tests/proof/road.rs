//! The rules of the road as a judge: signs as providers do, and says of any request whether it is
//! authentic and which event it is.

use std::net::IpAddr;

use bytes::Bytes;
use hookgate::bounds::BODY_BYTES_MAX_DEFAULT;
use hookgate::clock::{Clock, Timestamp};
use hookgate::config::Config;
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::SourceName;
use hookgate::normalize::normalize;
use hookgate::providers::Provider;
use hookgate::scrub::{Boundary, Clean};
use hookgate::verify::{Authentic, Verifier};

use super::wire::Message;

/// One source's.
pub(crate) struct Road {
    pub(crate) source: SourceName,
    pub(crate) route: String,
    provider: Provider,
    verifier: Verifier,
    boundary: Boundary,
}

impl Road {
    /// Every source's.
    pub(crate) fn all(config: Config) -> Vec<Self> {
        let keys = config.keys;
        let each = config.sources.into_iter().map(|source| Self {
            source: source.boundary.source.clone(),
            route: source.routes[0].clone(),
            provider: source.provider,
            verifier: Verifier::new(source.scheme),
            boundary: Boundary::new(source.boundary, &keys),
        });
        each.collect()
    }

    /// A whole request, signed now.
    pub(crate) fn signed(&self, body: &str) -> Vec<u8> {
        self.signed_at(body, now())
    }

    /// The same by another clock.
    pub(crate) fn signed_at(&self, body: &str, at: Timestamp) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\nHost: h\r\n", self.route);
        for (name, value) in self.verifier.scheme().sign(body.as_bytes(), at) {
            head += &format!("{name}: {value}\r\n");
        }
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// The event that a request must become; `None` for a forgery.
    pub(crate) fn judge(&self, request: &Message) -> Option<Clean> {
        self.judge_at(request, now())
    }

    /// The same for a request that comes at that time.
    pub(crate) fn judge_at(&self, request: &Message, at: Timestamp) -> Option<Clean> {
        let peer = Peer::new(IpAddr::from([127, 0, 0, 1]));
        let mut head = Head::new(self.source.clone(), at, peer, RequestId::fresh(1));
        for wanted in self.verifier.scheme().headers() {
            if let Some(value) = request.header(wanted) {
                head = head.with(wanted, value.as_bytes());
            }
        }
        let claim = self.verifier.open(head).ok()?;
        let body = Body::new(Bytes::copy_from_slice(&request.body), BODY_BYTES_MAX_DEFAULT);
        let Authentic::Event(verified) = self.verifier.verify(claim, body.ok()?).ok()? else {
            panic!("no fixture is a ping");
        };
        let event = normalize(&verified, self.provider.name, self.provider.dialect);
        Some(self.boundary.scrub(event))
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}
