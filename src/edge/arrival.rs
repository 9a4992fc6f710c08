//! From a bare stream to the first byte of HTTP, where TLS stands between.
//!
//! A trusted proxy says first whom it speaks for, in plain bytes; then come the handshake and,
//! under it, requests. Without TLS nothing is done here: there
//! [`Framing`](super::framing::Framing) reads a PROXY header, as it reads everything else.
//!
//! Promises: all of it has one time-out; who is asked to leave meanwhile leaves; one that has just
//! come when the listener closes is waited for a little, because its sender is about to post.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::bounds::PROXY_HEADER_BYTES_MAX;

use super::Limits;
use super::line::{Leave, Line};
use super::preface::{self, Preface};
use super::tls::{Failed, Opened, Tls, Wire, shake_hands};

/// Brings a connection in. `told` is called where a proxy may say whom it speaks for, and does.
pub(super) async fn arrive(
    stream: TcpStream,
    (tls, h2): (&Tls, bool),
    line: &Line,
    limits: &Limits,
    told: Option<impl FnOnce(IpAddr)>,
) -> Result<Wire, Failed> {
    let shaken = timeout(limits.tls_handshake, async {
        let opened = match told {
            Some(told) => introduced(stream, line, told).await?,
            None => Opened::new(stream, BytesMut::new()),
        };
        shake_hands(opened, tls, h2).await
    });
    tokio::select! {
        biased;
        shaken = shaken => shaken.unwrap_or(Err(Failed::Slow)),
        () = dismissed(line, limits.first_head) => Err(Failed::Gone),
    }
}

/// Waits until the connection has to go.
async fn dismissed(line: &Line, grace: Duration) {
    while line.asked() == Leave::Stay {
        line.told().await;
    }
    tokio::select! {
        () = line.told_now() => {}
        () = sleep(grace) => {}
    }
}

/// Reads the PROXY header, if there is one. What was read beyond it comes along.
async fn introduced(
    mut stream: TcpStream,
    line: &Line,
    told: impl FnOnce(IpAddr),
) -> Result<Opened, Failed> {
    let mut first = BytesMut::new();
    loop {
        let room = PROXY_HEADER_BYTES_MAX.saturating_sub(first.len()).max(1);
        first.reserve(room);
        match (&mut stream).take(room as u64).read_buf(&mut first).await {
            Ok(0) | Err(_) => return Err(Failed::Gone),
            Ok(_) => {}
        }
        match preface::read(&first) {
            Preface::More => {}
            Preface::Absent => return Ok(Opened::new(stream, first)),
            Preface::Malformed => return Err(Failed::ProxyHeader),
            Preface::Said(length, address) => {
                first.advance(length);
                if let Some(address) = address {
                    line.speak_for(address);
                    told(address);
                }
                return Ok(Opened::new(stream, first));
            }
        }
    }
}
