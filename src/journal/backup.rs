//! A copy of the journal while the gateway runs, and the way back.
//!
//! The copy is one view of the journal: what is committed after it has begun is not in it. It is
//! made by a process of its own, on a connection that only reads, and takes no lock that a gateway
//! needs; as long as it is made the gateway's write-ahead log cannot start again and grows. It
//! holds the journal alone: not the audit log, which lies beside it as a file, not the search file,
//! which is made anew, not the configuration and its secrets.
//!
//! A restored journal is another journal: it gets a new epoch. Its sequences are given again to
//! other events than those that came after the copy, so a cursor in Kafka that speaks of the old
//! one must not be believed; by the epoch the courier sees that and waits for a human.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::disk::{self, Files};
use super::open::{Obstacle, OpenError};
use super::{Finding, Progress, check, checkpoint, open, schema};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Digest128, InstanceName};

/// How far a copy has come, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// So many are there.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Whose journal it is.
    pub instance: String,
    /// The last event in it.
    pub head: u64,
    /// Its bytes.
    pub bytes: u64,
    /// When it was made; absent where it is no copy that was made here.
    pub made: Option<Timestamp>,
}

/// Why a copy was not made or not brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The copy's file cannot be made, written or read.
    #[error("{} cannot be used ({error})", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something is there already.
    #[error("{} is there already: nothing is overwritten; name another place", .0.display())]
    Exists(PathBuf),
    /// The folder is not empty.
    #[error(
        "the folder {} has {name:?} in it: stop the gateway and move the old journal away, or name \
         another folder", .dir.display()
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// What is in it.
        name: String,
    },
    /// The copy is damaged.
    #[error("the copy is damaged ({0} findings): take another one")]
    Damaged(u64),
}

/// Copies the journal in a folder into a file that must not be there. Blocks.
///
/// # Errors
/// See [`BackupError`]; then there is no copy.
pub fn backup(
    dir: &Path,
    to: &Path,
    now: Timestamp,
    tell: &mut dyn FnMut(Copied),
) -> Result<Copy, BackupError> {
    let files = Files::within(dir);
    let unusable = |why: Obstacle| BackupError::Journal(OpenError::new(dir, why));
    fs::metadata(&files.database).map_err(Obstacle::File).map_err(unusable)?;
    disk::refuse_foreign(&files.database).map_err(unusable)?;
    let at = |error: io::Error| BackupError::File { path: to.to_owned(), error };
    // Only a whole copy ever has the name, also where this process is killed.
    let is_free = || match fs::symlink_metadata(to) {
        Ok(_) => Err(BackupError::Exists(to.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(error)),
    };
    is_free()?;
    let part = beside(to);
    let copied = copy(&files, &part, now, tell).map_err(unusable).and_then(|copied| {
        File::open(&part).and_then(|file| file.sync_all()).map_err(at)?;
        is_free()?;
        fs::rename(&part, to).map_err(at)?;
        disk::sync_folder(folder_of(to)).map_err(at)?;
        Ok(copied)
    });
    if copied.is_err() {
        drop(fs::remove_file(&part));
    }
    copied
}

fn copy(
    files: &Files,
    part: &Path,
    now: Timestamp,
    tell: &mut dyn FnMut(Copied),
) -> Result<Copy, Obstacle> {
    let source = schema::open_reading(&files.database)?;
    let instance = schema::recognize(&source)?;
    // One view for all of the copying: else every commit of the gateway would begin it anew.
    source.execute_batch("BEGIN")?;
    let head = schema::meta::<i64>(&source, "head")?.cast_unsigned();
    drop(fs::remove_file(part));
    drop(disk::make_file(part).map_err(Obstacle::File)?);
    let mut target = Connection::open(part)?;
    {
        let page = bounds::JOURNAL_PAGE_BYTES.unsigned_abs();
        let backup = Backup::new(&source, &mut target)?;
        loop {
            let step = backup.step(bounds::BACKUP_STEP_PAGES)?;
            let progress = backup.progress();
            let pages = |count: i32| u64::from(count.unsigned_abs()) * page;
            let of = pages(progress.pagecount);
            tell(Copied { done: of - pages(progress.remaining), of });
            if step == StepResult::Done {
                break;
            }
            // Of the source it has its view, and the target should be nobody else's.
            if step != StepResult::More {
                return Err(Obstacle::Locked);
            }
        }
    }
    source.execute_batch("COMMIT")?;
    // A single file, without a log beside it; the journal's own mode comes back when it is opened.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    target.execute(
        "INSERT OR REPLACE INTO meta(name, value) VALUES ('copied_at', ?1)",
        [now.millis()],
    )?;
    target.close().map_err(|(_, error)| error)?;
    let bytes = fs::metadata(part).map_err(Obstacle::File)?.len();
    Ok(Copy { instance, head, bytes, made: Some(now) })
}

/// Brings a copy back into a folder that is empty or not there, as a journal of a new epoch, after
/// a look at every page and row of it. Blocks.
///
/// # Errors
/// See [`BackupError`]; then there is no journal.
pub fn restore(
    from: &Path,
    dir: &Path,
    instance: Option<&InstanceName>,
    tell: &mut dyn FnMut(Copied),
    look: &mut dyn FnMut(Progress),
) -> Result<Copy, BackupError> {
    let unusable = |why: Obstacle| BackupError::Journal(OpenError::new(dir, why));
    refuse_filled(dir)?;
    let files = Files::within(dir);
    let _lock = open::secure(&files).map_err(unusable)?;
    // A folder of ours below it: what is cut off halfway is no journal, and the next removes it.
    let aside = dir.join(ASIDE);
    drop(fs::remove_dir_all(&aside));
    disk::make_folder(&aside).map_err(Obstacle::Folder).map_err(unusable)?;
    let restored = bring(from, &aside, &files, instance, tell, look);
    drop(fs::remove_dir_all(&aside));
    let restored = restored?;
    disk::sync_folder(dir).map_err(Obstacle::Folder).map_err(unusable)?;
    Ok(restored)
}

/// Where a copy is looked at before it is a journal.
const ASIDE: &str = "restoring";

/// What may lie in the folder: the lock, what an earlier try left, and who changed what.
const MAY_LIE: [&str; 5] = ["journal.lock", ASIDE, "audit.log", "audit.torn", "lost+found"];

fn refuse_filled(dir: &Path) -> Result<(), BackupError> {
    let at = |error| BackupError::File { path: dir.to_owned(), error };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(error)),
    };
    for entry in entries {
        let name = entry.map_err(at)?.file_name().to_string_lossy().into_owned();
        if !MAY_LIE.contains(&name.as_str()) {
            return Err(BackupError::NotEmpty { dir: dir.to_owned(), name });
        }
    }
    Ok(())
}

fn bring(
    from: &Path,
    aside: &Path,
    files: &Files,
    instance: Option<&InstanceName>,
    tell: &mut dyn FnMut(Copied),
    look: &mut dyn FnMut(Progress),
) -> Result<Copy, BackupError> {
    let trial = Files::within(aside);
    pour(from, &trial.database, tell)
        .map_err(|error| BackupError::File { path: from.to_owned(), error })?;
    let unusable = |why: Obstacle| BackupError::Journal(OpenError::new(from, why));
    disk::refuse_foreign(&trial.database).map_err(unusable)?;
    let findings = check(aside, look)?;
    let wrong: u64 = findings.iter().map(|finding: &Finding| finding.wrong_count).sum();
    if wrong > 0 {
        return Err(BackupError::Damaged(wrong));
    }
    let copy = renew(&trial, instance).map_err(unusable)?;
    File::open(&trial.database)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&trial.database, &files.database))
        .map_err(|error| BackupError::File { path: files.database.clone(), error })?;
    Ok(copy)
}

/// Copies the bytes.
fn pour(from: &Path, to: &Path, tell: &mut dyn FnMut(Copied)) -> io::Result<()> {
    use io::{Read, Write};
    let mut source = File::open(from)?;
    let of = source.metadata()?.len();
    let mut target = disk::make_file(to)?;
    let mut piece = vec![0; bounds::BACKUP_PIECE_BYTES];
    let mut done = 0;
    loop {
        let some = source.read(&mut piece)?;
        if some == 0 {
            return target.sync_all();
        }
        target.write_all(piece.get(..some).unwrap_or_default())?;
        done += some as u64;
        tell(Copied { done, of });
    }
}

/// Makes the copy a journal of its own. All of it has been looked at, so its end counts as clean.
fn renew(files: &Files, instance: Option<&InstanceName>) -> Result<Copy, Obstacle> {
    let connection = schema::open_writing(&files.database)?;
    let owner = match instance {
        Some(instance) => {
            schema::recognize_as(&connection, instance)?;
            instance.as_str().to_owned()
        }
        None => schema::recognize(&connection)?,
    };
    schema::configure(&connection)?;
    let made: Option<i64> = schema::meta(&connection, "copied_at").ok();
    let epoch = Digest128(rand::random());
    connection.execute("UPDATE meta SET value = ?1 WHERE name = 'epoch'", [epoch.0])?;
    schema::set_closed(&connection, true)?;
    let head = schema::meta::<i64>(&connection, "head")?.cast_unsigned();
    checkpoint::truncate(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    let bytes = fs::metadata(&files.database).map_err(Obstacle::File)?.len();
    Ok(Copy { instance: owner, head, bytes, made: made.map(Timestamp::from_millis) })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
