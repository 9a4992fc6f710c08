//! One request, step by step, to its answer.
//!
//! Route, head, size, room, place, body; then the intake, which finishes whether the client stays
//! or not. What is refused before its body is read is answered at once. Each request has exactly
//! one [`Ending`], which counts itself even when the client hangs up or something panics.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::bounds::{BODY_BYTES_PER_SECOND_MIN, NARROWED_SMALL_BODY_BYTES, ROOM_TRIES};
use crate::delivery::{Body, Head, Peer, RequestId};
use crate::intake::{Caller, Source};
use crate::outcome::Outcome;
use crate::verify::{Claim, Manners};

use super::Phase;
use super::answer::{self, Answer, STRANGER};
use super::body::{Pace, Reading, Room};
use super::door::Door;
use super::finishing::Finishing;
use super::guarded::{Guarded, guarded};
use super::line::Leave;
use super::lobby::Guest;
use super::readers::Reader;
use super::routes::Place;
use super::shares::Share;

/// Answers one request. A panic on the way is that request's 500 and nothing else.
pub(super) fn answer(
    door: Arc<Door>,
    guest: Arc<Guest>,
    from: IpAddr,
    request: Request<Incoming>,
) -> Guarded<Answer, impl Fn() -> Answer + Unpin> {
    let (parts, body) = request.into_parts();
    let since = door.clock().steady();
    let (caller, introduced) = introduced(from, since, || {
        let proxies = door.proxies();
        (proxies.request_id(from, &parts.headers), proxies.peer(from, &parts.headers))
    });
    let request_id = caller.request_id.clone();
    let handled = async move {
        let ending = Ending::of(door.clone(), caller.clone());
        if let Err(panicked) = introduced {
            // It goes on where it is counted.
            resume_unwind(panicked);
        }
        handle(door, guest, caller, parts, body, ending).await
    };
    guarded(handled, move || answer::answer(&Outcome::InternalError, STRANGER, &request_id, true))
}

/// Who asks, as `read` finds it in the head. Where that panics it is a stranger at the other end of
/// the socket, and the panic is given back.
fn introduced(
    from: IpAddr,
    since: Duration,
    read: impl FnOnce() -> (RequestId, Peer),
) -> (Caller, thread::Result<()>) {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok((request_id, peer)) => (Caller { request_id, peer, since }, Ok(())),
        Err(panicked) => {
            let request_id = RequestId::fresh(rand::random());
            (Caller { request_id, peer: Peer::new(from), since }, Err(panicked))
        }
    }
}

async fn handle(
    door: Arc<Door>,
    guest: Arc<Guest>,
    caller: Caller,
    parts: Parts,
    body: Incoming,
    mut ending: Ending,
) -> Answer {
    let place = match door.route(&parts) {
        Some(place) => place,
        None => {
            let outcome = Outcome::UnknownSource;
            door.intake.turned_away(None, &outcome, &caller);
            ending.told(&outcome);
            let close = leave_unread(&guest, body).await || is_leaving(&door, &guest);
            return answer::answer(&outcome, STRANGER, &caller.request_id, close);
        }
    };
    ending.place = Some(place.clone());
    let post = Post { door, guest, place, caller };
    let (outcome, close) = post.bring_in(&parts, body, ending).await;
    let close = close || is_leaving(&post.door, &post.guest);
    answer::answer(&outcome, post.manners(), &post.caller.request_id, close)
}

/// A request to a known path.
struct Post {
    door: Arc<Door>,
    guest: Arc<Guest>,
    place: Arc<Place>,
    caller: Caller,
}

/// A body that came, and what it holds until its delivery has ended.
struct Received {
    body: Body,
    room: (Share, Share),
    narrowed: Option<OwnedSemaphorePermit>,
}

impl Post {
    fn source(&self) -> &Source {
        &self.place.source
    }

    fn manners(&self) -> Manners {
        self.source().scheme().manners()
    }

    /// Takes the request to its ending; and whether the connection ends with it.
    async fn bring_in(&self, parts: &Parts, body: Incoming, mut ending: Ending) -> (Outcome, bool) {
        let claim = match self.open(parts, body.size_hint().exact()) {
            Ok(claim) => claim,
            Err(outcome) => {
                ending.told(&outcome);
                return (outcome, leave_unread(&self.guest, body).await);
            }
        };
        match self.receive(body).await {
            Ok(received) => self.hand_over(claim, received, ending).await,
            Err(outcome) => {
                self.turned_away(&outcome);
                self.failed(&outcome);
                ending.told(&outcome);
                let ends = self.guest.line().leave_unread();
                (outcome, ends)
            }
        }
    }

    /// What the head alone decides.
    fn open(&self, parts: &Parts, length: Option<u64>) -> Result<Claim, Outcome> {
        let turned_away = |outcome| {
            self.turned_away(&outcome);
            outcome
        };
        if parts.method != http::Method::POST {
            return Err(turned_away(Outcome::MethodNotAllowed));
        }
        if self.door.phase() == Phase::Over {
            return Err(turned_away(Outcome::Draining));
        }
        let claim = self.door.intake.open(self.source(), self.head(parts), &self.caller);
        let claim = claim.inspect_err(|outcome| self.failed(outcome))?;
        if is_encoded(&parts.headers) {
            return Err(turned_away(Outcome::UnsupportedEncoding));
        }
        if length.is_some_and(|length| length > self.door.body_max as u64) {
            return Err(turned_away(Outcome::TooLarge));
        }
        Ok(claim)
    }

    fn head(&self, parts: &Parts) -> Head {
        let (name, caller) = (self.source().name.clone(), &self.caller);
        let received = self.door.clock().now();
        let mut head = Head::new(name, received, caller.peer, caller.request_id.clone());
        for name in self.source().scheme().headers() {
            for value in parts.headers.get_all(*name) {
                head = head.with(name, value.as_bytes());
            }
        }
        head
    }

    /// Waits for the body, within the room there is. One that has not come with its head makes
    /// room for others where there is none left.
    async fn receive(&self, body: Incoming) -> Result<Received, Outcome> {
        let count = self.room_for_one().await?;
        if self.guest.line().whole() {
            return self.read(body, count, None).await;
        }
        // Dropped last: by then the room has been given back.
        let reader = self.door.readers.enter(self.caller.peer, count.kept_of().cloned());
        tokio::select! {
            biased;
            received = self.read(body, count, Some(reader.clone())) => received,
            () = reader.sent_away() => Err(Outcome::Overloaded),
        }
    }

    async fn room_for_one(&self) -> Result<Share, Outcome> {
        for _ in 0..ROOM_TRIES {
            if let Some(count) = self.place.seat.bodies.take(1) {
                return Ok(count);
            }
            if !self.door.readers.make_room_for_one(&self.place.seat.bodies).await {
                break;
            }
        }
        Err(Outcome::Overloaded)
    }

    /// Reads the body. A narrowed address has few places: one to read a body once it is known to
    /// be large, another for each body that is whole.
    async fn read(
        &self,
        body: Incoming,
        count: Share,
        reader: Option<Arc<Reader>>,
    ) -> Result<Received, Outcome> {
        let (door, limits) = (&self.door, self.door.limits());
        let bytes = self.place.seat.body_bytes.take(0).ok_or(Outcome::Overloaded)?;
        let places = door.peers.narrowed(self.caller.peer);
        let pace = Pace {
            cap: door.body_max,
            within: match places {
                Some(_) => limits.narrowed_body_read,
                None => limits.body_read,
            },
            grace: limits.body_rate_grace,
            per_second: BODY_BYTES_PER_SECOND_MIN,
        };
        let large = body.size_hint().lower() > NARROWED_SMALL_BODY_BYTES as u64;
        let room = Room::new(bytes, reader);
        let mut reading = Reading::new(body, pace, room, door.clock().clone());
        let Some(places) = places else {
            let (body, bytes) = reading.whole().await?;
            return Ok(Received { body, room: (count, bytes), narrowed: None });
        };
        let mut _to_read = None;
        if large || !reading.up_to(NARROWED_SMALL_BODY_BYTES).await? {
            _to_read = Some(self.wait_for(&places.reading).await?);
        }
        let (body, bytes) = reading.whole().await?;
        let narrowed = Some(self.wait_for(&places.verifying).await?);
        Ok(Received { body, room: (count, bytes), narrowed })
    }

    async fn wait_for(&self, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Outcome> {
        match timeout(self.door.limits().narrowed_wait, places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Outcome::Overloaded),
        }
    }

    /// From here on the delivery finishes, whoever waits for it.
    async fn hand_over(
        &self,
        claim: Claim,
        received: Received,
        mut ending: Ending,
    ) -> (Outcome, bool) {
        let (door, place) = (self.door.clone(), self.place.clone());
        let (guest, caller) = (self.guest.clone(), self.caller.clone());
        let duty = door.on_duty();
        let delivery = Finishing::of(async move {
            let Received { body, room, narrowed } = received;
            let outcome = door.intake.take(&place.source, claim, body, &caller, narrowed).await;
            ending.told(&outcome);
            drop((room, duty));
            if is_failure(&outcome) {
                door.peers.failed(caller.peer);
            }
            let close = outcome.event_id().is_some() && !guest.prove(&place.seat.connections);
            (outcome, close)
        });
        delivery.await.unwrap_or((Outcome::InternalError, false))
    }

    fn failed(&self, outcome: &Outcome) {
        if is_failure(outcome) {
            self.door.peers.failed(self.caller.peer);
        }
    }

    fn turned_away(&self, outcome: &Outcome) {
        let source = Some(self.source());
        self.door.intake.turned_away(source, outcome, &self.caller);
    }
}

/// The one ending of one request: counted when it is told, or when it is dropped untold.
struct Ending {
    door: Arc<Door>,
    place: Option<Arc<Place>>,
    caller: Caller,
    told: bool,
}

impl Ending {
    fn of(door: Arc<Door>, caller: Caller) -> Self {
        Self { door, place: None, caller, told: false }
    }

    fn told(&mut self, outcome: &Outcome) {
        self.told = true;
        let took = self.door.clock().steady().saturating_sub(self.caller.since);
        let meters = match &self.place {
            Some(place) => &place.source.meters,
            None => self.door.meters_of_unknown(),
        };
        meters.ended(outcome);
        meters.delivery_seconds.record(took.as_secs_f64());
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        if thread::panicking() {
            let source = self.place.as_ref().map(|place| place.source.name.as_str());
            let request_id = &self.caller.request_id;
            tracing::error!(source, %request_id, "a delivery met a defect of ours: answered 500");
            self.door.defect();
            self.told(&Outcome::InternalError);
        } else {
            // The client hung up before its body was whole.
            let outcome = Outcome::BadRequest;
            let source = self.place.as_ref().map(|place| &*place.source);
            self.door.intake.turned_away(source, &outcome, &self.caller);
            self.told(&outcome);
        }
    }
}

/// What counts against an address. A body that came too slowly does as well: it proved nothing and
/// held room.
fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::BadSignature | Outcome::Timeout)
}

/// Whether the connection ends behind this answer, which then has to say so: a sender that counts
/// on it would lose its next delivery to the end.
fn is_leaving(door: &Door, guest: &Guest) -> bool {
    door.phase() != Phase::Open || guest.line().asked() != Leave::Stay
}

/// A coding other than none: the signature is over raw bytes, and so are we.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// What becomes of a body that is not wanted: one that has come already is passed over, for another
/// the connection ends with the answer. Whether it does.
pub(super) async fn leave_unread(guest: &Guest, mut body: Incoming) -> bool {
    if body.is_end_stream() {
        return false;
    }
    if guest.line().whole() {
        while let Some(Ok(_)) = body.frame().await {}
        return false;
    }
    guest.line().leave_unread()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_cannot_be_read_is_a_stranger_with_an_id_and_the_panic_goes_on() {
        let from = IpAddr::from([192, 0, 2, 1]);
        let (caller, introduced) = introduced(from, Duration::ZERO, || panic!("in the head"));
        assert_eq!((caller.peer, caller.request_id.as_str().len()), (Peer::new(from), 32));
        assert_eq!(introduced.unwrap_err().downcast_ref(), Some(&"in the head"));
    }
}
