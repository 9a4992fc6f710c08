//! Nothing is believed but what another reckoning believes as well.
//!
//! An input is a stored request: header lines and a body. It is judged as it stands, and once more
//! with a good signature over what its head and body then say, so that what stands behind the
//! signature is reached too.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use hookgate::cli::fixture::Fixture;
use hookgate::clock::Timestamp;
use hookgate::verify::{Authentic, Credentials, Refusal};
use proptest::prelude::*;
use rand::Rng;
use rand::rngs::StdRng;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::engine::{Entry, fingerprint, search};
use crate::json;
use crate::roads::{API_KEY, DAILY_SECRET, LIVEKIT_SECRET, Road, signing, stored};

/// When every input comes: a moment after the stored requests were signed.
const RECEIVED: Timestamp = Timestamp::from_millis(1_795_168_860_000);

const WORDS: [&str; 16] = [
    "X-Webhook-Signature: ",
    "X-Webhook-Timestamp: 1795168800000\r\n",
    "X-Daily-Signature: ",
    "Authorization: ",
    "Bearer ",
    "bearer\t",
    "\r\n",
    "\n\n",
    ".",
    "..",
    "=",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJIUzI1NiJ9",
    "{\"test\":\"test\"}",
    "\u{0}",
    "+",
];

/// Bytes that verification may hold for an input: the body and its copies, one token, one answer,
/// and this test's own lists of header lines, which may be of a byte or two.
fn memory(input: &[u8]) -> u64 {
    let lines = input.iter().filter(|byte| **byte == b'\n').count() as u64;
    16 * 1_024 + 16 * input.len() as u64 + 256 * lines
}

#[test]
fn no_request_is_wrongly_believed_by_daily_or_harms_it() {
    let (timed, hex) = (Road::daily(), hexadecimal());
    let awaiting = Road::of("daily", Credentials { awaiting_secret: true, ..secrets() });
    search(Entry {
        name: "daily-verify",
        seeds: requests("daily"),
        words: &WORDS,
        reshape,
        memory,
        judge: &|input| {
            let (lines, body) = split(input);
            let as_it_is = timed.judge(borrowed(&lines), body, RECEIVED);
            assert_eq!(as_it_is.is_ok(), daily_believes(&lines, body), "{as_it_is:?}");
            let resigned = timed.judge(borrowed(&daily_signed(&lines, body)), body, RECEIVED);
            let in_hex = hex.judge(borrowed(&lines), body, RECEIVED);
            assert_eq!(in_hex.is_ok(), hex_believes(&lines, body), "{in_hex:?}");
            let waiting = awaiting.judge(borrowed(&lines), body, RECEIVED);
            let ping = body == br#"{"test":"test"}"#;
            assert_eq!(waiting.is_ok(), as_it_is.is_ok() || ping, "{waiting:?}");
            fingerprint(&[fate(&as_it_is), fate(&resigned), fate(&in_hex), fate(&waiting)])
        },
    });
}

#[test]
fn no_request_is_wrongly_believed_by_livekit_or_harms_it() {
    let road = Road::livekit();
    search(Entry {
        name: "livekit-verify",
        seeds: requests("livekit"),
        words: &WORDS,
        reshape,
        memory,
        judge: &|input| {
            let (lines, body) = split(input);
            let as_it_is = road.judge(borrowed(&lines), body, RECEIVED);
            if as_it_is.is_ok() {
                assert!(livekit_believes(&lines, body));
            }
            let lines = livekit_signed(&lines);
            let resigned = road.judge(borrowed(&lines), body, RECEIVED);
            if resigned.is_ok() {
                assert!(livekit_believes(&lines, body));
            }
            fingerprint(&[fate(&as_it_is), fate(&resigned)])
        },
    });
}

type Line = (Vec<u8>, Vec<u8>);

/// What became of a request, as text.
fn fate(judged: &Result<Authentic, Refusal>) -> String {
    match judged {
        Ok(Authentic::Event(verified)) => format!("event {:?}", verified.signer()),
        Ok(Authentic::Ping(signer)) => format!("ping {signer:?}"),
        Err(refusal) => refusal.as_str().to_owned(),
    }
}

fn secrets() -> Credentials {
    Credentials { secrets: vec![signing(DAILY_SECRET)], ..Credentials::default() }
}

fn hexadecimal() -> Road {
    Road::of("daily", Credentials { scheme: Some("hex".to_owned()), ..secrets() })
}

/// Stored requests of a provider, the refused ones with them, as they lie there.
fn requests(provider: &str) -> Vec<Vec<u8>> {
    let all = [stored(provider), stored(&format!("refused/{provider}"))].concat();
    all.iter().map(|request| std::fs::read(&request.path).unwrap()).collect()
}

/// Header lines with names in lower case, and the body; in any bytes.
fn split(input: &[u8]) -> (Vec<Line>, &[u8]) {
    // What reads stored files must take anything as well.
    let _ = Fixture::parse(std::path::Path::new("input"), input);
    let (mut lines, mut rest) = (Vec::new(), input);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].trim_ascii();
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let value = line[colon + 1..].trim_ascii().to_vec();
            lines.push((line[..colon].to_ascii_lowercase(), value));
        }
    }
    (lines, rest)
}

fn borrowed(lines: &[Line]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.iter().map(|(name, value)| (&name[..], &value[..]))
}

/// The one value of a header; none if it stands there with two.
fn only<'l>(lines: &'l [Line], name: &str) -> Option<&'l [u8]> {
    let mut values = lines.iter().filter(|(n, _)| n == name.as_bytes()).map(|(_, value)| value);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Daily's check, written once more.
fn daily_believes(lines: &[Line], body: &[u8]) -> bool {
    let said = (only(lines, "x-webhook-signature"), only(lines, "x-webhook-timestamp"));
    let (Some(signature), Some(stamp)) = said else {
        return false;
    };
    let key = STANDARD.decode(DAILY_SECRET).unwrap();
    let text = STANDARD.encode(hmac(&key, &[stamp, b".", body]));
    signature == text.as_bytes() && in_time(stamp)
}

/// Whether a stamp is digits that mean a moment within two hours before and five minutes after.
fn in_time(stamp: &[u8]) -> bool {
    let text = std::str::from_utf8(stamp).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(number) = text.parse::<i64>() else {
        return false;
    };
    let millis = if number > 100_000_000_000 { number } else { number * 1_000 };
    let now = i128::from(RECEIVED.millis());
    (now - 2 * 3_600_000..=now + 300_000).contains(&i128::from(millis))
}

fn hex_believes(lines: &[Line], body: &[u8]) -> bool {
    let digest = hmac(DAILY_SECRET.as_bytes(), &[body]);
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    only(lines, "x-daily-signature") == Some(text.as_bytes())
}

/// The same head with a good signature over its own timestamp.
fn daily_signed(lines: &[Line], body: &[u8]) -> Vec<Line> {
    let stamp = only(lines, "x-webhook-timestamp").unwrap_or(b"1795168800000").to_vec();
    let key = STANDARD.decode(DAILY_SECRET).unwrap();
    let text = STANDARD.encode(hmac(&key, &[&stamp, b".", body]));
    vec![
        (b"x-webhook-signature".to_vec(), text.into_bytes()),
        (b"x-webhook-timestamp".to_vec(), stamp),
    ]
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: f64,
    nbf: Option<f64>,
    sha256: String,
}

/// What must hold of a token that is believed. Not all of LiveKit's check, but whatever of it
/// keeps forgers out.
fn livekit_believes(lines: &[Line], body: &[u8]) -> bool {
    let value = only(lines, "authorization").unwrap();
    let value = String::from_utf8(value.to_vec()).unwrap();
    let token = value.split_whitespace().last().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return false;
    };
    let expected = hmac(LIVEKIT_SECRET.as_bytes(), &[header.as_bytes(), b".", claims.as_bytes()]);
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Header = serde_json::from_slice(&read(header)).unwrap();
    let claims: Claims = serde_json::from_slice(&read(claims)).unwrap();
    let now = RECEIVED.millis() as f64 / 1_000.0;
    let digest = claims.sha256.trim().trim_end_matches('=').replace('-', "+").replace('_', "/");
    URL_SAFE_NO_PAD.decode(signature).unwrap() == expected
        && header.alg == "HS256"
        && claims.iss == API_KEY
        && claims.exp >= now - 60.001
        && claims.nbf.unwrap_or(0.0) <= now + 60.001
        // All but the last letter, whose low bits mean nothing.
        && STANDARD.encode(Sha256::digest(body))[..42] == digest[..42]
}

/// The same head with a good signature over its own token.
fn livekit_signed(lines: &[Line]) -> Vec<Line> {
    let value = only(lines, "authorization").unwrap_or_default();
    let token = value.rsplit(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let signed = match token.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => &token[..dot],
        None => token,
    };
    let signature = URL_SAFE_NO_PAD.encode(hmac(LIVEKIT_SECRET.as_bytes(), &[signed]));
    let before = &value[..value.len() - token.len()];
    let value = [before, signed, b".", signature.as_bytes()].concat();
    vec![(b"authorization".to_vec(), value)]
}

/// Changes a body by its structure, or a part of a token by what it encodes.
fn reshape(input: &[u8], rng: &mut StdRng) -> Option<Vec<u8>> {
    let marker = b"Authorization: ";
    let token = input.windows(marker.len()).position(|window| window == marker);
    let from = match token.filter(|_| rng.random_bool(0.8)) {
        Some(at) => at + marker.len(),
        None => {
            let body = input.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
            return Some([&input[..body], &json::reshape(&input[body..], rng)?].concat());
        }
    };
    let until = from + input[from..].iter().position(|byte| byte.is_ascii_whitespace())?;
    let mut parts: Vec<_> = input[from..until].split(|byte| *byte == b'.').collect();
    let at = rng.random_range(0..parts.len().min(2));
    let changed = json::reshape(&URL_SAFE_NO_PAD.decode(parts[at]).ok()?, rng)?;
    let changed = URL_SAFE_NO_PAD.encode(changed);
    parts[at] = changed.as_bytes();
    Some([&input[..from], &parts.join(&b"."[..]), &input[until..]].concat())
}

/// A road by its place.
fn road(place: usize) -> Road {
    [Road::daily, Road::livekit, hexadecimal][place]()
}

proptest! {
    #[test]
    fn what_the_signer_signs_is_believed_and_no_bit_of_it_may_change(
        place in 0_usize..3,
        body in prop::collection::vec(any::<u8>(), 0..300),
        millis in 100_000_000_001_i64..4_000_000_000_000,
        which in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let (road, now) = (road(place), Timestamp::from_millis(millis));
        let signed = road.sign(&body, now);
        let lines: Vec<Line> =
            signed.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect();
        prop_assert!(road.judge(borrowed(&lines), &body, now).is_ok());
        // One bit of all that was sent: the body, or the value of a header.
        let total = body.len() + lines.iter().map(|(_, value)| value.len()).sum::<usize>();
        let mut at = which.index(total);
        let (mut lines, mut body) = (lines, body);
        let values = lines.iter_mut().map(|(_, value)| value);
        for bytes in std::iter::once(&mut body).chain(values) {
            if at < bytes.len() {
                bytes[at] ^= 1 << bit;
                break;
            }
            at -= bytes.len();
        }
        let judged = road.judge(borrowed(&lines), &body, now);
        prop_assert!(judged.is_err(), "{:?}", judged);
    }

    #[test]
    fn no_header_bytes_harm_a_verifier(
        place in 0_usize..3,
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..64),
        millis in any::<i64>(),
    ) {
        let road = road(place);
        let names = road.verifier.scheme().headers().iter().cycle();
        let lines = names.zip(&values).map(|(name, value)| (name.as_bytes(), &value[..]));
        prop_assert!(road.judge(lines, &body, Timestamp::from_millis(millis)).is_err());
    }

    #[test]
    fn a_signature_of_another_secret_is_refused(
        other in "[A-Za-z0-9+/]{42}A=",
        body in "[ -~]{0,64}",
    ) {
        prop_assume!(other != DAILY_SECRET);
        let forger = Credentials { secrets: vec![signing(&other)], ..Credentials::default() };
        let signed = Road::of("daily", forger).sign(body.as_bytes(), RECEIVED);
        let lines = signed.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let judged = Road::daily().judge(lines, body.as_bytes(), RECEIVED);
        prop_assert_eq!(judged.err(), Some(Refusal::WrongSignature));
    }

    #[test]
    fn any_claims_under_a_good_signature_are_judged_without_harm(
        exp in any::<f64>(),
        nbf in prop::option::of(any::<f64>()),
        hash in "[ -~]{0,60}",
    ) {
        let mut claims = serde_json::json!({"iss": API_KEY, "exp": exp, "sha256": hash});
        claims["nbf"] = nbf.into();
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}.", encode(r#"{"alg":"HS256"}"#), encode(&claims.to_string()));
        let lines = livekit_signed(&[(b"authorization".to_vec(), signed.into_bytes())]);
        let body = b"body";
        if Road::livekit().judge(borrowed(&lines), body, RECEIVED).is_ok() {
            prop_assert!(livekit_believes(&lines, body));
        }
    }
}
