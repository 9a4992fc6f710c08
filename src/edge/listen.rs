//! A listening socket that survives a crowd, and one that survives its process.
//!
//! A supervisor may hold the sockets and pass them on (`LISTEN_FDS`, sd_listen_fds(3)): then what
//! comes between two processes waits in the kernel for the next one instead of being refused. Such
//! a socket is only let go at the end, with whatever waits on it left to the next process.

use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::bounds::{ACCEPT_PAUSE, LISTEN_BACKLOG};

/// Listening sockets that a supervisor passed to this process.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For deliveries.
    pub public: Option<std::net::TcpListener>,
    /// For the operator: the one that is named `admin`.
    pub admin: Option<std::net::TcpListener>,
}

/// Why passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// One of them is of another kind.
    #[error(
        "socket {place} of those that were passed (LISTEN_FDS) is no listening TCP socket: pass \
         one for server.listen, and if wanted one named admin"
    )]
    Kind {
        /// Its place, from 1.
        place: usize,
    },
    /// There are more than can be used.
    #[error(
        "more sockets were passed (LISTEN_FDS) than can be used: pass one for server.listen, and \
         if wanted one named admin (FileDescriptorName=admin)"
    )]
    TooMany,
}

impl Inherited {
    /// Takes what was passed, if anything was passed to this very process. The variables are
    /// cleared, so that no child takes them for its own: to be called before any thread is started.
    ///
    /// # Errors
    /// Where something was passed that cannot be listened on.
    pub fn take() -> Result<Self, InheritedError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let mut taken = Self::default();
        let names = names.split(':').map(Some).chain(std::iter::repeat(None));
        for (at, name) in (0..passed.len()).zip(names) {
            let of_another_kind = InheritedError::Kind { place: at + 1 };
            let Ok(Some(listener)) = passed.take_tcp_listener(at) else {
                return Err(of_another_kind);
            };
            if !SockRef::from(&listener).is_listener().unwrap_or(false) {
                return Err(of_another_kind);
            }
            let place = if name == Some("admin") { &mut taken.admin } else { &mut taken.public };
            if place.replace(listener).is_some() {
                return Err(InheritedError::TooMany);
            }
        }
        Ok(taken)
    }
}

/// The socket.
pub(super) struct Listener {
    socket: TcpListener,
    inherited: bool,
}

impl Listener {
    /// Opens it, or takes the one that was passed. A restart may take over the port of a process
    /// that has just ended, but not that of a living one.
    pub(super) fn open(
        address: SocketAddr,
        passed: Option<std::net::TcpListener>,
    ) -> io::Result<Self> {
        let inherited = passed.is_some();
        let socket = match passed {
            Some(socket) => socket,
            None => bind(address)?,
        };
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpListener::from_std(socket)?, inherited })
    }

    /// Whether another process will go on with it.
    pub(super) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection. `crowded` is asked to make room when the process has no file descriptor
    /// left; accepting then goes on after a pause.
    pub(super) async fn accept(&self, crowded: impl Fn()) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
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

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Errors of a connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
