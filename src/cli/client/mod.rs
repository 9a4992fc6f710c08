//! Speaks to the admin API of a running gateway.
//!
//! Promises: every wait and every answer is bounded; an error says what to do next (see
//! `problem.rs`). What names a person travels in a body only, never in a URL. Never: a token on
//! standard output, in a log or in an error.

use std::path::Path;

use anyhow::{Context, anyhow};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::{Failure, Global};
use crate::bounds;
use crate::secret::Secret;

mod lines;
mod problem;
mod tls;

pub(super) use lines::{Ended, Lines};
pub use tls::Trust;
pub(super) use tls::trusting;

/// The admin API of one gateway.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
}

/// One question: what to do with which resource.
pub(super) struct Question {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    after: Option<u64>,
}

impl Question {
    /// Reads a resource below `/admin/v1`.
    pub(super) fn get(path: &[&str]) -> Self {
        Self::of(Method::GET, path)
    }

    /// Changes something, or asks with a body.
    pub(super) fn post(path: &[&str], body: &impl Serialize) -> anyhow::Result<Self> {
        Self::of(Method::POST, path).with(body)
    }

    /// Ends something.
    pub(super) fn delete(path: &[&str], body: &impl Serialize) -> anyhow::Result<Self> {
        Self::of(Method::DELETE, path).with(body)
    }

    /// Adds the fields that are given to the URL's query: only what may be seen.
    pub(super) fn asking(mut self, fields: &impl Serialize) -> anyhow::Result<Self> {
        let Value::Object(fields) = serde_json::to_value(fields)? else {
            return Ok(self);
        };
        self.query.extend(fields.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some((name, other.to_string()))
            }
        }));
        Ok(self)
    }

    /// A stream that goes on after this sequence.
    pub(super) fn after(mut self, sequence: Option<u64>) -> Self {
        self.after = sequence;
        self
    }

    fn of(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self { method, path, query: Vec::new(), body: None, after: None }
    }

    fn with(mut self, body: &impl Serialize) -> anyhow::Result<Self> {
        self.body = Some(serde_json::to_vec(body)?);
        Ok(self)
    }
}

impl Client {
    /// A client of the gateway that the command line names.
    ///
    /// # Errors
    /// 2 for an address that is none, and for a token that cannot be read.
    pub(super) fn new(global: &Global) -> Result<Self, Failure> {
        let mut base = base(&global.admin)?;
        let http = reqwest::Client::builder()
            .connect_timeout(bounds::ASK_CONNECT)
            // The token is for this address and no other.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let http = trusting(http, &global.trust, &mut base)?;
        let http = http.build().context("the HTTP client cannot be made")?;
        let token = global
            .token_file
            .as_deref()
            .filter(|path| *path != Path::new(""))
            .map(token)
            .transpose()?;
        Ok(Self { http, base, token })
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// 69 where the gateway does not answer; what its problem details say (2 for a field that is
    /// not as it must be, 1 for all else).
    pub(super) async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<T, Failure> {
        let asked = async {
            let response = self.head(question).await?;
            self.whole(response).await
        };
        let bytes = timeout(bounds::ASK_ANSWER, asked).await;
        let bytes = bytes.map_err(|_| self.silent("the answer did not come in time"))??;
        serde_json::from_slice(&bytes).map_err(|_| self.not_ours())
    }

    /// Asks, and reads the answer line by line as it comes, for as long as it comes.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn follow(&self, question: Question) -> Result<Lines, Failure> {
        let head = timeout(bounds::ASK_ANSWER, self.head(question)).await;
        let response = head.map_err(|_| self.silent("the answer did not come in time"))??;
        Ok(Lines::of(response))
    }

    /// Whether deliveries are accepted: `/readyz`, which needs no token.
    ///
    /// # Errors
    /// 69 where the gateway does not answer.
    pub(super) async fn is_ready(&self) -> Result<bool, Failure> {
        let request = self.http.get(self.url(["readyz"])?).timeout(bounds::ASK_ANSWER);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        Ok(response.status().is_success())
    }

    async fn head(&self, question: Question) -> Result<Response, Failure> {
        let Question { method, path, query, body, after } = question;
        let path = path.iter().map(String::as_str);
        let mut url = self.url(["admin", "v1"].into_iter().chain(path))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request =
            self.http.request(method, url).header(ACCEPT, HeaderValue::from_static(ANY));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let wait = response.headers().get("retry-after");
        let wait = wait.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        let body = self.whole(response).await?;
        Err(problem::failure(status, wait, &body, self.token.is_some(), &self.base))
    }

    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| self.unreachable(&error))? else {
                return Ok(body);
            };
            body.extend_from_slice(&chunk);
            if body.len() > bounds::ASK_ANSWER_BYTES_MAX {
                return Err(self.not_ours());
            }
        }
    }

    fn url<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().extend(path)),
            Err(()) => return Err(Failure::Usage(BASE_RULE.to_owned())),
        }
        Ok(url)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        self.silent(silence(error, &self.base))
    }

    fn silent(&self, why: &str) -> Failure {
        Failure::Unreachable(anyhow!(
            "the gateway at {} does not answer: {why}; see that it runs, or name its admin \
             listener with --admin URL or HOOKGATE_ADMIN",
            self.base
        ))
    }

    fn not_ours(&self) -> Failure {
        Failure::Other(anyhow!(
            "what {} answers cannot be understood; see that --admin names hookgate's admin \
             listener, and that gateway and command line are of one version",
            self.base
        ))
    }
}

const ANY: &str = "application/json, application/x-ndjson, text/event-stream";

const BASE_RULE: &str =
    "--admin: must be a URL such as http://127.0.0.1:9080 (not shown), without user or query";

/// The address, with nothing in it that would be a secret.
fn base(text: &str) -> Result<Url, Failure> {
    let wrong = || Failure::Usage(BASE_RULE.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "http" if plain => Ok(url),
        "https" if plain && cfg!(feature = "tls") => Ok(url),
        "https" if plain => {
            let text = "--admin: https needs hookgate to be built with the feature `tls`";
            Err(Failure::Usage(text.to_owned()))
        }
        _ => Err(wrong()),
    }
}

/// The plain token in a file, ready for the header.
fn token(path: &Path) -> Result<HeaderValue, Failure> {
    let shown = path.display();
    let wrong = |why: String| Failure::Usage(format!("--token-file {shown}: {why}"));
    let bytes = super::given::small_file(path, bounds::SECRET_FILE_BYTES_MAX);
    let secret = Secret::new(bytes.map_err(|error| wrong(format!("cannot be read: {error}")))?);
    let text = secret.text().map(str::trim).filter(|text| !text.is_empty());
    let rule = || wrong("must hold the token itself, on one line, and nothing else".to_owned());
    let text = text.filter(|text| !text.contains(char::is_whitespace)).ok_or_else(rule)?;
    let bearer = Secret::new(format!("Bearer {text}").into_bytes());
    let mut value = HeaderValue::from_bytes(bearer.bytes()).map_err(|_| rule())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why nobody at an address answered, and what to do.
pub(super) fn silence(error: &reqwest::Error, url: &Url) -> &'static str {
    if let Some(why) = tls::refused(error) {
        why
    } else if error.is_connect() {
        "nothing can be reached there"
    } else if error.is_timeout() {
        "the answer did not come in time"
    } else if url.scheme() == "http" {
        "the connection broke off; where TLS is spoken write https://"
    } else {
        "the connection broke off"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_and_not_repeated() {
        for text in ["http://u:canary@h", "canary", "ftp://canary", "http://h/?canary"] {
            let Err(Failure::Usage(said)) = base(text) else { panic!("{text} is taken") };
            assert!(!said.contains("canary"), "{said}");
        }
        assert!(base("http://127.0.0.1:9080").is_ok());
    }

    #[test]
    fn a_query_holds_only_what_is_given() {
        let filter = crate::desk::Filter {
            kind: Some("a b&c".to_owned()),
            limit: Some(7),
            ..crate::desk::Filter::default()
        };
        let question = Question::get(&["events"]).asking(&filter).unwrap();
        let expected = [("kind".to_owned(), "a b&c".to_owned()), ("limit".into(), "7".into())];
        assert_eq!(question.query, expected);
    }
}
