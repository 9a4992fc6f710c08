//! What is kept, how, and for how long.

use std::time::Duration;

// --- Journal ------------------------------------------------------------------------------------

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
/// Bytes of memory that an identity takes as long as its generation is not sealed.
pub const IDENTITY_BYTES: usize = 48;
/// Identities of a full generation that each commit puts into their final order: few, so that no
/// commit stands out.
pub const IDENTITIES_SETTLED_PER_COMMIT: usize = 512;
/// Earlier keys that are told from one another, of each kind of names; of yet earlier ones it is
/// only known that there were some.
pub const KEYS_NOTED: usize = 16;
/// How often the second connection copies the write-ahead log into the database.
pub const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
/// How often a full disk is tried again.
pub const DISK_PROBE: Duration = Duration::from_secs(1);
/// How long a statement waits for SQLite's lock.
pub const JOURNAL_BUSY: Duration = Duration::from_secs(5);
/// Rows read from the journal at one time.
pub const JOURNAL_READ_EVENTS: usize = 1_024;
/// Rows of which only the columns are read, at one time.
pub const JOURNAL_HEADS: u32 = 10_000;
/// Bytes read from the journal at one time.
pub const JOURNAL_READ_BYTES: usize = 4 * 1024 * 1024;
/// Connections that read the journal at one time; who comes later waits for one.
pub const JOURNAL_READERS: usize = 4;
/// How long one waits for such a connection.
pub const JOURNAL_READER_WAIT: Duration = Duration::from_secs(5);
/// Bytes of pages that a reading connection keeps in memory: SQLite's own default.
pub const JOURNAL_READER_CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Rows kept in memory after their commit, so that a courier that keeps up reads no disk.
pub const JOURNAL_TAIL_EVENTS: usize = 16_384;
/// Bytes of those rows.
pub const JOURNAL_TAIL_BYTES: usize = 32 * 1024 * 1024;
/// Damaged rows in a row that are passed over though no whole one stands behind them; more of them
/// at the journal's end wait for a human.
pub const JOURNAL_DAMAGED_RUN: usize = 1_024;
/// Stretches of damaged rows that are remembered; what is beyond is only counted.
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

// --- Retention ----------------------------------------------------------------------------------

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

// --- Erasing ------------------------------------------------------------------------------------

/// Rows that become tombstones in one transaction; deliveries wait for it.
pub const ERASURE_STEP_ROWS: usize = 256;
/// Such steps that are kept for couriers to hear of; who misses one looks into the journal.
pub const ERASURES_TOLD: usize = 64;
/// How often the log is tried to be emptied of what was erased, after it could not be at once.
pub const SCOUR_EVERY: Duration = Duration::from_secs(5);
/// How long it is waited for others to let go of the log; deliveries wait as long.
pub const SCOUR_PATIENCE: Duration = Duration::from_millis(100);

// --- Copies -------------------------------------------------------------------------------------

/// Pages that are copied between two words on how far a copy has come.
pub const BACKUP_STEP_PAGES: i32 = 2_048;
/// Bytes of a copy that are brought back at one time.
pub const BACKUP_PIECE_BYTES: usize = 1024 * 1024;
