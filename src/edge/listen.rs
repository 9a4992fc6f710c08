//! A listening socket that survives a crowd.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::bounds::{ACCEPT_PAUSE, LISTEN_BACKLOG};

/// The socket.
pub(super) struct Listener(TcpListener);

impl Listener {
    /// Opens it. A restart may take over the port of a process that has just ended, but not that of
    /// a living one.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
        Ok(Self(TcpListener::from_std(socket.into())?))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next connection. `crowded` is asked to make room when the process has no file descriptor
    /// left; accepting then goes on after a pause.
    pub(super) async fn accept(&self, crowded: impl Fn()) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, from)) => {
                    // Answers are small and complete: there is nothing to wait for.
                    let _ = stream.set_nodelay(true);
                    return (stream, from);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted; trying again");
                    crowded();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
