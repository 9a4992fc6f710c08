//! What the admin API refuses (RFC 9457), in words that say what to do next.

use anyhow::anyhow;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use crate::cli::Failure;

/// Problem details, as far as they are there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    field: Option<String>,
}

impl Problem {
    /// What is wrong, in one sentence that begins with the field where there is one.
    fn told(&self) -> Option<String> {
        let detail = self.detail.as_ref().or(self.title.as_ref())?;
        Some(match &self.field {
            Some(field) if !detail.starts_with(field.as_str()) => format!("{field} {detail}"),
            Some(_) | None => detail.clone(),
        })
    }
}

/// The failure behind an answer that is no success.
pub(super) fn failure(
    status: StatusCode,
    wait_seconds: Option<u64>,
    body: &[u8],
    has_token: bool,
    base: &Url,
) -> Failure {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let told = problem.told();
    let said = told.unwrap_or_else(|| format!("{base} answers {}", status.as_u16()));
    match status {
        StatusCode::UNAUTHORIZED if has_token => Failure::Other(anyhow!(
            "the gateway does not know this token; see that --token-file (HOOKGATE_TOKEN_FILE) \
             names the right file, and that the gateway's admin.token_file has its line"
        )),
        StatusCode::UNAUTHORIZED => Failure::Other(anyhow!(
            "the admin API asks for a token; name the file that holds yours with --token-file FILE \
             or HOOKGATE_TOKEN_FILE (a token is made by a line name:role:sha256-hex in the \
             gateway's admin.token_file)"
        )),
        StatusCode::FORBIDDEN => Failure::Other(anyhow!(
            "this token may look, but not change anything; use one whose role is `operator` in the \
             gateway's admin.token_file"
        )),
        StatusCode::TOO_MANY_REQUESTS => Failure::Other(anyhow!(
            "too many questions at once; try again in {} s",
            wait_seconds.unwrap_or(1)
        )),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Failure::Usage(said),
        _ => Failure::Other(anyhow!(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str, has_token: bool) -> (u8, String) {
        let status = StatusCode::from_u16(status).unwrap();
        let base = Url::parse("http://h:1").unwrap();
        let failure = failure(status, Some(3), body.as_bytes(), has_token, &base);
        let text = match &failure {
            Failure::Usage(text) => text.clone(),
            other => format!("{other:?}"),
        };
        (failure.code(), text)
    }

    #[test]
    fn what_is_refused_names_its_field_once_and_has_its_exit_code() {
        let body = r#"{"title":"Bad Request","detail":"must be a moment","field":"since"}"#;
        assert_eq!(told(400, body, true), (2, "since must be a moment".to_owned()));
        let body = r#"{"detail":"since must be a moment","field":"since"}"#;
        assert_eq!(told(422, body, true), (2, "since must be a moment".to_owned()));
        assert_eq!(told(404, r#"{"title":"Not Found"}"#, true).0, 1);
        let (code, text) = told(502, "<html>", true);
        assert!(code == 1 && text.contains("answers 502"), "{text}");
    }

    #[test]
    fn who_has_no_right_is_told_how_to_get_it() {
        for (status, has_token, says) in [
            (401, false, "--token-file FILE"),
            (401, true, "does not know this token"),
            (403, true, "role is `operator`"),
            (429, true, "in 3 s"),
        ] {
            let (code, text) = told(status, "{}", has_token);
            assert!(code == 1 && text.contains(says), "{text}");
        }
    }
}
