//! One delivery as it came: head first, body later, both built by checked constructors.
//!
//! The head is looked at before the body is read, so that what cannot be authentic costs no body.
//! A [`Delivery`] exists only with a body within the cap. Where it came from prints cut to its
//! network, and the sender's request id is taken only in forms that cannot name a person.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::SourceName;

/// What tells one request from another, in the answer and in the log.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new one from 128 random bits.
    pub fn fresh(random: u128) -> Self {
        Self(format!("{random:032x}").into())
    }

    /// Takes a proxy's id if it is a UUID or hexadecimal of at most 64 digits; else `None`.
    pub fn from_proxy(text: &[u8]) -> Option<Self> {
        let hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
        let uuid = text.len() == 36
            && text.iter().enumerate().all(|(i, b)| match i {
                8 | 13 | 18 | 23 => *b == b'-',
                _ => b.is_ascii_hexdigit(),
            });
        let plain = (8..=64).contains(&text.len()) && hex(text);
        let text = std::str::from_utf8(text).ok()?;
        (uuid || plain).then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who posted, by address. Prints only its network: /24 for IPv4, /48 for IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl Peer {
    /// An address as the socket or a trusted proxy gave it; IPv4 in IPv6 clothes is undressed.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The whole address, for limits; never for printing.
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// The unit that limits count by: an IPv4 address, an IPv6 /64.
    pub fn unit(self) -> u128 {
        match self.0 {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            // The lowest 64 bits are set so that no /64 meets an IPv4 address.
            IpAddr::V6(v6) => v6.to_bits() | u128::from(u64::MAX),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                write!(f, "{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                write!(f, "{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A header came twice with different values.
#[derive(Debug, PartialEq, Eq)]
pub struct Doubled;

/// The head of one delivery: its route, when and whence it came, and the headers verification needs.
#[derive(Clone, Debug)]
pub struct Head {
    source: SourceName,
    received: Timestamp,
    peer: Peer,
    request_id: RequestId,
    fields: Vec<Field>,
}

#[derive(Clone)]
struct Field {
    name: &'static str,
    value: Vec<u8>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Head {
    /// A head without headers yet. `received` is when its last byte came.
    pub fn new(source: SourceName, received: Timestamp, peer: Peer, request_id: RequestId) -> Self {
        Self { source, received, peer, request_id, fields: Vec::with_capacity(2) }
    }

    /// Adds one header that the source's scheme asked for, once for each time it stands in the
    /// request. `name` is in lower case.
    pub fn with(mut self, name: &'static str, value: &[u8]) -> Self {
        self.fields.push(Field { name, value: value.to_vec() });
        self
    }

    /// The value of a header: `None` if it is absent; the same value twice counts as once.
    pub fn single(&self, name: &str) -> Result<Option<&[u8]>, Doubled> {
        let mut values = self.fields.iter().filter(|f| f.name == name).map(|f| f.value.as_slice());
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.all(|other| other == first) { Ok(Some(first)) } else { Err(Doubled) }
    }

    /// The source whose route was posted to.
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// When the head had come: ages are judged against this.
    pub fn received(&self) -> Timestamp {
        self.received
    }

    /// Who posted.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }
}

/// A body over the cap.
#[derive(Debug, PartialEq, Eq)]
pub struct BodyTooLarge;

/// The bytes of a body, within the cap.
#[derive(Clone)]
pub struct Body(Bytes);

impl Body {
    /// Takes the bytes if they are no more than `cap`.
    pub fn new(bytes: Bytes, cap: usize) -> Result<Self, BodyTooLarge> {
        if bytes.len() <= cap { Ok(Self(bytes)) } else { Err(BodyTooLarge) }
    }

    /// The raw bytes: the only form a signature is over.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// One whole delivery, not yet believed.
#[derive(Clone, Debug)]
pub struct Delivery {
    head: Head,
    body: Body,
}

impl Delivery {
    /// Joins a head and its body.
    pub fn new(head: Head, body: Body) -> Self {
        Self { head, body }
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The raw body.
    pub fn body(&self) -> &[u8] {
        self.body.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let peer = Peer::new(IpAddr::from([192, 0, 2, 77]));
        let id = RequestId::fresh(1);
        Head::new(SourceName::new("s"), Timestamp::from_millis(0), peer, id)
    }

    #[test]
    fn a_header_twice_with_one_value_counts_once_and_with_two_is_doubled() {
        let head = head().with("a", b"1").with("a", b"1").with("b", b"1").with("b", b"2");
        assert_eq!(head.single("a"), Ok(Some(&b"1"[..])));
        assert_eq!(head.single("b"), Err(Doubled));
        assert_eq!(head.single("c"), Ok(None));
    }

    #[test]
    fn a_peer_prints_only_its_network() {
        assert_eq!(Peer::new(IpAddr::from([192, 0, 2, 77])).to_string(), "192.0.2.0/24");
        let v6: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        assert_eq!(Peer::new(v6).to_string(), "2001:db8:1::/48");
        let mapped: IpAddr = "::ffff:192.0.2.9".parse().unwrap();
        assert_eq!(format!("{:?}", Peer::new(mapped)), "192.0.2.0/24");
    }

    #[test]
    fn a_request_id_from_a_proxy_is_a_uuid_or_hex_and_nothing_else() {
        assert!(RequestId::from_proxy(b"0a1b2c3d").is_some());
        assert!(RequestId::from_proxy(b"6497c79b-f326-4942-aef8-c36a29140ad1").is_some());
        for bad in
            [&b"zoe.canary"[..], b"", b"0a1b", b"6497c79b-f326-4942-aef8-c36a29140ad", &[b'a'; 65]]
        {
            assert!(RequestId::from_proxy(bad).is_none());
        }
    }

    #[test]
    fn a_delivery_prints_no_content() {
        let body = Body::new(Bytes::from_static(b"canary"), 6).unwrap();
        let printed = format!("{:?}", Delivery::new(head().with("authorization", b"canary"), body));
        assert!(!printed.contains("canary") && !printed.contains("99, 97"), "{printed}");
        assert_eq!(Body::new(Bytes::from_static(b"1234567"), 6).unwrap_err(), BodyTooLarge);
    }
}
