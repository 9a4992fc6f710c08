//! An answer that comes line by line: server-sent events, or one JSON value a line.

use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::bounds;

/// The lines of an answer that goes on.
pub(in crate::cli) struct Lines {
    response: Response,
    kept: Vec<u8>,
}

/// Why there is no next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Ended {
    /// The gateway has said all it had to say.
    Whole,
    /// The connection broke, or what came is no line of ours.
    Broken,
}

impl Lines {
    pub(super) fn of(response: Response) -> Self {
        Self { response, kept: Vec::new() }
    }

    /// The next value: a line of JSON, or the data of a server-sent event. Comments, empty lines
    /// and other fields are passed over.
    pub(in crate::cli) async fn value<T: DeserializeOwned>(&mut self) -> Result<T, Ended> {
        loop {
            let line = self.line().await?;
            let line = line.trim_ascii();
            let data = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
            if data.first() == Some(&b'{') {
                return serde_json::from_slice(data).map_err(|_| Ended::Broken);
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            if let Some(end) = self.kept.iter().position(|byte| *byte == b'\n') {
                return Ok(self.kept.drain(..=end).collect());
            }
            if self.kept.len() > bounds::ASK_ANSWER_BYTES_MAX {
                return Err(Ended::Broken);
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.kept.extend_from_slice(&chunk),
                Ok(None) if self.kept.is_empty() => return Err(Ended::Whole),
                // A last line without its end.
                Ok(None) => return Ok(std::mem::take(&mut self.kept)),
                Err(_) => return Err(Ended::Broken),
            }
        }
    }
}
