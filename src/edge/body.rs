//! Reads a body within its cap, its deadline, its pace and the room there is.
//!
//! Room is taken for the memory that holds what has come, never for what a length promises: a head
//! costs no bytes. What is beyond a small body draws on the common room alone, so that large
//! bodies, whoever sends them, leave each source the part that is kept back for its small ones.
//! Where there is no room left, another large body that has not come yet makes some.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as Incoming;
use tokio::time::timeout;

use crate::bounds::{NARROWED_SMALL_BODY_BYTES, ROOM_TRIES};
use crate::clock::Clock;
use crate::delivery::Body;
use crate::outcome::Outcome;

use super::readers::Reader;
use super::shares::Share;

/// How a body may come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Its most bytes.
    pub(super) cap: usize,
    /// From the head's end to its last byte.
    pub(super) within: Duration,
    /// How long its rate is not looked at.
    pub(super) grace: Duration,
    /// Its least bytes each second after that.
    pub(super) per_second: u64,
}

/// The room that one body takes.
pub(super) struct Room {
    share: Share,
    taken: usize,
    /// Whose room it is while it is on its way in; `None`: it came with its head.
    reader: Option<Arc<Reader>>,
}

/// A body on its way in. The errors are how the delivery ends.
pub(super) struct Reading<B> {
    body: B,
    pace: Pace,
    room: Room,
    clock: Clock,
    /// The time it was read; what it waited between is not its sender's fault.
    spent: Duration,
    first: Bytes,
    all: Vec<u8>,
    whole: bool,
}

impl<B: Incoming<Data = Bytes> + Unpin> Reading<B> {
    /// Nothing has been read yet. `room` grows by what comes.
    pub(super) fn new(body: B, pace: Pace, room: Room, clock: Clock) -> Self {
        Self {
            body,
            pace,
            room,
            clock,
            spent: Duration::ZERO,
            first: Bytes::new(),
            all: Vec::new(),
            whole: false,
        }
    }

    /// Reads until the body is whole or larger than this; whether it is whole.
    pub(super) async fn up_to(&mut self, bytes: usize) -> Result<bool, Outcome> {
        let began = self.clock.steady();
        let left = self.pace.within.saturating_sub(self.spent);
        let read = timeout(left, async {
            while !self.whole && self.here() <= bytes {
                self.next(began).await?;
            }
            Ok(())
        });
        read.await.unwrap_or(Err(Outcome::Timeout))?;
        self.spent += self.clock.steady().saturating_sub(began);
        Ok(self.whole)
    }

    /// Reads the rest.
    pub(super) async fn whole(mut self) -> Result<(Body, Share), Outcome> {
        self.up_to(self.pace.cap).await?;
        let bytes = if self.all.is_empty() { self.first } else { self.all.into() };
        let body = Body::new(bytes, self.pace.cap).map_err(|_too_large| Outcome::TooLarge)?;
        Ok((body, self.room.share))
    }

    fn here(&self) -> usize {
        self.first.len() + self.all.len()
    }

    async fn next(&mut self, began: Duration) -> Result<(), Outcome> {
        let spent = self.spent + self.clock.steady().saturating_sub(began);
        let left = patience(self.pace, self.here()).saturating_sub(spent);
        match timeout(left, self.body.frame()).await {
            Err(_elapsed) => return Err(Outcome::Timeout),
            Ok(Some(Err(_cut_off))) => return Err(Outcome::BadRequest),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    self.add(data).await?;
                }
            }
            Ok(None) => self.whole = true,
        }
        Ok(())
    }

    async fn add(&mut self, data: Bytes) -> Result<(), Outcome> {
        let (here, more) = (self.here(), data.len());
        let needed = here + more;
        if needed > self.pace.cap {
            return Err(Outcome::TooLarge);
        }
        if here == 0 {
            // A body in one piece, as most are, is not copied.
            self.room.hold(needed).await?;
            self.first = data;
            return Ok(());
        }
        if self.all.capacity() < needed {
            // By doubling, so that memory too follows what has come.
            let mut size = (2 * here).max(needed).min(self.pace.cap);
            if !self.room.take_up_to(size) {
                size = needed;
                self.room.hold(size).await?;
            }
            self.all.reserve_exact(size - self.all.len());
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&data);
        Ok(())
    }
}

impl Room {
    /// None is taken yet.
    pub(super) fn new(share: Share, reader: Option<Arc<Reader>>) -> Self {
        Self { share, taken: 0, reader }
    }

    /// Takes room until so many bytes are held; others may have to go for it.
    async fn hold(&mut self, bytes: usize) -> Result<(), Outcome> {
        for _ in 0..ROOM_TRIES {
            if self.take_up_to(bytes) {
                return Ok(());
            }
            let Some(reader) = &self.reader else { break };
            if !reader.make_room().await {
                break;
            }
        }
        Err(Outcome::Overloaded)
    }

    /// The same, if there is room; else less or nothing is taken.
    fn take_up_to(&mut self, bytes: usize) -> bool {
        let small = bytes.min(NARROWED_SMALL_BODY_BYTES).saturating_sub(self.taken);
        if !self.share.grow(small) {
            return false;
        }
        self.taken += small;
        let large = bytes.saturating_sub(self.taken);
        if large == 0 {
            return true;
        }
        if let Some(reader) = &self.reader {
            reader.grows_large();
        }
        let took = self.share.grow_from_common(large);
        if took {
            self.taken += large;
        }
        took
    }
}

/// When so many bytes are too few, counted from the end of the head.
fn patience(pace: Pace, here: usize) -> Duration {
    let earned = Duration::from_secs_f64(here as f64 / pace.per_second.max(1) as f64);
    earned.max(pace.grace)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::super::shares::{Part, Shares};
    use super::*;
    use crate::clock::Timestamp;

    const KIB: usize = 1024;

    /// A body in these pieces.
    struct Pieces(VecDeque<usize>);

    impl Incoming for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let piece = self.0.pop_front();
            Poll::Ready(piece.map(|size| Ok(Frame::data(vec![b'x'; size].into()))))
        }
    }

    fn part(max: usize, kept: usize) -> Arc<Part> {
        Shares::new(max, kept).divide(&[], 1).remove(0)
    }

    fn reading(pieces: &[usize], part: &Arc<Part>) -> Reading<Pieces> {
        let pace = Pace {
            cap: 256 * KIB,
            within: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            per_second: 1,
        };
        let room = Room::new(part.take(0).unwrap(), None);
        let clock = Clock::manual(Timestamp::from_millis(0));
        Reading::new(Pieces(pieces.iter().copied().collect()), pace, room, clock)
    }

    #[tokio::test]
    async fn a_body_holds_as_much_room_as_has_come_until_it_is_dropped() {
        let part = part(100 * KIB, 0);
        let mut first = reading(&[40 * KIB, 40 * KIB, 10 * KIB], &part);
        assert_eq!(first.up_to(60 * KIB).await, Ok(false));
        let second = reading(&[10 * KIB, 20 * KIB], &part).whole();
        assert_eq!(second.await.err(), Some(Outcome::Overloaded));
        let (_body, room) = first.whole().await.unwrap();
        assert!(part.take(11 * KIB).is_none());
        drop(room);
        assert!(part.take(100 * KIB).is_some());
    }

    #[tokio::test]
    async fn large_bodies_leave_a_source_what_is_kept_for_its_small_ones() {
        let part = part(200 * KIB, 100 * KIB);
        let large = reading(&[32 * KIB; 6], &part).whole();
        assert_eq!(large.await.err(), Some(Outcome::Overloaded));
        let held = part.take(100 * KIB).unwrap();
        assert!(reading(&[64 * KIB], &part).whole().await.is_ok());
        drop(held);
        assert!(reading(&[100 * KIB, 50 * KIB], &part).whole().await.is_ok());
    }

    #[tokio::test]
    async fn a_body_over_its_cap_ends_whatever_its_pieces() {
        let part = part(KIB * KIB, 0);
        for pieces in [&[256 * KIB + 1][..], &[1, 256 * KIB], &[200 * KIB, 56 * KIB, 1]] {
            let read = reading(pieces, &part).whole().await;
            assert_eq!(read.err(), Some(Outcome::TooLarge));
        }
        assert!(reading(&[200 * KIB, 56 * KIB], &part).whole().await.is_ok());
    }
}
