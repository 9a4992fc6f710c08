//! What is under way to Kafka.

use std::time::Duration;

/// Records handed to the client and not yet acknowledged.
pub const IN_FLIGHT_RECORDS: usize = 10_000;
/// Bytes handed to the client and not yet acknowledged.
pub const IN_FLIGHT_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of memory that a record in flight needs besides itself.
pub const RECORD_STATE_BYTES: usize = 1024;
/// The client's own queue, in records; above [`IN_FLIGHT_RECORDS`] so that we stop first.
pub const CLIENT_QUEUE_RECORDS: usize = 20_000;
/// The client's own queue, in KiB.
pub const CLIENT_QUEUE_KIB: usize = 128 * 1024;
/// How often the client is asked for fates while records are in flight.
pub const CLIENT_LOOK: Duration = Duration::from_millis(2);
/// The same while there are none; a record that is sent ends it.
pub const CLIENT_LOOK_IDLE: Duration = Duration::from_millis(100);
/// Events taken from the client at one look; one may tell the fates of a whole batch.
pub const CLIENT_EVENTS_AT_ONCE: usize = 64;
/// How often a client tells how it is, for the metrics.
pub const CLIENT_STATISTICS: Duration = Duration::from_secs(5);
/// Bytes of one record that the client takes; the topic's own limit decides.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long the client gathers records into a batch.
pub const LINGER: Duration = Duration::from_millis(5);
/// Batch size when the topics' limit is not known, in bytes: below Kafka's default of 1,048,588.
pub const BATCH_BYTES_DEFAULT: usize = 900_000;
/// The smallest batch size that refusals bring us down to while the topics' limit is not known, in
/// bytes.
pub const BATCH_BYTES_MIN: usize = 4 * 1024;
/// Longest pause of the client between its own attempts to reach a broker; the first is 100 ms.
pub const BROKER_RECONNECT_MAX: Duration = Duration::from_secs(2);
/// How often a producer asks anew which broker leads which partition.
pub const METADATA_REFRESH: Duration = Duration::from_secs(10);
/// One question to the brokers (metadata, topic settings, creation of topics).
pub const BROKER_REQUEST: Duration = Duration::from_secs(5);
/// How long the registry of schemas may take to accept a connection.
pub const REGISTRY_CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to answer one question, all of it.
pub const REGISTRY_ANSWER: Duration = Duration::from_secs(10);
/// Bytes of one answer of it: an id, or the schema again.
pub const REGISTRY_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// First and longest pause between attempts to register; jitter is added.
pub const REGISTRY_PAUSE_MIN: Duration = Duration::from_millis(250);
/// See [`REGISTRY_PAUSE_MIN`].
pub const REGISTRY_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Topics whose schema ids are remembered.
pub const REGISTRY_TOPICS_MAX: usize = 256;
/// Bytes of the file of certificates that its own is signed by.
pub const REGISTRY_CA_BYTES_MAX: usize = 1024 * 1024;
/// First and longest pause between attempts of the courier; jitter is added.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// See [`BACKOFF_MIN`].
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How often the dependencies shown by `/readyz` are looked at while they are away.
pub const BROKER_PROBE: Duration = Duration::from_secs(2);
/// How long `kafka_up` is believed without an acknowledgement or answer.
pub const BROKER_FRESH: Duration = Duration::from_secs(15);
/// How often a trouble that goes on is logged again.
pub const TROUBLE_REMINDER: Duration = Duration::from_secs(10 * 60);
/// A wall clock set back by this much between two ticks has clients made anew.
pub const CLOCK_SETBACK: Duration = Duration::from_secs(2);
/// How often the publish lag is measured while nothing else happens.
pub const LAG_TICK: Duration = Duration::from_secs(1);

/// Records of one transaction.
pub const TRANSACTION_RECORDS: usize = 5_000;
/// Bytes of one transaction, keys and values; a larger record has one of its own.
pub const TRANSACTION_BYTES: usize = 16 * 1024 * 1024;
/// A transaction that is open for longer is aborted by the brokers: so long, after a crash without
/// a restart, consumers of committed records wait at its beginning.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// One attempt at init, commit or abort.
pub const TRANSACTION_STEP: Duration = Duration::from_secs(10);
/// Attempts at one init, commit or abort before the producer is made anew.
pub const TRANSACTION_STEPS: u32 = 6;
/// The pause between them.
pub const TRANSACTION_PAUSE: Duration = Duration::from_millis(100);
/// How often a commit gives way to the client's freeing of a report that was heard.
pub const RECEIPT_SPINS: u32 = 10_000;
/// Records of the cursor topic's end that are read for a lane's cursor at first; 16 times as many
/// when it is not among them.
pub const CURSOR_LOOK_BACK: i64 = 1_000;
/// How often it is looked whether the open transactions in the cursor topic have ended.
pub const OPEN_TRANSACTION_LOOKS: u32 = 900;
/// The pause between two such looks.
pub const OPEN_TRANSACTION_LOOK: Duration = Duration::from_millis(50);
/// How long a courier that stopped at a cursor waits before it looks whether a human has decided.
pub const CURSOR_LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Characters of an operator's reason that are told when a courier takes up the cursor.
pub const CURSOR_REASON_CHARS: usize = 200;
/// Bytes of one segment of the cursor topic: only closed segments are compacted.
pub const CURSOR_SEGMENT_BYTES: usize = 16 * 1024 * 1024;

/// Events that live traffic may be behind before a replay waits for it.
pub const REPLAY_BACKLOG_MAX: u64 = 1_000;
/// Steps in which a second's events of a replay go.
pub const REPLAY_STEPS_A_SECOND: u32 = 10;
/// Records of a replay or a held source handed to the client and not yet acknowledged.
pub const SIDE_IN_FLIGHT_RECORDS: usize = 1_000;
/// The same in bytes.
pub const SIDE_IN_FLIGHT_BYTES: usize = 4 * 1024 * 1024;
/// How often a cursor in Kafka moves over events that are not of its lane.
pub const CURSOR_PASSES_EVERY: Duration = Duration::from_secs(1);

// --- Sources on hold ----------------------------------------------------------------------------

/// Events of the journal that the lane of a source on its way out may be behind, for the last step
/// to be tried.
pub const HOLD_NEAR_EVENTS: u64 = 1_000;
/// How long that step may take before it is taken back: live traffic waits meanwhile.
pub const HOLD_PATIENCE: Duration = Duration::from_secs(2);
/// How long after that it is tried again.
pub const HOLD_AGAIN: Duration = Duration::from_secs(5);
/// How often one looks how far a source is on its way out.
pub const HOLD_LOOK: Duration = Duration::from_millis(20);
/// How long what a lane has under way may take when its source is held again.
pub const HOLD_WIND_UP: Duration = Duration::from_secs(5);
