//! Bytes in, proof out: does the signature match these very bytes?
//!
//! Two steps. [`Verifier::open`] judges the head alone, so that what cannot be authentic is turned
//! away before its body is read; [`Verifier::verify`] judges head and body and gives out
//! [`Verified`], the only way onto the rest of the road. Signature first, age second; raw bytes
//! only; every comparison with a secret in it in constant time.
//!
//! One file per provider implements [`Scheme`]. A scheme says yes or no; the ticket is made here.
//! Why a delivery was refused is told to the log and the metrics, never to the sender.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{Body, Delivery, Head};
use crate::secret::Secret;

mod armor;
pub mod daily;
mod findings;
mod keyed;
pub mod livekit;

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A header that carries the signature is absent.
    Missing,
    /// A header that carries the signature cannot be read.
    Malformed,
    /// A header that carries the signature came twice with different values.
    Doubled,
    /// A token signed with another algorithm than the one that is accepted.
    WrongAlgorithm,
    /// A token of an api key that is not configured.
    UnknownKey,
    /// The signature does not match under any valid secret.
    WrongSignature,
    /// The signature is good, but over another body.
    BodyChanged,
    /// The signature is good, but too old.
    Expired,
    /// The signature is good, but from the future.
    NotYetValid,
    /// The source's secret is not known yet; only the ping is answered.
    AwaitingSecret,
}

impl Refusal {
    /// All of them, for metrics that exist at 0 from the start.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Malformed,
        Self::Doubled,
        Self::WrongAlgorithm,
        Self::UnknownKey,
        Self::WrongSignature,
        Self::BodyChanged,
        Self::Expired,
        Self::NotYetValid,
        Self::AwaitingSecret,
    ];

    /// The reason as the log and `hookgate_refused_total` name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Doubled => "doubled",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::WrongSignature => "wrong_signature",
            Self::BodyChanged => "body_changed",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::AwaitingSecret => "awaiting_secret",
        }
    }
}

/// What a head claims, kept until the body is there. Only [`Verifier::open`] gives one out.
#[derive(Debug)]
pub struct Claim {
    head: Head,
    claimed: Claimed,
}

impl Claim {
    /// The head that made the claim.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

/// A scheme's own note of what the head claims.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The digest or MAC that the body must give.
    pub digest: [u8; 32],
    /// Text that stands before the body in what was signed; empty where nothing does.
    pub prefix: Vec<u8>,
    /// The place of the secret that is known to have signed the head, where the head alone tells.
    pub signer: Option<usize>,
    /// The signed time, where the scheme has one.
    pub signed_at: Option<Timestamp>,
}

/// How a provider takes our refusals; the answers table follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// A 4xx other than 429 counts as delivered and is never sent again (LiveKit). What could be
    /// tried again is then answered 503.
    pub client_errors_are_final: bool,
    /// A few refusals silence the sender altogether (Daily's circuit breaker). What is over its
    /// rate is then taken as long as there is room.
    pub refusals_silence: bool,
}

/// How one provider signs. Pure: no clock, no I/O, no logging.
pub trait Scheme: Send + Sync + 'static {
    /// The headers it reads, in lower case.
    fn headers(&self) -> &'static [&'static str];

    /// Judges the head alone.
    fn open(&self, head: &Head) -> Result<Claimed, Refusal>;

    /// Judges the body against what the head claimed. The answer is the place of the secret that
    /// signed, as counted by [`Scheme::secret_labels`]; `None` where no secret was needed.
    fn prove(
        &self,
        claimed: &Claimed,
        received: Timestamp,
        body: &[u8],
    ) -> Result<Option<usize>, Refusal>;

    /// Whether this authentic body only tests the URL.
    fn is_ping(&self, body: &[u8]) -> bool;

    /// The labels of its secrets (variable, file or api key names; never values), in their order.
    fn secret_labels(&self) -> Vec<&str>;

    /// When each secret ends, in the order of the labels.
    fn secret_ends(&self) -> Vec<Option<Timestamp>>;

    /// Signs as the provider would with the first secret: for fixtures, `dev` and tests. The
    /// headers to send with these bytes.
    fn sign(&self, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)>;

    /// How the provider takes refusals.
    fn manners(&self) -> Manners;
}

/// One secret with the name it goes by.
#[derive(Clone, Debug)]
pub struct SigningSecret {
    /// The variable or file it came from; for a key pair the api key.
    pub label: String,
    /// The secret's text as configured.
    pub secret: Secret,
    /// After this it no longer verifies.
    pub not_after: Option<Timestamp>,
}

/// A key pair of a provider that names its key in the token.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The public half, compared with the token's `iss`.
    pub api_key: String,
    /// The secret half.
    pub signing: SigningSecret,
}

/// `signature_max_age` as configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxAge {
    /// Not configured: the scheme's own default.
    #[default]
    Default,
    /// `"off"`.
    Off,
    /// A duration.
    Within(Duration),
}

/// What the configuration says about a source's signatures. Each scheme checks what it takes.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// `secrets`
    pub secrets: Vec<SigningSecret>,
    /// `keys`
    pub keys: Vec<ApiKey>,
    /// `scheme`
    pub scheme: Option<String>,
    /// `awaiting_secret`
    pub awaiting_secret: bool,
    /// `signature_max_age`
    pub max_age: MaxAge,
}

/// A mistake in a source's settings: which key (below the source), and the rule with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key below `[[source]]`.
    pub key: String,
    /// What is wrong and what to write instead; never a secret.
    pub rule: String,
}

/// A scheme ready to verify, and what its owner should know at start.
pub struct Ready {
    /// The scheme.
    pub scheme: Box<dyn Scheme>,
    /// Warnings: short secrets, ended secrets, opt-in schemes without an age check.
    pub warnings: Vec<Mistake>,
}

/// Builds a provider's scheme from a source's settings at a given time.
pub type Build = fn(Credentials, Timestamp) -> Result<Ready, Vec<Mistake>>;

/// Proof that the signature matches these very bytes. Made only by [`Verifier::verify`].
#[derive(Debug)]
pub struct Verified {
    delivery: Delivery,
    signer: Option<usize>,
}

impl Verified {
    /// The delivery that is now believed.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The place of the secret that signed.
    pub fn signer(&self) -> Option<usize> {
        self.signer
    }
}

/// What an authentic delivery is.
#[derive(Debug)]
pub enum Authentic {
    /// An event, to be understood.
    Event(Verified),
    /// A test of the URL; nothing to keep. Which secret signed it, if one was needed.
    Ping(Option<usize>),
}

/// The verifier of one source.
pub struct Verifier {
    scheme: Box<dyn Scheme>,
}

impl Verifier {
    /// A verifier of this scheme.
    pub fn new(scheme: Box<dyn Scheme>) -> Self {
        Self { scheme }
    }

    /// The scheme, for what is not verification.
    pub fn scheme(&self) -> &dyn Scheme {
        &*self.scheme
    }

    /// Judges the head alone, before the body is read.
    pub fn open(&self, head: Head) -> Result<Claim, Refusal> {
        let claimed = self.scheme.open(&head)?;
        Ok(Claim { head, claimed })
    }

    /// Judges the whole delivery. Age is judged against the time the head was received, so that a
    /// kept delivery can be judged again later with the same result.
    pub fn verify(&self, claim: Claim, body: Body) -> Result<Authentic, Refusal> {
        let signer = self.scheme.prove(&claim.claimed, claim.head.received(), body.bytes())?;
        if self.scheme.is_ping(body.bytes()) {
            return Ok(Authentic::Ping(signer));
        }
        Ok(Authentic::Event(Verified { delivery: Delivery::new(claim.head, body), signer }))
    }
}
