//! Tokens that say what they are: JSON Web Tokens, what follows `Bearer` or `Basic`, and keys with
//! the prefix that their issuer gives them.

use super::text::{CAPITAL, DIGIT, SMALL, Text};

/// Bytes of the parts of a JSON Web Token: a header is longer than this.
const HEADER_BYTES_MIN: usize = 10;
/// Bytes behind `Bearer` or `Basic`, with a digit among them: fewer are a word.
const AUTHORIZATION_BYTES_MIN: usize = 10;
/// Bytes of a key in which a digit must stand.
const KEY_BYTES_READ: usize = 64;

/// Prefixes of keys, how many bytes follow, and of what.
#[rustfmt::skip]
const PREFIXES: [(&[u8], usize, Tail); 33] = [
    (b"sk_live_", 16, Tail::Word), (b"sk_test_", 16, Tail::Word),        // Stripe
    (b"rk_live_", 16, Tail::Word), (b"rk_test_", 16, Tail::Word),
    (b"pk_live_", 16, Tail::Word), (b"whsec_", 16, Tail::Blob),
    (b"sk-ant-", 24, Tail::Dashed), (b"sk-proj-", 24, Tail::Dashed),     // models
    (b"sk-", 32, Tail::Word),
    (b"ghp_", 30, Tail::Word), (b"gho_", 30, Tail::Word),                // GitHub
    (b"ghu_", 30, Tail::Word), (b"ghs_", 30, Tail::Word),
    (b"ghr_", 30, Tail::Word), (b"github_pat_", 40, Tail::Dashed),
    (b"glpat-", 20, Tail::Dashed),                                       // GitLab
    (b"xoxb-", 16, Tail::Dashed), (b"xoxp-", 16, Tail::Dashed),          // Slack
    (b"xoxa-", 16, Tail::Dashed), (b"xoxr-", 16, Tail::Dashed),
    (b"xoxs-", 16, Tail::Dashed), (b"xapp-", 16, Tail::Dashed),
    (b"AKIA", 16, Tail::Capitals), (b"ASIA", 16, Tail::Capitals),        // AWS
    (b"AIza", 35, Tail::Dashed), (b"ya29.", 20, Tail::Dashed),           // Google
    (b"SG.", 40, Tail::Dotted), (b"npm_", 36, Tail::Word),               // SendGrid, npm
    (b"pypi-", 40, Tail::Dashed), (b"hvs.", 20, Tail::Dashed),           // PyPI, Vault
    (b"dop_v1_", 40, Tail::Word), (b"shpat_", 24, Tail::Word),           // DigitalOcean, Shopify
    (b"AGE-SECRET-KEY-1", 50, Tail::Capitals),                           // age
];

/// What may follow a prefix.
#[derive(Clone, Copy)]
enum Tail {
    /// Letters and digits.
    Word,
    /// Capitals and digits.
    Capitals,
    /// Letters, digits, `-` and `_`.
    Dashed,
    /// The same and `.`.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`, `-` and `_`.
    Blob,
}

/// Where the token ends that begins with a word which is no JSON Web Token.
pub(super) fn token(text: Text<'_>, from: usize, to: usize) -> Option<usize> {
    match text.piece(from, to) {
        b"Bearer" | b"bearer" | b"BEARER" | b"Basic" | b"basic" | b"BASIC" => scheme(text, to),
        b"sk" | b"rk" | b"pk" | b"whsec" | b"ghp" | b"gho" | b"ghu" | b"ghs" | b"ghr"
        | b"github" | b"glpat" | b"xoxb" | b"xoxp" | b"xoxa" | b"xoxr" | b"xoxs" | b"xapp"
        | b"ya29" | b"SG" | b"npm" | b"pypi" | b"hvs" | b"dop" | b"shpat" | b"AGE" => {
            prefixed(text, from)
        }
        [b'A', b'K' | b'S', b'I', b'A', rest @ ..] if rest.len() >= 16 => prefixed(text, from),
        [b'A', b'I', b'z', b'a', ..] => prefixed(text, from),
        _ => None,
    }
}

/// Where the JSON Web Token that begins at a place ends: header, claims, and mostly a signature; or
/// up to where none begins.
pub(super) fn web_token(text: Text<'_>, from: usize) -> Result<usize, usize> {
    let header = text.run_end(from, usize::MAX, is_url_safe);
    let claims = text.run_end(header + 1, usize::MAX, is_url_safe);
    if text.at(header) != b'.' || claims - header <= HEADER_BYTES_MIN {
        return Err(header);
    }
    // Two more parts follow in an encrypted one.
    let is_part = |byte: u8| is_url_safe(byte) || byte == b'.';
    Ok(text.run_end(claims, usize::MAX, is_part))
}

/// What follows `Bearer` or `Basic`.
fn scheme(text: Text<'_>, to: usize) -> Option<usize> {
    let gap = match text.is(to, b"%20") {
        true => to + 3,
        false => text.run_end(to, 3, |byte| matches!(byte, b' ' | b':' | b'=' | b'+')),
    };
    let is_part = |byte: u8| is_url_safe(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=');
    let enough = text.run_end(gap, KEY_BYTES_READ, is_part);
    let drawn = (gap..enough).any(|place| text.is_digit(place) || text.at(place) == b'=');
    let fits = gap > to && drawn && enough - gap >= AUTHORIZATION_BYTES_MIN;
    fits.then(|| text.run_end(enough, usize::MAX, is_part))
}

/// A key by its prefix. A digit and a letter are among its first bytes.
fn prefixed(text: Text<'_>, from: usize) -> Option<usize> {
    let (prefix, least, tail) = PREFIXES.iter().find(|(prefix, ..)| text.is(from, prefix))?;
    let start = from + prefix.len();
    let enough = text.run_end(start, KEY_BYTES_READ, |byte| tail.has(byte));
    let seen = (start..enough).fold(0, |seen, place| seen | text.class(place));
    let mixed = seen & DIGIT != 0 && seen & (SMALL | CAPITAL) != 0;
    let end = || text.run_end(enough, usize::MAX, |byte| tail.has(byte));
    (mixed && enough - start >= *least).then(end)
}

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl Tail {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Word => byte.is_ascii_alphanumeric(),
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Dashed => is_url_safe(byte),
            Self::Dotted => is_url_safe(byte) || byte == b'.',
            Self::Blob => is_url_safe(byte) || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector::Token;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6b2UifQ.c2lnbmF0dXJl";

    /// Keys are put together here, so that scanners of repositories have nothing to say.
    #[test]
    fn tokens_are_found_by_what_they_begin_with() {
        assert_whole(
            Token,
            &[
                JWT,
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ6b2UifQ.",
                "Bearer Ab3dEf6hIj",
                "bearer%20Ab3dEf6hIj",
                "Basic em9lOmh1bnRlcjI=",
                concat!("sk_", "live_Ab3dEf6hIj9kLm2n"),
                concat!("ghp", "_abcdefghijklmnopqrstuvwxyz0123456789"),
                concat!("xox", "b-123456789012-123456789012-Ab3dEf6hIj9k"),
                concat!("AKIA", "ABCDEFGHIJKLMNO7"),
                concat!("AIza", "SyAb3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z_"),
                concat!(
                    "AGE-",
                    "SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
                    "QPZRY9X8GF2TVDW0S3JN5"
                ),
            ],
        );
        assert_whole(Token, &[&format!("Bearer {JWT}")]);
    }

    #[test]
    fn a_token_is_found_within_a_path_a_parameter_and_a_header() {
        assert_within(
            Token,
            &[
                (&format!("recordings/{JWT}/a"), JWT),
                (&format!("https://example.invalid/r?t={JWT}"), JWT),
                (&format!("consult-{JWT}"), JWT),
                ("Authorization: Bearer Ab3dEf6hIj", "Bearer Ab3dEf6hIj"),
                ("key whsec_Ab3dEf6hIj9kLm2n used", "whsec_Ab3dEf6hIj9kLm2n"),
            ],
        );
    }

    #[test]
    fn words_that_begin_alike_are_none() {
        assert_silent(&[
            "Bearer",
            "bearer of news",
            "Bearer authentication required",
            "Basic authentication failed",
            "basic-training-for-beginners",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.mp4",
            "sk_live_",
            "sk-learn-for-beginners-2",
            "whsec_abcdefghijklmnopqrst",
            "AKIA",
            "AKIABCDEF",
            "npm_config_cache",
            "github_pat_",
        ]);
    }
}
