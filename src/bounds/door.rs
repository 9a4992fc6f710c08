//! What may come to the doors: connections, heads, bodies, and how fast.

use std::time::Duration;

// --- Connections and heads ----------------------------------------------------------------------

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
/// From the first byte of a connection to the end of its TLS handshake, a PROXY header included.
pub const TLS_HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes of one listener that are reckoned at the same moment; one that waits for its client
/// is none of them. The others wait their turn, within [`TLS_HANDSHAKE`]. Few, because they share
/// the threads with deliveries: a step takes a millisecond at most with a key of 2,048 bits, so
/// that all of [`UNPROVEN_CONNECTIONS_MAX`] have had theirs in two seconds.
pub const TLS_HANDSHAKES_AT_ONCE: usize = 2;
/// How often it is looked whether the files of a certificate have changed.
pub const TLS_LOOK: Duration = Duration::from_secs(10);
/// Bytes of a file of certificates or of a key; every public authority together has some 200 KiB.
pub const TLS_FILE_BYTES_MAX: usize = 1024 * 1024;
/// Sessions that are remembered on one listener, so that a client can resume its own.
pub const TLS_SESSIONS: usize = 1_024;
/// Tickets to resume with that one connection is given.
pub const TLS_TICKETS: usize = 1;
/// Bytes of answers that wait under TLS on one connection to be sent.
pub const TLS_WRITE_BYTES_MAX: usize = 32 * 1024;
/// Bytes that TLS needs for one connection: a record on its way in, the same in the clear, answers
/// on their way out, keys.
pub const TLS_CONNECTION_BYTES: usize = 2 * 18 * 1024 + TLS_WRITE_BYTES_MAX + 8 * 1024;
/// How long before its end a certificate is warned about.
pub const CERTIFICATE_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Connections of the public listener that speak HTTP/2; others are offered HTTP/1.1 alone. One of
/// them carries what would take many.
pub const H2_CONNECTIONS_MAX: usize = 256;
/// Requests at one time on one connection of HTTP/2. Fewer than 100 would slow a proxy that sends
/// all on one (RFC 9113 §6.5.2).
pub const H2_STREAMS_MAX: u32 = 128;
/// Bytes of one body that may have come without being read.
pub const H2_STREAM_WINDOW_BYTES: u32 = 64 * 1024 - 1;
/// The same of all bodies on one connection: some that wait leave room for others.
pub const H2_CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes of one frame on its way in.
pub const H2_FRAME_BYTES_MAX: u32 = 16 * 1024;
/// Bytes of header lines that are remembered to be sent shorter.
pub const H2_HEADER_TABLE_BYTES: u32 = 4 * 1024;
/// Bytes of one head, each line counted with 32 more (RFC 9113 §6.5.2).
pub const H2_HEAD_BYTES_MAX: u32 = 16 * 1024 + 64 * 32;
/// Bytes of one answer that wait to be sent.
pub const H2_SEND_BYTES_MAX: usize = 16 * 1024;
/// Requests that were taken back before they were looked at; more end the connection.
pub const H2_RESETS_PENDING_MAX: usize = 20;
/// Requests that were ended for a fault of the client's; more end the connection.
pub const H2_LOCAL_RESETS_MAX: usize = 128;
/// Bytes that one connection of HTTP/2 needs at most: bodies that wait, a frame and a head on their
/// way in, both header tables, and a small answer on each stream. Heads of requests under way count
/// with their deliveries.
pub const H2_CONNECTION_BYTES: usize = 256 * 1024 + 16 * 1024 + 32 * 1024 + 8 * 1024 + 128 * 1024;
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

// --- Bodies -------------------------------------------------------------------------------------

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

// --- Rates --------------------------------------------------------------------------------------

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
