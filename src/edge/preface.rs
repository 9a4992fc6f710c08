//! The PROXY header, which a trusted proxy may say before its first request.
//!
//! Follows the PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): a proxy that only
//! passes bytes on says so whose bytes they are. Only connections from `trusted_proxies` are read
//! this way; from anyone else such a header is no HTTP and refused as that.
//!
//! Pure and bounded: a line of at most 107 bytes, or a binary header of at most
//! [`PROXY_HEADER_BYTES_MAX`]. The parser is `ppp`'s; what it says of an error is not passed on.

use std::net::IpAddr;

use ppp::{v1, v2};

use crate::bounds::PROXY_HEADER_BYTES_MAX;

/// What a connection of a trusted proxy begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preface {
    /// Something else: the proxy says nothing.
    Absent,
    /// More bytes are needed.
    More,
    /// A header of so many bytes, and whom it speaks for; `None`: for the proxy itself.
    Said(usize, Option<IpAddr>),
    /// No header that can be understood.
    Malformed,
}

const LINE: &[u8] = b"PROXY ";
/// Bytes of the longest line, its end included.
const LINE_BYTES_MAX: usize = 107;
/// Bytes of a binary header before what its length counts.
const FIXED: usize = 16;

/// Reads the first bytes of a connection.
pub(super) fn read(bytes: &[u8]) -> Preface {
    if begins(bytes, LINE) {
        line(bytes)
    } else if begins(bytes, v2::PROTOCOL_PREFIX) {
        binary(bytes)
    } else {
        Preface::Absent
    }
}

/// Whether they begin so, as far as they have come.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    let both = bytes.len().min(with.len());
    bytes.get(..both) == with.get(..both)
}

fn line(bytes: &[u8]) -> Preface {
    let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = window.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < LINE_BYTES_MAX { Preface::More } else { Preface::Malformed };
    };
    let line = bytes.get(..end + 2).unwrap_or(bytes);
    let Ok(header) = v1::Header::try_from(line) else {
        return Preface::Malformed;
    };
    let address = match header.addresses {
        v1::Addresses::Tcp4(pair) => Some(IpAddr::V4(pair.source_address)),
        v1::Addresses::Tcp6(pair) => Some(IpAddr::V6(pair.source_address)),
        v1::Addresses::Unknown => None,
    };
    Preface::Said(line.len(), address)
}

fn binary(bytes: &[u8]) -> Preface {
    // The length stands in the last two of the fixed bytes.
    let Some([high, low]) = bytes.get(FIXED - 2..FIXED) else {
        return Preface::More;
    };
    let all = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    if all > PROXY_HEADER_BYTES_MAX {
        return Preface::Malformed;
    }
    let Some(header) = bytes.get(..all) else {
        return Preface::More;
    };
    let Ok(header) = v2::Header::try_from(header) else {
        return Preface::Malformed;
    };
    let address = match (header.command, header.addresses) {
        // The proxy's own connection, such as a health check.
        (v2::Command::Local, _) => None,
        (v2::Command::Proxy, v2::Addresses::IPv4(pair)) => Some(IpAddr::V4(pair.source_address)),
        (v2::Command::Proxy, v2::Addresses::IPv6(pair)) => Some(IpAddr::V6(pair.source_address)),
        (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => None,
    };
    Preface::Said(all, address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binary_header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        let fixed = [&[0x20 | command, family][..], &length].concat();
        [v2::PROTOCOL_PREFIX, &fixed, addresses].concat()
    }

    fn v4() -> Vec<u8> {
        binary_header(1, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80])
    }

    fn v6() -> Vec<u8> {
        let address: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
        let addresses = [&address.octets()[..], &[0; 16], &[0x12, 0x34, 0, 80]].concat();
        binary_header(1, 0x21, &addresses)
    }

    fn said(bytes: &[u8]) -> (usize, Option<String>) {
        let Preface::Said(length, address) = read(bytes) else {
            panic!("{:?}", read(bytes));
        };
        (length, address.map(|address| address.to_string()))
    }

    #[test]
    fn both_versions_say_whom_they_speak_for() {
        let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\nPOST";
        assert_eq!(said(line), (line.len() - 4, Some("192.0.2.7".to_owned())));
        let line = b"PROXY TCP6 2001:db8::7 ::1 4660 80\r\n";
        assert_eq!(said(line), (line.len(), Some("2001:db8::7".to_owned())));
        let with_more = [v4(), b"POST".to_vec()].concat();
        assert_eq!(said(&with_more), (28, Some("192.0.2.7".to_owned())));
        assert_eq!(said(&v6()), (52, Some("2001:db8::7".to_owned())));
        // Whatever stands behind the addresses (a unique id, TLS, …) is passed over.
        let extended = [&[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80], &[4, 0, 1, 42][..]];
        let extended = binary_header(1, 0x11, &extended.concat());
        assert_eq!(said(&extended), (32, Some("192.0.2.7".to_owned())));
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        assert_eq!(said(b"PROXY UNKNOWN\r\n"), (15, None));
        assert_eq!(said(b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n").1, None);
        assert_eq!(said(&binary_header(0, 0, &[])), (16, None));
        assert_eq!(said(&binary_header(0, 0x11, &[9; 12])).1, None);
        assert_eq!(said(&binary_header(1, 0, &[])).1, None);
        assert_eq!(said(&binary_header(1, 0x31, &[0; 216])).1, None);
    }

    #[test]
    fn a_head_is_no_preface() {
        for text in ["POST / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "\r\nPOST", "\r\n\r\nPOST"] {
            assert_eq!(read(text.as_bytes()), Preface::Absent, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_or_is_too_long_is_malformed() {
        let endless = format!("PROXY UNKNOWN {}", "f".repeat(100));
        let huge = u16::try_from(PROXY_HEADER_BYTES_MAX).unwrap().to_be_bytes();
        let huge = [v2::PROTOCOL_PREFIX, &[0x21, 0x11], &huge].concat();
        let short = binary_header(1, 0x11, &[1, 2, 3]);
        let (command, family) = (binary_header(7, 0x11, &[0; 12]), binary_header(1, 0x71, &[]));
        for bytes in [
            b"PROXY / HTTP/1.1\r\n".as_slice(),
            b"PROXY TCP4 192.0.2.7\r\n",
            b"PROXY TCP4 zoe.canary 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 99999 2\r\n",
            b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
            endless.as_bytes(),
            &huge,
            &short,
            &command,
            &family,
        ] {
            assert_eq!(read(bytes), Preface::Malformed, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged_the_same_in_pieces(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                prop::collection::vec(any::<u8>(), 0..200)
                    .prop_map(|rest| [v2::PROTOCOL_PREFIX, &rest].concat()),
                "PROXY (TCP4|TCP6|UNKNOWN)?[ 0-9a-f.:]{0,110}(\r\n)?".prop_map(String::into_bytes),
            ],
        ) {
            let whole = read(&bytes);
            let mut pieces = (0..=bytes.len()).map(|end| read(&bytes[..end]));
            let first = pieces.find(|preface| *preface != Preface::More);
            prop_assert_eq!(first.unwrap_or(Preface::More), whole);
        }
    }
}
