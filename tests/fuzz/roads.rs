//! The rules of the road for one source of each provider, and the stored requests that go along it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookgate::bounds::BODY_BYTES_MAX_LIMIT;
use hookgate::cli::fixture::Fixture;
use hookgate::clock::Timestamp;
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::{SourceName, TenantName};
use hookgate::normalize::normalize;
use hookgate::providers::{Provider, Providers};
use hookgate::scrub::policy::Policy;
use hookgate::scrub::{Boundary, Clean, Keys, Settings};
use hookgate::secret::Secret;
use hookgate::verify::{ApiKey, Authentic, Credentials, Refusal, SigningSecret, Verifier};
use regex::Regex;

pub(crate) const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const LIVEKIT_SECRET: &str = "fixture-secret-of-at-least-32-characters";
pub(crate) const API_KEY: &str = "APIfixture";
/// Room names that may leave.
pub(crate) const ROOM_NAME: &str = "^(demo-room|consult-[0-9a-f]{8})$";
/// Storage keys that may leave.
pub(crate) const ARTIFACT_KEY: &str = "^recordings/[0-9a-f-]{36}/[A-Za-z0-9._-]+$";
pub(crate) const ROLE_LABELS: [&str; 3] = ["Doctor", "Patient", "Companion"];

/// The rules of one source.
pub(crate) struct Road {
    pub(crate) provider: Provider,
    pub(crate) verifier: Verifier,
    source: SourceName,
    boundary: Boundary,
}

impl Road {
    pub(crate) fn daily() -> Self {
        let secrets = vec![signing(DAILY_SECRET)];
        Self::of("daily", Credentials { secrets, ..Credentials::default() })
    }

    pub(crate) fn livekit() -> Self {
        let signing = signing(LIVEKIT_SECRET);
        let keys = vec![ApiKey { api_key: API_KEY.to_owned(), signing }];
        Self::of("livekit", Credentials { keys, ..Credentials::default() })
    }

    pub(crate) fn of(name: &str, credentials: Credentials) -> Self {
        let provider = *Providers::standard().get(name).unwrap();
        let ready = (provider.build)(credentials, Timestamp::from_millis(0));
        let ready = ready.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let source = SourceName::new(name);
        let settings = Settings {
            role_labels: ROLE_LABELS.map(str::to_owned).to_vec(),
            room_name: Some(Regex::new(ROOM_NAME).unwrap()),
            artifact_key: Some(Regex::new(ARTIFACT_KEY).unwrap()),
            ..Settings::new(source.clone(), TenantName::new("tenant-fixtures"), provider.name)
        };
        let boundary = Boundary::new(settings, &keys());
        Self { provider, verifier: Verifier::new(ready.scheme), source, boundary }
    }

    /// The same by another policy.
    pub(crate) fn with_policy(self, policy: Arc<Policy>) -> Self {
        let settings = Settings { policy, ..self.boundary.settings().clone() };
        Self { boundary: Boundary::new(settings, &keys()), ..self }
    }

    /// What the verifier makes of these header lines (names in lower case) and this body.
    pub(crate) fn judge<'l>(
        &self,
        lines: impl IntoIterator<Item = (&'l [u8], &'l [u8])>,
        body: &[u8],
        received: Timestamp,
    ) -> Result<Authentic, Refusal> {
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let mut head = Head::new(self.source.clone(), received, peer, RequestId::fresh(1));
        let wanted = self.verifier.scheme().headers();
        for (name, value) in lines {
            if let Some(name) = wanted.iter().find(|wanted| wanted.as_bytes() == name) {
                head = head.with(name, value);
            }
        }
        let claim = self.verifier.open(head)?;
        let body = Body::new(body.to_vec().into(), BODY_BYTES_MAX_LIMIT).unwrap();
        self.verifier.verify(claim, body)
    }

    /// The header lines that the provider would send with this body.
    pub(crate) fn sign(&self, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
        self.verifier.scheme().sign(body, now)
    }

    /// The event of a body, signed and taken across; and what is seen on the way when it is
    /// printed. `None` for the ping.
    pub(crate) fn take(&self, body: &[u8], received: Timestamp) -> Option<(Clean, String)> {
        let signed = self.sign(body, received);
        let lines = signed.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let Ok(Authentic::Event(verified)) = self.judge(lines, body, received) else {
            return None;
        };
        let event = normalize(&verified, self.provider.name, self.provider.dialect);
        let printed = format!("{verified:?} {event:?} {:?}", event.unreadable());
        Some((self.boundary.scrub(event), printed))
    }
}

fn keys() -> Keys {
    Keys::new(Secret::new(vec![0x11; 32]), Secret::new(vec![0x22; 32]))
}

pub(crate) fn signing(secret: &str) -> SigningSecret {
    SigningSecret {
        label: "SECRET".to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        not_after: None,
    }
}

pub(crate) fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)
}

/// Stored requests below a folder of `fixtures/`.
pub(crate) fn stored(folder: &str) -> Vec<Fixture> {
    Fixture::read_all(&[fixtures(folder)]).unwrap()
}

/// Their bodies.
pub(crate) fn bodies(folder: &str) -> Vec<Vec<u8>> {
    stored(folder).into_iter().map(|request| request.body).collect()
}
