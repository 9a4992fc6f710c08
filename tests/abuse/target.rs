//! Where the gate is, and how it is reached from any address of loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use crate::proof::gate::{Gate, Place};
use crate::proof::road::Road;

pub(crate) const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Shared by all who attack and all who do not.
#[derive(Clone)]
pub(crate) struct Target {
    port: u16,
    pub(crate) admin: SocketAddr,
    pub(crate) daily: Arc<Road>,
}

/// Lets a gate listen on both families.
pub(crate) fn listens_everywhere(place: &Place) {
    let text = std::fs::read_to_string(place.file()).unwrap();
    let text = text.replacen("listen = \"127.0.0.1:0\"", "listen = \"[::]:0\"", 1);
    std::fs::write(place.file(), text).unwrap();
}

impl Target {
    pub(crate) fn new(gate: &Gate, place: &Place) -> Self {
        let daily = Arc::new(Road::all(place.config()).remove(0));
        Self { port: gate.public.port(), admin: gate.admin, daily }
    }

    /// The public door over the family of an address.
    fn public(&self, from: IpAddr) -> SocketAddr {
        match from {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, self.port)),
        }
    }

    /// A connection from an address; `None` where there is none to be had.
    pub(crate) async fn connect(&self, from: IpAddr) -> Option<TcpStream> {
        let to = self.public(from);
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4().ok()?,
            SocketAddr::V6(_) => TcpSocket::new_v6().ok()?,
        };
        // Where the system takes this address anyway it also finds a port by itself, and quicker.
        if from != to.ip() {
            socket.bind(SocketAddr::new(from, 0)).ok()?;
        }
        let stream = socket.connect(to).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }

    /// The same from the attackers' address.
    pub(crate) async fn attack(&self) -> Option<TcpStream> {
        self.connect(ATTACKER).await
    }

    /// A request that is authentic.
    pub(crate) fn signed(&self, body: &str) -> Vec<u8> {
        self.daily.signed(body)
    }

    /// A request that only its signature's value betrays.
    pub(crate) fn forged(&self) -> Vec<u8> {
        let signed = String::from_utf8(self.signed(&event("forged"))).unwrap();
        signed.replace("1.0.0", "6.6.6").into_bytes()
    }

    /// A head that could be authentic, for a body of a length.
    pub(crate) fn head(&self, length: usize, lines: &str) -> Vec<u8> {
        let signed = String::from_utf8(self.signed("{}")).unwrap();
        let (head, _) = signed.split_once("Content-Length").unwrap();
        format!("{head}{lines}Content-Length: {length}\r\n\r\n").into_bytes()
    }
}

/// A body of Daily's about one room.
pub(crate) fn event(id: &str) -> String {
    format!(
        r#"{{"version":"1.0.0","type":"meeting.started","id":"{id}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-c36a29140ad1","room":"consult-0a1b2c3d"}},"event_ts":1795168800.6}}"#
    )
}

/// Ends a connection with a reset, at once.
pub(crate) fn slam(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
