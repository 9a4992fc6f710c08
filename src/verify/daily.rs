//! Daily.co's signatures: HMAC-SHA256 over `timestamp.body`, in two headers.
//!
//! The key is the base64-decoded secret, the signature is base64, and the timestamp is signed as
//! the very text of its header; its unit is not documented and was seen to be milliseconds. Daily
//! names no key, so every secret valid when the delivery came is tried. The ping that a new
//! webhook begins with is signed like any event, but may come before its secret is known:
//! `awaiting_secret` is for that moment, and answers exactly that body and no other.
//!
//! `scheme = "hex"` is an opt-in for senders and proxies that follow a widespread guess at Daily's
//! scheme. It signs no time, so an old delivery stays valid as long as its secret.

use std::time::Duration;

use super::findings::Findings;
use super::keyed::Keyed;
use super::{Claimed, Credentials, Manners, MaxAge, Mistake, Ready, Refusal, Scheme, armor};
use crate::bounds::{SIGNATURE_AHEAD_MAX, SIGNATURE_MAX_AGE_ADVISED, SIGNATURE_MAX_AGE_DEFAULT};
use crate::clock::Timestamp;
use crate::delivery::Head;
use crate::secret::Secret;

const SIGNATURE: &str = "x-webhook-signature";
const TIMESTAMP: &str = "x-webhook-timestamp";
const HEX_SIGNATURE: &str = "x-daily-signature";

/// What Daily posts when a webhook is created or changed: these bytes, without an envelope.
const PING: &[u8] = br#"{"test":"test"}"#;

/// A timestamp above this is in milliseconds, else in seconds; as seconds it is the year 5138.
const SECONDS_MAX: i64 = 100_000_000_000;

/// Builds the scheme of a Daily source.
pub fn build(credentials: Credentials, now: Timestamp) -> Result<Ready, Vec<Mistake>> {
    let mut findings = Findings::default();
    if !credentials.keys.is_empty() {
        findings.mistake("keys", "Daily names no key in its requests; use `secrets`");
    }
    let form = form(&credentials, &mut findings);
    if credentials.secrets.is_empty() && !credentials.awaiting_secret {
        findings.mistake(
            "secrets",
            "a Daily source needs at least one secret, the webhook's `hmac`; while it is being \
             registered and has none yet, set `awaiting_secret = true`",
        );
    }
    findings.count("secrets", credentials.secrets.len());
    let mut secrets = Vec::with_capacity(credentials.secrets.len());
    for signing in credentials.secrets {
        match form.key(&signing.secret) {
            Some(key) => secrets.extend(findings.key("secrets", signing, key.bytes(), now)),
            None => findings.mistake(
                "secrets",
                format!(
                    "{} is not base64; give the webhook's `hmac` as Daily shows it",
                    signing.label
                ),
            ),
        }
    }
    findings.settle(Daily { secrets, form, awaiting_secret: credentials.awaiting_secret })
}

fn form(credentials: &Credentials, findings: &mut Findings) -> Form {
    match credentials.scheme.as_deref() {
        None => Form::Timed { max_age: max_age(credentials.max_age, findings) },
        Some("hex") => {
            if credentials.max_age != MaxAge::Default {
                findings.mistake(
                    "signature_max_age",
                    "with `scheme = \"hex\"` no time is signed, so no age can be judged; remove it",
                );
            }
            findings.warning(
                "scheme",
                "\"hex\" signs no time: a delivery that was overheard stays valid as long as its \
                 secret; Daily itself does not sign so",
            );
            Form::Hex
        }
        Some(_) => {
            findings
                .mistake("scheme", "the only choice is \"hex\"; remove it for Daily's own scheme");
            // Judges the rest as Daily's own, so that its mistakes are found with this one.
            Form::Timed { max_age: max_age(credentials.max_age, findings) }
        }
    }
}

fn max_age(configured: MaxAge, findings: &mut Findings) -> Option<Duration> {
    match configured {
        MaxAge::Off => None,
        MaxAge::Default => Some(SIGNATURE_MAX_AGE_DEFAULT),
        MaxAge::Within(age) => {
            if age.is_zero() {
                findings.mistake(
                    "signature_max_age",
                    "at 0 every delivery is too old; write \"2h\", or \"off\"",
                );
            } else if age < SIGNATURE_MAX_AGE_ADVISED {
                findings.warning(
                    "signature_max_age",
                    "Daily's last retry can be 75 minutes old, and three refusals silence its \
                     whole domain; the default of \"2h\" leaves room for it",
                );
            }
            Some(age)
        }
    }
}

/// How the signature is written and what it is over.
enum Form {
    /// Daily's own: over a time and the body.
    Timed { max_age: Option<Duration> },
    /// Over the body alone, in hexadecimal.
    Hex,
}

impl Form {
    /// The key that the secret's text stands for; `None` if it cannot be read.
    fn key(&self, secret: &Secret) -> Option<Secret> {
        match self {
            Self::Timed { .. } => armor::lenient(secret.bytes()).map(Secret::new),
            Self::Hex => Some(Secret::new(armor::line(secret.bytes()).to_vec())),
        }
    }

    fn open(&self, head: &Head) -> Result<Claimed, Refusal> {
        match self {
            Self::Timed { .. } => {
                let signature = header(head, SIGNATURE)?;
                let timestamp = header(head, TIMESTAMP)?;
                Ok(Claimed {
                    digest: armor::standard_32(signature).ok_or(Refusal::Malformed)?,
                    prefix: [timestamp, b"."].concat(),
                    signer: None,
                    signed_at: Some(moment(timestamp).ok_or(Refusal::Malformed)?),
                })
            }
            Self::Hex => Ok(Claimed {
                digest: armor::hex_32(header(head, HEX_SIGNATURE)?).ok_or(Refusal::Malformed)?,
                prefix: Vec::new(),
                signer: None,
                signed_at: None,
            }),
        }
    }

    fn judge_age(&self, signed_at: Option<Timestamp>, received: Timestamp) -> Result<(), Refusal> {
        let (Self::Timed { max_age }, Some(signed_at)) = (self, signed_at) else {
            return Ok(());
        };
        if signed_at.since(received) > SIGNATURE_AHEAD_MAX {
            return Err(Refusal::NotYetValid);
        }
        if max_age.is_some_and(|max| received.since(signed_at) > max) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }
}

/// The header, which must be there once.
fn header<'a>(head: &'a Head, name: &str) -> Result<&'a [u8], Refusal> {
    match head.single(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Refusal::Missing),
        Err(_) => Err(Refusal::Doubled),
    }
}

/// The moment a timestamp header means: digits alone, their unit told by their magnitude.
fn moment(text: &[u8]) -> Option<Timestamp> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Timestamp::from_millis(if number > SECONDS_MAX { number } else { number * 1_000 }))
}

/// How one Daily source verifies.
struct Daily {
    secrets: Vec<Keyed>,
    form: Form,
    awaiting_secret: bool,
}

impl Daily {
    fn judge(&self, claimed: &Claimed, received: Timestamp, body: &[u8]) -> Result<usize, Refusal> {
        let signed = |secret: &Keyed| {
            secret.valid_at(received) && secret.signed(&claimed.prefix, body, &claimed.digest)
        };
        match self.secrets.iter().position(signed) {
            Some(signer) => self.form.judge_age(claimed.signed_at, received).map(|()| signer),
            None if self.awaiting_secret => Err(Refusal::AwaitingSecret),
            None => Err(Refusal::WrongSignature),
        }
    }
}

impl Scheme for Daily {
    fn headers(&self) -> &'static [&'static str] {
        match self.form {
            Form::Timed { .. } => &[SIGNATURE, TIMESTAMP],
            Form::Hex => &[HEX_SIGNATURE],
        }
    }

    fn open(&self, head: &Head) -> Result<Claimed, Refusal> {
        match self.form.open(head) {
            // The body decides. A digest of zeros stands for one that cannot be read: a claim like
            // any other forger's, and as unlikely.
            Err(_) if self.awaiting_secret => {
                Ok(Claimed { digest: [0; 32], prefix: Vec::new(), signer: None, signed_at: None })
            }
            opened => opened,
        }
    }

    fn prove(
        &self,
        claimed: &Claimed,
        received: Timestamp,
        body: &[u8],
    ) -> Result<Option<usize>, Refusal> {
        match self.judge(claimed, received, body) {
            Err(_) if self.awaiting_secret && self.is_ping(body) => Ok(None),
            judged => judged.map(Some),
        }
    }

    fn is_ping(&self, body: &[u8]) -> bool {
        body == PING
    }

    fn secret_labels(&self) -> Vec<&str> {
        self.secrets.iter().map(Keyed::label).collect()
    }

    fn secret_ends(&self) -> Vec<Option<Timestamp>> {
        self.secrets.iter().map(Keyed::not_after).collect()
    }

    fn sign(&self, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
        let Some(secret) = self.secrets.first() else {
            return Vec::new();
        };
        match self.form {
            Form::Timed { .. } => {
                let timestamp = now.millis().to_string();
                let digest = secret.sign(format!("{timestamp}.").as_bytes(), body);
                vec![(SIGNATURE, armor::to_standard(&digest)), (TIMESTAMP, timestamp)]
            }
            Form::Hex => vec![(HEX_SIGNATURE, armor::to_hex(&secret.sign(b"", body)))],
        }
    }

    fn manners(&self) -> Manners {
        Manners { client_errors_are_final: false, refusals_silence: true }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use bytes::Bytes;

    use super::*;
    use crate::delivery::{Body, Peer, RequestId};
    use crate::event::SourceName;
    use crate::verify::{ApiKey, Authentic, SigningSecret, Verifier};

    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const CAPTURED: &str = "cR0xocJXAg53MKgBFQXnnEPwvrXTPPVhehv5Fzp2nxc=";
    const EVENT: &str = r#"{"version":"1.0.0","type":"meeting.started"}"#;
    const JOINED: &str = concat!(
        r#"{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-6497c79b-f326-4942-"#,
        r#"aef8-c36a29140ad1-1708972279961","payload":{"room":"test","user_id":"6497c79b-f326-"#,
        r#"4942-aef8-c36a29140ad1","user_name":"testuser","session_id":"0c0d2dda-f21d-4cf9-ab5"#,
        r#"6-86bf3c407ffa","joined_at":1708972279.96,"will_eject_at":1708972299.541,"owner":fa"#,
        r#"lse,"permissions":{"hasPresence":true,"canSend":true,"canReceive":{"base":true},"ca"#,
        r#"nAdmin":false}},"event_ts":1708972279.961}"#,
    );
    const UNICODE: &str = concat!(
        r#"{"version":"1.0.0","type":"participant.joined","id":"x","payload":{"room":"r","#,
        r#""user_name":"Zoë 🎥"},"event_ts":1}"#,
    );
    const NOW: Timestamp = Timestamp::from_millis(1_708_972_280_123);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn secret(text: &str) -> SigningSecret {
        SigningSecret {
            label: "DAILY_SECRET".to_owned(),
            secret: Secret::new(text.as_bytes().to_vec()),
            not_after: None,
        }
    }

    fn with(secrets: Vec<SigningSecret>) -> Credentials {
        Credentials { secrets, ..Credentials::default() }
    }

    fn awaiting(secrets: Vec<SigningSecret>) -> Credentials {
        Credentials { awaiting_secret: true, ..with(secrets) }
    }

    fn ready(credentials: Credentials) -> Ready {
        build(credentials, NOW).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    fn mistakes(credentials: Credentials) -> Vec<Mistake> {
        build(credentials, NOW).err().unwrap()
    }

    /// What became of a delivery: a ping or an event, and who signed it.
    #[derive(Debug, PartialEq)]
    enum Fate {
        Event(Option<usize>),
        Ping(Option<usize>),
    }

    fn judge(
        credentials: Credentials,
        received: Timestamp,
        fields: &[(&'static str, &str)],
        body: &str,
    ) -> Result<Fate, Refusal> {
        let verifier = Verifier::new(ready(credentials).scheme);
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let mut head = Head::new(SourceName::new("s"), received, peer, RequestId::fresh(1));
        for (name, value) in fields {
            head = head.with(name, value.as_bytes());
        }
        let claim = verifier.open(head)?;
        let body = Body::new(Bytes::copy_from_slice(body.as_bytes()), 4_096).unwrap();
        Ok(match verifier.verify(claim, body)? {
            Authentic::Event(verified) => Fate::Event(verified.signer()),
            Authentic::Ping(signer) => Fate::Ping(signer),
        })
    }

    fn signed(timestamp: &str, body: &str) -> Vec<(&'static str, String)> {
        let key = Keyed::new(secret(""), &armor::lenient(SECRET.as_bytes()).unwrap()).unwrap();
        let digest = key.sign(format!("{timestamp}.").as_bytes(), body.as_bytes());
        vec![(SIGNATURE, armor::to_standard(&digest)), (TIMESTAMP, timestamp.to_owned())]
    }

    fn judge_signed(
        credentials: Credentials,
        received: Timestamp,
        timestamp: &str,
        body: &str,
    ) -> Result<Fate, Refusal> {
        let fields = signed(timestamp, body);
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        judge(credentials, received, &fields, body)
    }

    fn at(offset: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + offset)
    }

    #[test]
    fn the_captured_ping_of_daily_verifies() {
        let received = Timestamp::from_millis(1_778_619_697_100);
        let fields = [
            (SIGNATURE, "0xekj4oKDC1qhAn8XHaE+IqNv7XtLm+CKo/yQRThPAI="),
            (TIMESTAMP, "1778619696910"),
        ];
        let fate = judge(with(vec![secret(CAPTURED)]), received, &fields, r#"{"test":"test"}"#);
        assert_eq!(fate, Ok(Fate::Ping(Some(0))));
    }

    #[test]
    fn the_computed_vectors_verify() {
        let ping = r#"{"test":"test"}"#;
        for (timestamp, body, signature) in [
            ("1708972280", ping, "deXJB8IDkCZd4nrz/JzSYfMq1c+vWdHVCeNn7sS85Vw="),
            ("1708972280123", ping, "Zlebb7YqiJUSndChbpEEG7EvDva8Wa4ysPvHt6p0Gd4="),
            ("1708972280", JOINED, "P9isSEnrApKf1vkYODQ/iQeYmL1+Qe3vWRQ1wkDBwwU="),
            ("1708972280123", JOINED, "YP11XHqrS23dhNK7irbEpX3RgEQcRLL0V4kbH/qJVek="),
            ("1708972280123", UNICODE, "JiuhbdYfdL0qEpj/VJ/iDrQCsnWe70JH9mxyk290Kes="),
        ] {
            let fields = [(SIGNATURE, signature), (TIMESTAMP, timestamp)];
            let fate = judge(with(vec![secret(SECRET)]), NOW, &fields, body);
            let expected = if body == ping { Fate::Ping(Some(0)) } else { Fate::Event(Some(0)) };
            assert_eq!(fate, Ok(expected), "{timestamp} {body}");
        }
    }

    #[test]
    fn the_controls_are_refused() {
        let undecoded = "TqJQgbSg6jswoy05LV1Urt8EY/zPGUT0qFfNi7IXJDs=";
        let guessed = "e54c77a465bc0bd7646a71787615f80ebe9b26f55a25ff84c46040959e3a05f0";
        for (signature, refusal) in
            [(undecoded, Refusal::WrongSignature), (guessed, Refusal::Malformed)]
        {
            let fields = [(SIGNATURE, signature), (TIMESTAMP, "1708972280")];
            let fate = judge(with(vec![secret(SECRET)]), NOW, &fields, r#"{"test":"test"}"#);
            assert_eq!(fate, Err(refusal));
        }
    }

    #[test]
    fn a_head_that_cannot_be_authentic_is_refused_before_the_body() {
        let verifier = Verifier::new(ready(with(vec![secret(SECRET)])).scheme);
        let good = signed("1708972280123", EVENT)[0].1.clone();
        let other = armor::to_standard(&[1; 32]);
        let open = |fields: &[(&'static str, &str)]| {
            let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
            let head = Head::new(SourceName::new("s"), NOW, peer, RequestId::fresh(1));
            let head =
                fields.iter().fold(head, |head, (name, value)| head.with(name, value.as_bytes()));
            verifier.open(head).err()
        };
        let timestamp = (TIMESTAMP, "1708972280123");
        assert_eq!(open(&[(SIGNATURE, &good), timestamp]), None);
        assert_eq!(open(&[]), Some(Refusal::Missing));
        assert_eq!(open(&[(SIGNATURE, &good)]), Some(Refusal::Missing));
        assert_eq!(open(&[timestamp]), Some(Refusal::Missing));
        let twice = [(SIGNATURE, good.as_str()), (SIGNATURE, &other), timestamp];
        assert_eq!(open(&twice), Some(Refusal::Doubled));
        let twice = [(SIGNATURE, good.as_str()), timestamp, (TIMESTAMP, "1708972280124")];
        assert_eq!(open(&twice), Some(Refusal::Doubled));
        for bad in ["", "Zoë", &good[..40], &armor::to_standard(&[1; 20])] {
            let fields = [(SIGNATURE, bad), timestamp];
            assert_eq!(open(&fields), Some(Refusal::Malformed), "{bad}");
        }
        for bad in ["", "-1", "+1708972280", "1.5", "0x1", "now", "99999999999999999999"] {
            let fields = [(SIGNATURE, good.as_str()), (TIMESTAMP, bad)];
            assert_eq!(open(&fields), Some(Refusal::Malformed), "{bad}");
        }
    }

    #[test]
    fn every_secret_is_tried_and_the_one_that_signed_is_named() {
        let secrets = vec![secret(CAPTURED), secret(SECRET)];
        let fate = judge_signed(with(secrets), NOW, "1708972280123", EVENT);
        assert_eq!(fate, Ok(Fate::Event(Some(1))));
        let fate = judge_signed(with(vec![secret(CAPTURED)]), NOW, "1708972280123", EVENT);
        assert_eq!(fate, Err(Refusal::WrongSignature));
    }

    #[test]
    fn a_secret_verifies_what_came_before_its_end_whenever_that_is_judged() {
        let ending = SigningSecret { not_after: Some(NOW), ..secret(SECRET) };
        let judge =
            |received| judge_signed(with(vec![ending.clone()]), received, "1708972280123", EVENT);
        assert_eq!(judge(NOW), Ok(Fate::Event(Some(0))));
        assert_eq!(judge(at(1)), Err(Refusal::WrongSignature));
    }

    #[test]
    fn age_is_judged_by_the_signed_time_against_the_receive_time() {
        let ts = "1708972280123";
        let within = |age| Credentials { max_age: age, ..with(vec![secret(SECRET)]) };
        let two_hours = 2 * 3_600_000;
        for (age, offset, expected) in [
            (MaxAge::Default, two_hours, Ok(Fate::Event(Some(0)))),
            (MaxAge::Default, two_hours + 1, Err(Refusal::Expired)),
            (MaxAge::Within(HOUR), 3_600_000, Ok(Fate::Event(Some(0)))),
            (MaxAge::Within(HOUR), 3_600_001, Err(Refusal::Expired)),
            (MaxAge::Off, 400 * 86_400_000, Ok(Fate::Event(Some(0)))),
            (MaxAge::Default, -300_000, Ok(Fate::Event(Some(0)))),
            (MaxAge::Default, -300_001, Err(Refusal::NotYetValid)),
            (MaxAge::Off, -300_001, Err(Refusal::NotYetValid)),
        ] {
            let fate = judge_signed(within(age), at(offset), ts, EVENT);
            assert_eq!(fate, expected, "{age:?} {offset}");
        }
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart_by_magnitude() {
        let credentials = || with(vec![secret(SECRET)]);
        for ts in ["1708972280", "1708972280123"] {
            let fate = judge_signed(credentials(), NOW, ts, EVENT);
            assert_eq!(fate, Ok(Fate::Event(Some(0))));
        }
        let fate = judge_signed(credentials(), NOW, "9223372036854775807", EVENT);
        assert_eq!(fate, Err(Refusal::NotYetValid));
        let fate = judge_signed(credentials(), NOW, "0", EVENT);
        assert_eq!(fate, Err(Refusal::Expired));
    }

    #[test]
    fn the_signature_is_judged_before_the_age() {
        let fields = [
            (SIGNATURE, "deXJB8IDkCZd4nrz/JzSYfMq1c+vWdHVCeNn7sS85Vw="),
            (TIMESTAMP, "1708972280"),
        ];
        let fate = judge(with(vec![secret(SECRET)]), at(86_400_000), &fields, EVENT);
        assert_eq!(fate, Err(Refusal::WrongSignature));
    }

    #[test]
    fn only_the_exact_ping_is_a_ping() {
        for body in [r#"{"test": "test"}"#, "{\"test\":\"test\"}\n", r#"{"test":true}"#] {
            let fate = judge_signed(with(vec![secret(SECRET)]), NOW, "1708972280123", body);
            assert_eq!(fate, Ok(Fate::Event(Some(0))), "{body}");
        }
    }

    #[test]
    fn while_a_secret_is_awaited_only_the_ping_is_answered() {
        let ping = r#"{"test":"test"}"#;
        for fields in [
            &[][..],
            &[(SIGNATURE, "?"), (TIMESTAMP, "?")],
            &[(SIGNATURE, "a"), (SIGNATURE, "b")],
            &[
                (SIGNATURE, "deXJB8IDkCZd4nrz/JzSYfMq1c+vWdHVCeNn7sS85Vw="),
                (TIMESTAMP, "1708972280"),
            ],
        ] {
            let fate = judge(awaiting(vec![]), NOW, fields, ping);
            assert_eq!(fate, Ok(Fate::Ping(None)));
            for body in [EVENT, "", r#"{"test":"test"} "#, r#"{"test":true}"#] {
                let fate = judge(awaiting(vec![]), NOW, fields, body);
                assert_eq!(fate, Err(Refusal::AwaitingSecret), "{body}");
            }
        }
    }

    #[test]
    fn while_another_secret_is_awaited_the_known_one_goes_on_verifying() {
        let roll = || awaiting(vec![secret(SECRET)]);
        let fate = judge_signed(roll(), NOW, "1708972280123", EVENT);
        assert_eq!(fate, Ok(Fate::Event(Some(0))));
        let fate = judge_signed(roll(), NOW, "1708972280123", r#"{"test":"test"}"#);
        assert_eq!(fate, Ok(Fate::Ping(Some(0))));
        let fate = judge_signed(roll(), at(86_400_000), "1708972280123", EVENT);
        assert_eq!(fate, Err(Refusal::Expired));
        let fate = judge_signed(awaiting(vec![secret(CAPTURED)]), NOW, "1708972280123", EVENT);
        assert_eq!(fate, Err(Refusal::AwaitingSecret));
        let fate = judge(awaiting(vec![secret(CAPTURED)]), NOW, &[], r#"{"test":"test"}"#);
        assert_eq!(fate, Ok(Fate::Ping(None)));
    }

    #[test]
    fn the_hex_scheme_is_keyed_with_the_text_and_knows_no_age() {
        let guessed = "00".repeat(32);
        let hex =
            |text: &str| Credentials { scheme: Some("hex".to_owned()), ..with(vec![secret(text)]) };
        assert_eq!(ready(hex(SECRET)).warnings[0].key, "scheme");
        let scheme = ready(hex(SECRET)).scheme;
        assert_eq!(scheme.headers(), [HEX_SIGNATURE]);
        let [(name, signature)] = &scheme.sign(b"{\"test\":\"test\"}", NOW)[..] else {
            panic!();
        };
        assert_eq!(signature, "e54c77a465bc0bd7646a71787615f80ebe9b26f55a25ff84c46040959e3a05f0");
        let good = [(*name, signature.as_str())];
        let ping = r#"{"test":"test"}"#;
        let far = at(i64::from(u32::MAX) * 1_000);
        assert_eq!(judge(hex(SECRET), far, &good, ping), Ok(Fate::Ping(Some(0))));
        let from_file = format!("{SECRET}\r\n");
        assert_eq!(judge(hex(&from_file), NOW, &good, ping), Ok(Fate::Ping(Some(0))));
        assert_eq!(judge(hex(SECRET), NOW, &good, EVENT), Err(Refusal::WrongSignature));
        let upper = signature.to_uppercase();
        for (value, refusal) in [
            (guessed.as_str(), Refusal::WrongSignature),
            (upper.as_str(), Refusal::Malformed),
            (&signature[..62], Refusal::Malformed),
        ] {
            let fate = judge(hex(SECRET), NOW, &[(HEX_SIGNATURE, value)], ping);
            assert_eq!(fate, Err(refusal));
        }
        assert_eq!(judge(hex(SECRET), NOW, &[], ping), Err(Refusal::Missing));
    }

    #[test]
    fn what_it_signs_verifies() {
        let scheme = ready(with(vec![secret(SECRET)])).scheme;
        let signed = scheme.sign(JOINED.as_bytes(), NOW);
        assert_eq!(
            signed,
            [
                (SIGNATURE, "YP11XHqrS23dhNK7irbEpX3RgEQcRLL0V4kbH/qJVek=".to_owned()),
                (TIMESTAMP, "1708972280123".to_owned()),
            ]
        );
    }

    #[test]
    fn a_secret_is_read_with_or_without_padding_and_of_any_length() {
        let bare = SECRET.trim_end_matches('=');
        for text in [bare.to_owned(), format!("  {SECRET}\n")] {
            let fate = judge_signed(with(vec![secret(&text)]), NOW, "1708972280123", EVENT);
            assert_eq!(fate, Ok(Fate::Event(Some(0))));
        }
        // The text of 32 bytes in hexadecimal is base64 of 48 bytes as well.
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        assert!(ready(with(vec![secret(hex)])).warnings.is_empty());
    }

    #[test]
    fn every_mistake_is_named_at_once_and_shows_no_secret() {
        let found = mistakes(Credentials {
            secrets: vec![secret("canary canary"), secret(" \n"), secret("=?canary")],
            keys: vec![ApiKey { api_key: "APIfixture".to_owned(), signing: secret("canary") }],
            scheme: Some("canary".to_owned()),
            awaiting_secret: false,
            max_age: MaxAge::Default,
        });
        let keys: Vec<&str> = found.iter().map(|mistake| mistake.key.as_str()).collect();
        assert_eq!(keys, ["keys", "scheme", "secrets", "secrets", "secrets"]);
        assert!(!format!("{found:?}").contains("canary"));

        let found = mistakes(with(vec![secret("canary canary"), secret(" \n"), secret("=?")]));
        assert_eq!(found.len(), 3);
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");

        assert_eq!(mistakes(Credentials::default())[0].key, "secrets");
        let many = vec![secret(SECRET); crate::bounds::SECRETS_PER_SOURCE_MAX + 1];
        assert_eq!(mistakes(with(many))[0].key, "secrets");
        let found = mistakes(Credentials {
            scheme: Some("hex".to_owned()),
            max_age: MaxAge::Off,
            ..with(vec![secret(SECRET)])
        });
        assert_eq!(found[0].key, "signature_max_age");
        let found = mistakes(Credentials {
            max_age: MaxAge::Within(Duration::ZERO),
            ..with(vec![secret(SECRET)])
        });
        assert_eq!(found[0].key, "signature_max_age");
    }

    #[test]
    fn a_short_or_ended_secret_and_a_narrow_age_are_warned_about() {
        let ended = SigningSecret { not_after: Some(at(-1)), ..secret(SECRET) };
        let ready = ready(Credentials {
            max_age: MaxAge::Within(Duration::from_secs(300)),
            ..with(vec![secret("c2hvcnQ="), ended])
        });
        let rules: Vec<&str> = ready.warnings.iter().map(|w| w.rule.as_str()).collect();
        assert_eq!(rules.len(), 3, "{rules:?}");
        assert!(rules[1].contains("DAILY_SECRET has 5 bytes"), "{rules:?}");
        assert!(rules[2].contains("ended at 2024-02-26"), "{rules:?}");
        assert_eq!(ready.scheme.secret_labels(), ["DAILY_SECRET"; 2]);
        assert_eq!(ready.scheme.secret_ends(), [None, Some(at(-1))]);
    }
}
