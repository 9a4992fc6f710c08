//! Opening a journal: folder, lock, file, tables, then its threads.
//!
//! Nothing here reads more than a few pages a generation, so that the port is open soon after any
//! end, clean or not. Every refusal names the folder and says what to do. A journal whose process
//! was killed opens; one that is damaged, someone else's or newer does not, nor one on a disk so
//! full that SQLite's own index finds no room.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use rusqlite::Connection;
use tokio::runtime::Handle;

use super::checkpoint::{self, Checkpointer};
use super::cursors::Cursors;
use super::disk::{self, Files};
use super::fault::{Code, Fault};
use super::identities::Identities;
use super::log::{self, Cut};
use super::patrol::Patrol;
use super::read::Readers;
use super::retention::Sweeper;
use super::schema;
use super::shared::Shared;
use super::tail::Tail;
use super::tuning::Tuning;
use super::writer::{Scouring, Writer};
use super::{Inner, Journal, Settings, holds, search};
use crate::bounds;
use crate::clock::Clock;
use crate::event::{Digest128, InstanceName};

/// Why a journal cannot be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[error("the journal in {} {why}", .dir.display())]
pub struct OpenError {
    dir: PathBuf,
    #[source]
    why: Obstacle,
}

impl OpenError {
    pub(super) fn new(dir: &Path, why: Obstacle) -> Self {
        Self { dir: dir.to_owned(), why }
    }

    /// What stands in the way.
    pub fn obstacle(&self) -> &Obstacle {
        &self.why
    }
}

/// What stands in the way of a journal.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The folder cannot be made or looked at.
    #[error("has no usable folder ({0}): give the folder to the gateway's user")]
    Folder(io::Error),
    /// A file in it cannot be opened.
    #[error("has a file that cannot be opened ({0}): give all of the folder to the gateway's user")]
    File(io::Error),
    /// It lies where fsync and locks cannot be trusted.
    #[error("lies on {0}, where an fsync need not reach a disk: put it on a local disk")]
    Untrusted(&'static str),
    /// Another process has it.
    #[error(
        "is in use by another process: stop that one, or give this one a folder of its own \
         (journal.dir)"
    )]
    Locked,
    /// The file is a database, but not ours.
    #[error("has a journal.db that hookgate did not write: choose another folder (journal.dir)")]
    NotAJournal,
    /// The file is not a database, or not a whole one.
    #[error(
        "is damaged ({0}): restore a backup, or move the folder away to start with an empty journal"
    )]
    Damaged(Code),
    /// A newer version wrote it.
    #[error(
        "was written by a newer hookgate (tables {found}, this version knows {known}): run that \
         version"
    )]
    Newer {
        /// The version of its tables.
        found: i64,
        /// The version that this program knows.
        known: i64,
    },
    /// It is the journal of another instance: publishing it under a new name would double it.
    #[error(
        "belongs to the instance {owner:?}, not {configured:?}: set server.instance to {owner:?}, \
         or give this instance a folder of its own (journal.dir)"
    )]
    OtherInstance {
        /// Whose it is.
        owner: String,
        /// Who wants it.
        configured: String,
    },
    /// A setting of the database that a promise rests on is not in force.
    #[error(
        "cannot have the database setting {0} that its promises need: move the folder away to \
         start with an empty journal"
    )]
    Setting(&'static str),
    /// The disk has no room to make or open a journal.
    #[error("cannot be opened: the disk is full; make room there")]
    DiskFull,
    /// The database refuses.
    #[error("cannot be opened ({0})")]
    Sqlite(Code),
    /// No thread could be started.
    #[error("cannot start a thread ({0}): raise the limit on processes")]
    Thread(io::Error),
}

impl From<rusqlite::Error> for Obstacle {
    fn from(error: rusqlite::Error) -> Self {
        let code = Code::of(&error);
        match Fault::of(&error) {
            Fault::Full => Self::DiskFull,
            _ if code.is_damage() => Self::Damaged(code),
            Fault::Busy | Fault::Broken => Self::Sqlite(code),
        }
    }
}

/// Opens a journal.
pub(super) fn open(settings: Settings, clock: Clock, tuning: Tuning) -> Result<Journal, OpenError> {
    let dir = settings.dir.clone();
    start(settings, clock, tuning).map_err(|why| OpenError::new(&dir, why))
}

fn start(settings: Settings, clock: Clock, mut tuning: Tuning) -> Result<Journal, Obstacle> {
    let files = Files::within(&settings.dir);
    let lock = secure(&files)?;
    let connection = connect(&files, &settings.instance, &clock)?;
    let identities = Identities::load(&connection, tuning.generation_events)?;
    let cursors = Cursors::load(&connection, &settings.instance)?;
    let head = schema::meta::<i64>(&connection, "head")?.cast_unsigned();
    let epoch = Digest128(schema::meta(&connection, "epoch")?);
    let tail = Tail::above(head, tuning.tail_events, tuning.tail_bytes);
    let shared = Arc::new(Shared::new(head, cursors, tail));
    shared.holds.send_replace(Arc::new(holds::load(&connection)?));
    let scouring = Scouring::begun(schema::is_unscoured(&connection)?, &shared, &clock);
    let patrol = if schema::was_closed(&connection)? {
        shared.looked_through.send_replace(true);
        None
    } else {
        let database = files.database.clone();
        Some(Patrol::start(database, head, tuning.patrol_pause, Arc::clone(&shared))?)
    };
    let (queue, orders) = sync_channel(tuning.queue_events);
    let checkpointer =
        Checkpointer::start(&files.database, tuning.checkpoint_every, Arc::clone(&shared))?;
    let instance = settings.instance.clone();
    let sees = clock.clone();
    let (keep, pace) = (settings.retention, std::mem::take(&mut tuning.sweep));
    let sweeper = Sweeper::new(keep, pace, instance.clone(), clock.clone());
    let writer = Writer {
        connection,
        identities,
        orders,
        shared: Arc::clone(&shared),
        instance: settings.instance,
        on_commit: settings.on_commit,
        clock,
        callers: Handle::try_current().ok(),
        tuning,
        log_pages: Arc::default(),
        checkpointer,
        sweeper,
        scouring,
        patrol,
        lock,
    };
    let thread = thread::Builder::new()
        .name("journal-writer".into())
        .spawn(move || writer.run())
        .map_err(Obstacle::Thread)?;
    let (notes, noted) = search::notes();
    Ok(Journal {
        inner: Arc::new(Inner {
            clock: sees,
            instance,
            epoch,
            readers: Readers::of(
                files.database.clone(),
                bounds::JOURNAL_READERS,
                bounds::JOURNAL_READER_WAIT,
            ),
            files,
            queue,
            shared,
            writer: Mutex::new(Some(thread)),
            notes,
            noted: Mutex::new(Some(noted)),
            search: OnceLock::new(),
        }),
    })
}

/// The folder, on a disk that can be trusted, for this process alone.
pub(super) fn secure(files: &Files) -> Result<File, Obstacle> {
    disk::make_folder(&files.dir).map_err(Obstacle::Folder)?;
    if let Some(name) = disk::untrusted(&files.dir).map_err(Obstacle::Folder)? {
        return Err(Obstacle::Untrusted(name));
    }
    let lock = disk::make_file(&files.lock).map_err(Obstacle::File)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Obstacle::Locked),
        Err(TryLockError::Error(error)) => Err(Obstacle::File(error)),
    }
}

/// The writer's connection, to a journal that is ours and whole as far as a glance can tell.
fn connect(files: &Files, instance: &InstanceName, clock: &Clock) -> Result<Connection, Obstacle> {
    disk::settle(&files.log).map_err(Obstacle::File)?;
    let cut = log::cut(&files.log).map_err(Obstacle::File)?;
    disk::refuse_foreign(&files.database)?;
    drop(disk::make_file(&files.database).map_err(Obstacle::File)?);
    let mut connection = schema::open_writing(&files.database)?;
    let is_new = schema::is_new(&connection)?;
    if !is_new {
        schema::recognize_as(&connection, instance)?;
    }
    schema::configure(&connection)?;
    if is_new {
        schema::create(&mut connection, instance, clock.now(), rand::random())?;
        disk::sync_folder(&files.dir).map_err(Obstacle::Folder)?;
    }
    schema::upgrade(&mut connection)?;
    schema::check(&connection)?;
    if let Some(cut) = cut {
        pass_over(cut, &connection)?;
        // The damaged frames leave the log, so that the next start does not meet them again. Not
        // before the head is set: cut off in between, numbers would be given again.
        checkpoint::when_free(checkpoint::truncate(&connection))?;
    }
    // What an unclean end left in the log; on a full disk it simply stays there.
    checkpoint::passive(&connection)?;
    Ok(connection)
}

/// Acknowledged commits are gone. Their sequences may be known outside and are not given again.
fn pass_over(cut: Cut, connection: &Connection) -> rusqlite::Result<()> {
    let head = schema::meta::<i64>(connection, "head")?.cast_unsigned();
    let Cut { whole, dropped, commits } = cut;
    let next = head + dropped * bounds::JOURNAL_PAGE_EVENTS;
    tracing::error!(
        last_event = head,
        next_event = next + 1,
        whole,
        dropped,
        commits,
        "the journal's write-ahead log is damaged: events that were acknowledged after the last \
         event may be lost; look at the disk (after a power cut commits of retention, which are \
         not waited for, can look the same)"
    );
    schema::set_head(connection, next)
}
