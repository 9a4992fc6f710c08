//! A disk of its own: ext4 in an image on a loop device, that can fill up and lose its power.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// A file system in a file, mounted as long as this lives.
pub(crate) struct Disk {
    image: PathBuf,
    pub(crate) at: PathBuf,
}

impl Disk {
    /// Makes and mounts one of so many MiB (sparse: it takes what is written).
    pub(crate) fn make(folder: &Path, mib: u64) -> Result<Self> {
        let disk = Self { image: folder.join("disk.img"), at: folder.join("disk") };
        std::fs::create_dir_all(&disk.at)?;
        File::create(&disk.image)?.set_len(mib << 20)?;
        // No blocks kept for root, who is the one that fills it.
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&disk.image))?;
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        // The loop device goes with the mount.
        let mut mount = Command::new("mount");
        run(mount.args(["-t", "ext4", "-o", "loop"]).arg(&self.image).arg(&self.at)).map(drop)
    }

    /// Takes the power: what was not synced is gone. Nobody may still run there who could notice.
    pub(crate) fn cut(&self) -> Result<()> {
        // Without -f the file system's own log is not flushed either (EXT4_GOING_FLAGS_NOLOGFLUSH).
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.at))?;
        let after = File::create(self.at.join("after-the-cut"));
        ensure!(after.is_err(), "the file system still takes writes after its power was cut");
        Ok(())
    }

    /// Brings it back: unmounts, mounts again, and with that replays the file system's log.
    pub(crate) fn recover(&self) -> Result<()> {
        run(Command::new("umount").arg(&self.at))?;
        self.mount()
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) -> Result<()> {
        let filler = File::create(self.filler())?;
        let mut length = 0;
        loop {
            let found = statvfs(&self.at)?;
            let mut piece = (found.f_bavail * found.f_frsize).max(found.f_frsize);
            while fallocate(&filler, FallocateFlags::empty(), length, piece).is_err() {
                piece /= 2;
                if piece < found.f_frsize {
                    return Ok(());
                }
            }
            length += piece;
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self) -> Result<()> {
        std::fs::remove_file(self.filler()).context("the filler")
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let ended = run(Command::new("umount").arg(&self.at));
        if let Err(error) = ended {
            println!("ledger: {} stays mounted: {error:#}", self.at.display());
        }
    }
}

/// Runs a tool to its end.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("{name} cannot be run; is it installed?"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} was denied or failed: {}", said.trim());
    Ok(output)
}
