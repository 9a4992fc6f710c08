//! The proof of a policy: a private gateway, asked from all sides.

use std::time::Duration;

/// Connections over which its deliveries come.
pub const PROOF_CONNECTIONS: usize = 32;
/// Deliveries that are made and wait to be sent.
pub const PROOF_QUEUE: usize = 64;
/// Records that the reader may be behind the deliveries: the embedded broker keeps 5 MiB of each
/// partition.
pub const PROOF_BEHIND_RECORDS: u64 = 1_000;
/// How long the private gateway may take to start, and to stop.
pub const PROOF_START: Duration = Duration::from_secs(60);
/// How long one answer may take.
pub const PROOF_ANSWER: Duration = Duration::from_secs(30);
/// Bytes of one answer.
pub const PROOF_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that are read of an answer that goes on.
pub const PROOF_STREAM_BYTES: usize = 1024 * 1024;
/// After how long a silence such an answer has said what it has to say.
pub const PROOF_STREAM_QUIET: Duration = Duration::from_secs(1);
/// How long what was taken may take to be on Kafka and read.
pub const PROOF_CAUGHT_UP: Duration = Duration::from_secs(120);
/// How often it is looked whether it is.
pub const PROOF_LOOK: Duration = Duration::from_millis(50);
/// Bytes of a file that are searched at a time.
pub const PROOF_READ_BYTES: usize = 1024 * 1024;
/// Tokens of the private gateway, among which calls are spread because each has a rate.
pub const PROOF_TOKENS: usize = 16;
/// Events that are asked for one by one.
pub const PROOF_EVENTS_SHOWN: usize = 300;
/// Bytes of the private gateway's log that are shown where it does not start.
pub const PROOF_LAST_WORDS: usize = 4 * 1024;
