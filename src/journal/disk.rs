//! The ground the journal lies on: its folder, the kind of its file system, the room left.
//!
//! Network and user-space file systems are refused: a lock there may not exclude and an fsync may
//! not reach a disk, so that 200 would not mean on disk. Sizes are asked by name and never by
//! opening: a process that opens and closes a database's file drops SQLite's locks on it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::fault::Code;
use super::open::Obstacle;

/// The files of a journal in its folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The folder.
    pub(super) dir: PathBuf,
    /// The database.
    pub(super) database: PathBuf,
    /// Its write-ahead log.
    pub(super) log: PathBuf,
    /// What keeps a second process out.
    pub(super) lock: PathBuf,
}

impl Files {
    /// The names below a folder.
    pub(super) fn within(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            database: dir.join("journal.db"),
            log: dir.join("journal.db-wal"),
            lock: dir.join("journal.lock"),
        }
    }

    /// Bytes of database and write-ahead log.
    pub(super) fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        size(&self.database) + size(&self.log)
    }
}

/// Makes the folder, for its owner alone. One that exists is left as it is.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Opens or makes a file for its owner alone. SQLite gives its other files the mode of the first.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Unlocks in so many words: a child process that is just being started shares the file, and
/// closing our end alone would leave it locked until that child runs its own program.
pub(super) fn unlock(lock: &File) {
    if let Err(error) = lock.unlock() {
        tracing::warn!(%error, "the journal's lock was not released");
    }
}

/// Makes the names in a folder last.
pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A file that SQLite did not begin is refused before SQLite, told to write, touches it.
pub(super) fn refuse_foreign(database: &Path) -> Result<(), Obstacle> {
    use io::Read;
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut head = Vec::new();
    match File::open(database) {
        Ok(file) => file.take(16).read_to_end(&mut head).map_err(Obstacle::File)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Obstacle::File(error)),
    };
    if head.is_empty() || head == MAGIC {
        Ok(())
    } else {
        Err(Obstacle::Damaged(Code::NOT_A_DATABASE))
    }
}

/// Makes what an earlier process left in the log either durable or gone. Killed between write and
/// fsync it leaves whole commits that only the page cache holds; answered as duplicates they would
/// be lost with the power. And after a failed fsync the cache shows what the disk does not have:
/// so the clean pages are dropped, and SQLite reads what is really there.
pub(super) fn settle(log: &Path) -> io::Result<()> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    file.sync_all()?;
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

/// Bytes free for this process where a path lies.
pub(super) fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The name of the file system a path lies on, if it is one that a journal cannot trust.
#[cfg(target_os = "linux")]
pub(super) fn untrusted(path: &Path) -> io::Result<Option<&'static str>> {
    let magic = rustix::fs::statfs(path)?.f_type;
    // The kernel's type is a signed word whose width varies; the numbers themselves have 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let magic = (magic as u64) & 0xffff_ffff;
    Ok(name_of(magic))
}

/// Elsewhere than on Linux file systems have no such numbers; development machines only.
#[cfg(not(target_os = "linux"))]
pub(super) fn untrusted(_path: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// `statfs(2)` and `linux/magic.h` list the numbers; the rest is from the file systems' sources.
#[cfg(target_os = "linux")]
fn name_of(magic: u64) -> Option<&'static str> {
    const UNTRUSTED: &[(u64, &str)] = &[
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x0102_1997, "9p"),
        (0x6573_5546, "FUSE"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x4750_4653, "GPFS"),
        (0x1983_0326, "BeeGFS"),
        (0x5346_414f, "AFS"),
        (0x6b41_4653, "AFS"),
        (0x7375_7245, "Coda"),
        (0x564c, "NCP"),
        (0x7461_636f, "OCFS2"),
        (0x0116_1970, "GFS2"),
        (0x2003_0528, "OrangeFS"),
        (0xaad7_aaea, "PanFS"),
        (0x786f_4256, "VirtualBox shared folder"),
        (0xbacb_acbc, "VMware shared folder"),
        (0x7c7c_6673, "Parallels shared folder"),
    ];
    // GlusterFS, sshfs, s3fs and virtiofs all show themselves as FUSE.
    UNTRUSTED.iter().find_map(|(number, name)| (*number == magic).then_some(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn network_and_user_space_file_systems_are_known_by_name() {
        assert_eq!(name_of(0x6969), Some("NFS"));
        assert_eq!(name_of(0xff53_4d42), Some("CIFS"));
        assert_eq!(name_of(0x6573_5546), Some("FUSE"));
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(name_of(local), None, "{local:x}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn proc_is_no_network_and_has_a_number() {
        assert_eq!(untrusted(Path::new("/proc")).unwrap(), None);
        assert!(untrusted(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn a_folder_is_made_for_its_owner_alone_and_an_old_one_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        make_folder(&dir).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        std::fs::set_permissions(&dir, Permissions::from_mode(0o750)).unwrap();
        make_folder(&dir).unwrap();
        assert_eq!(mode(&dir), 0o750);
    }

    #[test]
    fn free_bytes_are_known_where_there_is_a_folder() {
        assert!(free(Path::new("/")).is_some_and(|bytes| bytes > 0));
        assert_eq!(free(Path::new("/no/such/folder")), None);
    }
}
