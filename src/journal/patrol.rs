//! Looking at every row after an unclean end, beside the traffic.
//!
//! A process that was killed, a machine that lost its power or a disk that lost a page leave rows
//! behind whose bytes need not be those that were written. They are looked at in small slices with
//! pauses, on a connection of its own that only reads and holds no view of the database in between,
//! so that the port is open long before the last row was seen.
//!
//! An end is clean when the journal was closed, and what an earlier unclean end left was seen to
//! its end: the head is then noted in the journal. A note of another head, or none, means an
//! unclean one. Until the patrol is through no end is clean.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::open::Obstacle;
use super::read::{self, Met};
use super::schema;
use super::shared::Shared;
use super::{ReadError, Stored};
use crate::bounds;

/// The thread that looks; dropped, it ends after the slice it is at.
pub(super) struct Patrol {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Patrol {
    /// Starts it on the rows up to this head; those that come later are in our own hands.
    pub(super) fn start(
        database: PathBuf,
        head: u64,
        pause: Duration,
        shared: Arc<Shared>,
    ) -> Result<Self, Obstacle> {
        let (stop, stopped) = sync_channel(1);
        let thread = Builder::new()
            .name("journal-patrol".into())
            .spawn(move || run(&database, head, pause, &stopped, &shared))
            .map_err(Obstacle::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Patrol {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the journal's patrol had ended by a defect");
        }
    }
}

fn run(
    database: &std::path::Path,
    head: u64,
    pause: Duration,
    stopped: &Receiver<()>,
    shared: &Shared,
) {
    tracing::warn!(
        head,
        "the journal was not closed at its last end: its rows are looked at beside the traffic"
    );
    let looked = schema::open_reading(database).map_err(ReadError::from).and_then(|connection| {
        let mut through = 0;
        while through < head {
            through = slice(&connection, through, head, stopped, shared)?;
            if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return Ok(false);
            }
        }
        Ok(true)
    });
    match looked {
        Ok(true) => {
            shared.looked_through.send_replace(true);
            let damaged = shared.damage();
            tracing::info!(head, damaged, "every row of the journal has been looked at");
        }
        Ok(false) => {}
        Err(error) => tracing::error!(
            %error, "the journal's rows cannot all be looked at; run hookgate journal check"
        ),
    }
}

/// Looks at the next rows, and at a hole to its end; the last sequence that was seen.
fn slice(
    connection: &Connection,
    after: u64,
    head: u64,
    stopped: &Receiver<()>,
    shared: &Shared,
) -> Result<u64, ReadError> {
    let (mut through, mut seen) = (head, 0);
    let mut damaged = Vec::new();
    read::scan(connection, after, head, |met| {
        seen += 1;
        let (sequence, enough) = match met {
            Met::Whole(Stored { sequence, .. })
            | Met::Erased(Stored { sequence, .. })
            | Met::Newer(sequence) => (sequence, seen >= bounds::JOURNAL_READ_EVENTS),
            Met::Damaged(row) => {
                let sequence = row.last;
                row.note(&mut damaged);
                (sequence, stopped.try_recv() == Err(TryRecvError::Disconnected))
            }
        };
        if !enough {
            return ControlFlow::Continue(());
        }
        through = sequence.max(after + 1);
        ControlFlow::Break(())
    })?;
    shared.damaged(damaged);
    Ok(through)
}
