//! LiveKit's signatures: a short-lived token (JWT, HS256) that names the SHA-256 of the body.
//!
//! The whole token is judged by the head: its form, its algorithm, its key, its own HMAC and its
//! times. Only then is the body read, and compared with the hash. The token's `alg` is never
//! followed: it must say HS256, and HS256 is what is computed. `iss` picks the key, and several
//! entries may share one while its secret is being changed.
//!
//! The token is sent as it is, without `Bearer`; both forms are taken. LiveKit makes it once per
//! event and sends it again with every retry, so the same token twice is no attack.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::findings::Findings;
use super::keyed::Keyed;
use super::{Claimed, Credentials, Manners, MaxAge, Mistake, Ready, Refusal, Scheme, armor};
use crate::bounds::{TOKEN_BYTES_MAX, TOKEN_LEEWAY};
use crate::clock::Timestamp;
use crate::delivery::Head;

const AUTHORIZATION: &str = "authorization";
const BEARER: &[u8] = b"bearer ";
const ALGORITHM: &str = "HS256";

/// How long a token lives, in seconds, as LiveKit makes it.
pub const TOKEN_LIFE_SECONDS: i64 = 300;

/// Builds the scheme of a LiveKit source.
pub fn build(credentials: Credentials, now: Timestamp) -> Result<Ready, Vec<Mistake>> {
    let mut findings = Findings::default();
    refuse_foreign(&credentials, &mut findings);
    if credentials.keys.is_empty() {
        findings.mistake(
            "keys",
            "a LiveKit source needs at least one key: \
             `keys = [ { api_key = \"…\", secret = { env = \"…\" } } ]`",
        );
    }
    findings.count("keys", credentials.keys.len());
    let mut keys = Vec::with_capacity(credentials.keys.len());
    for key in credentials.keys {
        if key.api_key.is_empty() {
            findings.mistake("keys", "an `api_key` is empty; give the one LiveKit signs with");
        }
        // The secret is the text itself, even where it could be read as base64.
        let secret = key.signing.secret.clone();
        let bytes = armor::line(secret.bytes());
        let keyed = findings.key("keys", key.signing, bytes, now);
        keys.extend(keyed.map(|keyed| Key { api_key: key.api_key, keyed }));
    }
    findings.settle(LiveKit { keys })
}

/// Settings that only other schemes have.
fn refuse_foreign(credentials: &Credentials, findings: &mut Findings) {
    if !credentials.secrets.is_empty() {
        findings.mistake("secrets", "LiveKit signs with an api key and its secret; use `keys`");
    }
    if credentials.scheme.is_some() {
        findings.mistake("scheme", "LiveKit signs in one way only; remove it");
    }
    if credentials.awaiting_secret {
        findings.mistake(
            "awaiting_secret",
            "LiveKit's keys exist before the first webhook is sent; remove it and set `keys`",
        );
    }
    if credentials.max_age != MaxAge::Default {
        findings.mistake(
            "signature_max_age",
            "a LiveKit token says itself how long it is valid; remove it",
        );
    }
}

/// How one LiveKit source verifies.
struct LiveKit {
    keys: Vec<Key>,
}

struct Key {
    api_key: String,
    keyed: Keyed,
}

/// The token's header, as far as it is looked at.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    crit: Option<IgnoredAny>,
}

/// The token's claims, as far as they are looked at. Times are in seconds.
#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Option<Cow<'a, str>>,
    exp: Option<f64>,
    nbf: Option<f64>,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
}

impl LiveKit {
    /// Judges a token that came at this time.
    fn judge(&self, token: &[u8], received: Timestamp) -> Result<Claimed, Refusal> {
        let (signed, signature) = split_last(token).ok_or(Refusal::Malformed)?;
        let (header, claims) = split_last(signed).ok_or(Refusal::Malformed)?;
        judge_header(header)?;
        let claims = armor::url_safe(claims).ok_or(Refusal::Malformed)?;
        let claims: Claims<'_> = object(&claims).ok_or(Refusal::Malformed)?;
        let signature = armor::url_safe(signature)
            .and_then(|bytes| armor::exactly_32(&bytes))
            .ok_or(Refusal::Malformed)?;
        let issuer = claims.iss.ok_or(Refusal::Malformed)?;
        let signer = self.signer(&issuer, received, signed, &signature)?;
        judge_times(claims.exp, claims.nbf, received)?;
        let digest = claims
            .sha256
            .and_then(|text| armor::lenient(text.as_bytes()))
            .and_then(|bytes| armor::exactly_32(&bytes))
            .ok_or(Refusal::Malformed)?;
        Ok(Claimed {
            digest,
            prefix: Vec::new(),
            signer: Some(signer),
            signed_at: claims.nbf.map(seconds),
        })
    }

    /// The place of the key that signed, among those of this name.
    fn signer(
        &self,
        issuer: &str,
        received: Timestamp,
        signed: &[u8],
        signature: &[u8; 32],
    ) -> Result<usize, Refusal> {
        let mut known = false;
        for (place, key) in self.keys.iter().enumerate() {
            if key.api_key == issuer {
                known = true;
                if key.keyed.valid_at(received) && key.keyed.signed(signed, b"", signature) {
                    return Ok(place);
                }
            }
        }
        Err(if known { Refusal::WrongSignature } else { Refusal::UnknownKey })
    }
}

impl Scheme for LiveKit {
    fn headers(&self) -> &'static [&'static str] {
        &[AUTHORIZATION]
    }

    fn open(&self, head: &Head) -> Result<Claimed, Refusal> {
        let value =
            head.single(AUTHORIZATION).map_err(|_| Refusal::Doubled)?.ok_or(Refusal::Missing)?;
        let token = without_bearer(value);
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::Malformed);
        }
        self.judge(token, head.received())
    }

    fn prove(
        &self,
        claimed: &Claimed,
        _received: Timestamp,
        body: &[u8],
    ) -> Result<Option<usize>, Refusal> {
        let digest: [u8; 32] = Sha256::digest(body).into();
        if bool::from(digest.ct_eq(&claimed.digest)) {
            Ok(claimed.signer)
        } else {
            Err(Refusal::BodyChanged)
        }
    }

    fn is_ping(&self, _body: &[u8]) -> bool {
        false
    }

    fn secret_labels(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.keyed.label()).collect()
    }

    fn secret_ends(&self) -> Vec<Option<Timestamp>> {
        self.keys.iter().map(|key| key.keyed.not_after()).collect()
    }

    fn sign(&self, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
        let Some(key) = self.keys.first() else {
            return Vec::new();
        };
        let start = now.millis().div_euclid(1_000);
        let claims = format!(
            r#"{{"iss":{},"exp":{},"nbf":{start},"iat":{start},"sha256":"{}"}}"#,
            serde_json::Value::from(key.api_key.as_str()),
            start.saturating_add(TOKEN_LIFE_SECONDS),
            armor::to_standard(&Sha256::digest(body)),
        );
        let signed = format!(
            "{}.{}",
            armor::to_url_safe(br#"{"alg":"HS256","typ":"JWT"}"#),
            armor::to_url_safe(claims.as_bytes())
        );
        let signature = armor::to_url_safe(&key.keyed.sign(signed.as_bytes(), b""));
        vec![(AUTHORIZATION, format!("{signed}.{signature}"))]
    }

    fn manners(&self) -> Manners {
        Manners { client_errors_are_final: true, refusals_silence: false }
    }
}

fn without_bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(BEARER.len()) {
        Some((word, token)) if word.eq_ignore_ascii_case(BEARER) => token.trim_ascii_start(),
        _ => value,
    }
}

/// What stands before and after the last dot. A dot too many is found by the decoder.
fn split_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = text.iter().rposition(|byte| *byte == b'.')?;
    let (before, after) = text.split_at(dot);
    Some((before, after.strip_prefix(b".")?))
}

/// The algorithm is judged before the signature, which has another length with another algorithm.
fn judge_header(header: &[u8]) -> Result<(), Refusal> {
    let header = armor::url_safe(header).ok_or(Refusal::Malformed)?;
    let header: Header<'_> = object(&header).ok_or(Refusal::Malformed)?;
    if header.alg.as_deref() != Some(ALGORITHM) {
        return Err(Refusal::WrongAlgorithm);
    }
    // RFC 7515 §4.1.11: what must be understood and is not makes the token invalid.
    if header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    Ok(())
}

fn judge_times(exp: Option<f64>, nbf: Option<f64>, received: Timestamp) -> Result<(), Refusal> {
    let end = seconds(exp.ok_or(Refusal::Malformed)?);
    if received > end.plus(TOKEN_LEEWAY) {
        return Err(Refusal::Expired);
    }
    if nbf.is_some_and(|start| seconds(start) > received.plus(TOKEN_LEEWAY)) {
        return Err(Refusal::NotYetValid);
    }
    Ok(())
}

/// A JSON object; serde would take an array for it as well.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    json.trim_ascii_start().strip_prefix(b"{")?;
    serde_json::from_slice(json).ok()
}

/// A moment in seconds, with fraction; what lies beyond time stays at its end.
fn seconds(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1_000.0) as i64)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use bytes::Bytes;

    use super::*;
    use crate::bounds::SECRETS_PER_SOURCE_MAX;
    use crate::delivery::{Body, Peer, RequestId};
    use crate::event::SourceName;
    use crate::secret::Secret;
    use crate::verify::{ApiKey, Authentic, SigningSecret, Verifier};

    const API_KEY: &str = "APIfixture";
    const SECRET: &str = "fixture-secret-of-at-least-32-characters";
    const OTHER: &str = "another-secret-of-at-least-32-characters";
    const BODY: &[u8] = r#"{"event":"room_started","room":{"name":"Zoë"}}"#.as_bytes();
    const START: i64 = 1_795_211_116;
    const NOW: Timestamp = Timestamp::from_millis(START * 1_000);
    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    fn key(api_key: &str, secret: &str) -> ApiKey {
        ApiKey {
            api_key: api_key.to_owned(),
            signing: SigningSecret {
                label: api_key.to_owned(),
                secret: Secret::new(secret.as_bytes().to_vec()),
                not_after: None,
            },
        }
    }

    fn with(keys: Vec<ApiKey>) -> Credentials {
        Credentials { keys, ..Credentials::default() }
    }

    fn usual() -> Credentials {
        with(vec![key(API_KEY, SECRET)])
    }

    fn ready(credentials: Credentials) -> Ready {
        build(credentials, NOW).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    fn head(received: Timestamp, values: &[&[u8]]) -> Head {
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]));
        let head = Head::new(SourceName::new("s"), received, peer, RequestId::fresh(1));
        values.iter().fold(head, |head, value| head.with(AUTHORIZATION, value))
    }

    fn open(credentials: Credentials, received: Timestamp, value: &str) -> Result<(), Refusal> {
        let verifier = Verifier::new(ready(credentials).scheme);
        verifier.open(head(received, &[value.as_bytes()])).map(|_| ())
    }

    fn judge(
        credentials: Credentials,
        received: Timestamp,
        value: &str,
        body: &[u8],
    ) -> Result<Option<usize>, Refusal> {
        let verifier = Verifier::new(ready(credentials).scheme);
        let claim = verifier.open(head(received, &[value.as_bytes()]))?;
        let body = Body::new(Bytes::copy_from_slice(body), 4_096).unwrap();
        match verifier.verify(claim, body)? {
            Authentic::Event(verified) => Ok(verified.signer()),
            Authentic::Ping(_) => panic!("LiveKit has no ping"),
        }
    }

    fn token_of(header: &str, claims: &str, secret: &str) -> String {
        let signing = key(API_KEY, secret).signing;
        let keyed = Keyed::new(signing, secret.as_bytes()).unwrap();
        let signed = format!(
            "{}.{}",
            armor::to_url_safe(header.as_bytes()),
            armor::to_url_safe(claims.as_bytes())
        );
        let signature = armor::to_url_safe(&keyed.sign(signed.as_bytes(), b""));
        format!("{signed}.{signature}")
    }

    fn hash(body: &[u8]) -> String {
        armor::to_standard(&Sha256::digest(body))
    }

    /// A token of the usual key with these claims.
    fn token(claims: &str) -> String {
        token_of(HS256, claims, SECRET)
    }

    /// The usual claims with these times.
    fn times(exp: &str, nbf: &str) -> String {
        let hash = hash(BODY);
        format!(r#"{{"iss":"{API_KEY}","exp":{exp},"nbf":{nbf},"sha256":"{hash}"}}"#)
    }

    fn good() -> String {
        token(&times("1795211416", "1795211116"))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((START + seconds) * 1_000)
    }

    #[test]
    fn a_token_verifies_bare_and_with_bearer_in_any_case() {
        for prefix in ["", "Bearer ", "bearer ", "BEARER  "] {
            let value = format!("{prefix}{}", good());
            assert_eq!(judge(usual(), NOW, &value, BODY), Ok(Some(0)), "{prefix}");
        }
        for prefix in ["Basic ", "Bearer", "Bearer Bearer ", " "] {
            let value = format!("{prefix}{}", good());
            assert_eq!(open(usual(), NOW, &value), Err(Refusal::Malformed), "{prefix}");
        }
    }

    #[test]
    fn what_it_signs_is_a_token_as_livekit_makes_it_and_verifies() {
        let scheme = ready(usual()).scheme;
        let [(name, value)] = &scheme.sign(BODY, at(0))[..] else {
            panic!();
        };
        assert_eq!(*name, AUTHORIZATION);
        let parts: Vec<_> = value.split('.').map(|p| armor::url_safe(p.as_bytes())).collect();
        assert_eq!(parts[0].as_deref(), Some(HS256.as_bytes()));
        let claims = format!(
            r#"{{"iss":"{API_KEY}","exp":{},"nbf":{START},"iat":{START},"sha256":"{}"}}"#,
            START + 300,
            hash(BODY)
        );
        assert_eq!(parts[1].as_deref(), Some(claims.as_bytes()));
        assert_eq!(judge(usual(), NOW, value, BODY), Ok(Some(0)));
    }

    #[test]
    fn a_body_that_is_not_the_hashed_one_byte_for_byte_is_refused() {
        let reformatted = String::from_utf8_lossy(BODY).replace(':', ": ");
        for body in [&BODY[1..], b"", reformatted.as_bytes(), &[BODY, b"\n"].concat()] {
            assert_eq!(judge(usual(), NOW, &good(), body), Err(Refusal::BodyChanged));
        }
    }

    #[test]
    fn the_hash_is_taken_in_every_dialect_of_base64() {
        // A body whose hash has both letters that differ between the alphabets.
        let body = (0..10_000)
            .map(|i| format!(r#"{{"event":"{i}"}}"#))
            .find(|body| hash(body.as_bytes()).contains('+') && hash(body.as_bytes()).contains('/'))
            .unwrap();
        let standard = hash(body.as_bytes());
        let url_safe = standard.replace('+', "-").replace('/', "_");
        for text in [
            standard.as_str(),
            standard.trim_end_matches('='),
            &url_safe,
            url_safe.trim_end_matches('='),
        ] {
            let claims = format!(r#"{{"iss":"{API_KEY}","exp":1795211416,"sha256":"{text}"}}"#);
            let judged = judge(usual(), NOW, &token(&claims), body.as_bytes());
            assert_eq!(judged, Ok(Some(0)), "{text}");
        }
    }

    #[test]
    fn no_algorithm_but_hs256_is_taken() {
        let claims = times("1795211416", "1795211116");
        for alg in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None","typ":"JWT"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS256 "}"#,
            r#"{"alg":""}"#,
            r#"{"alg":null}"#,
            r#"{"typ":"JWT"}"#,
        ] {
            let token = token_of(alg, &claims, SECRET);
            assert_eq!(open(usual(), NOW, &token), Err(Refusal::WrongAlgorithm), "{alg}");
            // Without a signature, as `none` is written, it is told the same.
            let (signed, _) = token.rsplit_once('.').unwrap();
            let unsigned = format!("{signed}.");
            assert_eq!(open(usual(), NOW, &unsigned), Err(Refusal::WrongAlgorithm), "{alg}");
        }
        for header in [
            r#"{"alg":"HS256","alg":"none"}"#,
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":["HS256"]}"#,
            r#"["HS256"]"#,
            r#""HS256""#,
            "HS256",
            "",
        ] {
            let token = token_of(header, &claims, SECRET);
            assert_eq!(open(usual(), NOW, &token), Err(Refusal::Malformed), "{header}");
        }
        for header in [r#"{"alg":"HS256"}"#, r#" {"kid":"x","typ":7,"alg":"HS256"}"#] {
            let token = token_of(header, &claims, SECRET);
            assert_eq!(open(usual(), NOW, &token), Ok(()), "{header}");
        }
    }

    #[test]
    fn the_key_is_picked_by_issuer_and_all_of_one_name_are_tried() {
        let keys = || {
            with(vec![
                key("APIanother", OTHER),
                key(API_KEY, "the-secret-before-the-roll-of-32-characters"),
                key(API_KEY, SECRET),
            ])
        };
        assert_eq!(judge(keys(), NOW, &good(), BODY), Ok(Some(2)));
        let only_other = with(vec![key("APIanother", SECRET)]);
        assert_eq!(open(only_other, NOW, &good()), Err(Refusal::UnknownKey));
        // The secret of one key proves nothing in the name of another.
        let crossed = token_of(HS256, &times("1795211416", "1795211116"), OTHER);
        assert_eq!(open(keys(), NOW, &crossed), Err(Refusal::WrongSignature));
    }

    #[test]
    fn an_ended_secret_verifies_only_what_came_before_its_end() {
        let ending = || {
            let mut ending = key(API_KEY, SECRET);
            ending.signing.not_after = Some(at(10));
            with(vec![ending])
        };
        assert_eq!(open(ending(), at(10), &good()), Ok(()));
        assert_eq!(open(ending(), at(11), &good()), Err(Refusal::WrongSignature));
        assert_eq!(ready(ending()).scheme.secret_ends(), [Some(at(10))]);
        assert_eq!(build(ending(), at(11)).ok().unwrap().warnings.len(), 1);
    }

    #[test]
    fn the_times_have_a_leeway_of_a_minute_and_may_be_fractions() {
        for (exp, nbf, received, expected) in [
            ("1795211416", "1795211116", 300, Ok(())),
            ("1795211416", "1795211116", 360, Ok(())),
            ("1795211416", "1795211116", 361, Err(Refusal::Expired)),
            ("1795211416", "1795211116", 86_400, Err(Refusal::Expired)),
            ("1795211416", "1795211116", -60, Ok(())),
            ("1795211416", "1795211116", -61, Err(Refusal::NotYetValid)),
            ("1795211416.5", "1795211116.5", -60, Err(Refusal::NotYetValid)),
            ("1.795211416e9", "1.795211116e9", 0, Ok(())),
            ("18446744073709551615", "0", 0, Ok(())),
            ("1e300", "-1e300", 0, Ok(())),
            ("1e300", "1e300", 0, Err(Refusal::NotYetValid)),
            ("-1e300", "0", 0, Err(Refusal::Expired)),
            ("0", "0", 0, Err(Refusal::Expired)),
        ] {
            let opened = open(usual(), at(received), &token(&times(exp, nbf)));
            assert_eq!(opened, expected, "{exp} {nbf} {received}");
        }
    }

    #[test]
    fn the_signature_is_judged_before_the_times() {
        let forged = token_of(HS256, &times("1", "1"), OTHER);
        assert_eq!(open(usual(), NOW, &forged), Err(Refusal::WrongSignature));
    }

    #[test]
    fn claims_that_are_missing_doubled_or_of_another_type_are_malformed() {
        let hash = hash(BODY);
        let hex = armor::to_hex(&Sha256::digest(BODY));
        let sha = format!(r#""sha256":"{hash}""#);
        for claims in [
            format!(r#"{{"exp":1795211416,{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}",{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":null,{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,"sha256":""}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,"sha256":"{hex}"}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,"sha256":7}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":"1795211416",{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1e999,{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,"nbf":true,{sha}}}"#),
            format!(r#"{{"iss":["{API_KEY}"],"exp":1795211416,{sha}}}"#),
            format!(r#"{{"iss":"x","iss":"{API_KEY}","exp":1795211416,{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1,"exp":1795211416,{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,{sha},{sha}}}"#),
            format!(r#"{{"iss":"{API_KEY}","exp":1795211416,{sha}}} "x""#),
            format!(r#"["{API_KEY}",1795211416,1795211116,"{hash}"]"#),
            "[".repeat(1_000),
            format!(r#"{{"x":{}"#, "[".repeat(1_000)),
            "null".to_owned(),
            String::new(),
        ] {
            assert_eq!(open(usual(), NOW, &token(&claims)), Err(Refusal::Malformed), "{claims}");
        }
    }

    #[test]
    fn a_token_of_another_form_is_malformed() {
        let good = good();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let hex = armor::to_hex(&armor::url_safe(signature.as_bytes()).unwrap());
        for bad in [
            "",
            ".",
            "..",
            "...",
            "Bearer ",
            signed,
            &format!("{signed}."),
            &format!("{good}."),
            &format!(".{good}"),
            &format!("{good}.{signature}"),
            &format!("{good}="),
            &format!("{signed}.{}", &signature[..42]),
            &format!("{signed}.{hex}"),
            &format!("{signed}. {signature}"),
            &good[1..],
            &format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX)),
        ] {
            assert_eq!(open(usual(), NOW, bad), Err(Refusal::Malformed), "{bad}");
        }
        let verifier = Verifier::new(ready(usual()).scheme);
        let raw = head(NOW, &[&[0xff, b'.', 0x00, b'.', 0xfe]]);
        assert_eq!(verifier.open(raw).err(), Some(Refusal::Malformed));
        assert_eq!(verifier.open(head(NOW, &[])).err(), Some(Refusal::Missing));
        let twice = head(NOW, &[good.as_bytes(), b"other"]);
        assert_eq!(verifier.open(twice).err(), Some(Refusal::Doubled));
        let same = head(NOW, &[good.as_bytes(), good.as_bytes()]);
        assert!(verifier.open(same).is_ok());
    }

    #[test]
    fn a_secret_is_its_text_without_the_line_end_of_a_file() {
        for end in ["\n", "\r\n"] {
            let keys = with(vec![key(API_KEY, &format!("{SECRET}{end}"))]);
            assert_eq!(open(keys, NOW, &good()), Ok(()));
        }
        let keys = with(vec![key(API_KEY, &format!("{SECRET} "))]);
        assert_eq!(open(keys, NOW, &good()), Err(Refusal::WrongSignature));
    }

    #[test]
    fn settings_of_other_schemes_are_mistakes_and_show_no_secret() {
        let found = build(
            Credentials {
                secrets: vec![key("", "canary").signing],
                keys: vec![key("", "canary"), key(API_KEY, "\n")],
                scheme: Some("canary".to_owned()),
                awaiting_secret: true,
                max_age: MaxAge::Off,
            },
            NOW,
        );
        let found = found.err().unwrap();
        let keys: Vec<&str> = found.iter().map(|mistake| mistake.key.as_str()).collect();
        let expected =
            ["secrets", "scheme", "awaiting_secret", "signature_max_age", "keys", "keys"];
        assert_eq!(keys, expected);
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        let none = build(Credentials::default(), NOW).err().unwrap();
        assert_eq!(none[0].key, "keys");
        let many = vec![key(API_KEY, SECRET); SECRETS_PER_SOURCE_MAX + 1];
        assert_eq!(build(with(many), NOW).err().unwrap()[0].key, "keys");
    }

    #[test]
    fn the_short_secret_of_a_development_server_works_and_is_warned_about() {
        let ready = ready(with(vec![key("devkey", "secret")]));
        assert_eq!(ready.warnings.len(), 1);
        assert_eq!(ready.scheme.secret_labels(), ["devkey"]);
        assert!(ready.warnings[0].rule.contains("devkey has 6 bytes"));
    }
}
