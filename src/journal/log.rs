//! A look at the write-ahead log before SQLite recovers it: is something missing that was promised?
//!
//! SQLite takes the log's commits up to the first frame that fails its checksum and drops the rest
//! without a word. After a crash that is right: the last commit was being written. But a commit
//! whose fsync we waited for is followed by another one; where such a one is cut off, the disk lost
//! what it had acknowledged, and that must be said. Commits of retention do not wait for their
//! fsync: a power failure that catches several of them looks the same, so what is said is "may".
//!
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::bounds;

/// What SQLite will drop although it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Whole frames before the damage.
    pub(super) whole: u64,
    /// Frames from the damage to the last commit.
    pub(super) dropped: u64,
    /// Commits among them, without the last one, which may never have been acknowledged.
    pub(super) commits: u64,
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = bounds::JOURNAL_PAGE_BYTES as usize;

/// Looks; `None` where nothing that was promised is missing.
pub(super) fn cut(log: &Path) -> io::Result<Option<Cut>> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let Some(header) = next::<HEADER>(&mut file)? else {
        return Ok(None);
    };
    let big_endian = match word(&header, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        // No log of ours is there: SQLite drops it all, as it would an empty one.
        _ => return Ok(None),
    };
    let salts = (word(&header, 16), word(&header, 20));
    let mut sum = (word(&header, 24), word(&header, 28));
    let mut seen = Cut { whole: 0, dropped: 0, commits: 0 };
    let (mut broken, mut since) = (false, 0);
    while let Some(frame) = next::<{ FRAME_HEADER + PAGE }>(&mut file)? {
        // Behind the newest frames stand those of an earlier turn of the log, with other salts.
        let ours = (word(&frame, 8), word(&frame, 12)) == salts;
        if !broken {
            let (head, page) = (frame.get(..8), frame.get(FRAME_HEADER..));
            sum = checksum(sum, head.unwrap_or_default(), big_endian);
            sum = checksum(sum, page.unwrap_or_default(), big_endian);
            broken = !ours || sum != (word(&frame, 16), word(&frame, 20));
        }
        if !broken {
            seen.whole += 1;
            continue;
        }
        since += 1;
        if ours && word(&frame, 4) != 0 {
            (seen.dropped, seen.commits) = (since, seen.commits + 1);
        }
    }
    seen.commits = seen.commits.saturating_sub(1);
    Ok((seen.commits > 0).then_some(seen))
}

/// The next so many bytes; `None` at the end, where a part of them is nothing.
fn next<const BYTES: usize>(file: &mut impl Read) -> io::Result<Option<[u8; BYTES]>> {
    let mut bytes = [0; BYTES];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

fn checksum(start: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let (pairs, _) = bytes.as_chunks::<8>();
    pairs.iter().fold(start, |(first, second), pair| {
        let (one, other) = (word(pair, 0), word(pair, 4));
        let native = |word: u32| if big_endian { word } else { word.swap_bytes() };
        let first = first.wrapping_add(native(one)).wrapping_add(second);
        (first, second.wrapping_add(native(other)).wrapping_add(first))
    })
}
