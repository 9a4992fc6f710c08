//! What a connection is read from and written to: the bare stream, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::subject::common_name;

/// A bare stream of which some bytes have been read already.
pub(in crate::edge) struct Opened {
    /// Read and not taken yet.
    pub(super) first: BytesMut,
    pub(super) stream: TcpStream,
}

/// A connection's bytes.
pub(in crate::edge) enum Wire {
    /// As they are.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<Opened>>),
}

impl Opened {
    /// Of a stream and what was read of it.
    pub(in crate::edge) fn new(stream: TcpStream, first: BytesMut) -> Self {
        Self { first, stream }
    }
}

impl Wire {
    /// Whether both sides agreed on HTTP/2.
    pub(in crate::edge) fn is_h2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Whom the client's certificate names, if it showed one and it names one.
    pub(in crate::edge) fn client(&self) -> Option<String> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                stream.get_ref().1.peer_certificates()?.first().and_then(common_name)
            }
        }
    }

    /// Whether more has come than was read; takes some of it.
    pub(in crate::edge) fn more_came(&mut self) -> bool {
        if let Self::Plain(stream) = self {
            return matches!(stream.try_read(&mut [0; 1]), Ok(1));
        }
        let mut byte = [0; 1];
        let mut byte = ReadBuf::new(&mut byte);
        let read = Pin::new(self).poll_read(&mut Context::from_waker(Waker::noop()), &mut byte);
        matches!(read, Poll::Ready(Ok(()))) && !byte.filled().is_empty()
    }
}

impl AsyncRead for Opened {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, out);
        }
        let some = this.first.len().min(out.remaining());
        out.put_slice(this.first.get(..some).unwrap_or_default());
        this.first.advance(some);
        if this.first.is_empty() {
            this.first = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
