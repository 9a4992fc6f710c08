//! Addresses of machines: IPv4 and IPv6, with a prefix length if one follows.
//!
//! Four numbers with dots are also how some versions are written. They are none of an address if
//! all are below 10, if they end with `.0.0.0`, or if they follow the capitalized name of a product
//! (`Chrome/131.0.6.8`). Loopback and unspecified addresses are nobody's.

use std::net::Ipv6Addr;

use super::groups::{Group, glued_by};
use super::text::{DOT, FOREIGN, HEX, Text, WORD};

/// Bytes of the longest IPv6 address.
const V6_BYTES_MAX: usize = 45;

/// Where the IPv4 address of the first four groups ends. `joined`: the mark before them if a digit
/// stands before that.
pub(super) fn v4(text: Text<'_>, groups: &[Group], joined: u8) -> Option<usize> {
    let (four, rest) = groups.split_first_chunk::<4>()?;
    let longer = rest.first().is_some_and(|next| next.glue == DOT) || joined == DOT;
    if longer || !glued_by(four, DOT) || four.iter().any(|group| group.digits > 3) {
        return None;
    }
    let [a, b, c, d] = four.map(|group| group.value(text));
    let is_octet =
        |(value, group): (u64, &Group)| value <= 255 && group.digits == octet_digits(value);
    if ![a, b, c, d].into_iter().zip(four).all(is_octet) {
        return None;
    }
    let end = four[3].end();
    let version = (b, c, d) == (0, 0, 0) || [a, b, c, d].iter().all(|number| *number < 10);
    let nobody = a == 127 || a == 0;
    let prefix = prefix(text, end, 32);
    let of_product = text.is_of_product(four[0].at) && !matches!(text.at(end), b'/' | b':');
    if nobody || (prefix == end && (version || of_product)) {
        return None;
    }
    Some(prefix)
}

/// Where the run of hexadecimal groups and colons from a place on ends, and whether it is an IPv6
/// address up to there or to the place given.
pub(super) fn v6(text: Text<'_>, from: usize) -> (usize, Option<usize>) {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let run = text.run_end(from, V6_BYTES_MAX + 1, is_part);
    let bytes = text.piece(from, run);
    let colons = bytes.iter().filter(|byte| **byte == b':').count();
    let ends_word = text.class(run) & WORD == 0;
    if !ends_word || colons < 2 || run - from > V6_BYTES_MAX {
        return (run, None);
    }
    // A sentence may end behind it.
    let shorter = bytes.strip_suffix(b":").or(bytes.strip_suffix(b"."));
    let spelled = [Some(bytes), shorter];
    let found = spelled.into_iter().flatten().find(|bytes| is_v6(bytes));
    (run, found.map(|bytes| prefix(text, from + bytes.len(), 128)))
}

fn is_v6(bytes: &[u8]) -> bool {
    let address = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    let long = bytes.split(|byte| *byte == b':').any(|part| part.len() > 2);
    // `a::b` is a path in some languages; `::` and `::1` are nobody's.
    let whole = bytes.iter().filter(|byte| **byte == b':').count() == 7;
    address.is_some_and(|address| !address.is_unspecified() && !address.is_loopback())
        && (long || whole)
}

/// Where the prefix length behind an address ends, or the address itself.
fn prefix(text: Text<'_>, end: usize, most: u32) -> usize {
    let from = end + 1;
    let to = text.run_end(from, 3, |byte| byte.is_ascii_digit());
    let bits = (from..to).fold(0, |value, place| value * 10 + u32::from(text.digit(place)));
    let is_prefix = text.at(end) == b'/' && to > from && bits <= most;
    if is_prefix && text.class(to) & WORD == 0 { to } else { end }
}

fn octet_digits(value: u64) -> usize {
    match value {
        0..=9 => 1,
        10..=99 => 2,
        _ => 3,
    }
}

/// Whether a word of this class and length may begin an IPv6 address.
pub(super) fn may_begin_v6(seen: u8, bytes: usize) -> bool {
    seen & !HEX & !FOREIGN == 0 && bytes <= 4
}

#[cfg(test)]
mod tests {
    use super::super::Detector::IpAddress;
    use super::super::tests::{assert_silent, assert_whole, assert_within};

    #[test]
    fn addresses_are_found_with_their_prefix_length() {
        assert_whole(
            IpAddress,
            &[
                "192.0.2.44",
                "10.0.0.5",
                "192.0.2.0/24",
                "10.0.0.0/8",
                "2001:db8::44",
                "2001:DB8:0:0:0:0:0:1",
                "2001:db8::/32",
                "::ffff:192.0.2.1",
                "fe80::1ff:fe23:4567:890a",
            ],
        );
    }

    #[test]
    fn an_address_is_found_within_a_host_a_path_and_a_sentence() {
        assert_within(
            IpAddress,
            &[
                ("http://192.0.2.44:8080/a", "192.0.2.44"),
                ("recordings/192.0.2.44/a.mp4", "192.0.2.44"),
                ("from 192.0.2.44.", "192.0.2.44"),
                ("192.0.2.44/33", "192.0.2.44"),
                ("[2001:db8::44]:443", "2001:db8::44"),
                ("2001:db8::44: refused", "2001:db8::44"),
                ("2001:db8::44.", "2001:db8::44"),
                ("fe80::1ff:fe23:4567:890a%eth0", "fe80::1ff:fe23:4567:890a"),
            ],
        );
    }

    #[test]
    fn versions_times_paths_and_nobodys_addresses_are_none() {
        assert_silent(&[
            "1.13.5",
            "1.2.3.4",
            "1.2.3.4.5",
            "10.20.30.40.50",
            "131.0.0.0",
            "Chrome/131.0.6.86",
            "192.0.2",
            "192.0.2.256",
            "192.0.02.44",
            "192.0.2.4444",
            "127.0.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "10:04:36",
            "00:00:5e:00:53:01",
            "a::b",
            "std::io",
            "Value::f32",
            "1:2:3:4:5:6:7:8:9",
            "12345::1",
            "2001:db8::44g",
        ]);
    }
}
