//! Every limit of the product, named, with its unit in the name or the type.
//!
//! A queue, map, body, header, wait or retry whose size is not written here does not exist. Limits
//! that an operator may change are settings; what stands here for them is the default.

use std::time::Duration;

// --- Connections and heads -----------------------------------------------------------------

/// Open connections on the public listener, all sources together.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Connections kept back for each source, so that a crowd at one source does not shut out another.
pub const CONNECTIONS_RESERVED_PER_SOURCE: usize = 64;
/// An idle connection is closed after this. LiveKit's client keeps its own for 90 s, load balancers
/// theirs for 60 s: ours must be the longer one, or a post meets a closing socket.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(100);
/// When the listener closes: how long the first byte of a connection that has carried nothing yet
/// is still waited for. Its sender would count the closing as a refusal.
pub const FIRST_HEAD: Duration = Duration::from_secs(1);
/// From the first byte of a request head to its last.
pub const HEAD_READ: Duration = Duration::from_secs(10);
/// Bytes of one request head: request line and all header lines.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes held back of a head that is not complete: one more than it may have.
pub const HELD_BYTES_MAX: usize = HEAD_BYTES_MAX + 1;
/// Bytes of a binary PROXY header of a trusted proxy; one with TLS details has some hundreds.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 * 1024;
/// Header lines of one request.
pub const HEADER_LINES_MAX: usize = 64;
/// Open connections that have not carried an authentic delivery yet; when there are more, one that
/// is not being answered makes room. More than [`BODIES_IN_FLIGHT_MAX`], so that there is always
/// one.
pub const UNPROVEN_CONNECTIONS_MAX: usize = 2_560;
/// An address with no more connections, or bodies on their way in, than this is no crowd: where
/// room must be made it is as good as any other.
pub const NO_CROWD: usize = 64;
/// Bytes read ahead on one connection; at least a head, because the server parses it whole.
pub const CONNECTION_BUFFER_BYTES_MAX: usize = HEAD_BYTES_MAX;
/// Bytes of everything else that one connection needs: its task, its timers, its answer.
pub const CONNECTION_STATE_BYTES: usize = 8 * 1024;
/// How long a client may leave our answer unread.
pub const ANSWER_WRITE: Duration = Duration::from_secs(10);
/// After an answer to a request that was not read to its end: how long the rest is still taken and
/// thrown away, so that the answer is not lost to a reset.
pub const PARTING: Duration = Duration::from_secs(2);
/// Bytes that are thrown away in that time.
pub const PARTING_BYTES_MAX: usize = 256 * 1024;
/// Open connections on the admin listener.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// File descriptors kept free for all but connections: the journal, its readers, Kafka, the log.
pub const DESCRIPTORS_RESERVED: usize = 256;
/// Connections below which the gateway is not much of one: a limit on file descriptors that leaves
/// no more is warned about as what it is.
pub const CONNECTIONS_MIN: usize = 64;
/// Connections waiting in the kernel to be accepted.
pub const LISTEN_BACKLOG: u32 = 4_096;
/// How long accepting pauses after the process ran out of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

// --- Bodies ----------------------------------------------------------------------------------

/// Default of `server.body_max`, in bytes. LiveKit metadata makes bodies of two megabytes legal.
pub const BODY_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;
/// The largest `server.body_max` that may be configured, in bytes.
pub const BODY_BYTES_MAX_LIMIT: usize = 64 * 1024 * 1024;
/// From the end of the head to the last byte of the body.
pub const BODY_READ: Duration = Duration::from_secs(30);
/// A body must have come at least this fast, after [`BODY_RATE_GRACE`].
pub const BODY_BYTES_PER_SECOND_MIN: u64 = 4 * 1024;
/// How long a body may take before its rate is looked at.
pub const BODY_RATE_GRACE: Duration = Duration::from_secs(5);
/// Bodies being read or handled at one time, all sources together.
pub const BODIES_IN_FLIGHT_MAX: usize = 1_536;
/// Bodies kept back for each source.
pub const BODIES_RESERVED_PER_SOURCE: usize = 32;
/// Bytes that a delivery needs besides its body: its head, the buffer its body came in, its task.
pub const DELIVERY_STATE_BYTES: usize = 2 * CONNECTION_BUFFER_BYTES_MAX + 8 * 1024;
/// How long a body waits for the room of one that was sent away for it.
pub const ROOM_WAIT: Duration = Duration::from_secs(1);
/// How many are sent away for one body that finds no room, before it is told to come again: others
/// may be quicker to take the room.
pub const ROOM_TRIES: usize = 8;
/// Bytes of bodies being read or handled at one time, all sources together.
pub const BODY_BYTES_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;
/// Bytes of bodies kept back for each source's small ones; less where all sources' parts would be
/// more than half of the whole.
pub const BODY_BYTES_RESERVED_PER_SOURCE: usize = 8 * 1024 * 1024;

// --- Rates -------------------------------------------------------------------------------------

/// Failed signatures an address may send each second before it is narrowed.
pub const PEER_FAILURES_PER_SECOND: u32 = 5;
/// Failed signatures an address may send at once before it is narrowed.
pub const PEER_FAILURES_BURST: u32 = 20;
/// How long an address stays narrowed after its last failure over the budget.
pub const PEER_NARROWED_FOR: Duration = Duration::from_secs(60);
/// Large bodies a narrowed address may have on their way in, and bodies being verified.
pub const NARROWED_BODIES: usize = 4;
/// A body is small up to this many bytes. A small one takes no narrowed place while it is being
/// read, so that slow ones hold up nobody, and draws on what is kept back for its source.
pub const NARROWED_SMALL_BODY_BYTES: usize = 64 * 1024;
/// How long a delivery of a narrowed address waits for its place before 503.
pub const NARROWED_WAIT: Duration = Duration::from_secs(10);
/// From the end of the head to the last byte of the body, for a narrowed address.
pub const NARROWED_BODY_READ: Duration = Duration::from_secs(5);
/// Addresses whose failures are counted one by one; more of them share one budget.
pub const PEERS_TRACKED_MAX: usize = 65_536;
/// Bytes of memory that one of them needs.
pub const PEER_BYTES: usize = 512;
/// How often the map of addresses is swept.
pub const PEERS_SWEEP: Duration = Duration::from_secs(10);
/// How long after a sweep a full map of addresses is swept ahead of time.
pub const PEERS_SWEEP_WHEN_FULL: Duration = Duration::from_secs(1);
/// Default of a source's `rate.per_second`, in authentic deliveries.
pub const SOURCE_RATE_PER_SECOND_DEFAULT: u32 = 2_000;
/// Default of a source's `rate.burst`, in authentic deliveries.
pub const SOURCE_RATE_BURST_DEFAULT: u32 = 4_000;
/// Deliveries of one source over its rate that are still taken at one time, where the provider
/// would fall silent after refusals.
pub const OVER_RATE_IN_FLIGHT_MAX: usize = 256;
/// How long such a delivery waits to be admitted before 503.
pub const OVER_RATE_WAIT: Duration = Duration::from_secs(2);
/// `Retry-After` of retryable refusals, in seconds: LiveKit obeys it without upper bound, and a
/// long one stalls a room until its token expires.
pub const RETRY_AFTER_SECONDS: u32 = 2;

/// Lines each second that the log takes about deliveries turned away; what is beyond is counted in
/// the next line.
pub const REFUSAL_LINES_PER_SECOND: u32 = 50;
/// Such lines at once.
pub const REFUSAL_LINES_BURST: u32 = 200;
/// How often the gauges that nobody pushes are read anew.
pub const GAUGES_EVERY: Duration = Duration::from_secs(5);

// --- Verification ------------------------------------------------------------------------------

/// Default of a Daily source's `signature_max_age`. Daily's last retry can be about 75 minutes old.
pub const SIGNATURE_MAX_AGE_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);
/// A shorter `signature_max_age` is warned about: five retries, up to 15 minutes apart.
pub const SIGNATURE_MAX_AGE_ADVISED: Duration = Duration::from_secs(75 * 60);
/// How far in the future a Daily timestamp may lie.
pub const SIGNATURE_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// Leeway on `exp` and `nbf` of a LiveKit token, as LiveKit's own receivers allow.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(60);
/// Bytes of a LiveKit token that are looked at.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Secrets or keys of one source.
pub const SECRETS_PER_SOURCE_MAX: usize = 16;
/// A secret shorter than this many bytes is warned about.
pub const SECRET_BYTES_ADVISED: usize = 32;

// --- Understanding -----------------------------------------------------------------------------

/// Nesting of objects and arrays in a body; deeper is quarantined as malformed.
pub const JSON_DEPTH_MAX: usize = 32;
/// Values (objects, arrays, scalars) in a body; more is quarantined as malformed.
pub const JSON_VALUES_MAX: usize = 200_000;
/// Bytes of memory that one value of a body needs while it is understood.
pub const JSON_VALUE_BYTES: usize = 64;
/// Files, streams or outputs of one event that are carried over; the rest is removed.
pub const ITEMS_PER_EVENT_MAX: usize = 64;
/// Paths listed in `removed`; what is beyond is counted in `removed_more`.
pub const REMOVED_PATHS_MAX: usize = 64;
/// Bytes of a room name, storage key or id that may leave as it is.
pub const VISIBLE_TEXT_BYTES_MAX: usize = 512;

// --- Journal -----------------------------------------------------------------------------------

/// Events waiting for the writer.
pub const JOURNAL_QUEUE_EVENTS: usize = 4_096;
/// Events of one group commit.
pub const JOURNAL_BATCH_EVENTS: usize = 1_024;
/// Bytes of one group commit.
pub const JOURNAL_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// A cursor update is on disk at the latest after this.
pub const CURSOR_COMMIT_WITHIN: Duration = Duration::from_millis(200);
/// Identities in one generation of the identity index.
pub const IDENTITY_GENERATION_EVENTS: usize = 100_000;
/// Identities of a full generation that each commit puts into their final order, well below a
/// millisecond's worth.
pub const IDENTITIES_SETTLED_PER_COMMIT: usize = 512;
/// How often the second connection copies the write-ahead log into the database.
pub const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
/// How often a full disk is tried again.
pub const DISK_PROBE: Duration = Duration::from_secs(1);
/// How long a statement waits for SQLite's lock.
pub const JOURNAL_BUSY: Duration = Duration::from_secs(5);
/// Rows read from the journal at one time.
pub const JOURNAL_READ_EVENTS: usize = 1_024;
/// Bytes read from the journal at one time.
pub const JOURNAL_READ_BYTES: usize = 4 * 1024 * 1024;
/// Connections that read the journal at one time; who comes later waits for one.
pub const JOURNAL_READERS: usize = 4;
/// Bytes of pages that a reading connection keeps in memory: SQLite's own default.
pub const JOURNAL_READER_CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Rows kept in memory after their commit, so that a courier that keeps up reads no disk.
pub const JOURNAL_TAIL_EVENTS: usize = 16_384;
/// Bytes of those rows.
pub const JOURNAL_TAIL_BYTES: usize = 32 * 1024 * 1024;
/// Damaged rows in a row beyond which it is the journal that is damaged: reading ends there.
pub const JOURNAL_DAMAGED_RUN: usize = 1_024;
/// Damaged rows whose sequences are remembered; what is beyond is only counted.
pub const JOURNAL_DAMAGED_KEPT: usize = 10_000;
/// Pause between two slices of [`JOURNAL_READ_EVENTS`] rows whose checksums are looked at beside
/// the traffic after an unclean end: at most some 10,000 rows a second.
pub const PATROL_PAUSE: Duration = Duration::from_millis(100);
/// Findings of each part that `journal check` tells in words.
pub const CHECK_FINDINGS: usize = 20;
/// Bytes of write-ahead log beyond which `journal check` lets a running gateway have its log back.
pub const CHECK_LOG_BYTES: u64 = 1024 * 1024 * 1024;
/// Steps of SQLite's machine between two looks at that log.
pub const CHECK_LOOK_EVERY: i32 = 100_000;
/// Bits of filter for each identity of a sealed generation: one stranger in two thousand is looked
/// up in vain.
pub const IDENTITY_FILTER_BITS: usize = 16;
/// Identities of a generation that its stored filter must know before it is believed.
pub const IDENTITY_FILTER_SAMPLE: usize = 64;
/// Pages in the write-ahead log beyond which the writer itself finishes the copying, so that the
/// log starts again from its beginning under any load.
pub const WAL_PAGES_MAX: u32 = 4_096;
/// Bytes that the write-ahead log's file keeps when it starts again.
pub const WAL_FILE_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Bytes of one page of the journal.
pub const JOURNAL_PAGE_BYTES: i64 = 4_096;
/// Events that a page can hold at the most: each takes more than 64 bytes.
pub const JOURNAL_PAGE_EVENTS: u64 = 64;
/// KiB of pages that the journal's writer keeps in memory.
pub const JOURNAL_CACHE_KIB: i64 = 32 * 1024;
/// Statements that a connection keeps prepared.
pub const JOURNAL_STATEMENTS: usize = 64;
/// Bytes that must fit on a full disk before it is believed to have room again.
pub const DISK_PROBE_BYTES: i64 = 256 * 1024;

// --- Retention ---------------------------------------------------------------------------------

/// Default of `journal.retention`.
pub const RETENTION_DEFAULT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The shortest `journal.retention` that may be configured.
pub const RETENTION_MIN: Duration = Duration::from_secs(60 * 60);
/// The longest `journal.retention` that may be configured: a hundred years.
pub const RETENTION_LIMIT: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
/// Default of `journal.retention_max`, in bytes.
pub const RETENTION_BYTES_DEFAULT: u64 = 50 * 1024 * 1024 * 1024;
/// The smallest `journal.retention_max` that may be configured, in bytes. Well above what the
/// journal takes beside its rows: [`WAL_FILE_BYTES_KEPT`] and [`RETENTION_SPARE_PAGES`].
pub const RETENTION_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Identities are known at least this long after their generation was sealed, whatever retention
/// deletes: longer than any provider sends again.
pub const IDENTITIES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Rows that one step of retention deletes.
pub const RETENTION_STEP_ROWS: usize = 1_024;
/// Bytes of those rows; always one row.
pub const RETENTION_STEP_BYTES: u64 = 1024 * 1024;
/// How long one step looks for rows that may go, or gives back pages, before it ends early.
pub const RETENTION_STEP: Duration = Duration::from_millis(2);
/// Pages that one step gives back.
pub const RETENTION_STEP_PAGES: u64 = 256;
/// Identities of an expired generation that one step deletes.
pub const RETENTION_STEP_IDENTITIES: usize = 4_096;
/// From the end of one step to the beginning of the next: events come in between.
pub const RETENTION_PAUSE: Duration = Duration::from_millis(20);
/// And at least so many times as long as the step took: a slow disk or a crowded machine does not
/// make retention take more than a fifth of the writer's time. Deleting a row costs less than that
/// of taking one, so it keeps up.
pub const RETENTION_PAUSE_STEPS: u32 = 4;
/// How soon it is looked again after nothing was to be done.
pub const RETENTION_LOOK: Duration = Duration::from_secs(1);
/// Free pages that stay in the file for the next events; what is beyond is given back.
pub const RETENTION_SPARE_PAGES: u64 = 4_096;
/// How often the log says what retention did.
pub const RETENTION_SUMMARY: Duration = Duration::from_secs(10 * 60);

// --- Kafka -------------------------------------------------------------------------------------

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
/// Bytes of one segment of the cursor topic: only closed segments are compacted.
pub const CURSOR_SEGMENT_BYTES: usize = 16 * 1024 * 1024;

// --- Process -----------------------------------------------------------------------------------

/// Bytes of memory that the program needs before anything comes: code, threads, the Kafka client,
/// what the allocator keeps.
pub const PROCESS_BYTES: usize = 48 * 1024 * 1024;

// --- Stopping ----------------------------------------------------------------------------------

/// After the drain deadline: how long late heads are still answered `draining` and answers under
/// way are still sent.
pub const DRAIN_LAST_WORDS: Duration = Duration::from_secs(1);
/// From letting a passed socket go to the end of the process: requests under way, and what the
/// courier can still flush. Whoever connects meanwhile waits for the next process.
pub const HANDOVER: Duration = Duration::from_secs(3);
/// Default of `server.drain_grace`.
pub const DRAIN_GRACE_DEFAULT: Duration = Duration::from_secs(5);
/// Default of `server.drain_deadline`, counted from the signal.
pub const DRAIN_DEADLINE_DEFAULT: Duration = Duration::from_secs(20);
/// The longest `server.drain_deadline` that may be configured.
pub const DRAIN_DEADLINE_LIMIT: Duration = Duration::from_secs(60 * 60);

// --- Configuration -----------------------------------------------------------------------------

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

// --- Sending fixtures ----------------------------------------------------------------------------

/// Connections that `send` works with.
pub const SEND_CONCURRENCY_MAX: usize = 1_024;
/// How long `send` waits for a connection.
pub const SEND_CONNECT: Duration = Duration::from_secs(5);
/// How long `send` waits for an answer, from the first byte sent to the last received.
pub const SEND_ANSWER: Duration = Duration::from_secs(30);
/// Bytes of an answer that `send` reads.
pub const SEND_ANSWER_BYTES_MAX: usize = 64 * 1024;

// --- Dev -----------------------------------------------------------------------------------------

/// Records that `dev` has received and not yet shown.
pub const DEV_RECEIVED_RECORDS: usize = 1_024;
/// How long `dev` waits, before it prints totals, for what was accepted to arrive at its consumer.
pub const DEV_READ_BEHIND: Duration = Duration::from_secs(5);
/// How often `dev` looks into the ledger while it waits for that.
pub const DEV_GLANCE: Duration = Duration::from_millis(20);
