//! One provider's lane through the rooms: real payloads of about 1 KiB, each with an id of its own.

use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;

use hookgate::cli::fixture::Fixture;
use hookgate::clock::{Clock, Timestamp};
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::{SourceName, TenantName};
use hookgate::normalize::normalize;
use hookgate::providers::{Provider, Providers};
use hookgate::scrub::{Boundary, Clean, Keys, Settings};
use hookgate::secret::Secret;
use hookgate::verify::{ApiKey, Authentic, Credentials, SigningSecret, Verified, Verifier};

/// The secret of both lanes, as configured.
pub(crate) const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Another of the same form.
#[allow(dead_code, reason = "only the whole road is configured as an operator would")]
pub(crate) const OTHER_SECRET: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
/// The api key of the LiveKit lane.
pub(crate) const API_KEY: &str = "APIbench";

/// When the bench's deliveries are received.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_790_000_100_000);

/// One provider's lane: everything an event needs to get to the journal.
pub(crate) struct Lane {
    pub(crate) provider: Provider,
    pub(crate) verifier: Verifier,
    boundary: Boundary,
    body: Vec<u8>,
    /// Where the event's own id stands in the body, to be made another.
    id: std::ops::Range<usize>,
}

impl Lane {
    /// A lane of a provider: a stored request below `fixtures/`, and the id in its body.
    pub(crate) fn new(name: &str, request: &str, id: &str) -> Self {
        let provider = *Providers::standard().get(name).expect("a known provider");
        let signing = SigningSecret {
            label: "BENCH".to_owned(),
            secret: Secret::new(SECRET.as_bytes().to_vec()),
            not_after: None,
        };
        let mut credentials = Credentials::default();
        if name == "livekit" {
            credentials.keys = vec![ApiKey { api_key: API_KEY.to_owned(), signing }];
        } else {
            credentials.secrets = vec![signing];
        }
        let ready = (provider.build)(credentials, NOW).unwrap_or_else(|mistakes| {
            panic!("the bench's own settings are wrong: {mistakes:?}");
        });
        let keys = Keys::new(Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let (source, tenant) = (SourceName::new(name), TenantName::new("bench"));
        let settings = Settings {
            role_labels: vec!["Doctor".to_owned(), "Patient".to_owned()],
            ..Settings::new(source, tenant, provider.name)
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(request);
        let body = Fixture::read(&path).expect("a stored request").body;
        let at = body.windows(id.len()).position(|part| part == id.as_bytes()).expect("its id");
        Self {
            provider,
            verifier: Verifier::new(ready.scheme),
            boundary: Boundary::new(settings, &keys),
            body,
            id: at..at + id.len(),
        }
    }

    /// The body with an id of its own.
    pub(crate) fn body(&self, number: u64) -> Bytes {
        let mut body = self.body.clone();
        let text = format!("{number:0width$}", width = self.id.len());
        body[self.id.clone()].copy_from_slice(text.as_bytes());
        body.into()
    }

    /// The head that signs a body.
    pub(crate) fn head(&self, body: &[u8]) -> Head {
        self.head_at(body, NOW)
    }

    /// The head of a body that is signed and received then.
    pub(crate) fn head_at(&self, body: &[u8], now: Timestamp) -> Head {
        let peer = Peer::new(IpAddr::from([127, 0, 0, 1]));
        let head = Head::new(SourceName::new("bench"), now, peer, RequestId::fresh(1));
        let signed = self.verifier.scheme().sign(body, now);
        signed.into_iter().fold(head, |head, (name, value)| head.with(name, value.as_bytes()))
    }

    /// Proves a delivery.
    pub(crate) fn verify(&self, head: Head, body: Bytes) -> Verified {
        let claim = self.verifier.open(head).expect("a good head");
        let body = Body::new(body, usize::MAX).expect("a body");
        match self.verifier.verify(claim, body).expect("a good signature") {
            Authentic::Event(verified) => verified,
            Authentic::Ping(_) => panic!("a ping"),
        }
    }

    /// What its events cross.
    #[allow(dead_code, reason = "one bench looks at the boundary alone")]
    pub(crate) fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// Understands an event and takes it across the boundary.
    #[allow(dead_code, reason = "one bench looks at the boundary alone")]
    pub(crate) fn clean(&self, verified: &Verified) -> Clean {
        self.boundary.scrub(normalize(verified, self.provider.name, self.provider.dialect))
    }
}

/// Daily's documented event and one of LiveKit's as a real server posted it.
pub(crate) fn lanes() -> [Lane; 2] {
    let daily = "daily/participant.joined/request.http";
    let livekit = "livekit-call/004-participant_joined.http";
    [
        Lane::new("daily", daily, "22222222-bbbb-4bbb-8bbb-222222222222-1790000001961"),
        // Its first letter stays: an id of digits alone is none of LiveKit's, and would be a finding.
        Lane::new("livekit", livekit, "uPgy89U8Hhj"),
    ]
}

/// A whole request, signed now: the event of this number, the lanes in turn.
#[allow(dead_code, reason = "one bench looks at the rooms alone")]
pub(crate) fn request(lanes: &[Lane; 2], number: u64) -> Vec<u8> {
    let lane = &lanes[number as usize % lanes.len()];
    let body = lane.body(number);
    let mut head = format!(
        "POST /v1/webhooks/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        lane.provider.name,
        body.len()
    );
    for (name, value) in lane.verifier.scheme().sign(&body, Clock::system().now()) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", &body].concat()
}
