//! Reads a body within its cap, its deadline, its pace and the room there is.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::delivery::Body;
use crate::outcome::Outcome;

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

/// Reads a body. `room` holds what its length said, and grows where it said nothing. The error is
/// how the delivery ends.
pub(super) async fn read(
    body: Incoming,
    pace: Pace,
    room: &mut Share,
    clock: &Clock,
) -> Result<Body, Outcome> {
    let reading = timeout(pace.within, collect(body, pace, room, clock));
    let bytes = reading.await.unwrap_or(Err(Outcome::Timeout))?;
    Body::new(bytes, pace.cap).map_err(|_too_large| Outcome::TooLarge)
}

async fn collect(
    mut body: Incoming,
    pace: Pace,
    room: &mut Share,
    clock: &Clock,
) -> Result<Bytes, Outcome> {
    let said = body.size_hint().exact();
    let began = clock.steady();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let here = first.len() + all.len();
        let left = patience(pace, here).saturating_sub(clock.steady().saturating_sub(began));
        let frame = match timeout(left, body.frame()).await {
            Err(_elapsed) => return Err(Outcome::Timeout),
            Ok(Some(Err(_cut_off))) => return Err(Outcome::BadRequest),
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if here + data.len() > pace.cap {
            return Err(Outcome::TooLarge);
        }
        if said.is_none() && !room.grow(data.len()) {
            return Err(Outcome::Overloaded);
        }
        if here == 0 {
            // A body in one piece, as most are, is not copied.
            first = data;
        } else {
            if all.is_empty() {
                let expected = said.and_then(|said| usize::try_from(said).ok()).unwrap_or(0);
                all.reserve(expected.max(here + data.len()));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// When so many bytes are too few, counted from the end of the head.
fn patience(pace: Pace, here: usize) -> Duration {
    let earned = Duration::from_secs_f64(here as f64 / pace.per_second.max(1) as f64);
    earned.max(pace.grace)
}
