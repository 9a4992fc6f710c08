//! The paper of a proof, for machines: what was tried, what passed by policy, what leaked, where it
//! was looked for, and by which program and policy.
//!
//! Holds names and patterns of the configuration, names and places of stored requests, and numbers;
//! no value of any request, no secret, and of a canary only its shape.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::clock::Timestamp;

/// The whole of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Whether nothing leaked and nothing was left untried.
    pub(super) proven: bool,
    /// The program that was run, and that says this.
    pub(super) program: Program,
    /// The configuration file.
    pub(super) configuration: String,
    /// When it began.
    pub(super) began: Timestamp,
    /// How long it took.
    pub(super) seconds: f64,
    /// Deliveries of all sources together.
    pub(super) deliveries: u64,
    /// Canaries that were put in, those of strangers and operators too.
    pub(super) canaries: u64,
    /// Records that consumers read.
    pub(super) records: u64,
    /// Events that were let out of quarantine, to see those too.
    pub(super) released: u64,
    /// Each source.
    pub(super) sources: Vec<Source>,
    /// What stands where it may not.
    pub(super) leaks: Vec<Leak>,
    /// Deliveries that are no proof, because they were not taken.
    pub(super) unseen: Vec<Unseen>,
    /// Where it was looked.
    pub(super) searched: Vec<Searched>,
    /// What this does not show.
    pub(super) not_shown: Vec<&'static str>,
}

/// The program.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Program {
    /// Its version.
    pub(super) version: &'static str,
    /// The SHA-256 of its file.
    pub(super) sha256: String,
}

/// One source.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Source {
    /// Its name.
    pub(super) source: String,
    /// Its provider.
    pub(super) provider: String,
    /// Its tenant.
    pub(super) tenant: String,
    /// What its boundary hangs on.
    pub(super) boundary: Boundary,
    /// Stored requests.
    pub(super) fixtures: u64,
    /// Texts that were replaced, each alone.
    pub(super) strings: u64,
    /// Numbers that were.
    pub(super) numbers: u64,
    /// Keys that a user chose, and were.
    pub(super) keys: u64,
    /// Objects to which a member that nobody knows was added.
    pub(super) objects: u64,
    /// Deliveries.
    pub(super) deliveries: u64,
    /// How they were answered.
    pub(super) answers: BTreeMap<String, u64>,
    /// Its records, by kind.
    pub(super) records: BTreeMap<String, u64>,
    /// What left by policy.
    pub(super) passes: Vec<Passed>,
    /// How much of it leaked.
    pub(super) leaks: u64,
    /// What could not be tried.
    pub(super) not_tried: Vec<String>,
}

/// What a source's boundary hangs on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Boundary {
    /// The hash of its policy.
    pub(super) policy_sha256: String,
    /// The risks that its policy accepts.
    pub(super) accepted_risks: Vec<Risk>,
    /// Room names that leave.
    pub(super) room_name: Option<String>,
    /// Storage keys that leave.
    pub(super) artifact_key: Option<String>,
    /// Labels that leave as roles.
    pub(super) role_labels: Vec<String>,
    /// What becomes of an event in which something looks personal.
    pub(super) on_violation: &'static str,
    /// Whether rooms may be recorded.
    pub(super) recording: &'static str,
}

/// A risk that a policy accepts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Risk {
    /// The field.
    pub(super) field: String,
    /// With which kinds.
    pub(super) kinds: Vec<String>,
    /// What became of it before.
    pub(super) before: &'static str,
    /// The ranges in which it left before, by their lower ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) before_ranges: Vec<u64>,
    /// What becomes of it now.
    pub(super) now: &'static str,
    /// The ranges in which it leaves now, by their lower ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) now_ranges: Vec<u64>,
    /// Why.
    pub(super) why: String,
}

/// A field that let canaries out by policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Passed {
    /// The field of `data`, or `(record key)`.
    pub(super) field: String,
    /// With which kinds.
    pub(super) kinds: Vec<String>,
    /// Of which shapes.
    pub(super) shapes: Vec<&'static str>,
    /// From which places of bodies.
    pub(super) from: Vec<String>,
    /// How often.
    pub(super) count: u64,
}

/// A canary where none may stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Leak {
    /// Where it stands.
    pub(super) place: String,
    /// The source through which it came; absent for what strangers and operators say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// The stored request in which it was put.
    pub(super) fixture: String,
    /// Where in that.
    pub(super) path: String,
    /// Its shape.
    pub(super) shape: &'static str,
    /// How often it stands there.
    pub(super) count: u64,
    /// Where first, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_at: Option<u64>,
}

/// A delivery that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Unseen {
    /// The source.
    pub(super) source: String,
    /// The stored request.
    pub(super) fixture: String,
    /// What came back.
    pub(super) answer: String,
}

/// What was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Searched {
    /// What.
    pub(super) place: String,
    /// In how many parts.
    pub(super) parts: u64,
    /// How much of it.
    pub(super) bytes: u64,
    /// How often something stood there by policy.
    pub(super) by_policy: u64,
}

impl Searched {
    /// Nothing of it yet.
    pub(super) fn new(place: &str) -> Self {
        Self { place: place.to_owned(), parts: 0, bytes: 0, by_policy: 0 }
    }
}

/// What no such proof shows.
pub(super) const NOT_SHOWN: [&str; 8] = [
    "Only fields that some stored request has were tried: a field that a provider adds is kept out \
     by the allow-list, but was not seen here; capture requests of your own and add them with \
     --fixtures.",
    "A value that has the form of what passes does pass: an id that is itself a person's name in \
     the provider's account, a room name that matches room_name, a number in a field of sizes.",
    "A role label is a word of the configuration; that it is the right one for somebody, and that \
     roles, times and ids together cannot tell who somebody is, no search can show.",
    "Pseudonyms are keyed digests: whoever holds the key can tell whose they are.",
    "The gateway ran on loopback with an embedded broker, at-least-once delivery, no TLS and \
     trusted_proxies = []; headers of a trusted proxy are its operator's words.",
    "Memory, swap and core files that the system writes elsewhere were not searched, nor files \
     that were deleted while the gateway ran.",
    "Looked for: texts as they are in any case, as JSON, in URLs, in Base64, ids as bytes, moments \
     in RFC 3339. Not looked for: compressed, encrypted or translated text.",
    "Captures, backups and copies of the journal hold what the journal holds, and were not made.",
];
