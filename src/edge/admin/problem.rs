//! Every way in which the admin API does not do what it was asked, as a problem detail (RFC 9457).
//!
//! One closed list with its statuses, and one total match from what the desk refuses. Texts name
//! the field and the rule; a value that was sent never stands in one.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds::RETRY_AFTER_SECONDS;
use crate::desk::Refusal;

use super::reply::{Answer, text};

/// What an error answer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemDetails {
    /// Which problem: a name that stays the same over versions, `urn:hookgate:problem:…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for a human.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here and what to do. Never a value that was sent.
    pub detail: String,
    /// The field that is wrong, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Each mistake of a configuration, where that is the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// Which problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invalid,
    Malformed,
    Unauthorized,
    Forbidden,
    NotFound,
    NoSuchPath,
    MethodNotAllowed,
    SlowBody,
    Conflict,
    Mistakes,
    TooLarge,
    UnsupportedMediaType,
    RateLimited,
    Defect,
    Unavailable,
    TooSlow,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 16] = [
        Self::Invalid,
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::NoSuchPath,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::Conflict,
        Self::Mistakes,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Defect,
        Self::Unavailable,
        Self::TooSlow,
    ];

    /// Its status, its name and its title.
    pub(super) const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid => (StatusCode::BAD_REQUEST, "invalid", "A field is not as it must be"),
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "malformed", "The request cannot be understood")
            }
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed")
            }
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This token may not do this"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path", "There is no such path"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This path has no such method",
            ),
            Self::SlowBody => {
                (StatusCode::REQUEST_TIMEOUT, "slow-body", "The body came too slowly")
            }
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "Not as things stand"),
            Self::Mistakes => {
                (StatusCode::UNPROCESSABLE_ENTITY, "mistakes", "The new configuration has mistakes")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON",
            ),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Too many calls"),
            Self::Defect => {
                (StatusCode::INTERNAL_SERVER_ERROR, "defect", "A defect of the gateway's own")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "It cannot be done now")
            }
            Self::TooSlow => (StatusCode::GATEWAY_TIMEOUT, "too-slow", "It takes too long"),
        }
    }
}

/// What it is about.
#[derive(Clone, Debug)]
enum About {
    All,
    Field(Cow<'static, str>),
    Mistakes(Vec<String>),
}

/// One problem with one request.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    detail: Cow<'static, str>,
    about: About,
    retry_after: Option<Duration>,
    closes: bool,
}

impl Problem {
    /// This one.
    pub(super) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self { kind, detail, about: About::All, retry_after: None, closes: false }
    }

    /// The same about a field.
    pub(super) fn of(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { about: About::Field(field.into()), ..self }
    }

    /// The same, with each mistake by itself.
    fn listing(self, errors: Vec<String>) -> Self {
        Self { about: About::Mistakes(errors), ..self }
    }

    /// The same, to be tried again after this.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same; the connection ends with the answer.
    pub(super) fn closing(self, closes: bool) -> Self {
        Self { closes: self.closes || closes, ..self }
    }

    /// A path that is not there.
    pub(super) fn no_such_path() -> Self {
        Self::new(
            Kind::NoSuchPath,
            "this listener has /livez, /readyz, /metrics and /admin/v1; \
             GET /admin/v1/openapi.json lists what the last has",
        )
    }

    /// A path without this method.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(Kind::MethodNotAllowed, "use a method that the header Allow names")
    }

    /// Something panicked.
    pub(super) fn defect() -> Self {
        Refusal::Defect.into()
    }

    /// As the client reads it.
    pub(super) fn details(&self) -> ProblemDetails {
        let (status, name, title) = self.kind.parts();
        let (field, errors) = match &self.about {
            About::All => (None, Vec::new()),
            About::Field(field) => (Some(field.clone().into_owned()), Vec::new()),
            About::Mistakes(mistakes) => (None, mistakes.clone()),
        };
        ProblemDetails {
            kind: format!("urn:hookgate:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone().into_owned(),
            field,
            errors,
        }
    }

    /// The whole answer.
    pub(super) fn answer(&self) -> Answer {
        let (status, ..) = self.kind.parts();
        let body = serde_json::to_string(&self.details()).unwrap_or_default();
        let mut answer = text(status, "application/problem+json", body);
        let headers = answer.headers_mut();
        if self.kind == Kind::Unauthorized {
            let how = HeaderValue::from_static("Bearer realm=\"hookgate admin\"");
            headers.insert(WWW_AUTHENTICATE, how);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let soon = Duration::from_secs(u64::from(RETRY_AFTER_SECONDS));
        let said = refusal.to_string();
        match refusal {
            Refusal::Invalid { field, .. } => Self::new(Kind::Invalid, said).of(field),
            Refusal::NotFound(_) => Self::new(Kind::NotFound, said),
            Refusal::Mistakes(mistakes) => Self::new(Kind::Mistakes, said).listing(mistakes),
            Refusal::Conflict(_) => Self::new(Kind::Conflict, said),
            Refusal::Unavailable(_) => Self::new(Kind::Unavailable, said).after(soon),
            Refusal::TooSlow => Self::new(Kind::TooSlow, said),
            Refusal::Defect => Self::new(Kind::Defect, said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Kind::ALL.iter().map(|kind| kind.parts().1).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn what_the_desk_refuses_has_its_status_and_its_field() {
        let text = || "text".to_owned();
        let refusals = [
            (Refusal::Invalid { field: "limit", rule: "must be less".to_owned() }, 400),
            (Refusal::NotFound(text()), 404),
            (Refusal::Conflict(text()), 409),
            (Refusal::Defect, 500),
            (Refusal::Unavailable(text()), 503),
            (Refusal::TooSlow, 504),
        ];
        for (refusal, status) in refusals {
            let said = refusal.to_string();
            let problem = Problem::from(refusal);
            let details = problem.details();
            assert_eq!((details.status, details.detail), (status, said));
            assert_eq!(details.field.as_deref(), (status == 400).then_some("limit"));
            let answer = problem.answer();
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer.headers().contains_key(RETRY_AFTER), status == 503);
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let after = |millis| {
            let problem = Problem::new(Kind::RateLimited, "x").after(Duration::from_millis(millis));
            problem.answer().headers().get(RETRY_AFTER).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!([0, 1, 1_000, 1_001].map(after), ["1", "1", "1", "2"]);
    }
}
