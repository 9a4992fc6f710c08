//! From an ending to an answer: one total match.
//!
//! Answers are the same for every reason of an ending: why a signature is not believed is for the
//! log alone. `Retry-After` stays at 1 to 3 s, because LiveKit obeys it without bound.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::bounds::RETRY_AFTER_SECONDS;
use crate::delivery::RequestId;
use crate::outcome::Outcome;
use crate::verify::Manners;

/// What the server sends.
pub(super) type Answer = Response<Full<Bytes>>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The manners of a sender of whom nothing is known.
pub(super) const STRANGER: Manners =
    Manners { client_errors_are_final: false, refusals_silence: false };

/// The status of an ending, for a sender with these manners.
pub(super) const fn status(outcome: &Outcome, manners: Manners) -> StatusCode {
    match outcome {
        Outcome::Accepted(_)
        | Outcome::Duplicate(_)
        | Outcome::Ping
        | Outcome::Quarantined(_)
        | Outcome::Shadowed(_) => StatusCode::OK,
        Outcome::BadRequest => StatusCode::BAD_REQUEST,
        Outcome::BadSignature => StatusCode::UNAUTHORIZED,
        Outcome::UnknownSource => StatusCode::NOT_FOUND,
        Outcome::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        // What could be sent again must not look delivered to a sender for whom a 4xx is final.
        Outcome::Timeout if manners.client_errors_are_final => StatusCode::SERVICE_UNAVAILABLE,
        Outcome::Timeout => StatusCode::REQUEST_TIMEOUT,
        Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Outcome::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Outcome::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Outcome::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Outcome::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        Outcome::Overloaded
        | Outcome::Draining
        | Outcome::JournalUnavailable
        | Outcome::AwaitingSecret => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The whole answer. `close`: the connection ends with it.
pub(super) fn answer(
    outcome: &Outcome,
    manners: Manners,
    request_id: &RequestId,
    close: bool,
) -> Answer {
    let status = status(outcome, manners);
    let mut answer = Response::new(Full::new(Bytes::from(body(outcome))));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    if retries(status) {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The same as bytes, for a head that the server never saw; the connection ends with it.
pub(super) fn last_words(outcome: &Outcome, request_id: &RequestId) -> Vec<u8> {
    let status = status(outcome, STRANGER);
    let body = body(outcome);
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\nx-request-id: {request_id}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
    )
    .into_bytes()
}

fn retries(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

/// Labels and event ids are of letters, digits and `_`: nothing needs to be escaped.
fn body(outcome: &Outcome) -> String {
    match outcome.event_id() {
        Some(id) => format!(r#"{{"outcome":"{}","event_id":"{id}"}}"#, outcome.label()),
        None => format!(r#"{{"outcome":"{}"}}"#, outcome.label()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Digest128, EventId};

    /// One of each, in the order of [`Outcome::LABELS`].
    fn all() -> Vec<(Outcome, u16)> {
        let id = EventId(Digest128([7; 16]));
        vec![
            (Outcome::Accepted(id), 200),
            (Outcome::Duplicate(id), 200),
            (Outcome::Ping, 200),
            (Outcome::Quarantined(id), 200),
            (Outcome::BadRequest, 400),
            (Outcome::BadSignature, 401),
            (Outcome::UnknownSource, 404),
            (Outcome::MethodNotAllowed, 405),
            (Outcome::Timeout, 408),
            (Outcome::TooLarge, 413),
            (Outcome::UnsupportedEncoding, 415),
            (Outcome::HeadersTooLarge, 431),
            (Outcome::RateLimited, 429),
            (Outcome::InternalError, 500),
            (Outcome::Overloaded, 503),
            (Outcome::Draining, 503),
            (Outcome::JournalUnavailable, 503),
            (Outcome::AwaitingSecret, 503),
            (Outcome::Shadowed(id), 200),
        ]
    }

    fn text(outcome: &Outcome, close: bool) -> Answer {
        answer(outcome, STRANGER, &RequestId::fresh(1), close)
    }

    #[test]
    fn every_ending_has_the_status_of_the_contract() {
        let all = all();
        assert_eq!(all.len(), Outcome::LABELS.len());
        for (place, (outcome, code)) in all.iter().enumerate() {
            assert_eq!(outcome.index(), place);
            let answer = text(outcome, false);
            assert_eq!(answer.status().as_u16(), *code, "{}", outcome.label());
            assert_eq!(answer.headers().contains_key("retry-after"), matches!(code, 429 | 503));
            assert_eq!(answer.headers().contains_key("allow"), *code == 405);
            assert_eq!(outcome.retryable(), matches!(code, 429 | 503), "{}", outcome.label());
        }
    }

    #[test]
    fn a_sender_for_whom_4xx_is_final_is_told_to_come_again_after_a_timeout() {
        let livekit = Manners { client_errors_are_final: true, refusals_silence: false };
        let answer = answer(&Outcome::Timeout, livekit, &RequestId::fresh(1), true);
        assert_eq!(answer.status().as_u16(), 503);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "2");
        assert_eq!(answer.headers().get("connection").unwrap(), "close");
    }

    #[test]
    fn a_body_is_json_with_the_outcome_and_the_event_where_there_is_one() {
        for (outcome, _) in all() {
            let json: serde_json::Value = serde_json::from_str(&body(&outcome)).unwrap();
            assert_eq!(json["outcome"], outcome.label());
            let id = outcome.event_id().map(|id| id.to_string());
            assert_eq!(json.get("event_id").and_then(|id| id.as_str()), id.as_deref());
        }
    }

    #[test]
    fn last_words_are_a_whole_answer() {
        let words = last_words(&Outcome::HeadersTooLarge, &RequestId::fresh(10));
        let words = String::from_utf8(words).unwrap();
        let (head, body) = words.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(head.contains("x-request-id: 0000000000000000000000000000000a"), "{head}");
        assert_eq!(body, r#"{"outcome":"headers_too_large"}"#);
    }
}
