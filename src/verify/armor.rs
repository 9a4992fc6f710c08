//! Bytes written as text: base64 in its dialects, and lower-case hexadecimal.
//!
//! Strict where a sender's form is known to the letter, lenient where people or several versions of
//! a sender write it. What cannot be read is `None`: no error here quotes what it choked on.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

/// Node's decoder, with which these senders read their own secrets, minds neither padding nor the
/// last bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const LENIENT_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const LENIENT_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Standard base64 with padding, as these very 32 bytes are written and no other way.
pub(super) fn standard_32(text: &[u8]) -> Option<[u8; 32]> {
    exactly_32(&STANDARD.decode(text).ok()?)
}

/// Standard base64 with padding.
pub(super) fn to_standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// base64url without padding, as in a JSON Web Token (RFC 7515 §2).
pub(super) fn url_safe(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// base64url without padding.
pub(super) fn to_url_safe(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// base64 in either alphabet, padded or not, with or without white space around it.
pub(super) fn lenient(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url_safe { &LENIENT_URL_SAFE } else { &LENIENT_STANDARD };
    engine.decode(text).ok()
}

/// A secret's text without the line end that a file gives it.
pub(super) fn line(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Lower-case hexadecimal of 32 bytes.
pub(super) fn hex_32(text: &[u8]) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
    exactly_32(&bytes?)
}

/// Lower-case hexadecimal.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// These bytes if they are 32.
pub(super) fn exactly_32(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_only_as_it_is_written() {
        let digest = [0xfb; 32];
        let text = to_standard(&digest);
        assert_eq!(standard_32(text.as_bytes()), Some(digest));
        for bad in [
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-"),
            format!("{text}="),
            format!(" {text}"),
            // The same bytes by a decoder that drops the last bits, and another text.
            text.replace("s=", "t="),
            to_hex(&digest),
            to_standard(&[0xfb; 20]),
            String::new(),
        ] {
            assert_eq!(standard_32(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_read_in_every_dialect_of_base64() {
        let bytes = [0xfb; 31];
        let text = to_standard(&bytes);
        for same in [
            text.clone(),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
            format!(" \t{text}\r\n"),
        ] {
            assert_eq!(lenient(same.as_bytes()).as_deref(), Some(&bytes[..]));
        }
        assert_eq!(lenient("Zoë".as_bytes()), None);
        assert_eq!(lenient(b"not base64!"), None);
    }

    #[test]
    fn hexadecimal_is_lower_case_and_32_bytes() {
        let digest: [u8; 32] = std::array::from_fn(|i| 251u8.wrapping_mul(i as u8));
        let text = to_hex(&digest);
        assert_eq!(hex_32(text.as_bytes()), Some(digest));
        assert_eq!(hex_32(text.to_uppercase().as_bytes()), None);
        assert_eq!(hex_32(&text.as_bytes()[1..]), None);
        assert_eq!(hex_32(&text.as_bytes()[2..]), None);
        assert_eq!(hex_32(b""), None);
    }
}
