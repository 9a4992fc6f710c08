//! Text that no Unicode can hold, mended so that the rest of the event is not lost with it.
//!
//! A name that a sender cut in the middle of a character (half a surrogate pair, a byte of another
//! encoding) would otherwise decide that a whole event cannot be read. Only looked at when a body
//! cannot be read as it is; the signature was over the raw bytes and has been checked.

/// The body with half surrogate pairs and bytes that are not UTF-8 replaced by U+FFFD; `None` where
/// there was nothing to mend.
pub(super) fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut halves = false;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            out.push(byte);
            rest = after;
            continue;
        }
        // An escape: `\u` and four digits, two such for a pair, or one character.
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                halves = true;
                out.extend_from_slice(b"\\ufffd");
                rest = rest.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, behind) = rest.split_at(length.min(rest.len()));
        out.extend_from_slice(escape);
        rest = behind;
    }
    (halves || matches!(text, std::borrow::Cow::Owned(_))).then_some(out)
}

/// The UTF-16 unit of an escape (`\u` and four digits) at the start.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_mended_and_a_whole_one_is_left_alone() {
        let mended = |body: &str| mended(body.as_bytes()).map(|b| String::from_utf8(b).unwrap());
        assert_eq!(mended(r#"{"a":"\ud83d x"}"#).as_deref(), Some(r#"{"a":"\ufffd x"}"#));
        assert_eq!(mended(r#"{"a":"\udc00\ud83d"}"#).as_deref(), Some(r#"{"a":"\ufffd\ufffd"}"#));
        assert_eq!(mended(r#"{"a":"\ud83d\ude00"}"#), None);
        assert_eq!(mended(r#"{"a":"\\ud83d"}"#), None);
        assert_eq!(mended("{\"a\":\"\\"), None);
    }

    #[test]
    fn a_byte_of_another_encoding_is_mended() {
        let mended = mended(b"{\"a\":\"Zo\xeb\"}").unwrap();
        assert_eq!(mended, "{\"a\":\"Zo\u{fffd}\"}".as_bytes());
    }
}
