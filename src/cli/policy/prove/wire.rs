//! HTTP as bytes: what is sent is sent as it is, and of what comes back every byte is kept.
//!
//! A client that understands would drop what it does not: unknown headers, what stands behind an
//! answer. Here nothing is dropped, because all of it is searched.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bounds;

/// A connection, opened when it is needed.
pub(super) struct Wire {
    to: SocketAddr,
    stream: Option<TcpStream>,
}

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its status; 0 where none could be read.
    pub(super) status: u16,
    /// All of it.
    pub(super) bytes: Vec<u8>,
    head: usize,
}

/// Header lines of one answer that are read.
const HEADERS_MAX: usize = 64;

impl Wire {
    /// To this address.
    pub(super) fn new(to: SocketAddr) -> Self {
        Self { to, stream: None }
    }

    /// Sends a request, and reads the whole answer or whatever comes before the connection ends.
    ///
    /// # Errors
    /// Where nothing can be sent, or the answer does not come in time or does not end.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        let kept = self.stream.is_some();
        let asked = timeout(bounds::PROOF_ANSWER, self.asked(request)).await;
        let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match asked {
            // A connection that was kept may have been closed meanwhile, with nothing answered.
            Err(_) if kept => {
                self.stream = None;
                timeout(bounds::PROOF_ANSWER, self.asked(request)).await?
            }
            asked => asked,
        }
    }

    /// Sends a request whose answer goes on, and reads of it what comes before it is silent.
    pub(super) async fn listen(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream = None;
        let mut stream = TcpStream::connect(self.to).await?;
        stream.write_all(request).await?;
        let mut bytes = Vec::new();
        while bytes.len() < bounds::PROOF_STREAM_BYTES {
            let read = timeout(bounds::PROOF_STREAM_QUIET, stream.read_buf(&mut bytes)).await;
            if !matches!(read, Ok(Ok(read)) if read > 0) {
                break;
            }
        }
        let (status, head, _) = head(&bytes).unwrap_or_default();
        Ok(Answer { status, bytes, head })
    }

    async fn asked(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.to).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        // Who is refused early may be hung up on in the midst of it, and is answered all the same.
        let sent = stream.write_all(request).await;
        let mut bytes = Vec::with_capacity(1_024);
        loop {
            if let Some((status, end, length)) = head(&bytes) {
                let whole = match length {
                    Some(length) => bytes.len() >= end + length,
                    None => bytes.ends_with(b"0\r\n\r\n"),
                };
                if whole {
                    self.stream = Some(stream).filter(|_| !closes(&bytes, end));
                    return Ok(Answer { status, bytes, head: end });
                }
            }
            if bytes.len() > bounds::PROOF_ANSWER_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                sent?;
                let (status, head, _) = head(&bytes).unwrap_or_default();
                return match bytes.is_empty() {
                    true => Err(io::ErrorKind::UnexpectedEof.into()),
                    false => Ok(Answer { status, bytes, head }),
                };
            }
        }
    }
}

impl Answer {
    /// What stands behind the head.
    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.body()).unwrap_or_default()
    }
}

/// Status, end of the head, and the length of the body where the head says it.
fn head(bytes: &[u8]) -> Option<(u16, usize, Option<usize>)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = answer.parse(bytes).ok()? else { return None };
    let length = answer.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|h| std::str::from_utf8(h.value).ok()?.trim().parse().ok());
    let chunked = answer.headers.iter().any(|h| h.name.eq_ignore_ascii_case("transfer-encoding"));
    let length = if chunked { None } else { length.or(Some(0)) };
    Some((answer.code?, end, length))
}

fn closes(bytes: &[u8], end: usize) -> bool {
    let head = bytes.get(..end).unwrap_or_default().to_ascii_lowercase();
    head.windows(17).any(|words| words == b"connection: close")
}
