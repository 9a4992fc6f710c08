//! Copying the write-ahead log into the database, beside the writer.
//!
//! A checkpoint's fsync of the database is what makes commits slow, so it runs on a connection and
//! a thread of its own, small and often, and never in a commit. It cannot alone let the log start
//! again under saturating load (there is always one more commit): the writer finishes the rest when
//! the log has grown past [`crate::bounds::WAL_PAGES_MAX`].
//!
//! What was copied without reaching the disk is as bad as a lost commit: an I/O error here poisons
//! the journal too.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::fault::{Code, Fault};
use super::open::Obstacle;
use super::schema;
use super::shared::Shared;

/// The thread that copies.
pub(super) struct Checkpointer {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts it.
    pub(super) fn start(
        database: &Path,
        every: Duration,
        shared: Arc<Shared>,
    ) -> Result<Self, Obstacle> {
        let connection = schema::open_writing(database)?;
        schema::configure(&connection)?;
        let (stop, stopped) = sync_channel(1);
        let thread = Builder::new()
            .name("journal-checkpoint".into())
            .spawn(move || run(&connection, every, &stopped, &shared))
            .map_err(Obstacle::Thread)?;
        Ok(Self { stop, thread })
    }

    /// Stops it, after what it is doing.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the journal's checkpoint thread had ended by a defect");
        }
    }
}

fn run(connection: &Connection, every: Duration, stopped: &Receiver<()>, shared: &Shared) {
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        if shared.is_poisoned() {
            return;
        }
        if let Err(error) = passive(connection) {
            shared.poison(Code::of(&error), "copying the log into the database failed");
            return;
        }
    }
}

/// Copies what can be copied without waiting for anyone. A full disk or a busy log is no error
/// here: the log keeps everything, and the writer meets the full disk itself.
pub(super) fn passive(connection: &Connection) -> rusqlite::Result<()> {
    when_free(connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE).map(|_| ()))
}

/// The same of a checkpoint that was tried.
pub(super) fn when_free(tried: rusqlite::Result<()>) -> rusqlite::Result<()> {
    match tried {
        Ok(()) => Ok(()),
        Err(error) => match Fault::of(&error) {
            Fault::Full | Fault::Busy => Ok(()),
            Fault::Broken => Err(error),
        },
    }
}

/// Copies everything and empties the log, when nobody else is there any more.
pub(super) fn truncate(connection: &Connection) -> rusqlite::Result<()> {
    connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE).map(|_| ())
}
