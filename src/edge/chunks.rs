//! A chunked body, followed byte by byte to find its end.
//!
//! Follows RFC 9112 §7.1 without its leniencies: sizes of at most 15 hex digits, no space before an
//! extension, every line ended by CR LF, extensions and trailers together within the cap of a head.

use crate::bounds::HEAD_BYTES_MAX;

use super::framing::Malformed;

/// How far a chunked body has come.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Bytes of extensions and trailers so far: nobody needs them, so they are bounded.
    extra: usize,
}

#[derive(Debug, Default)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Start,
    /// Within a size.
    Size { size: u64, digits: u8 },
    /// Within an extension, which means nothing to us.
    Extension { size: u64 },
    /// After the CR of a size line.
    SizeEnd { size: u64 },
    /// Within a chunk.
    Data { left: u64 },
    /// After a chunk.
    DataEnd,
    /// After the CR that follows a chunk.
    DataEnded,
    /// At the start of a trailer line, or of the empty line that ends it all.
    TrailerStart,
    /// Within a trailer line.
    Trailer,
    /// After the CR of a trailer line.
    TrailerEnd,
    /// After the CR of the last line.
    Last,
    /// After the last byte.
    Ended,
}

impl Chunks {
    /// Whether the last byte was seen.
    pub(super) fn ended(&self) -> bool {
        matches!(self.at, At::Ended)
    }

    /// Follows these bytes: how many of them belong to the body. Malformed only if the very first
    /// one cannot stand here; what stands before a malformed one is taken.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            if let At::Data { left } = &mut self.at {
                let here = bytes.len() - taken;
                let some = usize::try_from(*left).unwrap_or(usize::MAX).min(here);
                *left = left.saturating_sub(some as u64);
                taken += some;
                if *left == 0 {
                    self.at = At::DataEnd;
                }
                continue;
            }
            if self.ended() {
                break;
            }
            match self.next(*byte) {
                Ok(at) => self.at = at,
                Err(malformed) if taken == 0 => return Err(malformed),
                Err(Malformed) => break,
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// The state after one byte of framing.
    fn next(&mut self, byte: u8) -> Result<At, Malformed> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        Ok(match (&self.at, byte) {
            (At::Start, _) => At::Size { size: digit.ok_or(Malformed)?, digits: 1 },
            (At::Size { size, .. }, b'\r') => At::SizeEnd { size: *size },
            (At::Size { size, .. }, b';') => At::Extension { size: *size },
            (At::Size { size, digits }, _) if *digits < 15 => {
                At::Size { size: size * 16 + digit.ok_or(Malformed)?, digits: digits + 1 }
            }
            (At::Extension { size }, b'\r') => At::SizeEnd { size: *size },
            (At::Extension { size }, _) if is_text(byte) => {
                let size = *size;
                self.spend()?;
                At::Extension { size }
            }
            (At::SizeEnd { size: 0 }, b'\n') => At::TrailerStart,
            (At::SizeEnd { size }, b'\n') => At::Data { left: *size },
            (At::DataEnd, b'\r') => At::DataEnded,
            (At::DataEnded, b'\n') => At::Start,
            (At::TrailerStart, b'\r') => At::Last,
            (At::Trailer, b'\r') => At::TrailerEnd,
            (At::TrailerStart | At::Trailer, _) if is_text(byte) => {
                self.spend()?;
                At::Trailer
            }
            (At::TrailerEnd, b'\n') => At::TrailerStart,
            (At::Last, b'\n') => At::Ended,
            _ => return Err(Malformed),
        })
    }

    fn spend(&mut self) -> Result<(), Malformed> {
        self.extra += 1;
        if self.extra > HEAD_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(())
    }
}

/// A byte that may stand in a line.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
