//! HTTP/1.1 as bytes: messages with a `Content-Length`, one after the other, on a kept connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request or an answer.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) first: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// All of it, as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    /// The message that these bytes begin with; `None` if there is more of it to come.
    pub(crate) fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..end - 4]).unwrap();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        let body = bytes.get(end..end + length)?.to_vec();
        bytes.truncate(end + length);
        Some(Self { first, headers, body, bytes })
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// A request's path.
    pub(crate) fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// What an answer names as the ending.
    pub(crate) fn outcome(&self) -> String {
        self.json()["outcome"].as_str().unwrap().to_owned()
    }

    pub(crate) fn event_id(&self) -> String {
        self.json()["event_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// One connection.
pub(crate) struct Line {
    stream: TcpStream,
    read: Vec<u8>,
    to: Option<SocketAddr>,
}

impl Line {
    pub(crate) fn taken(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, read: Vec::new(), to: None }
    }

    pub(crate) async fn connect(to: SocketAddr) -> Option<Self> {
        let line = Self::taken(TcpStream::connect(to).await.ok()?);
        Some(Self { to: Some(to), ..line })
    }

    /// Whether it leads there.
    pub(crate) fn leads(&self, to: SocketAddr) -> bool {
        self.to == Some(to)
    }

    /// Sends; `false` where the connection is over.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next whole message; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = Message::parse(self.read.clone()) {
                self.read.drain(..message.bytes.len());
                return Some(message);
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16 * 1024];
        let some = self.stream.read(&mut piece).await.unwrap_or(0);
        self.read.extend_from_slice(&piece[..some]);
        (some > 0).then_some(())
    }
}

/// A client that keeps its connection as long as it is kept.
#[derive(Default)]
pub(crate) struct Client(Option<Line>);

impl Client {
    /// Whether a connection was kept.
    pub(crate) fn is_connected(&self) -> bool {
        self.0.is_some()
    }

    /// One request and its answer; `None` if none came.
    pub(crate) async fn ask(&mut self, to: SocketAddr, request: &[u8]) -> Option<Message> {
        let kept = self.0.take().filter(|line| line.leads(to));
        let mut line = match kept {
            Some(line) => line,
            None => Line::connect(to).await?,
        };
        // An answer may come before all was read: what cannot be written any more is no matter.
        line.send(request).await;
        let answer = line.next().await?;
        if !answer.closes() {
            self.0 = Some(line);
        }
        Some(answer)
    }
}
