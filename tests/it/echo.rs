//! A third provider, which exists in tests only: what adding one touches is all in this file.
//!
//! Its signature is the SHA-256 of secret and body. It panics when it is told to.

use hookgate::clock::Timestamp;
use hookgate::delivery::Head;
use hookgate::event::{Kind, ProviderName};
use hookgate::normalize::{At, Dialect, Draft, Reading, Word};
use hookgate::providers::Provider;
use hookgate::verify::{Claimed, Credentials, Manners, Mistake, Ready, Refusal, Scheme};
use sha2::{Digest, Sha256};

/// Its line in the registry.
pub(crate) const PROVIDER: Provider =
    Provider { name: ProviderName::new("echo"), build, dialect: &Speech };

struct Seal(Vec<u8>);

struct Speech;

fn build(credentials: Credentials, _now: Timestamp) -> Result<Ready, Vec<Mistake>> {
    let secret = credentials.secrets[0].secret.bytes().to_vec();
    Ok(Ready { scheme: Box::new(Seal(secret)), warnings: Vec::new() })
}

impl Seal {
    fn digest(&self, body: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(&self.0).chain_update(body).finalize().into()
    }
}

impl Scheme for Seal {
    fn headers(&self) -> &'static [&'static str] {
        &["x-echo-seal"]
    }

    fn open(&self, head: &Head) -> Result<Claimed, Refusal> {
        let seal = head.single("x-echo-seal").map_err(|_| Refusal::Doubled)?;
        let seal = seal.ok_or(Refusal::Missing)?;
        assert_ne!(seal, b"panic", "told to by the head");
        let seal = std::str::from_utf8(seal).map_err(|_| Refusal::Malformed)?;
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            let hex = seal.get(2 * place..2 * place + 2).ok_or(Refusal::Malformed)?;
            *byte = u8::from_str_radix(hex, 16).map_err(|_| Refusal::Malformed)?;
        }
        Ok(Claimed { digest, prefix: Vec::new(), signer: None, signed_at: None })
    }

    fn prove(
        &self,
        claimed: &Claimed,
        _received: Timestamp,
        body: &[u8],
    ) -> Result<Option<usize>, Refusal> {
        assert!(!body.starts_with(b"panic"), "told to by {}", String::from_utf8_lossy(body));
        let proven = self.digest(body) == claimed.digest;
        proven.then_some(Some(0)).ok_or(Refusal::WrongSignature)
    }

    fn is_ping(&self, body: &[u8]) -> bool {
        body == b"ping"
    }

    fn secret_labels(&self) -> Vec<&str> {
        vec!["ECHO"]
    }

    fn secret_ends(&self) -> Vec<Option<Timestamp>> {
        vec![None]
    }

    fn sign(&self, body: &[u8], _now: Timestamp) -> Vec<(&'static str, String)> {
        let seal = self.digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        vec![("x-echo-seal", seal)]
    }

    fn manners(&self) -> Manners {
        Manners { client_errors_are_final: false, refusals_silence: false }
    }
}

impl Dialect for Speech {
    fn read(&self, document: At<'_, '_>, draft: &mut Draft) -> Reading {
        draft.provider_id(document.get("id"));
        draft.text(Word::RoomName, document.get("room"));
        match document.get("said").text() {
            Some("opened") => Reading::Event(Kind::RoomStarted),
            Some(_) => Reading::Unknown,
            None => Reading::Malformed,
        }
    }

    fn knows(&self, key: &str) -> bool {
        matches!(key, "said" | "id" | "room")
    }

    fn is_open(&self, _key: &str) -> bool {
        false
    }
}
