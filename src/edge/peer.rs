//! Who posted, and under which request id: believed only from those we trust to say so.
//!
//! `X-Forwarded-For` is read from its right end: each trusted proxy vouches for the address to its
//! left. The first address that is not a trusted proxy is the peer; what stands left of it anyone
//! may have written.
//!
//! Where a PROXY header came first (see [`preface`](super::preface)), the address it names stands
//! for the socket's in all of this: a proxy that passes bytes on writes no headers. So if it names
//! another trusted proxy, that one's `X-Forwarded-For` is read on; if not, nothing is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::delivery::{Peer, RequestId};

/// The networks that may say whom they speak for.
#[derive(Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Trusts these.
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Who posted, as far as can be believed.
    pub(super) fn peer(&self, socket: IpAddr, headers: &HeaderMap) -> Peer {
        let mut peer = socket.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut before = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(peer) {
            // A proxy that says nothing readable speaks for itself.
            let Some(address) = before.next().and_then(address) else {
                break;
            };
            peer = address.to_canonical();
        }
        Peer::new(peer)
    }

    /// The request's id: a trusted proxy's, if it is of a form that names nobody, else a fresh one.
    pub(super) fn request_id(&self, socket: IpAddr, headers: &HeaderMap) -> RequestId {
        let given = headers.get("x-request-id");
        given
            .filter(|_| self.trusts(socket))
            .and_then(|id| RequestId::from_proxy(id.as_bytes()))
            .unwrap_or_else(|| RequestId::fresh(rand::random()))
    }

    /// Whether this address may say whom it speaks for.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let with_port = || text.parse().map(|address: SocketAddr| address.ip()).ok();
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(socket: &str, lines: &[&str]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8:ffff::/48"];
        let proxies = Proxies::new(networks.map(|n| n.parse().unwrap()).to_vec());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let peer = proxies.peer(socket.parse().unwrap(), &headers);
        peer.address().to_string()
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_is_the_peer() {
        assert_eq!(peer("10.0.0.1", &["6.6.6.6, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(peer("10.0.0.1", &["192.0.2.7, 10.1.2.3,10.0.0.9"]), "192.0.2.7");
        assert_eq!(peer("10.0.0.1", &["192.0.2.7", "10.1.2.3"]), "192.0.2.7");
        assert_eq!(peer("::ffff:10.0.0.1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(peer("2001:db8:ffff::1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(peer("10.0.0.1", &["[2001:db8::7]:99"]), "2001:db8::7");
    }

    #[test]
    fn a_peer_that_is_no_proxy_speaks_for_nobody() {
        assert_eq!(peer("198.51.100.1", &["192.0.2.7"]), "198.51.100.1");
    }

    #[test]
    fn a_proxy_that_says_nothing_readable_speaks_for_itself() {
        assert_eq!(peer("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(peer("10.0.0.1", &["192.0.2.7, unknown"]), "10.0.0.1");
        assert_eq!(peer("10.0.0.1", &["unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(peer("10.0.0.1", &[""]), "10.0.0.1");
    }

    #[test]
    fn a_request_id_is_taken_from_a_proxy_alone() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "0A1B2C3D".parse().unwrap());
        let id = |socket: &str| proxies.request_id(socket.parse().unwrap(), &headers);
        assert_eq!(id("10.0.0.1").as_str(), "0a1b2c3d");
        assert_eq!(id("192.0.2.7").as_str().len(), 32);
        headers.insert("x-request-id", "zoe.canary".parse().unwrap());
        let id = proxies.request_id("10.0.0.1".parse().unwrap(), &headers);
        assert_ne!(id.as_str(), "zoe.canary");
    }
}
