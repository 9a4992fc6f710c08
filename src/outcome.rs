//! How a delivery ends: label, level, retryable. No HTTP here; the edge turns an ending into one.
//!
//! Every delivery has exactly one [`Outcome`]. A new way to end is a new variant, and the compiler
//! lists every place that must decide.

use crate::event::EventId;

/// The one ending of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// On disk.
    Accepted(EventId),
    /// The same event is on disk already.
    Duplicate(EventId),
    /// A sender's test of the URL.
    Ping,
    /// Authentic, on disk as far as it may be kept, but not understood or not allowed to pass.
    Quarantined(EventId),
    /// Authentic, of a source in shadow: understood and counted, not kept. The one success that is
    /// not on disk.
    Shadowed(EventId),
    /// Not HTTP as it should be, or the body was cut off.
    BadRequest,
    /// Missing, malformed, wrong or expired signature; the reason goes to the log alone.
    BadSignature,
    /// No such path.
    UnknownSource,
    /// A known path, but not `POST`.
    MethodNotAllowed,
    /// The body came too slowly.
    Timeout,
    /// The body is over the cap.
    TooLarge,
    /// A `Content-Encoding`: signatures are over raw bytes.
    UnsupportedEncoding,
    /// The head is over its cap.
    HeadersTooLarge,
    /// An authentic delivery over its source's rate.
    RateLimited,
    /// A defect of ours; this request only.
    InternalError,
    /// No room for one more in flight.
    Overloaded,
    /// The head came after the drain deadline.
    Draining,
    /// The disk is full or the journal does not trust it.
    JournalUnavailable,
    /// The source waits for its secret to be known.
    AwaitingSecret,
}

/// How loudly an ending is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Turned away; nothing is lost that was promised.
    Warn,
    /// A human is needed.
    Error,
}

impl Outcome {
    /// Every label, for metrics that exist at 0 from the start.
    pub const LABELS: [&'static str; 19] = [
        "accepted",
        "duplicate",
        "ping",
        "quarantined",
        "bad_request",
        "bad_signature",
        "unknown_source",
        "method_not_allowed",
        "timeout",
        "too_large",
        "unsupported_encoding",
        "headers_too_large",
        "rate_limited",
        "internal_error",
        "overloaded",
        "draining",
        "journal_unavailable",
        "awaiting_secret",
        "shadowed",
    ];

    /// The place of this ending in [`Outcome::LABELS`].
    pub const fn index(&self) -> usize {
        match self {
            Self::Accepted(_) => 0,
            Self::Duplicate(_) => 1,
            Self::Ping => 2,
            Self::Quarantined(_) => 3,
            Self::BadRequest => 4,
            Self::BadSignature => 5,
            Self::UnknownSource => 6,
            Self::MethodNotAllowed => 7,
            Self::Timeout => 8,
            Self::TooLarge => 9,
            Self::UnsupportedEncoding => 10,
            Self::HeadersTooLarge => 11,
            Self::RateLimited => 12,
            Self::InternalError => 13,
            Self::Overloaded => 14,
            Self::Draining => 15,
            Self::JournalUnavailable => 16,
            Self::AwaitingSecret => 17,
            Self::Shadowed(_) => 18,
        }
    }

    /// The ending as answers, logs and metrics name it.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or("internal_error")
    }

    /// How loudly it is logged.
    pub const fn level(&self) -> Level {
        match self {
            Self::Accepted(_) | Self::Duplicate(_) | Self::Ping | Self::Shadowed(_) => Level::Info,
            Self::Quarantined(_)
            | Self::BadRequest
            | Self::BadSignature
            | Self::UnknownSource
            | Self::MethodNotAllowed
            | Self::Timeout
            | Self::TooLarge
            | Self::UnsupportedEncoding
            | Self::HeadersTooLarge
            | Self::RateLimited
            | Self::Overloaded
            | Self::Draining
            | Self::AwaitingSecret => Level::Warn,
            Self::InternalError | Self::JournalUnavailable => Level::Error,
        }
    }

    /// Whether the sender should come again, after a short wait that we name.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::Draining
            | Self::JournalUnavailable
            | Self::AwaitingSecret => true,
            Self::Accepted(_)
            | Self::Duplicate(_)
            | Self::Ping
            | Self::Quarantined(_)
            | Self::Shadowed(_)
            | Self::BadRequest
            | Self::BadSignature
            | Self::UnknownSource
            | Self::MethodNotAllowed
            | Self::Timeout
            | Self::TooLarge
            | Self::UnsupportedEncoding
            | Self::HeadersTooLarge
            | Self::InternalError => false,
        }
    }

    /// The event this ending is about, where one is known.
    pub const fn event_id(&self) -> Option<EventId> {
        match self {
            Self::Accepted(id)
            | Self::Duplicate(id)
            | Self::Quarantined(id)
            | Self::Shadowed(id) => Some(*id),
            Self::Ping
            | Self::BadRequest
            | Self::BadSignature
            | Self::UnknownSource
            | Self::MethodNotAllowed
            | Self::Timeout
            | Self::TooLarge
            | Self::UnsupportedEncoding
            | Self::HeadersTooLarge
            | Self::RateLimited
            | Self::InternalError
            | Self::Overloaded
            | Self::Draining
            | Self::JournalUnavailable
            | Self::AwaitingSecret => None,
        }
    }
}
