//! Stored requests against the verifiers: a real call is believed, each forgery is told apart.
//!
//! A refused fixture is a folder of `request.http`, `received.txt` (when its head came, in
//! milliseconds) and `expected.txt` (the reason, as the metrics name it). Each request is also
//! tried with a good signature over the same body, so that none is refused for another cause.

#![cfg(test)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hookgate::bounds::BODY_BYTES_MAX_DEFAULT;
use hookgate::cli::fixture::Fixture;
use hookgate::clock::Timestamp;
use hookgate::delivery::{Body, Head, Peer, RequestId};
use hookgate::event::SourceName;
use hookgate::providers::Providers;
use hookgate::secret::Secret;
use hookgate::verify::{ApiKey, Authentic, Credentials, Refusal, SigningSecret, Verifier};

const DAILY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LIVEKIT_SECRET: &str = "fixture-secret-of-at-least-32-characters";

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn signing(label: &str, secret: &str) -> SigningSecret {
    SigningSecret {
        label: label.to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        not_after: None,
    }
}

fn livekit_key(api_key: &str, secret: &str) -> Credentials {
    Credentials {
        keys: vec![ApiKey { api_key: api_key.to_owned(), signing: signing(api_key, secret) }],
        ..Credentials::default()
    }
}

fn verifier(provider: &str, credentials: Credentials) -> Verifier {
    let providers = Providers::standard();
    let build = providers.get(provider).unwrap().build;
    let ready = build(credentials, Timestamp::from_millis(0)).ok().unwrap();
    assert_eq!(ready.warnings, []);
    Verifier::new(ready.scheme)
}

fn judge<'a>(
    verifier: &Verifier,
    headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    body: &[u8],
    received: Timestamp,
) -> Result<Authentic, Refusal> {
    let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
    let mut head = Head::new(SourceName::new("fixture"), received, peer, RequestId::fresh(1));
    for wanted in verifier.scheme().headers() {
        for (_, value) in headers.clone().filter(|(name, _)| name == wanted) {
            head = head.with(wanted, value.as_bytes());
        }
    }
    let claim = verifier.open(head)?;
    let body = Body::new(Bytes::copy_from_slice(body), BODY_BYTES_MAX_DEFAULT).unwrap();
    verifier.verify(claim, body)
}

fn judge_fixture(
    verifier: &Verifier,
    fixture: &Fixture,
    received: Timestamp,
) -> Result<Authentic, Refusal> {
    let headers = fixture.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    judge(verifier, headers, &fixture.body, received)
}

fn judge_signed_anew(
    verifier: &Verifier,
    fixture: &Fixture,
    received: Timestamp,
) -> Result<Authentic, Refusal> {
    let signed = verifier.scheme().sign(&fixture.body, received);
    let headers = signed.iter().map(|(name, value)| (*name, value.as_str()));
    judge(verifier, headers, &fixture.body, received)
}

#[test]
fn every_request_of_a_real_livekit_call_verifies_in_its_time_and_not_a_day_later() {
    let verifier =
        verifier("livekit", livekit_key("holdoutkey", "holdout-secret-of-at-least-32-characters"));
    let call = Fixture::read_all(&[fixtures("livekit-call")]).unwrap();
    assert_eq!(call.len(), 13);
    for request in call {
        let name = request.name();
        let token = request.header("authorization").unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let start = Timestamp::from_millis(claims["nbf"].as_i64().unwrap() * 1_000);

        match judge_fixture(&verifier, &request, start) {
            Ok(Authentic::Event(verified)) => {
                assert_eq!(verified.signer(), Some(0), "{name}");
                assert_eq!(verified.delivery().body(), request.body, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        let later = start.plus(Duration::from_secs(86_400));
        let judged = judge_fixture(&verifier, &request, later);
        assert_eq!(judged.err(), Some(Refusal::Expired), "{name}");
    }
}

#[test]
fn every_forgery_is_refused_for_its_own_reason() {
    let daily =
        Credentials { secrets: vec![signing("DAILY", DAILY_SECRET)], ..Credentials::default() };
    let livekit = livekit_key("APIfixture", LIVEKIT_SECRET);
    for (provider, credentials, at_least) in [("daily", daily, 33), ("livekit", livekit, 48)] {
        let verifier = verifier(provider, credentials);
        let folder = fixtures("refused").join(provider);
        let forgeries = Fixture::read_all(&[folder]).unwrap();
        assert!(forgeries.len() >= at_least, "{provider} has lost cases");

        let mut wrong = BTreeMap::new();
        for forgery in &forgeries {
            let beside = |name| {
                let path = forgery.path.with_file_name(name);
                std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))
            };
            let received = Timestamp::from_millis(beside("received.txt").trim().parse().unwrap());
            let expected = beside("expected.txt").trim().to_owned();
            assert!(Refusal::ALL.iter().any(|r| r.as_str() == expected));
            let found = match judge_fixture(&verifier, forgery, received) {
                Ok(_) => "believed",
                Err(refusal) => refusal.as_str(),
            };
            if found != expected {
                wrong.insert(forgery.name(), (expected, found));
            }
            let signed = judge_signed_anew(&verifier, forgery, received);
            assert!(signed.is_ok(), "{provider}/{}: {signed:?}", forgery.name());
        }
        assert!(wrong.is_empty(), "{provider}: {wrong:#?}");
    }
}
