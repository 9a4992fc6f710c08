//! URLs that let somebody in: with `user:pass@`, or with a signature or token among their
//! parameters. A URL without is none.

use super::text::Text;

/// Bytes of a scheme.
const SCHEME_BYTES_MAX: usize = 16;
/// Bytes of a parameter's name.
const NAME_BYTES_MAX: usize = 40;
/// Bytes of a value that can be a secret; `token=none` and `auth=true` are not.
const VALUE_BYTES_MIN: usize = 6;
/// How the names of secret parameters end, in small letters.
const ENDINGS: [&[u8]; 11] = [
    b"token",
    b"signature",
    b"secret",
    b"password",
    b"passwd",
    b"passphrase",
    b"apikey",
    b"api_key",
    b"api-key",
    b"credential",
    b"accountkey",
];
/// Names of secret parameters too short to be an ending.
const NAMES: [&[u8]; 8] =
    [b"sig", b"jwt", b"pwd", b"pass", b"auth", b"hdnts", b"hdnea", b"authorization"];

/// Where the URL around the `:` of a `://` begins, not before a floor, and where it ends. Whether
/// it lets somebody in.
pub(super) fn url(text: Text<'_>, colon: usize, floor: usize) -> (usize, usize, bool) {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.');
    let start = text.run_start(colon, floor.max(colon.saturating_sub(SCHEME_BYTES_MAX)), is_scheme);
    let from = colon + 3;
    let end = text.run_end(from, usize::MAX, is_url);
    let place_end = text.run_end(from, end - from, |byte| !matches!(byte, b'/' | b'?' | b'#'));
    let sign = text.run_start(place_end, from, |byte| byte != b'@');
    let named = text.run_end(from, sign - from, |byte| byte != b':');
    // Before the `@` a name, and behind a `:` its password.
    let credentials = sign > from && named > from && named + 2 < sign;
    let mut signed = false;
    let mut place = place_end;
    while place < end && !signed {
        place = text.run_end(place, end - place, |byte| byte != b'=');
        signed = place < end && parameter(text, place, from).is_some();
        place += 1;
    }
    (start, end, start < colon && (credentials || signed))
}

/// Where the secret parameter around a `=` begins, not before a floor, and where it ends.
pub(super) fn parameter(text: Text<'_>, equals: usize, floor: usize) -> Option<(usize, usize)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let least = floor.max(equals.saturating_sub(NAME_BYTES_MAX));
    let start = text.run_start(equals, least, is_name);
    let ends = |ending: &&[u8]| {
        equals - start >= ending.len() && text.is_any_case(equals - ending.len(), ending)
    };
    let is = |name: &&[u8]| equals - start == name.len() && text.is_any_case(start, name);
    if !ENDINGS.iter().any(ends) && !NAMES.iter().any(is) {
        return None;
    }
    let comma = if in_query(text, start) { b'&' } else { b',' };
    let ends_value = |byte: u8| !is_url(byte) || byte == comma || matches!(byte, b'&' | b';');
    let end = text.run_end(equals + 1, usize::MAX, |byte| !ends_value(byte));
    (end - equals > VALUE_BYTES_MIN).then_some((start, end))
}

/// Whether a parameter stands in a query: behind `?`, `&`, `;` or `#`.
pub(super) fn in_query(text: Text<'_>, start: usize) -> bool {
    matches!(text.before(start), b'?' | b'&' | b';' | b'#')
}

fn is_url(byte: u8) -> bool {
    byte > b' '
        && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^' | 0x7f)
}

#[cfg(test)]
mod tests {
    use super::super::Detector::{Token, Url};
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn urls_with_a_password_or_a_signature_are_found_whole() {
        assert_whole(
            Url,
            &[
                "https://zoe:hunter2@example.invalid/a?b=c",
                "redis://default:hunter2@cache:6379/0",
                "https://b.s3.amazonaws.com/a.mp4?X-Amz-Expires=60&X-Amz-Signature=abcdef12",
                "https://acct.blob.core.windows.net/a?sv=2021-08-06&sig=Ab3dEf6h%3D",
                "https://example.invalid/a.mp4?Expires=60&Signature=Ab3dEf6h&Key-Pair-Id=K2",
                "https://example.invalid/a?share_token=Ab3dEf6h",
                "HTTPS://EXAMPLE.INVALID/A?TOKEN=AB3DEF6H",
                "https://example.invalid/#access_token=Ab3dEf6h",
            ],
        );
    }

    #[test]
    fn a_url_ends_where_the_sentence_goes_on() {
        let url = "https://example.invalid/a?token=Ab3dEf6h";
        assert_within(Url, &[(&format!("see <{url}> now"), url), (&format!("\"{url}\""), url)]);
    }

    #[test]
    fn a_secret_parameter_is_found_without_its_url() {
        assert_within(
            Url,
            &[
                ("/rec/a.mp4?token=Ab3dEf6h&x=1", "token=Ab3dEf6h"),
                ("a.mp4?x=1&X-Amz-Signature=abcdef12", "X-Amz-Signature=abcdef12"),
            ],
        );
        assert_within(
            Token,
            &[("token=Ab3dEf6h", "token=Ab3dEf6h"), ("a,api_key=Ab3dEf6h,b", "api_key=Ab3dEf6h")],
        );
    }

    #[test]
    fn a_url_that_lets_nobody_in_is_none() {
        assert_silent(&[
            "https://example.invalid/a?b=c&d=e",
            "https://example.invalid:8443/a:b/c@d",
            "https://user@example/",
            "https://:@example/",
            "https://example.invalid/?token=&sig=0&auth=none",
            "https://example.invalid/search?q=token",
            "https://example.invalid/?tokens=Ab3dEf6h",
            "://zoe:hunter2@host",
            "width=1280&height=720",
            "token=none",
        ]);
    }
}
