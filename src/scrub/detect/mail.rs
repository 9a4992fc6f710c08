//! E-mail addresses, by their `@`.

use super::text::{DIGIT, FOREIGN, Text, WORD};

/// Bytes of a local part in quotes.
const QUOTED_BYTES_MAX: usize = 64;
/// Bytes of a domain.
const DOMAIN_BYTES_MAX: usize = 255;

/// How many bytes the `@` at a place has, also percent-encoded once or twice, or of
/// full width.
pub(super) fn at_sign(text: Text<'_>, place: usize) -> Option<usize> {
    match text.at(place) {
        b'@' => Some(1),
        b'%' if text.is(place, b"%40") => Some(3),
        b'%' if text.is(place, b"%2540") => Some(5),
        0xef if text.is(place, "＠".as_bytes()) => Some(3),
        _ => None,
    }
}

/// Where the address around an `@` begins and ends; not before a floor.
pub(super) fn mail(
    text: Text<'_>,
    sign: usize,
    width: usize,
    floor: usize,
) -> Option<(usize, usize)> {
    let end = domain_end(text, sign + width)?;
    let start = match text.before(sign) {
        b'"' => {
            let least = floor.max(sign.saturating_sub(QUOTED_BYTES_MAX));
            let open = text.run_start(sign - 1, least, |byte| !matches!(byte, b'"' | b'@'));
            if text.before(open) == b'"' { open - 1 } else { return None }
        }
        _ => {
            let mut start = text.run_start(sign, floor, is_local);
            // A quotation mark or bracket that is not ASCII.
            while start < sign && text.width(start) > 1 {
                start += text.width(start);
            }
            start
        }
    };
    (start < sign).then_some((start, end))
}

/// What a local part may be made of. Not `/`, `=` or `?`, though allowed: there a path or a
/// parameter begins.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'.' | b'_' | b'-' | b'+' | b'\'' | b'%' | b'!' | b'#' | b'$' | b'*' | b'~'
        )
}

/// Where a domain of at least two labels ends, the last one of letters.
fn domain_end(text: Text<'_>, from: usize) -> Option<usize> {
    let (mut place, mut labels, mut end) = (from, 0, None);
    loop {
        let (mut seen, label) = (0, place);
        while place - from < DOMAIN_BYTES_MAX {
            let class = text.class(place) & WORD;
            if class == 0 && text.at(place) != b'-' {
                break;
            }
            (seen, place) = (seen | class, place + 1);
        }
        if place - from >= DOMAIN_BYTES_MAX {
            return end;
        }
        let named = place - label >= 2 && seen & !DIGIT != 0;
        let country = text.is_any_case(label, b"xn--") || is_lettered(text, label, place);
        labels += 1;
        if labels > 1 && named && country {
            end = Some(place);
        }
        let more = text.at(place) == b'.' && text.class(place + 1) & WORD != 0;
        if place == label || !more {
            return end;
        }
        place += 1;
    }
}

/// Whether a label has no digits or dashes.
fn is_lettered(text: Text<'_>, from: usize, to: usize) -> bool {
    (from..to).all(|place| text.at(place).is_ascii_alphabetic() || text.class(place) & FOREIGN != 0)
}

#[cfg(test)]
mod tests {
    use super::super::Detector::Email;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn addresses_of_every_alphabet_and_encoding_are_found() {
        assert_whole(
            Email,
            &[
                "zoe@example.invalid",
                "Zoe.Canary+visit@mail.Example.Invalid",
                "o\u{27}brien@example.invalid",
                "zoë@bücher.example.invalid",
                "иван@пример.испытание",
                "用户@例子.测试",
                "zoe@example.xn--p1ai",
                "zoe%40example.invalid",
                "zoe%2Bvisit%2540example.invalid",
                "zoe＠example.invalid",
                "\"zoe canary\"@example.invalid",
                "+15550100003@carrier.example.invalid",
                "1985-02-14@example.invalid",
            ],
        );
    }

    #[test]
    fn an_address_is_found_within_paths_parameters_and_sentences() {
        assert_within(
            Email,
            &[
                ("recordings/zoe@example.invalid/a.mp4", "zoe@example.invalid"),
                ("?to=zoe@example.invalid&x=1", "zoe@example.invalid"),
                ("Write to zoe@example.invalid.", "zoe@example.invalid"),
                ("<zoe@example.invalid>", "zoe@example.invalid"),
                ("„zoe@example.invalid“", "zoe@example.invalid"),
                ("zoe@example.invalid.mp4", "zoe@example.invalid"),
                ("sip:zoe@example.invalid:5060", "zoe@example.invalid"),
                ("id +1 555 0100003@example.invalid", "+1 555 0100003@example.invalid"),
            ],
        );
    }

    #[test]
    fn two_addresses_are_two_pieces() {
        let text = "a@example.invalid%40b@example.invalid,c@example.invalid";
        let pieces = super::super::tests::found(text);
        assert_eq!(pieces.len(), 3, "{pieces:?}");
    }

    #[test]
    fn an_at_sign_alone_is_none() {
        assert_silent(&[
            "@",
            "@@",
            "user@",
            "@example.invalid",
            "a@b",
            "root@localhost",
            "5 @ 30 fps",
            "livekit-client@2.5.0",
            "@livekit/protocol@1.51.0",
            "a@b.c",
            "a@.example",
            "50%40",
            "x@1.5",
        ]);
    }
}
