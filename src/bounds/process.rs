//! The process, its configuration and its commands.

use std::time::Duration;

// --- Process ------------------------------------------------------------------------------------

/// Bytes of memory that the program needs before anything comes: code, threads, the Kafka client,
/// what the allocator keeps.
pub const PROCESS_BYTES: usize = 48 * 1024 * 1024;

// --- Stopping -----------------------------------------------------------------------------------

/// After the drain deadline: how long late heads are still answered `draining` and answers under
/// way are still sent.
pub const DRAIN_LAST_WORDS: Duration = Duration::from_secs(1);
/// From letting a passed socket go to the end of the process: requests under way, and what the
/// courier can still flush. Whoever connects meanwhile waits for the next process.
pub const HANDOVER: Duration = Duration::from_secs(3);
/// What each last step of a stop has beyond its deadline: the courier to end what it is at, the
/// journal to write what is queued and to empty its log.
pub const STOP_SLACK: Duration = Duration::from_secs(5);
/// Default of `server.drain_grace`.
pub const DRAIN_GRACE_DEFAULT: Duration = Duration::from_secs(5);
/// Default of `server.drain_deadline`, counted from the signal.
pub const DRAIN_DEADLINE_DEFAULT: Duration = Duration::from_secs(20);
/// The longest `server.drain_deadline` that may be configured.
pub const DRAIN_DEADLINE_LIMIT: Duration = Duration::from_secs(60 * 60);

// --- Tracing ------------------------------------------------------------------------------------

/// Events whose spans wait for the tracing collector, some 2 KiB each; what comes beyond is dropped
/// and counted.
pub const OTLP_QUEUE_EVENTS: usize = 2_048;
/// Spans from which on no more are waited for, in one request.
pub const OTLP_BATCH_SPANS: usize = 1_024;
/// How long spans wait for others to go with.
pub const OTLP_BATCH_WAIT: Duration = Duration::from_secs(1);
/// One request to the tracing collector.
pub const OTLP_REQUEST: Duration = Duration::from_secs(5);
/// Bytes of an answer of the tracing collector that are read, to learn what it rejects.
pub const OTLP_ANSWER_BYTES_MAX: usize = 4 * 1_024;
/// How long a stop waits for the last spans to be taken.
pub const OTLP_FLUSH: Duration = Duration::from_secs(2);
/// Characters of `telemetry.otlp.endpoint`.
pub const OTLP_ENDPOINT_MAX: usize = 1_024;

// --- Configuration ------------------------------------------------------------------------------

/// Bytes of the text of a configuration.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;
/// Mistakes of a configuration that are told one by one; what is beyond is counted.
pub const MISTAKES_MAX: usize = 100;
/// Keys, one below the other, that an environment variable may name.
pub const VARIABLE_STEPS_MAX: usize = 16;
/// Sources of one gateway.
pub const SOURCES_MAX: usize = 256;
/// Aliases of one source.
pub const ALIASES_PER_SOURCE_MAX: usize = 16;
/// The largest `rate.per_second` and `rate.burst`, in authentic deliveries.
pub const SOURCE_RATE_LIMIT: u32 = 1_000_000;
/// Role labels of one source.
pub const ROLE_LABELS_MAX: usize = 64;
/// Bytes of one role label.
pub const ROLE_LABEL_BYTES_MAX: usize = 64;
/// Bytes of a pattern (`room_name`, `artifact_key`) as written.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// Bytes of a pattern as compiled.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Networks in `server.trusted_proxies`.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Bytes of `kafka.brokers`.
pub const BROKERS_BYTES_MAX: usize = 4 * 1024;
/// Properties in `kafka.properties`.
pub const PROPERTIES_MAX: usize = 64;
/// The largest `kafka.partitions`.
pub const PARTITIONS_MAX: u32 = 10_000;
/// The largest `kafka.replication_factor`.
pub const REPLICATION_MAX: u32 = 32;
/// Bytes of a file that holds a secret.
pub const SECRET_FILE_BYTES_MAX: usize = 64 * 1024;

// --- Sending fixtures ---------------------------------------------------------------------------

/// Connections that `send` works with.
pub const SEND_CONCURRENCY_MAX: usize = 1_024;
/// How long `send` waits for a connection.
pub const SEND_CONNECT: Duration = Duration::from_secs(5);
/// How long `send` waits for an answer, from the first byte sent to the last received.
pub const SEND_ANSWER: Duration = Duration::from_secs(30);
/// Bytes of an answer that `send` reads.
pub const SEND_ANSWER_BYTES_MAX: usize = 64 * 1024;

// --- Asking the admin API -----------------------------------------------------------------------

/// How long a verb waits for a connection to the admin API.
pub const ASK_CONNECT: Duration = Duration::from_secs(5);
/// How long a verb waits for an answer of the admin API; for a stream, for its head. Longer than
/// the gateway itself waits.
pub const ASK_ANSWER: Duration = Duration::from_secs(75);
/// Bytes of an answer of the admin API that a verb reads; of a stream, bytes of one line.
pub const ASK_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a file or of standard input that hold a name or an id.
pub const ASK_NAME_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a replay's plan as a file.
pub const ASK_PLAN_BYTES_MAX: usize = 64 * 1024;
/// How often `status --watch` looks again.
pub const WATCH_EVERY: Duration = Duration::from_secs(2);
/// How often the progress of a replay is looked at.
pub const REPLAY_LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a verb that follows waits for a gateway that went away, before it gives up.
pub const FOLLOW_PATIENCE: Duration = Duration::from_secs(300);
/// How long it waits between two tries.
pub const FOLLOW_AGAIN: Duration = Duration::from_secs(1);

// --- Dev ----------------------------------------------------------------------------------------

/// Records that `dev` has received and not yet shown.
pub const DEV_RECEIVED_RECORDS: usize = 1_024;
/// How long `dev` waits, before it prints totals, for what was accepted to arrive at its consumer.
pub const DEV_READ_BEHIND: Duration = Duration::from_secs(5);
/// How often `dev` looks into the ledger while it waits for that.
pub const DEV_GLANCE: Duration = Duration::from_millis(20);
